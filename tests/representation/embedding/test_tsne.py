"""t-SNE: openTSNE's updates, in pieces that can be watched and stopped without changing a bit."""

import numpy as np
import openTSNE
import pytest
from sklearn.manifold import TSNE
from sklearn.manifold import trustworthiness as theirs_of

from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.representation.embedding.affinities import Affinities, gaussian_affinities
from convscope.representation.embedding.neighbors import nearest_neighbors
from convscope.representation.embedding.tsne import Descent, phases, principal_start, tsne


def clusters(count=120, width=6, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, width)) + 6 * np.arange(count)[:, None] % 3 * np.eye(width)[0]).astype(
        np.float32
    )


TRIANGLE = [[0, 0], [1, 0], [0.5, 0.75**0.5]]
SHORT = {"early_iterations": 20, "iterations": 10, "perplexity": 10}


@pytest.mark.parametrize(("repulsion", "theirs"), [("barnes-hut", "bh"), ("fft", "fft")])
def test_updates_are_those_of_opentsne(repulsion, theirs):
    rows = clusters().astype(np.float64)
    start = principal_start(rows, 2, 0)
    near = nearest_neighbors(rows, 30)
    affinities = gaussian_affinities(near, [10])
    ours = Descent(affinities, start, repulsion=repulsion)
    kept = openTSNE.affinity.PerplexityBasedNN(
        knn_index=openTSNE.nearest_neighbors.PrecomputedNeighbors(near.indices, near.distances), perplexity=10
    )
    kept.P = affinities.joint.copy()
    plain = openTSNE.TSNEEmbedding(start, kept, negative_gradient_method=theirs)
    plain.optimize(20, exaggeration=12, momentum=0.8, inplace=True)
    for _ in range(20):
        ours.update(12)
    assert (ours.points == np.asarray(plain)).all()
    plain.optimize(10, momentum=0.8, inplace=True)
    for _ in range(10):
        ours.update()
    assert ours.points == pytest.approx(np.asarray(plain), abs=1e-3)  # theirs divides by 12 what it multiplied


def test_maps_are_as_good_as_those_of_peers():
    rows = clusters()
    found = tsne(rows, perplexity=15)
    open_tsne = np.asarray(openTSNE.TSNE(perplexity=15, neighbors="exact", random_state=0).fit(rows))
    sklearn = TSNE(perplexity=15, learning_rate=len(rows) / 4, random_state=0).fit_transform(rows)
    ours = theirs_of(rows, found.coordinates, n_neighbors=5)
    assert ours > max(theirs_of(rows, other, n_neighbors=5) for other in (open_tsne, sklearn)) - 0.01
    assert found.coordinates.dtype == np.float32 and found.coordinates.shape == (120, 2)
    assert found.evidence["iterations"] == found.evidence["iterations_asked"] == 750
    assert "partial" not in found.evidence and found.evidence["perplexity"] == [15]


@pytest.mark.parametrize("knobs", [{"repulsion": "barnes-hut"}, {"repulsion": "fft"}, {"dims": 3}])
def test_the_same_bits_on_two_threads_and_again(knobs):
    one, two, other = (
        tsne(clusters(), **SHORT, **knobs, jobs=jobs, seed=seed) for jobs, seed in ((1, 0), (2, 0), (1, 1))
    )
    assert (one.coordinates == two.coordinates).all() and one.evidence == two.evidence
    assert (one.coordinates != other.coordinates).any()


def stopping_after(count, frames):
    def listener(step, total, preview):
        frames.append((step, total, preview))
        if step == count:
            raise Cancelled

    return listener


@pytest.mark.parametrize("count", [1, 20, 25])
def test_stopped_after_some_updates_it_is_the_map_of_those(count):
    with listening(stopping_after(count, frames := [])):
        stopped = tsne(clusters(), **SHORT)
    plan = {"early_iterations": min(count, 20), "iterations": max(0, count - 20)}
    whole = tsne(clusters(), **{**SHORT, **plan})
    assert (stopped.coordinates == whole.coordinates).all() and len(frames) == count
    assert stopped.evidence["partial"] == f"cancelled after {count} of 30 steps"
    assert (stopped.evidence["iterations"], stopped.evidence["iterations_asked"]) == (count, 30)
    assert stopped.evidence["kl_divergence"] == whole.evidence["kl_divergence"]


