"""Sums without rounding, heaps with a total order, samples by hash: against plain Python, in any order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convscope.scan.statistics import fold_kernels, map_kernels
from convscope.scan.statistics.batch_summary import Lattice, Summarizer, Summary
from convscope.scan.statistics.reducers import Classes, PeakSample, Population, Top, sparseness

NUMBERS = st.floats(-1e20, 1e20).filter(lambda v: v == 0 or abs(v) > 1e-12)


def exactly(limbs: np.ndarray) -> Fraction:
    return sum(int(limb) << 40 * (3 - i) for i, limb in enumerate(limbs[:, 0])) * Fraction(1, 2**100)


@given(st.lists(NUMBERS, max_size=30), st.randoms())
def test_a_sum_is_exact_and_the_same_in_any_order_and_any_parts(values, random):
    whole = np.zeros((4, 1), np.int64)
    fold_kernels.fold_sums(whole, np.array(values).reshape(-1, 1), np.ones((len(values), 1), bool))
    slack = Fraction(len(values), 2**100)  # what lies below the last limb of each
    assert abs(exactly(whole) - sum(map(Fraction, values))) <= slack
    assert abs(fold_kernels.value(whole)[0] - float(exactly(whole))) <= 3e-16 * abs(float(exactly(whole)))
    random.shuffle(values)
    cut = random.randint(0, len(values))
    parts = np.zeros((2, 4, 1), np.int64)
    for part, some in zip(parts, (values[:cut], values[cut:]), strict=True):
        fold_kernels.fold_sums(part, np.array(some).reshape(-1, 1), np.ones((len(some), 1), bool))
    both = parts.sum(0)[None]
    fold_kernels.carry(both)
    assert (both[0] == whole).all()


ENTRIES = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5]), st.integers(0, 50)),
    max_size=40,
    unique_by=lambda e: e[1],
)


@given(ENTRIES, st.integers(1, 9), st.lists(st.integers(0, 3), min_size=40, max_size=40), st.randoms())
def test_the_best_entries_are_those_of_sorting_whatever_the_parts(entries, k, parts, random):
    wanted = sorted(((v, i, i % 4) for v, i in entries if v > 0), key=lambda e: (-e[0], e[1], e[2]))[:k]
    tops = [Top.empty(1, k) for _ in range(4)]
    random.shuffle(entries)
    for (value, image), part in zip(entries, parts, strict=False):
        tops[part].update(summary(peak=[[value]], place=[[image % 4]]), np.array([image]))
    random.shuffle(tops)
    for other in tops[1:]:
        tops[0].merge(other)
    best = tops[0].ordered()
    n = int(best.counts[0])
    assert (
        list(zip(best.values[0, :n].tolist(), best.images[0, :n].tolist(), best.places[0, :n].tolist(), strict=True))
        == wanted
    )
    assert (best.values[0, n:] == 0).all() and (best.images[0, n:] == -1).all()


def summary(peak, place=None):
    made = Summary.empty(len(peak), len(peak[0]))
    made.peak[:] = peak
    made.place[:] = 0 if place is None else place
    return made


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=40), st.integers(1, 9), st.randoms())
def test_a_sample_is_the_same_in_any_order_and_any_parts(numbers, room, random):
    def drawn(order, cut):
        parts = [PeakSample.empty(2, room), PeakSample.empty(2, room)]
        for part, some in zip(parts, (order[:cut], order[cut:]), strict=True):
            for number in some:
                part.update(summary([[number, -number]]), np.array([number]))
        parts[0].merge(parts[1])
        found = parts[0].ordered()
        assert (found.peaks[:, 0] == found.numbers).all()
        return found.numbers.tolist()

    first = drawn(list(numbers), len(numbers))
    shuffled = list(numbers)
    random.shuffle(shuffled)
    assert drawn(shuffled, random.randint(0, len(numbers))) == first == sorted(first)
    assert len(first) == min(room, len(numbers))


def test_a_sample_is_drawn_evenly():
    sample = PeakSample.empty(1, 500)
    for start in range(0, 10_000, 50):
        numbers = np.arange(start, start + 50)
        sample.update(summary(np.zeros((50, 1))), numbers)
    counts, _ = np.histogram(sample.numbers, 10, (0, 10_000))
    assert counts.sum() == 500 and counts.min() > 25 and counts.max() < 80


def test_classes_count_responses_of_their_own_images_only():
    classes = Classes.empty(3, 2)
    classes.update(summary([[1.5, -2], [0.25, 8], [3, 3]]), np.array([2, 2, -1]))
    assert classes.images.tolist() == [0, 0, 2]
    assert np.isnan(classes.means()[:2]).all() and classes.means()[2].tolist() == [0.875, 4.0]


def test_treves_rolls_at_its_ends():
    assert sparseness(np.array([4.0]), np.array([4.0]), 4)[0] == 0  # all alike
    assert sparseness(np.array([2.0]), np.array([4.0]), 4)[0] == 1  # one alone
    population = Population.empty(np.array([0, 2, 3]))
    population.update(summary([[1, 1, 0], [5, 0, 0]]))
    assert population.mean()[0] == 0.5 and np.isnan(population.mean()[1])


@given(st.integers(1, 70), st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**31))
def test_maps_are_boiled_down_as_numpy_does_it(positions, channels, images, seed):
    import torch

    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(images, positions, channels)).astype(np.float32).round(1)
    tensor = torch.from_numpy(maps).permute(0, 2, 1)[..., None]
    into = Summary.empty(images, channels + 3)
    layer = cs_layer(channels, positions)
    Summarizer(0)(layer, tensor, images, into, 2, None)
    own = slice(2, 2 + channels)
    assert (into.peak[:, own] == maps.max(1)).all() and (into.place[:, own] == maps.argmax(1)).all()
    assert (into.low[:, own] == maps.min(1)).all() and (into.zeros[:, own] == (maps == 0).sum(1)).all()
    np.testing.assert_allclose(into.total[:, own], maps.sum(1, dtype=np.float64), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(into.square[:, own], (maps.astype(np.float64) ** 2).sum(1), rtol=1e-12)
    assert not into.peak[:, :2].any() and not into.peak[:, 2 + channels :].any()


def cs_layer(channels, positions):
    from convscope.network.layers.layers import Layer

    return Layer("x", "x", (channels, positions, 1), "NCHW")


def test_another_device_finds_the_same():
    """The way for GPUs, run on the CPU."""
    import torch

    from convscope.scan.statistics.batch_summary import Histograms, _elsewhere

    rng = np.random.default_rng(0)
    tensor = torch.from_numpy(rng.normal(size=(3, 5, 9, 7)).astype(np.float32).clip(-0.5)).contiguous()
    layer = cs_layer(5, 63).__class__("x", "x", (5, 9, 7), "NCHW")
    found = []
    for way in (lambda *a: Summarizer(20)(layer, tensor, 3, *a), lambda *a: _elsewhere(layer, tensor, *a, 20)):
        into, histograms = Summary.empty(3, 5), Histograms(5)
        maps = way(into, 0, histograms)
        found.append((maps, histograms.counts, into))
    (maps, counts, one), (other_maps, other_counts, other) = found
    assert (maps == other_maps).all() and (counts == other_counts).all()
    for name in ("peak", "place", "low", "zeros"):
        assert (getattr(one, name) == getattr(other, name)).all(), name
    np.testing.assert_allclose(one.square, other.square, rtol=1e-12)


def test_a_lattice_counts_at_most_what_was_asked_and_all_where_nothing_was():
    assert Lattice.of((1, 112, 112), 64).counted == 64
    assert Lattice.of((1, 14, 14), 64).counted == 49
    assert Lattice.of((1, 7, 7), 64).counted == 49
    assert Lattice.of((1, 31, 5), 0).counted == 155
    assert Lattice.of((9,), 64).counted == 1


def test_bins_are_closed_towards_zero_and_signed():
    values = np.array([0.0, -0.0, 2**-20, -(2**-20), 1.0, 0.9999, -1.0, 1e30, -1e30], np.float32)
    counts = np.zeros((1, map_kernels.BINS), np.int64)
    room = np.empty((4, 32), np.int32)
    for value in values:
        counts[:] = 0
        map_kernels.count_bins(value.reshape(1, 1, 1).view(np.int32), 1, 1, 1, 1, 0, counts, room)
        (index,) = np.flatnonzero(counts[0])
        from convscope.scan.statistics.bins import bin_edges

        low, high = bin_edges()[index], bin_edges()[index + 1]
        assert low <= value <= high and (index == map_kernels.ZERO) == (value == 0)
