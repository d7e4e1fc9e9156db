"""The verb `explore`: a server on this computer, and its one link."""

from __future__ import annotations

import ipaddress
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..server.address import PORT, bound
from ..server.memory import share_memory, tend_memory
from .options import DEVICE, WEIGHTS, fetched
from .progress_bar import progress

if TYPE_CHECKING:
    from ..server.launch import Serving


@click.command("explore")
@click.argument("network", default="lite0")
@click.option("--images", "source", default="", help="a folder, zip or tars of images to have at hand")
@click.option("--scan", "scanned", type=click.Path(path_type=Path), help="folder of a scan: what drives each unit")
@click.option("--port", default=0, show_default=f"{PORT}, or another that is free", help="port to listen on")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; others can reach most")
@click.option("--open/--no-open", "opened", default=True, help="open it in a browser, if there is a display")
@click.option("--store", "kept", type=click.Path(path_type=Path), help="folder for results and jobs [default: a cache]")
@WEIGHTS
@DEVICE
def explore_command(
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
    from ...zoo import zoo
    from ..server.launch import Serving, offers, open_workspace, scan_in

    share_memory()
    with bound(host, port) as listening:  # and whatever else may be refused, before there is a store
        scan = None if scanned is None else scan_in(scanned)
        workspace = open_workspace(
            offers(network, partial(fetched, network, weights, device), device), source or None, kept
        )
        if zoo.own(network):
            with progress("explore"):
                workspace.loaded(network)  # a scan that was made of what it was before is not at hand then
        if scan is not None:
            workspace.use_scan(*scan)
        serve_page(Serving(workspace, listening, host), host, opened)


def serve_page(serving: Serving, host: str, opened: bool) -> None:
    """Print the link and serve, until Ctrl-C."""
    from ..report.report import browse
    from ..server.launch import begin

    click.echo(serving.link)
    sys.stdout.flush()  # whoever reads a pipe waits for this line
    warn_of(host)

    def beside() -> None:
        begin(serving.workspace)
        if opened:
            browse(serving.link)
        tend_memory()

    serving.run(beside)


def warn_of(host: str) -> None:
    """Say so where other computers can reach the page."""
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
