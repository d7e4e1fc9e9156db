"""The application: the calls of the table, files, the page, and the guard before all of them.

Calls run on threads, so that a long one never keeps the others waiting; whose turn it is at the networks is not decided
here. Every refusal is a Problem in JSON.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pydantic
from anyio import to_thread
from starlette import routing
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from ...base.errors import ConvscopeError, QueueFull, UnknownJob
from ...explorer.answers.answers import UnknownResult
from ...explorer.calls import ROUTES, Explorer, answer
from ...explorer.workspace.workspace import Workspace
from . import events
from .files import FILES
from .guard import Guard
from .openapi import openapi

STATIC = Path(__file__).parent / "static"
_THREADS = 8  # that answer: each keeps memory for tensors, and one at a time has the networks
_UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>convscope</title>
<h1>The page of the explorer is not built</h1><p>This copy of convscope has the server, and not the page. In a clone of
the repository run <code>python web/build.py</code>, which needs Node; a wheel from PyPI holds the page.</p></html>"""
_STATUS = {QueueFull: 429, UnknownJob: 404, UnknownResult: 404}  # of other refusals 400
_EVENTS = WebSocketRoute("/events", events.endpoint)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Served(Explorer):
    """An explorer, who hears its events, and the token that lets in."""

    events: events.Events
    token: str


def make_app(served: Served, hosts: Collection[str], anywhere: int | None = None, seconds: float = 30.0) -> Guard:
    """The application, guarded; `hosts` and `anywhere` are whom it answers to, `seconds` what a body may take."""

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        await run_in_threadpool(served.jobs.close)

    app = Starlette(
        routes=[Mount("/api", routes=[*_calls(served), *_files(served.workspace), _EVENTS]), _page()],
        exception_handlers={
            ConvscopeError: _refused,
            HTTPException: _unknown,
            pydantic.ValidationError: _misread,
            Exception: _broken,
        },
        lifespan=living,
    )
    app.state.events, app.state.jobs, app.state.token = served.events, served.jobs, served.token
    return Guard(app, served.token, hosts, anywhere, seconds)


def _calls(explorer: Explorer) -> list[BaseRoute]:
    document = routing.Route("/openapi.json", lambda _request: JSONResponse(openapi()))
    calls = [
        routing.Route(f"/{each.name}", _call(explorer, each.name), methods=["POST" if each.asks else "GET"])
        for each in ROUTES
    ]
    return [document, *calls]


def _call(explorer: Explorer, name: str) -> Handler:
    async def handle(request: Request) -> Response:
        answered = await run_in_threadpool(answer, explorer, name, await request.body())
        if isinstance(answered, bytes):
            return Response(answered, media_type="application/octet-stream")
        return Response(answered.model_dump_json(), media_type="application/json")

    return handle


def _files(workspace: Workspace) -> list[BaseRoute]:
    return [
        routing.Route(file.path.removeprefix("/api"), partial(file.handle, workspace), methods=[file.method.upper()])
        for file in FILES
    ]


def _page() -> BaseRoute:
    if not (STATIC / "index.html").is_file():
        return routing.Route("/", lambda _request: HTMLResponse(_UNBUILT))
    return Mount("/", StaticFiles(directory=STATIC, html=True))


def _problem(status: int, error: str, kind: str) -> Response:
    return JSONResponse({"error": error, "kind": kind}, status)


async def _refused(_request: Request, error: Exception) -> Response:
    status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 400)
    return _problem(status, str(error), type(error).__name__)


async def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"{error.detail}.", "kind": "Refused"}, error.status_code, error.headers)


async def _misread(_request: Request, error: Exception) -> Response:
    assert isinstance(error, pydantic.ValidationError)
    wrong = [f"{'.'.join(map(str, each['loc'])) or 'The body'}: {each['msg']}" for each in error.errors()]
    return _problem(400, ". ".join(wrong), "BadRequest")


async def _broken(_request: Request, _error: Exception) -> Response:  # the server logs it
    return _problem(500, "Something unexpected went wrong; the terminal of the explorer shows what.", "Unexpected")
