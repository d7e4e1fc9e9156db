"""Streamed CKA: whatever the blocks, the answer of the whole set, in the memory of co-moments."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from convscope.base.errors import BadKnob
from convscope.representation.similarity.cka import cka
from convscope.representation.similarity.streamed_cka import StreamedCKA


def layers(seed, n, *widths):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 5))
    return [np.maximum(common @ rng.standard_normal((5, d)), 0) + rng.standard_normal((n, d)) for d in widths]


def streamed(a, b, blocks):
    stream, cuts = StreamedCKA(), np.cumsum(blocks)[:-1]
    for part in zip(*(np.split(codes, cuts) for codes in (*a, *b)), strict=True):
        stream.add(part[: len(a)], part[len(a) :])
    return stream


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 9), min_size=4, max_size=9),
    st.integers(1, 40),
    st.booleans(),
    st.floats(-1e3, 1e3),
)
def test_any_blocks_give_the_answer_of_the_whole(seed, blocks, width, biased, drift):
    n = sum(blocks)
    a, b = layers(seed, n, 3, width), layers(seed, n, 2, 7, 1)
    a[0] += drift * np.arange(n)[:, None] / n  # as images sorted by class: no block is like the whole
    stream = streamed(a, b, blocks)
    found = stream.result(biased=biased)
    assert stream.rows == found.rows == n and found.undefined_a == found.undefined_b == ()
    assert found.values == pytest.approx(np.array([[cka(x, y, biased=biased) for y in b] for x in a]), abs=1e-8)


def test_images_in_another_order_change_nothing():
    a, b = layers(0, 50, 3, 4), layers(1, 50, 5)
    order = np.random.default_rng(0).permutation(50)
    found = streamed([x[order] for x in a], [y[order] for y in b], [10] * 5).result().values
    assert found == pytest.approx(streamed(a, b, [25, 25]).result().values)


def test_the_answer_so_far_can_be_had_and_more_be_added():
    a, b = layers(0, 60, 3), layers(0, 60, 4)
    stream = StreamedCKA()
    for rows in (slice(0, 6), slice(6, 40), slice(40, 60)):
        stream.add([a[0][rows]], [b[0][rows]])
        assert stream.result().values[0, 0] == pytest.approx(cka(a[0][: rows.stop], b[0][: rows.stop]))
        assert stream.result().values == pytest.approx(stream.result().values)


def test_memory_does_not_grow_with_images():
    stream = StreamedCKA()
    for seed in range(40):
        stream.add(layers(seed, 7, 6, 4), layers(seed, 7, 5))
        assert sum(len(block[0]) for block, _ in stream._kept) <= 10  # 10·5 + 36 + 16 + 25 over 15
    assert stream._moments is not None and stream.rows == 280


def test_few_images_of_wide_layers_are_never_made_co_moments():
    a, b = layers(0, 12, 3000), layers(0, 12, 2000)
    stream = streamed(a, b, [5, 7])
    assert stream._moments is None and stream.result().values[0, 0] == pytest.approx(cka(a[0], b[0]))


def test_a_block_may_be_written_over_once_it_was_added():
    a, b = layers(0, 20, 30), layers(1, 20, 40)
    expected, stream = cka(a[0], b[0]), StreamedCKA()
    stream.add(a, b)
    a[0][:], b[0][:] = 0, 1
    assert stream._moments is None
    assert stream.result().values[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("n", [8, 200])
def test_layers_that_tell_no_images_apart_are_named_and_the_others_compared(n):
    a, b = layers(0, n, 3, 4), layers(1, n, 5, 2, 6)
    a[1][:], b[0][:], b[2][1:] = 0.1, 0, 0
    found = streamed(a, b, [n // 2, n - n // 2]).result()
    assert found.undefined_a == (1,) and found.undefined_b == (0, 2)
    assert np.isnan(found.values).tolist() == [[True, False, True], [True, True, True]]
    assert found.values[0, 1] == pytest.approx(cka(a[0], b[1]))


def test_a_network_with_itself_has_ones_on_the_diagonal():
    a = layers(0, 90, 4, 30, 6)
    found = streamed(a, a, [30, 60]).result().values
    assert np.diag(found) == pytest.approx(1) and found == pytest.approx(found.T) and found.max() <= 1


def test_float32_codes_are_summed_in_float64():
    a, b = ([codes.astype(np.float32) + np.float32(300) for codes in layers(seed, 400, 6, 9)] for seed in (0, 1))
    found = streamed(a, b, [100] * 4).result().values
    assert found == pytest.approx(
        streamed([x.astype(float) for x in a], [y.astype(float) for y in b], [400]).result().values
    )


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (([np.zeros((4, 3))], [np.zeros((5, 2))]), "codes of the same images, not 1 and 1 layers of 4, 5 images"),
        (([np.zeros((4, 3))], []), "at least one each, must have codes of the same images, not 1 and 0 layers"),
        (([np.zeros((4, 3))], [np.zeros((4, 9))]), r"as wide as in the first block, \(\(3,\), \(2,\)\), not"),
        (([np.zeros((4, 3))], [np.full((4, 2), np.nan)]), r"b\[0\] must be finite"),
        (([np.zeros((4, 3, 1))], [np.zeros((4, 2))]), r"a\[0\] must be numbers"),
    ],
)
def test_a_block_of_other_layers_or_images_is_refused_and_changes_nothing(second, message):
    a, b = layers(0, 6, 3), layers(1, 6, 2)
    stream = streamed(a, b, [6])
    with pytest.raises(BadKnob, match=message):
        stream.add(*second)
    assert stream.rows == 6 and stream.result().values[0, 0] == pytest.approx(cka(a[0], b[0]))


def test_no_images_and_too_few_are_refused():
    with pytest.raises(BadKnob, match="must have images, but no block was added"):
        StreamedCKA().result()
    with pytest.raises(BadKnob, match="at least 4 images, not 3"):
        streamed(layers(0, 3, 1), layers(1, 3, 1), [3]).result()
    assert np.isfinite(streamed(layers(0, 3, 1), layers(1, 3, 1), [3]).result(biased=True).values).all()
