"""Maps over training: what is unchanged stays, what changes is told, and nothing is measured without its null."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.representation.embedding import evolution
from convscope.representation.embedding.evolution import evolve, shared_axes
from convscope.representation.embedding.motion import motion_between
from convscope.representation.embedding.neighbors import nearest_neighbors
from convscope.representation.embedding.principal import principal_axes
from convscope.representation.embedding.quality import map_quality
from convscope.representation.embedding.tsne import tsne

RANDOM = np.random.default_rng(0)
EARLY_CODES = RANDOM.normal(size=(100, 6)).astype(np.float32)
LATE_CODES = EARLY_CODES + 8 * (np.arange(100)[:, None] % 4 == np.arange(6)).astype(np.float32)
SHORT = {"iterations": 40, "continued": 30}


def test_unchanged_snapshots_move_far_less_than_independent_runs():
    found = evolve([LATE_CODES, LATE_CODES, LATE_CODES])
    radius = np.sqrt(np.square(found.coordinates[-1]).sum(axis=1).mean())
    runs = [tsne(LATE_CODES, seed=seed).coordinates for seed in (1, 2)]
    apart = np.median(np.linalg.norm(runs[0] - runs[1], axis=1)) / radius
    assert all((motion.replaced == 0).all() and motion.correlation is None for motion in found.motions)
    assert max(found.motions[1].median, found.null.median) < max(0.05, apart / 5)
    assert found.null.median > 0


def test_change_shows_where_it_is():
    changed = LATE_CODES.copy()
    changed[:10] = changed[10:20][::-1] + 0.01
    found = evolve([LATE_CODES, changed])
    (motion,) = found.motions
    assert motion.median > 3 * found.null.median
    assert motion.displacement[:10].mean() > 5 * motion.displacement[20:].mean()
    assert motion.replaced[:10].mean() > 0.9 and motion.correlation > 0.2


def test_the_last_map_is_that_of_tsne_and_maps_are_first_to_last():
    found = evolve([EARLY_CODES, LATE_CODES], **SHORT, dims=3)
    rows = [codes - codes.mean(0) for codes in (EARLY_CODES.astype(float), LATE_CODES.astype(float))]
    rows = [codes / np.sqrt(np.square(codes).sum(1).mean()) for codes in rows]
    alone = tsne(shared_axes(rows).project(rows[1]), iterations=40, dims=3).coordinates
    axes = shared_axes([EARLY_CODES, LATE_CODES])
    assert found.coordinates.shape == (2, 100, 3) and found.coordinates.dtype == np.float32
    assert np.ptp(found.coordinates[-1] - alone, axis=0) == pytest.approx(0, abs=1e-5)
    assert axes.axes == pytest.approx(principal_axes(np.vstack([EARLY_CODES, LATE_CODES])).axes, abs=1e-9)


def test_a_snapshot_of_small_variance_keeps_its_own_neighbors():
    small = RANDOM.normal(size=(100, 6)) * 1e-3
    found = evolve([small, LATE_CODES])
    alone = map_quality(small, tsne(small).coordinates).neighbor_recall
    assert map_quality(small, found.coordinates[0]).neighbor_recall > 0.9 * alone


def test_the_null_is_off_by_what_float16_rounds():
    off = evolution._off_by_rounding(LATE_CODES, 0)
    share = np.abs(off - LATE_CODES) / np.abs(LATE_CODES)
    assert share.max() <= 2**-11 and share.mean() == pytest.approx(2**-12, rel=0.1)
    assert (off != evolution._off_by_rounding(LATE_CODES, 1)).all()


def test_a_stronger_pull_moves_less():
    free, held = (evolve([EARLY_CODES, LATE_CODES], **SHORT, pull=pull).motions[0].median for pull in (0, 3))
    assert held < 0.8 * free


def test_the_same_bits_on_two_threads(monkeypatch):
    monkeypatch.setattr(evolution, "EARLY", 10)
    one, two = (evolve([EARLY_CODES, LATE_CODES], **SHORT, jobs=jobs) for jobs in (1, 2))
    assert (one.coordinates == two.coordinates).all() and one.evidence == two.evidence


@pytest.mark.parametrize(("step", "maps", "motions"), [(10, 1, 0), (300, 2, 1), (330, 2, 1)])
def test_stopped_it_has_the_maps_that_were_made(step, maps, motions):
    def stop(done, total, preview):
        assert total == 290 + 2 * 30 and preview.shape == (100, 2)
        if done == step:
            raise Cancelled

    with listening(stop):
        found = evolve([EARLY_CODES, LATE_CODES], **SHORT)
    assert found.coordinates.shape == (maps, 100, 2) and len(found.motions) == motions
    assert (found.null is None) == (step < 321) and found.evidence["partial"] == f"cancelled after {step} of 350 steps"


def test_motion_with_loops_and_what_turned_apart():
    one, other = RANDOM.normal(size=(2, 30, 2))
    codes, changed = RANDOM.normal(size=(2, 30, 4))
    near, near_changed = (nearest_neighbors(rows, 12).indices for rows in (codes, changed))
    motion = motion_between(one, other, near, near_changed)
    radius = np.mean([np.sum((row - other.mean(axis=0)) ** 2) for row in other]) ** 0.5
    moved = [np.linalg.norm(a - b) / radius for a, b in zip(one, other, strict=True)]
    new = [len(set(a[:10]) - set(b[:10])) / 10 for a, b in zip(near, near_changed, strict=True)]
    assert motion.displacement == pytest.approx(moved, rel=1e-5) and motion.replaced == pytest.approx(new)
    assert motion.correlation == pytest.approx(spearmanr(moved, new).statistic) and motion.aligned is None
    assert motion.median == pytest.approx(np.median(moved))
    turned = motion_between(other @ [[0, 1], [-1, 0]], other, near, near, lambda points, _: points @ [[0, -1], [1, 0]])
    assert turned.aligned == pytest.approx(1) and turned.median == pytest.approx(0, abs=1e-6)
    assert motion_between(other, other, near, near, lambda points, _: points).aligned is None


def test_refusals():
    with pytest.raises(BadKnob, match="at least 2 snapshots, not 1"):
        evolve([EARLY_CODES])
    with pytest.raises(BadKnob, match=r"\(100, 6\), but snapshot 1 is \(99, 6\)"):
        evolve([EARLY_CODES, EARLY_CODES[1:]])
    with pytest.raises(BadKnob, match="pull must be at least 0"):
        evolve([EARLY_CODES, LATE_CODES], pull=-1)
    broken = EARLY_CODES.copy()
    broken[3] = np.nan
    with pytest.raises(BadKnob, match="in row 3"):
        evolve([EARLY_CODES, broken])
