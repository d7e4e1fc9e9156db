"""Arrays in a file: they come back as they were, and whatever is changed in the file is noticed."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.tensors import memory_mapped, packed, unpacked

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(3),
    "c": np.zeros((0, 4), np.int64),
    "d": np.arange(6, dtype=np.float32)[::-1],
}


def file(tmp_path, data):
    (tmp_path / "a.safetensors").write_bytes(data)
    return tmp_path / "a.safetensors"


def edited(data, change):
    """A file with another header, of the same arrays."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def test_arrays_and_words_come_back_as_they_were(tmp_path):
    arrays, about = unpacked(file(tmp_path, packed(ARRAYS, {"kind": "x"})))
    assert about == {"kind": "x"} and arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)
        assert arrays[name].shape == array.shape


@given(st.data())
def test_any_flipped_bit_is_noticed_or_changes_nothing(tmp_path_factory, data):
    whole = packed(ARRAYS, {"kind": "x"})
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    broken = bytearray(whole)
    broken[at >> 3] ^= 1 << (at & 7)
    try:
        arrays, about = unpacked(file(tmp_path_factory.mktemp("flip"), broken))
    except ValueError:
        return
    assert about["kind"] == "x" and all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.update(e=header.pop("a")),
        lambda header: header["a"].update(dtype="I32"),
        lambda header: header["a"].update(dtype="BF16", shape=[2, 6]),
        lambda header: header["a"].update(shape=[3, 2]),
        lambda header: header.update(a=header["d"], d=header["a"]),
        lambda header: header["__metadata__"].update(kind="y"),
        lambda header: header["__metadata__"].update(more="y"),
    ],
)
def test_a_header_that_was_edited_on_purpose_is_noticed(tmp_path, change):
    with pytest.raises(ValueError, match=r"is damaged|cannot be read"):
        unpacked(file(tmp_path, edited(packed(ARRAYS, {"kind": "x"}), change)))


def test_a_file_without_a_checksum_is_taken_as_it_is(tmp_path):
    arrays, about = unpacked(file(tmp_path, safetensors.numpy.save({"a": ARRAYS["a"]}, {"kind": "x"})))
    assert np.array_equal(arrays["a"], ARRAYS["a"]) and about == {"kind": "x"}


def test_mapped_arrays_are_those_of_the_file_and_stay_in_it(tmp_path):
    arrays = {
        "floats": np.arange(12, dtype=np.float32).reshape(3, 4),
        "numbers": np.array([[-1, 2**40]], np.int64),
        "bytes": np.frombuffer(b"text", np.uint8),
        "none": np.zeros((0, 5), np.float32),
    }
    path = tmp_path / "a.safetensors"
    path.write_bytes(packed(arrays, {"about": "this"}))
    found, about = memory_mapped(path)
    read, _ = unpacked(path)
    assert about == {"about": "this"} and set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert np.array_equal(found[name], array) and np.array_equal(read[name], array)
    assert isinstance(found["floats"], np.memmap) and not found["floats"].flags.writeable


def test_a_flipped_bit_or_a_cut_is_noticed_before_anything_is_mapped(tmp_path):
    path = tmp_path / "a.safetensors"
    data = packed({"x": np.arange(64, dtype=np.float32)}, {"about": "this"})
    for place in (3, 20, len(data) - 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"cannot be read|is damaged"):
            memory_mapped(path)
    path.write_bytes(data[:-8])
    with pytest.raises(ValueError, match=r"cannot be read|is damaged"):
        memory_mapped(path)
