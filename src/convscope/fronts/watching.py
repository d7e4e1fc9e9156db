"""The page of a training, from Python: beside a loop of this process, or for the record of any other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from ..base.errors import BadRecord
from ..base.paths import is_file, is_folder
from ..explorer.training.recorded_run import RecordedRun
from ..training.recorder import Recorder
from ..training.storage.chunks import chunk_numbers
from .exploring import Exploring, begun
from .server.address import bound
from .server.launch import Serving, begin, open_workspace

Watchable: TypeAlias = str | os.PathLike[str] | Recorder


def watch(
    *runs: Watchable,
    port: int = 0,
    host: str = "127.0.0.1",
    store: str | Path | None = None,
    open: bool = True,
    block: bool | None = None,
) -> Exploring:
    """Watch trainings in the browser, as `convscope watch` does: loss, maps, weights and their gradients, live.

    A run is a folder with a record, or one that `convscope train` writes, or a Recorder of this process; several stand
    side by side. While a loop runs, its page is at most a second behind; what it can be asked says the page. Prints the
    link, and opens it where there is a display; `port`, `host`, `store` and `block` are as for `explore`. Raises
    BadRecord for a folder without a record, and BadKnob for a port in use.
    """
    found = [RecordedRun(run if isinstance(run, Recorder) else record_in(Path(run))) for run in runs]
    with ExitStack() as held:
        listening = held.enter_context(bound(host, port))
        workspace = open_workspace({}, None, None if store is None else Path(store))
        held.callback(workspace.store.close)
        workspace.runs += found
        begin(workspace)
        running = Exploring(Serving(workspace, listening, host, WATCH))
        held.pop_all()  # it lets go of the socket and the store itself
    return begun(running, open, block)


WATCH = "/training"  # where the page of a training is


def record_in(folder: Path) -> Path:
    """The folder of a record, given that or the one around it; raises BadRecord where there is none, nor one begun."""
    for place in (folder, folder / "record"):
        if is_folder(place) and (chunk_numbers(place) or is_file(place / "writer.lock")):
            return place
    raise BadRecord(f"{folder} holds no record of a training. Make one: cs.Recorder(module, folder={str(folder)!r}).")


def records_in(folders: Sequence[Path]) -> list[RecordedRun]:
    """The runs in folders; raises BadRecord."""
    return [RecordedRun(record_in(folder)) for folder in folders]
