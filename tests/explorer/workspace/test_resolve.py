"""Techniques over HTTP: the library's own results, and nothing a page may not name."""

import json

import numpy as np
import pytest

import convscope as cs
from convscope.catalog.catalog import CATALOG, entry
from convscope.explorer.answers import answers
from convscope.explorer.workspace.artifacts import frame_of
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.resolve import resolve
from convscope.view.encode.png import png

CAT, FLOWER = cs.open_image("sample:cat"), cs.open_image("sample:flower")
NAMES = {"image": CAT.digest, "unit": "logits:2", "layer": "0", "other": "tiny", "changed": FLOWER.digest}
GIVEN = {"image": CAT, "unit": "logits:2", "layer": "0", "source": "samples", "changed": FLOWER}
FEW = {
    "cw": {"steps": 2, "searches": 1},
    "minimal": {"steps": 2, "begin": 2},
    "smoothgrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "integrated_gradients": {"steps": 3, "limit": 5},
    "occlusion": {"size": 8, "stride": 8},
    "rise": {"samples": 9},
    "perturbation_mask": {"steps": 3},
    "insertion_deletion": {"steps": 3},
    "sanity_check": {"layers": 2},
    "compare": {"methods": "saliency,gradcam", "steps": 3},
    "embed": {"iterations": 9},
    "flipped_units": {"draws": 2},
    "margin_path": {"steps": 2, "limit": 2},
}
BEYOND = {"scan", "selection"}  # subjects that eight bundled photos without classes are not enough for
QUICK = [each for each in CATALOG if not each.resumes and not BEYOND & {*each.subjects}]


def body(technique, **fields):
    subjects = {
        name: NAMES[name] for name, kind in entry(technique).function.kinds.items() if kind.named and name != "net"
    }
    return {"network": "tiny", "technique": technique, "subjects": subjects, "knobs": FEW.get(technique, {}), **fields}


@pytest.mark.parametrize("technique", [each.name for each in QUICK])
def test_every_quick_technique_answers_as_the_library_does(page, tiny, technique):
    found = entry(technique)
    given = {**GIVEN, "other": tiny}
    result = found.function(tiny, *(given[name] for name in found.subjects[1:]), **FEW.get(technique, {}))
    answer = page.post("/api/ask", json=body(technique))
    assert answer.status_code == 200, answer.text
    assert answer.content == frame_of(result, {})
    header, _ = decode(answer.content)
    assert header["digest"] == result.request.digest and header["python"] == result.request.python()
    picture = page.get(f"/api/artifacts/{header['digest']}.png")
    assert picture.headers["content-type"] == "image/png" and picture.content == png(result)
    assert page.post("/api/artifact", json={"digest": header["digest"]}).content == answer.content


def test_a_sum_of_units_answers_as_the_library_does(page, tiny):
    subjects = {"image": CAT.digest, "unit": "logits:2  -  0.50*0:1 + probs:1"}
    answer = page.post("/api/ask", json={"network": "tiny", "technique": "saliency", "subjects": subjects})
    result = cs.saliency(tiny, CAT, tiny.unit("logits:2") - 0.5 * tiny.unit("0:1") + tiny.unit("probs:1"))
    assert answer.content == frame_of(result, {})
    assert decode(answer.content)[0]["unit"] == str(result.unit) == "logits:2 - 0.5*0:1 + probs:1"
    refused = page.post("/api/ask", json=body("project", subjects=subjects))
    assert (
        refused.status_code == 400 and "must be one channel, such as logits:2, not the sum" in refused.json()["error"]
    )


def test_a_result_is_computed_once_and_survives_the_server(page, workspace, monkeypatch):
    first = page.post("/api/ask", json=body("saliency"))
    monkeypatch.setattr(answers, "_carried_out", lambda *_: pytest.fail("it was computed again"))
    assert page.post("/api/ask", json=body("saliency")).content == first.content
    workspace.answers = type(workspace.answers)(1 << 20, len)  # as after a restart
    assert page.post("/api/ask", json=body("saliency")).content == first.content


def test_choices_of_the_picture_are_heard(page):
    plain = page.post("/api/ask", json=body("saliency"))
    grey = page.post("/api/ask", json=body("saliency", view={"style": "grey"}))
    assert grey.status_code == 200 and decode(grey.content)[0]["digest"] != decode(plain.content)[0]["digest"]
    assert page.post("/api/ask", json=body("saliency", view={"style": "pink"})).json()["kind"] == "BadKnob"


def test_what_takes_its_time_must_be_a_job(page, monkeypatch):
    refused = page.post("/api/ask", json=body("invert"))
    assert refused.status_code == 400 and "submitted as a job" in refused.json()["error"]
    monkeypatch.setattr(answers, "_LONGEST", 0.0)
    refused = page.post("/api/ask", json=body("rise"))
    assert refused.status_code == 400 and "takes more than 0 seconds here" in refused.json()["error"]


