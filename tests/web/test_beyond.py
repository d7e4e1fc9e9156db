"""What the explorer has beyond the toolbox: every technique, occluders, search, links, comparisons, and bad input."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import PIL.Image
import pyarrow.parquet as pq
import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect

LAYER = "blocks.1.0"  # at which `at_layer` is


def search(page: Page, words: str) -> None:
    """Select what the search finds first."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill(words)
    page.keyboard.press("Enter")


def upload(page: Page, name: str, data: bytes, kind: str = "image/png") -> None:
    """Choose a file."""
    page.set_input_files("input[type=file] >> nth=0", files=[{"name": name, "mimeType": kind, "buffer": data}])


def picture(size: tuple[int, int] = (64, 48), color: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """A PNG of one color."""
    buffer = io.BytesIO()
    PIL.Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def choose(page: Page, technique: str) -> Any:
    """The form of a technique."""
    page.get_by_role("tab", name="Techniques").click()
    panel = page.get_by_role("tabpanel", name="Techniques")
    panel.get_by_role("combobox", name="Technique").select_option(technique)
    return panel


def as_a_job(page: Page, technique: str, knob: str, value: str) -> Any:
    """Put a technique into the queue with a knob; what shows the jobs."""
    panel = choose(page, technique)
    panel.get_by_text(re.compile("^Knobs")).click()
    panel.get_by_label(knob).fill(value)
    panel.get_by_role("button", name="Run as a job").click()
    page.get_by_role("tab", name=re.compile("Jobs")).click()
    return page.get_by_role("tabpanel", name=re.compile("Jobs"))


def test_every_technique_of_the_catalog_has_a_form(page: Page) -> None:
    from convscope.catalog.catalog import CATALOG

    page.get_by_role("tab", name="Techniques").click()
    options = page.get_by_role("combobox", name="Technique").locator("option")
    assert {o.evaluate("option => option.value") for o in options.all()} == {entry.name for entry in CATALOG}


def test_a_technique_at_once(at_layer: Page) -> None:
    panel = choose(at_layer, "project")
    panel.get_by_role("button", name="Run now").click()
    expect(panel.get_by_role("img").first).to_be_visible()


def test_a_knob_out_of_bounds_is_refused_in_the_form(at_layer: Page) -> None:
    panel = choose(at_layer, "smoothgrad")
    panel.get_by_text(re.compile("^Knobs")).click()
    panel.get_by_label("samples").fill("0")
    panel.get_by_role("button", name="Run as a job").click()
    expect(panel.get_by_role("alert")).to_contain_text("samples must be")
    panel.get_by_label("samples").fill("3")
    panel.get_by_role("button", name="Run as a job").click()
    expect(panel.get_by_role("img").first).to_be_visible()


def test_a_map_of_the_images_at_hand_and_its_table(at_layer: Page) -> None:
    panel = choose(at_layer, "embed")
    expect(panel.get_by_text("the images the explorer was started with")).to_be_visible()
    panel.get_by_text(re.compile("^Knobs")).click()
    panel.get_by_label("iterations").fill("5")
    panel.get_by_role("button", name="Run as a job").click()
    expect(panel.get_by_role("img", name=re.compile("^each image at its place"))).to_be_visible()
    with at_layer.expect_download() as saved:
        panel.get_by_role("button", name="Table (parquet)").click()
    assert pq.read_table(saved.value.path()).num_rows == 8


def test_occlusion_fills_in_and_its_picture_holds_its_request(at_layer: Page) -> None:
    page = at_layer
    jobs = as_a_job(page, "occlusion", "stride", "16")
    row = jobs.locator(".job").filter(has_text=f"occlusion of {LAYER}:0").first
    expect(row.get_by_text(re.compile("^(step|starting|done)")).first).to_be_visible()
    show = row.get_by_role("button", name=re.compile("^Show the result"))
    expect(row.locator(".preview").or_(show).first).to_be_visible()
    show.click()
    with page.expect_download() as saved:
        row.get_by_text(re.compile("PNG")).first.click()
    held = PIL.Image.open(saved.value.path()).text["convscope"]  # type: ignore[attr-defined]
    assert json.loads(held)["technique"] == "occlusion"


def test_a_job_is_cancelled_within_a_step_and_keeps_its_best(at_layer: Page) -> None:
    page = at_layer
    jobs = as_a_job(page, "maximize", "steps", "20000")
    expect(jobs.locator(".job.running .preview").first).to_be_visible()
    jobs.get_by_role("button", name=re.compile("^Cancel")).first.click()
    expect(jobs.locator(".job.cancelled").first).to_be_visible()
    expect(jobs.get_by_role("button", name=re.compile("^Resume")).first).to_be_visible()
    jobs.get_by_role("button", name=re.compile("^Show the result")).first.click()
    expect(jobs.locator("canvas").first).to_be_visible()


def test_an_occluder_changes_the_class_scores(page: Page) -> None:
    scores = page.locator("section.classes")
    before = scores.inner_text()
    page.get_by_role("button", name="Hide parts").click()
    stage = page.get_by_role("group", name=re.compile("as the network sees it"))
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + box["height"] - 10, steps=5)
    page.mouse.up()
    page.wait_for_function("old => document.querySelector('section.classes').innerText !== old", arg=before)
    page.get_by_role("button", name="Clear 1").click()
    page.wait_for_function("old => document.querySelector('section.classes').innerText === old", arg=before)


