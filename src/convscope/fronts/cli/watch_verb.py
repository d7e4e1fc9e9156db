"""The verb `watch`: the page of one training or several, while they run and afterwards."""

from __future__ import annotations

from pathlib import Path

import click

from ..server.address import PORT, bound
from ..server.memory import share_memory
from .explore import serve_page


@click.command("watch")
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--port", default=0, show_default=f"{PORT}, or another that is free", help="port to listen on")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; others can reach most")
@click.option("--open/--no-open", "opened", default=True, help="open it in a browser, if there is a display")
@click.option("--store", "kept", type=click.Path(path_type=Path), help="folder for results and jobs [default: a cache]")
def watch_command(folders: tuple[Path, ...], port: int, host: str, opened: bool, kept: Path | None) -> None:
    """Watch trainings in the browser, while they run and afterwards: loss, maps, weights, and their gradients.

    FOLDER holds the record of a cs.Recorder, or is what `convscope train` writes; several stand side by side. A loop
    whose recorder was given show=True or steered=True can be paused from the page, and its learning rate changed. The
    first line it prints is the link, with the token that lets you in. Ctrl-C ends it; the training goes on.
    """
    from ..server.launch import Serving, open_workspace
    from ..watching import WATCH, records_in

    share_memory()
    runs = records_in(folders)
    with bound(host, port) as listening:
        workspace = open_workspace({}, None, kept)
        workspace.runs += runs
        serve_page(Serving(workspace, listening, host, WATCH), host, opened)
