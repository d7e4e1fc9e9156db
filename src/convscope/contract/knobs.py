"""Knobs: keyword-only parameters, annotated with bounds and a sentence. Their signature is their whole definition."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_type_hints

from ..base.errors import BadKnob, ConvscopeError, nearest_told

if TYPE_CHECKING:
    from pydantic import BaseModel

AnyFunction = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Names:
    """Marks a knob whose text names files: `digests` gives that of the contents of each, by its name."""

    digests: Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Several:
    """Marks a knob whose text holds several things, with `between` between them: a list of them says the same."""

    between: str

    def text(self, name: str, given: object) -> object:
        """A list as text, and anything else as it is; raises BadKnob for what text cannot hold."""
        if not isinstance(given, list | tuple):
            return given
        for one in given:
            if isinstance(one, bool) or not isinstance(one, str | int | float | os.PathLike):
                raise BadKnob(
                    f"{name} must be text, or a list of texts or numbers, not one with {one!r}. Leave it out."
                )
            if self.between.strip() in str(one):
                raise BadKnob(f"{name} must be a list of texts without {self.between.strip()!r}, not {one!r}.")
        return self.between.join(map(str, given))


@dataclass(frozen=True)
class OneClass:
    """Marks a knob whose text is a class of the network, by its number or label: a page searches among these."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(core), "format": "class"}


def subjects(function: AnyFunction) -> list[str]:
    """The names of a function's positional parameters."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY]


@cache
def model(function: AnyFunction) -> type[BaseModel]:
    """A pydantic model of a function's knobs."""
    import pydantic

    hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    fields: dict[str, Any] = {
        p.name: (hints[p.name], p.default)
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    return pydantic.create_model(
        function.__name__, __config__=pydantic.ConfigDict(extra="forbid", validate_default=True), **fields
    )


def schema(function: AnyFunction) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each knob, with its bounds, default and sentence."""
    properties: dict[str, dict[str, Any]] = model(function).model_json_schema().get("properties", {})
    return properties


def check(function: AnyFunction, values: Mapping[str, object]) -> dict[str, Any]:
    """All knobs of a function, given some of them; raises BadKnob for one that is unknown or out of bounds."""
    import pydantic

    try:
        return model(function)(**as_text(function, values)).model_dump()
    except pydantic.ValidationError as error:
        problems: dict[str, list[Any]] = {}
        for problem in error.errors():  # a knob that may be one of several types has a problem with each
            problems.setdefault(str(problem["loc"][0]), []).append(problem)
        raise BadKnob(" ".join(_sentence(function, name, found) for name, found in problems.items())) from None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose knobs are checked before it runs; raises BadKnob for one that is unknown or out of bounds."""
    names = subjects(function)

    @functools.wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        chosen = check(function, {name: value for name, value in kwargs.items() if name not in names})
        about = {name: value for name, value in kwargs.items() if name in names}
        return function(*args, **about, **chosen)  # type: ignore[arg-type]

    return ask


def as_text(function: AnyFunction, values: Mapping[str, object]) -> dict[str, object]:
    """Knobs as they are written in a request: a list, where text may hold several things, is that text."""
    marks = {name: mark for name, mark in _marks(function) if isinstance(mark, Several)}
    return {name: marks[name].text(name, value) if name in marks else value for name, value in values.items()}


def contents(function: AnyFunction, values: Mapping[str, Any]) -> dict[str, str]:
    """The digests of what knobs name; none of what cannot be read, which the function itself refuses."""
    found: dict[str, str] = {}
    for name, mark in _marks(function):
        if isinstance(mark, Names):
            with suppress(ConvscopeError):
                found |= mark.digests(values[name])
    return found


def _marks(function: AnyFunction) -> list[tuple[str, object]]:
    return [(name, mark) for name, field in model(function).model_fields.items() for mark in field.metadata]


def _sentence(function: AnyFunction, name: str, problems: list[Any]) -> str:
    if problems[0]["type"] == "extra_forbidden":
        known = {knob: str(row.get("description", "")) for knob, row in schema(function).items()}
        there = f"Its knobs are {', '.join(known)}." if known else "It has none."
        return f"{function.__name__.removeprefix('draw_')} has no knob {name!r}.{nearest_told(name, known)} {there}"
    must = " or ".join(problem["msg"].removeprefix("Input should be ") for problem in problems)
    about = schema(function)[name].get("description", "")
    return f"{name} must be {must}, not {problems[0]['input']!r}. {name}: {about}"
