"""Addresses: every form is read and printed alike, and what cannot be read is refused with what can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.errors import UnknownUnit
from convscope.base.unit import Combination, Unit, find_label, parse, parse_sum, total

LABELS = ("Egyptian cat", "tabby, tabby cat", "crane", "crane", "great white shark, white shark, man-eater", "T-shirt")
numbers = st.integers(0, 10**6)
layers = st.text(st.characters(exclude_characters=":@", exclude_categories=["C"]), min_size=1).filter(
    lambda text: text == text.strip()
)


@given(layers, st.none() | st.tuples(numbers, st.none() | st.tuples(numbers, numbers)))
def test_a_printed_unit_reads_back_as_itself(layer, rest):
    unit = Unit(layer, *(rest or ()))
    assert parse(str(unit)) == unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("features.10", Unit("features.10")),
        ("features.10:42", Unit("features.10", 42)),
        ("features.10:42@7,5", Unit("features.10", 42, (7, 5))),
        ("logits:281", Unit("logits", 281)),
        ("probs:281", Unit("probs", 281)),
        ("input", Unit("input")),
        ("input:2@0,31", Unit("input", 2, (0, 31))),
        ("  conv1 : 007 ", Unit("conv1", 7)),
        ("logits:Egyptian cat@0,1", Unit("logits", 0, (0, 1))),
    ],
)
def test_every_form_of_address_is_read(text, unit):
    assert parse(text, LABELS) == unit


def test_a_unit_is_its_own_address():
    unit = Unit("conv1", 3, (1, 2))
    assert parse(unit) is unit


@pytest.mark.parametrize(
    ("unit", "is_class"),
    [("logits:1", True), ("probs:1", True), ("logits", False), ("probs", False), ("conv1:1", False)],
)
def test_only_one_score_or_probability_is_a_class(unit, is_class):
    assert parse(unit).is_class is is_class


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("Egyptian cat", 0),
        ("egyptian_cat", 0),
        ("EGYPTIAN  CAT", 0),
        (" egyptian cat ", 0),
        ("tabby", 1),
        ("tabby cat", 1),
        ("tabby, tabby cat", 1),
        ("man-eater", 4),
        ("White_Shark", 4),
        ("t-shirt", 5),
    ],
)
@pytest.mark.parametrize("layer", ["logits", "probs"])
def test_a_class_goes_by_its_label_or_a_synonym_in_any_case(layer, text, index):
    assert parse(f"{layer}:{text}", LABELS) == Unit(layer, index)


def test_a_whole_label_comes_before_a_synonym():
    assert find_label("cat", ["cat, pussy", "cat"]) == 1


def test_a_label_spelt_exactly_comes_before_one_in_another_case():
    assert [find_label(text, ["Cardigan", "cardigan"]) for text in ("Cardigan", "cardigan")] == [
        0,
        1,
    ]  # a dog, a sweater


def test_a_number_is_an_index_even_where_labels_are_numbers():
    assert parse("logits:0", ["1", "0"]) == Unit("logits", 0)


@pytest.mark.parametrize("labels", [LABELS, ["crane, a bird", "x", "crane, a machine", "crane, a yoga pose"]])
def test_an_ambiguous_label_names_all_its_classes(labels):
    indices = [str(i) for i, label in enumerate(labels) if label.startswith("crane")]
    with pytest.raises(UnknownUnit, match=f"Classes {', '.join(indices)} are all called 'crane'.*number"):
        parse("logits:crane", labels)


def test_an_unknown_label_suggests_the_nearest():
    with pytest.raises(UnknownUnit, match=r"No class is called 'egyptain cat'. Nearest: Egyptian cat.*number"):
        parse("logits:egyptain cat", LABELS)


def test_a_label_without_labels_asks_for_a_number():
    with pytest.raises(UnknownUnit, match=r"no labels.*'tabby' must be given as a number"):
        parse("logits:tabby")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ":",
        ":3",
        "@1,2",
        "a:",
        "a@1,2",
        "a:3@",
        "a:3@1",
        "a:3@1,",
        "a:3@-1,2",
        "a:3@1,2,3",
        "a:3@a,b",
        "a:3@1@2",
    ],
)
def test_what_is_no_address_is_told_the_forms(text):
    with pytest.raises(UnknownUnit, match=r"not the address of a unit. An address is layer, layer:channel, layer:cha"):
        parse(text, LABELS)


@pytest.mark.parametrize("channel", ["-1", "1.5", "1e3", "three", "3:4", "²", "0x1", "tabby"])
def test_the_channel_of_a_layer_is_a_whole_number(channel):
    with pytest.raises(UnknownUnit, match="is not a channel of conv1: a channel is a whole number from 0"):
        parse(f"conv1:{channel}", LABELS)


@pytest.mark.parametrize("text", ["conv1:" + "9" * 5000, "conv1:1@" + "9" * 5000 + ",1"], ids=["channel", "position"])
def test_a_number_of_thousands_of_digits_is_no_channel(text):
    with pytest.raises(UnknownUnit):
        parse(text)


A, B, C = Unit("features.10", 42), Unit("logits", 0), Unit("conv1", 3, (1, 2))
factors = st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6)
terms = st.lists(
    st.tuples(factors, st.sampled_from([A, B, C, Unit("conv1"), Unit("probs", 2)])),
    min_size=1,
    unique_by=lambda term: term[1],
)


@given(terms)
def test_a_printed_sum_reads_back_as_itself(terms):
    found = total(terms)
    assert parse_sum(str(found)) == found and found.terms == tuple(terms)


@given(terms, terms, factors)
def test_sums_are_added_term_by_term(some, others, weight):
    wanted = {unit: 0.0 for _, unit in [*some, *others]}
    for own, unit in [*some, *((-weight * own, unit) for own, unit in others)]:
        wanted[unit] += own
    if any(wanted.values()):
        found = total(some) - weight * total(others)
        assert {unit: own for own, unit in found.terms} == {unit: own for unit, own in wanted.items() if own}


@pytest.mark.parametrize(
    ("text", "found", "printed"),
    [
        ("logits:Egyptian cat - logits:tabby, tabby cat", B - Unit("logits", 1), "logits:0 - logits:1"),
        (
            "0.5 * logits:man-eater + probs:t-shirt",
            0.5 * Unit("logits", 4) + Unit("probs", 5),
            "0.5*logits:4 + probs:5",
        ),
        ("-1*conv1:3@1,2", -C, "-1*conv1:3@1,2"),
        ("conv1 - features.10:42", Unit("conv1") - A, "conv1 - features.10:42"),
        ("2*logits:0 - logits:egyptian cat", B, "logits:0"),
        ("logits:0 + conv1 - logits:0", Unit("conv1"), "conv1"),
    ],
)
def test_sums_are_read_with_labels_and_equal_terms_taken_together(text, found, printed):
    assert parse_sum(text, LABELS) == found and str(found) == printed


def test_units_are_added_and_multiplied():
    assert Combination((2.0, -1.0), (A, B)) == 2 * A - B
    assert np.float32(0.5) * A == A * 0.5 == np.float64(1) * Combination((0.5,), (A,)) == Combination((0.5,), (A,))
    assert -1 * -A is A and (A - B).sources == ("features.10", "logits")
    for wrong in (lambda: A + 1, lambda: A - "logits:1", lambda: "2" * A, lambda: A * B):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize("text", ["logits:0 - logits:Egyptian cat", "0*conv1:3", "a:1 + b - a:1 - b"])
def test_a_sum_that_is_always_zero_is_refused(text):
    with pytest.raises(UnknownUnit, match=r"must not be zero for every image, as .* is\."):
        parse_sum(text, LABELS)


@pytest.mark.parametrize("text", ["1e999*a:1", "1e308*a:1 + 1e308*a:1"])
def test_weights_are_finite(text):
    with pytest.raises(UnknownUnit, match="must be finite numbers"):
        parse_sum(text)


def test_where_one_unit_is_needed_a_sum_is_refused_with_its_terms():
    for asked in ("logits:0 - features.10:42", B - A):
        with pytest.raises(
            UnknownUnit, match=r"not a sum as logits:0 - .* is. Give .* logits:0, or .* needed logits\."
        ):
            parse(asked)
    with pytest.raises(UnknownUnit, match="No class is called 'dog'"):
        parse_sum("logits:dog - logits:tabby", LABELS)
