"""New points on a map: beside their like, each by itself, and the map as it was."""

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.representation.embedding.placement import place
from convscope.representation.embedding.tsne import PointMap, tsne

CODES = np.random.default_rng(0).normal(size=(90, 4)) + 9 * (np.arange(90)[:, None] % 3) * np.eye(4)[0]
MAPS = {dims: tsne(CODES, dims=dims, perplexity=10) for dims in (2, 3)}


@pytest.mark.parametrize("dims", [2, 3])
def test_copies_land_beside_their_rows_and_the_map_stays(dims):
    before = MAPS[dims].coordinates.copy()
    placed = place(CODES, MAPS[dims], CODES[:30])
    assert (MAPS[dims].coordinates == before).all()
    apart = np.linalg.norm(placed.coordinates[:, None] - before, axis=2)
    assert np.median((apart < apart[np.arange(30), np.arange(30), None]).sum(axis=1)) <= 3
    assert (apart.argmin(axis=1) % 3 == np.arange(30) % 3).all()
    assert placed.coordinates.dtype == np.float32 and placed.coordinates.shape == (30, dims)


def test_updates_draw_copies_nearer_to_their_rows_than_they_begin():
    begun, placed = (place(CODES, MAPS[2], CODES, iterations=count).coordinates for count in (0, 250))
    apart = [np.linalg.norm(points - MAPS[2].coordinates, axis=1).mean() for points in (begun, placed)]
    assert apart[1] < 0.9 * apart[0]


def test_placed_points_do_not_see_each_other_and_threads_do_not_matter():
    together = place(CODES, MAPS[2], CODES[:10] + 0.1, iterations=30, jobs=2)
    alone = [place(CODES, MAPS[2], CODES[i : i + 1] + 0.1, iterations=30).coordinates[0] for i in range(10)]
    assert (together.coordinates == np.array(alone)).all()


def test_it_can_be_stopped():
    def stop(step, total, preview):
        if step == 7:
            raise Cancelled

    with listening(stop):
        stopped = place(CODES, MAPS[2], CODES[:5])
    assert stopped.evidence["partial"] == "cancelled after 7 of 250 steps"
    assert (stopped.coordinates == place(CODES, MAPS[2], CODES[:5], iterations=7).coordinates).all()


def test_refusals():
    with pytest.raises(BadKnob, match="90 rows, as it has points, not 89"):
        place(CODES[1:], MAPS[2], CODES)
    with pytest.raises(BadKnob, match="4 numbers wide, as those of the map, not 3"):
        place(CODES, MAPS[2], CODES[:, 1:])
    with pytest.raises(BadKnob, match="from 1 to 30 on a map of 90 points, not 31"):
        place(CODES, MAPS[2], CODES, perplexity=31)
    with pytest.raises(BadKnob, match=r"x \(row 0\)"):
        place(CODES, PointMap(MAPS[2].coordinates), [[np.nan] * 4], names=["x"])
