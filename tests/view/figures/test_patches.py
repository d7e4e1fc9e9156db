"""Patches as pictures: every crop in its place, its way up and in its colors; what is cut off is smaller."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.view.figures.patches import _label
from convscope.view.figures.registry import draw
from convscope.view.render.layout import WIDTH, scene

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)


def crop(height: int, width: int) -> np.ndarray:
    """Red above, green below on the left, blue below on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = (
        RED,
        GREEN,
        BLUE,
    )
    return picture


def made(unit: str, channels: list[int], shown: list[int], sizes: list[tuple[int, int]], zoom: int = 4) -> cs.Patches:
    n, layer = len(channels), unit.partition(":")[0]
    windows = np.array([(0, 0, h, w) for h, w in sizes], np.int64).reshape(-1, 4)
    return cs.Patches(
        values=np.arange(n, 0, -1).astype(np.float32), unit=cs.Unit(layer, shown[0] if ":" in unit else None),
        network="net", shown=np.array(shown), channels=np.array(channels, np.int64),
        evidence={"images": 7, "field": "effective", "size": [8, 8], "channels": [len(shown), 5]},
        images=tuple(f"folder/a_rather_long_name_{i}.png" for i in range(n)),
        positions=np.arange(2 * n).reshape(n, 2), boxes=windows * zoom, windows=windows,
        crops=tuple(crop(h * zoom, w * zoom) for h, w in sizes),
        projections=tuple(np.ones((3, h, w), np.float32) for h, w in sizes) if ":" in unit else (),
    )  # fmt: skip


def colors(tile: np.ndarray) -> list[tuple[int, ...]]:
    """Above, below left, below right of what is drawn in a tile."""
    y, x = np.nonzero(tile[..., 3])
    top, left, height, width = y.min(), x.min(), np.ptp(y) + 1, np.ptp(x) + 1
    places = [(0.25, 0.5), (0.75, 0.25), (0.75, 0.75)]
    return [tuple(tile[top + int(a * height), left + int(b * width), :3].tolist()) for a, b in places]


@pytest.mark.parametrize("zoom", [1, 4, 20])
def test_crops_are_upright_in_their_colors_and_on_one_scale(zoom: int) -> None:
    sizes = [(8, 8), (4, 8), (4, 4)]
    view = draw(made("a:3", [3] * 3, [3], sizes, zoom))
    tiles = view.arrays["crops"]
    longest = max(tiles.shape[1:3])
    for tile, (height, width) in zip(tiles, sizes, strict=True):
        assert np.allclose(colors(tile), (RED, GREEN, BLUE), atol=10)
        y, x = np.nonzero(tile[..., 3])
        assert (np.ptp(y) + 1, np.ptp(x) + 1) == (height * longest // 8, width * longest // 8)
    assert view.panels[0].labels[0].startswith("3 folder/…") and view.panels[1].labels == ("at 0,1", "at 2,3", "at 4,5")
    assert "7 images" in view.title and "95 % of the gradient, within 8 × 8 pixels" in view.note


@pytest.mark.parametrize(
    ("id", "letters", "label"),
    [
        ("dog/0595.jpg", 21, "19.4 dog/0595"),
        ("train/dog/0595.jpg", 21, "19.4 dog/0595"),
        ("0595.jpg", 21, "19.4 0595"),
        ("sample:cat", 21, "19.4 cat"),
        ("17", 21, "19.4 17"),
        ("n01440764/n01440764_10026.JPEG", 21, "19.4 n01440764/…10026"),
        ("n01440764/n01440764_10026.JPEG", 12, "19.4 n…/…026"),
        ("a_rather_long_class_name/7.png", 21, "19.4 a_rather_long…/7"),
    ],
)
def test_a_crop_is_called_by_its_class_and_the_name_of_its_file(id: str, letters: int, label: str) -> None:
    found = _label(19.4, id, "", letters)
    assert found == label and len(found) <= letters + 1
    assert _label(19.4, id, "hen", 40).startswith("19.4 hen/"), "a class that is known goes before a folder"


@pytest.mark.parametrize("count", [1, 2, 9, 16, 30])
def test_a_row_of_crops_stays_a_row_as_long_as_it_fits(count: int) -> None:
    laid_out = scene(draw(made("a:3", [3] * count, [3], [(8, 8)] * count)))
    assert laid_out.width <= WIDTH + 16
    crops, parts = laid_out.sheets
    assert crops.width == parts.width
    if count > 3:
        assert crops.x == parts.x and crops.y + crops.height < parts.y
    else:
        assert crops.y == parts.y and crops.x + crops.width < parts.x
    assert (crops.height < 113) == (count <= 16)


def test_a_sheet_has_a_strip_for_each_channel_and_an_empty_one_for_a_silent_one() -> None:
    result = made("a", [4, 4, 1], [4, 2, 1], [(8, 8), (4, 8), (8, 8)])
    assert result.silent == [2] and result.of(4) == [0, 1] and result.of(2) == []
    view = draw(result)
    (panel,), strips = view.panels, view.arrays["strips"]
    assert panel.labels == ("4 · 3", "2 · no entries", "1 · 1") and "3 of 5 channels" in panel.title
    assert not strips[1].any() and np.allclose(colors(strips[2]), (RED, GREEN, BLUE), atol=10)
    half = strips.shape[2] // 2
    assert strips[0, :, :half].any() and strips[0, :, half:].any() and not strips[2, :, half:].any()


def test_a_unit_that_never_fired_is_words_alone() -> None:
    view = draw(made("a:3", [], [3], []))
    assert view.panels == () and scene(view).height > 20
