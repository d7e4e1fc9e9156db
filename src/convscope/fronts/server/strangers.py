"""Connections that have not shown the token: few at a time, and none that says nothing for long.

Whoever can reach the port can open connections, and a process may only have so many files. So of connections without
the token there are at most `limit`: one more, and the oldest of whoever has the most of them is hung up on. What shows
the token is none of them any more, so that those who know it are served however many others come.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LIMIT = 64  # strangers at a time: macOS gives a process 256 files
_BURST = 16  # that are let in at once, before any of them can be hung up on
_QUEUE = 512  # that wait to be let in
_PATIENCE = 5.0  # seconds in which the head of a request must be here
_KEY = "stranger"  # in the state of a request


class Strangers:
    """The connections of a server that have not shown the token, the oldest first."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._hosts: dict[asyncio.Transport, str] = {}

    def add(self, connection: asyncio.Transport) -> None:
        """Count a connection that is new, and hang up on another where there are too many."""
        self._hosts = {each: host for each, host in self._hosts.items() if not each.is_closing()}
        self._hosts[connection] = str((connection.get_extra_info("peername") or [""])[0])
        if len(self._hosts) > self._limit:
            (most, _), *_ = Counter(self._hosts.values()).most_common(1)
            oldest = next(each for each, host in self._hosts.items() if host == most)
            oldest.abort()
            del self._hosts[oldest]

    def know(self, connection: asyncio.Transport) -> None:
        """A connection has shown the token."""
        self._hosts.pop(connection, None)


def known(state: Mapping[str, Any]) -> None:
    """The sender of a request, whose ASGI state this is, has shown the token."""
    if _KEY in state:  # a test's client has no connection
        state[_KEY]()


class Server(uvicorn.Server):
    """A server on sockets that listen, of an application whose guard says who is `known`."""

    def __init__(self, app: ASGIApp, patience: float = _PATIENCE, limit: int = LIMIT, **options: Any) -> None:
        http = _connections(patience, limit)
        super().__init__(uvicorn.Config(app, http=http, backlog=_BURST, log_level="warning", **options))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As any server; the backlog is also how many are let in at once, and here more of them wait than that."""
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(_QUEUE)


def _connections(patience: float, limit: int) -> type[H11Protocol]:
    """The HTTP connections of one server: none may be silent for more than `patience` seconds."""
    strangers = Strangers(limit)

    class Connection(H11Protocol):
        """A connection that is hung up on where no head of a request comes in time."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.app_state = {**self.app_state, _KEY: partial(strangers.know, transport)}
            strangers.add(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._calm()
            super().handle_websocket_upgrade(event)

        def connection_lost(self, exc: Exception | None) -> None:
            self._calm()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Let time run while no request is worked on, however much of one is there."""
            if self.transport.get_protocol() is not self or (self.cycle and not self.cycle.response_complete):
                self._calm()
            elif self._timer is None:
                self._timer = self.loop.call_later(patience, self.transport.abort)

        def _calm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Connection