@pytest.mark.parametrize(
    "changed",
    [
        {"technique": "magic"},
        {"network": "other"},
        {"subjects": {}},
        {"subjects": {"image": CAT.digest, "unit": "logits:2", "layer": "0"}},
        {"subjects": {"image": "sample:cat", "unit": "logits:2"}},
        {"subjects": {"image": CAT.digest, "unit": "nothing:2"}},
        {"knobs": {"nonsense": 1}},
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(page, changed):
    refused = page.post("/api/ask", json={**body("saliency"), **changed})
    assert refused.status_code == 400 and refused.json()["error"].endswith(".")


PAIR = {"content": CAT.digest, "style": CAT.digest}
FILES = [
    ("dream", {"layer": "2"}, {"guide": "FILE"}),
    ("dream", {"layer": "2"}, {"guide": "picture.png"}),
    ("dream", {"layer": "caricature(2, FILE)"}, {}),
    ("maximize", {"unit": "0:1 + caricature(2, FILE)"}, {}),
    ("maximize", {"unit": "caricature( 2 , picture.png, 2)"}, {}),
    ("maximize", {"unit": "0:1"}, {"spectrum": "FILE"}),
    ("maximize", {"unit": "0:1"}, {"scan": "FILE"}),
    ("maximize", {"unit": "0:1"}, {"judges": "torchvision:resnet18"}),
    ("maximize", {"unit": "0:1"}, {"judges": "tiny, timm:resnet18"}),
    ("sheet", {"layer": "2"}, {"scan": "/nowhere"}),
    ("style", PAIR, {"masks": "FILE"}),
    ("style", PAIR, {"masks": "sample:cat; picture.png"}),
    ("style", PAIR, {"init": "picture.png"}),
]


@pytest.mark.parametrize(("technique", "subjects", "knobs"), FILES)
def test_a_page_cannot_name_files_or_downloads(page, technique, subjects, knobs, tmp_path, monkeypatch):
    file = tmp_path / "picture.png"
    CAT.pil().save(file)
    monkeypatch.chdir(tmp_path)
    told = json.loads(json.dumps({"subjects": subjects, "knobs": knobs}).replace("FILE", str(file)))
    if "image" in entry(technique).subjects:
        told["subjects"]["image"] = CAT.digest
    for call in ("submit", "ask"):
        refused = page.post(f"/api/{call}", json={"network": "tiny", "technique": technique, **told})
        assert refused.status_code == 400 and refused.json()["kind"] == "BadKnob", refused.text
        assert "must name what is at hand" in refused.text or "must be one of sample:" in refused.text
    assert page.get("/api/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("other", ["torchvision:resnet18", "mine.py:make", "lite0", ""])
def test_a_page_names_no_network_that_is_not_on_offer(page, other, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    for call in ("submit", "ask"):
        refused = page.post(f"/api/{call}", json=body("compare_networks", subjects={"other": other}))
        assert refused.status_code == 400 and refused.json()["kind"] == "UnknownNetwork", refused.text


def test_samples_may_be_named(workspace):
    from convscope.explorer.workspace.messages import Ask

    unit = "caricature(2, sample:cat)"
    assert resolve(workspace, Ask(network="tiny", technique="maximize", subjects={"unit": unit})).request.digest
    knobs = {"guide": "sample:cat"}
    subjects = {"image": CAT.digest, "layer": "2"}
    assert resolve(workspace, Ask(network="tiny", technique="dream", subjects=subjects, knobs=knobs)).knobs["guide"]


def test_a_technique_about_a_scan_needs_one_and_is_given_the_one_at_hand(workspace, tiny, tmp_path):
    from convscope.explorer.workspace.messages import Ask

    ask = Ask(network="tiny", technique="patches", subjects={"unit": "2:1"})
    with pytest.raises(cs.ConvscopeError, match="none is at hand"):
        resolve(workspace, ask)
    scan = cs.scan(tiny, "samples", tmp_path / "scan", layers="2", top=2)
    info = workspace.use_scan(scan, tmp_path / "scan")
    assert info.images == len(cs.samples()) and info.layers == ("2",)
    asked = resolve(workspace, ask)
    assert asked.subjects == (tiny, scan, "2:1")
    assert asked.request == cs.patches(tiny, scan, "2:1").request


def test_a_scan_of_another_network_is_refused(workspace, lite0, tmp_path):
    scan = cs.scan(lite0, [CAT], tmp_path / "scan", layers="conv_stem", top=1)
    with pytest.raises(cs.ConvscopeError, match="must be of tiny"):
        workspace.use_scan(scan, tmp_path / "scan")


def test_an_unknown_result_is_not_found(page):
    refused = page.post("/api/artifact", json={"digest": "a" * 64})
    assert refused.status_code == 404 and refused.json()["kind"] == "UnknownResult"


def test_the_session_says_what_there_is(page, tiny):
    told = page.get("/api/session").json()
    assert told["networks"] == ["tiny"] and told["network"]["digest"] == tiny.digest
    assert [row["name"] for row in told["network"]["layers"]] == list(tiny.layers)
    assert [row["name"] for row in told["techniques"]] == [each.name for each in CATALOG]
    assert told["limits"]["body"] >= 1 << 20 and told["scan"] is None
    assert np.shape(told["network"]["size"]) == (2,)


def test_the_document_names_every_call(page):
    document = page.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/look", "/api/ask", "/api/images", "/api/session", "/api/gallery"} <= set(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert "400" in operation["responses"], (path, method)
