"""The verb `explore`: one link, a server that answers to it alone, and a clean end."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest

from convscope.base.errors import BadKnob
from convscope.explorer.jobs import jobs
from convscope.fronts.server import launch
from convscope.fronts.server.address import addresses, bound
from convscope.fronts.server.launch import Serving, cache, open_workspace

OWN = """
import torch, convscope as cs
print("made")

def build():
    return cs.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), Loud()), size=16, name="own")

class Loud(torch.nn.ReLU):
    def forward(self, x):
        print(x.shape)
        return super().forward(x)

def broken():
    return torch.nn.Conv2d(3)
"""


@pytest.fixture
def started(tmp_path):
    """A real server of a network of one's own, on the usual port or any that is free, and its link."""
    (tmp_path / "mynet.py").write_text(OWN)
    words = ["explore", "mynet.py:build", "--no-open", "--store", str(tmp_path / "store")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "convscope", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_it_prints_its_link_first_serves_it_and_ends_on_ctrl_c(started):
    process, link = started
    base, _, token = link.partition("/#token=")
    assert base.startswith("http://127.0.0.1:") and len(token) >= 40, link or process.communicate()[1]
    with httpx2.Client(base_url=base, timeout=120) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/session").status_code == 401
        assert client.get("/api/session", headers={"Host": "evil.example"}).status_code == 403
        told = client.get("/api/session", headers={"Authorization": f"Bearer {token}"}).json()
        assert told["networks"][0] == "mynet.py:build" and told["network"]["title"] == "own"
        assert told["network"]["python"] == "cs.load('mynet.py:build')"
        assert "server" not in client.get("/").headers
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert process.returncode == 130 and all(line.startswith("torch.Size(") for line in rest.splitlines())
    assert said.splitlines()[-1] == "Stopped. No file is half written."


def test_a_network_of_ones_own_that_fails_is_one_sentence_and_no_link(convscope, tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(OWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    ran = convscope("explore", f"{tmp_path}/mynet.py:broken", "--no-open", "--store", tmp_path)
    assert ran.code == 2 and ran.out == "" and "mynet.py, line 14). Mend it." in ran.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--scan", "nowhere"], "nowhere holds no scan"),
        (["--images", "nowhere"], "There is no folder, zip or tar nowhere"),
        (["--port", "70000"], "port must be from 0"),
        (["--host", "no.such.host.invalid"], "host must be an address of this computer"),
        (["--host", "203.0.113.7"], "port must be free on 203.0.113.7"),
    ],
)
def test_what_it_cannot_start_with_is_one_sentence_and_no_link(convscope, tmp_path, words, why):
    ran = convscope("explore", "lite0", "--no-open", "--store", tmp_path / "store", *words)
    assert ran.code == 2 and ran.out == ""
    assert ran.err.startswith("Error: ") and why in ran.err and ran.err.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_an_unknown_network_ends_it(convscope, tmp_path):
    ran = convscope("explore", "lite9", "--no-open", "--store", tmp_path)
    assert ran.code == 2 and "There is no network 'lite9'" in ran.err


def test_a_port_in_use(convscope, tmp_path):
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ran = convscope("explore", "--no-open", "--store", tmp_path, "--port", port)
    assert ran.code == 2 and f"port must be free on 127.0.0.1, and {port} is not" in ran.err


def test_without_a_port_it_takes_another_where_the_usual_is_in_use():
    with bound("127.0.0.1", 0) as first, bound("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
        assert first.proto == socket.IPPROTO_TCP  # without it answers wait 40 ms


def test_whom_it_answers_to():
    shown, hosts, anywhere = addresses("127.0.0.1", 80)
    assert shown == "127.0.0.1:80" and hosts == {"127.0.0.1:80", "localhost:80", "[::1]:80"} and anywhere is None
    shown, hosts, anywhere = addresses("192.168.1.7", 9)
    assert shown == "192.168.1.7:9" and "192.168.1.7:9" in hosts and anywhere is None
    assert addresses("::1", 9)[0] == "[::1]:9"
    shown, hosts, anywhere = addresses("0.0.0.0", 9)
    assert shown == "127.0.0.1:9" and anywhere == 9 and f"{socket.gethostname().lower()}:9" in hosts


def test_listening_beyond_this_computer_is_said(capsys):
    from convscope.fronts.cli.explore import warn_of

    for host in ("127.0.0.1", "localhost", "::1"):
        warn_of(host)
    assert capsys.readouterr().err == ""
    warn_of("0.0.0.0")
    assert "token" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="is about other systems")
def test_results_are_kept_where_this_system_keeps_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    assert cache() == Path("/some/cache/convscope")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache() == Path("/home/someone/.cache/convscope")


class Late:
    """Jobs that are there only after whatever began before them has failed."""

    def __new__(cls, workspace, listen):
        for thread in threading.enumerate():
            if thread.name == "begin":
                thread.join()
        return jobs.JobList(workspace, listen)


def test_a_network_that_cannot_be_loaded_ends_it_however_soon_that_is(convscope, monkeypatch, tmp_path):
    monkeypatch.setattr(launch, "JobList", Late)
    monkeypatch.setattr(threading, "excepthook", lambda told: pytest.fail(f"unseen: {told.exc_value}"))
    ran = convscope("explore", "lite9", "--no-open", "--store", tmp_path)
    assert ran.code == 2 and "There is no network 'lite9'" in ran.err and ran.err.count("\n") == 1


def test_what_fails_beside_the_server_is_raised_where_it_runs_and_its_jobs_are_let_go(tiny, tmp_path):
    def fail():
        raise BadKnob("It cannot be had.")

    with bound("127.0.0.1", 0) as listening:
        server = Serving(open_workspace({"tiny": lambda: tiny}, None, tmp_path), listening, "127.0.0.1")
        with pytest.raises(BadKnob, match=r"It cannot be had\."):
            server.run(fail)
    assert not [thread for thread in threading.enumerate() if thread.name in ("jobs", "begin")]


def test_what_ends_its_jobs_ends_the_server(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("convscope.explorer.jobs.queue.Queue.next", lambda *_: 1 / 0)
    with bound("127.0.0.1", 0) as listening:
        server = Serving(open_workspace({"tiny": lambda: tiny}, None, tmp_path), listening, "127.0.0.1")
        with pytest.raises(ZeroDivisionError):
            server.run()


def test_nothing_of_a_server_runs_before_it_does(tiny, tmp_path):
    with bound("127.0.0.1", 0) as listening:
        server = Serving(open_workspace({"tiny": lambda: tiny}, None, tmp_path), listening, "127.0.0.1")
        assert not [thread for thread in threading.enumerate() if thread.name in ("jobs", "begin")]
        server.stop()
        server.run()


def test_ports_are_numbers_of_sixteen_bits():
    with pytest.raises(BadKnob, match="port must be"):
        bound("127.0.0.1", -1)
