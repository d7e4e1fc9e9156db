"""What goes between a loop and pages of other processes: small files in `live/` of the record's folder.

A page touches `watched`, and leaves `command-ID.json`. The loop, as long as somebody watches, writes `loop.json`, how
it stands and what became of commands; `look.npz`; and `rows-N.jsonl`, the rows that are not in chunk N yet. None of
these is part of the record: it is whole without them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydantic

from ...base.errors import ConvscopeError, first_line
from ...base.plain import to_json
from .commands import Command

FOLDER, WATCHED, LOOP, LOOK = "live", "watched", "loop.json", "look.npz"
_COMMAND = re.compile(r"command-([0-9a-f]{8,64})\.json")
_LARGEST = 4096  # bytes of a command
_HEARD = 16  # commands whose outcome is kept
_SCALARS = ("step", "layer", "dead", "saturated", "nonfinite", "weight_norm", "gradient_norm", "update_norm")
SHOWN = (*_SCALARS, "update_ratio")  # of the table of layers: what a page is told at once


class Mailbox:
    """The loop's end of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.heard: dict[str, dict[str, str]] = {}
        self._mark, self._number, self._sent = 0, -1, dict[str, int]()
        with suppress(OSError):
            for path in self.folder.glob("*"):
                path.unlink()  # what an earlier session left, commands among them
            self._mark = (self.folder / WATCHED).stat().st_mtime_ns

    def watched(self) -> bool:
        """Whether a page has looked since this was last asked."""
        before = self._mark
        with suppress(OSError):
            self._mark = (self.folder / WATCHED).stat().st_mtime_ns
        return self._mark != before

    def take(self, do: Callable[[Command], str]) -> bool:
        """Do what was asked for, in the order of time, and say what became of it; gives whether there was anything."""
        found = [*self._commands()]
        for name, path in found:
            self.heard[name] = _outcome(path, do)
            with suppress(OSError):
                path.unlink()
        for name in [*self.heard][:-_HEARD]:
            del self.heard[name]
        return bool(found)

    def _commands(self) -> Iterator[tuple[str, Path]]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return
        paths = [(match[1], self.folder / name) for name in names if (match := _COMMAND.fullmatch(name))]
        for name, path in sorted(paths, key=lambda one: _time_of(one[1])):
            if name not in self.heard:  # one that cannot be removed is done once
                yield name, path

    def tell(self, state: Mapping[str, Any], number: int, rows: Mapping[str, list[Mapping[str, Any]]]) -> None:
        """Say how the loop stands, and which rows are new; raises OSError where it cannot be written."""
        if number != self._number:
            with suppress(OSError):
                (self.folder / f"rows-{self._number}.jsonl").unlink()
            self._number, self._sent = number, {}
        lines = []
        for name in ("steps", "layers", "events"):
            new = rows[name][self._sent.get(name, 0) :]
            lines += [to_json({"table": name, **(_shown(row) if name == "layers" else row)}) for row in new]
            self._sent[name] = self._sent.get(name, 0) + len(new)
        if lines:
            with (self.folder / f"rows-{number}.jsonl").open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        self._replace(LOOP, to_json({**state, "heard": self.heard}).encode())

    def look(self, data: bytes) -> None:
        """Show a look."""
        self._replace(LOOK, data)

    def _replace(self, name: str, data: bytes) -> None:
        """A reader sees the one or the other as a whole; nothing here need survive a crash of the machine."""
        beside = self.folder / f".{name}"
        beside.write_bytes(data)
        os.replace(beside, self.folder / name)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in SHOWN if name in row} | {"channels": len(row.get("mean", ()))}


def _time_of(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _outcome(path: Path, do: Callable[[Command], str]) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            return {"refused": f"A command must have at most {_LARGEST} bytes."}
        return {"told": do(Command.model_validate_json(data))}
    except pydantic.ValidationError as error:
        return {"refused": f"It must be a command, and is none: {error.errors()[0]['msg']}."}
    except (ConvscopeError, OSError) as error:
        return {"refused": first_line(error)}
