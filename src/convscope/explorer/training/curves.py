"""How a training went and how it stands: what is new of its steps and layers, what happened, what its loop says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...training.storage.record import Record
from ..workspace.frame import encode
from ..workspace.training_messages import (
    AskCurves,
    GroupSettings,
    OfRun,
    RunCurves,
    RunEvent,
    RunInfo,
    RunLayer,
    RunLoop,
    Runs,
)
from .recorded_run import Columns, Now, RecordedRun

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_MOST = 20_000  # points of a curve
_EVENTS = 500


def runs_at_hand(workspace: Workspace) -> Runs:
    """The runs at hand."""
    return Runs(runs=tuple(RunInfo(name=run.name, folder=str(run.folder)) for run in workspace.runs))


def run_of(workspace: Workspace, ask: OfRun) -> RecordedRun:
    """The run of a number; raises BadKnob."""
    if ask.run >= len(workspace.runs):
        raise BadKnob(f"run must be one of the {len(workspace.runs)} at hand, counted from 0, not {ask.run}.")
    found: RecordedRun = workspace.runs[ask.run]
    return found


def run_curves(workspace: Workspace, ask: AskCurves) -> bytes:
    """A RunCurves frame; raises BadRecord for a run that has not begun."""
    run = run_of(workspace, ask)
    now = run.now()
    about = now.record.about
    whole = ask.session != about["session"]
    since, looked = (-1, -1) if whole else (ask.since, ask.looked)
    steps, every = _steps(now, since)
    looks, layers = now.looks(looked)
    header = RunCurves(
        session=about["session"],
        module=about["module"],
        whole=whole,
        every=every,
        metrics=now.metrics,
        layers=_layers(about),
        snapshots=now.record.snapshots or now.record.pictured,
        events=tuple(RunEvent(**{**row, "layer": row["layer"] or ""}) for row in now.events[-_EVENTS:]),
        step=int(now.steps["step"][-1]) + 1 if len(now.steps["step"]) else about["start"],
        loop=_loop(run),
    )
    probed = _probed(now.record, now.record.snapshots)
    return encode(header, {**steps, "looks": looks, **layers, **probed})


def _steps(now: Now, since: int) -> tuple[dict[str, NDArray[Any]], int]:
    """The columns of the steps after one, thinned where they are many."""
    new = now.steps["step"] > since
    chosen: Columns = {name: values[new] for name, values in now.steps.items()}
    every = -(-len(chosen["step"]) // _MOST)
    if every > 1:
        chosen = {name: _means(values, every) for name, values in chosen.items()}
    began = now.steps["time"][0] if len(now.steps["time"]) else 0.0
    arrays: dict[str, NDArray[Any]] = {"steps": chosen["step"].astype(np.int32)}
    arrays["time"] = (chosen["time"] - began).astype(np.float32)
    with np.errstate(over="ignore"):
        found = {f"metric{i}": chosen[name].astype(np.float32) for i, name in enumerate(now.metrics)}
    return arrays | found, max(every, 1)


def _means(values: NDArray[np.float64], every: int) -> NDArray[np.float64]:
    """Means of so many in turn, of those that are known; the last ones may be fewer."""
    starts = np.arange(0, len(values), every)
    known = ~np.isnan(values)
    counts = np.add.reduceat(known, starts)
    with np.errstate(invalid="ignore"):
        sums = np.add.reduceat(np.where(known, values, 0.0), starts)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _layers(about: Mapping[str, Any]) -> tuple[RunLayer, ...]:
    shapes = about.get("shapes", {})
    return tuple(RunLayer(name=name, kind=kind, weights=shapes.get(name, ())) for name, kind in about["layers"].items())


@lru_cache(maxsize=16)
def _probed(record: Record, steps: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Cross-entropy and accuracy of the probe's answers, where its classes are known."""
    if record.classes is None or not steps or record.answers(steps[0]).ndim != 2:
        return {}
    classes = np.array(record.classes).astype(np.int64)
    losses, right = [], []
    for step in steps:
        scores = record.answers(step).astype(np.float64)
        shifted = scores - scores.max(1, keepdims=True)
        chances = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        losses.append(-chances[np.arange(len(classes)), classes].mean())
        right.append((scores.argmax(1) == classes).mean())
    named = {"probe_loss": losses, "probe_accuracy": right}
    return {"probe_steps": np.array(steps, np.int32)} | {k: np.array(v, np.float32) for k, v in named.items()}


def _loop(run: RecordedRun) -> RunLoop:
    state = dict(run.loop.state())
    known = {name: state.get(name) for name in ("age", "forward", "backward", "batch", "share")}
    return RunLoop(
        state=state["state"],
        said=str(state.get("said", "")),
        refusal=str(state.get("refusal", "")),
        untested=run.loop.untested(),
        groups=tuple(GroupSettings(**group) for group in state.get("groups", ())),
        **known,
    )
