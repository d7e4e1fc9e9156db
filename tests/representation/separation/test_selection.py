"""What a text means on a map: a class before an id before a condition, whatever it holds."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.base.unit import Unit
from convscope.representation.separation.selection import selected_images
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
    ],
)
def test_a_text(found, text, rows):
    assert np.flatnonzero(selected_images(found.table, text)).tolist() == rows


@pytest.mark.parametrize("text", ["1; drop table map", "x from map) --", "exists (select * from read_csv('a'))"])
def test_a_condition_reaches_nothing_else(found, text):
    with pytest.raises(BadKnob):
        selected_images(found.table, text)
