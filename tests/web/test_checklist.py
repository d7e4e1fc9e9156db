"""The Deep Visualization Toolbox's checklist, (a) to (h), each point as a reader does it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import PIL.Image
import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, Request, expect

LAYER = "blocks.1.0"  # at which `at_layer` is: 24 units of 56 × 56


def unit(page: Page) -> str:
    """The address of the selected unit, as its panel is headed."""
    return page.locator("#unit-title code").inner_text()


def checksum(page: Page, label: str) -> str:
    """What a canvas shows, as text."""
    found: str = page.get_by_role("img", name=re.compile(label)).first.evaluate("canvas => canvas.toDataURL()")
    return found


def test_a_next_previous_and_files(page: Page) -> None:
    strip = page.get_by_role("radiogroup", name=re.compile("Pictures at hand"))
    first = strip.get_by_role("radio", checked=True).get_attribute("aria-label")
    shown = page.locator("[data-shown^=grid]").get_attribute("data-shown")
    page.keyboard.press("e")
    page.wait_for_function("old => document.querySelector('[data-shown^=grid]').dataset.shown !== old", arg=shown)
    assert strip.get_by_role("radio", checked=True).get_attribute("aria-label") != first
    page.keyboard.press("w")
    expect(strip.get_by_role("radio", checked=True)).to_have_attribute("aria-label", first or "")
    page.set_input_files("input[type=file] >> nth=0", files=[_picture("red.png")])
    expect(strip.get_by_role("radio", checked=True)).to_have_attribute("aria-label", "red.png, 64 by 48")


def settled(page: Page, under_way: set[Request]) -> str | None:
    """What the grid shows once the frame under way is through; it may be long between two of its requests."""
    seen: list[str | None] = []
    for _ in range(240):
        seen.append(page.locator("[data-shown^=grid]").get_attribute("data-shown"))
        if not under_way and len(seen) >= 6 and len({*seen[-6:]}) == 1:
            return seen[-1]
        page.wait_for_timeout(500)
    raise AssertionError("the grid never stops to change")


def test_a_camera_and_freeze(page: Page) -> None:
    under_way: set[Request] = set()
    page.on("request", lambda request: under_way.add(request))
    page.on("requestfinished", lambda request: under_way.discard(request))
    page.on("requestfailed", lambda request: under_way.discard(request))
    page.keyboard.press("c")
    rate = page.get_by_text(re.compile(r"\d images a second"))
    expect(rate).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_text("frozen", exact=True)).to_be_visible()
    shown = settled(page, under_way)
    page.wait_for_timeout(500)
    assert page.locator("[data-shown^=grid]").get_attribute("data-shown") == shown
    page.keyboard.press("f")
    page.wait_for_function("old => document.querySelector('[data-shown^=grid]').dataset.shown !== old", arg=shown)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Camera")).to_have_attribute("aria-pressed", "false")


def test_a_pictures_are_cropped_or_stretched(page: Page) -> None:
    chosen = page.get_by_role("radiogroup", name=re.compile("Pictures at hand")).get_by_role("radio", checked=True)
    page.keyboard.press("0")
    expect(chosen).to_have_attribute("aria-label", re.compile("stretched"))
    page.keyboard.press("0")
    expect(chosen).not_to_have_attribute("aria-label", re.compile("stretched"))


def test_b_layers_and_units_by_keys(at_layer: Page) -> None:
    page = at_layer
    assert unit(page) == f"{LAYER}:0"
    page.keyboard.press("l")
    page.keyboard.press("L")
    assert unit(page) == f"{LAYER}:4"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("J")
    assert unit(page) == f"{LAYER}:0"
    columns = int(page.get_by_role("grid").get_attribute("aria-colcount") or 0)
    page.keyboard.press("k")
    assert unit(page) == f"{LAYER}:{columns}"
    page.keyboard.press("i")
    page.keyboard.press("End")
    assert unit(page) == f"{LAYER}:23"
    page.keyboard.press("o")
    expect(page.locator("#unit-title code")).not_to_contain_text(LAYER)
    page.keyboard.press("u")
    expect(page.locator("#unit-title code")).to_contain_text(LAYER)


def test_b_the_grid_shows_every_channel_and_the_mouse_selects(at_layer: Page) -> None:
    page = at_layer
    tiles = page.locator(".tiles canvas").first
    colors = tiles.evaluate(
        "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    )
    assert colors > 100
    page.get_by_role("grid").click(position={"x": 150, "y": 20})
    assert unit(page) != f"{LAYER}:0"
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("0")


def test_c_enlarged_activation_and_classes(at_layer: Page) -> None:
    page = at_layer
    activation = page.get_by_role("img", name=f"Activation of {LAYER}:0")
    expect(activation).to_be_visible()
    assert activation.evaluate("c => [c.width, c.height]") == [56, 56]
    classes = page.locator("section.classes li")
    expect(classes).to_have_count(5)
    percents = [float(re.findall(r"([\d.]+) %", text)[0]) for text in classes.all_inner_texts()]
    assert percents == sorted(percents, reverse=True) and 0 < percents[0] <= 100
    classes.first.get_by_role("button").click()
    expect(page.locator("#unit-title code")).to_contain_text("logits:")


def test_d_top_crops_with_projections_after_a_scan(at_layer: Page) -> None:
    page = at_layer
    page.get_by_role("combobox", name="Layers").select_option("this")
    page.get_by_role("button", name="Scan the images at hand").click()
    expect(page.get_by_text(re.compile(r"over \d+ images"))).to_be_visible()
    crops = page.get_by_label("In the scan", exact=True).get_by_role("img")
    expect(crops.first).to_be_visible()
    expect(page.get_by_role("heading", name=f"Activations of {LAYER}:0")).to_be_visible()
    page.get_by_role("combobox", name="Sort by").select_option("selectivity")


def test_d_and_e_synthesized_pictures(at_layer: Page) -> None:
    page = at_layer
    synthesized = page.get_by_role("region", name=re.compile("Synthesized picture"))
    synthesized.get_by_role("combobox", name="Steps").select_option("32")
    synthesized.get_by_role("button", name="Synthesize").click()
    expect(synthesized.get_by_role("img").last).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_text("1 of 24 units have a picture.")).to_be_visible()
    expect(page.get_by_role("button", name="Synthesize the other 23")).to_be_enabled()
    page.keyboard.press("s")
    expect(page.get_by_text("units have a picture")).to_have_count(0)


def test_f_modes_of_tracing_back(at_layer: Page) -> None:
    page = at_layer
    found = []
    for mode, label in (("Gradient", "^saliency of"), ("Guided", "^guided backprop of"), ("Deconv", "^deconvnet of")):
        page.get_by_role("radio", name=mode, exact=True).check()
        expect(page.get_by_role("img", name=re.compile(label))).to_be_visible()
        found.append(checksum(page, label))
    assert len(set(found)) == 3
    page.keyboard.press("m")
    page.wait_for_function("old => document.querySelector('.trace canvas').toDataURL() !== old", arg=found[-1])
    page.get_by_role("radio", name="Off", exact=True).check()
    expect(page.locator(".trace .blank")).to_have_text("Off")
    page.keyboard.press("b")
    expect(page.get_by_role("radio", name="Gradient", exact=True)).to_be_checked()


def test_g_a_pinned_unit_stays_traced_in_other_layers(at_layer: Page, painted: Callable[..., None]) -> None:
    page = at_layer
    expect(page.get_by_role("img", name=f"guided backprop of {LAYER}:0")).to_be_visible()
    page.keyboard.press("d")
    page.keyboard.press("o")
    expect(page.locator("#unit-title code")).not_to_contain_text(LAYER)
    expect(page.get_by_role("img", name=f"guided backprop of {LAYER}:0")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill("blocks.0.0")
    page.keyboard.press("Enter")
    painted(page, "/blocks.0.0")
    tiles = "document.querySelector('.tiles canvas').toDataURL()"
    before = page.evaluate(tiles)
    page.keyboard.press("a")
    expect(page.get_by_role("combobox", name="Show").first).to_have_value("gradients")
    page.wait_for_function(f"old => {tiles} !== old", arg=before)
    assert page.get_by_role("alert").count() == 0
    page.keyboard.press("d")
    expect(page.get_by_role("combobox", name="Show").first).to_have_value("activations")
    expect(page.get_by_role("img", name=f"guided backprop of {LAYER}:0")).to_have_count(0)


def test_h_zoom_gamma_scales_panels_help_and_reset(at_layer: Page) -> None:
    page = at_layer
    before = page.get_by_role("grid").get_attribute("aria-colcount")
    page.keyboard.press("z")
    expect(page.get_by_role("grid")).not_to_have_attribute("aria-colcount", before or "")
    page.keyboard.press("t")
    expect(page.get_by_role("slider", name="Gamma")).to_have_value("1.5")
    page.keyboard.press("+")
    expect(page.get_by_role("slider", name="Boost")).not_to_have_value("1")
    page.keyboard.press("T")
    expect(page.get_by_text(re.compile("every tile has its own scale"))).to_be_visible()
    page.keyboard.press("8")
    expect(page.locator("section.classes")).to_have_count(0)
    page.keyboard.press("8")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("slider", name="Gamma")).to_have_value("1")
    expect(page.get_by_role("grid")).to_have_attribute("aria-colcount", before or "")


def test_single_keys_can_be_switched_off(at_layer: Page) -> None:
    page = at_layer
    page.keyboard.press("?")
    page.get_by_role("checkbox", name=re.compile("Single keys act")).uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    assert unit(page) == f"{LAYER}:0"
    page.keyboard.press("ArrowRight")
    assert unit(page) == f"{LAYER}:1"


def _picture(name: str) -> dict[str, object]:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), (200, 30, 30)).save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def test_the_link_is_the_first_line(explorer: Any) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=\S{20,}", explorer.link)
