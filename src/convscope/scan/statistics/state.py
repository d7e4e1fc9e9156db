"""The state of a scan: reducers, the shards folded in, and the images seen. It can be saved, loaded and merged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadScan, first_line
from ...base.files import write
from ...base.tensors import packed, unpacked
from ...data.loading import Batch
from .batch_summary import Histograms, Summary
from .earlier import EARLIER, check_earlier
from .fold_kernels import offer_several
from .manifest import Manifest
from .predictions import Predictions
from .reducers import Classes, Moments, PeakSample, Population, Top

_FORMAT = "convscope scan 3"


@dataclass(eq=False)
class Images:
    """The images seen: number, id, label, height and width of each; and those refused, with the reason.

    `views` are the numbers of those that were a network's view: what the network saw of them may be all of it.
    """

    seen: list[tuple[int, str, int, int, int]] = field(default_factory=list)
    refused: list[tuple[int, str, int, str]] = field(default_factory=list)
    views: set[int] = field(default_factory=set)

    def add(self, batch: Batch) -> None:
        """Note the images of a batch."""
        sizes = batch.sizes.tolist()
        self.seen += [(e.number, e.id, e.label, h, w) for e, (h, w) in zip(batch.entries, sizes, strict=True)]
        self.refused += [(e.number, e.id, e.label, reason) for e, reason in batch.refused]
        self.views |= {e.number for e, view in zip(batch.entries, batch.views, strict=True) if view}

    def merge(self, other: Images) -> None:
        """Note those of another part."""
        self.seen += other.seen
        self.refused += other.refused
        self.views |= other.views


@dataclass(eq=False)
class State:
    """Everything a scan knows after the `shards` it names; `fields` says what the neurons of each layer can see."""

    ledger: Manifest
    moments: Moments
    top: Top
    sample: PeakSample
    population: Population
    histograms: Histograms
    classes: Classes | None
    predictions: Predictions | None
    images: Images = field(default_factory=Images)
    shards: set[int] = field(default_factory=set)
    fields: dict[str, Any] = field(default_factory=dict)
    full: ClassVar[bool] = False  # it does not grow with the images

    @classmethod
    def empty(cls, ledger: Manifest) -> State:
        """Before the first image."""
        edges = np.cumsum([0, *(shape[0] for _, _, shape in ledger.layers)], dtype=np.int64)
        units, knobs = int(edges[-1]), ledger.knobs
        return cls(
            ledger,
            Moments.empty(units),
            Top.empty(units, knobs["top"]),
            PeakSample.empty(units, knobs["sample"]),
            Population.empty(edges),
            Histograms(units),
            Classes.empty(len(ledger.classes), units) if ledger.classes else None,
            Predictions.empty(len(ledger.predicted)) if ledger.predicted else None,
        )

    def fold(self, batches: Sequence[Batch], summary: Summary) -> None:
        """Fold some batches in; their maps are in the histograms already."""
        entries = [entry for batch in batches for entry in batch.entries]
        for batch in batches:
            self.images.add(batch)
        if not entries:
            return
        numbers = np.array([entry.number for entry in entries], np.int64)
        self.moments.update(summary)
        self.population.update(summary)
        self.sample.update(summary, numbers)
        if not self.looks:
            self.top.update(summary, numbers)
        if self.classes is not None:
            self.classes.update(summary, np.array([entry.label for entry in entries], np.int64))
        if self.predictions is not None:
            self.predictions.update(summary, numbers)

    @property
    def looks(self) -> bool:
        """Whether several entries of an image are wanted, which only its maps can tell."""
        several: bool = self.ledger.knobs["per_image"] > 1
        return several

    def look(self, maps: NDArray[np.float32], numbers: Sequence[int], column: int, units: int) -> None:
        """Find the entries of some images, by their numbers, in the maps (N, positions, units) of one layer."""
        top, most = self.top, self.ledger.knobs["per_image"]
        with self.histograms.alone(column):
            for one, number in zip(maps, numbers, strict=False):
                offer_several(one, number, column, units, most, top.values, top.images, top.places, top.counts)

    def merge(self, other: State) -> None:
        """Fold another part in. Raises BadScan where it is of another scan, or has a shard that is here already."""
        differences = self.ledger.differences(other.ledger)
        if differences:
            raise BadScan(f"Two parts are of different scans: {'; '.join(differences)}. Merge parts of one scan only.")
        twice = self.shards & other.shards
        if twice:
            raise BadScan(f"Shard {min(twice)} is in two parts, so its images would count twice. Give each part once.")
        for own, theirs in zip(self._reducers().values(), other._reducers().values(), strict=True):
            own.merge(theirs)
        self.images.merge(other.images)
        self.shards |= other.shards
        self.ledger = min(
            self.ledger, other.ledger, key=Manifest.to_json
        )  # references may differ; the order may not matter
        self.fields = self.fields or other.fields

    def save(self, path: Path) -> None:
        """Write the state to a safetensors file: whole or not at all."""
        about = {"format": _FORMAT, "ledger": self.ledger.to_json(), "shards": json.dumps(_runs(self.shards))}
        write(path, packed(self._arrays(), {**about, "fields": json.dumps(self.fields)}))

    def __reduce__(self) -> tuple[Any, ...]:
        """As what a file holds."""
        return _restored, (self.ledger, self._arrays(), self.shards, self.fields)

    @classmethod
    def load(cls, path: Path) -> State:
        """Read a state; raises BadScan for a file that is damaged or is none."""
        try:
            return _read(*unpacked(path))
        except ValueError as error:
            raise BadScan(f"{path} {error}. Delete it, and scan its part again.") from error

    def _reducers(self) -> dict[str, Any]:
        names = ("moments", "top", "sample", "population", "histograms", "classes", "predictions")
        found = {name: getattr(self, name) for name in names}
        return {name: reducer for name, reducer in found.items() if reducer is not None}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, in one order whatever the order of the images was; the many empty bins left out."""
        parts = self._reducers()
        parts |= {name: parts[name].ordered() for name in ("top", "sample", "predictions") if name in parts}
        del parts["histograms"]
        arrays = {f"{name}.{key}": value for name, part in parts.items() for key, value in _fields(part).items()}
        filled = np.flatnonzero(self.histograms.counts)
        arrays |= {"histograms.filled": filled, "histograms.counts": self.histograms.counts.flat[filled]}
        for name, rows in (("seen", self.images.seen), ("refused", self.images.refused)):
            arrays[f"images.{name}"] = np.frombuffer(json.dumps(sorted(rows)).encode(), np.uint8)
        if self.images.views:
            arrays["images.views"] = np.array(sorted(self.images.views), np.int64)
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def _fill(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Merge what a file holds into this empty state: so entries are put into their heaps again."""
        self.histograms.counts.flat[arrays["histograms.filled"]] = arrays["histograms.counts"]
        for name, part in self._reducers().items():
            if name != "histograms":
                stored = {key.removeprefix(f"{name}."): a for key, a in arrays.items() if key.startswith(f"{name}.")}
                part.merge(type(part)(**stored))
        for name in ("seen", "refused"):
            rows = json.loads(arrays[f"images.{name}"].tobytes())
            setattr(self.images, name, [tuple(row) for row in rows])
        self.images.views = set(arrays.get("images.views", np.zeros(0, np.int64)).tolist())


def merged(states: Iterable[State]) -> State:
    """Several parts as one; raises BadScan as `State.merge` does, and for none at all."""
    whole: State | None = None
    for state in states:
        if whole is None:
            whole = state
        else:
            whole.merge(state)
    if whole is None:
        raise BadScan("There must be at least one part to merge, not none. Scan first.")
    return whole


def _read(arrays: dict[str, NDArray[Any]], about: dict[str, str]) -> State:
    """The state that a file holds; raises ValueError where it holds none."""
    if about.get("format") not in (_FORMAT, EARLIER):
        raise ValueError("is not the state of a scan of this version")
    if about["format"] == EARLIER:
        check_earlier(arrays, about)
    try:
        shards = {i for first, last in json.loads(about["shards"]) for i in range(first, last + 1)}
        return _restored(Manifest.from_json(about["ledger"]), arrays, shards, json.loads(about["fields"]))
    except Exception as error:  # of many kinds: arrays that are missing, or of other kinds and shapes
        raise ValueError(f"holds other arrays than those of a scan ({first_line(error)})") from error


def _restored(ledger: Manifest, arrays: dict[str, NDArray[Any]], shards: set[int], fields: dict[str, Any]) -> State:
    state = State.empty(ledger)
    state.shards, state.fields = shards, fields
    state._fill(arrays)
    return state


def _fields(part: Any) -> dict[str, NDArray[Any]]:
    found = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def _runs(numbers: set[int]) -> list[tuple[int, int]]:
    """Numbers as first and last of each run of neighbours."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
