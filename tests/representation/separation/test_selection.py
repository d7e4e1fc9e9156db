"""What a text means on a map: a class before an id before a condition, whatever it holds."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.base.unit import Unit
from convscope.data.open import open_source
from convscope.representation.separation.selection import ids_as_text, listed_images, selected_images
from convscope.results.embedding import Embedding


@pytest.fixture
def found() -> Embedding:
    points = np.array([[0, 0], [1, 2], [3, 4], [5, 6]], np.float32)
    ids, labels = ("cat", "b's", "x > 1", "d"), ("dog", "cat", None, "it's")
    about = {"unit": Unit("a"), "network": "n", "evidence": {}, "quality": {}}
    return Embedding(values=points, ids=ids, labels=labels, **about)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cat", [1]),  # the class, not the id
        ("b's", [1]),
        ("it's", [3]),
        ("x > 1", [2]),  # an id that reads as a condition
        ("x >= 1", [1, 2, 3]),
        ("class is null or y = 6", [2, 3]),
        ("d,b's", [1, 3]),
        ("d", [3]),
        (ids_as_text(["x > 1", "d", "b's"]), [1, 2, 3]),
    ],
)
def test_a_text(found, text, rows):
    assert np.flatnonzero(selected_images(found.table, text)).tolist() == rows


@pytest.mark.parametrize("text", ["1; drop table map", "x from map) --", "exists (select * from read_csv('a'))"])
def test_a_condition_reaches_nothing_else(found, text):
    with pytest.raises(BadKnob):
        selected_images(found.table, text)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1), min_size=1, unique=True)
)
def test_any_ids_come_back_from_their_text(ids):
    images = pa.table({"id": ids, "class": pa.array([None] * len(ids), pa.string())})
    assert selected_images(images, ids_as_text(ids)).all()


def test_images_are_listed_as_codes_have_them_without_being_read(tiny, tmp_path):
    for name in ("a/1.png", "b/2.png", "a/3.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cs.open_image("sample:cat").save(path)
    (tmp_path / "b" / "4.png").write_bytes(b"none")
    listed = listed_images(tiny, open_source(tmp_path), "source").to_pylist()
    codes = cs.codes(tiny, tmp_path, "2").images.select(["id", "class"]).to_pylist()
    assert [row for row in listed if row["id"] != "b/4.png"] == codes and len(listed) == 4
    assert set(listed_images(tiny, open_source(tmp_path), "none")["class"].to_pylist()) == {None}
