"""Layout and drawing: pixels land where they should, nothing overlaps or leaves the canvas, colors are right."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.view.encode.png import _paint
from convscope.view.render.colormaps import colored
from convscope.view.render.layout import DENSITY, WIDTH, scene
from convscope.view.render.svg import data_uri, svg
from convscope.view.view import Panel, Scale, View


def view(count: int, height: int, width: int, columns: int = 0, labels: bool = True) -> View:
    values = np.random.default_rng(0).normal(size=(count, height, width))
    names = tuple(map(str, range(count))) if labels else ()
    return View("title", (Panel("panel", "a", Scale("diverging", -2, 2, "x"), names, columns),), {"a": values}, "note")


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 130), st.integers(1, 130), st.booleans(), st.booleans())
def test_everything_stays_on_the_canvas_and_nothing_overlaps(count, height, width, labels, rows) -> None:
    laid_out = scene(view(count, height, width, columns=min(count, 12) if rows else 0, labels=labels))
    assert laid_out.width <= WIDTH + 32
    boxes = [(s.x, s.y, s.x + s.width, s.y + s.height) for s in laid_out.sheets]
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= laid_out.width and bottom <= laid_out.height
    (_, _, _, tiles_end), (_, bar_start, _, bar_end) = boxes
    assert tiles_end <= bar_start
    for text in laid_out.texts:
        assert 0 < text.y <= laid_out.height
        assert not (bar_start < text.y - 1 and text.y - text.size < bar_end - 1 and text.x < boxes[1][2])


def test_tiles_are_drawn_row_by_row_right_side_up_in_their_colors() -> None:
    tiles = np.zeros((3, 2, 2))
    tiles[0, 0, 1], tiles[2, 1, 0] = 1, -1
    scale = Scale("diverging", -1, 1)
    laid_out = scene(View("", (Panel("", "a", scale, columns=2),), {"a": tiles}), title=False)
    picture, sheet = np.asarray(_paint(laid_out)), laid_out.sheets[0]
    pitch = (sheet.width + 4) / 2
    step = pitch - 4

    def at(tile: int, y: int, x: int) -> list[int]:
        row, column = divmod(tile, 2)
        py = sheet.y + row * pitch + (y + 0.5) * step / 2
        px = sheet.x + column * pitch + (x + 0.5) * step / 2
        return picture[int(py * DENSITY), int(px * DENSITY)].tolist()

    for tile in range(3):
        for y, x in np.ndindex(2, 2):
            assert at(tile, y, x) == colored(tiles[tile, y, x][None], scale)[0, :3].tolist()


def test_a_photo_is_the_right_way_round_in_png_and_svg() -> None:
    photo = np.zeros((1, 40, 60, 3), np.uint8)
    photo[0, :20, :30, 0] = 250  # red, top left
    laid_out = scene(View("t", (Panel("", "a"),), {"a": photo}), title=False)
    sheet, picture = laid_out.sheets[0], np.asarray(_paint(laid_out))
    y, x = int(sheet.y * DENSITY), int(sheet.x * DENSITY)
    assert (
        picture[y + 9, x + 9].tolist() == [250, 0, 0] and picture[y + 9, x + int(sheet.width * DENSITY) - 9].sum() == 0
    )
    text = svg(laid_out, 'a "title"')
    (uri,) = re.findall(r'href="data:image/webp;base64,([^"]+)"', text)
    inside = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(uri))))
    assert inside[5, 5, 0] > 200 and inside[5, -5].sum() < 60 and "&quot;title&quot;" in text


@pytest.mark.parametrize("colors", [2, 200, 5000])
def test_a_map_in_html_loses_nothing(colors: int) -> None:
    rng = np.random.default_rng(colors)
    palette = rng.integers(0, 256, (colors, 4), dtype=np.uint8)
    pixels = palette[rng.integers(0, colors, (70, 90))]
    file = io.BytesIO(base64.b64decode(data_uri(pixels).partition(",")[2]))
    assert np.array_equal(np.asarray(PIL.Image.open(file).convert("RGBA")), pixels)


def test_a_color_bar_runs_from_low_to_high_with_numbers() -> None:
    laid_out = scene(view(1, 20, 20))
    bar = laid_out.sheets[1]
    assert np.array_equal(bar.pixels[0, [0, -1]], colored(np.array([-2.0, 2.0]), Scale("diverging", -2, 2)))
    words = [text.text for text in laid_out.texts]
    assert "−2" in words and "2" in words


def test_the_number_under_the_middle_is_that_of_the_middle() -> None:
    for low, high, middle in ((-1.0, 1.0, "0"), (-600.0, -200.0, "−400")):
        panel = Panel("", "a", Scale("sequential", low, high), side=200)
        drawn = scene(View("", (panel,), {"a": np.full((1, 2, 2), low, np.float32)}))
        assert middle in [text.text for text in drawn.texts]


def test_clipped_ends_are_marked() -> None:
    panel = Panel("", "a", Scale("diverging", -2, 2, clipped=True))
    words = [text.text for text in scene(View("", (panel,), {"a": np.zeros((1, 9, 9))})).texts]
    assert "≤ −2" in words and "≥ 2" in words
