"""The explorer from Python: for a network of one's own, beside the program, so that a notebook goes on."""

from __future__ import annotations

import asyncio
import html
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from ..data.open import SourceLike
from ..network.network import Network
from ..results.embedding import Embedding
from ..results.evolution import Evolution
from ..scan.pass_knobs import check_is_network
from ..scan.result import Scan
from .report.report import browse
from .server.address import bound
from .server.launch import Serving, begin, installed, open_workspace, scan_in

_MOMENT = 0.2  # seconds after which a wait looks for Ctrl-C again


class Exploring:
    """An explorer that runs beside the program, until `close`. `url` is the link that lets in whoever has it."""

    def __init__(self, serving: Serving) -> None:
        self.url = serving.link
        self._serving = serving
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="explorer", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when it has ended; Ctrl-C ends it. Raises what ended it otherwise."""
        try:
            self._rest()
        except KeyboardInterrupt:
            self.close()
        self._raise()

    def close(self) -> None:
        """End it; a job that runs is queued again. Raises what ended it before, if something did."""
        self._serving.stop()
        self._rest()
        self._raise()

    def _rest(self) -> None:
        """Wait for the end; an interrupted `Thread.join` would take a thread that still runs for one that has ended."""
        while not self._ended.wait(_MOMENT):
            pass
        self._thread.join()

    def _run(self) -> None:
        try:
            self._serving.run()
        except BaseException as error:
            self._failure = error
            raise  # so that the terminal or the notebook shows it now
        finally:
            self._serving.workspace.store.close()
            self._ended.set()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Exploring:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Exploring {'(ended)' if self._ended.is_set() else self.url}>"

    def _repr_html_(self) -> str:
        return f'<a href="{html.escape(self.url)}" target="_blank">{html.escape(self.url)}</a>'


def explore(
    net: Network,
    images: SourceLike | None = None,
    *,
    scan: str | Path | Scan | None = None,
    maps: Embedding | Evolution | Sequence[Embedding | Evolution] = (),
    port: int = 0,
    host: str = "127.0.0.1",
    store: str | Path | None = None,
    open: bool = True,
    block: bool | None = None,
) -> Exploring:
    """Explore a network in the browser, as `convscope explore` does, in this process: its layers and units, live.

    Prints the link, and opens it where there is a display. `images` are a folder, zip, tars or a list to have at hand,
    `scan` a scan or its folder, `maps` embeddings or evolutions to look at, `port` 0 for the usual one or any that is
    free, `store` the folder for results. In a notebook or at a prompt it goes on beside your work until `.close()`; in
    a script it blocks until Ctrl-C; `block` says otherwise. Nothing else should change or run the module meanwhile,
    other than in turn with you: what changed is seen on the next look. Raises BadSource, BadScan, BadStore, and BadKnob
    for a port in use.
    """
    check_is_network(net)
    name = net.reference["reference"] or net.name
    with ExitStack() as held:
        listening = held.enter_context(bound(host, port))
        scanned = None if scan is None else scan_in(scan)
        workspace = open_workspace(
            {name: lambda: net, **installed(name)}, images, None if store is None else Path(store)
        )
        held.callback(workspace.store.close)
        workspace.in_use = name
        begin(workspace)
        if scanned is not None:
            workspace.use_scan(*scanned)
        for result in [maps] if isinstance(maps, Embedding | Evolution) else maps:
            workspace.use_map(result)
        running = Exploring(Serving(workspace, listening, host))
        held.pop_all()  # it lets go of the socket and the store itself
    return begun(running, open, block)


def begun(running: Exploring, open: bool, block: bool | None) -> Exploring:
    """Print the link, open it if asked to, and wait for Ctrl-C where one blocks."""
    waits = alone_here() if block is None else block
    try:
        print(running.url, flush=True)  # from here on somebody may press Ctrl-C
        if open:
            browse(running.url)
        if waits:
            running.wait()
    except KeyboardInterrupt:
        if not waits:
            raise
        running.close()
    return running


def alone_here() -> bool:
    """Whether nothing else keeps this program running: no prompt, no notebook, no event loop."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return False
    return not (hasattr(sys, "ps1") or sys.flags.interactive)
