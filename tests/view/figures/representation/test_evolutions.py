"""Evolutions drawn: all maps on one scale, trails pale where they mean nothing, a film from first to last."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from convscope.base.unit import Unit
from convscope.results.evolution import Evolution
from convscope.view.charts.trails import trails
from convscope.view.figures.representation.evolutions import _centers, draw_evolution, film


@pytest.fixture
def found() -> Evolution:
    """Three maps of four images: two stay, one goes right, one goes down."""
    start = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    right, down = np.zeros((4, 2)), np.zeros((4, 2))
    right[2, 0], down[3, 1] = 4, 6
    maps = np.stack([start, start + right, start + right + down])
    moved = np.linalg.norm(np.diff(maps, axis=0), axis=2).astype(np.float32)
    control = {"null_motion": 0.1, "median_motion": [0.0, 0.0], "neighbour_change": [0.25, 0.5]}
    control |= {"rank_correlation": [None, 0.5], "procrustes": [0.0, 0.0]}
    about = {"unit": Unit("fc"), "network": "net", "evidence": {"images": 4}}
    return Evolution(
        values=maps.astype(np.float32),
        names=("before", "between", "after"),
        ids=tuple("abcd"),
        labels=("x", "x", "y", None),
        displacement=moved,
        replaced=np.zeros((2, 4), np.float32),
        hits=np.array([0.5, 0.75, 1.0]),
        code_hits=np.array([0.25, 0.5, 1.0]),
        control=control,
        **about,
    )


def test_what_moves_less_than_twice_the_null_is_not_learned(found):
    assert found.learned.tolist() == [[False, False, True, False], [False, False, False, True]]
    unknown = dataclasses.replace(found, control={**found.control, "null_motion": None})
    assert unknown.learned.all() and [one.shape for one in found.maps] == [(4, 2)] * 3


def test_maps_stand_side_by_side_with_their_hits(found):
    view = draw_evolution(found)
    words = "before: of one class 50 % of neighbors here, 25 % in the codes"
    assert view.panels[0].title == words.replace(" %", "\u00a0%")
    assert len(view.panels) == 4 and "move 0.1 radii where nothing changes" in view.note
    assert "rank correlation of the two –, 0.50" in view.note
    nan = np.full(10, np.nan)
    many = dataclasses.replace(found, values=found.values[[0, 1] * 5], names=("a",) * 10, hits=nan, code_hits=nan)
    assert len(draw_evolution(many).panels) == 7


def test_one_scale_holds_all_maps_and_keeps_shapes(found):
    centers = _centers(found, 500)
    assert centers.min() >= 0 and centers.max() <= 500
    assert np.array_equal(centers[0, 0], centers[2, 0])  # what stays is where it was
    right, down = centers[1, 2] - centers[0, 2], centers[2, 3] - centers[1, 3]
    assert right[0] == 0 and right[1] > 0 and down[1] == 0 and down[0] > 0
    assert down[0] / right[1] == pytest.approx(6 / 4)


def test_trails_are_pale_where_they_mean_nothing_and_dark_first():
    centers = np.array([[[10, 10], [50, 10]], [[10, 50], [50, 50]], [[10, 90], [50, 90]]], np.float32)
    drawn = trails(centers, np.array([[True, False], [True, False]]), ["x", "y"], {"x": "#ff0000"}, 3, 100)
    first, second, pale = (drawn[y, x].astype(int) for y, x in ((10, 30), (10, 70), (50, 30)))
    assert first[0] < second[0] == 255 and second[1] == second[2] == 0
    assert (pale > 200).all() and (drawn[80, 80] == 255).all()


def test_a_film_begins_and_ends_with_the_maps(found, tmp_path):
    pytest.importorskip("av")
    frames = list(film(found))
    assert len(frames) == 3 * 12 + 2 * 23
    assert np.array_equal(frames[0], frames[11]) and not np.array_equal(frames[11], frames[12])
    assert not np.array_equal(frames[0], frames[-1])
    path = found.save(tmp_path / "film.mp4")
    import av

    with av.open(path) as video:
        assert sum(1 for _ in video.decode(video=0)) == len(frames)
