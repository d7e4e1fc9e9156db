"""Principal components: scikit-learn's, from any blocks, with signs that stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from convscope.base.errors import BadKnob
from convscope.representation.embedding.principal import Scatter, principal_axes


def codes(count=60, width=7, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, width)) * np.arange(1, width + 1) + 5).astype(np.float32)


def test_components_are_those_of_scikit_learn():
    x = codes()
    axes, theirs = principal_axes(x, 4), PCA(4, svd_solver="full").fit(x.astype(np.float64))
    signs = np.sign((axes.axes * theirs.components_).sum(axis=1))
    assert axes.axes == pytest.approx(theirs.components_ * signs[:, None], abs=1e-9)
    assert axes.variances == pytest.approx(theirs.explained_variance_)
    assert axes.explained == pytest.approx(theirs.explained_variance_ratio_)
    assert axes.project(x) == pytest.approx(theirs.transform(x) * signs, abs=1e-4)


@given(cuts=st.lists(st.integers(1, 59), max_size=5, unique=True))
def test_blocks_are_as_good_as_the_whole(cuts):
    x, scatter = codes(), Scatter()
    for block in np.split(x, sorted(cuts)):
        scatter.add(block)
    axes, whole = scatter.axes(), principal_axes(x)
    assert axes.axes == pytest.approx(whole.axes, abs=1e-9) and axes.rows == 60
    assert axes.mean == pytest.approx(x.astype(np.float64).mean(axis=0))


def test_a_large_mean_takes_no_digits_away():
    x = codes().astype(np.float64)
    moved = principal_axes(x + 1e6)
    assert moved.variances == pytest.approx(principal_axes(x).variances, rel=1e-6)


def test_the_largest_loading_is_above_zero_whatever_is_seen_first():
    x = codes()
    axes = principal_axes(x)
    assert (np.take_along_axis(axes.axes, np.abs(axes.axes).argmax(axis=1)[:, None], 1) > 0).all()
    assert principal_axes(x[::-1]).axes == pytest.approx(axes.axes, abs=1e-9)
    mirrored = principal_axes(2 * x.mean(axis=0) - x)
    assert mirrored.axes == pytest.approx(axes.axes, abs=1e-5)


def test_equally_large_loadings_leave_the_first_above_zero():
    for x in ([[0, 0], [1, -1]], [[0, 0], [-1, 1.0]]):
        assert principal_axes(x).axes == pytest.approx(np.array([[1, -1]]) / np.sqrt(2))


def test_dead_and_repeated_dimensions_make_no_axes():
    x = codes(width=3)
    wide = np.hstack([x, np.zeros((60, 5)), x[:, :1] * 2])
    axes = principal_axes(wide)
    assert axes.axes.shape == (3, 9) and axes.explained.sum() == pytest.approx(1)
    assert (axes.axes[:, 3:8] == 0).all()


def test_at_most_fifty_axes_by_default():
    x = np.random.default_rng(0).normal(size=(70, 60))
    assert len(principal_axes(x).axes) == 50 and len(principal_axes(x[:20]).axes) == 19


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_equal_codes_are_refused(value):
    with pytest.raises(BadKnob, match="differ, but all 5 are equal"):
        principal_axes(np.full((5, 3), value))


def test_refusals_name_the_row_and_the_width():
    x = codes()
    x[50, 1] = np.nan
    with pytest.raises(BadKnob, match=r"in photo50 \(row 50\)"):
        principal_axes(x, names=[f"photo{i}" for i in range(60)])
    scatter = Scatter()
    scatter.add(codes())
    with pytest.raises(BadKnob, match="7 numbers wide, as the first, not 3"):
        scatter.add(codes(width=3))
    with pytest.raises(BadKnob, match="7 numbers wide, as the axes, not 3"):
        principal_axes(codes()).project(codes(width=3))
