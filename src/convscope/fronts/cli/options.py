"""What commands have in common: options, and how they come by a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .ends import say

if TYPE_CHECKING:
    from ...network.network import Network

OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="file to write: .png, .npz or .json; left out, a new .png in this folder, or with --json none",
)
JSON = click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
WEIGHTS = click.option("--weights", default="default", show_default=True, help="default, none (random) or a local file")
CHECKPOINT = click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="folder for the state: the same command with it goes on where one was stopped",
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda …")


def fetched(network: str, weights: str, device: str) -> Network:
    """The network of a command, with what a user should know of it as notes on stderr."""
    from ...zoo import zoo

    net = zoo.load(network, weights, device)
    for notice in net.notices:
        say(f"Note: {notice}")
    return net
