"""Strangers at the explorer: foreign names, origins and tokens, ways around them, odd bodies. Nobody is let in."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from .common import Count, Row, Trial
from .explorer import Explorer
from .folders import jpeg
from .load import listener

# OWN stands for the server's own name and port, PORT for its port, TOKEN for its token, - for nothing.
HOSTS = """- evil.example evil.example:PORT 127.0.0.1 127.0.0.1:80 OWN.evil.example 0.0.0.0:PORT 127.1:PORT
evil.example@OWN OWN@evil.example OWN,evil.example"""
ORIGINS = """- null http:// file:// http://evil.example http://127.0.0.1:1 http://OWN@evil.example
https://OWN.evil.example"""
TOKENS = "- Bearer Bearer_wrong Basic_TOKEN TOKEN Bearer_TOKENx"
CALLS = "session jobs openapi.json images/x.png nothing"
AROUND = """//api/session /%61pi/session /./api/session /x/../api/session /API/session /api%2fsession http://OWN/api/session
/api/session/ /api;/session /api/session?token=TOKEN"""
FILES = """/../../../etc/passwd /%2e%2e/%2e%2e/%2e%2e/etc/passwd /assets/..%2f..%2f..%2fapp.py /..%5c..%5capp.py /token
/api/images/..%2f..%2ftoken.png /api/artifacts/..%2ftoken.png /%00 /assets/%00"""
BODIES = (b"", b"[]", b"{", b"null", b"\xff", b'{"network": 1}', b"[" * 900, b'{"network": "small", "x": 1}')
FIRST = ("{}", "nonsense", '{"token": 1}', '{"token": "wrong"}', '{"token": "\\ud800"}', "[]", "", b"\xff", "x" * 9000)
DEEP = "[" * 990


def raw(port: int, sent: bytes) -> int:
    """The status that bytes are answered with; 0 where they are hung up on."""
    with socket.create_connection(("127.0.0.1", port), timeout=40) as talk:
        talk.sendall(sent)
        try:
            answer = talk.recv(4096)
        except OSError:
            return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0


def request(at: Explorer, path: str = "/api/session", method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    """A request that is right but for what is given; `_` in names of headers stands for `-`."""
    own = {"Host": f"127.0.0.1:{at.port}", "Authorization": f"Bearer {at.token}", "Connection": "close"}
    own |= {"Content-Type": "application/json", "Content-Length": str(len(body))} if method != "GET" else {}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def forms(at: Explorer, words: str) -> list[str]:
    """Words of a table."""
    for name, value in {"OWN": f"127.0.0.1:{at.port}", "PORT": str(at.port), "TOKEN": at.token}.items():
        words = words.replace(name, value)
    return ["" if word == "-" else word for word in words.split()]


def ways(at: Explorer) -> Iterator[tuple[int, str, bytes]]:
    """Requests that are to be refused: the status, 0 for any, what is wrong, and the bytes."""
    for host in forms(at, HOSTS):
        for path in ("/", "/api/session"):
            yield 403, f"host {host}", request(at, path, Host=host)
    for origin in forms(at, ORIGINS):
        yield 403, f"origin {origin}", request(at, Origin=origin)
    for token in forms(at, TOKENS):
        for call in forms(at, CALLS):
            yield 401, f"token {token[:9]}", request(at, f"/api/{call}", Authorization=token.replace("_", " ", 1))
    for call in ("submit", "look", "images"):
        yield 401, f"no token, {call}", request(at, f"/api/{call}", "POST", Authorization="")
    for path in forms(at, AROUND):
        yield 0, f"path {path}", request(at, path, Authorization="")
    for path in forms(at, FILES):
        yield 0, f"file {path}", request(at, path)
    for body in BODIES:
        yield 400, f"body {body[:9]!r}", request(at, "/api/look", "POST", body)
    for body in (b"x", b"<svg/>", jpeg(1)[:300]):
        yield 400, f"upload {body[:6]!r}", request(at, "/api/images", "POST", body)
    for path, length in (("ask", "2000000"), ("ask", "9" * 40), ("images", "99000000")):
        yield 413, f"length {length[:9]}", request(at, f"/api/{path}", "POST", Content_Length=length)
    for kind in ("text/plain", ""):
        yield 415, f"type {kind}", request(at, "/api/look", "POST", b"{}", Content_Type=kind)
    for path, method in (("look", "GET"), ("session", "PUT"), ("session", "DELETE")):
        yield 405, f"{method} {path}", request(at, f"/api/{path}", method)


def strangers(trial: Trial) -> Count:
    """All are refused, the owner is served afterwards, and there is no traceback in the log."""
    at = Explorer(trial.folder / "store")
    for wanted, what, sent in ways(at):
        status = raw(at.port, sent)
        trial.check(status in ((wanted, 400) if wanted else range(400, 500)), f"{what}: {status}")
    for first in (*FIRST, DEEP, at.token, json.dumps({"token": at.token[:-1]}), json.dumps({"token": f"{at.token}x"})):
        with listener(at) as talk:
            trial.check(unheard(talk, first), f"WebSocket {first[:9]!r}: is let in")
    for name, value in (("Origin", "http://evil.example"), ("Origin", "null")):
        try:
            listener(at, {name: value}).close()
            trial.check(False, f"WebSocket {name} {value}: is let in")
        except (WebSocketException, OSError):
            trial.check(True, "")
    for host in ("127.0.0.1", "localhost", "[::1]"):
        trial.check(raw(at.port, request(at, Host=f"{host}:{at.port}")) == 200, f"the owner at {host} is not served")
    said = at.said().strip()
    trial.check("Traceback" not in said, f"in the log: {said[-80:]}")
    at.kill()
    return trial.count


def unheard(talk: ClientConnection, first: str | bytes) -> bool:
    """Whether a WebSocket is closed after what it says first, and has heard nothing."""
    try:
        talk.send(first)
        talk.recv(timeout=20)
    except TimeoutError:
        return False
    except WebSocketException:
        return True
    return False


ROWS = (Row("strangers", "hosts, origins, tokens, paths, bodies and sockets of strangers", 35, strangers),)
