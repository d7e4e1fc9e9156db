"""The verb about maps that is no technique: several states of a network, one map continued from the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...base.files import check_writable
from ...base.plain import to_json
from ...catalog.catalog import entry
from ...contract import knobs
from ...contract.result import check_output
from ...results.evolution import Evolution
from ...view.figures.registry import drawer_of
from .options import DEVICE, JSON, fetched
from .progress_bar import progress
from .technique_command import option, unused


def _evolution(
    network: str,
    source: str,
    layer: str,
    weights: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    device: str,
    **given: Any,
) -> None:
    """Map the same images before, during and after training: WEIGHTS are files of one network's, first to last.

    `none` stands for random ones, before training, and `default` for the published ones.
    """
    endings = Evolution.endings({})
    if output is not None:
        check_output(output, endings)
    elif not as_json:
        check_writable(Path("evolution"))
    drawer = drawer_of(Evolution)
    choices = knobs.check(drawer, {name: given.pop(name) for name in knobs.schema(drawer)})
    nets = [fetched(network, one, device) for one in weights]
    with progress("evolution", keeps=True):
        found: Evolution = entry("embed").function.over(nets, source, layer, **given)
    if output is None and not as_json:
        output = unused("evolution", network, endings[0])
    if output is not None:
        found.save(output, **choices)
    told = {**found.summary(), "output": None if output is None else str(output)}
    click.echo(to_json(told, indent=1) if as_json else _told(found, output))


def _told(found: Evolution, output: Path | None) -> str:
    lines = [f"{found.network} · evolution · {found.unit}", f"maps: {len(found.maps)} of {len(found.ids)} images"]
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in found.control.items()]
    return "\n".join([*lines, f"saved: {output}"])


_SCHEMA = knobs.schema(entry("embed").function.over) | knobs.schema(drawer_of(Evolution))

evolution_command = click.Command(
    "evolution",
    callback=_evolution,
    help=(_evolution.__doc__ or "").replace("`", ""),
    params=[
        click.Argument(["network"], metavar="NETWORK"),
        click.Argument(["source"], metavar="SOURCE"),
        click.Argument(["layer"], metavar="LAYER"),
        click.Argument(["weights"], metavar="WEIGHTS...", nargs=-1, required=True),
        click.Option(
            ["-o", "--output"],
            type=click.Path(path_type=Path),
            help="file to write: .png, .npz, .json, or .mp4 for a film; left out, a new .png in this folder",
        ),
        *(option(name, schema) for name, schema in _SCHEMA.items()),
    ],
)
for _add in (JSON, DEVICE):
    _add(evolution_command)
