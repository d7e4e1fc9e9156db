"""Codes while they are made: each piece holds whole shards, so that a killed call loses no more than one.

Which shards there are is what the pieces say; who made them, in how many parts, does not matter.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...base.errors import BadScan, BadSource, first_line
from ...base.files import check_writable, sweep
from ...base.plain import from_json
from ..statistics.manifest import Manifest
from .files import as_batch, json_of, parquet_of, write_codes
from .result import Codes, check_any, open_codes
from .state import CodeRows, CodesState

_HELD = 64 << 20  # bytes of codes in a piece, and so in memory


class Pieces:
    """The pieces of one folder of codes; `name` is that of the part that writes here."""

    def __init__(self, folder: Path, ledger: Manifest, name: str) -> None:
        self._folder, self._ledger, self._name = folder, ledger, name
        check_writable(json_of(folder))
        for path in (parquet_of(folder), json_of(folder), *self._paths()):
            sweep(path)

    def begun(self) -> CodesState:
        """The state to go on from; raises BadScan where a piece is damaged, or of other codes."""
        done = set(self._where())
        return CodesState(self._ledger, set(done), stored=done, limit=_HELD)

    def save(self, state: CodesState) -> None:
        """Write what a state holds, and have it let go of that."""
        new = state.shards - state.stored
        if new:
            state.save(self._folder / "pieces" / f"{min(new):08d}-{self._name}.safetensors")
        state.let_go()

    def finished(self) -> Codes:
        """The codes: whole, and then in files of their own, or what there is of them so far."""
        where = self._where()
        found = Codes(self._ledger, lambda columns: self._batches(where), self._refused(where), len(where))
        if len(where) < self._ledger.shards:
            return found
        try:
            check_any(found)
        except BadSource:
            shutil.rmtree(self._folder / "pieces", ignore_errors=True)  # nothing to go on from
            raise
        write_codes(self._folder, self._ledger, self._batches(where), self._refused(where))
        shutil.rmtree(self._folder / "pieces", ignore_errors=True)
        return open_codes(self._folder)

    def _paths(self) -> list[Path]:
        return sorted((self._folder / "pieces").glob("*.safetensors"))

    def _where(self) -> dict[int, Path]:
        """The piece that holds each shard, in order."""
        found = {shard: path for path in self._paths() for shard in self._shards(path)}
        return dict(sorted(found.items()))

    def _shards(self, path: Path) -> list[int]:
        from safetensors import safe_open

        try:
            with safe_open(path, "numpy") as file:
                about = dict(file.metadata() or {})
            ledger, shards = Manifest.from_json(about["ledger"]), from_json(about["done"])
        except Exception as error:  # of many kinds, where a header makes no sense
            again = "Delete it, and ask for the codes again."
            raise BadScan(f"{path} cannot be read ({first_line(error)}). {again}") from error
        differences = self._ledger.differences(ledger)
        if differences:
            raise BadScan(
                f"{path} is of other codes: {'; '.join(differences)}. Use another folder, or delete this one."
            )
        found: list[int] = shards
        return found

    def _batches(self, where: dict[int, Path]) -> Iterator[pa.RecordBatch]:
        opened: dict[Path, CodeRows] = {}
        for shard, path in where.items():
            if path not in opened:
                (opened[path],) = CodesState.load(path).rows  # mapped, not read
            yield as_batch(opened[path].taken(np.flatnonzero(opened[path].shards == shard)), self._ledger)

    def _refused(self, where: dict[int, Path]) -> list[tuple[str, str]]:
        found = [
            (number, id, reason)
            for path in sorted(set(where.values()))
            for shard, number, id, _, reason in CodesState.load(path).refused
            if where[shard] == path
        ]
        return [(id, reason) for _, id, reason in sorted(found)]
