"""Frames: what goes in comes out, and everything lies where the browser can view it without copying."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import array_shapes, arrays

from convscope.explorer.workspace.frame import decode, encode
from convscope.explorer.workspace.messages import Gallery

KINDS = [np.uint8, np.int32, np.float32]
ARRAYS = some.sampled_from(KINDS).flatmap(
    lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


@given(name=some.text(), found=some.dictionaries(some.text(max_size=8), ARRAYS, max_size=4))
def test_round_trip(name, found):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    header, back = decode(encode(Gallery(layer=name, units=3), found))
    assert header == {"layer": name, "units": 3}
    assert list(back) == list(found)
    for key, array in found.items():
        assert back[key].dtype == array.dtype and back[key].shape == array.shape
        assert back[key].tobytes() == array.tobytes()


@given(name=some.text(some.characters(codec="utf-8")), count=some.integers(0, 9))
def test_arrays_lie_at_multiples_of_eight(name, count):
    data = encode(Gallery(layer=name, units=0), {"a": np.zeros(count, np.uint8), "b": np.ones(2, np.float32)})
    length = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + length])
    for row in head["arrays"]:
        assert (4 + length + row["offset"]) % 8 == 0


def test_views_that_are_not_contiguous_and_other_byte_orders():
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    _, back = decode(encode(Gallery(layer="", units=0), {"t": array.T, "o": array.astype(">i4")}))
    assert np.array_equal(back["t"], array.T) and np.array_equal(back["o"], array)


def test_a_type_the_browser_does_not_read_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="must be one of uint8, int32, float32, not float64"):
        encode(Gallery(layer="", units=0), {"x": np.zeros(1)})
