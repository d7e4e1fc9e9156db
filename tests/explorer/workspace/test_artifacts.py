"""Answers: a frame holds what the view holds, and a file what `save` writes."""

import dataclasses
import json

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.base.plain import to_json
from convscope.explorer.workspace.artifacts import artifact_parts, choices, frame_of, keep, kept_under, narrowed
from convscope.explorer.workspace.frame import decode
from convscope.store import Store
from convscope.view.figures.registry import draw

MADE = {
    "activations": lambda net: cs.activations(net, "sample:cat", "0"),
    "weights": lambda net: cs.weights(net, "3"),
    "saliency": lambda net: cs.saliency(net, "sample:cat", "0:3"),
    "occlusion": lambda net: cs.occlusion(net, "sample:cat", "logits:2", size=16, stride=16),
    "maximize": lambda net: cs.maximize(net, "0:3; 3:1", steps=2),
    "dream": lambda net: cs.dream(net, "sample:cat", "0", steps=1, octaves=1, frames=2, size=64),
    "invert": lambda net: cs.invert(net, "sample:cat", "0", steps=2),
    "pointing": lambda net: cs.sanity_check(net, "sample:cat", "logits:2"),
}


@pytest.fixture(params=MADE)
def result(request, tiny):
    return MADE[request.param](tiny)


def test_a_frame_holds_the_view(result):
    header, arrays = decode(frame_of(result, {}))
    view = draw(result)
    assert header["digest"] == result.request.digest
    assert header["technique"] == result.request.technique and header["python"] == result.request.python()
    assert header["spec"] == json.loads(to_json(view.spec())) and header["unit"] == str(result.unit)
    assert header["evidence"] == json.loads(to_json(result.evidence))
    assert arrays.keys() == view.arrays.keys()
    for name, array in view.arrays.items():
        assert arrays[name].dtype == {"u": np.uint8, "f": np.float32, "i": np.int32}[array.dtype.kind]
        assert np.array_equal(arrays[name], array, equal_nan=array.dtype.kind == "f")


def test_every_file_is_what_save_writes(result, tmp_path):
    parts = artifact_parts(result, {})
    endings = [each for each in result.endings(result.request.knobs) if each != ".html"]
    assert [*parts] == [*(ending[1:] for ending in endings), "frame"]
    for ending in endings:
        assert parts[ending[1:]] == result.save(tmp_path / f"x{ending}").read_bytes()
    assert ("mp4" in parts) == (result.request.technique == "dream")


def test_another_picture_of_the_same_result_is_kept_under_another_digest(tiny):
    result = MADE["saliency"](tiny)
    kind, request = type(result), result.request
    assert kept_under(request, kind, {}) == request.digest
    assert choices(kind, {"style": "all"}) == {} and choices(kind, {"style": "over"}) == {"style": "over"}
    grey = {"style": "absolute"}
    assert kept_under(request, kind, grey) not in (request.digest, kept_under(request, kind, {"style": "over"}))
    assert decode(frame_of(result, grey))[0]["digest"] == kept_under(request, kind, grey)
    with pytest.raises(BadKnob):
        kept_under(request, kind, {"nonsense": 1})


def test_what_was_chosen_anyway_changes_nothing(tiny, tmp_path):
    result = MADE["maximize"](tiny)
    assert artifact_parts(result, {"side": 0}) == artifact_parts(result, {})
    assert artifact_parts(result, {"side": 64})["png"] == result.save(tmp_path / "x.png", side=64).read_bytes()


def test_nan_and_numpy_in_the_evidence_become_json(tiny):
    result = dataclasses.replace(MADE["saliency"](tiny), evidence={"a": np.float32("nan"), "b": (np.int64(3), None)})
    assert decode(frame_of(result, {}))[0]["evidence"] == {"a": None, "b": [3, None]}


@pytest.mark.parametrize(("kind", "becomes"), [
    ("float64", "float32"), ("float16", "float32"), ("int64", "int32"), ("bool", "uint8"), ("uint16", "int32"),
    ("uint8", "uint8"), ("int8", "int32"),
])  # fmt: skip
def test_arrays_are_narrowed_to_what_a_browser_reads(kind, becomes):
    assert narrowed(np.ones((2, 3), kind).T).dtype == becomes


def test_a_kept_result_has_all_its_parts_and_a_synthesized_one_a_small_picture(tiny, tmp_path):
    store = Store(tmp_path)
    dreamt, painted = MADE["dream"](tiny), cs.maximize(tiny, "0:3", steps=2)
    assert keep(store, dreamt, {}) == dreamt.request.digest
    assert store.names(dreamt.request.digest) == ["frame", "json", "mp4", "npz", "png"]
    assert keep(store, painted, {"side": 64}) != painted.request.digest
    assert store.names(painted.request.digest) == ["thumb"]
    store.close()
