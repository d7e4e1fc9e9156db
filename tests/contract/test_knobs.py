"""Knobs: their signature is their whole definition."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from convscope.base.errors import BadImage, BadKnob
from convscope.catalog.catalog import CATALOG
from convscope.contract import knobs

Steps = Annotated[int, Field(ge=1, le=100, description="how many steps are taken")]


def method(
    net,
    image,
    *,
    steps: Steps = 10,
    noise: Annotated[float, Field(ge=0, lt=1, description="share of noise")] = 0.1,
    fill: Annotated[Literal["mean", "blur"], Field(description="what covers")] = "mean",
    smooth: Annotated[bool, Field(description="treat SiLU as a rectifier")] = False,
):
    """A method with one knob of every kind."""


def plain(net, layer):
    """A method without knobs."""


def test_positional_parameters_are_subjects_and_keyword_only_ones_knobs():
    assert knobs.subjects(method) == ["net", "image"]
    assert list(knobs.schema(method)) == ["steps", "noise", "fill", "smooth"]
    assert knobs.schema(plain) == {}


def test_the_schema_holds_bounds_default_and_sentence():
    schema = knobs.schema(method)
    expected = {
        "minimum": 1,
        "maximum": 100,
        "default": 10,
        "type": "integer",
        "description": "how many steps are taken",
    }
    assert schema["steps"].items() >= expected.items()
    assert schema["noise"].items() >= {"minimum": 0, "exclusiveMaximum": 1, "type": "number"}.items()
    assert schema["fill"]["enum"] == ["mean", "blur"]


def test_knobs_not_given_have_their_defaults():
    assert knobs.check(method, {}) == {"steps": 10, "noise": 0.1, "fill": "mean", "smooth": False}
    assert knobs.check(method, {"steps": 3, "fill": "blur"})["steps"] == 3
    assert knobs.check(plain, {}) == {}


@pytest.mark.parametrize(("given", "value"), [("7", 7), (7.0, 7), (7, 7)])
def test_equal_values_become_the_same_knob(given, value):
    checked = knobs.check(method, {"steps": given})["steps"]
    assert (checked, type(checked)) == (value, int)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "steps must be greater than or equal to 1, not 0. steps: how many steps are taken"),
        ({"steps": 101}, "steps must be less than or equal to 100, not 101. steps: how many steps are taken"),
        ({"steps": "many"}, "steps must be a valid integer, .*not 'many'. steps: how many steps are taken"),
        ({"steps": 1.5}, "steps must be a valid integer, .*not 1.5"),
        ({"steps": None}, "steps must be a valid integer, not None"),
        ({"noise": 1}, "noise must be less than 1, not 1. noise: share of noise"),
        ({"noise": float("nan")}, "noise must be .* not nan"),
        ({"noise": float("inf")}, "noise must be less than 1, not inf"),
        ({"fill": "grey"}, "fill must be 'mean' or 'blur', not 'grey'. fill: what covers"),
        ({"smooth": "perhaps"}, "smooth must be a valid boolean, .*not 'perhaps'"),
        ({"steps": 0, "noise": 2}, "steps must be .* not 0.* noise must be less than 1, not 2"),
    ],
)
def test_a_knob_out_of_bounds_says_what_it_must_be_and_was(given, sentence):
    with pytest.raises(BadKnob, match=f"^{sentence}"):
        knobs.check(method, given)


def test_an_unknown_knob_suggests_the_nearest_and_lists_all():
    with pytest.raises(
        BadKnob, match=r"^method has no knob 'step'. Nearest: steps. Its knobs are steps, noise, fill, smooth."
    ):
        knobs.check(method, {"step": 3})


def test_an_unknown_knob_whose_word_a_sentence_has_suggests_that_one():
    with pytest.raises(BadKnob, match=r"^method has no knob 'rectifier'. Nearest: smooth. Its knobs are"):
        knobs.check(method, {"rectifier": 3})


def test_the_contents_of_what_a_knob_names_are_found_and_what_cannot_be_read_is_left_to_the_function():
    def digests(text):
        if text == "gone.png":
            raise BadImage("It is gone.")
        return {text: "aa"}

    def paint(net, *, guide: Annotated[str, knobs.Names(digests)] = "", title: str = "x"):
        """Two texts, of which one names a file."""

    assert knobs.contents(paint, {"guide": "here.png", "title": "here.png"}) == {"here.png": "aa"}
    assert knobs.contents(paint, {"guide": "gone.png", "title": "x"}) == {}


def several(
    net,
    *,
    layers: Annotated[str, knobs.Several(",")] = "all",
    masks: Annotated[str, knobs.Several("; ")] = "",
    title: str = "x",
):
    """Texts, of which two hold several things."""


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"layers": ["a", "b"]}, {"layers": "a,b"}),
        ({"layers": ("a",)}, {"layers": "a"}),
        ({"layers": []}, {"layers": ""}),
        ({"layers": "a, b"}, {"layers": "a, b"}),
        ({"masks": [Path("sky.png"), "ground.png"]}, {"masks": "sky.png; ground.png"}),
        ({"layers": [2, 0.5]}, {"layers": "2,0.5"}),
    ],
)
def test_a_list_says_the_same_as_text_with_signs_between(given, text):
    assert knobs.check(several, given) == knobs.check(several, text)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"layers": ["a,b"]}, "^layers must be a list of texts without ',', not 'a,b'"),
        ({"masks": ["a;b"]}, "^masks must be a list of texts without ';', not 'a;b'"),
        ({"layers": ["a", None]}, "^layers must be text, or a list of texts or numbers, not one with None"),
        ({"layers": [["a"]]}, "not one with .'a'."),
        ({"layers": [True]}, "not one with True"),
        ({"title": ["a", "b"]}, "^title must be a valid string, not "),
    ],
)
def test_a_list_that_text_cannot_hold_is_refused(given, sentence):
    with pytest.raises(BadKnob, match=sentence):
        knobs.check(several, given)


def test_a_subject_is_no_knob():
    with pytest.raises(BadKnob, match="method has no knob 'net'"):
        knobs.check(method, {"net": 3})


def test_an_unknown_knob_of_a_method_without_knobs_says_so():
    with pytest.raises(BadKnob, match=r"^plain has no knob 'steps'. It has none.$"):
        knobs.check(plain, {"steps": 3})


def test_every_knob_that_is_a_class_says_so_to_the_page():
    every = [(each.name, name, row) for each in CATALOG for name, row in each.schema.items()]
    told = {(each, name) for each, name, row in every if row.get("description", "").startswith("number or label of")}
    assert told == {(each, name) for each, name, row in every if row.get("format") == "class"}
    assert {("pgd", "target"), ("pgd", "label"), ("occlusion", "correct")} <= told
