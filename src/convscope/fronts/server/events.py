"""Live events over a WebSocket: the newest of each job to every browser, and no browser can hold up the work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...explorer.workspace.messages import Job, JobEvent, ScanEvent
from .guard import same_token
from .strangers import known

DENIED = 4401  # of the private WebSocket codes, after HTTP's 401
_PATIENCE = 5.0  # seconds to wait for the token
_LONGEST = 1000  # characters of the message that holds it

Event = JobEvent | ScanEvent


class Events:
    """Who listens. `tell` may be called from any thread and returns at once."""

    def __init__(self) -> None:
        self._boxes: set[_Box] = set()
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Send an event to everyone."""
        with self._lock:
            for box in self._boxes:
                box.put(event)

    async def serve(self, websocket: WebSocket, token: str, jobs: Callable[[], Iterable[Job]]) -> None:
        """Talk to one browser until it goes: first it gives the token, then it is told of jobs not done, then live."""
        await websocket.accept()
        if not await _knows(websocket, token):
            await _closed(websocket, DENIED)
            return
        known(websocket.scope.get("state", {}))
        box = _Box(asyncio.get_running_loop())
        with self._lock:
            self._boxes.add(box)
        try:
            for job in await asyncio.to_thread(lambda: [*jobs()]):
                if job.state != "done":
                    box.put(JobEvent(job=job), newest=False)
            await _until_gone(websocket, box)
        finally:
            with self._lock:
                self._boxes.discard(box)


async def endpoint(websocket: WebSocket) -> None:
    """`/api/events`: the application's `state` holds `events`, `jobs` and `token`."""
    state = websocket.app.state
    await state.events.serve(websocket, state.token, state.jobs.all)


class _Hello(BaseModel):
    """The first message of a browser."""

    token: str


class _Box:
    """What one browser has not been sent yet: of each job the newest event only, so it never grows beyond the jobs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._filled, self._lock = loop, asyncio.Event(), threading.Lock()
        self._events: dict[str, Event] = {}

    def put(self, event: Event, newest: bool = True) -> None:
        """Add an event; one that is not the `newest` gives way to what is there. A preview stays until the next."""
        key = event.job.id if isinstance(event, JobEvent) else ""
        with self._lock:
            before = self._events.get(key)
            if before is not None and not newest:
                return
            if isinstance(before, JobEvent) and isinstance(event, JobEvent) and not event.preview:
                event = event.model_copy(update={"preview": before.preview})
            self._events[key] = event
        with suppress(RuntimeError):  # the server is ending
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> list[Event]:
        """All that is there, once there is something."""
        await self._filled.wait()
        with self._lock:
            self._filled.clear()
            taken, self._events = [*self._events.values()], {}
        return taken


async def _knows(websocket: WebSocket, token: str) -> bool:
    """Whether the first message, which must come soon, holds the token."""
    try:
        text = await asyncio.wait_for(websocket.receive_text(), _PATIENCE)
        given = _Hello.model_validate_json(text).token if len(text) <= _LONGEST else ""
    except (TimeoutError, WebSocketDisconnect, ValueError, KeyError):  # silent, gone, not that, or not text
        return False
    return same_token(given, token)


async def _until_gone(websocket: WebSocket, box: _Box) -> None:
    """Send what comes until the browser goes; what it says is not read."""
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_sent(websocket, box))
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
        sending.cancel()


async def _sent(websocket: WebSocket, box: _Box) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # it is gone, as the one who listens will hear
        while True:
            for event in await box.take():
                await websocket.send_text(event.model_dump_json())


async def _closed(websocket: WebSocket, code: int) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # it is gone already
        await websocket.close(code)
