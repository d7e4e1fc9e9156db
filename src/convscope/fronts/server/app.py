"""The application: the calls of the table, files, the page, and the guard before all of them.

Calls run on threads, so that a long one never keeps the others waiting; whose turn it is at the networks is not decided
here. Every refusal is a Problem in JSON.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

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

from ...base.errors import BadImage, ConvscopeError, QueueFull, UnknownJob
from ...base.image import Image
from ...explorer.answers import activations, answers
from ...explorer.answers.answers import UnknownResult
from ...explorer.calls import ROUTES, Explorer, Route, openapi
from . import events
from .guard import Guard

STATIC = Path(__file__).parent / "static"
_THREADS = 8  # that answer: each keeps memory for tensors, and one at a time has the networks
_ID = re.compile("[0-9a-f]{64}")
_KINDS = {"png": "image/png", "npz": "application/octet-stream", "json": "application/json", "mp4": "video/mp4"}
_UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>convscope</title>
<h1>The page of the explorer is not built</h1><p>This copy of convscope has the server, and not the page. In a clone of
the repository run <code>python web/build.py</code>, which needs Node; a wheel from PyPI holds the page.</p></html>"""
_STATUS = {QueueFull: 429, UnknownJob: 404, UnknownResult: 404}  # of other refusals 400
_EVENTS = WebSocketRoute("/events", events.endpoint)
Handler = Callable[[Request], Awaitable[Response]]


def make_app(explorer: Explorer, hosts: Collection[str], anywhere: int | None = None, seconds: float = 30.0) -> Guard:
    """The application, guarded; `hosts` and `anywhere` are whom it answers to, `seconds` what a body may take."""

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        await run_in_threadpool(explorer.jobs.close)

    app = Starlette(
        routes=[Mount("/api", routes=[*_calls(explorer), *_files(explorer), _EVENTS]), _page()],
        exception_handlers={
            ConvscopeError: _refused,
            HTTPException: _unknown,
            pydantic.ValidationError: _misread,
            Exception: _broken,
        },
        lifespan=living,
    )
    app.state.events, app.state.jobs, app.state.token = explorer.events, explorer.jobs, explorer.token
    return Guard(app, explorer.token, hosts, anywhere, seconds)


def _calls(explorer: Explorer) -> list[BaseRoute]:
    document = routing.Route("/openapi.json", lambda _request: JSONResponse(openapi()))
    calls = [
        routing.Route(f"/{each.name}", _call(explorer, each), methods=["POST" if each.asks else "GET"])
        for each in ROUTES
    ]
    return [document, *calls]


def _call(explorer: Explorer, route: Route) -> Handler:
    async def answer(request: Request) -> Response:
        ask = None if route.asks is None else route.asks.model_validate_json(await request.body())
        answered = await run_in_threadpool(route.answer, explorer, ask)
        if isinstance(answered, bytes):
            return Response(answered, media_type="application/octet-stream")
        return Response(answered.model_dump_json(), media_type="application/json")

    return answer


def _files(explorer: Explorer) -> list[BaseRoute]:
    workspace = explorer.workspace

    async def upload(request: Request) -> Response:
        data, name = await request.body(), _named(request.headers.get("x-name", ""))
        info = await run_in_threadpool(workspace.album.upload, data, name)
        return Response(info.model_dump_json(), media_type="application/json")

    async def image(request: Request) -> Response:
        id, network = request.path_params["id"], request.query_params.get("seen", "")
        if not _ID.fullmatch(id):
            raise HTTPException(404)
        return Response(await run_in_threadpool(drawn, id, network), media_type="image/png")

    def drawn(id: str, network: str) -> bytes:
        try:
            own = workspace.image(id)
        except BadImage as error:
            raise HTTPException(404, str(error)) from None
        return (Image(activations.seen(workspace, network, id), view=True) if network else own).png(level=1)

    async def part(request: Request) -> Response:
        digest, ending = request.path_params["digest"], request.path_params["ending"]
        if not _ID.fullmatch(digest) or ending not in _KINDS:
            raise HTTPException(404)
        return Response(
            await run_in_threadpool(answers.artifact_part, workspace, digest, ending), media_type=_KINDS[ending]
        )

    return [
        routing.Route("/images", upload, methods=["POST"]),
        routing.Route("/images/{id}.png", image),
        routing.Route("/artifacts/{digest}.{ending}", part),
    ]


def _page() -> BaseRoute:
    if not (STATIC / "index.html").is_file():
        return routing.Route("/", lambda _request: HTMLResponse(_UNBUILT))
    return Mount("/", StaticFiles(directory=STATIC, html=True))


def _named(text: str) -> str:
    """The name of an upload, of which nothing is expected: short, in one line, and never a path."""
    kept = "".join(letter if letter.isprintable() else " " for letter in unquote(text))
    return re.split(r"[/\\]", kept)[-1].strip()[:100] or "picture"


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