def test_frames_are_copies_and_the_last_is_the_map():
    with listening(stopping_after(None, frames := [])):
        found = tsne(clusters(), **SHORT)
    assert [step for step, _, _ in frames] == list(range(1, 31)) and {total for _, total, _ in frames} == {30}
    assert len({frame.tobytes() for _, _, frame in frames}) == 30
    assert (frames[-1][2] == found.coordinates).all()


def test_any_other_exception_of_a_listener_ends_all():
    def listener(step, total, preview):
        raise KeyboardInterrupt

    with listening(listener), pytest.raises(KeyboardInterrupt):
        tsne(clusters(), **SHORT)


def test_the_gradient_of_three_points_on_a_line():
    """0.05, of which openTSNE takes a quarter, at a first gain of 1.2; none for an equilateral triangle."""
    affinities = gaussian_affinities(nearest_neighbors(np.eye(3), 2), [2])
    for place, slope in (
        ([[-1, 0], [0, 0], [1, 0]], [[-0.0125, 0], [0, 0], [0.0125, 0]]),
        (TRIANGLE, np.zeros((3, 2))),
    ):
        begun = np.array(place, float) - np.mean(place, axis=0)
        descent = Descent(affinities, begun)
        descent.update()
        assert descent.points - begun == pytest.approx(-3 * 1.2 * np.array(slope))


def test_the_start_is_small_principal_components():
    rows = clusters().astype(np.float64)
    start = principal_start(rows, 2, 0)
    assert start[:, 0].std() == pytest.approx(1e-4, rel=0.01)
    shares = (rows - rows.mean(axis=0)).T @ start
    _, values, _ = np.linalg.svd(rows - rows.mean(axis=0))
    assert np.linalg.norm(shares, axis=0) == pytest.approx(values[:2] ** 2 * 1e-4 / values[0] * 120**0.5, rel=0.01)


def test_codes_on_a_line_leave_it():
    line = np.arange(20.0)[:, None]
    assert np.linalg.matrix_rank(tsne(line).coordinates) == 2


def test_hundreds_of_copies_are_safe():
    rows = clusters()
    rows[20:] = rows[0]
    found = tsne(rows, **SHORT)
    assert np.isfinite(found.coordinates).all() and "perplexity_unreachable" in found.evidence


def test_many_points_are_exaggerated_to_the_end():
    assert phases(99_999, 2, 3) == [12, 12, 1, 1, 1]
    assert phases(100_000, 2, 3) == [12, 12, 4, 4, 4]


def test_the_box_is_centered():
    found = tsne(clusters(), **SHORT, dims=3).coordinates
    assert found.max(axis=0) + found.min(axis=0) == pytest.approx(0, abs=1e-7)


def test_four_points_are_a_map_and_say_the_perplexity():
    found = tsne(np.eye(4))
    assert found.evidence["perplexity_lowered"] == "from 30 to 1, as there are only 4 points"
    assert np.isfinite(found.coordinates).all()


def test_the_repulsion_is_chosen_by_size():
    def chosen(count, dims, asked="auto"):
        return Descent(Affinities(None), np.zeros((count, dims)), repulsion=asked).repulsion

    assert (chosen(10_000, 2), chosen(10_001, 2), chosen(10_001, 3)) == ("barnes-hut", "fft", "barnes-hut")
    assert chosen(5, 2, "fft") == "fft"
    with pytest.raises(BadKnob, match="'barnes-hut' or 'auto', not 'fft'"):
        chosen(5, 3, "fft")
    with pytest.raises(BadKnob, match="2 or 3 dimensions, not 4"):
        chosen(5, 4)


@pytest.mark.parametrize(("early", "late"), [(0, 0), (-1, 5), (5, -1)])
def test_iterations_must_be_some(early, late):
    with pytest.raises(BadKnob, match="at least 1 in all"):
        tsne(clusters(), early_iterations=early, iterations=late)


def test_bad_codes_are_refused():
    with pytest.raises(BadKnob, match="at least 4 points, not 3"):
        tsne(np.eye(3))
    with pytest.raises(BadKnob, match=r"b \(row 1\)"):
        tsne([[1, 2], [np.nan, 0], [1, 1], [0, 0]], names=list("abcd"))
    with pytest.raises(BadKnob, match="all 9 are equal"):
        tsne(np.ones((9, 2)))
    with pytest.raises(BadKnob, match=r"perplexity must be from 1 to 3 for 10 points.* not 30"):
        tsne(clusters(10), perplexity=30)
