"""Dots: at their places, in colors that everybody can tell apart, and none hidden by its name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from convscope.view.charts.scatters import COLORS, colors_of, legend, scatter

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency":
# linear RGB as seen without one kind of cones.
CONES = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def rgb(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def lab(colors, cones):
    values = np.array([rgb(color) for color in colors]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.transpose(cones)).clip(0, 1) @ np.transpose(XYZ) / [0.95047, 1, 1.08883]
    f = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


@pytest.mark.parametrize("cones", CONES.values(), ids=CONES)
def test_any_two_colors_are_told_apart_with_and_without_each_kind_of_cones(cones):
    seen = lab([*COLORS, "#b8b8b8", "#ffffff"], cones)
    for (one, first), (other, second) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(first - second) > (20 if max(one, other) < len(COLORS) else 10)


def test_up_to_twelve_classes_have_colors_in_the_order_of_their_names():
    labels = ["10", "9", None, "2", "10", "ä"]
    assert colors_of(labels) == dict(zip(["2", "9", "10", "ä"], COLORS, strict=False))
    assert colors_of([None, None]) == {}


def test_of_more_the_most_frequent_have_colors_if_they_have_several_images():
    labels = [f"class {number}" for number in range(20) for _ in range(1 + (number > 14))]
    assert [*colors_of(labels)] == [f"class {number}" for number in range(15, 20)]
    assert colors_of([str(number) for number in range(13)]) == {}
    assert len(colors_of([str(number) for number in range(13)] * 2)) == 12


def test_dots_lie_at_their_places_in_the_colors_of_their_classes():
    centers = np.array([[20.0, 70.0], [60.5, 30.25], [80.0, 80.0]], np.float32)
    colors = {"a": "#0077bb", "b": "#ff6600"}
    pixels = scatter(centers, ["a", "b", None], colors, 12, 100, None)
    assert pixels.shape == (100, 100, 3) and pixels.dtype == np.uint8
    for (y, x), color in zip(centers, ["#0077bb", "#ff6600", "#b8b8b8"], strict=True):
        assert pixels[int(y), int(x)].tolist() == rgb(color)
        window = 255.0 - pixels[int(y) - 10 : int(y) + 11, int(x) - 10 : int(x) + 11].min(axis=2)
        rows, columns = np.indices(window.shape) - 10 + 0.5
        middle = (rows * window).sum() / window.sum(), (columns * window).sum() / window.sum()
        assert abs(int(y) + middle[0] - y) <= 0.51 and abs(int(x) + middle[1] - x) <= 0.51
        area = window.sum() / window.max()
        assert area == pytest.approx(np.pi * 36, rel=0.02), "the edges are smooth"


def test_what_has_no_color_lies_behind_and_without_any_color_all_have_the_first():
    center = np.array([[50.0, 50.0]] * 3, np.float32)
    assert scatter(center, [None, "a", None], {"a": "#ff6600"}, 12, 100, None)[50, 50].tolist() == rgb("#ff6600")
    assert scatter(center, ["a", "b", None], {}, 12, 100, None)[50, 50].tolist() == rgb(COLORS[0])


def test_no_class_covers_all_others_because_it_comes_last():
    count = 400
    centers = np.random.default_rng(0).random((2 * count, 2)).astype(np.float32) * 60 + 20
    pixels = scatter(centers, ["a"] * count + ["b"] * count, {"a": "#0077bb", "b": "#ff6600"}, 12, 100, None)
    shares = [(pixels == rgb(color)).all(axis=2).sum() for color in ("#0077bb", "#ff6600")]
    assert 0.7 < shares[0] / shares[1] < 1.4


def test_in_depth_the_near_lie_in_front_and_the_far_are_pale():
    centers = np.array([[50.0, 50.0], [50.0, 50.0], [20.0, 20.0]], np.float32)
    pixels = scatter(centers, ["a", "b", "b"], {"a": "#0077bb", "b": "#ff6600"}, 12, 100, np.array([1, 0.5, 0], "f4"))
    assert pixels[50, 50].tolist() == rgb("#0077bb")
    assert pixels[20, 20].tolist() == [round(255 + (value - 255) * 0.25) for value in rgb("#ff6600")]


def test_a_legend_has_a_row_a_class_and_rows_for_what_has_no_color():
    labels = ["b"] * 3 + ["a"] + ["c"] * 2 + [None]
    pixels = legend(labels, {"a": COLORS[0], "b": COLORS[1]}, 2.0)
    height = pixels.shape[0] // 4
    dots = [pixels[row * height + height // 2, 9].tolist() for row in range(4)]
    assert dots == [rgb(COLORS[0]), rgb(COLORS[1]), rgb("#b8b8b8"), rgb("#b8b8b8")]
    assert (pixels[:, -1] == 255).all() or pixels.shape[1] < 400, "no word is cut off"
    longer = legend(["x" * 80], {"x" * 80: COLORS[0]}, 2.0)
    assert longer.shape[1] < 600
