"""Tables of maps as files: whole, with the request inside, and the same bytes for the same map."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import convscope as cs
from convscope.view.encode.parquet import parquet


@pytest.fixture
def mapped(tiny):
    return [cs.embed(tiny, "samples", "2", iterations=2, dims=dims) for dims in (2, 3)]


def test_a_table_has_a_row_an_image_and_its_place_on_the_map_and_on_the_grid(mapped, tmp_path):
    flat, deep = mapped
    table = pq.read_table(flat.save(tmp_path / "map.parquet"), page_checksum_verification=True)
    assert table.column_names == ["id", "class", "x", "y", "row", "column"]
    assert table["id"].to_pylist() == list(flat.ids)
    assert np.array_equal(np.stack([table["x"], table["y"]], 1), flat.points)
    assert np.array_equal(np.stack([table["row"], table["column"]], 1), flat.grid())
    other = pq.read_table(deep.save(tmp_path / "deep.parquet"))
    assert other.column_names == ["id", "class", "x", "y", "z"]
    assert np.array_equal(other["z"], deep.points[:, 2])


def test_it_holds_the_request_and_checksums_and_is_the_same_again(mapped):
    data = parquet(mapped[0])
    assert data == parquet(mapped[0])
    request = json.loads(pq.read_schema(io.BytesIO(data)).metadata[b"convscope"])
    assert request["technique"] == "embed" and cs.Request.from_json(json.dumps(request)) == mapped[0].request
    damaged = bytearray(data)
    damaged[data.index(mapped[0].points[:, 0].tobytes()[:8])] ^= 1
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(io.BytesIO(bytes(damaged)), page_checksum_verification=True)


def test_another_result_has_no_table(tmp_path, tiny):
    with pytest.raises(cs.ConvscopeError, match=r"must end in \.png, \.npz or \.json"):
        cs.weights(tiny, "0").save(tmp_path / "weights.parquet")
    with pytest.raises(cs.ConvscopeError, match="must be of a map"):
        parquet(cs.weights(tiny, "0"))
