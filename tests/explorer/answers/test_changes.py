"""What changed between two pictures, as the page sorts units by it."""

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.explorer.answers.changes import changes
from convscope.explorer.workspace.artifacts import keep
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import OfResult


def test_the_changes_of_all_units_are_those_of_the_result(workspace, tiny):
    found = cs.flipped_units(tiny, "sample:cat", "sample:coffee", layers="0,3", draws=3)
    header, arrays = decode(changes(workspace, OfResult(digest=keep(workspace.store, found, {}))))
    assert tuple(header["layers"]) == found.layers and header["draws"] == 3
    assert header["reference"] == found.evidence["reference"]
    assert np.array_equal(arrays["edges"], found.edges)
    counted = found.state == 0
    assert np.array_equal(~np.isnan(arrays["difference"]), counted)
    assert np.array_equal(arrays["difference"][counted], found.values[counted])
    assert arrays["control"][counted] == pytest.approx(np.sqrt((found.control**2).mean(0))[counted])


def test_of_another_result_nothing_is_told(workspace, tiny):
    kept = keep(workspace.store, cs.weights(tiny, "0"), {})
    with pytest.raises(BadKnob, match="must be of flipped_units"):
        changes(workspace, OfResult(digest=kept))
