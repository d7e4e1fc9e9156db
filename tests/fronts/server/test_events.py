"""Events: nothing without the token, then every job, then what happens, and nobody who is slow holds up anyone."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from convscope.explorer.workspace.messages import Job, JobEvent, ScanEvent, ScanInfo
from convscope.fronts.server import events
from convscope.fronts.server.events import Events, endpoint


def job(id="a", state="running", step=1):
    return Job(
        id=id, technique="maximize", title="", network="n", subjects={}, knobs={}, state=state, step=step, total=9,
        eta=None, error="", created=0.0, artifact="0" * 64, resumable=False, partial=False,
    )  # fmt: skip


@pytest.fixture
def app():
    made = Starlette(routes=[WebSocketRoute("/api/events", endpoint)])
    made.state.events, made.state.token = Events(), "secret"
    made.state.jobs = SimpleNamespace(all=lambda: [job("a"), job("b", "done"), job("c", "queued")])
    return made


@pytest.fixture
def client(app):
    with TestClient(app) as made:
        yield made


def connected(client, token="secret"):
    socket = client.websocket_connect("/api/events")
    socket.__enter__()
    socket.send_json({"token": token})
    return socket


def test_jobs_not_done_come_first_and_then_what_happens(client, app):
    socket = connected(client)
    assert [socket.receive_json()["job"]["id"] for _ in range(2)] == ["a", "c"]
    app.state.events.tell(JobEvent(job=job("a", step=5), preview="data:x"))
    found = socket.receive_json()
    assert found["kind"] == "job" and found["job"]["step"] == 5 and found["preview"] == "data:x"
    app.state.events.tell(ScanEvent(scan=ScanInfo(folder="f", images=3, layers=("0",))))
    assert socket.receive_json() == {"kind": "scan", "scan": {"folder": "f", "images": 3, "layers": ["0"]}}
    socket.__exit__(None, None, None)


@pytest.mark.parametrize("first", [
    '{"token": "wrong"}', "{}", "[]", "not json", '{"token": 5}', '{"token": null}', '"secret"', "3",
    json.dumps({"token": "secret", "filler": "x" * 2000}), '{"token": "sécret"}',
    '{"token": "\\ud800"}', '{"token": "\\udce9"}', "[" * 990, '{"token": NaN}', "",
    '{"token":' * 90, "9" * 900,
])  # fmt: skip
def test_without_the_token_nothing_is_said(client, first):
    with client.websocket_connect("/api/events") as socket:
        socket.send_text(first)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 4401


def test_bytes_are_no_token_and_silence_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr(events, "_PATIENCE", 0.1)
    for say in (lambda socket: socket.send_bytes(b'{"token": "secret"}'), lambda socket: None):
        with client.websocket_connect("/api/events") as socket:
            say(socket)
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
        assert closed.value.code == 4401


def test_many_listen_and_those_who_leave_are_forgotten(client, app):
    sockets = [connected(client) for _ in range(5)]
    for socket in sockets:
        [socket.receive_json() for _ in range(2)]
    app.state.events.tell(JobEvent(job=job("z")))
    assert [socket.receive_json()["job"]["id"] for socket in sockets] == ["z"] * 5
    for socket in sockets:
        socket.__exit__(None, None, None)
    end = time.monotonic() + 60
    while app.state.events._boxes and time.monotonic() < end:
        time.sleep(0.01)
    assert not app.state.events._boxes


class Stuck:
    """A browser that takes nothing: sending to it never ends."""

    def __init__(self):
        self.sent, self.go, self.scope = [], asyncio.Event(), {}

    async def accept(self):
        pass

    async def receive_text(self):
        return '{"token": "secret"}'

    async def receive(self):
        await asyncio.sleep(3600)

    async def send_text(self, text):
        self.sent.append(json.loads(text))
        await self.go.wait()


def test_who_is_slow_gets_the_newest_of_each_job_and_holds_up_nobody():
    async def main():
        made, stuck = Events(), Stuck()
        serving = asyncio.create_task(made.serve(stuck, "secret", lambda: [job("a", step=0)]))
        while not stuck.sent:
            await asyncio.sleep(0.01)
        for step in range(1, 5001):
            preview = f"picture {step}" if step % 100 == 0 and step <= 4000 else ""
            made.tell(JobEvent(job=job("ab"[step % 2], step=step), preview=preview))
        (box,) = made._boxes
        assert len(box._events) == 2
        stuck.go.set()
        while len(stuck.sent) < 3:
            await asyncio.sleep(0.01)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert not made._boxes
        return stuck.sent

    first, *rest = asyncio.run(asyncio.wait_for(main(), 60))
    assert first["job"]["step"] == 0
    assert {event["job"]["id"]: event["job"]["step"] for event in rest} == {"a": 5000, "b": 4999}
    assert {event["job"]["id"]: event["preview"] for event in rest} == {"a": "picture 4000", "b": ""}


def test_a_snapshot_does_not_hide_what_came_meanwhile():
    async def main():
        made, stuck = Events(), Stuck()
        stuck.go.set()

        def present():
            made.tell(JobEvent(job=job("a", "done", 9)))
            return [job("a", "running", 3)]

        serving = asyncio.create_task(made.serve(stuck, "secret", present))
        while not stuck.sent:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return [event["job"]["state"] for event in stuck.sent]

    assert asyncio.run(asyncio.wait_for(main(), 60))[-1] == "done"


def test_telling_after_the_server_ended_does_not_raise():
    made = Events()

    async def main():
        made._boxes.add(events._Box(asyncio.get_running_loop()))

    asyncio.run(main())
    made.tell(JobEvent(job=job()))
