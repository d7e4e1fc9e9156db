"""A state as tables: what Parquet files hold, what DuckDB queries, and what `Scan` reads. The same state, the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..network.preprocessing import Preprocessing
from . import kernels
from .reducers import sparseness
from .state import State
from .summary import Lattice

NAMES = ("units", "top", "histograms", "examples", "images", "layers", "classes", "duplicates", "run")
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_RISK = 0.05  # of the bound on how often a unit that never fired may fire


def tables(state: State) -> dict[str, pa.Table]:
    """All tables of a state, by name."""
    made = _Tables(state)
    found = {
        "units": made.units(),
        "top": made.top(),
        "histograms": made.histograms(),
        "examples": made.examples(),
        "images": made.images(),
        "layers": made.layers(),
        "run": made.run(),
    }
    if state.classes is not None:
        found["classes"] = made.classes()
    if state.ledger.knobs["duplicates"]:
        found["duplicates"] = made.duplicates()
    return found


def edges() -> NDArray[np.float64]:
    """The ends of the bins of a histogram, (BINS + 1,); the bin of zero lies between two bins of no width."""
    steps = np.arange(kernels.FIRST, kernels.FIRST + kernels.ZERO, dtype=np.int64) << 20
    sizes = np.append(steps.astype(np.uint32).view(np.float32).astype(np.float64), np.inf)
    sizes[0] = 0.0
    return np.concatenate([-sizes[::-1], sizes])


@dataclass(frozen=True, eq=False)
class _Tables:
    state: State

    @cached_property
    def count(self) -> int:
        """How many images were seen."""
        return len(self.state.images.seen)

    @cached_property
    def shapes(self) -> NDArray[np.int64]:
        """Height and width of every unit's maps, (units, 2)."""
        rows = [(shape[1:] or (1, 1), shape[0]) for _, _, shape in self.state.ledger.layers]
        return np.repeat(np.array([size for size, _ in rows], np.int64), [units for _, units in rows], 0)

    @cached_property
    def unit_columns(self) -> dict[str, Any]:
        """The columns that name a unit, one row a unit."""
        names = [name for name, _, _ in self.state.ledger.layers]
        units = [shape[0] for _, _, shape in self.state.ledger.layers]
        layers = pa.DictionaryArray.from_arrays(np.repeat(np.arange(len(names), dtype=np.int32), units), names)
        return {"layer": layers, "channel": np.concatenate([np.arange(u, dtype=np.int32) for u in units])}

    @cached_property
    def seen(self) -> dict[str, NDArray[Any]]:
        """The images in the order of their numbers, as columns."""
        rows = sorted(self.state.images.seen)
        columns = list(zip(*rows, strict=True)) or [()] * 5
        kinds = (np.int64, object, np.int64, np.int64, np.int64)
        names = ("number", "id", "label", "height", "width")
        return {n: np.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}

    def units(self) -> pa.Table:
        """One row a unit: moments, sparsity, how often it fired, quantiles, selectivity."""
        moments, n = self.state.moments, self.count * self.shapes.prod(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = moments.sum(0) / n
            constant = moments.low == moments.high
            variance = np.where(constant, 0, np.maximum(moments.sum(1) / n - mean * mean, 0))
            fired = moments.fired > 0
            square = np.where(fired, moments.sum(3), 1)
            lifetime = np.where(fired, sparseness(moments.sum(2), square, self.count), np.nan)
            rate = moments.fired / self.count
        columns = {
            **self.unit_columns,
            "values": n,
            "mean": mean.astype(np.float32),
            "std": np.sqrt(variance).astype(np.float32),
            "min": moments.low,
            "max": moments.high,
            "zeros": moments.zeros / np.maximum(n, 1),
            "fired": moments.fired,
            "rate": rate,
            "rate_bound": np.where(fired, np.nan, rate_bound(self.count)),
            "dead": ~fired,
            "constant": constant,
            "lifetime_sparseness": lifetime,
            "mean_response": (moments.sum(2) / max(self.count, 1)).astype(np.float32),
            "entries": self.state.top.counts,
        }
        found = self.quantiles()
        columns |= {f"q{round(100 * q):02}": found[:, i] for i, q in enumerate(QUANTILES) if 0 < q < 1}
        return _table(columns | self._selectivity())

    def quantiles(self) -> NDArray[np.float32]:
        """Quantiles of the activations the histograms count, (units, QUANTILES): the middle of a bin, within min and max."""
        counts, ends = self.state.histograms.counts, edges()
        middle = _middles(ends)
        running = counts.cumsum(1)
        wanted = np.maximum(np.ceil(running[:, -1:] * np.array(QUANTILES)), 1)
        bins = np.stack([(running < wanted[:, i : i + 1]).sum(1) for i in range(len(QUANTILES))], 1)
        low, high = self.state.moments.low[:, None], self.state.moments.high[:, None]
        return middle[np.minimum(bins, len(middle) - 1)].astype(np.float32).clip(low, high)

    def top(self) -> pa.Table:
        """One row an entry, best first: value, image, position, and the part of the image that the neuron sees."""
        best = self.state.top.ordered()
        unit, rank = np.nonzero(np.arange(best.values.shape[1]) < best.counts[:, None])
        columns = {"rank": rank.astype(np.int32), "value": best.values[unit, rank]}
        return _table(self._placed(unit, best.images[unit, rank], best.places[unit, rank], columns))

    def examples(self) -> pa.Table:
        """One row a unit and quantile of its peaks: an image of the sample at that quantile."""
        sample = self.state.sample.ordered()
        if not sample.held:
            return _table(self._placed(*np.zeros((3, 0), np.int64), {"quantile": np.zeros(0), "value": np.zeros(0)}))
        order = np.argsort(sample.peaks, axis=0, kind="stable")  # of equal ones the earlier image first
        ranks = [round(q * (sample.held - 1)) for q in QUANTILES]
        rows = order[ranks].T.reshape(-1)
        unit = np.repeat(np.arange(sample.peaks.shape[1]), len(QUANTILES))
        columns = {
            "quantile": np.tile(np.array(ranks) / max(1, sample.held - 1), sample.peaks.shape[1]),
            "value": sample.peaks[rows, unit],
        }
        return _table(self._placed(unit, sample.numbers[rows], sample.places[rows, unit], columns))

    def histograms(self) -> pa.Table:
        """One row a unit and bin that is not empty: `low` to `high`, and how many activations lie there."""
        counts, ends = self.state.histograms.counts, edges()
        unit, bins = np.nonzero(counts)
        columns = {"low": ends[bins], "high": ends[bins + 1], "count": counts[unit, bins]}
        return _table(self._named(unit) | columns)

    def images(self) -> pa.Table:
        """One row an image: id, class and size, or why it was refused."""
        refused = sorted(self.state.images.refused)
        seen, classes = self.seen, np.array([*self.state.ledger.classes, None], object)
        labels = classes[np.concatenate([seen["label"], np.array([row[2] for row in refused], np.int64)])]
        none = [None] * len(refused)
        table = pa.table(
            {
                "image": pa.array([*seen["number"].tolist(), *(row[0] for row in refused)], pa.int64()),
                "id": pa.array([*seen["id"], *(row[1] for row in refused)], pa.string()),
                "class": pa.array(list(labels), pa.string()),
                "height": pa.array([*seen["height"].tolist(), *none], pa.int32()),
                "width": pa.array([*seen["width"].tolist(), *none], pa.int32()),
                "refused": pa.array([None] * len(seen["id"]) + [row[3] for row in refused], pa.string()),
            }
        )
        return table.sort_by("image")

    def layers(self) -> pa.Table:
        """One row a layer: shape, what was counted, sparsity, and how many units are dead or constant."""
        ledger, moments = self.state.ledger, self.state.moments
        population = self.state.population.mean()
        rows = []
        for i, (name, kind, shape) in enumerate(ledger.layers):
            own = slice(*self.state.population.edges[i : i + 2].tolist())
            height, width = shape[1:] or (1, 1)
            rows.append(
                {
                    "layer": name,
                    "same_as": None,
                    "kind": kind,
                    "units": shape[0],
                    "height": height,
                    "width": width,
                    "positions_counted": Lattice.of(shape, ledger.knobs["positions"]).counted,
                    "population_sparseness": None if math.isnan(population[i]) else float(population[i]),
                    "zeros": float(moments.zeros[own].sum() / max(1, self.count * height * width * shape[0])),
                    "dead": int((moments.fired[own] == 0).sum()),
                    "constant": int((moments.low[own] == moments.high[own]).sum()),
                    "rectified": bool((moments.low[own] >= 0).all()),
                    "field": self.state.fields.get(name, {}).get("status"),
                }
            )
        by_name = {row["layer"]: row for row in rows}
        rows += [{**by_name[first], "layer": name, "same_as": first} for name, first in ledger.same.items()]
        return pa.Table.from_pylist(rows, schema=_LAYERS)

    def classes(self) -> pa.Table:
        """One row a unit: its mean response to each class, in the order of the run's classes."""
        assert self.state.classes is not None
        means = self.state.classes.means().T.astype(np.float32)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(means.reshape(-1)), means.shape[1])
        return _table({**self.unit_columns, "means": lists})

    def duplicates(self) -> pa.Table:
        """One row a pair of units of a layer whose peaks over the sample correlate as much as asked."""
        from .duplicates import correlated

        peaks, edges_ = self.state.sample.ordered().peaks, self.state.population.edges
        found = [
            (a + low, b, r)
            for low, high in zip(edges_[:-1], edges_[1:], strict=True)
            for a, b, r in correlated(peaks[:, low:high], self.state.ledger.knobs["duplicates"])
        ]
        unit = np.array([row[0] for row in found], np.int64)
        columns = {
            "other": np.array([row[1] for row in found], np.int32),
            "correlation": np.array([row[2] for row in found], np.float64),
        }
        return _table(self._named(unit) | columns)

    def run(self) -> pa.Table:
        """One row: the ledger, and how many images were seen and refused."""
        ledger, images = self.state.ledger, self.state.images
        row = {
            "network": ledger.network,
            "weights": ledger.weights,
            "preprocessing": json.dumps(ledger.preprocessing, sort_keys=True),
            "source": ledger.source,
            "images": len(images.seen),
            "refused": len(images.refused),
            "shards": len(self.state.shards),
            "all_shards": ledger.shards,
            "sampled": int(self.state.sample.held),
            "classes": list(ledger.classes),
            "knobs": json.dumps(ledger.knobs, sort_keys=True),
            "versions": json.dumps(ledger.versions, sort_keys=True),
            "reference": json.dumps(ledger.reference, sort_keys=True),
            "ledger": ledger.to_json(),
        }
        return pa.Table.from_pylist([row], schema=_RUN)

    def _named(self, unit: NDArray[np.int64]) -> dict[str, Any]:
        return {"layer": self.unit_columns["layer"].take(pa.array(unit)), "channel": self.unit_columns["channel"][unit]}

    def _placed(
        self, unit: NDArray[np.int64], numbers: NDArray[np.int64], places: NDArray[Any], more: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Columns of entries: unit, what is special to the table, image, position, and the box that the neuron sees."""
        row = np.searchsorted(self.seen["number"], numbers).astype(np.int32)
        y, x = np.divmod(places, self.shapes[unit, 1])
        ids = pa.DictionaryArray.from_arrays(row, pa.array(self.seen["id"], pa.string()))
        columns = {**self._named(unit), **more, "image": numbers, "id": ids}
        columns |= {"y": y.astype(np.int32), "x": x.astype(np.int32)}
        names = ("top", "left", "bottom", "right")
        return columns | dict(zip(names, self._boxes(unit, row, y, x), strict=True))

    def _boxes(
        self, unit: NDArray[np.int64], row: NDArray[np.int32], y: NDArray[Any], x: NDArray[Any]
    ) -> list[NDArray[np.int32]]:
        """Top, left, bottom and right in pixels of the source images, whole ones, cut off at their edges."""
        layer = np.searchsorted(self.state.population.edges, unit, "right") - 1
        rows, columns = self._windows("rows"), self._windows("columns")
        tall, wide = rows[0][rows[1][layer] + y], columns[0][columns[1][layer] + x]
        origin, scale = self._placements
        size = np.stack([self.seen["height"], self.seen["width"]], 1)[row]
        low = np.floor(origin[row] + scale[row] * np.stack([tall[:, 0], wide[:, 0]], 1) + 1e-6)
        high = np.ceil(origin[row] + scale[row] * np.stack([tall[:, 1], wide[:, 1]], 1) - 1e-6)
        low, high = low.clip(0, size - 1).astype(np.int32), high.clip(1, size).astype(np.int32)
        return [low[:, 0], low[:, 1], high[:, 0], high[:, 1]]

    def _windows(self, axis: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What every row, or column, of every layer's maps sees, (n, 2), and where each layer begins."""
        parts = [np.array(self.state.fields[name][axis], np.int64) for name, _, _ in self.state.ledger.layers]
        return np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[:-1])])

    @cached_property
    def _placements(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the network's input lies in each image: origin and size of a pixel of it, (images, 2), y and x."""
        preprocessing = _preprocessing(self.state.ledger.preprocessing)
        known: dict[tuple[int, int], tuple[float, float, float, float]] = {}
        sizes = list(zip(self.seen["height"].tolist(), self.seen["width"].tolist(), strict=True))
        for size in sizes:
            if size not in known:
                known[size] = preprocessing.to_source(size, (0, 0, 1, 1))
        ends = np.array([known[size] for size in sizes], np.float64).reshape(-1, 4)
        return ends[:, [1, 0]], ends[:, [3, 2]] - ends[:, [1, 0]]

    def _selectivity(self) -> dict[str, Any]:
        """The class each unit answers most, and Morcos et al. 2018's index: (best − others) / (best + others)."""
        if self.state.classes is None or (self.state.classes.images > 0).sum() < 2:
            return {}
        here = np.flatnonzero(self.state.classes.images)
        means = self.state.classes.means()[here]
        best = means.argmax(0)
        most = means.max(0)
        others = (means.sum(0) - most) / (len(here) - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            index = (most - others) / (most + others)
        names = np.array(self.state.ledger.classes, object)[here[best]]
        names[most == 0] = None
        return {"best_class": pa.array(list(names), pa.string()), "selectivity": index}


def rate_bound(images: int) -> float:
    """How often a unit that fired for none of so many images may fire in others at most, with 95 % confidence."""
    return 1 - _RISK ** (1 / images) if images else 1.0


def _middles(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """The geometric middle of each bin; of those at zero and at infinity, the end that is finite."""
    low, high = ends[:-1], ends[1:]
    with np.errstate(invalid="ignore"):
        middle = np.sign(low + high) * np.sqrt(np.abs(low * high))
    middle = np.where(np.isfinite(middle), middle, np.where(np.isfinite(low), low, high))
    middle[kernels.ZERO] = 0
    found: NDArray[np.float64] = middle
    return found


def _preprocessing(described: Mapping[str, Any]) -> Preprocessing:
    return Preprocessing(**{n: tuple(v) if isinstance(v, list) else v for n, v in described.items()})


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
