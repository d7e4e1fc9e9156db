"""The explorer and the report from Python, for a network of one's own."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest
import torch
import uvicorn

import convscope as cs
from convscope.base.errors import BadImage, BadKnob, BadScan, CannotWrite, ForwardFailed
from convscope.fronts import exploring

PHOTOS = cs.samples()["cat"].path.parent
SCRIPT = """
import sys, torch, convscope as cs
net = cs.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()), size=16, name="mine")
running = net.explore(store=sys.argv[1], open=False)
print("after", running)

import time, uvicorn
run = uvicorn.Server.run
def slowly(*args, **options):
    run(*args, **options)
    time.sleep(1)
    print("ended")
uvicorn.Server.run = slowly
running = net.explore(store=sys.argv[1], open=False)
print("after", running)
"""


@pytest.fixture
def explore(tiny, tmp_path):
    """`explore(…)` explores the tiny network without a browser, in a store of its own, until the test ends."""
    started = []

    def start(**options):
        started.append(tiny.explore(store=tmp_path / "store", open=False, block=False, **options))
        return started[-1]

    yield start
    for each in started:
        each.close()


def client(running):
    """Whoever has the link."""
    base, _, token = running.url.partition("/#token=")
    return httpx2.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=120)


def test_it_prints_its_link_serves_the_network_and_ends(explore, capsys):
    running = explore(images=str(PHOTOS))
    assert capsys.readouterr().out.strip() == running.url and running.url in repr(running)
    assert f'href="{running.url}"' in running._repr_html_()
    with client(running) as page:
        told = page.get("/api/session").json()
        assert (
            told["network"]["name"] == "tiny" and told["network"]["python"] == "net" and told["networks"][0] == "tiny"
        )
        ask = {"network": "tiny", "layer": "2", "image": told["images"][0]["id"]}
        assert page.post("/api/look", json=ask).status_code == 200
        running.close()
        with pytest.raises(httpx2.ConnectError):
            page.get("/api/session")
    running.close()  # once more does no harm
    running.wait()
    assert "ended" in repr(running)
    assert not [thread for thread in threading.enumerate() if thread.name in ("explorer", "jobs", "begin")]


def test_two_at_once_share_a_store_and_have_their_own_ports(explore):
    first, second = explore(), explore()
    with client(first) as one, client(second) as other:
        assert one.get("/api/session").status_code == other.get("/api/session").status_code == 200
    assert first.url != second.url


def test_it_goes_on_beside_a_running_event_loop(tiny, tmp_path):
    def status(running):
        with running, client(running) as page:
            return page.get("/api/session").status_code

    async def cell():
        running = tiny.explore(store=tmp_path, open=False)  # does not block, for there is a loop
        return await asyncio.to_thread(status, running)

    assert asyncio.run(cell()) == 200


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_script_blocks_until_ctrl_c_and_then_goes_on(tmp_path):
    """Twice in one process: a server that ends at once, and one that is slow to end."""
    words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert "#token=" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "after <Exploring (ended)>\n"
        assert "#token=" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0 and out == "ended\nafter <Exploring (ended)>\n" and said == ""


def test_it_blocks_only_where_nothing_else_keeps_the_program_running(monkeypatch):
    assert exploring.alone_here()
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert not exploring.alone_here()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_the_server_is_raised_by_wait_and_close(explore, monkeypatch):
    def cut(*_args, **_options):
        raise OSError("The line is cut.")

    monkeypatch.setattr(uvicorn.Server, "run", cut)
    running = explore()
    for look in (running.wait, running.close):
        with pytest.raises(OSError, match="The line is cut"):
            look()
    running._failure = None  # for the fixture, which closes it once more
    assert not [thread for thread in threading.enumerate() if thread.name in ("explorer", "jobs", "begin")]


def test_what_it_cannot_start_with_is_raised_at_once_and_leaves_nothing_running(tiny, tmp_path):
    class Fails(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    options = {"store": tmp_path, "open": False, "block": False}
    scan = cs.scan(tiny, PHOTOS)
    for error, start in [
        (ForwardFailed, lambda: cs.explore(cs.Network(Fails()), **options)),
        (BadKnob, lambda: cs.explore(Fails(), **options)),
        (BadKnob, lambda: tiny.explore(port=1 << 16, **options)),
        (BadScan, lambda: tiny.explore(scan=scan, **options)),
        (BadScan, lambda: tiny.explore(scan=tmp_path / "nowhere", **options)),
    ]:
        with pytest.raises(error):
            start()
    assert not [thread for thread in threading.enumerate() if thread.name in ("explorer", "jobs")]


def test_a_scan_of_what_the_network_was_before_is_refused(tiny, explore, tmp_path):
    scan = cs.scan(tiny, PHOTOS, tmp_path / "scan")
    with client(explore(scan=scan)) as page:
        assert page.get("/api/session").json()["scan"]["folder"] == str(tmp_path / "scan")
    with torch.no_grad():
        tiny.module[0].weight += 1
    with pytest.raises(BadScan, match="with other weights"):
        explore(scan=tmp_path / "scan")


def test_a_module_that_changes_while_it_is_explored_is_seen_as_it_is(tiny, explore):
    with client(explore()) as page:
        image = page.get("/api/session").json()["images"][0]["id"]
        ask = {"network": "tiny", "layer": "0", "image": image}
        before = page.post("/api/look", json=ask).content
        assert page.post("/api/look", json=ask).content == before
        with torch.no_grad():
            tiny.module[0].weight += 1
        assert page.post("/api/look", json=ask).content != before


def test_networks_of_one_name_with_other_weights_share_no_answers(tiny, tmp_path):
    def answer(net):
        running = net.explore(store=tmp_path, open=False, block=False)
        with running, client(running) as page:
            image = page.get("/api/session").json()["images"][0]["id"]
            subjects = {"image": image, "layer": "0"}
            ask = {"network": "tiny", "technique": "activations", "subjects": subjects, "knobs": {}}
            return page.post("/api/ask", json=ask).content

    before = answer(tiny)
    assert answer(tiny) == before
    with torch.no_grad():
        tiny.module[0].weight += 1
    assert answer(cs.Network(tiny.module, size=32, name="tiny")) != before


def test_a_report_of_ones_own_network(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tiny.report(["sample:cat", cs.open_image("sample:coffee")], scan=cs.scan(tiny, PHOTOS, "scan"))
    page = path.read_text("utf-8")
    assert path == Path("report.html") and "tiny" in page and page.count("<h2>sample:") + page.count("<h2>") > 3
    assert cs.report(tiny, "sample:cat", "one.html") == Path("one.html")


def test_what_a_report_cannot_be_made_of_leaves_no_file(tiny, tmp_path):
    for error, make in [
        (BadKnob, lambda: cs.report(tiny.module, "sample:cat", tmp_path / "r.html")),
        (BadImage, lambda: tiny.report([], tmp_path / "r.html")),
        (BadImage, lambda: tiny.report("nowhere.jpg", tmp_path / "r.html")),
        (BadScan, lambda: tiny.report("sample:cat", tmp_path / "r.html", scan=tmp_path)),
        (CannotWrite, lambda: tiny.report("sample:cat", tmp_path / "missing" / "r.html")),
    ]:
        with pytest.raises(error):
            make()
    assert list(tmp_path.iterdir()) == []


def test_a_map_made_before_is_shown(explore, tiny):
    made = cs.embed(tiny, "samples", "3", method="pca")
    with client(explore(maps=made)) as page:
        (row,) = page.get("/api/maps").json()["maps"]
        assert row["digest"] == made.request.digest
        assert page.post("/api/map", json={"digest": row["digest"]}).status_code == 200
    with pytest.raises(BadKnob, match="embed or an evolution"):
        explore(maps=[cs.weights(tiny, "0")])
