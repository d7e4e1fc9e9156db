"""Maps as pictures: every style, exact places, what is said of the map's quality, and no canvas of floats."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.base.unit import Unit
from convscope.view.encode.png import _paint, png
from convscope.view.figures.registry import draw
from convscope.view.render.layout import scene
from convscope.view.render.svg import svg

COUNT = 30


class Behind:
    """Images of one color each, and codes that are one number each."""

    def __init__(self, count):
        self.asked = []
        self.colors = np.random.default_rng(1).integers(0, 250, (count, 3)).astype(np.uint8)

    def image(self, id):
        self.asked.append(int(id))
        return cs.open_image(np.broadcast_to(self.colors[int(id)], (20, 30, 3)).copy())

    def distances(self, pairs):
        return np.abs(pairs[:, 0] - pairs[:, 1]).astype(np.float32)


def made(count=COUNT, dims=2, labels=None, behind=True, **evidence):
    told = {"method": "t-sne", "perplexity": [30.0, 50.0], "seed": 7, "components": 50, "variance_held": 0.614}
    told |= {"metric": "l2", "neighbors": "approximate (Annoy)", "neighbor_recall": 0.987, "chance_recall": 0.021}
    quality = {"trustworthiness": 0.953, "continuity": 0.9, "recall": 0.52, "hit": 0.61, "centroid_recall": 0.7}
    return cs.Embedding(
        values=np.random.default_rng(0).normal(size=(count, dims)).astype(np.float32),
        unit=Unit("features.3"),
        network="net",
        evidence={**told, **evidence},
        ids=tuple(map(str, range(count))),
        labels=tuple(labels or [None] * count),
        quality=quality,
        behind=Behind(count) if behind else None,
    )


def map_of(view):
    (pixels,) = view.arrays["map"]
    assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
    return pixels


def places(result, size, margin):
    """Where each point is to be on a picture, by the definition: one scale for both axes, y downward."""
    low, high = result.points.min(axis=0), result.points.max(axis=0)
    scale = (size - margin) / (high - low).max()
    return ((result.points - (low + high) / 2) * scale + size / 2)[:, ::-1]


def test_each_image_lies_at_its_exact_place():
    result = made(count=12)
    pixels = map_of(draw(result, style="images", size=600, side=20))
    for number, (y, x) in enumerate(places(result, 600, 20)):
        top, left = round(float(y) - 10), round(float(x) - 10)
        assert (pixels[top : top + 20, left : left + 20] == result.behind.colors[number]).all(2).mean() > 0.2
    used = pixels[(pixels != 255).any(axis=2)]
    assert {tuple(color) for color in used} == {tuple(color) for color in result.behind.colors}


def test_images_that_lie_under_others_are_counted():
    result = made(count=12)
    hidden = replace(result, values=np.where(np.arange(12)[:, None] < 5, result.values[:1], result.values))
    view = draw(hidden, style="images", size=600, side=20)
    assert "4 of 12 lie more than half under others" in view.panels[0].title
    assert sorted(set(result.behind.asked)) == [0, *range(5, 12)], "the first lies in front"


def test_a_cell_is_filled_by_the_nearest_image_and_how_many_are_shown_is_said():
    result = made()
    view = draw(result, style="filled", size=400, side=50)
    pixels, shown = map_of(view), set()
    for row, column in np.ndindex(8, 8):
        middle = np.array([row + 0.5, column + 0.5]) * 50
        nearest = int(np.square(places(result, 400, 50) - middle).sum(axis=1).argmin())
        shown.add(nearest)
        cell = pixels[row * 50 : row * 50 + 50, column * 50 : column * 50 + 50]
        assert (cell == result.behind.colors[nearest]).all()
    assert f"they repeat, and {len(shown)} of 30 are shown" in view.panels[0].title
    assert sorted(result.behind.asked) == sorted(shown)


def test_on_a_grid_every_image_is_there_once_in_its_cell():
    result = made()
    pixels = map_of(draw(result, style="grid", size=305))
    assert pixels.shape == (250, 300, 3) and sorted(result.behind.asked) == [*range(COUNT)]
    for number, (row, column) in enumerate(result.grid()):
        assert (pixels[row * 50 : row * 50 + 50, column * 50 : column * 50 + 50] == result.behind.colors[number]).all()


def test_seams_are_bright_where_codes_are_far_apart_and_have_a_scale_with_numbers():
    result = made()
    view = draw(result, style="seams", size=300)
    pixels, cells = map_of(view), {tuple(cell): number for number, cell in enumerate(result.grid().tolist())}
    seen = []
    for (row, column), number in cells.items():
        if (row, column + 1) in cells:
            seam = pixels[row * 50 + 20, column * 50 + 42 : column * 50 + 50]
            assert (seam == seam[0, 0]).all()
            seen.append((abs(number - cells[row, column + 1]), int(seam[0, 0])))
    assert [grey for _, grey in sorted(seen)] == sorted(grey for _, grey in seen) and len({*seen}) > 5
    assert "distance (l2)" in view.panels[1].title and view.arrays["legend"].std() > 20
    cosine = draw(replace(result, evidence={"metric": "cosine"}), style="seams", size=300)
    assert "cosine distance" in cosine.panels[1].title


def test_points_have_a_legend_of_their_classes():
    result = made(labels=["cat", "dog", None] * 10)
    view = draw(result, style="points", size=500)
    assert [panel.array for panel in view.panels] == ["map", "legend"] and view.panels[1].title == "2 classes"
    pixels = map_of(view)
    for number, (y, x) in enumerate(places(result, 500, 10)):
        color = {"cat": (0, 0x77, 0xBB), "dog": (0xFF, 0x66, 0), None: (0xB8, 0xB8, 0xB8)}[result.labels[number]]
        near = pixels[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].reshape(-1, 3)
        assert (near == color).all(axis=1).any(), number


def test_too_many_classes_for_colors_are_not_given_any():
    view = draw(made(labels=[f"class {number}" for number in range(COUNT)]), style="points")
    assert "30 classes are too many for colors" in view.panels[0].title and len(view.panels) == 1
    view = draw(made(labels=[f"class {number % 15}" for number in range(COUNT)]), style="points")
    assert view.panels[1].title == "the largest 12 of 15 classes"


def test_by_default_images_where_they_are_at_hand_and_few():
    assert "each image" in draw(made()).panels[0].title
    assert "a dot" in draw(made(behind=False)).panels[0].title
    assert "a dot" in draw(made(count=2001)).panels[0].title
    gone = made()
    gone.behind.image = lambda id: cs.open_image("/nowhere.png")
    view = draw(gone)
    assert "a dot" in view.panels[0].title and "images cannot be drawn: There is no file /nowhere.png" in view.note


@pytest.mark.parametrize(
    ("result", "view", "told"),
    [
        (made(behind=False), {"style": "images"}, "style must be points where .*not images. Use style='points'"),
        (made(behind=False), {"style": "seams"}, "style must be points"),
        (made(dims=3), {"style": "grid"}, "three dimensions, not grid"),
        (made(dims=3), {"style": "seams"}, "three dimensions, not seams"),
        (made(dims=3), {"style": "filled"}, "three dimensions, not filled"),
        (made(count=2601), {"style": "grid", "size": 200}, "size must be at least 204 for a grid of 2601 images"),
        (made(), {"style": "images", "size": 200, "side": 201}, "side must be from 4 to 200"),
        (made(), {"style": "filled", "side": 3}, "side must be from 4 to 1000"),
    ],
)
def test_what_cannot_be_drawn_is_refused(result, view, told):
    with pytest.raises(cs.ConvscopeError, match=told):
        draw(result, **view)


def test_three_dimensions_are_seen_along_the_third_and_said_to_be():
    result = made(dims=3)
    view = draw(result, style="points")
    assert "in 3 dimensions" in view.title and "far along z is pale" in view.panels[0].title
    stacked = replace(result, values=np.where(np.arange(3) < 2, np.float32([1, 2, 0]), result.values))
    assert "the greater z in front" in draw(stacked, style="images").panels[0].title
    assert set(stacked.behind.asked) == {int(stacked.points[:, 2].argmax())}


def test_how_far_a_map_can_be_trusted_stands_under_it():
    said = draw(made(labels=["a", "b"] * 15), style="points").note
    for words in (
        "t-SNE (perplexity 30, 50, seed 7) of 50 components that hold 61 % of the variance", "distances l2",
        "neighbors approximate (Annoy), 99 % found", "trustworthiness 0.95",
        "52 % of the 10 nearest in the layer are nearest here (chance 2.1 %)", "61 % of the 10 nearest here are of",
        "70 % of the nearest classes are kept",
    ):  # fmt: skip
        assert words in said, said
    alone = draw(made(labels=[f"class {number}" for number in range(COUNT)]), style="points").note
    assert "class" not in alone, "where no class has two images, none can be kept"


def test_what_is_less_than_asked_for_is_said():
    told = {"partial": "20 of 500 updates", "refused": 3, "judged_against": "the 50 components"}
    view = draw(made(**told, quality_points="2000 of 30000, drawn by seed 0"), style="points")
    assert view.note.startswith("20 of 500 updates") and "judged on 2000 of 30000" in view.note
    assert "judged against the 50 components" in view.note and "30 images at features.3, 3 more could" in view.title


def test_a_map_without_evidence_is_drawn():
    bare = replace(made(), evidence={}, quality={"trustworthiness": None})
    assert draw(bare, style="points").note == ""
    other = replace(made(), evidence={"method": "pca", "components": 3, "variance_held": 1.0, "explained": [0.5, 0.04]})
    assert "PCA of 3 components that hold 100 % of the variance, the map shows 54 % of that" in draw(other).note


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.arange(5)[:, None] * [[1, 0]]], ids=["one place", "a line"])
def test_flat_maps_lie_in_the_middle(points):
    result = replace(made(count=5), values=points.astype(np.float32))
    for style in ("points", "images", "filled", "grid", "seams"):
        pixels = map_of(draw(result, style=style, size=200))
        rows, columns = np.nonzero((pixels != 255).any(axis=2))
        assert abs(rows.mean() - len(pixels) / 2) < 40 and abs(columns.mean() - pixels.shape[1] / 2) < 40


@pytest.mark.parametrize("size", [200, 333, 1000, 1501])
@pytest.mark.parametrize("style", ["points", "images", "filled", "grid", "seams"])
def test_a_file_has_every_pixel_of_the_map_and_words_as_large_as_the_map(style, size):
    result = made(labels=["a", "b"] * 15)
    laid_out = scene(draw(result, style=style, size=size))
    sheet, picture = laid_out.sheets[0], np.asarray(_paint(laid_out))
    left, top = round(sheet.x * laid_out.density), round(sheet.y * laid_out.density)
    height, width = sheet.pixels.shape[:2]
    assert np.array_equal(picture[top : top + height, left : left + width], sheet.pixels)
    assert width <= size and sheet.width == pytest.approx(min(size // 2, 720), rel=0.06)
    assert laid_out.density == pytest.approx(max(2, size / 720), rel=0.02)
    for text in laid_out.texts:
        assert 0 < text.y < laid_out.height and text.x < laid_out.width


def test_the_same_map_gives_the_same_bytes_and_a_page_can_draw_it():
    result = made(labels=["a", "b"] * 15)
    assert png(result, style="points") == png(result, style="points")
    view = draw(result, style="seams", size=300)
    drawn = svg(scene(view), view.title)
    assert len(re.findall("<image", drawn)) == 2 and "trustworthiness" in drawn
    assert set(view.spec()) == {"kind", "title", "note", "panels"} and view.kind == "tiles"


@pytest.mark.parametrize("style", ["images", "filled", "grid", "seams"])
def test_a_large_map_is_composed_in_bytes(style):
    """Besides the canvas, three bytes a pixel, there is less than another one: floats would take four of them."""
    result, size = made(count=100), 1600
    draw(result, style=style, size=300)
    tracemalloc.start()
    try:
        view = draw(result, style=style, size=size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert map_of(view).nbytes > 0.9 * 3 * size**2 and peak < 2 * 3 * size**2


def test_a_picture_is_right_side_up_and_in_its_colors_in_the_file():
    class Photo(Behind):
        def image(self, id):
            return cs.open_image("sample:cat")

    result = replace(made(count=4), behind=Photo(4))
    pixels = map_of(draw(result, style="grid", size=400))[:200, :200]
    photo = cs.open_image("sample:cat").pil()
    short, (width, height) = min(photo.size), photo.size
    left, top = (width - short) // 2, (height - short) // 2
    wanted = np.asarray(photo.crop((left, top, left + short, top + short)).resize((200, 200), PIL.Image.Resampling.BOX))
    assert np.abs(pixels.astype(int) - wanted).mean() < 6
    assert np.abs(pixels[::-1].astype(int) - wanted).mean() > 20
