"""A histogram of a sample holds each of its values in the right bin."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convscope.scan.statistics.bins import bin_edges
from convscope.training.statistics.samples import NO_POWER, sampled_values, scaled_histogram

FLOATS = st.floats(-1e6, 1e6, width=32).map(lambda x: np.float32(0 if abs(x) < 1e-30 else x))


@given(arrays(np.float32, st.integers(1, 40), elements=FLOATS), st.integers(-60, 40))
def test_values_are_in_their_bins_at_any_scale(values, power):
    values = np.ldexp(values, power).astype(np.float32)
    counts, found = scaled_histogram(values)
    edges = bin_edges() * 2.0**found if found != NO_POWER else bin_edges()
    zero = len(counts) // 2
    assert counts.sum() == len(values)
    assert counts[zero] >= (values == 0).sum()
    assert counts[:zero].sum() <= (values < 0).sum()
    rms = np.sqrt(np.mean(np.square(values, dtype=np.float64)))
    for i in np.flatnonzero(counts):
        if i != zero and rms > 0:
            inside = (np.abs(values) >= min(abs(edges[i]), abs(edges[i + 1]))) & (
                np.abs(values) <= max(abs(edges[i]), abs(edges[i + 1]))
            )
            assert inside.sum() >= 1


def test_tiny_gradients_have_bins_of_their_own():
    values = np.float32([1e-9, 2e-9, -3e-9, np.nan, np.inf])
    counts, power = scaled_histogram(values)
    assert counts.sum() == 3
    assert (counts > 0).sum() == 3
    assert 2.0**power > 2e-9 > 2.0 ** (power - 2)


def test_the_sample_is_fixed_and_meets_every_channel():
    x = torch.arange(64 * 128.0).reshape(1, 64, 16, 8)
    sample = sampled_values(x, 256)
    assert (sample == sampled_values(x, 256)).all()
    assert len(sample) <= 256
    assert len({int(v) // 128 for v in sample}) == 64
    assert len(sampled_values(x.contiguous(memory_format=torch.channels_last), 256)) == len(sample)
    assert (sampled_values(torch.ones(3), 256) == 1).all()
