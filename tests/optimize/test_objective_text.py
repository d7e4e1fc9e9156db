"""Objectives from text: what is printed is read back, whatever its terms, weights and names are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convscope as cs
from convscope.base.errors import BadKnob, UnknownUnit
from convscope.optimize.objective import (
    Above,
    Alignment,
    Caricature,
    Direction,
    Diversity,
    Excite,
    Inside,
    LayerEnergy,
    Objective,
)
from convscope.optimize.objective_text import objective

numbers = st.floats(allow_nan=False, allow_infinity=False)
layers = st.from_regex(r"[a-z][a-z0-9_]{0,5}(\.[a-z0-9_]{1,3}){0,2}", fullmatch=True)
places = st.tuples(st.integers(0, 99), st.integers(0, 99))
channels = st.builds(cs.Unit, layers, st.integers(0, 10**8), st.none() | places)
units = (
    channels | st.builds(cs.Unit, layers) | st.builds(cs.Unit, st.sampled_from(["logits", "probs"]), st.integers(0, 9))
)
images = st.lists(
    st.sampled_from(["cat", "sample:dog", " - ", " + ", ", ", ",", "1.0", "2*", "(1)", " (a - b)", ".jpg", "-", "/"]),
    min_size=1, max_size=6,
).map("".join).map(str.strip).filter(bool)  # fmt: skip
terms = st.one_of(
    st.builds(Excite, units),
    st.builds(Above, st.builds(cs.Unit, st.just("logits"), st.integers(0, 999))),
    st.builds(LayerEnergy, layers, st.integers(0, 99)),
    st.builds(Inside, st.builds(cs.Unit, layers, st.none() | st.integers(0, 99)), st.integers(0, 99)),
    st.builds(Diversity, layers),
    st.builds(Alignment, layers),
    st.builds(Direction, layers, st.lists(numbers, min_size=1, max_size=4).map(tuple), numbers),
    st.builds(Caricature, layers, images, numbers),
)
leaves = terms | st.builds(lambda weight, term: weight * term, numbers, terms)
sums = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a: -a, inner),
        st.builds(lambda w, a: w * a, st.floats(-100, 100), inner),
    ),
    max_leaves=5,
).filter(lambda found: np.isfinite([weight for weight, _ in objective(found).terms]).all())


@given(sums)
def test_what_is_printed_is_read_back(found):
    found = objective(found)
    assert objective(str(found)) == found
    assert str(objective(str(found))) == str(found)


@pytest.mark.parametrize(
    ("text", "weights", "printed"),
    [
        ("logits:281", [1], "logits:281"),
        ("  -1*blocks.2.0:5 ", [-1], "-1*blocks.2.0:5"),
        ("-a:5", [-1], "-1*a:5"),
        ("a:1  -  0.5 * b:2 + dream( c )", [1, -0.5, 1], "a:1 - 0.5*b:2 + dream(c)"),
        ("a - b", [1, -1], "a - b"),
        ("a - -2*b + -3e-05*c", [1, 2, -3e-5], "a + 2*b - 3e-05*c"),
        ("0.1234567890123*a", [0.1234567890123], "0.1234567890123*a"),
        (".5*a + 2.*b", [0.5, 2], "0.5*a + 2*b"),
        ("a-b:1", [1], "a-b:1"),
        ("direction(a, 1 -2 .5)", [1], "direction(a, 1.0 -2.0 0.5, 2.0)"),
        ("caricature(a, my cat - 2, old.jpg) - b", [1, -1], "caricature(a, my cat - 2, old.jpg, 1.0) - b"),
    ],
)
def test_how_it_may_be_written(text, weights, printed):
    found = objective(text)
    assert [weight for weight, _ in found.terms] == weights and str(found) == printed


def test_what_is_no_text_is_taken_as_it_is():
    term = LayerEnergy("a")
    assert objective(2 * term) == Objective(((2, term),)) and objective(term) == Objective(((1, term),))
    assert objective(cs.Unit("a", 3)) == objective("a:3")
    assert objective(str(1 * Direction("a", tuple(np.float32([0.1, 2])), np.float64(3)))) == 1 * Direction(
        "a", (float(np.float32(0.1)), 2.0), 3.0
    )


@pytest.mark.parametrize("call", ["{}", "above({})", "-1*{} + dream(a)"])
def test_classes_by_their_labels(call):
    labels = ("tench, Tinca tinca", "ice-cream", "great white shark")
    for name, index in [("tench, Tinca tinca", 0), ("Tinca tinca", 0), ("ice-cream", 1), ("great  White_shark", 2)]:
        assert objective(call.format(f"logits:{name}"), labels) == objective(call.format(f"logits:{index}"))
    with pytest.raises(UnknownUnit, match="No class is called 'shark'"):
        objective(call.format("logits:shark"), labels)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", BadKnob, "must not be empty. An objective is a unit, such as logits:281"),
        ("  ", BadKnob, "must not be empty"),
        (None, BadKnob, "must be text, a Unit or a term, not NoneType"),
        (3, BadKnob, "must be text, a Unit or a term, not int"),
        ("drean(a)", BadKnob, r"There is no objective drean\(\). Nearest: dream"),
        ("direction(a)", BadKnob, r"'direction\(a\)' is not an objective. An objective is"),
        ("direction(a, b)", BadKnob, "is not an objective"),
        ("direction(a, 1 2, 3, 4)", BadKnob, "is not an objective"),
        ("caricature(a)", BadKnob, "is not an objective"),
        ("a:x", UnknownUnit, "'x' is not a channel of a"),
        ("a:1:2", UnknownUnit, "is not a channel"),
        ("a:1 + ", UnknownUnit, "address"),
        ("above(logits:cat)", UnknownUnit, "no labels"),
    ],
)
def test_what_is_no_objective(text, error, words):
    with pytest.raises(error, match=words):
        objective(text)
