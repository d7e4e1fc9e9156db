"""What a scan found, ready to be asked: from memory, or from the Parquet files of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from ..base.errors import BadKnob, BadScan, UnknownLayer, UnknownUnit, nearest
from ..base.paths import is_folder
from ..base.unit import UnitLike, parse
from ..data.open import open_source
from ..data.source import Source
from ..network.network import Network
from .statistics.confusion import Confusion, confusion_of, unpredicted
from .statistics.manifest import Manifest
from .tables.parquet import Tables, is_whole, write_tables
from .tables.sql import run_query
from .tables.tables import NAMES


@dataclass(frozen=True)
class Hit:
    """One entry of a unit's top: the id of the image, the activation, its position in the map, and what it sees.

    `box` is (top, left, bottom, right) in pixels of the source image, ends exclusive: the receptive field, with resize
    and crop undone.
    """

    image: str
    value: float
    y: int
    x: int
    box: tuple[int, int, int, int]


class Scan:
    """What drives every unit of a network over a collection of images; made by `scan`, read again by `open_scan`.

    Tables: `units`, `top`, `histograms`, `examples`, `images`, `layers`, `run`; `classes` where there are labels,
    `predictions` where the network classifies, `confusion` where it knows the classes of the images, `duplicates` where
    asked for.
    """

    def __init__(self, read: Callable[[str], pa.Table], names: tuple[str, ...], folder: Path | None = None) -> None:
        self._read, self.names, self.folder = read, names, folder
        self._tables: dict[str, pa.Table] = {}
        self._source: Source | None = None

    def __repr__(self) -> str:
        run = self.evidence
        return (
            f"<Scan of {self.ledger.network}: {len(self._layers)} layers, {self._units} units, {run['images']} images>"
        )

    def table(self, name: str) -> pa.Table:
        """A table by its name, as pyarrow; raises BadKnob for one there is not."""
        if name not in self.names:
            more = {"classes": "It needs labels.", "duplicates": "Scan with duplicates=0.95."}.get(name, "")
            more = unpredicted(self.ledger) if name in ("predictions", "confusion") else more
            raise BadKnob(
                f"There is no table {name!r} in this scan. There are: {', '.join(self.names)}. {more}".strip()
            )
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def query(self, sql: str) -> pa.Table:
        """What DuckDB makes of one SELECT over the tables; raises BadKnob with DuckDB's own words.

        It can read these tables and nothing else, and change nothing; it works with at most 4 GB and four threads.
        """
        try:
            return run_query(sql, {name: self.table(name) for name in self.names})
        except BadKnob as error:
            for name in NAMES:
                if f"Table with name {name} does not exist" in str(error):
                    self.table(name)  # says what it needs
            raise

    @cached_property
    def ledger(self) -> Manifest:
        """What the numbers depend on: network, images, knobs, versions."""
        return Manifest.from_json(self.table("run")["ledger"][0].as_py())

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """How many images were seen and refused, and whether shards are missing."""
        (run,) = self.table("run").to_pylist()
        found = {name: run[name] for name in ("images", "refused", "shards", "sampled")}
        missing = run["all_shards"] - run["shards"]
        return {**found, "partial": f"{missing} of {run['all_shards']} shards are missing"} if missing else found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the ledger and of which images were seen."""
        told = self.table("run")["ledger"][0].as_py() + repr(sorted(self.evidence.items()))
        return hashlib.sha256(told.encode()).hexdigest()

    def describe(self) -> dict[str, str]:
        """How a request refers to this scan."""
        return {"reference": "" if self.folder is None else str(self.folder), "digest": self.digest}

    @property
    def source(self) -> Source:
        """The images; raises BadScan where they were in memory and are gone, BadSource where they moved."""
        if self._source is None:
            reference = self.ledger.reference["source"]["reference"]
            if not reference:
                raise BadScan("The images of this scan were in memory. Give them again: open_scan(folder, source=…).")
            self._source = open_source(reference)
        return self._source

    def with_source(self, source: Any) -> Scan:
        """The same scan with its images at hand; raises BadScan where they are others."""
        opened = open_source(source)
        if opened.digest != self.ledger.source:
            raise BadScan("source must hold the images that were scanned, not others. Give the folder as it was.")
        other = Scan(self._read, self.names, self.folder)
        other._source = opened
        return other

    @cached_property
    def labels(self) -> dict[str, str]:
        """The class of each image that has one, by the image's id."""
        images = self.table("images")
        rows = zip(images["id"].to_pylist(), images["class"].to_pylist(), strict=True)
        return {id: name for id, name in rows if name is not None}

    def check(self, net: Network) -> None:
        """Raise BadScan where this is a scan of another network than `net`."""
        if self.ledger.weights != net.digest:
            raise BadScan(
                f"scan must be of {net.name} as it is, not of {self.ledger.network} with other weights or "
                "preprocessing. Use the network that was scanned, or scan this one."
            )

    def top(self, unit: UnitLike, count: int | None = None) -> list[Hit]:
        """The images and places that drive a channel most, best first; none for one that never fired or is constant.

        Raises UnknownLayer and UnknownUnit, and UnknownUnit for a whole layer.
        """
        first, end = self._ends[(index := self._index(unit)) : index + 2].tolist()
        table = self.table("top").slice(first, end - first if count is None else min(count, end - first))
        return [Hit(r["id"], r["value"], r["y"], r["x"], _box(r)) for r in table.to_pylist()]

    def examples(self, unit: UnitLike) -> dict[float, Hit]:
        """An image at each of some quantiles of a channel's peaks, among those sampled."""
        index = self._index(unit)
        each = len(self.table("examples")) // self._units
        rows = self.table("examples").slice(index * each, each).to_pylist()
        return {row["quantile"]: Hit(row["id"], row["value"], row["y"], row["x"], _box(row)) for row in rows}

    def statistics(self, unit: UnitLike) -> dict[str, Any]:
        """The row of a channel in `units`: moments, sparsity, how often it fired, quantiles, selectivity."""
        (row,) = self.table("units").slice(self._index(unit), 1).to_pylist()
        found: dict[str, Any] = row
        return found

    def of_layer(self, name: str, layer: str) -> pa.Table:
        """The rows of `units` or `examples` that belong to the channels of a layer, in their order."""
        first, shape = self._layers[self._layer(layer)]
        each = len(self.table(name)) // self._units
        return self.table(name).slice(first * each, shape[0] * each)

    def dead(self, layer: UnitLike) -> list[int]:
        """The channels that fired for no image: none of their activations was above 1e-5 of the layer's largest.

        With N images, such a unit fires for fewer than about 3/N of others, with 95 % confidence: `rate_bound`.
        """
        return self._where(layer, "dead")

    def constant(self, layer: UnitLike) -> list[int]:
        """The channels whose activation was the same everywhere in all images."""
        return self._where(layer, "constant")

    def confusion(self) -> Confusion:
        """How often images of each class are taken for each other class, and which images these are.

        Raises BadKnob where there are no predictions, or the classes of the images are none of the network's.
        """
        classes, truths = self.ledger.classes, self.ledger.truths
        unmatched = tuple(name for name, truth in zip(classes, truths, strict=False) if truth < 0)
        return confusion_of(self.table("confusion"), self.table("images"), unmatched)

    def histogram(self, unit: UnitLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The bins of a channel that are not empty, low and high end (n, 2), and how many activations lie in each."""
        layer, channel = self._resolved(unit)
        column = self.table("histograms")
        match = pa.compute.and_(
            pa.compute.equal(column["layer"].cast(pa.string()), layer), pa.compute.equal(column["channel"], channel)
        )
        rows = column.filter(match)
        ends = np.stack([rows["low"].to_numpy(), rows["high"].to_numpy()], 1)
        return ends, rows["count"].to_numpy()

    def save(self, folder: str | Path) -> Path:
        """Write all tables as Parquet files into a folder; those that lie there stand until the new ones are whole.

        Raises CannotWrite.
        """
        folder = Path(folder)
        write_tables({name: self.table(name) for name in self.names}, folder)
        return folder

    @cached_property
    def _layers(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Of each layer, the index of its channel 0 among all units, and its shape."""
        found, at = {}, 0
        for name, _, shape in self.ledger.layers:
            found[name] = (at, shape)
            at += shape[0]
        return found

    @property
    def _units(self) -> int:
        return sum(shape[0] for _, shape in self._layers.values())

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where in `top` the entries of each unit begin, and where they end."""
        entries = self.table("units")["entries"].to_numpy()
        return np.concatenate([[0], np.cumsum(entries, dtype=np.int64)])

    def _layer(self, layer: str) -> str:
        name = self.ledger.same.get(layer, layer)
        if name not in self._layers:
            near = nearest(name, [*self._layers, *self.ledger.same])
            raise UnknownLayer(f"This scan has no layer {layer!r}.{near} Scan with layers={layer} to have it.")
        return name

    def _resolved(self, unit: UnitLike) -> tuple[str, int]:
        found = parse(unit, self.ledger.classes)
        layer = self._layer(found.layer)
        if found.channel is None or found.position is not None:
            raise UnknownUnit(f"unit must be one channel, such as {found.layer}:0, not {found}.")
        units = self._layers[layer][1][0]
        if found.channel >= units:
            raise UnknownUnit(f"{found.layer} has {units} channels, numbered 0 to {units - 1}, not {found.channel}.")
        return layer, found.channel

    def _index(self, unit: UnitLike) -> int:
        layer, channel = self._resolved(unit)
        return self._layers[layer][0] + channel

    def _where(self, layer: UnitLike, column: str) -> list[int]:
        found = parse(layer)
        if found.channel is not None:
            raise UnknownUnit(f"{found} is one channel; this needs a whole layer. Use {found.layer}.")
        first, shape = self._layers[self._layer(found.layer)]
        flags = self.table("units")[column].slice(first, shape[0]).to_numpy()
        return np.flatnonzero(flags).tolist()


def in_memory(tables: dict[str, pa.Table], source: Source | None = None, folder: Path | None = None) -> Scan:
    """A scan whose tables are at hand."""
    made = Scan(tables.__getitem__, tuple(name for name in NAMES if name in tables), folder)
    made._source = source
    return made


def open_scan(folder: Scan | str | Path, source: Any = None) -> Scan:
    """Read the scan in a folder; `source` gives its images where they have moved or were in memory.

    Raises BadScan where there is none, one that is not finished or is damaged, and for other images than were scanned.
    """
    if isinstance(folder, Scan):
        return folder if source is None else folder.with_source(source)
    place = Path(folder)
    if not is_whole(place):
        unfinished = is_folder(place / "parts")
        todo = f"Go on with the same scan, or put its parts together: convscope merge {place}." if unfinished else ""
        first = f"Scan first: convscope scan NETWORK SOURCE -o {place}, or cs.scan(net, source, {str(place)!r})."
        raise BadScan(f"{place} holds {'an unfinished' if unfinished else 'no'} scan. {todo or first}")
    read = Tables(place)
    found = Scan(read, read.names, place)
    return found if source is None else found.with_source(source)


def _box(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["top"], row["left"], row["bottom"], row["right"]
