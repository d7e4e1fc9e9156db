"""What makes a function a technique: its subjects are read, its knobs checked, and its result carries its request."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from ..base.errors import BadKnob
from . import knobs
from .checkpoint import asking
from .request import Request
from .result import Result
from .subjects import KINDS, Subject

P = ParamSpec("P")
R = TypeVar("R", bound=Result)
R_co = TypeVar("R_co", bound=Result, covariant=True)


class Technique(Protocol[P, R_co]):
    """What a technique is: a function whose request can be had without running it.

    `kinds` are those of its subjects, by name and in order. One that `resumes` takes up its state from a folder, and
    one that `presumes` needs no more than an image on the command line: the network is then lite0, and the unit the
    most probable class. `over` is what it is of a list of networks, None where it has no such meaning.
    """

    __name__: str
    kinds: Mapping[str, Subject]
    resumes: bool
    presumes: bool
    over: Any

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Carry it out."""

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request:
        """The request of a call, about one image; subjects and knobs are read and checked as the call does."""


@overload
def technique(function: Callable[P, R]) -> Technique[P, R]: ...


@overload
def technique(
    *,
    resumes: bool = False,
    presumes: bool = False,
    together: bool = False,
    over: Callable[..., Any] | None = None,
    **kinds: Subject,
) -> Callable[[Callable[P, R]], Technique[P, R]]: ...


def technique(
    function: Any = None,
    *,
    resumes: bool = False,
    presumes: bool = False,
    together: bool = False,
    over: Callable[..., Any] | None = None,
    **kinds: Subject,
) -> Any:
    """Turn a plain function into a technique.

    Subjects are the positional parameters, known by name: those of `contract.subjects.KINDS`, and `kinds` of its own.
    Knobs are keyword-only. Asked about a list of images it gives a list of results, one each, the same as asked one by
    one; then `unit` may be a list of the same length. One that takes images `together`, and has no other subject, is
    given the list at once, and gives one. `resumes` and `presumes` are as of a Technique. Asked about a
    list of networks it is `over`, a function of the same subjects.
    """

    def made(function: Callable[P, R]) -> Technique[P, R]:
        own = {name: (KINDS | kinds)[name] for name in knobs.subjects(function)}
        asked: Any = _asked(function, own, over, together)
        asked.kinds, asked.resumes, asked.presumes, asked.over = own, resumes, presumes, over
        return cast("Technique[P, R]", asked)

    return made if function is None else made(function)


def _asked(
    function: Callable[P, R], kinds: Mapping[str, Subject], over: Callable[..., Any] | None, together: bool
) -> Callable[P, R]:
    names = list(kinds)

    def read(given: dict[str, Any]) -> tuple[Request, dict[str, Any], dict[str, Any]]:
        _check_network(given["net"])
        first = {"net": _describe(given["net"])}  # which notices what has changed in it, before units are looked up
        subjects = {name: kind.read(given["net"], given[name]) for name, kind in kinds.items()}
        chosen = knobs.check(function, {name: value for name, value in given.items() if name not in names})
        described = {name: first.get(name) or _describe(subject) for name, subject in subjects.items()}
        inputs = knobs.contents(function, chosen)
        return Request(function.__name__, described, chosen, inputs=inputs), subjects, chosen

    @functools.wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        given = _bind(function, names, args, kwargs)
        if isinstance(given.get("image"), list | tuple):
            several = _one_by_one(given)
            if together and several:
                _check_network(given["net"])
                return given["net"].settled(functools.partial(carry_out_together, several))  # type: ignore[no-any-return]
            return [ask(**one) for one in several]  # type: ignore[return-value, call-arg]
        if over is not None and isinstance(given["net"], list | tuple):
            return over(**given)  # type: ignore[no-any-return]
        _check_network(given["net"])
        others = [subject for name, subject in given.items() if name != "net" and hasattr(subject, "settled")]
        made: R = given["net"].settled(functools.partial(carry_out, given), others)
        return made

    def carry_out(given: dict[str, Any]) -> R:
        request, subjects, chosen = read(given)
        with asking(request):
            result = function(*subjects.values(), **chosen)
        return dataclasses.replace(result, request=request)

    def carry_out_together(several: list[dict[str, Any]]) -> list[R]:
        asked = [read(one) for one in several]
        images: Any = [subjects["image"] for _, subjects, _ in asked]
        results: Any = function(several[0]["net"], images, **asked[0][2])
        return [dataclasses.replace(one, request=which) for one, (which, _, _) in zip(results, asked, strict=True)]

    def request(*args: P.args, **kwargs: P.kwargs) -> Request:
        return read(_bind(function, names, args, kwargs))[0]

    ask.request = request  # type: ignore[attr-defined]
    return ask


def _bind(
    function: Callable[..., Any], names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    missing = [name for name in names if name not in given]
    twice = [name for name in names[: len(args)] if name in kwargs]
    if missing or twice or len(args) > len(names):
        wanted = f"{function.__name__}{inspect.signature(function)}"
        raise BadKnob(f"{function.__name__} takes {', '.join(names)}, then knobs by name: {wanted}.")
    return given


def _one_by_one(given: dict[str, Any]) -> list[dict[str, Any]]:
    images, unit = given["image"], given.get("unit")
    units = unit if isinstance(unit, list | tuple) else [unit] * len(images)
    if len(units) != len(images):
        raise BadKnob(f"unit must be one unit, or one for each of the {len(images)} images, not {len(units)} units.")
    several = [{**given, "image": image} for image in images]
    return [{**one, "unit": unit} for one, unit in zip(several, units, strict=True)] if "unit" in given else several


def _check_network(net: Any) -> None:
    if not hasattr(net, "unit"):
        raise BadKnob(f"net must be a Network, not {type(net).__name__}. Use cs.load('lite0') or cs.Network(module).")


def _describe(subject: Any) -> dict[str, str]:
    described: dict[str, str] = subject.describe() if hasattr(subject, "describe") else {"reference": str(subject)}
    return described
