"""Deepart's four steps in the page: upload a photo, take a painting, watch it come, take it home."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Locator, Page, expect

import convscope as cs
from convscope.base.image import open_image

PHOTO = open_image("sample:cat").pixels[:200, :240]
PAINTING = open_image("sample:starry-night").pixels[:240, :300]
KNOBS = {"size": 64, "scales": 1, "steps": 200}


def file(name: str, pixels: Any) -> dict[str, Any]:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


@pytest.fixture
def form(page: Page) -> Locator:
    """The form of `style`, with a photo on screen that was uploaded."""
    page.set_input_files("input[type=file] >> nth=0", files=[file("photo.png", PHOTO)])
    page.get_by_role("radio", name="photo.png, 240 by 200", checked=True).wait_for()
    page.get_by_role("tab", name="Techniques").click()
    panel = page.get_by_role("tabpanel", name="Techniques")
    panel.get_by_role("combobox", name="Technique").select_option("style")
    return panel


def test_a_photo_is_painted_watched_cancelled_resumed_and_downloaded(page: Page, form: Locator, tmp_path: Path) -> None:
    form.get_by_label("File of style").set_input_files([file("painting.png", PAINTING)])
    expect(form.get_by_role("combobox", name="style", exact=True).locator(":checked")).to_have_text("painting.png")
    expect(page.get_by_role("radio", name="photo.png, 240 by 200")).to_be_checked()
    form.get_by_text(re.compile("^Knobs")).click()
    for name, value in KNOBS.items():
        form.get_by_label(name, exact=True).fill(str(value))
    form.get_by_role("button", name="Run as a job").click()
    expect(form.locator("img.preview")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Jobs")).click()
    jobs = page.get_by_role("tabpanel", name=re.compile("Jobs"))
    jobs.get_by_role("button", name="Cancel style of photo.png").click()
    jobs.get_by_role("button", name="Resume style of photo.png").click()
    job = jobs.locator(".job").filter(has_text="style of photo.png")
    expect(job.get_by_text("done", exact=True)).to_be_visible()
    job.get_by_role("button", name="Show the result of style of photo.png").click()
    with page.expect_download() as download:
        job.get_by_role("button", name="Save PNG").click()
    download.value.save_as(tmp_path / "page.png")
    made = cs.style(cs.load("lite0"), PHOTO, PAINTING, **KNOBS)
    assert made.save(tmp_path / "library.png").read_bytes() == (tmp_path / "page.png").read_bytes()
    assert np.asarray(PIL.Image.open(tmp_path / "page.png")).shape == (53, 64, 3)


def test_several_styles_are_added_chosen_and_left_out(form: Locator) -> None:
    def chosen() -> list[str]:
        rows = form.get_by_role("combobox", name=re.compile("^style"))
        return [row.locator(":checked").inner_text() for row in rows.all()]

    form.get_by_role("combobox", name="style", exact=True).select_option("starry-night")
    form.get_by_role("button", name="Another style").click()
    form.get_by_role("combobox", name="style 2").select_option("galaxies")
    assert chosen() == ["starry-night", "galaxies"]
    form.get_by_role("button", name="Another style").click()
    form.get_by_role("button", name="Leave out style 1").click()
    assert chosen() == ["galaxies", "galaxies"]
