"""Codes, ready to be asked: from memory, from pieces, or from the Parquet file of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...base.errors import BadKnob, BadScan, BadSource, UnknownLayer, nearest
from ...base.files import made
from ...base.paths import is_folder
from ...base.pixels import Floats, Ints
from ...data.open import open_source
from ...data.source import Source
from ...network.network import Network
from ..statistics.manifest import Manifest
from .files import as_array, is_codes, read_about, stored_batches, write_codes

_ROWS = 1024  # images of a row group
Read = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


class Codes:
    """The codes of a collection of images in some layers of a network; made by `codes`, read again by `open_codes`.

    CodeRows are the images that could be read, in the order of the source.
    """

    def __init__(
        self, ledger: Manifest, read: Read, refused: Sequence[tuple[str, str]], done: int, folder: Path | None = None
    ) -> None:
        self.ledger, self.folder = ledger, folder
        self.refused = tuple(refused)
        self._read, self._done = read, done
        self._source: Source | None = None

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} ({shape[0]})" for name, _, shape in self.ledger.layers)
        return f"<Codes of {len(self)} images in {sizes} of {self.ledger.network}>"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers there are codes of."""
        return tuple(name for name, _, _ in self.ledger.layers)

    def only(self, layers: Sequence[str]) -> Codes:
        """The codes of some of the layers."""
        kept = tuple(row for row in self.ledger.layers if row[0] in layers)
        same = {name: first for name, first in self.ledger.same.items() if first in layers}
        other = Codes(replace(self.ledger, layers=kept, same=same), self._read, self.refused, self._done, self.folder)
        other._source = self._source
        return other

    @property
    def values(self) -> Floats:
        """The codes of the one layer there is, (n, d); raises BadKnob where there are several: `of(layer)` is one."""
        if len(self.layers) > 1:
            raise BadKnob(f"There must be one layer to have its values, not {len(self.layers)}. Use .of(layer).")
        return self.of(self.layers[0])

    def of(self, layer: str) -> Floats:
        """The codes of a layer, (n, d); raises UnknownLayer."""
        return np.concatenate([np.zeros((0, self.width(layer)), np.float32), *self.blocks(layer)])

    def blocks(self, layer: str) -> Iterator[Floats]:
        """The same in blocks (m, d) of some images each, however many images there are; raises UnknownLayer."""
        name = self._layer(layer)
        return (as_array(batch.column(name)) for batch in self._read([name]))

    def width(self, layer: str) -> int:
        """The length of a code in a layer; raises UnknownLayer."""
        name = self._layer(layer)
        return next(shape[0] for own, _, shape in self.ledger.layers if own == name)

    @cached_property
    def images(self) -> pa.Table:
        """A row an image: its number in the source, its id, label and class."""
        columns = ["image", "id", "label", "class"]
        batches = [batch.select(columns) for batch in self._read(columns)]
        kinds = [pa.int64(), pa.string(), pa.int32(), pa.string()]
        return pa.Table.from_batches(batches, pa.schema(list(zip(columns, kinds, strict=True))))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The id of each image."""
        return tuple(self.images["id"].to_pylist())

    @cached_property
    def labels(self) -> tuple[str | None, ...]:
        """The class of each image, None for one without."""
        return tuple(self.images["class"].to_pylist())

    @property
    def numbers(self) -> Ints:
        """The number of each image in its source, (n,)."""
        numbers: Ints = self.images["image"].to_numpy()
        return numbers

    @property
    def evidence(self) -> dict[str, Any]:
        """How many images there are and were refused, how places became one number, and whether shards are missing."""
        told = {"images": len(self), "refused": len(self.refused), "pool": self.ledger.knobs["pool"]}
        missing = self.ledger.shards - self._done
        return {**told, "partial": f"{missing} of {self.ledger.shards} shards are missing"} if missing else told

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the codes depend on, and of which images there are."""
        told = self.ledger.to_json() + repr([*sorted(self.evidence.items()), *self.refused])
        return hashlib.sha256(told.encode()).hexdigest()

    def describe(self) -> dict[str, str]:
        """How a request refers to these codes."""
        return {"reference": "" if self.folder is None else str(self.folder), "digest": self.digest}

    @property
    def source(self) -> Source:
        """The images; raises BadScan where they were in memory and are gone, BadSource where they moved."""
        if self._source is None:
            reference = self.ledger.reference["source"]["reference"]
            if not reference:
                raise BadScan("The images of these codes were in memory. Give them again: codes.with_source(source).")
            self._source = open_source(reference)
        return self._source

    def with_source(self, source: Any) -> Codes:
        """The same codes with their images at hand; raises BadScan where they are others."""
        opened = open_source(source)
        if opened.digest != self.ledger.source:
            raise BadScan("source must hold the images the codes are of, not others. Give the folder as it was.")
        other = Codes(self.ledger, self._read, self.refused, self._done, self.folder)
        other._source = opened
        return other

    def save(self, folder: str | Path) -> Path:
        """Write the codes into a folder, from which `open_codes` reads them; raises CannotWrite, BadScan for a part."""
        if "partial" in self.evidence:
            raise BadScan(f"Codes must be whole to be saved, but {self.evidence['partial']}. Go on with the same call.")
        columns, place = ["image", "id", "label", "class", *self.layers], Path(folder)
        with made(place):
            write_codes(place, self.ledger, _cut(self._read(columns), columns), self.refused)
        return place

    def check(self, net: Network) -> None:
        """Raise BadScan where these are codes of another network than `net`."""
        if self.ledger.weights != net.digest:
            raise BadScan(
                f"codes must be of {net.name} as it is, not of {self.ledger.network} with other weights or "
                "preprocessing. Ask for those of this network."
            )

    def _layer(self, layer: str) -> str:
        name = self.ledger.same.get(layer, layer)
        if name not in self.layers:
            near = nearest(name, [*self.layers, *self.ledger.same])
            raise UnknownLayer(f"There are no codes of the layer {layer!r} here.{near} Ask for them: cs.codes(…).")
        return name


def _cut(batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches that are small enough to be read one at a time."""
    for batch in batches:
        for start in range(0, len(batch), _ROWS):
            yield batch.select(columns).slice(start, _ROWS)


def open_codes(folder: Codes | str | Path) -> Codes:
    """Read the codes in a folder; raises BadScan where there are none, or some are damaged or not finished."""
    if isinstance(folder, Codes):
        return folder
    place = Path(folder)
    if not is_codes(place):
        unfinished = is_folder(place / "pieces")
        todo = (
            "Go on with the same call, without a shard."
            if unfinished
            else "Make them: cs.codes(net, source, layer, …)."
        )
        raise BadScan(f"{place} holds {'unfinished' if unfinished else 'no'} codes. {todo}")
    told = read_about(place)
    ledger = Manifest.from_json(told["ledger"])
    refused = [(row[0], row[1]) for row in told["refused"]]
    return Codes(ledger, lambda columns: stored_batches(place, columns), refused, ledger.shards, place)


def held_codes(
    ledger: Manifest, batches: Sequence[pa.RecordBatch], refused: Sequence[tuple[str, str]], done: int
) -> Codes:
    """Codes in memory."""
    return Codes(ledger, lambda columns: iter(batches), refused, done)


def check_any(found: Codes) -> None:
    """Raise BadSource where no image could be read in what is whole."""
    if not len(found) and "partial" not in found.evidence:
        id, reason = found.refused[0]
        raise BadSource(
            f"None of {len(found.refused)} files could be read as an image. The first: {id}: {reason} "
            "Name a folder, zip or tar of images."
        )
