"""A page of maps: what it is told is what the library says, and an image is never another one."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from starlette.testclient import TestClient

import convscope as cs
from convscope.base.errors import BadKnob, BadSource
from convscope.data.open import open_source
from convscope.explorer.answers.answers import UnknownResult
from convscope.explorer.calls import Explorer, answer
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.maps import at_hand as _at_hand
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.workspace import Workspace
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.store import Store

from .conftest import color_of, numbers_of


@pytest.fixture
def explorer(at_hand):
    jobs = JobList(at_hand, lambda _event: None)
    yield Explorer(at_hand, jobs)
    jobs.close()


@pytest.fixture
def page(at_hand):
    """A page of a server on the same workspace."""
    events = Events()
    app = make_app(Served(at_hand, JobList(at_hand, events.tell), events, "secret"), {"127.0.0.1:8765"})
    with TestClient(app, "http://127.0.0.1:8765", headers={"Authorization": "Bearer secret"}) as opened:
        yield opened


@pytest.fixture
def asked(explorer, at_hand, embedded):
    """Asks about the map of the pictures: the header and the arrays of a frame, or a message as plain values."""
    digest = at_hand.use_map(embedded)

    def ask(name, **asking):
        found = answer(explorer, name, {"digest": digest, **asking})
        return decode(found) if isinstance(found, bytes) else found.model_dump()

    return ask


def test_a_map_is_that_of_the_library(asked, embedded, tiny):
    header, arrays = asked("map")
    assert np.array_equal(arrays["points"], embedded.points[None])
    assert (header["layer"], header["method"], header["images"], header["dims"]) == ("3", "pca", 40, 2)
    assert header["quality"] == pytest.approx(embedded.quality) and header["offered"] == "tiny"
    assert header["python"] == embedded.request.python() and header["snapshots"] == [tiny.name]
    assert header["classes"] == ["test", "train"]
    assert [header["classes"][one] for one in arrays["classes"]] == list(embedded.labels)
    for name in ("order", "slots"):
        assert sorted(arrays[name].tolist()) == list(range(40))
    assert {row["by"]: row["refused"] for row in header["colorings"]}["unit"] == ""
    _, grid = asked("map_grid")
    assert np.array_equal(grid["cells"], embedded.grid())
    assert np.array_equal(asked("map_grid")[1]["cells"], grid["cells"])  # from the store


def test_points_are_found_by_their_id_and_class_and_named_by_their_number(asked, embedded):
    told = asked("map_ids", numbers=[7, 0, 7])
    assert told["ids"] == tuple(embedded.ids[one] for one in (7, 0, 7))
    assert told["classes"] == tuple(embedded.labels[one] for one in (7, 0, 7))
    header, arrays = asked("map_search", text="TEST", limit=3)
    assert header["count"] == 10 and len(arrays["numbers"]) == 3
    assert {embedded.labels[one] for one in arrays["numbers"]} == {"test"}
    exact = asked("map_search", text=embedded.ids[5])[1]["numbers"]
    assert exact.tolist() == [5] and asked("map_search", text="no such")[1]["numbers"].shape == (0,)


def test_units_of_the_layer_of_the_map_color_it(asked, tiny, pictures):
    codes = cs.codes(tiny, str(pictures), "3").values
    header, arrays = asked("map_colors", by="unit", channel=2)
    assert np.array_equal(arrays["values"], codes[:, 2])
    assert (header["low"], header["high"]) == (codes[:, 2].min(), codes[:, 2].max())
    assert header["about"] == "3:2, mean over places"
    other = asked("map_colors", by="unit", layer="0", channel=5)[1]["values"]  # read now, and kept
    assert np.array_equal(other, cs.codes(tiny, str(pictures), "0").values[:, 5])
    assert next(row for row in asked("map")[0]["colorings"] if row["by"] == "unit")["layers"] == ["3", "0"]
    with pytest.raises(BadKnob, match="from 0 to 3 in 3, not 4"):
        asked("map_colors", by="unit", channel=4)
    with pytest.raises(cs.ConvscopeError, match="no layer"):
        asked("map_colors", by="unit", layer="99")


def test_predictions_color_it_as_the_network_makes_them_and_splits_are_folders(asked, tiny, pictures, embedded):
    header, arrays = asked("map_colors", by="prediction")
    scan = cs.scan(tiny, str(pictures), layers="logits").table("images")
    assert scan["id"].to_pylist() == list(embedded.ids)
    assert [header["names"][one] for one in arrays["codes"]] == scan["predicted"].to_pylist()
    assert header["unknown"] == 0 and header["about"] == "one forward for each image"
    assert np.array_equal(asked("map_colors", by="prediction")[1]["codes"], arrays["codes"])  # from the store
    with pytest.raises(BadKnob, match="classes of the images must be those of the network"):
        asked("map_colors", by="error")
    header, arrays = asked("map_colors", by="split")
    assert [header["names"][one] for one in arrays["codes"]] == list(embedded.labels)


def test_neighbors_are_the_nearest_on_the_map_and_in_the_layer(asked, embedded, tiny, pictures):
    told = asked("map_neighbors", number=3, count=5)
    codes = cs.codes(tiny, str(pictures), "3").values.astype(float)
    for rows, places in ((told["on_map"], embedded.points.astype(float)), (told["in_layer"], codes)):
        distances = np.linalg.norm(places - places[3], axis=1)
        assert [row["number"] for row in rows] == np.argsort(distances, kind="stable")[1:6].tolist()
    for row in (*told["on_map"], *told["in_layer"]):
        assert row["in_layer"] == pytest.approx(np.linalg.norm(codes[row["number"]] - codes[3]))
        assert (row["id"], row["label"]) == (embedded.ids[row["number"]], embedded.labels[row["number"]])
    assert told["shared"] == len({r["number"] for r in told["on_map"]} & {r["number"] for r in told["in_layer"]})


def test_an_image_of_a_map_is_at_hand_afterwards_and_can_be_seen_large(asked, at_hand, embedded):
    info = asked("map_image", number=11)
    own = embedded.image(embedded.ids[11])
    assert (info["id"], info["name"]) == (own.digest, embedded.ids[11])
    assert np.array_equal(at_hand.image(info["id"]).pixels, own.pixels)
    header, arrays = asked("map_picture", number=11, side=128)
    with PIL.Image.open(io.BytesIO(arrays["webp"].tobytes())) as shown:
        assert shown.size == (header["width"], header["height"]) == (32, 32)  # never larger than it is
        assert np.abs(np.asarray(shown, float).mean((0, 1)) - own.pixels.mean((0, 1))).max() < 6


def test_a_selection_is_a_text_that_stands_for_ids(asked, at_hand, embedded):
    told = asked("map_selection", numbers=[9, 2, 9])
    assert told["images"] == 2 and at_hand.selection(told["selection"]) == [embedded.ids[2], embedded.ids[9]]
    assert at_hand.selection("class = 'test'") == "class = 'test'"
    with pytest.raises(BadKnob, match="no selection"):
        at_hand.selection("0" * 64)


@pytest.mark.parametrize("name", ["map_ids", "map_image", "map_picture", "map_neighbors", "map_selection"])
def test_a_number_of_no_image_is_refused(asked, name):
    wanted = {"numbers": [0, 40]} if name in ("map_ids", "map_selection") else {"number": 40}
    with pytest.raises(BadKnob, match="from 0 to 39, not 40"):
        asked(name, **wanted)


def test_what_is_no_map_is_refused(explorer, at_hand, asked, tiny):
    with pytest.raises(UnknownResult, match="Ask for it again"):
        answer(explorer, "map", {"digest": "0" * 64})
    saliency = {"network": "tiny", "technique": "saliency"}
    image = at_hand.pictures.images()[0].id
    other, _ = decode(answer(explorer, "ask", {**saliency, "subjects": {"image": image, "unit": "logits:1"}}))
    with pytest.raises(BadKnob, match="embed or an evolution, not a result of saliency"):
        answer(explorer, "map", {"digest": other["digest"]})
    with pytest.raises(BadKnob, match="another map"):
        asked("map_atlas", atlas="0" * 64, size=16, page=0)
    with pytest.raises(BadKnob, match="page must be from 0 to 0"):
        asked("map_atlas", atlas=asked("map")[0]["atlas"]["digest"], size=16, page=1)
    with pytest.raises(BadKnob, match="snapshot must be"):
        asked("map_grid", snapshot=1)


def test_points_that_are_nan_are_refused(at_hand, tiny, made_map):
    bad = np.zeros((3, 2), np.float32)
    bad[1, 0] = np.nan
    with pytest.raises(BadKnob, match="finite"):
        at_hand.use_map(made_map(bad, at_hand.pictures.source, tiny))


def test_thumbnails_are_those_of_the_images_and_of_no_others(tiny, tmp_path, made_map):
    count, rng = 1_040, np.random.default_rng(0)
    source = open_source([np.full((20, 30, 3), color_of(number), np.uint8) for number in range(count)])
    workspace = Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store"), images=source)
    workspace.begin()
    explorer = Explorer(workspace, JobList(workspace, lambda _event: None))
    digest = workspace.use_map(made_map(rng.normal(size=(count, 2)), source, tiny))
    header, arrays = decode(answer(explorer, "map", {"digest": digest}))
    atlas = header["atlas"]
    assert atlas["pages"] == 2 and atlas["refused"] == ""
    asking = {"digest": digest, "atlas": atlas["digest"]}
    for size in atlas["sizes"]:
        cells = []
        for number in range(atlas["pages"]):
            told, own = decode(answer(explorer, "map_atlas", {**asking, "size": size, "page": number}))
            assert told["missing"] == []
            with PIL.Image.open(io.BytesIO(own["webp"].tobytes())) as shown:
                assert max(shown.size) <= 2048 and shown.width == size * atlas["cells"]
                pixels = np.asarray(shown.convert("RGB"), float)
            grid = pixels.reshape(-1, size, atlas["cells"], size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)
            cells.append(grid[:, size // 4 : -size // 4, size // 4 : -size // 4].mean((1, 2)))
        found = numbers_of(np.concatenate(cells))
        assert np.array_equal(found[arrays["slots"]], np.arange(count)), size
    assert (arrays["slots"][arrays["order"][:1024]] < 1024).all()  # what is drawn first is on the first page
    explorer.jobs.close()
    workspace.store.close()


def test_a_map_whose_images_are_gone_shows_its_points_and_refuses_the_rest_in_a_sentence(
    at_hand, embedded, tiny, tmp_path
):
    digest = at_hand.use_map(embedded)
    later = Workspace({"tiny": lambda: tiny}, at_hand.store)  # started without the images
    later.begin()
    explorer = Explorer(later, JobList(later, lambda _event: None))
    header, arrays = decode(answer(explorer, "map", {"digest": digest}))
    assert np.array_equal(arrays["points"][0], embedded.points)
    refused = {row["by"]: row["refused"] for row in header["colorings"]}
    assert "images are not at hand" in header["atlas"]["refused"] == refused["unit"] == refused["prediction"]
    assert refused["class"] == refused["split"] == ""
    asking = {"digest": digest, "atlas": header["atlas"]["digest"], "size": 32, "page": 0}
    for name, more in (("map_atlas", asking), ("map_image", {"number": 0}), ("map_picture", {"number": 0})):
        with pytest.raises(BadSource, match="images are not at hand"):
            answer(explorer, name, {"digest": digest, **more})
    told = answer(explorer, "map_neighbors", {"digest": digest, "number": 0})
    assert len(told.on_map) == 10 and told.in_layer == () and "not at hand" in told.refused
    explorer.jobs.close()


def test_answers_are_the_same_with_and_without_http_and_name_no_path(page, explorer, at_hand, embedded, pictures):
    digest = at_hand.use_map(embedded)
    atlas = decode(answer(explorer, "map", {"digest": digest}))[0]["atlas"]["digest"]
    calls = {
        "map": {}, "map_grid": {}, "map_ids": {"numbers": [1]}, "map_search": {"text": "te"},
        "map_colors": {"by": "split"}, "map_atlas": {"atlas": atlas, "size": 16, "page": 0},
        "map_picture": {"number": 1}, "map_image": {"number": 1}, "map_neighbors": {"number": 1},
        "map_selection": {"numbers": [1, 2]},
    }  # fmt: skip
    for call, asking in calls.items():
        there = page.post(f"/api/{call}", json={"digest": digest, **asking})
        assert there.status_code == 200, there.text
        here = answer(explorer, call, {"digest": digest, **asking})
        assert (here if isinstance(here, bytes) else here.model_dump_json().encode()) == there.content
        named = page.post(f"/api/{call}", json={"digest": str(pictures), **asking})
        assert named.status_code == 400 and "digest" in named.json()["error"]
    assert page.get("/api/maps").json() == answer(explorer, "maps").model_dump(mode="json")
    assert [row.digest for row in answer(explorer, "maps").maps] == [digest]


def test_a_map_made_by_a_job_is_listed_and_keeps_its_codes(at_hand, tiny, pictures):
    explorer = Explorer(at_hand, JobList(at_hand, lambda _event: None).begin())
    knobs = {"method": "pca", "pool": "max"}
    ask = {"network": "tiny", "technique": "embed", "subjects": {"layer": "3"}, "knobs": knobs}
    job = answer(explorer, "submit", ask)
    while not answer(explorer, "maps").maps:
        assert explorer.jobs.all()[0].state in ("queued", "running", "done"), explorer.jobs.all()
    (row,) = answer(explorer, "maps").maps
    assert (row.digest, row.layer, row.network) == (job.artifact, "3", "tiny")
    explorer.jobs.close()
    later = Workspace({"tiny": lambda: tiny}, at_hand.store)  # without the images, the codes are still there
    later.begin()
    again = Explorer(later, JobList(later, lambda _event: None))
    header, arrays = decode(answer(again, "map_colors", {"digest": row.digest, "by": "unit", "channel": 1}))
    assert np.array_equal(arrays["values"], cs.codes(tiny, str(pictures), "3", pool="max").values[:, 1])
    assert header["about"] == "3:1, max over places"
    again.jobs.close()


def test_errors_are_known_where_the_classes_are_the_networks_and_a_scan_at_hand_is_asked_first(
    tiny, tmp_path, made_map
):
    net = cs.Network(tiny.module, size=32, name="tiny", labels=["a", "b", "c", "d", "e"])
    rng = np.random.default_rng(0)
    items = [(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8), "abcde"[one % 5]) for one in range(15)]
    source = open_source(items)
    workspace = Workspace({"tiny": lambda: net}, Store(tmp_path / "store"), images=source)
    workspace.begin()
    explorer = Explorer(workspace, JobList(workspace, lambda _event: None))
    labels = [name for _, name in items]
    digest = workspace.use_map(made_map(rng.normal(size=(15, 2)), source, net, labels))

    def codes(by):
        header, arrays = decode(answer(explorer, "map_colors", {"digest": digest, "by": by}))
        return [header["names"][one] for one in arrays["codes"]], header["about"]

    predicted, about = codes("prediction")
    assert predicted == [net.predict(image, top=1)[0][0] for image, _ in items]
    wrong = ["wrong" if one != label else "right" for one, label in zip(predicted, labels, strict=True)]
    assert codes("error") == (wrong, about) and about == "one forward for each image"
    workspace.use_scan(cs.scan(net, source, tmp_path / "scan", layers="logits"), tmp_path / "scan")
    assert codes("prediction") == (predicted, "the scan at hand") and codes("error") == (wrong, "the scan at hand")
    explorer.jobs.close()
    workspace.store.close()


def test_too_many_images_are_not_read_while_somebody_waits(asked, at_hand, monkeypatch, tiny):
    monkeypatch.setattr(_at_hand, "_FEW", 39)
    told = asked("map_neighbors", number=0)
    assert "40 images take too long" not in told["refused"] and len(told["in_layer"]) == 10  # its own codes
    with pytest.raises(BadKnob, match="Codes of 0 are not at hand, and 40 images take too long to be read now"):
        asked("map_colors", by="unit", layer="0")
    refused = {row["by"]: row["refused"] for row in asked("map")[0]["colorings"]}
    assert "Scan the images at hand" in refused["prediction"] and refused["unit"] == ""
    with pytest.raises(BadKnob, match="Predictions are not at hand"):
        asked("map_colors", by="prediction")


def test_distances_in_the_layer_are_those_of_the_metric_of_the_map(explorer, at_hand, tiny, pictures):
    made = cs.embed(tiny, str(pictures), "3", method="pca", metric="cosine")
    digest = at_hand.use_map(made)
    told = answer(explorer, "map_neighbors", {"digest": digest, "number": 8, "count": 39})
    pairs = np.array([[8, row.number] for row in told.in_layer])
    assert told.metric == "cosine" and len(pairs) == 39
    assert [row.in_layer for row in told.in_layer] == pytest.approx(made.distances(pairs), rel=1e-4, abs=1e-6)


def test_an_evolution_has_a_snapshot_for_each_network(explorer, at_hand, tiny, pictures):
    before = cs.Network(tiny.module, size=32, name="tiny")
    made = cs.embed([before, tiny], str(pictures), "3", iterations=20, continued=10)
    digest = at_hand.use_map(made)
    header, arrays = decode(answer(explorer, "map", {"digest": digest}))
    assert (header["technique"], header["snapshots"], header["python"]) == ("evolution", list(made.names), "")
    assert np.array_equal(arrays["points"], made.values) and np.array_equal(arrays["displacement"], made.displacement)
    assert header["control"]["null_motion"] == pytest.approx(made.control["null_motion"])
    assert header["offered"] == "tiny" and header["atlas"]["refused"] == ""
    unit = decode(answer(explorer, "map_colors", {"digest": digest, "by": "unit", "channel": 1}))[1]["values"]
    assert np.array_equal(unit, cs.codes(tiny, str(pictures), "3").values[:, 1])
    first, last = (answer(explorer, "map_neighbors", {"digest": digest, "number": 0, "snapshot": at}) for at in (0, -1))
    assert [row.number for row in first.in_layer] == [row.number for row in last.in_layer]
    distances = np.linalg.norm(made.values[0].astype(float) - made.values[0, 0], axis=1)
    assert [row.number for row in first.on_map] == np.argsort(distances, kind="stable")[1:11].tolist()


def test_a_page_with_an_image_that_cannot_be_read_says_which_and_is_not_kept(tiny, tmp_path, made_map):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        PIL.Image.new("RGB", (8, 8), color_of(number * 300)).save(folder / f"{number}.png")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(bytes(len(whole)))  # as long as before: the listing is the same
    workspace = Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store"), str(folder), open_source(folder))
    workspace.begin()
    explorer = Explorer(workspace, JobList(workspace, lambda _event: None))
    digest = workspace.use_map(made_map(np.eye(5, 2), workspace.pictures.source, tiny))
    header, arrays = decode(answer(explorer, "map", {"digest": digest}))
    asking = {"digest": digest, "atlas": header["atlas"]["digest"], "size": 16, "page": 0}
    assert decode(answer(explorer, "map_atlas", asking))[0]["missing"] == [arrays["slots"][3]]
    (folder / "3.png").write_bytes(whole)
    told, own = decode(answer(explorer, "map_atlas", asking))
    with PIL.Image.open(io.BytesIO(own["webp"].tobytes())) as shown:
        left = 16 * int(arrays["slots"][3])
        color = np.asarray(shown, float)[4:12, left + 4 : left + 12].mean((0, 1))
    assert told["missing"] == [] and numbers_of(color[None]).tolist() == [900]
    explorer.jobs.close()
    workspace.store.close()