def test_the_receptive_field_of_the_neuron_under_the_pointer(at_layer: Page) -> None:
    page = at_layer
    page.get_by_role("img", name=re.compile("^Activation of")).hover(position={"x": 30, "y": 30})
    expect(page.locator("rect.field-box")).to_have_count(1)
    hint = page.locator("#picture-hint")
    expect(hint).to_contain_text(re.compile(r"Field of the neuron: \d+ × \d+ pixels"))
    page.mouse.move(0, 0)
    expect(page.locator("rect.field-box")).to_have_count(0)


def test_hovering_asks_for_nothing(at_layer: Page) -> None:
    page = at_layer
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(40):  # what the layer still asks for
        asked.clear()
        page.wait_for_timeout(500)
        if not asked:
            break
    box = page.get_by_role("grid").bounding_box()
    assert box
    for i in range(40):
        page.mouse.move(box["x"] + 5 + 7 * i, box["y"] + 5 + 4 * i)
    assert not asked


def test_search_finds_layers_units_and_classes(page: Page) -> None:
    title = page.locator("#unit-title code")
    search(page, "blocks.2.0:5")
    expect(title).to_have_text("blocks.2.0:5")
    search(page, "goldfish")
    expect(title).to_have_text("logits:1")
    search(page, "conv_head")
    expect(title).to_have_text(re.compile("^conv_head:"))


def test_branches_are_drawn(page: Page) -> None:
    wires = page.locator("svg.wires path")
    page.locator("svg.wires path").first.wait_for(state="attached")
    assert any("C" in (path.get_attribute("d") or "") for path in wires.all())


def test_sorting_by_activation(at_layer: Page) -> None:
    page = at_layer
    page.get_by_role("combobox", name="Sort by").select_option("activation")
    page.keyboard.press("Home")
    expect(page.locator("#unit-cell")).to_contain_text("rank 1")


