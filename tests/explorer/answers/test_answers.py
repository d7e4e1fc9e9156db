"""Pictures that results made: at hand pixel by pixel, and as what they are."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.explorer.answers.answers import UnknownResult, artifact_part, made_picture, summary
from convscope.explorer.workspace.artifacts import keep
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import OfResult


@pytest.mark.parametrize("view", [{}, {"figure": True}])
@pytest.mark.parametrize("seen", [False, True], ids=["photo", "view"])
def test_the_picture_that_an_attack_made_is_at_hand_as_its_file_is(workspace, tiny, tmp_path, view, seen):
    photo = cs.open_image("sample:cat")
    picture = tiny.view(photo) if seen else photo
    made = cs.fgsm(tiny, picture, eps="4/255")
    info = made_picture(workspace, OfResult(digest=keep(workspace.store, made, view)))
    at_hand, file = workspace.image(info.id), cs.open_image(made.save(tmp_path / "fooled.png"))
    assert np.array_equal(at_hand.pixels, file.pixels) and at_hand.view == file.view == seen
    assert tiny.predict(at_hand)[0] == tiny.predict(file)[0]
    assert info.name == f"fgsm: {made.label}" and info.id in [row.id for row in workspace.pictures.images()]


def test_what_made_no_picture_is_refused(workspace, tiny):
    kept = keep(workspace.store, cs.saliency(tiny, "sample:cat", "0:3"), {})
    with pytest.raises(BadKnob, match="must be a changed picture"):
        made_picture(workspace, OfResult(digest=kept))
    with pytest.raises(UnknownResult):
        made_picture(workspace, OfResult(digest="0" * 64))


def test_a_circuit_comes_as_its_drawing_without_pixels_and_is_kept_as_svg(workspace, tiny):
    made = cs.connections(tiny, "sample:cat", "3:1", draws=0)
    digest = keep(workspace.store, made, {})
    header, arrays = decode(artifact_part(workspace, digest, "frame"))
    assert header["spec"]["panels"][-1]["vector"].startswith("<svg") and "circuit" not in arrays
    drawn = ElementTree.fromstring(artifact_part(workspace, digest, "svg"))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.findtext(f"{space}desc") == made.request.python()
    texts = {text.text for text in drawn.iter(f"{space}text")}
    assert {"red", "image", "1"} <= texts
    told = summary(workspace, OfResult(digest=digest)).summary
    assert told["units"] == list(made.units) and told["edges"] == made.edges.to_pylist()
