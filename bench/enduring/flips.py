"""Damaged scans: every table and the state, bit by bit. Either the numbers are the same, or it is refused."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import convscope as cs

from .common import Count, Row, Trial
from .folders import digest, hashes
from .processes import Outcome, apart
from .scans import undisturbed

FLIPS = 16  # in each table
OTHER = {"F32": "I32", "F64": "I64", "I64": "F64", "I32": "F32", "U8": "I8", "BOOL": "U8", "I8": "U8", "U64": "I64"}


def contents(folder: Path) -> dict[str, str]:
    """Of every table of a scan a hash of its values."""
    found = cs.open_scan(folder)
    return {name: digest(found.table(name).to_pylist()) for name in found.names}


def flipped(data: bytes, rng: random.Random) -> bytes:
    """The same with one bit wrong."""
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def judged(trial: Trial, what: str, found: Outcome, wanted: Any) -> None:
    """Count what became of one damage."""
    note = found.wrong and f"not refused, but {found.wrong.partition(':')[0]}"
    trial.check(found.refused or found.value == wanted, f"{what}: {note or 'other numbers, without a word'}")


def tables(trial: Trial) -> Count:
    """One bit of a table, anywhere; and a table cut short, or empty."""
    whole, copy = undisturbed(trial), trial.folder / "copy"
    wanted = apart(lambda: contents(whole)).value
    shutil.copytree(whole, copy)
    for turn in range(FLIPS):
        for file in sorted(copy.glob("*.parquet")):
            data = file.read_bytes()
            file.write_bytes(flipped(data, trial.rng))
            judged(trial, f"{file.stem}, a bit", apart(lambda: contents(copy)), wanted)
            if turn == 0:
                asked = trial.command("query", copy, f"select * from {file.stem}", "--json").end()
                trial.check(asked.code == 0 or asked.refused, f"query of {file.stem}: {asked}")
                for cut in (0, trial.rng.randrange(len(data)), len(data) - 1):
                    file.write_bytes(data[:cut])
                    judged(trial, f"{file.stem}, cut", apart(lambda: contents(copy)), wanted)
            file.write_bytes(data)
            if not trial.going():
                return trial.count
    return trial.count


def state(trial: Trial) -> Count:
    """One bit of the state, in its numbers and in its header; the file cut; and headers edited on purpose."""
    whole, copy = undisturbed(trial), trial.folder / "copy"
    file = copy / "parts" / "0-of-1.safetensors"
    file.parent.mkdir(parents=True)
    data = (whole / "parts" / file.name).read_bytes()
    size = 8 + int.from_bytes(data[:8], "little")
    damages = [("a bit", flipped(data, trial.rng)) for _ in range(16)]
    damages += [("a bit of the header", flipped(data[:size], trial.rng) + data[size:]) for _ in range(32)]
    damages += [("cut", data[: trial.rng.randrange(len(data))]) for _ in range(6)] + [("cut", b"")]
    for what, damaged in [*damages, *edits(data[8:size], data[size:])]:
        if not trial.going():
            break
        file.write_bytes(damaged)
        found = apart(lambda: (cs.merge_scans([copy], trial.folder / "merged"), hashes(trial.folder / "merged"))[1])
        judged(trial, f"state, {what}", found, hashes(whole))
        shutil.rmtree(trial.folder / "merged", ignore_errors=True)
    return trial.count


def edits(header: bytes, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Whole files whose header says something else of one array: its name, type, shape, or place."""
    told = json.loads(header)
    names = [name for name in told if name != "__metadata__"]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        one = told[name]
        yield "a name", _file({**told, f"{name}x": one}, data, name)
        yield "a type", _file({**told, name: {**one, "dtype": OTHER.get(one["dtype"], "I16")}}, data)
        yield "a shape", _file({**told, name: {**one, "shape": [*one["shape"], 1]}}, data)
        yield "two names", _file({**told, name: told[other], other: one}, data)


def _file(told: dict[str, Any], data: bytes, without: str = "") -> bytes:
    header = json.dumps({name: value for name, value in told.items() if name != without}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


ROWS = (
    Row("flips.tables", "a flipped bit in every table, and tables cut short: the same numbers or refused", 60, tables),
    Row("flips.state", "flipped bits in the state, cuts, and edited headers", 55, state),
)
