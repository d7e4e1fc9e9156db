"""The page of a circuit: units are buttons, Back returns, edges tell their kernels, and a kernel moves step by step."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect

from .conftest import Opens
from .test_access import AXE, violations

ROOT = "blocks.1.0:7"


def settled(page: Page, unit: str) -> None:
    """Its circuit is on screen, and no other is on its way."""
    expect(page.locator("#circuit-title code")).to_have_text(unit)
    expect(page.locator(".circuit-panel[aria-busy=false] .circuit-drawing .unit").last).to_be_visible()
    expect(page.locator(".circuit-drawing .unit").last).to_have_attribute("data-unit", unit)


def test_a_circuit_is_gone_through_by_keys_and_tells_what_made_it(opened: Opens) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: python web/build.py")
    page = opened("blocks.1.0")
    page.evaluate(AXE.read_text())
    page.evaluate(f"location.hash = '#/lite0/{ROOT.replace(':', '/')}'")
    expect(page.locator("#unit-title code")).to_have_text(ROOT)
    page.get_by_role("button", name="Circuit", exact=True).click()
    settled(page, ROOT)
    told = page.get_by_label("The part that is pointed at")
    expect(told.get_by_text(ROOT, exact=True)).to_be_visible()
    page.locator(".circuit-drawing .number").last.dispatch_event("pointerover")
    expect(told.locator("pre")).to_have_text(re.compile("weight .+ × slope .+ = .+"))

    unit = page.get_by_role("button", name=re.compile(r"blocks\.1\.0\.bn2:.+make it the root")).first
    address = str(unit.get_attribute("data-unit"))
    unit.focus()
    expect(told.get_by_text(address, exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    settled(page, address)
    assert page.evaluate("document.activeElement.dataset.unit") == address
    formula(page)
    page.go_back()
    settled(page, ROOT)
    expect(page.get_by_label("The Python that makes this")).to_contain_text(
        f"cs.connections(cs.load('lite0'), 'sample:cat', '{ROOT}'"
    )
    toy(page)
    assert violations(page) == {"light-390": [], "light": [], "dark": []}


def formula(page: Page) -> None:
    """A depthwise convolution: nine products, of which one is made after another; nothing moves by itself."""
    table = page.locator(".formula-sum")
    expect(table.get_by_text("bias, with the norm in it")).to_be_visible()
    expect(table.get_by_text("hardtanh(total)")).to_be_visible()
    expect(page.get_by_text(re.compile("9 of 9 products"))).to_be_visible()
    assert page.get_by_role("button", name="Play").count() == 0  # the reader wants no motion
    page.get_by_role("button", name="Next product").click()
    expect(page.get_by_text(re.compile("1 of 9 products"))).to_be_visible()
    page.get_by_role("button", name="To the neuron").click()
    expect(page.get_by_text(re.compile("9 of 9 products"))).to_be_visible()


def toy(page: Page) -> None:
    """A longer stride makes a smaller output, and the arrows choose what it reads."""
    expect(page.get_by_text("the output has 4 × 4 places")).to_be_visible()
    page.get_by_role("slider", name="Stride").fill("1")
    expect(page.get_by_text("the output has 7 × 7 places")).to_be_visible()
    place = page.get_by_role("slider", name="Output")
    place.press("ArrowDown")
    expect(place).to_have_attribute(
        "aria-valuetext", "Output at row 1, column 0 reads rows 0, 1, 2 and columns -1, 0, 1"
    )
