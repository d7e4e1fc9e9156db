"""A state as tables: what Parquet files hold, DuckDB queries and `Scan` reads. The same state, the same bytes."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..statistics.batch_summary import Lattice
from ..statistics.bins import bin_edges, quantiles
from ..statistics.duplicate_units import correlated_units
from ..statistics.reducers import sparseness
from ..statistics.state import State
from .entries import Entries
from .predictions_tables import Answers

NAMES = (
    "units", "top", "histograms", "examples", "images", "predictions", "confusion", "layers", "classes", "duplicates",
    "run",
)  # fmt: skip
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_READ = QUANTILES[1:-1]  # off the histograms; the first and the last are known exactly
_RISK = 0.05  # of the bound on how often a unit that never fired may fire


def tables(state: State) -> dict[str, pa.Table]:
    """All tables of a state, by name."""
    entries = Entries(state)
    answers = Answers(entries) if state.predictions is not None else None
    found = {
        "units": _units(state, entries),
        "top": _top(state, entries),
        "histograms": _histograms(state, entries),
        "examples": _examples(state, entries),
        "images": _images(state, entries, answers),
        "layers": _layers(state, entries),
        "run": _run(state),
    }
    if answers is not None:
        found["predictions"] = answers.predictions()
        if max(state.ledger.truths, default=-1) >= 0:
            found["confusion"] = answers.confusion()
    if state.classes is not None:
        found["classes"] = _classes(state, entries)
    if state.ledger.knobs["duplicates"]:
        found["duplicates"] = _duplicates(state, entries)
    return found


def rate_bound(images: int) -> float:
    """How often a unit that fired for none of so many images may fire in others at most, with 95 % confidence."""
    return 1 - _RISK ** (1 / images) if images else 1.0


def _units(state: State, entries: Entries) -> pa.Table:
    """One row a unit: moments, sparsity, how often it fired, quantiles, selectivity."""
    images, moments = len(state.images.seen), state.moments
    values, constant, alive = entries.values, entries.constant, ~entries.dead
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = moments.sum(0) / values
        variance = np.where(constant, 0, np.maximum(moments.sum(1) / values - mean * mean, 0))
        lifetime = sparseness(moments.sum(2), np.where(alive, moments.sum(3), 1), images)
        fired = np.where(alive, moments.fired, 0)
        rate = fired / images
    columns = {
        **entries.units,
        "values": values,
        "mean": mean.astype(np.float32),
        "std": np.sqrt(variance).astype(np.float32),
        "min": moments.low,
        "max": moments.high,
        "zeros": moments.zeros / np.maximum(values, 1),
        "fired": fired,
        "rate": rate,
        "rate_bound": np.where(alive, np.nan, rate_bound(images)),
        "dead": entries.dead,
        "constant": constant,
        "lifetime_sparseness": np.where(alive, lifetime, np.nan),
        "mean_response": (moments.sum(2) / max(images, 1)).astype(np.float32),
        "entries": entries.held,
    }
    found = quantiles(state.histograms.counts, _READ).clip(moments.low[:, None], moments.high[:, None])
    columns |= {f"q{round(100 * q):02}": found[:, i] for i, q in enumerate(_READ)}
    return _table(columns | _selectivity(state, entries.dead))


def _selectivity(state: State, dead: NDArray[np.bool_]) -> dict[str, Any]:
    """The class each unit answers most, and Morcos et al. 2018's index: (best − others) / (best + others)."""
    if state.classes is None or (state.classes.images > 0).sum() < 2:
        return {}
    here = np.flatnonzero(state.classes.images)
    means = state.classes.means()[here]
    most, best = means.max(0), means.argmax(0)
    others = (means.sum(0) - most) / (len(here) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (most - others) / (most + others)
    names = np.array(state.ledger.classes, object)[here[best]]
    names[dead | (most == 0)] = None
    return {"best_class": pa.array(list(names), pa.string()), "selectivity": np.where(dead, np.nan, index)}


def _top(state: State, entries: Entries) -> pa.Table:
    """One row an entry, best first: value, image, position, and the part of the image that the neuron sees."""
    best = state.top.ordered()
    unit, rank = np.nonzero(np.arange(best.values.shape[1]) < entries.held[:, None])
    columns = {"rank": rank.astype(np.int32), "value": best.values[unit, rank]}
    return _table(entries.placed(unit, best.images[unit, rank], best.places[unit, rank], columns))


def _examples(state: State, entries: Entries) -> pa.Table:
    """One row a unit and quantile of its peaks: an image of the sample at that quantile."""
    sample = state.sample.ordered()
    order = np.argsort(sample.peaks, axis=0, kind="stable")  # of equal ones the earlier image first
    ranks = np.array([round(q * (sample.held - 1)) for q in QUANTILES if sample.held], np.int64)
    rows = order[ranks].T.reshape(-1)
    unit = np.repeat(np.arange(sample.peaks.shape[1]), len(ranks))
    columns = {
        "quantile": np.tile(ranks / max(1, sample.held - 1), sample.peaks.shape[1]),
        "value": sample.peaks[rows, unit],
    }
    return _table(entries.placed(unit, sample.numbers[rows], sample.places[rows, unit], columns))


def _histograms(state: State, entries: Entries) -> pa.Table:
    """One row a unit and bin that is not empty: `low` to `high`, and how many activations lie there."""
    ends = bin_edges()
    unit, bins = np.nonzero(state.histograms.counts)
    columns = {"low": ends[bins], "high": ends[bins + 1], "count": state.histograms.counts[unit, bins]}
    return _table(entries.named(unit) | columns)


def _images(state: State, entries: Entries, answers: Answers | None) -> pa.Table:
    """One row an image: id, class and size, what it was taken for, or why it was refused."""
    seen, refused = entries.images, sorted(state.images.refused)
    names = np.array([*state.ledger.classes, None], object)  # label -1 is the last
    labels = np.concatenate([seen["label"], np.array([row[2] for row in refused], np.int64)])
    none = [None] * len(refused)
    columns = {
        "image": pa.array([*seen["number"].tolist(), *(row[0] for row in refused)], pa.int64()),
        "id": pa.array([*seen["id"], *(row[1] for row in refused)], pa.string()),
        "class": pa.array(list(names[labels]), pa.string()),
        "height": pa.array([*seen["height"].tolist(), *none], pa.int32()),
        "width": pa.array([*seen["width"].tolist(), *none], pa.int32()),
        "refused": pa.array([None] * len(seen["id"]) + [row[3] for row in refused], pa.string()),
    }
    if answers is not None:
        columns |= answers.columns(len(refused))
    return pa.table(columns).sort_by("image")


def _layers(state: State, entries: Entries) -> pa.Table:
    """One row a layer: shape, what was counted, sparsity, and how many units are dead or constant."""
    population, edges_ = state.population.mean(), state.population.edges.tolist()
    rows = [
        _layer(state, entries, layer, slice(*edges_[i : i + 2]), float(population[i]))
        for i, layer in enumerate(state.ledger.layers)
    ]
    by_name = {row["layer"]: row for row in rows}
    rows += [{**by_name[first], "layer": name, "same_as": first} for name, first in state.ledger.same.items()]
    return pa.Table.from_pylist(rows, schema=_LAYERS)


def _layer(
    state: State, entries: Entries, layer: tuple[str, str, tuple[int, ...]], own: slice, population: float
) -> dict[str, Any]:
    name, kind, shape = layer
    height, width = shape[1:] or (1, 1)
    moments = state.moments
    return {
        "layer": name,
        "same_as": None,
        "kind": kind,
        "units": shape[0],
        "height": height,
        "width": width,
        "positions_counted": Lattice.of(shape, state.ledger.knobs["positions"]).counted,
        "population_sparseness": None if math.isnan(population) else population,
        "zeros": float(moments.zeros[own].sum() / max(1, len(state.images.seen) * math.prod(shape))),
        "dead": int(entries.dead[own].sum()),
        "constant": int(entries.constant[own].sum()),
        "rectified": bool((moments.low[own] >= 0).all()),
        "field": state.fields[name]["status"],
    }


def _classes(state: State, entries: Entries) -> pa.Table:
    """One row a unit: its mean response to each class, in the order of the run's classes."""
    assert state.classes is not None
    means = state.classes.means().T.astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(means.reshape(-1)), means.shape[1])
    return _table({**entries.units, "means": lists})


