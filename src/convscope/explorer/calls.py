"""What can be asked: one table of calls, without HTTP. The server, its OpenAPI document and the page follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from ..base.version import VERSION
from ..catalog.catalog import CATALOG
from ..contract import knobs
from ..view.figures.registry import drawer_of
from .answers import activations, answers, changes, gallery, scan_statistics
from .jobs.jobs import QUEUE, JobList
from .maps import map_answers
from .space import network_space, neuron_terms, space_tiles
from .training import commands_of_pages, curves, looks
from .workspace import map_messages, messages, space_messages, training_messages
from .workspace.images import BODY, PIXELS
from .workspace.workspace import Workspace


@dataclass(frozen=True)
class Explorer:
    """All that requests may use."""

    workspace: Workspace
    jobs: JobList


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


def _plain(name: str, asks: Any, answers: Any, answer: Callable[[Workspace, Any], BaseModel]) -> Route:
    return Route(name, asks, answers, lambda at, ask: answer(at.workspace, ask))


def _framed(name: str, asks: Any, answers: Any, answer: Callable[[Workspace, Any], bytes]) -> Route:
    return Route(name, asks, answers, lambda at, ask: answer(at.workspace, ask), framed=True)


def session(at: Explorer) -> messages.Session:
    """Everything the page needs to begin."""
    workspace = at.workspace
    return messages.Session(
        version=VERSION,
        network=workspace.loaded(workspace.networks[0]).info if workspace.networks else None,
        networks=workspace.networks,
        images=tuple(workspace.pictures.images()),
        techniques=techniques(),
        scan=workspace.scan_info,
        limits=messages.Limits(body=BODY, pixels=PIXELS, queue=QUEUE),
        runs=len(workspace.runs),
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
            result=entry.result.__name__,
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
    _plain("summary", messages.OfResult, messages.ResultSummary, answers.summary),
    _framed("changes", messages.OfResult, messages.UnitChanges, changes.changes),
    _plain("made_picture", messages.OfResult, messages.ImageInfo, answers.made_picture),
    _framed("statistics", messages.OfLayer, messages.Statistics, scan_statistics.statistics),
    _framed("histogram", messages.OfUnit, messages.Histogram, scan_statistics.histogram),
    _plain("confusion", messages.AskConfusion, messages.Confused, scan_statistics.confusion),
    _framed("gallery", messages.AskGallery, messages.Gallery, gallery.gallery),
    Route("maps", None, map_messages.Maps, lambda at, _: map_answers.maps_at_hand(at.workspace, at.jobs.all())),
    _framed("map", map_messages.OfMap, map_messages.MapHeader, map_answers.map_header),
    _framed("map_grid", map_messages.AskMapGrid, map_messages.MapGrid, map_answers.map_grid),
    _plain("map_ids", map_messages.AskMapIds, map_messages.MapIds, map_answers.map_ids),
    _framed("map_search", map_messages.AskMapSearch, map_messages.MapFound, map_answers.map_search),
    _framed("map_colors", map_messages.AskMapColors, map_messages.MapColors, map_answers.map_colors),
    _framed("map_atlas", map_messages.AskMapAtlas, map_messages.MapAtlas, map_answers.map_atlas),
    _framed("map_picture", map_messages.AskMapPicture, map_messages.MapPicture, map_answers.map_picture),
    _plain("map_image", map_messages.OfMapImage, messages.ImageInfo, map_answers.map_image),
    _plain("map_neighbors", map_messages.AskMapNeighbors, map_messages.MapNeighbors, map_answers.map_neighbors),
    Route("runs", None, training_messages.Runs, lambda at, _: curves.runs_at_hand(at.workspace)),
    _framed("run_curves", training_messages.AskCurves, training_messages.RunCurves, curves.run_curves),
    _framed("run_look", training_messages.AskRunLook, training_messages.RunLook, looks.run_look),
    _plain("command", training_messages.AskCommand, training_messages.CommandTold, commands_of_pages.command_loop),
    _plain("guess", training_messages.AskGuess, training_messages.Guessed, commands_of_pages.guess_picture),
    _plain("map_selection", map_messages.AskMapSelection, map_messages.MapSelection, map_answers.map_selection),
    _plain("space", space_messages.AskSpace, space_messages.Space, network_space.network_space),
    _framed("space_tiles", space_messages.AskSpaceTiles, space_messages.SpaceTiles, space_tiles.space_tiles),
    _framed("neuron", space_messages.AskNeuron, space_messages.NeuronTerms, neuron_terms.neuron_terms),
)
_BY_NAME = {route.name: route for route in ROUTES}


def answer(explorer: Explorer, name: str, ask: bytes | Mapping[str, Any] = b"{}") -> BaseModel | bytes:
    """The answer to a call, asked for as JSON or as plain values: a message, or the bytes of a frame.

    Raises pydantic's ValidationError for what is not asked as the call wants it, and what the call does.
    """
    route = _BY_NAME[name]
    if route.asks is None:
        return route.answer(explorer, None)
    read = route.asks.model_validate_json if isinstance(ask, bytes) else route.asks.model_validate
    return route.answer(explorer, read(ask))  # type: ignore[arg-type]
