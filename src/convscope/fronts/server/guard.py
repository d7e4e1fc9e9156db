"""The guard before the server: who may talk to it, how much they may say, and what a browser may do with its page.

A page of another site can send requests to this computer; it cannot read the token out of the printed link. So
everything under /api needs the token, the names in Host and Origin must be ours (a foreign name that leads here is DNS
rebinding), and a body is neither too large nor too slow. HTTP and WebSocket pass the same guard: it is plain ASGI. Of a
WebSocket, which cannot send a header, the token is the first message; `events` asks for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...explorer.workspace.images import BODY
from .strangers import known

_JSON = 1 << 20  # bytes of any other body
_HEAD = 16 << 10  # bytes of the address and the headers of a request
_SECONDS = 30.0  # for a whole body to come in
UPLOAD = "/api/images"

# Pictures at addresses are fetched by the page, so it may connect to other sites; whether they let their pictures be
# read is theirs to say. Scripts, styles and frames come from here alone, and nothing is inline.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' {sockets} http: https:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)


@dataclass(frozen=True)
class Refusal(Exception):
    """Why a request goes no further."""

    status: int
    error: str
    kind: str


_ENDED = Refusal(503, "The explorer was ended before this was answered. Start it and ask again.", "Ended")


class Guard:
    """An application that lets another one see only what is allowed.

    `hosts` are the names, with their port, by which this server is known; `anywhere` also lets in addresses in numbers,
    which need no name and so cannot be rebound, at `port`. `seconds` is what a body may take.
    """

    def __init__(
        self, app: ASGIApp, token: str, hosts: Collection[str], anywhere: int | None = None, seconds: float = _SECONDS
    ) -> None:
        self._app, self._token, self._hosts = app, token, frozenset(hosts)
        self._anywhere, self._seconds = anywhere, seconds
        # browsers know no such source for an address in brackets; there, 'self' has to do
        sockets = " ".join(f"ws://{host}" for host in sorted(self._hosts) if not host.startswith("["))
        self._headers = {
            "content-security-policy": _POLICY.format(sockets=sockets),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a Problem."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        try:
            _check_head(scope)
            self._check_names(Headers(scope=scope))
            if scope["type"] == "http":
                send = self._sending(scope, send)
                receive = await self._checked_body(scope, receive)
        except Refusal as refusal:
            await (_refuse if scope["type"] == "http" else _close)(refusal, send)
            return None
        try:
            return await self._app(scope, receive, send)
        except asyncio.CancelledError:  # the server ends, and has waited long enough for what it works on
            if scope["type"] != "http":
                raise
            with suppress(RuntimeError):  # an answer has begun
                await _refuse(_ENDED, send)
            return None

    def _check_names(self, headers: Headers) -> None:
        if not self._ours(headers.get("host", "")):
            raise Refusal(403, "Host must be the address the explorer printed. Open that link.", "ForeignHost")
        scheme, _, origin = headers.get("origin", "http://").partition("://")
        if "origin" in headers and not (scheme in ("http", "https") and self._ours(origin)):
            raise Refusal(403, "Origin must be the explorer's own page, not another site.", "ForeignOrigin")

    def _ours(self, host: str) -> bool:
        if host.lower() in self._hosts:
            return True
        name, _, port = host.rpartition(":")
        if self._anywhere is None or port != str(self._anywhere):
            return False
        try:
            return bool(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
        except ValueError:
            return False

    async def _checked_body(self, scope: Scope, receive: Receive) -> Receive:
        """What gives the application the body, which is here as a whole: of the right kind, size and sender."""
        path, headers = scope["path"], Headers(scope=scope)
        if not _is_api(path):
            return receive
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not same_token(given.strip(), self._token):
            raise Refusal(401, "This needs the token that ends the printed link, #token=….", "NoToken")
        known(scope.get("state", {}))
        if scope["method"] in ("GET", "HEAD"):
            return receive
        upload = path == UPLOAD
        if not upload and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "The content type must be application/json.", "NotJson")
        most = BODY if upload else _JSON
        if int(length if (length := headers.get("content-length", "0")).isdecimal() else most + 1) > most:
            raise _too_large(most)
        try:
            body = await asyncio.wait_for(_read(receive, most), self._seconds)
        except TimeoutError:
            raise Refusal(
                408, f"A body must be here within {self._seconds:g} seconds. Send it again.", "TooSlow"
            ) from None
        return _once(body, receive)

    def _sending(self, scope: Scope, send: Send) -> Send:
        own = {**self._headers, **({"cache-control": "no-store"} if _is_api(scope["path"]) else {})}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(own)
            await send(message)

        return sending


def same_token(given: str, token: str) -> bool:
    """Whether what was given is the token; takes as long whatever is wrong with it."""
    return secrets.compare_digest(given.encode(errors="surrogatepass"), token.encode())


def _check_head(scope: Scope) -> None:
    """The server bounds what comes piece by piece; what is here as a whole, it takes."""
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if headers + len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > _HEAD:
        raise Refusal(
            431, f"Address and headers must have at most {_HEAD >> 10} kB together. Send fewer.", "HeadTooLarge"
        )


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"A body must have at most {most >> 20} MB. Send a smaller one.", "TooLarge")


async def _read(receive: Receive, most: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives the whole body, and from then on what else there is to say: that the sender went away."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


async def _refuse(refusal: Refusal, send: Send) -> None:
    """Answer with a Problem, and hang up: the rest of the body is not wanted."""
    data = json.dumps({"error": refusal.error, "kind": refusal.kind}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(data)),
        (b"connection", b"close"),
    ]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def _close(refusal: Refusal, send: Send) -> None:
    """Close a WebSocket before it was accepted: the browser sees a refused handshake."""
    await send({"type": "websocket.close", "code": 4000 + refusal.status})
