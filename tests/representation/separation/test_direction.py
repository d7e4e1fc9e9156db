"""A logistic direction: what no unit tells alone, tested on images it never saw."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from convscope.base.errors import BadKnob
from convscope.representation.separation import direction as module
from convscope.representation.separation.auroc import auroc
from convscope.representation.separation.direction import fit_direction


def spread(seed, n=600, d=30):
    """Codes whose sum tells the selection, and no unit of them alone."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((n, d)) * np.logspace(-2, 2, d) + 5
    score = ((codes - 5) / np.logspace(-2, 2, d)).sum(1)
    return codes, score > np.quantile(score, 0.8), rng.random(n) < 0.5


def test_it_finds_what_is_spread_over_units_whatever_their_scale():
    codes, selected, finding = spread(0)
    found = fit_direction("blocks.3", codes, selected, finding)
    assert np.abs(auroc(codes, selected) - 0.5).max() < 0.25 and found.auroc > 0.97 and found.converged
    assert found.layer == "blocks.3" and found.weights.shape == (30,)
    scores = found.scores(codes)
    assert found.auroc == pytest.approx(roc_auc_score(selected[~finding], scores[~finding]))
    assert found.found == pytest.approx(roc_auc_score(selected[finding], scores[finding]))


def test_it_is_scikit_learns_logistic_regression_of_standardized_units():
    codes, selected, finding = spread(1)
    scaler = StandardScaler().fit(codes[finding])
    slow = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000, tol=1e-10)
    slow.fit(scaler.transform(codes[finding]), selected[finding])
    found = fit_direction("x", codes, selected, finding)
    assert found.scores(codes) == pytest.approx(slow.decision_function(scaler.transform(codes)), abs=1e-2)


def test_the_testing_half_is_never_looked_at():
    codes, selected, finding = spread(2)
    found = fit_direction("x", codes, selected, finding)
    other, others = codes.copy(), selected.copy()
    other[~finding], others[~finding] = other[~finding][::-1] * 3, others[~finding][::-1]
    again = fit_direction("x", other, others, finding)
    assert (again.weights == found.weights).all() and (again.bias, again.found) == (found.bias, found.found)


def test_noise_is_separated_where_it_was_fitted_and_not_where_it_is_tested():
    rng = np.random.default_rng(0)
    codes, selected, finding = rng.standard_normal((400, 300)), rng.random(400) < 0.5, rng.random(400) < 0.5
    found = fit_direction("x", codes, selected, finding)
    assert found.found > 0.99 and abs(found.auroc - 0.5) < 0.12


def test_a_constant_unit_has_no_weight_and_an_unfinished_fit_says_so(monkeypatch):
    codes, selected, finding = spread(3)
    codes[:, 4] = 7.7
    assert fit_direction("x", codes, selected, finding).weights[4] == 0
    monkeypatch.setattr(module, "_STEPS", 2)
    assert not fit_direction("x", codes, selected, finding).converged


def test_a_half_without_a_selected_image_is_refused():
    codes, selected, finding = spread(4)
    with pytest.raises(BadKnob, match="not none of them"):
        fit_direction("x", codes, selected & finding, finding)
    with pytest.raises(BadKnob, match="not none of them"):
        fit_direction("x", codes, selected & ~finding, finding)
