"""The OpenAPI document of the server, from the table of calls and that of its files."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ...base.version import VERSION
from ...explorer.calls import ROUTES, Route
from ...explorer.workspace import messages
from .files import BINARY, FILES, FileCall

_REF = "#/components/schemas/{model}"
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
    return {file.path: {file.method: _of_file(file)} for file in FILES}


def _of_file(file: FileCall) -> dict[str, Any]:
    schema = BINARY if file.answers is None else _schema(file.answers)
    body = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": BINARY}}}}
    taken = body if file.method == "post" else {}
    responses = {"responses": _responses(file.kind, schema, file.told)}
    return {"operationId": file.name, "parameters": list(file.parameters), **taken, **responses}


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _responses(kind: str, schema: dict[str, Any], told: str) -> dict[str, Any]:
    problem = {"application/json": {"schema": _schema(messages.Problem)}}
    refused = {status: {"description": why, "content": problem} for status, why in _REFUSALS.items()}
    return {"200": {"description": told, "content": {kind: {"schema": schema}}}, **refused}