def _duplicates(state: State, entries: Entries) -> pa.Table:
    """One row a pair of units of a layer whose peaks over the sample correlate as much as asked."""
    peaks, ends = state.sample.ordered().peaks, state.population.edges
    found = [
        (first + low, second, r)
        for low, high in itertools.pairwise(ends)
        for first, second, r in correlated_units(peaks[:, low:high], state.ledger.knobs["duplicates"])
    ]
    unit = np.array([row[0] for row in found], np.int64)
    columns = {
        "other": np.array([row[1] for row in found], np.int32),
        "correlation": np.array([row[2] for row in found], np.float64),
    }
    return _table(entries.named(unit) | columns)


def _run(state: State) -> pa.Table:
    """One row: the ledger, and how many images were seen and refused."""
    ledger = state.ledger
    row = {
        "network": ledger.network,
        "weights": ledger.weights,
        "preprocessing": json.dumps(ledger.preprocessing, sort_keys=True),
        "source": ledger.source,
        "images": len(state.images.seen),
        "refused": len(state.images.refused),
        "shards": len(state.shards),
        "all_shards": ledger.shards,
        "sampled": state.sample.held,
        "classes": list(ledger.classes),
        "knobs": json.dumps(ledger.knobs, sort_keys=True),
        "versions": json.dumps(ledger.versions, sort_keys=True),
        "reference": json.dumps(ledger.reference, sort_keys=True),
        "ledger": ledger.to_json(),
    }
    return pa.Table.from_pylist([row], schema=_RUN)


def _table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: Any) -> Any:
    """NaN, which no SQL understands, becomes null."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pa.array(values, mask=np.isnan(values))
    return values if isinstance(values, pa.Array) else pa.array(values)


_LAYERS = pa.schema(
    {
        "layer": pa.string(),
        "same_as": pa.string(),
        "kind": pa.string(),
        "units": pa.int32(),
        "height": pa.int32(),
        "width": pa.int32(),
        "positions_counted": pa.int32(),
        "population_sparseness": pa.float64(),
        "zeros": pa.float64(),
        "dead": pa.int32(),
        "constant": pa.int32(),
        "rectified": pa.bool_(),
        "field": pa.string(),
    }
)
_RUN = pa.schema(
    {
        **dict.fromkeys(("network", "weights", "preprocessing", "source"), pa.string()),
        **dict.fromkeys(("images", "refused", "shards", "all_shards", "sampled"), pa.int64()),
        "classes": pa.list_(pa.string()),
        **dict.fromkeys(("knobs", "versions", "reference", "ledger"), pa.string()),
    }
)
