"""Affinities and the divergence: the equations of van der Maaten and Hinton 2008, and known answers."""

import numpy as np
import openTSNE
import pytest
from scipy.optimize import brentq

from convscope.base.errors import BadKnob
from convscope.representation.embedding.affinities import (
    gaussian_affinities,
    kl_divergence,
    neighbors_needed,
    perplexities_for,
)
from convscope.representation.embedding.neighbors import Neighbors, nearest_neighbors


def slow_affinities(rows, perplexity):
    """Every row's width by bisection over all others, then the mean of both directions."""
    count = len(rows)
    conditional = np.zeros((count, count))
    for i, row in enumerate(rows):
        apart = np.delete(np.square(rows - row).sum(axis=1), i)

        def weights(beta, apart=apart):
            w = np.exp(-beta * (apart - apart.min()))
            return w / w.sum()

        def missing(log_beta, weights=weights):
            p = weights(np.exp(log_beta))
            return np.exp(-(p * np.log(np.maximum(p, 1e-300))).sum()) - perplexity

        conditional[i, np.arange(count) != i] = weights(np.exp(brentq(missing, -20, 20)))
    return (conditional + conditional.T) / (2 * count)


def test_affinities_are_those_of_the_paper():
    rows = np.random.default_rng(0).normal(size=(31, 3))
    found = gaussian_affinities(nearest_neighbors(rows, 30), [10.0])
    assert found.joint.toarray() == pytest.approx(slow_affinities(rows, 10), abs=1e-7)
    assert found.joint.sum() == pytest.approx(1) and not found.evidence


def test_several_perplexities_are_the_mixture_of_opentsne():
    rows = np.random.default_rng(0).normal(size=(60, 3))
    theirs = openTSNE.affinity.MultiscaleMixture(rows, [5, 15], method="exact").P
    ours = gaussian_affinities(nearest_neighbors(rows, 45), [5.0, 15.0])
    assert ours.joint.toarray() == pytest.approx(theirs.toarray(), abs=1e-9) and not ours.evidence


def test_two_neighbors_at_a_perplexity_of_one_and_a_half():
    """p = 0.859723 where β(d₂² − d₁²) = 1.812995."""
    near = Neighbors(np.array([[1, 2], [0, 2], [1, 0]], np.int32), np.array([[1, 2.0]] * 3))
    joint = gaussian_affinities(near, [1.5]).joint.toarray() * 6
    assert joint[0, 1] == pytest.approx(2 * 0.859723, abs=1e-5)
    assert joint[0, 2] == pytest.approx(2 * (1 - 0.859723), abs=1e-5)


def test_a_perplexity_that_no_width_gives_is_reported():
    """In a regular simplex all others are equally near."""
    found = gaussian_affinities(nearest_neighbors(np.eye(10), 9), [3.0])
    assert found.evidence["perplexity_unreachable"].startswith("of 10 of 10 points")
    assert found.joint.toarray() == pytest.approx((1 - np.eye(10)) / 90)


def test_hundreds_of_copies_have_finite_affinities():
    rows = np.random.default_rng(0).normal(size=(300, 4))
    rows[:200] = 100
    found = gaussian_affinities(nearest_neighbors(rows, 30), [10.0])
    assert np.isfinite(found.joint.data).all() and found.joint.sum() == pytest.approx(1)
    assert "of 200 of 300" in found.evidence["perplexity_unreachable"]


def test_divergence_of_three_equidistant_points():
    """On a line 0.0822867; as an equilateral triangle 0."""
    joint = gaussian_affinities(nearest_neighbors(np.eye(3), 2), [2.0]).joint
    assert joint.toarray() == pytest.approx((1 - np.eye(3)) / 6)
    assert kl_divergence(joint, np.array([[-1, 0], [0, 0], [1, 0]])) == pytest.approx(0.0822867, abs=1e-7)
    assert kl_divergence(joint, np.eye(3)) == pytest.approx(0, abs=1e-12)


def test_affinities_too_small_for_a_number_are_zero():
    rows = np.array([[0], [1], [3], [1e6], [1e6 + 1], [1e6 + 3]])
    joint = gaussian_affinities(nearest_neighbors(rows, 5), [1.6]).joint
    assert (joint.toarray()[:3, 3:] == 0).all()
    assert joint.sum() == pytest.approx(1) and np.isfinite(kl_divergence(joint, rows))


def test_divergence_of_many_points_is_estimated(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(400, 2))
    joint = gaussian_affinities(nearest_neighbors(rows, 30), [10.0]).joint
    exact = kl_divergence(joint, rows * 3)
    monkeypatch.setattr("convscope.representation.embedding.affinities._EXACT_UP_TO", 399)
    monkeypatch.setattr("convscope.representation.embedding.affinities._PROBES", 200)
    estimated = kl_divergence(joint, rows * 3)
    assert estimated != exact and estimated == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(
    ("count", "perplexities"), [(91, [30]), (3000, [30]), (5000, [30, 50]), (10_000, [30, 100]), (10_001, [30])]
)
def test_default_perplexities(count, perplexities):
    assert perplexities_for(count) == (perplexities, {})


def test_few_points_lower_the_default_and_say_so():
    perplexities, evidence = perplexities_for(31)
    assert perplexities == [10] and evidence == {"perplexity_lowered": "from 30 to 10, as there are only 31 points"}
    assert neighbors_needed(perplexities, 31) == 30
    assert neighbors_needed(perplexities_for(4)[0], 4) == 3 == neighbors_needed([1.0], 400)


@pytest.mark.parametrize("asked", [30, 0.5, [5, 11], []])
def test_a_perplexity_that_was_asked_for_is_never_changed(asked):
    assert perplexities_for(31, [10, 5]) == ([5, 10], {})
    with pytest.raises(BadKnob, match="perplexity must be"):
        perplexities_for(31, asked)


def test_three_points_are_no_map():
    with pytest.raises(BadKnob, match="at least 4 points, not 3"):
        perplexities_for(3)
