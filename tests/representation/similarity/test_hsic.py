"""HSIC against its definitions: every pair, triple and quadruple of images; and the mean of all orders."""

import itertools

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.centered import Centered
from convscope.representation.similarity import hsic as module
from convscope.representation.similarity.hsic import LayerMoments, gram_hsic, hsic


def codes(seed, n, d, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


def from_images(x, y):
    """Unbiased as Song et al. define it: means over all pairs, quadruples and triples of different images."""
    k, l, n = x @ x.T, y @ y.T, len(x)  # noqa: E741
    pairs = np.mean([k[i, j] * l[i, j] for i, j in itertools.permutations(range(n), 2)])
    quadruples = np.mean([k[i, j] * l[q, r] for i, j, q, r in itertools.permutations(range(n), 4)])
    triples = np.mean([k[i, j] * l[i, q] for i, j, q in itertools.permutations(range(n), 3)])
    return pairs + quadruples - 2 * triples


def from_trace(x, y):
    """Biased as Gretton et al. define it."""
    h = np.eye(len(x)) - 1 / len(x)
    return np.trace(x @ x.T @ h @ y @ y.T @ h) / (len(x) - 1) ** 2


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("way", [gram_hsic, lambda a, b, biased: LayerMoments.of(a, b).hsic(biased=biased), hsic])
@pytest.mark.parametrize("n", [4, 5, 9])
def test_both_ways_are_the_definition(way, n, biased, monkeypatch):
    monkeypatch.setattr(module, "_STRIP", 40)  # several strips
    a, b = [codes(0, n, 3, 2.0), codes(1, n, 20)], [codes(2, n, 2), codes(0, n, 3)[:, :1], codes(3, n, 6, -5.0)]
    slow = from_trace if biased else from_images
    found = way([Centered.of(x) for x in a], [Centered.of(y) for y in b], biased=biased)
    assert found.cross == pytest.approx(np.array([[slow(x, y) for y in b] for x in a]))
    assert found.self_a == pytest.approx([slow(x, x) for x in a])
    assert found.self_b == pytest.approx([slow(y, y) for y in b])


def test_over_all_orders_the_unbiased_one_has_mean_zero_and_a_known_deviation():
    x, y, n = Centered.of(codes(0, 6, 3)), codes(1, 6, 2), 6
    every = [gram_hsic([x], [Centered.of(y[list(order)])], biased=False) for order in itertools.permutations(range(n))]
    cross = np.array([found.cross[0, 0] for found in every])
    own = every[0].self_a[0] * every[0].self_b[0]
    assert cross.mean() == pytest.approx(0, abs=1e-12)
    assert cross.std() == pytest.approx(np.sqrt(own * 2 / (n * (n - 3))))


def song_in_float32(x):
    """The formula in common use, from a Gram matrix that is not centered."""
    k = x @ x.T
    np.fill_diagonal(k, 0)
    n, total = np.float32(len(x)), k.sum()
    return (np.sum(k * k) + total * total / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) ** 2).sum()) / (n * (n - 3))


@pytest.mark.parametrize("way", [gram_hsic, lambda a, b, biased: LayerMoments.of(a, b).hsic(biased=biased)])
def test_wide_codes_far_from_zero_keep_their_digits(way):
    """Where Song's formula in float32 is wrong by orders: 16 images, 50,000 units, mean 20."""
    x = codes(0, 16, 50_000 if way is gram_hsic else 2000, 20.0).astype(np.float32)
    exact = x.astype(np.longdouble) - x.astype(np.longdouble).mean(0)
    gram = exact @ exact.T
    np.fill_diagonal(gram, 0)
    n, rows = 16, gram.sum(0)
    right = ((gram * gram).sum() + rows.sum() ** 2 / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows**2).sum()) / (
        n * (n - 3)
    )
    assert way([Centered.of(x)], [Centered.of(x)], biased=False).self_a[0] == pytest.approx(float(right), rel=1e-9)
    assert abs(song_in_float32(x) - right) > 10 * right


def test_a_layers_own_is_never_negative():
    for seed in range(50):
        x = Centered.of(codes(seed, 4 + seed % 3, 2000, 1e3))
        assert gram_hsic([x], [x], biased=False).self_a[0] > 0


@pytest.mark.parametrize("way", [gram_hsic, lambda a, b, biased: LayerMoments.of(a, b).hsic(biased=biased)])
@pytest.mark.parametrize(
    "same",
    [
        np.full((12, 3), 0.1),
        np.full((12, 3), 1e8),
        np.pad(np.full((1, 3), 7.7), ((0, 11), (0, 0))),  # one image differs
        np.eye(12) * 3 + 0.1,  # all equally far from each other
    ],
)
def test_what_only_rounding_is_left_of_is_zero(way, same):
    found = way([Centered.of(same), Centered.of(codes(0, 12, 3))], [Centered.of(same)], biased=False)
    assert found.self_a[0] == found.self_b[0] == 0 < found.self_a[1]
    assert np.isfinite(found.cross).all()


@pytest.mark.parametrize("way", [gram_hsic, lambda a, b, biased: LayerMoments.of(a, b).hsic(biased=biased)])
@pytest.mark.parametrize(("n", "biased"), [(3, False), (1, True)])
def test_too_few_images_are_refused(way, n, biased):
    x = Centered.of(codes(0, n, 5))
    with pytest.raises(BadKnob, match=f"iased HSIC must have at least {n + 1} images, not {n}. Add some"):
        way([x], [x], biased=biased)
