"""Maps as results: what they are saved as, shown as, and say of themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import convscope as cs
from convscope.results.embedding import dots


@pytest.fixture
def found(tiny):
    return cs.embed(tiny, "samples", "2", iterations=2)


def test_it_is_saved_as_everything_a_result_is_and_as_a_table(found, tmp_path):
    *endings, page = found.endings({})
    assert (*endings, page) == (".png", ".npz", ".json", ".parquet", ".html")
    for ending in endings:  # the page needs one that is built: see tests/view/encode/test_html.py
        assert found.save(tmp_path / f"map{ending}").stat().st_size > 200
    with np.load(tmp_path / "map.npz") as held:
        assert np.array_equal(held["values"], found.points)
        told = json.loads(str(held["summary"]))
    assert told["ids"] == list(found.ids) and told["quality"] == dict(found.quality)
    assert told["classes"] == list(found.labels) and told["technique"] == "embed"


def test_it_does_not_show_what_is_behind_it(found):
    assert "behind" not in repr(found) and "Representation" not in repr(found)
    assert "behind" not in found.arrays() and "behind" not in found.summary()


def test_its_columns_are_those_of_its_dimensions(found):
    assert found.table.column_names == ["id", "class", "x", "y"]
    deep = replace(found, values=np.zeros((8, 3), np.float32))
    assert deep.table.column_names == ["id", "class", "x", "y", "z"] and deep.table.num_rows == 8
    with pytest.raises(cs.ConvscopeError, match="Map to 2 dimensions"):
        deep.grid()


def test_small_it_is_dots_that_touch_no_edge(found):
    small = found.thumbnail()
    assert small.shape == (96, 96, 3) and small.dtype == np.uint8
    assert 4 <= (small[..., 0] < 255).sum() <= 4 * 8
    assert (small[[0, -1]] == 255).all() and (small[:, [0, -1]] == 255).all()
    corners = dots(np.array([[-1, -1], [1, 1]], np.float32))[..., 0] < 255
    assert corners[:6, :6].sum() == corners[-6:, -6:].sum() == 4
    assert dots(np.zeros((5, 3), np.float32))[46:49, 46:49].min() < 255
