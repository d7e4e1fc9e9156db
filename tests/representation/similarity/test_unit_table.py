"""What became of units: both partners must be beyond chance, and what is doubled, dead or unread says so."""

import numpy as np
import pyarrow.compute as pc
import pytest

from convscope.representation.similarity.unit_table import LayerUnits, unit_table

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(40, 4))


def layer(network, codes=CODES, least=0.5, outgoing=None):
    least = np.broadcast_to(np.asarray(least, float), codes.shape[1])
    return LayerUnits(network, f"l{network}", codes, least, outgoing)


def column(table, network, name):
    return table.filter(pc.equal(table["network"], network))[name].to_pylist()


def test_a_pair_must_be_beyond_what_is_asked_of_either_unit():
    order = [2, 0, 3, 1]
    table = unit_table(layer("a"), layer("b", CODES[:, order]))
    assert column(table, "b", "partner") == order and column(table, "a", "partner") == np.argsort(order).tolist()
    strict = [0.5, 1.5, 0.5, 0.5]
    table = unit_table(layer("a", least=strict), layer("b", CODES[:, order]))
    assert column(table, "a", "state") == ["matched", "lost", "matched", "matched"]
    assert column(table, "b", "state") == ["matched", "matched", "matched", "new"]
    table = unit_table(layer("a"), layer("b", CODES[:, order], strict))
    assert column(table, "a", "state") == ["lost", "matched", "matched", "matched"]
    assert column(table, "b", "state") == ["matched", "new", "matched", "matched"]
    assert column(table, "b", "least") == strict and column(table, "b", "partner")[1] is None


def test_a_unit_that_says_nothing_has_no_partner_and_no_double():
    dead = CODES.copy()
    dead[:, [1, 2]] = 7
    table = unit_table(layer("a", dead, least=-1), layer("b", least=-1))
    assert column(table, "a", "state") == ["matched", "dead", "dead", "matched"]
    assert column(table, "b", "state") == ["matched", "new", "new", "matched"]
    assert column(table, "a", "duplicate") == [None] * 4 and column(table, "a", "best")[1] == 0


@pytest.mark.parametrize(("noise", "doubled"), [(0.1, True), (0.6, False)])
def test_a_double_is_told_with_the_first_like_it(noise, doubled):
    codes = np.concatenate([CODES, CODES[:, :1] + noise * RNG.normal(size=(40, 1))], 1)
    found = column(unit_table(layer("a", codes), layer("b")), "a", "duplicate")
    assert found == ([4, None, None, None, 0] if doubled else [None] * 5)


def test_of_few_images_a_double_must_be_beyond_chance():
    few = RNG.normal(size=(4, 1))
    codes = np.concatenate([few, few + 0.05 * RNG.normal(size=(4, 1)), RNG.normal(size=(4, 200))], 1)
    assert column(unit_table(layer("a", codes, -1), layer("b", codes, -1)), "a", "duplicate")[0] is None


def test_a_unit_is_unread_where_its_outgoing_weights_are_next_to_nothing_beside_the_others():
    outgoing = np.array([1.0, 2e-4, 0.0, 0.5])
    table = unit_table(layer("a", outgoing=outgoing), layer("b", outgoing=np.zeros(4)))
    assert column(table, "a", "unused") == [False, True, True, False] and column(table, "b", "unused") == [True] * 4
    assert column(unit_table(layer("a"), layer("b")), "a", "unused") == [None] * 4


def test_a_lone_candidate_is_ahead_of_nothing():
    table = unit_table(layer("a", CODES[:, :1]), layer("b", CODES[:, :1]))
    assert column(table, "a", "correlation") == pytest.approx([1]) and column(table, "a", "gap") == [None]
