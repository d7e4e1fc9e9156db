"""CCA against scikit-learn and a generalized eigenproblem, and the correlations that are 1 by algebra."""

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from sklearn.cross_decomposition import CCA as SlowCCA

from convscope.base.errors import BadKnob
from convscope.representation.similarity.cca import cca


def normal(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d))


def related(seed, n, p, q):
    x = normal(seed, n, p)
    return x, x @ normal(seed + 1, p, q) + 2 * normal(seed + 2, n, q)


def from_eigenvalues(x, y):
    """Hotelling's: Σxy Σyy⁻¹ Σyx a = ρ² Σxx a."""
    a, b = x - x.mean(0), y - y.mean(0)
    across = a.T @ b
    squares = scipy.linalg.eigh(across @ np.linalg.solve(b.T @ b, across.T), a.T @ a, eigvals_only=True)
    return np.sqrt(np.clip(squares[::-1], 0, 1))[: min(x.shape[1], y.shape[1])]


@pytest.mark.parametrize(("p", "q"), [(3, 3), (5, 2), (1, 4)])
def test_correlations_are_those_of_the_definition(p, q):
    x, y = related(0, 200, p, q)
    found = cca(x, y, draws=1)
    assert found.correlations == pytest.approx(from_eigenvalues(x, y))
    assert found.mean == pytest.approx(from_eigenvalues(x, y).mean())
    assert not found.reduced and found.directions == (p, q) and found.explained == pytest.approx((1, 1))
    assert found.certain == 0 and found.rows == 200


def test_correlations_are_scikit_learns():
    x, y = related(0, 300, 4, 4)
    first, second = SlowCCA(4, max_iter=5000, tol=1e-12).fit_transform(x, y)
    slow = [np.corrcoef(first[:, i], second[:, i])[0, 1] for i in range(4)]
    assert cca(x, y, draws=1).correlations == pytest.approx(slow, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_an_invertible_map_and_the_order_of_images_change_nothing(seed, scale, shift):
    x, y = related(seed, 40, 3, 4)
    mixing = np.linalg.qr(normal(seed + 3, 3, 3))[0] @ np.diag([1, 5, 20])
    order = np.random.default_rng(seed).permutation(40)
    found = cca(scale * (x @ mixing)[order] + shift, y[order], draws=1)
    assert found.correlations == pytest.approx(cca(x, y, draws=1).correlations, abs=1e-7)
    assert cca(x, x @ mixing, draws=1).mean == pytest.approx(1)


def test_with_few_images_correlations_are_one_for_any_data_and_chance_shows_it():
    found = cca(normal(0, 101, 80), normal(1, 101, 80), reduced=False)
    assert found.certain == 60 == (found.correlations > 1 - 1e-9).sum()
    assert found.mean == pytest.approx(0.845, abs=0.01)
    assert found.chance.mean == pytest.approx(0.845, abs=0.01)
    assert found.chance.p_value > 1 / 21
    more = cca(normal(0, 1001, 80), normal(1, 1001, 80))
    assert more.certain == 0 and not more.reduced and more.mean == pytest.approx(0.245, abs=0.01)


def test_with_few_images_layers_are_reduced_to_a_fifth_as_many_directions():
    x, y = normal(0, 101, 80), normal(1, 101, 3)
    found = cca(x, y)
    assert found.reduced and found.directions == (20, 3) and found.certain == 0 and len(found.correlations) == 3
    assert found.explained[0] < 0.6 and found.explained[1] == pytest.approx(1)
    assert not cca(normal(0, 400, 80), y[[0] * 400] + normal(2, 400, 3)).reduced


def test_reduced_layers_keep_99_percent_of_the_squares_and_not_of_the_singular_values():
    basis = np.linalg.qr(normal(0, 600, 512) - normal(0, 600, 512).mean(0))[0]
    codes = basis / np.arange(1, 513)
    found = cca(codes, codes, reduced=True, draws=1)
    assert found.directions == (54, 54) and found.explained == pytest.approx((0.99002, 0.99002), abs=1e-5)  # 53: .98981
    assert (found.mean, found.weighted) == pytest.approx((1, 1))


def test_duplicated_and_constant_units_are_no_directions():
    x, y = related(0, 100, 3, 2)
    wide = np.concatenate([x, x[:, :1] * 2, np.full((100, 1), 7.3)], 1)
    found = cca(wide, y, draws=1)
    assert found.directions == (3, 2) and found.correlations == pytest.approx(cca(x, y, draws=1).correlations)


def test_the_weighted_mean_counts_what_a_direction_carries():
    """Morcos et al.: Σ αᵢ ρᵢ with αᵢ = Σⱼ |hᵢ · xⱼ|, of what is shared in a direction that hardly matters."""
    shared, own = normal(0, 300, 1), normal(1, 300, 1)
    x, y = np.hstack([shared, 100 * own]), np.hstack([shared, normal(2, 300, 1)])
    found = cca(x, y, draws=1)
    a, b = (np.linalg.qr(side - side.mean(0))[0] for side in (x, y))
    h = a @ np.linalg.svd(a.T @ b)[0]
    alpha = np.abs(h.T @ (x - x.mean(0))).sum(1)
    assert found.weighted == pytest.approx(alpha @ found.correlations / alpha.sum())
    assert found.weighted < 0.2 < found.mean


def test_the_chance_is_that_of_shuffling_the_images():
    x, y = related(0, 30, 4, 3)
    rng = np.random.default_rng(4)
    slow = [cca(x, y[rng.permutation(30)], draws=1).mean for _ in range(6)]
    found = cca(x, y, draws=6, seed=4)
    assert found.chance.values == pytest.approx(slow) and found.chance.observed == found.mean


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (normal(0, 4, 1), normal(1, 4, 1), "at least 5 images, not 4"),
        (normal(0, 9, 1), normal(1, 8, 1), "of 9 and of 8"),
        (np.full((9, 2), 0.3), normal(1, 9, 1), "x must differ from image to image"),
        (normal(1, 9, 1), np.zeros((9, 2)), "y must differ from image to image"),
        (normal(1, 9, 1), np.full((9, 2), np.inf), "y must be finite"),
    ],
)
def test_codes_that_cannot_be_correlated_are_refused(x, y, message):
    with pytest.raises(BadKnob, match=message):
        cca(x, y)
