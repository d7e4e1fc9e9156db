"""The calls that take or give a file: one table, which the application and its OpenAPI document follow."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ...base.errors import BadImage
from ...base.image import Image
from ...explorer.answers import activations, answers
from ...explorer.workspace.messages import ImageInfo
from ...explorer.workspace.workspace import Workspace
from .guard import UPLOAD

BINARY = {"type": "string", "format": "binary"}
_ID = re.compile("[0-9a-f]{64}")
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_KINDS = {
    "png": "image/png",
    "npz": "application/octet-stream",
    "json": "application/json",
    "mp4": "video/mp4",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
}
_Handler: TypeAlias = Callable[[Workspace, Request], Awaitable[Response]]


@dataclass(frozen=True)
class FileCall:
    """A call about a file: what it answers is of a `kind`, a message where `answers` says which, and `told` about."""

    name: str
    method: str
    path: str
    handle: _Handler
    parameters: tuple[dict[str, Any], ...]
    kind: str
    told: str
    answers: type[BaseModel] | None = None


async def _upload(workspace: Workspace, request: Request) -> Response:
    data, name = await request.body(), _named(request.headers.get("x-name", ""))
    info = await run_in_threadpool(workspace.pictures.upload, data, name)
    return Response(info.model_dump_json(), media_type="application/json")


async def _image(workspace: Workspace, request: Request) -> Response:
    id, network = request.path_params["id"], request.query_params.get("seen", "")
    if not _ID.fullmatch(id):
        raise HTTPException(404)
    return Response(await run_in_threadpool(_drawn, workspace, id, network), media_type="image/png")


def _drawn(workspace: Workspace, id: str, network: str) -> bytes:
    try:
        own = workspace.image(id)
    except BadImage as error:
        raise HTTPException(404, str(error)) from None
    return (Image(activations.seen(workspace, network, id), view=True) if network else own).png(level=1)


async def _part(workspace: Workspace, request: Request) -> Response:
    digest, ending = request.path_params["digest"], request.path_params["ending"]
    if not _ID.fullmatch(digest) or ending not in _KINDS:
        raise HTTPException(404)
    found = await run_in_threadpool(answers.artifact_part, workspace, digest, ending)
    return Response(found, media_type=_KINDS[ending])


def _named(text: str) -> str:
    """The name of an upload, of which nothing is expected: short, in one line, and never a path."""
    kept = "".join(letter if letter.isprintable() else " " for letter in unquote(text))
    return re.split(r"[/\\]", kept)[-1].strip()[:100] or "picture"


def _at(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_NAME = {"name": "X-Name", "in": "header", "schema": {"type": "string", "maxLength": 1000}}
_SEEN = {"name": "seen", "in": "query", "schema": {"type": "string"}}
_ENDING = {"type": "string", "enum": [*_KINDS]}
FILES = (
    FileCall("upload", "post", UPLOAD, _upload, (_NAME,), "application/json", "The image.", ImageInfo),
    FileCall("image", "get", f"{UPLOAD}/{{id}}.png", _image, (_at("id", _DIGEST), _SEEN), "image/png", "The image."),
    FileCall(
        "part",
        "get",
        "/api/artifacts/{digest}.{ending}",
        _part,
        (_at("digest", _DIGEST), _at("ending", _ENDING)),
        "application/octet-stream",
        "The file.",
    ),
)
