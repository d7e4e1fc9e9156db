"""The guard: who gets in over HTTP and over WebSockets, what they may send, and what the page may do."""

import asyncio
import json

import pytest
from starlette.websockets import WebSocketDisconnect

from convscope.fronts.server.guard import BODY, Guard

EVENTS = "ws://127.0.0.1:8765/api/events"
LOOK = {"network": "tiny", "layer": "0", "image": "0" * 64}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", "", "127.0.0.1:8765.evil.example"]
)
def test_a_foreign_host_is_refused(page, host):
    for path in ("/", "/api/session"):
        refused = page.get(path, headers={"Host": host})
        assert refused.status_code == 403 and refused.json()["kind"] == "ForeignHost"


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"])
def test_our_own_names_are_let_in(page, host):
    own = {"Host": host, "Origin": f"http://{host}"}
    assert page.get("/api/jobs", headers=own).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "file://", "http://127.0.0.1:8765@evil.example"]
)
def test_a_foreign_origin_is_refused_even_with_the_token(page, origin):
    assert page.get("/api/session", headers={"Origin": origin}).status_code == 403
    assert page.post("/api/look", json=LOOK, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secretsecret", "Bearer ÿ"]
)
def test_nothing_under_api_without_the_token(page, given):
    headers = {"Authorization": given.encode("latin-1")}
    for path in ("/api/session", "/api/openapi.json", "/api/nothing", "/api/images/x.png", "/api"):
        refused = page.get(path, headers=headers)
        assert refused.status_code == 401 and refused.json()["kind"] == "NoToken"
    assert page.post("/api/submit", headers=headers).status_code == 401  # a body-less POST, as any site may send
    assert page.post("/api/images", content=b"x", headers=headers).status_code == 401


def test_the_page_itself_needs_no_token_and_runs_nothing_but_its_own_scripts(page):
    shown = page.get("/", headers={"Authorization": ""})
    assert shown.status_code == 200 and "<html" in shown.text
    policy = shown.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert shown.headers["x-content-type-options"] == "nosniff" and "no-store" not in shown.headers.get(
        "cache-control", ""
    )


def test_answers_are_not_kept_by_anyone_and_open_to_no_other_site(page):
    answer = page.get("/api/jobs")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    refused = page.options("/api/look", headers={"Origin": "http://evil.example", "Authorization": ""})
    assert refused.status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_a_foreign_websocket_is_refused_before_it_is_accepted(page, headers):
    with pytest.raises(WebSocketDisconnect) as refused, page.websocket_connect(EVENTS, headers=headers):
        pass
    assert refused.value.code == 4403


@pytest.mark.parametrize("first", ['{"token": "wrong"}', "{}", "nonsense", '{"token": 1}', "[]"])
def test_a_websocket_without_the_token_hears_nothing(page, first):
    with page.websocket_connect(EVENTS) as socket:
        socket.send_text(first)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_a_websocket_with_the_token_hears_of_jobs(page):
    with page.websocket_connect(EVENTS, headers={"Origin": "http://127.0.0.1:8765"}) as socket:
        socket.send_text(json.dumps({"token": "secret"}))
        ask = {
            "network": "tiny",
            "technique": "maximize",
            "subjects": {"unit": "0:1"},
            "knobs": {"steps": 2, "size": 16},
        }
        job = page.post("/api/submit", json=ask).json()
        event = json.loads(socket.receive_text())
        assert event["kind"] == "job" and event["job"]["id"] == job["id"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
def test_json_must_say_that_it_is(page, kind):
    assert page.post("/api/look", content=json.dumps(LOOK), headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"network": 1}', b"\xff", b'{"network": "tiny", "x": 1}', b"null"]
)
def test_a_body_that_is_not_what_it_should_be_is_refused_in_a_sentence(page, body):
    refused = page.post("/api/network", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 400 and refused.json()["kind"] == "BadRequest" and refused.json()["error"]


def test_wrong_methods_and_paths(page):
    assert page.get("/api/look").status_code == 405 and page.post("/api/session", json={}).status_code == 405
    assert page.get("/api/nothing").status_code == 404 and page.get("/api/nothing").json()["error"]


class Sender:
    """Says that it sends a body, and how much of it was taken."""

    def __init__(self, parts, pause=0.0):
        self.parts, self.pause, self.taken = list(parts), pause, 0

    async def receive(self):
        await asyncio.sleep(self.pause)
        self.taken += 1
        return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}


def answered(sender, headers, path="/api/images", seconds=0.5):
    """The status a guard answers with, and whether the application was reached."""
    reached, sent = [], []

    async def app(_scope, receive, send):
        reached.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def send(message):
        sent.append(message)

    given = {"host": "h:1", "authorization": "Bearer secret", "content-type": "application/json", **headers}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": raw}
    asyncio.run(Guard(app, "secret", {"h:1"}, seconds=seconds)(scope, sender.receive, send))
    return sent[0]["status"], reached


def test_a_large_body_is_refused_by_its_announced_length_unread():
    sender = Sender([b"x"] * 9)
    assert answered(sender, {"content-length": str(100 << 20)}) == (413, [])
    assert sender.taken == 0


@pytest.mark.parametrize("length", ["-1", "1e9", "many", "9" * 400])
def test_a_length_that_is_none_is_refused(length):
    assert answered(Sender([b"x"]), {"content-length": length}) == (413, [])


def test_a_large_body_is_refused_while_it_comes_in():
    sender = Sender([bytes(1 << 20)] * 40)
    assert answered(sender, {}) == (413, [])
    assert sender.taken == (BODY >> 20) + 1
    sender = Sender([bytes(1 << 20)] * 4)
    assert answered(sender, {}, "/api/ask")[0] == 413 and sender.taken == 2


def test_a_slow_sender_is_refused_and_a_whole_body_comes_through():
    assert answered(Sender([b"x"] * 100, 0.02), {}, seconds=0.1) == (408, [])
    assert answered(Sender([b"one ", b"two"]), {}) == (200, [b"one two"])


def test_who_listens_to_all_addresses_takes_numbers_but_no_names():
    guard = Guard(None, "secret", {"127.0.0.1:8765"}, anywhere=8765)
    assert guard._ours("192.168.1.7:8765") and guard._ours("[fe80::1]:8765")
    assert not guard._ours("evil.example:8765") and not guard._ours("192.168.1.7:80") and not guard._ours("192.168.1.7")


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_worked_on_when_the_server_ends_is_told_so_and_raises_nothing(begun):
    sent = []

    async def ended(scope, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise asyncio.CancelledError

    async def send(message):
        if message["type"] == "http.response.start" and any(one["type"] == message["type"] for one in sent):
            raise RuntimeError("an answer begins once")
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"here:1")]}
    asyncio.run(Guard(ended, "secret", ["here:1"])(scope, None, send))
    assert sent[0]["status"] == (200 if begun else 503)
