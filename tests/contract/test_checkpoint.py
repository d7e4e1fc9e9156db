"""Checkpoints: a folder for one request, parts that come back as they were, and refusals that say what to do."""

import dataclasses
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from convscope.base.errors import BadCheckpoint, CannotWrite
from convscope.contract.checkpoint import asking, checkpoint, kept
from convscope.contract.request import Request

ASKED = Request(
    "maximize",
    {"net": {"reference": "lite0", "digest": "aa"}, "unit": {"reference": "logits:281"}},
    {"steps": 5, "size": (3, 4), "scan": "", "rate": 0.1},
    {"columns": 3},
)


def place(folder, request=ASKED):
    with checkpoint(folder), asking(request):
        return kept()


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9_.]{1,9}", fullmatch=True),
        arrays.arrays(
            st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        ),
        max_size=4,
    )
)
def test_parts_come_back_as_they_were(tmp_path_factory, parts):
    keep = place(tmp_path_factory.mktemp("kept") / "a" / "b")
    keep.save("part", parts)
    found = keep.load("part")
    assert found.keys() == parts.keys()
    for name, value in parts.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert np.array_equal(found[name], value, equal_nan=value.dtype.kind == "f")


def test_parts_are_many_large_turned_and_replaced(tmp_path):
    large = np.random.default_rng(0).random((512, 700, 3)).astype(np.float32)
    parts = {"turned": large.transpose(2, 0, 1), "some": large[::2, 5:-5], "flag": np.array(True), "one": np.array(3)}
    keep = place(tmp_path / "new")
    keep.save("first", parts)
    keep.save("second", {"x": np.zeros(2)})
    keep.save("second", {"y": np.ones(3)})
    again = place(tmp_path / "new")
    found = again.load("first")
    assert all(np.array_equal(found[name], value) for name, value in parts.items())
    assert found["flag"].shape == () and found["flag"].item() is True and found["one"].item() == 3
    assert list(again.load("second")) == ["y"] and again.load("third") is None
    again.drop("second")
    again.drop("second")
    assert again.load("second") is None
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["first.safetensors", "request.json"]


def test_nothing_is_written_without_a_folder_or_a_request(tmp_path):
    with asking(ASKED):
        keep = kept()
    with checkpoint(tmp_path / "unused"):
        also = kept()
    for one in (keep, also, kept()):
        one.save("part", {"x": np.zeros(3)})
        assert one.load("part") is None
        one.drop("part")
    assert list(tmp_path.iterdir()) == []


def test_the_innermost_block_counts_and_ends():
    other = dataclasses.replace(ASKED, technique="dream")
    with pytest.raises(ZeroDivisionError), checkpoint("nowhere"), asking(ASKED):
        with asking(other), checkpoint("elsewhere"):
            pass
        raise ZeroDivisionError
    assert kept().folder is None


def test_the_same_request_may_look_otherwise_but_another_is_refused(tmp_path):
    place(tmp_path).save("part", {"x": np.ones(1)})
    moved = {**ASKED.subjects, "net": {"reference": "lite0.safetensors", "digest": "aa"}}
    for same in ({"view": {}}, {"subjects": moved}, {"knobs": {**ASKED.knobs, "size": [3, 4]}}):
        assert place(tmp_path, dataclasses.replace(ASKED, **same)).load("part") is not None
    for other in (
        {"technique": "dream"},
        {"knobs": {**ASKED.knobs, "steps": 6}},
        {"version": "0"},
        {"subjects": {**ASKED.subjects, "unit": {"reference": "logits:282"}}},
    ):
        words = f"{tmp_path} holds the state of another request, maximize of lite0, logits:281. Ask for the same again"
        with pytest.raises(BadCheckpoint, match=re.escape(words)):
            place(tmp_path, dataclasses.replace(ASKED, **other))


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(BadCheckpoint, match=r"must be a new folder or one that was begun, not .* Name another"):
        place(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
    with pytest.raises(CannotWrite, match=r"photo.jpg cannot be made: File exists\. Choose another one"):
        place(tmp_path / "photo.jpg")


def test_a_folder_whose_first_file_was_never_finished_is_as_good_as_new(tmp_path):
    (tmp_path / ".request.json.x8_2ab").write_text("{")
    place(tmp_path).save("part", {"x": np.ones(1)})
    (tmp_path / ".part.safetensors.k31_qf").write_bytes(b"half")
    assert place(tmp_path).load("part") is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.safetensors", "request.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"technique": "a", "subjects": "b", "knobs": {}}', "\xff", '{"subjects": {}}',
             '{"technique": "a", "subjects": {"net": {}}, "knobs": {}}']
)  # fmt: skip
def test_a_broken_request_is_refused(tmp_path, text):
    (tmp_path / "request.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadCheckpoint, match=r"request.json cannot be read: .* Delete the folder to begin anew\."):
        place(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x10\0\0\0\0\0\0\0{}", None])
def test_a_broken_part_is_refused(tmp_path, content):
    keep = place(tmp_path)
    keep.save("part", {"x": np.arange(100)})
    path = tmp_path / "part.safetensors"
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    with pytest.raises(BadCheckpoint, match=r"part.safetensors is no part of a checkpoint \(.*\)\. Delete the folder"):
        keep.load("part")
    assert keep.load("other") is None


def test_a_part_that_cannot_be_written_says_so(tmp_path):
    keep = place(tmp_path / "gone")
    (tmp_path / "gone" / "request.json").unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(CannotWrite, match="does not exist"):
        keep.save("part", {"x": np.ones(1)})