def test_two_pictures_side_by_side(at_layer: Page) -> None:
    page = at_layer
    page.get_by_role("combobox", name="Compare with").select_option(index=1)
    expect(page.get_by_role("img", name=re.compile("in the other picture"))).to_be_visible()
    expect(page.locator("table.compare-classes tbody tr").first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Difference of"))).to_be_visible()


def test_what_an_attack_made_is_looked_at_beside_its_picture(at_layer: Page) -> None:
    panel = choose(at_layer, "fgsm")
    panel.get_by_role("button", name="Run as a job").click()
    panel.get_by_role("button", name="Look at it beside the picture").click()
    compare = at_layer.get_by_role("combobox", name="Compare with")
    expect(compare.locator("option:checked")).to_have_text(re.compile("^fgsm: "))
    expect(at_layer.get_by_role("img", name=re.compile("^Difference of"))).to_be_visible()


def test_every_view_has_a_link_and_back_works(at_layer: Page, explorer: Any, painted: Callable[..., None]) -> None:
    page = at_layer
    page.keyboard.press("ArrowRight")
    there = page.url
    assert f"/lite0/{LAYER}/1" in there and "token" not in there
    search(page, "blocks.2.0:5")
    expect(page.locator("#unit-title code")).to_have_text("blocks.2.0:5")
    page.go_back()
    expect(page.locator("#unit-title code")).to_have_text(f"{LAYER}:1")
    page.goto("about:blank")
    page.goto(there)
    painted(page, LAYER)
    expect(page.locator("#unit-title code")).to_have_text(f"{LAYER}:1")


def test_the_python_line_makes_what_is_on_screen(at_layer: Page) -> None:
    page = at_layer
    expect(page.get_by_role("img", name=f"guided backprop of {LAYER}:0")).to_be_visible()
    line = page.get_by_role("textbox", name="The Python that makes this")
    expect(line).to_have_text(re.compile(rf"^cs\.guided_backprop\(cs\.load\('lite0'\), 'sample:\w+', '{LAYER}:0'"))
    text = line.inner_text()
    page.get_by_role("button", name="Copy", exact=True).click()
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_pasted_dropped_drawn_and_fetched_pictures(page: Page) -> None:
    chosen = page.get_by_role("radiogroup", name=re.compile("Pictures at hand")).get_by_role("radio", checked=True)
    for event, name in (("paste", "pasted.png"), ("drop", "dropped.png")):
        data = page.evaluate_handle(
            """async ([name, color]) => {
                const canvas = new OffscreenCanvas(40, 30), pen = canvas.getContext('2d')
                pen.fillStyle = color; pen.fillRect(0, 0, 40, 30)
                const data = new DataTransfer()
                data.items.add(new File([await canvas.convertToBlob()], name, {type: 'image/png'}))
                return data
            }""",
            [name, "red" if event == "paste" else "blue"],
        )
        page.evaluate(
            """([event, data]) => document.body.dispatchEvent(event === 'paste'
                ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true})
                : new DragEvent('drop', {dataTransfer: data, bubbles: true}))""",
            [event, data],
        )
        expect(chosen).to_have_attribute("aria-label", f"{name}, 40 by 30")
    page.get_by_role("button", name="Draw").click()
    sheet = page.get_by_role("img", name=re.compile("Sheet to draw on"))
    box = sheet.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 90, steps=4)
    page.mouse.up()
    expect(chosen).to_have_attribute("aria-label", "drawing, unfinished, 224 by 224")
    page.get_by_role("button", name="Keep the drawing").click()
    expect(chosen).to_have_attribute("aria-label", "drawing, 224 by 224")


def test_an_address_is_fetched_by_the_browser(page: Page) -> None:
    where = {"Access-Control-Allow-Origin": "*"}
    page.route(
        "https://pictures.example/*",
        lambda route: route.fulfill(body=picture(), content_type="image/png", headers=where),
    )
    page.get_by_role("button", name="Address").click()
    page.get_by_label("Address of a picture").fill("https://pictures.example/red.png")
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_role("radio", checked=True, name="red.png, 64 by 48")).to_be_visible()


@pytest.mark.parametrize("bad", ["text", "animated", "pixel"])
def test_pictures_that_are_none_are_refused_with_a_reason(page: Page, bad: str) -> None:
    buffer = io.BytesIO()
    frames = [PIL.Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    data = {"text": b"no picture at all", "animated": buffer.getvalue(), "pixel": picture((1, 1))}[bad]
    chosen = page.get_by_role("radiogroup", name=re.compile("Pictures at hand")).get_by_role("radio", checked=True)
    before = chosen.get_attribute("aria-label")
    upload(page, f"{bad}.png", data)
    expect(page.locator(".sources [role=alert]")).to_be_visible()
    assert len(page.locator(".sources [role=alert]").inner_text()) > 30
    assert chosen.get_attribute("aria-label") == before


def test_a_layer_without_a_map_is_explained(page: Page) -> None:
    search(page, "logits")
    expect(page.locator(".grid-panel .note")).to_be_visible()
    expect(page.get_by_text("one value, no places")).to_be_visible()


def test_a_link_to_a_unit_that_is_not_here(page: Page, painted: Callable[..., None]) -> None:
    address = page.url.split("#")[0]
    page.goto("about:blank")
    page.goto(f"{address}#/lite0/blocks.99/7")
    painted(page)
    expect(page.get_by_role("alert")).to_contain_text("blocks.99")


def test_without_a_camera_it_says_so(page: Page) -> None:
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name="Camera").click()
    expect(page.locator(".sources [role=alert]")).to_contain_text("Allow it")
