"""The page of a map: from nothing to a map, about in it by pointer and keys, selections, links, and the file of it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import BrowserContext, Locator, Page, expect

import convscope as cs

from .conftest import STATIC
from .test_access import AXE, RUN

PAINTED = re.compile(r"^\d+$")  # how many pictures, and none is on its way
FILE = STATIC.parents[3] / "view" / "static" / "map.js"


def stage(page: Page) -> Locator:
    """The map, with every picture in sight."""
    expect(page.locator(".map-stage > canvas")).to_have_attribute("data-painted", PAINTED)
    return page.get_by_role("application")


def canvas(page: Page) -> NDArray[np.uint8]:
    """What is painted, (height, width)."""
    data = stage(page).locator("canvas").first.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))


def make(page: Page) -> None:
    """A map, by the form that makes one, where there is none yet."""
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page.get_by_role("application").or_(page.get_by_role("button", name="Make a map"))).to_be_visible()
    if page.get_by_role("application").count():
        return
    page.get_by_role("button", name="Make a map").click()
    panel = page.get_by_role("tabpanel", name="Techniques")
    panel.get_by_label("layer", exact=True).fill("global_pool")
    panel.get_by_text(re.compile("^Knobs")).click()
    panel.get_by_label("iterations", exact=True).fill("20")
    panel.get_by_role("button", name="Run as a job").click()
    panel.get_by_role("button", name="Open the map").click()


def about(page: Page) -> None:
    """About in a map, the same in every host: keys, grid, search, selection by a line, nothing that axe finds."""
    map = stage(page)
    map.focus()
    page.keyboard.press("ArrowRight")
    card = page.locator(".map-card")
    expect(card.get_by_role("heading")).to_have_text(re.compile(r"\w"))
    expect(map).to_have_attribute("aria-label", re.compile(r"At \w"))
    before = card.get_by_role("heading").inner_text()
    reached = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        reached.add(re.search(r"at=(\d+)", str(page.evaluate("location.href")))[1])  # type: ignore[index]
    assert len(reached) > 1
    near = card.get_by_role("table", name=re.compile("^Nearest")).get_by_role("button").first
    wanted = near.get_attribute("title")
    near.click()
    expect(card.get_by_role("heading")).to_have_text(str(wanted))
    page.get_by_role("radio", name="Grid").check(force=True)
    expect(page).to_have_url(re.compile("layout=grid"))
    stage(page)
    page.go_back()
    expect(page.get_by_role("radio", name="Map", exact=True)).to_be_checked()
    page.get_by_role("textbox", name="Id or class").fill(before)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile(r"^Select \d+$")).click()
    told = page.locator(".map-selection").get_by_role("status")
    expect(told).to_contain_text(re.compile(r"^\d+ of \d+ images are selected"))
    box = map.bounding_box()
    assert box is not None
    left, top = box["x"] + 5, box["y"] + 5
    right, bottom = box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    count = re.search(r"of (\d+) images", str(map.get_attribute("aria-label")))
    expect(told).to_contain_text(f"{count[1]} of {count[1]} images are selected")  # type: ignore[index]
    page.evaluate(AXE.read_text())
    assert page.evaluate(f"{RUN}.then(told => told.violations.map(v => [v.id, v.nodes.map(n => n.html)]))") == []
    map.focus()
    page.keyboard.press("Escape")
    expect(told).to_contain_text("No image is selected")


@pytest.fixture
def axe() -> None:
    """Axe, or no test."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: python web/build.py")


def test_from_no_map_to_an_image_in_the_toolbox_and_back(page: Page, axe: None) -> None:
    make(page)
    stage(page)
    expect(page.locator(".map-trust")).to_contain_text(re.compile(r"trustworthiness \d\.\d\d .* seed \d"))
    expect(page.get_by_role("textbox", name="The Python that makes this")).to_have_text(re.compile(r"^cs\.embed\("))
    about(page)
    page.keyboard.press("ArrowRight")
    name = page.locator(".map-card").get_by_role("heading").inner_text()
    here = page.url
    page.keyboard.press("Enter")
    expect(page.locator("#picture-title")).to_contain_text(name.removeprefix("sample:"))
    page.keyboard.press("Escape")
    stage(page)
    expect(page.locator(".map-card").get_by_role("heading")).to_have_text(name)
    page.reload()
    stage(page)
    assert re.sub(r"view=[^&]*", "", page.url) == re.sub(r"view=[^&]*", "", here)
    expect(page.locator(".map-card").get_by_role("heading")).to_have_text(name)
    page.get_by_role("combobox", name="by", exact=True).select_option("unit")
    expect(page.locator(".map-legend .result-bar")).to_be_visible()
    page.evaluate(f"location.hash = '#/map/{'0' * 64}'")
    expect(page.get_by_role("alert").first).to_contain_text("not at hand")


def test_what_is_dragged_and_zoomed_stays_under_the_pointer(page: Page) -> None:
    make(page)
    map = stage(page)
    box = map.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    expect(page).to_have_url(re.compile(r"view=0\.50\d*%2C0\.50\d*%2C\d"))
    page.mouse.down()
    page.mouse.move(x + 80, y, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"view=0\.4\d*%2C0\.50\d*%2C"))
    moved = canvas(page)
    page.reload()  # the link leads there, and what has moved looks as if it were painted there anew
    assert (canvas(page) != moved).mean() < 0.01 < (moved != moved[:, ::-1]).mean()


@pytest.mark.parametrize("kind", ["map", "over training"])
def test_a_map_in_a_file_asks_for_nothing(
    kind: str, new_context: Callable[[], BrowserContext], lite0: cs.Network, tmp_path: Path, axe: None
) -> None:
    if not FILE.is_file():
        pytest.skip("the page is not built: python web/build.py")
    net: Any = lite0 if kind == "map" else [lite0, lite0]
    saved = cs.embed(net, "samples", "global_pool", iterations=5).save(tmp_path / "map.html")
    context = new_context()
    context.set_offline(True)
    page, asked, wrong = context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(saved.as_uri())
    if kind == "map":
        about(page)
    else:
        stage(page)
        slider = page.get_by_role("slider", name="Over training")
        slider.focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".map-snapshots output")).to_contain_text("% of the way")
        expect(page.locator(".map-facts")).to_contain_text("Null motion")
    assert [address for address in asked if not address.startswith(("blob:", "data:"))] == [saved.as_uri()]
    assert not wrong
    context.close()
