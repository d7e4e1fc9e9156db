"""The class of a unit: a planted one is found, and what is too rare or alone is not asked about."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.separation.auroc import auroc
from convscope.representation.separation.classes import best_classes
from convscope.representation.separation.halves import finding_half

IDS = [f"{i}.png" for i in range(120)]
LABELS = [("cat", "dog", "bird", None)[i % 4] for i in range(120)]


def planted():
    """Noise, in which unit 2 says more of dogs and unit 5 less of cats."""
    codes = np.random.default_rng(0).normal(size=(120, 7))
    codes[:, 2] += 4 * (np.array(LABELS, object) == "dog")
    codes[:, 5] -= 4 * (np.array(LABELS, object) == "cat")
    return codes


def test_planted_classes_are_found_and_tested_on_the_other_half():
    found, codes = best_classes(planted(), LABELS, IDS), planted()
    assert found.names == ("bird", "cat", "dog") and found.few == 0
    assert found.names[found.best[2]] == "dog" and found.auroc[2] > 0.97
    assert found.names[found.best[5]] != "cat"  # of which it says least
    testing = ~finding_half(IDS)
    for unit, best in enumerate(found.best):
        inside = np.array([label == found.names[best] for label in LABELS])
        assert found.auroc[unit] == pytest.approx(auroc(codes[testing, unit, None], inside[testing])[0])
        areas = [
            auroc(codes[~testing, unit, None], (np.array(LABELS, object) == name)[~testing])[0] for name in found.names
        ]
        assert found.found[unit] == pytest.approx(max(areas)) and best == np.argmax(areas)


def test_chance_is_chosen_on_one_half_and_gone_on_the_other():
    labels = [f"class {i % 6}" for i in range(600)]
    found = best_classes(np.random.default_rng(1).normal(size=(600, 200)), labels, [f"{i}" for i in range(600)])
    assert found.found.mean() > 0.55 and abs(found.auroc.mean() - 0.5) < 0.01


@pytest.mark.parametrize(
    ("labels", "few"),
    [([None] * 120, 0), (["one"] * 120, 0), ([f"{i}" for i in range(120)], 120)],
    ids=["none", "one", "all alone"],
)
def test_where_no_class_can_be_told_units_have_none(labels, few):
    found = best_classes(planted(), labels, IDS)
    assert found.names == () and found.few == few and (found.best == -1).all() and np.isnan(found.auroc).all()


def test_nan_is_refused():
    with pytest.raises(BadKnob, match="must be finite"):
        best_classes(np.full((120, 2), np.nan), LABELS, IDS)
