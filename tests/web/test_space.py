"""The page of a network in space: planes and tiles by WebGL in software, walked by keys, flat without it, and axe."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect, sync_playwright

from .conftest import CHROMIUM, PATIENCE, Explorer
from .test_access import AXE, RUN

SOFTWARE = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CANVAS = ".space-stage > canvas[data-tiles]:not([data-tiles='0'])"


@pytest.fixture(scope="module", params=["WebGL", "no WebGL"])
def space(request: pytest.FixtureRequest, explorer: Explorer) -> Iterator[Page]:
    """The page of space, in a browser with WebGL and in one without; nothing moves, and nothing goes wrong."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    address, _, token = explorer.link.partition("#")
    webgl = request.param == "WebGL"
    with sync_playwright() as play:
        words = SOFTWARE if webgl else ["--no-sandbox", "--disable-gpu", "--disable-3d-apis"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=words)
        context = browser.new_context(reduced_motion="reduce", viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE)
        page, wrong = context.new_page(), list[object]()
        page.on("pageerror", lambda error: wrong.append(error))
        page.goto(f"{address}#{token}")
        page.get_by_role("button", name="Space", exact=True).click()
        page.wait_for_selector(CANVAS if webgl else ".space-plane canvas")
        yield page
        assert not wrong
        browser.close()


def test_one_walks_to_a_unit_sees_its_numbers_and_opens_it(space: Page) -> None:
    stage = space.get_by_role("application")
    if stage.count():
        planes = int(str(space.locator(".space-layers small").inner_text()).split()[-1])
        calls = int(str(space.locator(CANVAS).get_attribute("data-calls")))
        assert 0 < calls <= planes + 20
        space.get_by_role("button", name="Start").click()
        stage.focus()
        for _ in range(2):
            space.keyboard.press("Tab")
        space.keyboard.press("Shift+ArrowRight")
    else:
        expect(space.locator(".note")).to_contain_text("no WebGL")
        space.locator(".space-plane button").nth(1).focus()
        space.keyboard.press("ArrowRight")
    expect(space).to_have_url(re.compile(r"#/space/lite0\?at=.*%3A0"))
    expect(space.locator(".space-sum")).to_contain_text("total")
    expect(space.get_by_role("list", name="Guesses").get_by_role("listitem")).to_have_count(2)
    if AXE.is_file():
        space.evaluate(AXE.read_text())
        assert space.evaluate(f"{RUN}.then(told => told.violations.map(v => [v.id, v.nodes.map(n => n.html)]))") == []
    space.keyboard.press("Enter")
    expect(space).to_have_url(re.compile(r"#/lite0/[^/]+/0"))
    space.go_back()
    expect(space).to_have_url(re.compile("#/space/lite0"))
    expect(space.locator(".space-sum")).to_contain_text("total")
