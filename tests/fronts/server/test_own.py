"""No request over HTTP runs or opens what it names: neither as a network, nor in a knob, nor in a list in one."""

import sys

import pytest

ALL = ["network", "look", "unit", "fields", "ask", "submit", "scan", "statistics", "histogram", "gallery"]
RUNS = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A file that leaves a mark when it is run, in the working directory, and the mark."""
    (tmp_path / "trap.py").write_text(RUNS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path / "trap.ran"


@pytest.mark.parametrize("reference", ["trap.py:build", "./trap.py:build", "trap:build", "lite1", "timm:resnet18"])
@pytest.mark.parametrize("call", ALL)
def test_only_networks_it_was_started_with_are_on_offer(page, trap, call, reference):
    image = page.get("/api/session").json()["images"][0]["id"]
    ask = {"network": reference, "layer": "0", "image": image, "channel": 0, "technique": "saliency", "knobs": {}}
    ask["subjects"] = {"image": image, "unit": "0:1"}
    needed = {
        "network": ["network"],
        "look": ["network", "layer", "image"],
        "unit": ["network", "layer", "image", "channel"],
        "ask": ["network", "technique", "subjects", "knobs"],
        "submit": ["network", "technique", "subjects", "knobs"],
        "scan": ["network"],
        "histogram": ["network", "layer", "channel"],
    }.get(call, ["network", "layer"])
    answer = page.post(f"/api/{call}", json={name: ask[name] for name in needed})
    told = answer.json()
    assert answer.status_code == 400 and told["kind"] in ("UnknownNetwork", "BadScan"), told
    assert not trap.exists() and "trap" not in sys.modules


@pytest.mark.parametrize("judges", ["trap.py:build", "trap:build", ["trap.py:build"], ["lite0", "./trap.py:build"]])
def test_a_knob_runs_nothing_either(page, trap, judges):
    ask = {"network": "tiny", "technique": "maximize", "subjects": {"unit": "0:1"}}
    job = page.post("/api/submit", json={**ask, "knobs": {"judges": judges, "steps": 2}}).json()
    while job.get("state") in ("queued", "running"):
        job = next(row for row in page.get("/api/jobs").json()["jobs"] if row["id"] == job["id"])
    assert "judges must" in job["error"] and not trap.exists() and "trap" not in sys.modules


def test_a_list_in_a_knob_opens_no_file(page, trap):
    image = page.get("/api/session").json()["images"][0]["id"]
    ask = {"network": "tiny", "technique": "style", "subjects": {"content": image, "style": image}}
    for masks in ("/etc/hostname", ["sample:cat", "/etc/hostname"], ["trap.py"]):
        answer = page.post("/api/submit", json={**ask, "knobs": {"masks": masks}})
        assert answer.status_code == 400 and "at hand in the explorer" in answer.json()["error"], answer.json()
