"""Two pictures beside each other: what blinks, what a loupe shows, which units changed; and how such are come by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Locator, Page, expect

import convscope as cs

from .conftest import STATIC
from .test_access import AXE, RUN

LAYER = "2"
LABELS = ["tabby", "gibbon", "great white shark", "crane", "crane"]
SHOWN = (
    "[...document.querySelectorAll('.compare-pair figure')].findIndex(f => getComputedStyle(f).visibility !== 'hidden')"
)


def small(seed: int) -> cs.Network:
    """Layers 0 (conv), 1 (relu), 2 (conv), 3 (relu), 4 (pool), 5 (flatten), 6 (linear): 3 × 48 × 48 → 5 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 12, 3, stride=2), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(48, 5),
        )  # fmt: skip
    return cs.Network(module.eval(), size=48, labels=LABELS, name=f"small{seed}")


@pytest.fixture(scope="module")
def net() -> cs.Network:
    """The network that is explored."""
    return small(0)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five crops of each bundled photo, in a folder for each."""
    folder, random = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for name, sample in cs.samples().items():
        (folder / name).mkdir()
        with PIL.Image.open(sample.path) as photo:
            for number in range(5):
                x, y = (int(random.integers(0, side - 100)) for side in photo.size)
                photo.convert("RGB").crop((x, y, x + 100, y + 100)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def running(net: cs.Network, crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """It is explored, with a map of the crops and one over two networks."""
    if not STATIC.is_file():
        pytest.skip("the page is not built: python web/build.py")
    maps = [cs.embed(net, str(crops), "4", method="pca"), cs.embed([small(1), net], str(crops), "4", iterations=5)]
    with net.explore(maps=maps, store=tmp_path_factory.mktemp("store"), open=False, block=False) as made:
        yield made


@pytest.fixture
def page(reader: Page, running: Any) -> Iterator[Page]:
    """The page, as if for the first time; an error in it fails the test."""
    wrong = list[str]()

    def note(error: object) -> None:
        wrong.append(str(error))

    reader.on("pageerror", note)
    reader.emulate_media(reduced_motion="reduce")
    reader.goto("about:blank")
    address, _, token = running.url.partition("#")
    reader.goto(f"{address}#/small0/{LAYER}?{token}")
    reader.wait_for_selector("[data-shown^=grid]", state="attached")
    yield reader
    reader.remove_listener("pageerror", note)
    assert not wrong


def form(page: Page, technique: str) -> Locator:
    """The form of a technique, with its knobs open."""
    page.get_by_role("tab", name="Techniques").click()
    panel = page.get_by_role("tabpanel", name="Techniques")
    panel.get_by_role("combobox", name="Technique").select_option(technique)
    panel.get_by_text(re.compile("^Knobs")).click()
    return panel


def attacked(page: Page) -> None:
    """What an attack made of the cat, beside it."""
    panel = form(page, "fgsm")
    panel.get_by_label("eps").fill("8/255")
    panel.get_by_role("button", name="Run now").click()
    panel.get_by_role("button", name="Look at it beside the picture").click()
    expect(page.locator(".changed tbody tr")).not_to_have_count(0)


def accessible(page: Page) -> None:
    """Nothing that axe finds."""
    if AXE.is_file():
        page.evaluate(AXE.read_text())
        assert page.evaluate(f"{RUN}.then(told => told.violations.map(v => [v.id, v.nodes.map(n => n.html)]))") == []


def test_a_class_is_found_by_its_name_and_an_attack_shows_itself(page: Page) -> None:
    panel = form(page, "pgd")
    target, label = (panel.get_by_role("combobox", name=name) for name in ("target", "label"))
    target.press_sequentially("abb")
    expect(panel.get_by_role("listbox").get_by_role("option")).to_have_text([re.compile("tabby.*class 0")])
    accessible(page)
    target.press("Enter")
    expect(target).to_have_value("tabby")
    expect(panel.get_by_role("listbox")).to_have_count(0)
    label.fill("crane")
    label.press("ArrowDown")
    label.press("Enter")
    expect(label).to_have_value("4")  # two classes are called that
    label.fill("")
    label.press("Escape")
    panel.get_by_label("kappa").fill("1e5")
    panel.get_by_label("steps", exact=True).fill("100000")
    panel.get_by_role("button", name="Run as a job").click()
    expect(panel.get_by_role("img", name=re.compile("^pgd, so far: step"))).to_be_visible()
    page.get_by_role("tab", name=re.compile("Jobs")).click()
    page.get_by_role("button", name=re.compile("^Cancel")).first.click()
    expect(page.locator(".job.cancelled")).to_be_visible()


def test_changed_units_come_first_and_noise_is_told_beside(page: Page, net: cs.Network) -> None:
    attacked(page)
    changed = page.locator(".changed")
    expect(changed).to_contain_text("The plain difference of the largest activations")
    first = changed.locator("tbody tr").first
    expect(first.get_by_role("cell")).to_have_text(re.compile(r"^[+−]\d"))
    changed.get_by_role("button", name="Measure beside noise").click()
    expect(changed).to_contain_text(re.compile("In spreads over the 7 other bundled photos, beside what 8 draws"))
    made = cs.fgsm(net, "sample:cat", eps="8/255")
    found = cs.flipped_units(net, "sample:cat", made.file, layers=LAYER)
    control = np.sqrt((found.control**2).mean(0))
    moved = np.where(np.abs(found.values) > control, np.abs(found.values), -1)
    strongest = int(moved.argmax())
    expect(first.get_by_role("button")).to_have_text(str(strongest))
    told = first.get_by_role("cell").all_inner_texts()
    numbers = [float(re.sub("[+±]", "", text).replace("−", "-")) for text in told]
    assert numbers == pytest.approx([found.values[strongest], control[strongest]], rel=0.01)
    page.get_by_role("grid").focus()
    page.keyboard.press("Home")
    expect(page.locator("#unit-title code")).to_have_text(f"{LAYER}:{strongest}")
    expect(page.locator("#unit-cell")).to_contain_text("spreads, noise ±")
    page.get_by_role("combobox", name="Compare with").select_option(label="nothing")
    expect(page.locator("#unit-cell")).not_to_contain_text("change")


def test_two_pictures_blink_and_a_loupe_shows_their_pixels(page: Page, net: cs.Network) -> None:
    attacked(page)
    pair = page.locator(".compare-pair")
    page.keyboard.press("v")
    expect(page.get_by_role("button", name="Blink")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(SHOWN) == 0
    page.wait_for_function("begun => performance.now() > begun + 700", arg=page.evaluate("performance.now()"))
    assert page.evaluate(SHOWN) == 0  # nothing moves by itself where it is not wanted to
    page.keyboard.press("v")
    page.wait_for_function(f"{SHOWN} === 1")
    page.emulate_media(reduced_motion="no-preference")
    for shown in (0, 1):
        page.wait_for_function(f"{SHOWN} === {shown}")
    page.get_by_role("button", name="Blink").click()
    expect(pair).not_to_have_class(re.compile("blinking"))
    page.keyboard.press("g")
    accessible(page)
    one, two = cs.open_image("sample:cat").pixels, cs.fgsm(net, "sample:cat", eps="8/255").image
    pair.focus()
    for key, (right, down) in {"ArrowRight": (1, 0), "Shift+ArrowDown": (1, 8)}.items():
        page.keyboard.press(key)
        x, y = one.shape[1] // 2 + right, one.shape[0] // 2 + down
        expect(page.locator(".loupe caption")).to_contain_text(f"Pixel {x}, {y}:")
        steps = two[y, x].astype(int) - one[y, x]
        signed = ["+" * int(step > 0) + str(step).replace("-", "−") for step in steps]
        told = [*map(str, one[y, x]), *map(str, two[y, x]), *signed]
        expect(page.locator(".loupe tbody td")).to_have_text(told)
    glass = page.get_by_role("img", name=re.compile("^Pixels of fgsm"))
    middle = "canvas => [...canvas.getContext('2d').getImageData(7, 7, 1, 1).data]"
    assert glass.evaluate(middle) == [*two[y, x].tolist(), 255]


def test_a_line_around_images_of_a_map_leads_to_units_and_a_slider_over_snapshots(page: Page) -> None:
    page.get_by_role("button", name="Map", exact=True).click()
    map = page.get_by_role("application")
    expect(map).to_have_attribute("aria-label", re.compile("40 images"))
    expect(page.locator(".map-stage > canvas")).to_have_attribute("data-painted", re.compile(r"^\d+$"))
    box = map.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 5, box["y"] + 5, box["x"] + box["width"] / 2, box["y"] + box["height"] - 5
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    selection = page.locator(".map-selection")
    expect(selection.get_by_role("status")).to_contain_text(re.compile(r"^\d+ of 40 images are selected: a line"))
    selection.get_by_role("button", name="Which units?").click()
    expect(selection.get_by_role("img").first).to_be_visible()
    expect(selection.get_by_role("heading", level=3)).to_contain_text("separating units of")
    page.get_by_role("combobox").filter(has_text="evolution of 4").select_option(label="evolution of 4")
    slider = page.get_by_role("slider", name="Over training")
    slider.focus()
    before = page.locator(".map-stage > canvas").first.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("Home")
    expect(page.locator(".map-snapshots output")).to_have_text("small1")
    page.wait_for_function("old => document.querySelector('.map-stage > canvas').toDataURL() !== old", arg=before)
    expect(page).to_have_url(re.compile("snapshot=0"))
    page.keyboard.press("ArrowRight")
    expect(page.locator(".map-snapshots output")).to_have_text(re.compile("small1 → small0, 5 % of the way"))
