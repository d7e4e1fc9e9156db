"""Maps as files: what is in them, what they may do, the same bytes again, and what is left out is said."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.map_messages import MapHeader
from convscope.view.charts.mosaics import square
from convscope.view.encode import html as page
from convscope.view.encode import map_content

SCRIPT = "const closing = '</script>';"


@pytest.fixture(autouse=True)
def built(tmp_path, monkeypatch):
    """The page's script and style, small."""
    (tmp_path / "map.js").write_text(SCRIPT)
    (tmp_path / "map.css").write_text("body { color: red }")
    monkeypatch.setattr(page, "PAGE", tmp_path)


@pytest.fixture
def mapped(tiny):
    return cs.embed(tiny, "samples", "2", iterations=2)


def asset(text, name):
    return base64.b64decode(re.search(rf'id="{name}">([^<]*)</script>', text)[1])


def frame_in(data):
    return decode(gzip.decompress(asset(data.decode(), "map")))


def test_a_file_holds_what_a_server_would_answer(mapped):
    header, arrays = frame_in(page.html(mapped))
    assert set(header) - set(MapHeader.model_fields) == {"ids", "left_out"}
    told = MapHeader.model_validate({name: header[name] for name in MapHeader.model_fields})
    assert (told.images, told.layer, told.network) == (len(mapped.ids), "2", mapped.network)
    assert tuple(header["ids"]) == mapped.ids and told.python == mapped.request.python()
    assert np.array_equal(arrays["points"][0], mapped.points) and np.array_equal(arrays["cells"], mapped.grid())
    assert sorted(arrays["order"]) == list(range(len(mapped.ids)))


def test_each_thumbnail_is_that_of_its_image(mapped):
    data = page.html(mapped)
    header, arrays = frame_in(data)
    size, cells = header["atlas"]["sizes"][0], header["atlas"]["cells"]
    sheet = np.asarray(PIL.Image.open(io.BytesIO(asset(data.decode(), "page-0"))).convert("RGB"), np.int64)
    for number, name in enumerate(mapped.ids):
        row, column = divmod(int(arrays["slots"][number]), cells)
        found = sheet[row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert np.abs(found - square(mapped.image(name), size)).mean() < 8


def test_it_may_run_its_own_script_alone_and_nothing_ends_that_early(mapped):
    text = page.html(mapped).decode()
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert scripts == [SCRIPT.replace("</", "<\\/")]
    policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "http:" not in text and "https:" not in text


def test_the_same_map_gives_the_same_bytes(mapped, tmp_path):
    assert mapped.save(tmp_path / "a.html").read_bytes() == page.html(mapped)


def test_what_there_is_no_room_for_is_said(mapped, monkeypatch):
    monkeypatch.setattr(map_content, "CELLS", 2)
    first = map_content.thumbnail_pages(mapped)[0][0]
    monkeypatch.setattr(map_content, "MOST", len(first))
    header, _ = frame_in(page.html(mapped))
    count = len(mapped.ids)
    assert header["atlas"]["pages"] == 1
    assert header["left_out"].startswith(f"{count - 4} of {count} images have no picture")


def test_maps_over_training_have_their_control_and_no_pictures(tiny):
    evolved = cs.embed([tiny, tiny], "samples", "2", iterations=2)
    header, arrays = frame_in(page.html(evolved))
    assert header["snapshots"] == list(evolved.names) and arrays["points"].shape == evolved.values.shape
    assert header["control"]["null_motion"] == evolved.control["null_motion"]
    assert header["atlas"]["refused"] and np.array_equal(arrays["displacement"], evolved.displacement)


def test_what_is_no_map_and_a_page_that_was_not_built_are_refused(mapped, tiny, tmp_path, monkeypatch):
    with pytest.raises(BadKnob, match="map"):
        page.html(cs.saliency(tiny, "sample:cat", "2:0"))
    monkeypatch.setattr(page, "PAGE", tmp_path / "none")
    with pytest.raises(CannotWrite, match=r"web/build\.py"):
        page.html(mapped)
