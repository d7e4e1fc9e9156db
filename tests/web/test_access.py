"""For everyone: no violation that axe finds in any view, keys alone reach everything, and themes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
NARROW = 390
WAYS: dict[str, tuple[int, Any]] = {"light-390": (NARROW, "light"), "light": (1440, "light"), "dark": (1440, "dark")}
LAID_OUT = "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]"
RUN = "axe.run({ resultTypes: ['violations'] })"  # of what passes it need not tell the elements
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


Step = Callable[[Page], Any]


def press(key: str) -> Step:
    """A key."""
    return lambda page: page.keyboard.press(key)


def click(name: str, shown: str = "") -> Step:
    """A button, and what it is that appears."""

    def step(page: Page) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        if shown:
            expect(page.get_by_label(re.compile(shown)).last).to_be_visible()

    return step


def close(page: Page) -> None:
    """No dialog: the next key is the page's only once it has gone."""
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def search(page: Page) -> None:
    """The search, open."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill("blocks.1")
    expect(page.get_by_role("dialog")).to_be_visible()


def keys(page: Page) -> None:
    """All keys."""
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def synthesized(page: Page) -> None:
    """Synthesized pictures in the grid."""
    page.keyboard.press("s")
    expect(page.get_by_text(re.compile("units have a picture"))).to_be_visible()


def no_map(page: Page) -> None:
    """A layer without maps."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill("logits")
    page.keyboard.press("Enter")
    expect(page.locator(".grid-panel .note")).to_be_visible()


def compare(page: Page) -> None:
    """Two pictures."""
    page.get_by_role("combobox", name="Compare with").select_option(index=1)
    expect(page.get_by_role("img", name=re.compile("^Difference of"))).to_be_visible()


def alone(page: Page) -> None:
    """One picture."""
    page.get_by_role("combobox", name="Compare with").select_option(index=0)


def tab(name: str) -> Step:
    """One of the tabs."""

    def step(page: Page) -> None:
        page.get_by_role("tab", name=re.compile(name)).click()
        expect(page.get_by_role("tabpanel", name=re.compile(name))).to_be_visible()

    return step


def technique(page: Page, name: str) -> None:
    """The form of a technique."""
    tab("Techniques")(page)
    page.get_by_role("combobox", name="Technique").select_option(name)


def knobs(page: Page) -> None:
    """A form with all its knobs open."""
    technique(page, "maximize")
    page.get_by_text(re.compile("^Knobs")).click()
    expect(page.get_by_role("combobox", name="steps", exact=True)).to_be_visible()


def several(page: Page) -> None:
    """A form about several pictures."""
    technique(page, "style")
    page.get_by_role("button", name="Another style").click()
    expect(page.get_by_role("combobox", name="style 2")).to_be_visible()


def result(page: Page) -> None:
    """A result."""
    technique(page, "gradcam")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("tabpanel", name="Techniques").get_by_role("img").first).to_be_visible()


def nothing(page: Page) -> None:
    """The page as it is, or another view in place of this."""


VIEWS: dict[str, dict[str, tuple[Step, Step]]] = {  # what opens each, and what closes it
    "toolbox": {
        "as it begins": (nothing, nothing),
        "search": (search, close),
        "keys": (keys, close),
        "synthesized": (synthesized, press("s")),
        "no map": (no_map, nothing),
    },
    "pictures": {
        "compare": (compare, alone),
        "hiding": (click("Hide parts"), click("Hide parts")),
        "drawing": (click("Draw", "Sheet to draw on"), click("Draw")),
        "address": (click("Address", "Address of a picture"), click("Address")),
    },
    "tabs": {
        "knobs": (knobs, nothing),
        "several pictures": (several, nothing),
        "result": (result, nothing),
        "jobs": (tab("Jobs"), nothing),
    },
}


