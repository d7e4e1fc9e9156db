"""The gallery shows, small, what was synthesized of a layer, and nothing else."""

import io

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, UnknownLayer
from convscope.base.pixels import to_bytes
from convscope.explorer.answers.gallery import each, gallery
from convscope.explorer.workspace.artifacts import THUMB, keep
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import AskGallery

KNOBS = {"steps": 2, "size": 64}


def shown(workspace, layer="0", **knobs):
    header, arrays = decode(gallery(workspace, AskGallery(network="tiny", layer=layer, knobs={**KNOBS, **knobs})))
    assert header == {"layer": layer, "units": workspace.network("tiny").layers[layer].units}
    assert arrays["pictures"].dtype == np.uint8 and arrays["pictures"].shape[1:] == (THUMB, THUMB, 3)
    return dict(zip(arrays["channels"].tolist(), arrays["pictures"], strict=True))


def test_it_shows_those_that_are_there(workspace, tiny):
    assert shown(workspace) == {}
    for channel in (1, 4):
        keep(workspace.store, cs.maximize(tiny, f"0:{channel}", **KNOBS), {})
    found = shown(workspace)
    assert (
        {*found} == {1, 4}
        and shown(workspace, "3") == {}
        and shown(workspace, seed=1) == {}
        and shown(workspace, steps=3) == {}
    )
    picture = PIL.Image.fromarray(to_bytes(cs.maximize(tiny, "0:4", **KNOBS).images)[0])
    side = min(THUMB, 64)
    inside = found[4][(THUMB - side) // 2 :][:side, (THUMB - side) // 2 :][:, :side]
    assert np.array_equal(inside, np.asarray(picture.convert("RGB")))


def test_every_picture_of_the_same_result_counts(workspace, tiny):
    keep(workspace.store, cs.maximize(tiny, "0:1", **KNOBS), {"side": 64})
    assert {*shown(workspace)} == {1}


def test_what_was_not_driven_or_not_finished_is_not_shown(workspace, tiny):
    with cs.listening(lambda step, *_: (_ for _ in ()).throw(cs.Cancelled) if step else None):
        partial = cs.maximize(tiny, "0:1", **KNOBS)
    assert "partial" in partial.evidence
    keep(workspace.store, partial, {}, "f" * 64)
    assert shown(workspace) == {} and workspace.store.get("f" * 64, "frame")


@pytest.mark.parametrize("layer", ["0", "logits"])
def test_the_requests_are_those_of_the_technique(tiny, layer):
    units = tiny.layers[layer].units
    made = each(cs.maximize.request(tiny, f"{layer}:0", **KNOBS), layer, units)
    assert made == [cs.maximize.request(tiny, f"{layer}:{channel}", **KNOBS) for channel in range(units)]


def test_knobs_and_layers_are_checked(workspace):
    with pytest.raises(BadKnob):
        shown(workspace, steps=0)
    with pytest.raises(UnknownLayer):
        gallery(workspace, AskGallery(network="tiny", layer="nonsense"))


def test_the_small_picture_is_a_png_of_the_first(workspace, tiny):
    result = cs.maximize(tiny, "0:1", steps=2, size=128, variants=2)
    keep(workspace.store, result, {})
    with PIL.Image.open(io.BytesIO(workspace.store.get(result.request.digest, "thumb"))) as small:
        assert small.size == (THUMB, THUMB)
