"""The verb `train`: a small network trained on pictures at hand, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...base.plain import to_json
from ...contract import knobs
from ...training.convnetjs.train import train
from .options import JSON
from .progress_bar import progress
from .technique_command import option


def _train(name: str, source: str | None, output: Path | None, as_json: bool, **given: Any) -> None:
    """Train the small network of a ConvNetJS demo, mnist or cifar10, and record how it learns.

    On the digits that come with scikit-learn, or with --source on pictures of yours: the files of MNIST or CIFAR-10, or
    a folder with a folder a class. Ctrl-C ends it, and keeps what there is.

    The page of --show, or of `convscope watch` beside it, can pause it and set its learning rate.
    """
    folder = output if output is not None else Path(f"train-{name}")
    with progress("train", keeps=True):
        told = train(name, source, folder, **given)
    told["output"] = str(folder)
    click.echo(to_json(told, indent=1) if as_json else _told(told, folder))


def _told(told: dict[str, Any], folder: Path) -> str:
    lines = [f"{told['network']} · {told['source']} · {told['steps']} steps"]
    lines.append(
        f"right: {told['accuracy']:.1%} of {told['of']} pictures held out; loss of the last batch: {told['loss']:.3f}"
    )
    lines += [told["partial"]] if "partial" in told else []
    lines.append(f"watch it: convscope watch {folder}")
    lines.append(f"saved: {folder}; explore it: convscope explore {folder / 'network.py'}:net")
    return "\n".join(lines)


train_command = click.Command(
    "train",
    callback=_train,
    help=_train.__doc__,
    params=[
        click.Argument(["name"], type=click.Choice(["mnist", "cifar10"])),
        click.Option(["--source"], help="folder, zip or tars of pictures to learn from"),
        click.Option(["-o", "--output"], type=click.Path(path_type=Path), help="folder to write [default: train-NAME]"),
        *(option(name, schema) for name, schema in knobs.schema(train).items()),
    ],
)
JSON(train_command)
