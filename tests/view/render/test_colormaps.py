"""Colors: the baked maps are the published ones, uniform in lightness, and zero has a color of its own."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.view.render.colormaps import LEVELS, colored, table
from convscope.view.view import Scale, from_zero, suited, symmetric


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB bytes."""
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


def test_the_maps_are_viridis_and_vik() -> None:
    assert table("sequential")[[0, -1]].tolist() == [[68, 1, 84], [253, 231, 37]]
    assert table("diverging")[[0, -1]].tolist() == [[0, 18, 97], [89, 0, 8]]
    assert table("grey")[[0, 127, -1]].tolist() == [[0] * 3, [128] * 3, [255] * 3]


def test_the_sequential_map_grows_evenly_in_lightness() -> None:
    steps = np.diff(lightness(table("sequential").astype(float)))
    assert (steps > 0).mean() > 0.98 and np.diff(lightness(table("sequential")[::16].astype(float))).min() > 3


def test_the_diverging_map_is_lightest_and_nearly_colorless_at_zero() -> None:
    colors = table("diverging").astype(float)
    assert abs(int(lightness(colors).argmax()) - LEVELS // 2) <= 4
    assert np.ptp(colors[LEVELS // 2]) < 16


@pytest.mark.parametrize("map", ["diverging", "grey", "color"])
def test_zero_has_the_middle_color_whatever_the_scale(map: str) -> None:
    values = np.array([-3.0, 0.0, 1.0])
    got = colored(values, symmetric(values, map))  # type: ignore[arg-type]
    middle = table("grey" if map == "color" else map)[LEVELS // 2]  # type: ignore[arg-type]
    assert (got[..., 1] if map != "color" else got).ravel()[1] is not None
    if map != "color":
        assert got[1, :3].tolist() == middle.tolist()


def test_color_tiles_map_each_channel_by_itself() -> None:
    got = colored(np.array([[-1.0, 0.0, 1.0]]), Scale("color", -1, 1))
    assert got.tolist() == [[0, 128, 255, 255]]


def test_missing_values_are_transparent_and_the_rest_opaque() -> None:
    got = colored(np.array([np.nan, 0.0, 9.0]), Scale("sequential", 0, 1))
    assert got[:, 3].tolist() == [0, 255, 255] and got[2, :3].tolist() == table("sequential")[-1].tolist()


def test_scales_are_symmetric_about_zero_or_start_there() -> None:
    values = np.array([-1.0, 0.5, 0.25])
    assert (symmetric(values).low, symmetric(values).high, symmetric(values).clipped) == (-1, 1, False)
    assert (from_zero(abs(values)).low, from_zero(abs(values)).high) == (0, 1)
    assert suited(values).map == "diverging" and suited(abs(values)).map == "sequential"


def test_a_percentile_clips_and_says_so() -> None:
    values = np.r_[np.linspace(0, 1, 999), 100.0]
    scale = from_zero(values, 99)
    assert scale.high < 1.01 and scale.clipped


def test_an_empty_map_is_flat_rather_than_amplified_noise() -> None:
    assert from_zero(np.zeros(9)).high == 1 and symmetric(np.zeros(9)).low == -1
    assert len(np.unique(colored(np.zeros(9), symmetric(np.zeros(9))), axis=0)) == 1
