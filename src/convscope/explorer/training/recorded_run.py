"""A run as a page sees it: the chunks of its record, and what its loop has not written there yet."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...base.errors import BadRecord
from ...base.pixels import Floats
from ...training.live.mailbox import SHOWN
from ...training.recorder import Recorder
from ...training.storage.chunks import chunk_numbers
from ...training.storage.record import Record
from ...training.storage.tables import STEP
from .loops import Rows, loop_of

LOOKED = ("update_ratio", "gradient_norm", "dead")
Columns: TypeAlias = dict[str, NDArray[np.float64]]


class RecordedRun:
    """A record at hand: `loop` is what is behind it; `now` reads what is new."""

    def __init__(self, of: Path | Recorder) -> None:
        self.folder = Path(of.folder) if isinstance(of, Recorder) else of
        self.name, self.loop = _named(self.folder), loop_of(of)
        self._lock, self._numbers, self._known = threading.Lock(), list[int](), dict[str, Any]()
        self.record: Record | None = None

    def now(self) -> Now:
        """The run as far as it is written or told; raises BadRecord where there is nothing yet."""
        with self._lock:
            numbers = chunk_numbers(self.folder)
            if numbers and numbers != self._numbers:
                self.record, self._numbers = Record(self.folder, numbers), numbers
                self._known = {
                    "steps": _columns(self.record.table("steps")),
                    "layers": _layers(self.record.table("layers")),
                    "events": self.record.table("events").to_pylist(),
                }
            if self.record is None:
                raise BadRecord(f"There is nothing in {self.folder} yet. Wait for the first seconds of the training.")
            return Now(self.record, self._known, self.loop.rows(self._numbers[-1] + 1))


class Now:
    """The tables of a run at a moment: `steps` in columns, NaN where there is nothing."""

    def __init__(self, record: Record, known: dict[str, Any], new: Rows) -> None:
        self.record = record
        self.steps = _with(known["steps"], new.get("steps", []))
        last = known["layers"][-1]["step"] if known["layers"] else -1
        self.layers = [*known["layers"], *(row for row in new.get("layers", []) if row["step"] > last)]
        self.events = [*known["events"], *(row for row in new.get("events", []) if row not in known["events"])]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The names of what the loop told."""
        return tuple(name for name in self.steps if name not in STEP)

    def looks(self, after: int) -> tuple[NDArray[np.int32], dict[str, Floats]]:
        """The steps that were looked at after a step, and of each layer then some numbers, (k, layers)."""
        places = {name: i for i, name in enumerate(self.record.layers)}
        rows = [row for row in self.layers if row["step"] > after and row["layer"] in places]
        steps = sorted({row["step"] for row in rows})
        at = {step: i for i, step in enumerate(steps)}
        found = {name: np.full((len(steps), len(places)), np.nan, np.float32) for name in LOOKED}
        for row in rows:
            for name in LOOKED:
                if row.get(name) is not None:
                    found[name][at[row["step"]], places[row["layer"]]] = row[name]
            found["dead"][at[row["step"]], places[row["layer"]]] /= _channels(row)
        return np.array(steps, np.int32), found


def _layers(table: pa.Table) -> list[dict[str, Any]]:
    channels = pc.list_value_length(table["mean"])
    rows: list[dict[str, Any]] = table.select(list(SHOWN)).append_column("channels", channels).to_pylist()
    return rows


def _channels(row: dict[str, Any]) -> float:
    """How many channels a layer put out; NaN where it is not known."""
    count = row.get("channels") or len(row.get("mean", ()))
    return float(count) or float("nan")


def _columns(table: pa.Table) -> Columns:
    return {
        name: np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64)
        for name in table.column_names
        if not pa.types.is_boolean(table[name].type)
    }


def _with(known: Columns, rows: list[dict[str, Any]]) -> Columns:
    """Columns with rows after their end."""
    last = known["step"][-1] if len(known["step"]) else -1
    new = [row for row in rows if row["step"] > last]
    names = dict.fromkeys([*known, *(name for row in new for name in row if name != "sampled")])
    none = np.full(len(known["step"]), np.nan)
    return {
        name: np.append(known.get(name, none), [_number(row.get(name)) for row in new])
        if new
        else known.get(name, none)
        for name in names
    }


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _named(folder: Path) -> str:
    """What to call a run: its folder, or the one above where that is only called record."""
    whole = folder.resolve()
    return whole.parent.name if whole.name == "record" else whole.name
