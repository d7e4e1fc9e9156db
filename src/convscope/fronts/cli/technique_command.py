"""Techniques to commands: subjects become arguments, knobs and the choices of the picture become options."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import click

from ...base.errors import nearest_told
from ...base.files import check_writable
from ...base.paths import is_file, is_there
from ...base.plain import to_json
from ...base.samples import PREFIX
from ...catalog.catalog import MORE, CatalogEntry
from ...contract import knobs
from ...contract.checkpoint import checkpoint
from ...contract.result import Result, check_output
from ...network.network import Network
from ...view.figures.registry import drawer_of
from ...zoo import zoo
from .options import CHECKPOINT, DEVICE, JSON, OUTPUT, WEIGHTS, fetched
from .progress_bar import progress

_WEIGHED = re.compile(r"-[\d.]\S*\*")

_LONGEST = 60  # letters of a file's name that say what it is about


def command(entry: CatalogEntry) -> click.Command:
    """The click command of a technique, from its signature and docstring."""
    view = knobs.schema(drawer_of(entry.result))
    options = [option(name, schema) for name, schema in {**entry.schema, **view}.items()]
    made = Told(
        entry.command,
        callback=partial(_run, entry),
        params=[*_arguments(entry), *options],
        help=_help(entry.function.__doc__ or ""),
    )
    for add in (OUTPUT, JSON, WEIGHTS, DEVICE, *((CHECKPOINT,) if entry.resumes else ())):
        add(made)
    return made


def _arguments(entry: CatalogEntry) -> list[click.Argument]:
    return [
        click.Argument(
            [name],
            metavar=word,
            required=not entry.presumes or name == "network",
            nargs=-1 if word.endswith(MORE) else 1,
        )
        for name, word in zip(["network", *entry.subjects[1:]], entry.arguments, strict=True)
    ]


def _run(
    entry: CatalogEntry, network: str, output: Path | None, as_json: bool, weights: str, device: str, **given: Any
) -> None:
    """Carry a technique out; what cannot be written, or drawn as asked, is refused before anything is computed."""
    folder = given.pop("checkpoint", None)
    endings = entry.result.endings(given)
    if output is not None:
        check_output(output, endings)
    elif not as_json:
        check_writable(Path(entry.command))
    drawer = drawer_of(entry.result)
    choices = knobs.check(drawer, {name: given.pop(name) for name in knobs.schema(drawer)})
    about = next((given[name] for name in entry.subjects[1:] if given[name]), network)
    subjects = [_one_or_list(given.pop(name)) for name in entry.subjects[1:]]
    net, subjects = _presumed(entry, network, subjects, weights, device)
    with progress(entry.command, keeps=True), checkpoint(folder) if folder is not None else nullcontext():
        result = entry.function(net, *subjects, **given)
    if output is None and not as_json:
        output = unused(entry.command, about, endings[0])
    if output is not None:
        result.save(output, **choices)
    click.echo(_as_json(result, output) if as_json else _as_text(result, output))


def _presumed(
    entry: CatalogEntry, network: str, subjects: list[Any], weights: str, device: str
) -> tuple[Network, list[Any]]:
    """The network and the other subjects; where only an image was named, lite0 and its most probable class."""
    if entry.presumes and subjects[0] is None:
        network, subjects[0] = zoo.LITE[0], network
    net = fetched(network, weights, device)
    if entry.presumes and subjects[1] is None:
        subjects[1] = f"logits:{net.predict(subjects[0], 1)[0][1]}"
    return net, subjects


class Told(click.Command):
    """A command that, asked for an option it has not, looks for what was meant in what the options say too.

    Its arguments may begin with a negative weight, as in -1*logits:281, which is no option.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        try:
            return super().parse_args(ctx, [f" {word}" if _WEIGHED.match(word) else word for word in args])
        except click.NoSuchOption as error:
            told = {o.opts[-1].removeprefix("--"): o.help or "" for o in self.params if isinstance(o, click.Option)}
            near = nearest_told(error.option_name.removeprefix("--"), told, "--")
            raise click.UsageError(f"There is no option {error.option_name}.{near}", ctx) from None


def unused(command: str, about: str | tuple[str, ...], ending: str) -> Path:
    """A file that is not there yet, in the working directory: of the command and what it is about."""
    place = Path((about if isinstance(about, str) else about[0]).removeprefix(PREFIX))
    word = re.sub(r"[^\w.]+", "-", place.stem if is_file(place) else place.name).strip("-.")[:_LONGEST]
    stem = f"{command}-{word}" if word else command
    names = (f"{stem}{'' if number == 1 else f'-{number}'}{ending}" for number in count(1))
    return next(path for path in map(Path, names) if not is_there(path))


def _one_or_list(given: Any) -> Any:
    """A subject as it was typed: several words are a list."""
    return given if not isinstance(given, tuple) else list(given) if len(given) > 1 else given[0]


def option(name: str, schema: dict[str, Any]) -> click.Option:
    """One option from the JSON Schema of a knob; bounds are checked by the knob itself, so that all fronts agree."""
    flag = f"--{name.replace('_', '-')}"
    text, default = schema.get("description"), schema["default"]
    if schema.get("type") == "boolean":
        return click.Option([f"{flag}/--no-{flag[2:]}"], default=default, show_default=True, help=text)
    kind: Any = {"integer": int, "number": float}.get(schema.get("type", ""), str)
    if "enum" in schema:
        kind = click.Choice(schema["enum"])
    return click.Option([flag], type=kind, default=default, show_default=True, help=text)


def _help(docstring: str) -> str:
    return docstring.replace("`", "")


def _as_json(result: Result, output: Path | None) -> str:
    return to_json({**result.summary(), "output": None if output is None else str(output)}, indent=1)


def _as_text(result: Result, output: Path | None) -> str:
    summary = result.summary()
    shape = " × ".join(map(str, summary["values"]["shape"]))
    lines = [f"{result.network} · {summary['technique']} · {result.unit}"]
    low, high = summary["values"]["min"], summary["values"]["max"]
    lines.append(f"values: {shape}" + ("" if low is None else f", {low:.4g} to {high:.4g}"))
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in result.evidence.items()]
    lines.append(f"saved: {output}")
    return "\n".join(lines)
