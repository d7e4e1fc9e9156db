"""A record of training, read: also while it is being written, and after whatever ended it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...base.errors import BadKnob, BadRecord, UnknownLayer, nearest
from ...base.pixels import Floats
from .chunks import chunk_numbers, read_chunk, session_of
from .tables import empty_table, unpacked_array


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of the first convolution at a step, (filters, channels, height, width), and their gradients.

    The gradients are those that the optimizer used: accumulated, clipped, unscaled. None where there were none.
    """

    step: int
    layer: str
    values: Floats
    gradients: Floats | None


class Record:
    """The record of a training, as far as it was written when it was opened; made by `Recorder`."""

    def __init__(self, folder: Path, numbers: list[int]) -> None:
        self.folder, self._numbers = folder, numbers
        self.sessions = _sessions(folder, numbers)

    def __repr__(self) -> str:
        return f"<Record of {self.about['module']}: {self.steps} steps, {len(self.layers)} layers>"

    @property
    def about(self) -> dict[str, Any]:
        """What the last session said of itself: the module, its layers, the budget, how it was watched."""
        return self.sessions[-1]

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, in the order in which they stand in the module."""
        return tuple(self.about["layers"])

    @cached_property
    def steps(self) -> int:
        """How many steps there are, with those before the first that was recorded."""
        numbers = self.table("steps")["step"]
        return int(pc.max(numbers).as_py() + 1 if len(numbers) else self.about["start"])

    @cached_property
    def snapshots(self) -> tuple[int, ...]:
        """The steps of which there are codes; the last one, at the end of a training, is behind the last step."""
        return tuple(sorted({step for step, what, _ in self._index if what == "codes"}))

    @cached_property
    def pictured(self) -> tuple[int, ...]:
        """The steps of which there are maps or weights."""
        return tuple(sorted({step for step, what, _ in self._index if what in ("maps", "weights")}))

    @cached_property
    def pictures(self) -> Floats | None:
        """The first images of the probe (n, C, H, W), as the module takes them, to a part in 255; None without."""
        return self._last("pictures")

    @cached_property
    def filter_steps(self) -> tuple[int, ...]:
        """The steps of which there are filters: those of the snapshots, also where no probe was shown."""
        return tuple(sorted({step for step, what, _ in self._index if what == "filters"}))

    @property
    def codes_of(self) -> str | None:
        """The name of the last layer with weights: the codes are what it is given. None where no probe was shown."""
        return self.about.get("codes_of")

    @property
    def classes(self) -> tuple[int | float, ...] | None:
        """The class of each image of the probe, as it was given; None where none was."""
        classes = self.about.get("classes")
        return None if classes is None else tuple(classes)

    def table(self, name: str) -> pa.Table:
        """All of a table: `steps`, with a column a metric, `layers`, or `events`; raises BadKnob for another name.

        In `layers`, a row is a layer at a step that was looked at. `mean`, `mean_square` and `zero_share` are lists, a
        number a channel, of all values of the step's batch, to 4 digits; `dead` counts channels that were zero
        everywhere, `nonfinite` values, and `saturated` is a share of values where the layer saturates. `…_norm` are
        2-norms over all weights of the layer, `update_ratio` that of the update over that of the weights. `…_bins` and
        `…_power` are histograms of fixed samples: see `scaled_histogram`. An event has the `step` at which something
        began, and that at which it was `noticed`.
        """
        if name not in ("steps", "layers", "events"):
            raise BadKnob(f"name must be steps, layers or events, not {name!r}. Snapshots are read by codes, filters …")
        return self._table(name)

    def codes(self, step: int) -> Floats:
        """What the last layer with weights was given for each image of the probe, (n, d), as step `step` began."""
        return self._array(step, "codes", None)

    def answers(self, step: int) -> Floats:
        """What the network put out for each image of the probe, (n, …)."""
        return self._array(step, "answers", None)

    def maps(self, step: int, layer: str) -> tuple[Floats, Floats | None]:
        """The maps (C, …) of a layer for the probe's first image, and their gradients; of large ones, some channels."""
        gradients = (step, "map_gradients", layer) in self._index
        return self._array(step, "maps", layer), self._array(step, "map_gradients", layer) if gradients else None

    def filters(self, step: int) -> Filters:
        """The first convolution's filters as step `step` began, and the gradients it changed them by."""
        layer = next((layer for at, what, layer in self._index if at == step and what == "filters"), None)
        values = self._array(step, "filters", layer)
        gradients = (step, "filter_gradients", layer) in self._index
        return Filters(step, str(layer), values, self._array(step, "filter_gradients", layer) if gradients else None)

    @cached_property
    def _index(self) -> dict[tuple[int, str, str | None], int]:
        """In which chunk each array is."""
        found: dict[tuple[int, str, str | None], int] = {}
        for number, table in self._chunks("snapshots", ["step", "what", "layer"]):
            found |= dict.fromkeys(zip(*(column.to_pylist() for column in table.columns), strict=True), number)
        return found

    def arrays(self, step: int) -> dict[tuple[str, str | None], Floats]:
        """All arrays of a snapshot, by what they are and of which layer: one reading for what is shown together."""
        numbers = sorted({number for (at, _, _), number in self._index.items() if at == step})
        rows = [row for n in numbers for row in read_chunk(self.folder, n, "snapshots", step=step).to_pylist()]
        return {(row["what"], row["layer"]): unpacked_array(row) for row in rows}

    def _last(self, what: str) -> Floats | None:
        steps = [at for at, kind, _ in self._index if kind == what]
        return self._array(max(steps), what, None) if steps else None

    def _array(self, step: int, what: str, layer: str | None) -> NDArray[np.float32]:
        key = (step, what, layer)
        if key not in self._index:
            raise self._lacking(step, what, layer)
        rows = read_chunk(self.folder, self._index[key], "snapshots", step=step).to_pylist()
        return unpacked_array(next(row for row in rows if (row["what"], row["layer"]) == (what, layer)))

    def _lacking(self, step: int, what: str, layer: str | None) -> BadKnob | UnknownLayer:
        steps = sorted({at for at, kind, _ in self._index if kind == what})
        if step in steps:
            known = [name for at, kind, name in self._index if (at, kind) == (step, what) and name]
            return UnknownLayer(f"There are no {what} of a layer {layer!r} in this record.{nearest(str(layer), known)}")
        near = sorted(steps, key=lambda at: abs(at - step))[:5]
        there = f"The nearest are {', '.join(map(str, sorted(near)))}." if near else "There are none: record a probe."
        return BadKnob(f"step must be one of which there are {what}, not {step}. {there}")

    def _table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        found = [table for _, table in self._chunks(name, columns)]
        return pa.concat_tables(found, promote_options="default") if found else empty_table(name)

    def _chunks(self, name: str, columns: list[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
        for number in self._numbers:
            session = next(s for s in reversed(self.sessions) if s["chunk"] <= number)
            table = read_chunk(self.folder, number, name, columns)
            if len(table):
                table = table.replace_schema_metadata(None)
                yield number, table.filter(pc.less(table["step"], session["until"]))


def open_record(folder: str | os.PathLike[str]) -> Record:
    """Read the record of a training in a folder, as far as it is written; raises BadRecord where there is none."""
    place = Path(folder)
    numbers = chunk_numbers(place)
    if not numbers:
        raise BadRecord(f"{place} holds no record of a training. Make one: cs.Recorder(module, folder={str(place)!r}).")
    return Record(place, numbers)


def sessions_of(folder: Path) -> tuple[int, int]:
    """How many sessions a record in a folder has, 0 where there is none, and at which step it would go on."""
    numbers = chunk_numbers(folder)
    if not numbers:
        return 0, 0
    record = Record(folder, numbers)
    return record.about["session"] + 1, record.steps


_FOREVER = (1 << 63) - 1


def _sessions(folder: Path, numbers: list[int]) -> list[dict[str, Any]]:
    """What each session said of itself, its first chunk, and `until` which step another one does not supersede it."""
    found: dict[int, dict[str, Any]] = {}
    for number in numbers:
        about = session_of(folder, number)
        found.setdefault(about["session"], {**about, "chunk": number, "until": _FOREVER})
    sessions = [found[key] for key in sorted(found)]
    for i, session in enumerate(sessions):
        session["until"] = min((later["start"] for later in sessions[i + 1 :]), default=_FOREVER)
    return sessions