@pytest.fixture
def narrow(opened: Callable[..., Page]) -> Page:
    """The page as wide as a telephone, with axe in it."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: python web/build.py")
    page = opened(width=NARROW)
    page.evaluate(AXE.read_text())
    return page


def looks(page: Page, width: int, theme: Any) -> None:
    """Have the page so wide, in a theme, and painted."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.evaluate(PAINTED)
    assert page.evaluate(LAID_OUT) == [width, theme == "dark"]


def violations(page: Page) -> dict[str, Any]:
    """What axe finds in the page as it is: narrow, and wide in either theme."""
    found = {}
    for name, how in WAYS.items():
        looks(page, *how)
        found[name] = page.evaluate(f"{RUN}.then(told => told.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    looks(page, *WAYS["light-390"])
    return found


@pytest.mark.parametrize("views", list(VIEWS))
def test_axe_finds_no_violation(narrow: Page, views: str) -> None:
    found = {}
    for view, (show, leave) in VIEWS[views].items():
        show(narrow)
        found[view] = violations(narrow)
        leave(narrow)
    assert found == {view: {way: [] for way in WAYS} for view in VIEWS[views]}


def test_axe_would_find_one(narrow: Page) -> None:
    narrow.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert violations(narrow) == {way: [["button-name", ["<button></button>"]]] for way in WAYS}


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "() => { const e = document.activeElement;"
            " return [e.getAttribute('aria-label'), e.innerText, e.labels?.[0]?.innerText].join(' ') }"
        )
        if re.search(name, told):
            return
    raise AssertionError(f"Tab never reaches {name}")


def test_keys_alone_from_the_start_to_a_saved_occlusion_map(page: Page, painted: Callable[..., None]) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("class tabby")
    page.keyboard.press("Enter")
    expect(page.locator("#unit-title code")).to_have_text("logits:281")
    tab_to(page, "^ ?In the scan")
    page.keyboard.press("ArrowRight")
    tab_to(page, "Technique$")
    page.keyboard.type("occlusion")
    tab_to(page, "^ ?Knobs")
    page.keyboard.press("Enter")
    tab_to(page, "stride$")
    page.keyboard.type("32")  # so that there are few windows
    tab_to(page, "Run as a job")
    page.keyboard.press("Enter")
    panel = page.get_by_role("tabpanel", name="Techniques")
    expect(panel.locator("canvas").first).to_be_visible()
    tab_to(page, "PNG")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    held = json.loads(PIL.Image.open(saved.value.path()).text["convscope"])  # type: ignore[attr-defined]
    assert held["technique"] == "occlusion" and held["subjects"]["unit"]["reference"] == "logits:281"
    assert held["knobs"]["stride"] == 32


@pytest.mark.parametrize(("key", "focused"), [("k", "Layer, unit or class"), ("?", "Close")])
def test_a_dialog_has_the_focus_before_the_next_key(page: Page, key: str, focused: str) -> None:
    told = page.evaluate(
        "async key => { const how = { key, ctrlKey: key === 'k', bubbles: true, cancelable: true };"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', how));"
        " for (let i = 0; i < 20; i++) await null;"  # all that is done before another event, and no frame
        " const e = document.activeElement; return e.getAttribute('aria-label') ?? e.innerText }",
        key,
    )
    assert told == focused


def test_what_is_selected_is_said(page: Page, painted: Callable[..., None]) -> None:
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowRight")
    active = page.get_by_role("grid").get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_text(re.compile(r"^blocks\.\S+ unit 1 of \d+, max \S+, rank \d+$"))


def test_theme_is_the_systems_or_the_readers_choice(page: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(paper)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(paper)
    assert dark != light
    page.get_by_role("combobox", name="Theme").select_option("dark")
    assert page.evaluate(paper) == dark


def test_nothing_moves_where_motion_is_not_wanted(page: Page) -> None:
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => { const s = getComputedStyle(e);"
        " return parseFloat(s.transitionDuration) > 0.01 || parseFloat(s.animationDuration) > 0.01 }).length"
    )
    assert moving == 0
