"""What can be asked: one table of calls. The application and its OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..base.version import VERSION
from ..catalog.catalog import CATALOG
from ..contract import knobs
from ..fronts.server.events import Events
from ..fronts.server.guard import BODY, UPLOAD
from ..view.figures.registry import drawer_of
from .answers import activations, answers, gallery, scan_statistics
from .jobs.jobs import QUEUE, JobList
from .workspace import messages
from .workspace.images import PIXELS
from .workspace.workspace import Workspace

_REF = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Explorer:
    """All that requests may use."""

    workspace: Workspace
    jobs: JobList
    events: Events
    token: str


@dataclass(frozen=True)
class Route:
    """A call: what it is given, None for a GET, and what it answers, as a frame if `framed`, else as JSON."""

    name: str
    asks: type[messages.Asking] | None
    answers: type[messages.Message]
    answer: Callable[[Explorer, Any], BaseModel | bytes]
    framed: bool = False

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/api/{self.name}"


def _framed(name: str, asks: Any, answers: Any, answer: Callable[[Workspace, Any], bytes]) -> Route:
    return Route(name, asks, answers, lambda at, ask: answer(at.workspace, ask), framed=True)


def session(at: Explorer) -> messages.Session:
    """Everything the page needs to begin."""
    workspace = at.workspace
    return messages.Session(
        version=VERSION,
        network=workspace.loaded(workspace.networks[0]).info,
        networks=workspace.networks,
        images=tuple(workspace.images()),
        techniques=techniques(),
        scan=workspace.scan_info,
        limits=messages.Limits(body=BODY, pixels=PIXELS, queue=QUEUE),
    )


@cache
def techniques() -> tuple[messages.TechniqueInfo, ...]:
    """The catalog."""
    return tuple(
        messages.TechniqueInfo(
            name=entry.name,
            # not its `summary`, which parses sources: in CPython 3.11 threads cannot do that at the same time
            summary=(entry.function.__doc__ or "").partition("\n")[0],
            subjects=tuple(entry.subjects[1:]),
            knobs=entry.schema,
            view=knobs.schema(drawer_of(entry.result)),
            resumes=entry.resumes,
        )
        for entry in CATALOG
    )


def _all(jobs: Any) -> messages.Jobs:
    return messages.Jobs(jobs=tuple(jobs))


ROUTES = (
    Route("session", None, messages.Session, lambda at, _: session(at)),
    Route("jobs", None, messages.Jobs, lambda at, _: _all(at.jobs.all())),
    Route("network", messages.OfNetwork, messages.NetworkInfo, lambda at, ask: at.workspace.loaded(ask.network).info),
    Route("submit", messages.Ask, messages.Job, lambda at, ask: at.jobs.submit(ask)),
    Route("scan", messages.AskScan, messages.Job, lambda at, ask: at.jobs.scan(ask)),
    Route("cancel", messages.OfJob, messages.Job, lambda at, ask: at.jobs.cancel(ask.id)),
    Route("resume", messages.OfJob, messages.Job, lambda at, ask: at.jobs.resume(ask.id)),
    Route("forget", messages.OfJob, messages.Jobs, lambda at, ask: _all(at.jobs.forget(ask.id))),
    _framed("look", messages.Look, messages.Looked, activations.look),
    _framed("unit", messages.LookUnit, messages.UnitLooked, activations.unit),
    _framed("fields", messages.OfLayer, messages.Fields, activations.fields),
    _framed("ask", messages.Ask, messages.Answer, answers.ask),
    _framed("artifact", messages.OfResult, messages.Answer, answers.artifact),
    _framed("statistics", messages.OfLayer, messages.Statistics, scan_statistics.statistics),
    _framed("histogram", messages.OfUnit, messages.Histogram, scan_statistics.histogram),
    Route(
        "confusion",
        messages.AskConfusion,
        messages.Confused,
        lambda at, ask: scan_statistics.confusion(at.workspace, ask),
    ),
    _framed("gallery", messages.AskGallery, messages.Gallery, gallery.gallery),
)
_REFUSALS = {
    "400": "What was asked cannot be done; the sentence says why.",
    "401": "Without the token.",
    "403": "A foreign Host or Origin.",
    "404": "There is no such thing.",
    "405": "Not this method.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "415": "Not JSON.",
    "429": "The queue is full.",
    "431": "Address and headers are too large.",
}


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    models = {model for route in ROUTES for model in (route.asks, route.answers) if model is not None}
    models |= {messages.Problem, messages.ImageInfo, messages.JobEvent, messages.ScanEvent}
    _, schemas = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=_REF,
    )
    paths = {route.path: _operation(route) for route in ROUTES} | _files()
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "convscope explore", "version": VERSION, "description": messages.__doc__ or ""},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": schemes},
    }


def _operation(route: Route) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if route.framed else _schema(route.answers)
    kind = "application/octet-stream" if route.framed else "application/json"
    told = f"A frame with {route.answers.__name__} as its header." if route.framed else route.answers.__name__
    operation = {"operationId": route.name, "responses": _responses(kind, schema, told)}
    if route.asks is None:
        return {"get": operation}
    operation["summary"] = (route.asks.__doc__ or "").partition("\n")[0]
    body = {"required": True, "content": {"application/json": {"schema": _schema(route.asks)}}}
    return {"post": {**operation, "requestBody": body}}


def _files() -> dict[str, Any]:
    """The calls that take or give a file."""
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    ending = {"type": "string", "enum": ["png", "npz", "json", "mp4"]}
    binary = {"type": "string", "format": "binary"}
    name = {"name": "X-Name", "in": "header", "schema": {"type": "string", "maxLength": 1000}}
    seen = {"name": "seen", "in": "query", "schema": {"type": "string"}}

    def at(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": "path", "required": True, "schema": schema}

    upload = {
        "operationId": "upload",
        "parameters": [name],
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": binary}}},
        "responses": _responses("application/json", _schema(messages.ImageInfo), "The image."),
    }
    image = {"operationId": "image", "parameters": [at("id", digest), seen]}
    part = {"operationId": "part", "parameters": [at("digest", digest), at("ending", ending)]}
    return {
        UPLOAD: {"post": upload},
        f"{UPLOAD}/{{id}}.png": {"get": {**image, "responses": _responses("image/png", binary, "The image.")}},
        "/api/artifacts/{digest}.{ending}": {
            "get": {**part, "responses": _responses("application/octet-stream", binary, "The file.")}
        },
    }


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _responses(kind: str, schema: dict[str, Any], told: str) -> dict[str, Any]:
    problem = {"application/json": {"schema": _schema(messages.Problem)}}
    refused = {status: {"description": why, "content": problem} for status, why in _REFUSALS.items()}
    return {"200": {"description": told, "content": {kind: {"schema": schema}}}, **refused}
