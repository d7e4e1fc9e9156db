"""Maps over a recorded training are those of the codes it holds, with the control of every evolution beside them."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.representation.embedding.evolution import evolve
from convscope.representation.embedding.points import in_metric

from ..loops import batch, plain, recording, tiny

FAST = {"iterations": 20, "continued": 10}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    plain(tiny(), recording(folder, budget=1.0, probe=batch(40)), steps=4)
    return cs.open_record(folder)


def test_maps_are_those_of_the_codes_of_each_snapshot(record):
    found = cs.code_evolution(record, steps=[3, 0, 4], **FAST)
    codes = [in_metric(record.codes(step), "l2") for step in (0, 3, 4)]
    made = evolve(codes, seed=0, **FAST)
    np.testing.assert_array_equal(found.values, made.coordinates)
    assert found.names == ("step 0", "step 3", "step 4")
    assert found.labels == tuple(str(number) for number in batch(40)[1].tolist())
    assert str(found.unit) == record.codes_of == "8"
    assert found.control["null_motion"] is not None
    assert np.isfinite(found.hits).all()


def test_all_snapshots_are_mapped_and_classes_may_have_names(record, tmp_path):
    names = [f"class {number}" for number in range(10)]
    found = cs.code_evolution(record, classes=names, **FAST)
    assert len(found.maps) == len(record.snapshots)
    assert set(found.labels) <= set(names)
    assert found.save(tmp_path / "maps.png").stat().st_size > 0


def test_what_cannot_be_mapped_is_refused(record, tmp_path):
    with pytest.raises(BadKnob, match="at least two snapshots"):
        cs.code_evolution(record, steps=[0])
    with pytest.raises(BadKnob, match="not 99"):
        cs.code_evolution(record, steps=[0, 99])
    with pytest.raises(BadKnob, match="a name for each number"):
        cs.code_evolution(record, classes=["one"])
    plain(tiny(), recording(tmp_path, probe=batch()[0]), steps=2)
    other = cs.open_record(tmp_path)
    assert other.classes is None
    with pytest.raises(BadKnob, match="came without any"):
        cs.code_evolution(other, classes=["one"])
