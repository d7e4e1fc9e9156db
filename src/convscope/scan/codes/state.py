"""Codes on their way: rows of images, held until whole shards of them are written, so that memory never grows."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadScan, first_line
from ...base.files import write
from ...base.pixels import Floats
from ...base.plain import from_json
from ...base.tensors import memory_mapped, packed
from ...data.loading import Batch
from ..statistics.batch_summary import Summary
from ..statistics.manifest import Manifest
from .pooling import place_of, pooled

_FORMAT = "convscope codes 1"


@dataclass(eq=False)
class CodeRows:
    """Images, each with its shard, number, label and id, and its code in every layer, (n, d) float32."""

    shards: NDArray[np.int64]
    numbers: NDArray[np.int64]
    labels: NDArray[np.int64]
    ids: list[str]
    codes: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.ids)

    def taken(self, which: NDArray[Any] | slice) -> CodeRows:
        """Some of the rows, in the order asked for."""
        ids = np.array(self.ids, object)[which].tolist()
        codes = {name: values[which] for name, values in self.codes.items()}
        return CodeRows(self.shards[which], self.numbers[which], self.labels[which], ids, codes)

    @classmethod
    def joined(cls, parts: Sequence[CodeRows], widths: dict[str, int]) -> CodeRows:
        """Several as one, in the order of the images' numbers; `widths` are those of the codes."""
        none = np.zeros(0, np.int64)
        shards, numbers, labels = (
            np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in ("shards", "numbers", "labels")
        )
        codes = {
            name: np.concatenate([np.zeros((0, width), np.float32), *(part.codes[name] for part in parts)])
            for name, width in widths.items()
        }
        whole = cls(shards, numbers, labels, [id for part in parts for id in part.ids], codes)
        return whole.taken(np.argsort(numbers, kind="stable"))


@dataclass(eq=False)
class CodesState:
    """The codes of all images of the `shards` it names, but those that are `stored` already and let go of."""

    ledger: Manifest
    shards: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)
    rows: list[CodeRows] = field(default_factory=list)
    refused: list[tuple[int, int, str, int, str]] = field(default_factory=list)
    limit: float = math.inf  # bytes of codes after which they must be written
    histograms: None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[tuple[int, int], Floats] = {}

    @classmethod
    def empty(cls, ledger: Manifest) -> CodesState:
        """Before the first image."""
        return cls(ledger)

    @cached_property
    def layers(self) -> dict[str, tuple[slice, int]]:
        """Of each layer, its columns in a summary, and how many positions its maps have."""
        found, at = {}, 0
        for name, _, shape in self.ledger.layers:
            found[name] = slice(at, at + shape[0]), math.prod(shape[1:])
            at += shape[0]
        return found

    @property
    def widths(self) -> dict[str, int]:
        """The length of a code in each layer."""
        return {name: shape[0] for name, _, shape in self.ledger.layers}

    @property
    def full(self) -> bool:
        """Whether so much is held that it must be written."""
        return sum(4 * len(rows) for rows in self.rows) * sum(self.widths.values()) >= self.limit

    @property
    def looks(self) -> bool:
        """Whether one place of the maps is wanted, which no summary tells."""
        return place_of(self._pool) is not None

    def look(self, maps: Floats, numbers: Sequence[int], column: int, units: int) -> None:
        """Keep the values at the one place, of some images by their numbers, in the maps (N, positions, units)."""
        (width,) = (shape[2] if shape[1:] else 1 for _, _, shape in self._shapes(column))
        y, x = place_of(self._pool) or (0, 0)
        found = maps[: len(numbers), y * width + x].copy()
        with self._lock:
            self._places |= {(column, number): code for number, code in zip(numbers, found, strict=True)}

    def fold(self, batches: Sequence[Batch], summary: Summary) -> None:
        """Fold some batches in."""
        entries = [entry for batch in batches for entry in batch.entries]
        shards = [batch.shard.index for batch in batches for _ in batch.entries]
        numbers = np.array([entry.number for entry in entries], np.int64)
        labels = np.array([entry.label for entry in entries], np.int64)
        codes = {name: self._codes(summary, numbers, *where) for name, where in self.layers.items()}
        self.rows.append(CodeRows(np.array(shards, np.int64), numbers, labels, [entry.id for entry in entries], codes))
        for batch in batches:
            self.refused += [(batch.shard.index, e.number, e.id, e.label, reason) for e, reason in batch.refused]

    def merge(self, other: CodesState) -> None:
        """Take what another holds; raises BadScan for other codes, or a shard that is here already."""
        differences = self.ledger.differences(other.ledger)
        if differences:
            raise BadScan(f"Two parts are of different codes: {'; '.join(differences)}. Merge parts of one call only.")
        twice = self.shards & other.shards
        if twice:
            raise BadScan(f"Shard {min(twice)} is in two parts, so its images would count twice. Give each part once.")
        self.rows += other.rows
        self.refused += other.refused
        self.shards |= other.shards

    def save(self, path: Path) -> None:
        """Write what is held to a safetensors file: whole or not at all."""
        rows = CodeRows.joined(self.rows, self.widths)
        texts = {"ids": rows.ids, "refused": sorted(self.refused)}
        arrays: dict[str, NDArray[Any]] = {name: getattr(rows, name) for name in ("shards", "numbers", "labels")}
        arrays |= {name: np.frombuffer(json.dumps(text).encode(), np.uint8) for name, text in texts.items()}
        arrays |= {f"codes.{number}": values for number, values in enumerate(rows.codes.values())}
        told = {"format": _FORMAT, "ledger": self.ledger.to_json()}
        write(path, packed(arrays, {**told, "done": json.dumps(sorted(self.shards - self.stored))}))

    def let_go(self) -> None:
        """Forget what has been written, but which shards those are."""
        self.stored |= self.shards
        self.rows, self.refused = [], []

    @classmethod
    def load(cls, path: Path) -> CodesState:
        """Read what `save` wrote; raises BadScan for a file that is damaged or is none."""
        try:
            return _read(*memory_mapped(path))
        except ValueError as error:
            raise BadScan(f"{path} {error}. Delete it, and ask for the codes again.") from error

    @property
    def _pool(self) -> str:
        pool: str = self.ledger.knobs["pool"]
        return pool

    def _shapes(self, column: int) -> list[tuple[str, str, tuple[int, ...]]]:
        return [row for row in self.ledger.layers if self.layers[row[0]][0].start == column]

    def _codes(self, summary: Summary, numbers: NDArray[np.int64], columns: slice, positions: int) -> Floats:
        if not self.looks:
            return pooled(summary, columns, positions, self._pool)
        with self._lock:
            found = [self._places.pop((columns.start, number)) for number in numbers.tolist()]
        return np.array(found, np.float32).reshape(len(found), columns.stop - columns.start)


def _read(arrays: dict[str, NDArray[Any]], about: dict[str, str]) -> CodesState:
    """What a file holds; raises ValueError where it holds no codes."""
    if about.get("format") != _FORMAT:
        raise ValueError("holds no codes of this version")
    try:
        ledger = Manifest.from_json(about["ledger"])
        codes = {name: arrays[f"codes.{number}"] for number, (name, _, _) in enumerate(ledger.layers)}
        ids, refused = (from_json(arrays[name].tobytes(), loose=True) for name in ("ids", "refused"))
        rows = CodeRows(arrays["shards"], arrays["numbers"], arrays["labels"], ids, codes)
        done = set(from_json(about["done"]))
        return CodesState(ledger, done, rows=[rows], refused=[tuple(row) for row in refused])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"holds other arrays than those of codes ({first_line(error)})") from error
