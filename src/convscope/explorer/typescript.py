"""The messages and the table of calls as TypeScript, for the page.

`python -m convscope.explorer.typescript` prints it, `--write` writes `schema.ts`.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from .calls import ROUTES, Route
from .workspace import map_messages, messages, space_messages, training_messages

FILE = Path(__file__).parents[3] / "web" / "src" / "schema.ts"
_HEAD = "// Made from messages and calls by `python -m convscope.explorer.typescript --write`. Do not edit.\n"
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "unknown"}
_NAMED = {
    "State": messages.State,
    "Coloring": map_messages.Coloring,
    "LoopState": training_messages.LoopState,
}  # unions that have a name of their own


def typescript() -> str:
    """All messages, in the order of `messages.py` and the files beside it, then the calls, as in `calls.py`."""
    unions = [f"export type {name} = {_union(kind)};\n" for name, kind in _NAMED.items()]
    files = (messages, map_messages, space_messages, training_messages)
    named = {name: each for file in files for name, each in vars(file).items()}.values()
    models = [each for each in named if isinstance(each, type) and issubclass(each, messages.Message)]
    return "\n".join([_HEAD, *unions, *(_interface(each) for each in models if each.model_fields), *_calls()])


def _calls() -> list[str]:
    """What each call is asked with, null for a GET, and what it answers."""
    asked = "what each is asked with, null where it is a GET,"
    return [
        _table("Plain", f"Calls that answer with JSON: {asked} and its answer.", framed=False),
        _table("Framed", f"Calls that answer with a frame: {asked} and the frame's header.", framed=True),
    ]


def _table(name: str, about: str, *, framed: bool) -> str:
    lines = [_call(route) for route in ROUTES if route.framed == framed]
    return "\n".join([f"/** {about} */", f"export interface {name} {{", *lines, "}\n"])


def _call(route: Route) -> str:
    return f"  {route.name}: [{_type(route.asks or type(None))}, {_type(route.answers)}];"


def _interface(model: type[messages.Message]) -> str:
    lines = [f"  {_name(model, name, field)}: {_type(field.annotation)};" for name, field in model.model_fields.items()]
    about = (model.__doc__ or "").strip().replace("\n\n    ", "\n    ").replace("\n    ", "\n * ")
    comment = f"/** {about} */" if "\n" not in about else f"/** {about}\n */"
    return "\n".join([comment, f"export interface {model.__name__} {{", *lines, "}\n"])


def _name(model: type[messages.Message], name: str, field: FieldInfo) -> str:
    """Of what the page sends, fields with a default may be left out; what it gets is always whole."""
    return name if field.is_required() or not issubclass(model, messages.Asking) else f"{name}?"


def _type(kind: Any) -> str:
    named = next((name for name, union in _NAMED.items() if kind == union), None)
    if named is not None:
        return named
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal or origin in (Union, types.UnionType):
        return _union(kind)
    if origin is tuple:
        return _list(_type(parts[0])) if parts[1:] == (...,) else f"[{', '.join(map(_type, parts))}]"
    if origin is dict:
        return f"Record<string, {_type(parts[1])}>"
    assert issubclass(kind, messages.Message), f"{kind} has no form in TypeScript yet"
    return str(kind.__name__)


def _union(kind: Any) -> str:
    literal = get_origin(kind) is Literal
    return " | ".join(json.dumps(part) if literal else _type(part) for part in get_args(kind))


def _list(item: str) -> str:
    return f"({item})[]" if "|" in item else f"{item}[]"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(typescript(), "utf-8")
    else:
        sys.stdout.write(typescript())
