"""Requests: enough to ask again, and one digest for one question."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.errors import BadJson
from convscope.contract.request import Request

NET = {"reference": "lite0", "weights": "default", "digest": "aa"}
IMAGE = {"reference": "sample:cat", "digest": "bb"}
UNIT = {"reference": "logits:281"}
ASKED = Request("saliency", {"net": NET, "image": IMAGE, "unit": UNIT}, {"smooth": True, "noise": 0.1})

words = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
tables = st.dictionaries(words, values, max_size=3)
subjects = st.dictionaries(words, st.fixed_dictionaries({"reference": words}, optional={"digest": words}), max_size=3)
names = st.dictionaries(words, words, max_size=3)
requests = st.builds(Request, words, subjects, tables, tables, words, names)


@given(requests)
def test_a_request_comes_back_from_its_json(request):
    again = Request.from_json(request.to_json())
    assert again == request
    assert (again.digest, again.to_json()) == (request.digest, request.to_json())


def test_json_holds_every_part_and_keeps_the_order_of_the_subjects():
    content = json.loads(ASKED.to_json())
    assert list(content) == ["technique", "subjects", "knobs", "view", "version"]
    assert list(content["subjects"]) == ["net", "image", "unit"]
    assert content["subjects"]["image"] == IMAGE
    assert Request.from_json(ASKED.to_json()).python() == ASKED.python()


def test_what_knobs_name_is_in_the_digest_and_in_json_where_there_is_any():
    mask = dataclasses.replace(ASKED, inputs={"mask.png": "dd"})
    assert len({one.digest for one in (ASKED, mask, dataclasses.replace(ASKED, inputs={"mask.png": "ee"}))}) == 3
    assert list(json.loads(mask.to_json())) == ["technique", "subjects", "knobs", "view", "version", "inputs"]
    assert Request.from_json(mask.to_json()) == mask


def test_the_order_of_knobs_and_subjects_does_not_change_the_digest():
    turned = {name: ASKED.subjects[name] for name in ("unit", "net", "image")}
    assert dataclasses.replace(ASKED, knobs={"noise": 0.1, "smooth": True}, subjects=turned).digest == ASKED.digest


@pytest.mark.parametrize("subject", ["net", "image"])
def test_the_digest_is_that_of_contents_not_of_names(subject):
    def digest(**change):
        return dataclasses.replace(
            ASKED, subjects={**ASKED.subjects, subject: {**ASKED.subjects[subject], **change}}
        ).digest

    assert digest(reference="elsewhere") == ASKED.digest
    assert digest(weights="file.safetensors") == ASKED.digest
    assert digest(digest="cc") != ASKED.digest


def test_a_subject_without_contents_counts_by_its_reference():
    other = dataclasses.replace(ASKED, subjects={**ASKED.subjects, "unit": {"reference": "logits:282"}})
    assert other.digest != ASKED.digest


@pytest.mark.parametrize(
    "change", [{"technique": "deconvnet"}, {"knobs": {"noise": 0.2, "smooth": True}}, {"version": "9"}]
)
def test_the_digest_depends_on_technique_knobs_and_version(change):
    assert dataclasses.replace(ASKED, **change).digest != ASKED.digest


def test_swapped_subjects_have_another_digest():
    subjects = {**ASKED.subjects, "net": IMAGE, "image": NET}
    assert dataclasses.replace(ASKED, subjects=subjects).digest != ASKED.digest


def test_the_view_does_not_change_what_is_computed():
    seen = dataclasses.replace(ASKED, view={"style": "grey"})
    assert seen.digest == ASKED.digest
    assert seen.to_json() != ASKED.to_json()


def ask_again(line, **names):
    """What the line would call, by evaluating it with a fake `cs` that writes down its calls."""
    calls = []

    def technique(*args, **knobs):
        calls.append((args, knobs))

    cs = SimpleNamespace(saliency=technique, load=lambda *args, **kwargs: ("load", args, kwargs))
    exec(line, {"cs": cs, **names})
    return calls[0]


@pytest.mark.parametrize(
    ("weights", "extra"),
    [("default", {}), ("none", {"weights": None}), ("it's mine.pth", {"weights": "it's mine.pth"})],
)
def test_the_python_line_makes_the_same_call(weights, extra):
    request = dataclasses.replace(ASKED, subjects={**ASKED.subjects, "net": {**NET, "weights": weights}})
    assert ask_again(request.python()) == (
        (("load", ("lite0",), extra), "sample:cat", "logits:281"),
        {"smooth": True, "noise": 0.1},
    )


def test_the_python_line_names_what_was_made_in_memory():
    subjects = {"net": {"reference": "", "digest": "aa"}, "image": {"reference": "", "digest": "bb"}, "unit": UNIT}
    line = dataclasses.replace(ASKED, subjects=subjects).python()
    assert ask_again(line, net="my net", image="my image") == (
        ("my net", "my image", "logits:281"),
        {"smooth": True, "noise": 0.1},
    )


@given(words, st.dictionaries(st.sampled_from(["a", "b"]), values))
def test_the_python_line_quotes_any_address_and_any_knob(address, knobs):
    line = Request("saliency", {"unit": {"reference": address}}, knobs).python()
    inf = float("inf")
    args, given = ask_again(line, inf=inf)
    assert (args, given) == ((address,), knobs)


def test_a_request_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ASKED.technique = "deconvnet"


@pytest.mark.parametrize(
    "change",
    [
        {"technique": 1},
        {"subjects": []},
        {"subjects": {"net": "lite0"}},
        {"subjects": {"net": {"digest": "aa"}}},
        {"subjects": {"net": {"reference": 5}}},
        {"subjects": {"net": {"reference": "lite0", "weights": ["x"]}}},
        {"knobs": [1]},
        {"view": 1},
        {"inputs": []},
        {"version": 1},
        {"more": 1},
    ],
    ids=str,
)
def test_json_that_describes_no_request_is_refused(change):
    with pytest.raises(BadJson, match="A request must hold"):
        Request.from_json(json.dumps(json.loads(ASKED.to_json()) | change))


@pytest.mark.parametrize("text", ["[" * 5000, "", "[]", "null", '{"technique": "\\ud800"}', "{}"])
def test_a_text_that_is_no_request_is_refused(text):
    with pytest.raises(BadJson):
        Request.from_json(text)


def test_a_file_whose_name_is_no_utf8_is_asked_for_again():
    image = {"reference": "caf\udce9.jpg", "digest": "bb"}
    odd = dataclasses.replace(ASKED, subjects={**ASKED.subjects, "image": image})
    assert Request.from_json(odd.to_json()) == odd
