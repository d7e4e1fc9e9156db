"""Sums as text: what is spelled is split again, and signs within names join nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.errors import UnknownUnit
from convscope.base.sums import spelled, split_sum
from convscope.base.unit import parse_sum

LABELS = ("tabby, tabby cat", "black-and-tan coonhound", "half - track, halftrack", "A + B", "chow, chow")
weights = st.floats(allow_nan=False, allow_infinity=False).filter(bool)
names = st.sampled_from(["logits:1", "a.1:42@7,7", "a-b:1", "dream(x - y)", "logits:chow, chow", "logits:A + B"])


@given(st.lists(st.tuples(weights, names), min_size=1, max_size=4))
def test_what_is_spelled_is_split_again(terms):
    assert split_sum(spelled(terms), LABELS) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("logits:half - track", [(1, "logits:half - track")]),
        ("logits:Half  -  Track - logits:tabby", [(1, "logits:Half  -  Track"), (-1, "logits:tabby")]),
        ("0.5*probs: half_-_track + b", [(0.5, "probs: half_-_track"), (1, "b")]),
        ("logits:half - logits:track", [(1, "logits:half"), (-1, "logits:track")]),
        ("logits:half - tracks", [(1, "logits:half"), (-1, "tracks")]),
        ("logits:half - track, halftrack + a:1", [(1, "logits:half - track, halftrack"), (1, "a:1")]),
        ("logits:black-and-tan coonhound - -2*a-b", [(1, "logits:black-and-tan coonhound"), (2, "a-b")]),
        ("half - track", [(1, "half"), (-1, "track")]),
        ("-a:1", [(-1, "a:1")]),
    ],
)
def test_signs_join_terms_but_for_those_in_labels(text, terms):
    assert split_sum(text, LABELS) == terms


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("logits:3-logits:5", "logits:3 - logits:5"),
        ("logits:3+0.5*logits:5", "logits:3 + 0.5*logits:5"),
        ("logits:3 -layer1:5@2,3", "logits:3 - layer1:5@2,3"),
    ],
)
def test_a_sum_without_blanks_is_refused_with_the_one_that_is_meant(text, spaced):
    with pytest.raises(UnknownUnit, match=re.escape(f"blanks around them, not as in {text!r}. Ask for {spaced!r}.")):
        parse_sum(text)
    assert str(parse_sum(spaced)) == spaced


def test_a_layer_with_a_dash_in_its_name_is_no_sum():
    assert str(parse_sum("block-1:3")) == "block-1:3"


def test_without_labels_a_sign_between_spaces_always_joins():
    assert split_sum("logits:half - track") == [(1, "logits:half"), (-1, "track")]


def test_to_be_looked_at_it_has_other_signs():
    assert spelled([(-0.5, "dog"), (-1, "cat"), (2, "owl")], "−", " × ") == "−0.5 × dog − cat + 2 × owl"
