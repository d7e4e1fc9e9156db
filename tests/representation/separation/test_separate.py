"""Units of a selection: planted ones are found with their sign, chance is not, and the testing half stays unseen."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from convscope.base.errors import BadKnob
from convscope.base.progress import listening
from convscope.representation.separation.halves import finding_half
from convscope.representation.separation.holm import holm
from convscope.representation.separation.separate import separate

N = 400
IDS = [f"{i}.png" for i in range(N)]


def normal(seed, d):
    return np.random.default_rng(seed).standard_normal((N, d)).astype(np.float32)


@pytest.fixture
def planted():
    """Three layers; unit 3 of the second says more of the selection, unit 5 of the third less."""
    layers = {"a": normal(0, 6), "b": normal(1, 8), "c": normal(2, 7)}
    selected = np.random.default_rng(3).random(N) < 0.25
    layers["b"][selected, 3] += 3
    layers["c"][selected, 5] -= 2
    return layers, selected


def test_planted_units_are_found_with_their_sign_and_all_figures_are_of_the_testing_half(planted):
    layers, selected = planted
    found = separate(layers, selected, IDS)
    first, second = found.units[:2]
    assert (first.layer, first.unit, first.sign) == ("b", 3, 1)
    assert (second.layer, second.unit, second.sign) == ("c", 5, -1)
    finds = finding_half(IDS)
    for unit in found.units:
        values = unit.sign * layers[unit.layer][:, unit.unit].astype(float)
        assert unit.found == pytest.approx(roc_auc_score(selected[finds], values[finds])) and unit.found >= 0.5
        assert unit.auroc == pytest.approx(roc_auc_score(selected[~finds], values[~finds]))
        above = values > unit.sign * unit.threshold
        assert unit.sensitivity == pytest.approx(above[~finds & selected].mean())
        assert unit.specificity == pytest.approx(1 - above[~finds & ~selected].mean())
    assert first.sensitivity > 0.8 < first.specificity and 0.5 < first.threshold < 2.5 and -2 < second.threshold < 0
    assert found.direction is None and len(found.units) == 20
    assert found.finding == (selected[finds].sum(), (~selected[finds]).sum())
    assert found.testing == (selected[~finds].sum(), (~selected[~finds]).sum())


def test_p_values_are_corrected_for_all_that_were_tested(planted):
    found = separate(*planted, IDS, top=6)
    p_values = np.array([unit.p_value for unit in found.units])
    assert [unit.corrected for unit in found.units] == holm(p_values).tolist()
    assert max(unit.corrected for unit in found.units[:2]) < 1e-6 and min(u.corrected for u in found.units[2:]) > 0.01


def test_the_areas_are_of_every_unit_on_the_finding_half(planted):
    layers, selected = planted
    found, half = separate(layers, selected, IDS, top=1), finding_half(IDS)
    assert {name: len(areas) for name, areas in found.areas.items()} == {"a": 6, "b": 8, "c": 7}
    slow = [roc_auc_score(selected[half], unit[half]) for unit in layers["c"].T]
    assert found.areas["c"] == pytest.approx(slow) and found.areas["c"][5] < 0.2


def test_what_is_found_does_not_depend_on_the_testing_half(planted):
    layers, selected = planted
    tests, order = ~finding_half(IDS), np.random.default_rng(0).permutation
    found = separate(layers, selected, IDS)
    changed = selected.copy()
    changed[tests] = order(changed[tests])
    again = separate(layers, changed, IDS)
    for one, other in zip(found.units, again.units, strict=True):
        assert (one.layer, one.unit, one.sign, one.threshold, one.found) == (
            other.layer, other.unit, other.sign, other.threshold, other.found,
        )  # fmt: skip
    assert again.units[0].auroc < 0.65 < found.units[0].auroc


def test_the_order_of_images_changes_nothing(planted):
    layers, selected = planted
    order = np.random.default_rng(0).permutation(N)
    again = separate({name: codes[order] for name, codes in layers.items()}, selected[order], [IDS[i] for i in order])
    assert [vars(unit) for unit in again.units] == [vars(unit) for unit in separate(layers, selected, IDS).units]


def test_a_selection_by_chance_is_not_separated_though_it_is_found():
    layers, selected = {"a": normal(0, 2000)}, np.random.default_rng(1).random(N) < 0.3
    found = separate(layers, selected, IDS)
    assert min(unit.found for unit in found.units) > 0.6
    assert min(unit.corrected for unit in found.units) > 0.05 and max(unit.auroc for unit in found.units) < 0.7
    assert abs(found.direction.auroc - 0.5) < 0.1 < 0.45 < found.direction.found - 0.5


def test_where_no_unit_is_enough_there_is_a_direction_of_the_layer_asked_for():
    layers = {"a": normal(0, 30), "b": normal(1, 5)}
    score = layers["a"].sum(1)
    selected = score > np.quantile(score, 0.75)
    found = separate(layers, selected, IDS, layer="a")
    assert max(unit.auroc for unit in found.units) < 0.7 < 0.95 < found.direction.auroc
    assert found.direction.layer == "a" and separate(layers, selected, IDS).direction.layer == "b"


def test_units_that_are_equally_good_come_in_the_order_of_layers(planted):
    layers, selected = planted
    layers = {name: layers["b"][:, [0, 3] * 40] for name in "za"}
    units = separate(layers, selected, IDS, top=80).units
    assert [(unit.layer, unit.unit) for unit in units] == [(name, i) for name in "za" for i in range(1, 80, 2)]


def test_bytes_and_units_that_fire_in_one_half_only_are_tested_too(planted):
    selected = planted[1]
    codes = np.zeros((N, 2), np.uint8)
    codes[:, 0], codes[finding_half(IDS) & selected, 1] = 255 - 200 * selected, 9
    found = separate({"a": codes}, selected, IDS)
    assert [(unit.unit, unit.sign, unit.auroc, unit.p_value) for unit in found.units[1:]] == [(1, 1, 0.5, 1)]
    assert found.units[0].sign == -1 and found.units[0].auroc == 1 and found.units[0].threshold == 155


def test_each_layer_is_reported(planted):
    steps = []
    with listening(lambda *step: steps.append(step[:2])):
        separate(*planted, IDS, top=1)
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selected": np.zeros(N, bool)}, "some of the 400 images, not none of them"),
        ({"selected": np.ones(N, bool)}, "not all of them"),
        ({"selected": np.arange(N) < 6}, r"at least 5 selected and 5 others, not \d and \d+. Select more"),
        ({"selected": np.arange(N) >= 6}, r"at least 5 selected and 5 others, not \d+ and \d. Select more"),
        ({"ids": IDS[:-1]}, "true or false for each of 399 images"),
        ({"ids": ["same"] * N}, "at least 5 selected"),
        ({"layers": {"a": normal(0, 3)[:-1]}}, "a must have codes of the 400 images that have ids, not of 399"),
        ({"layers": {"a": normal(0, 3) * np.nan}}, "a must be finite"),
        ({"layers": {}}, "layer must be one of at least one, not None"),
        ({"layer": "d"}, "layer must be one of a, b, c, not d"),
        ({"top": 0}, "top must be at least 1 unit, not 0"),
    ],
)
def test_what_cannot_be_separated_is_refused(planted, change, message):
    layers, selected = planted
    asked = {"layers": layers, "selected": selected, "ids": IDS, **change}
    with pytest.raises(BadKnob, match=message):
        separate(asked.pop("layers"), asked.pop("selected"), asked.pop("ids"), **asked)
