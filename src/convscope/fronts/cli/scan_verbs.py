"""The verbs of the command line about scans: make one, put its parts together, ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...base.plain import to_json
from ...contract import knobs
from ...scan import feature_extraction as extraction
from ...scan import scan as scanning
from ...scan.codes.result import Codes
from ...scan.job import check_part
from ...scan.result import Scan, open_scan
from ...scan.statistics.confusion import unpredicted
from ...scan.tables.sql import values
from .options import DEVICE, JSON, WEIGHTS, fetched
from .progress_bar import progress
from .technique_command import option

_ROWS = 40  # of a table that is printed for people to read
FOLDER = click.Path(path_type=Path)


def _scan(network: str, source: str, output: Path, as_json: bool, weights: str, device: str, **given: Any) -> None:
    """Find what drives every unit over a collection of images: a folder, a zip, or tar shards.

    The same command goes on where an interrupted one stopped. With --shard i/n each process does its part; merge them
    with `convscope merge`.
    """
    net = fetched(network, weights, device)
    with progress("scan", keeps=True):
        found = scanning.scan(net, source, output, **given)
    left = _left(found, output, *check_part(given["shard"]))
    click.echo(to_json(_summary(found, output), indent=1) if as_json else _told(found, left))


scan_command = click.Command(
    "scan",
    callback=_scan,
    help=_scan.__doc__,
    params=[
        click.Argument(["network"], metavar="NETWORK"),
        click.Argument(["source"], metavar="SOURCE"),
        click.Option(["-o", "--output"], type=FOLDER, required=True, help="folder for tables and checkpoints"),
        *(option(name, schema) for name, schema in knobs.schema(scanning.scan).items()),
    ],
)


def _codes(
    network: str, source: str, layer: str, output: Path, as_json: bool, weights: str, device: str, **given: Any
) -> None:
    """Have the code of every image of a collection: the activations of a layer, one number a channel.

    LAYER is one layer, or several with commas between them. The same command goes on where an interrupted one stopped;
    with --shard i/n each process does its part, and the same command without it puts them together.
    """
    net = fetched(network, weights, device)
    with progress("codes", keeps=True):
        found = extraction.codes(net, source, layer, output, **given)
    told = {"network": net.name, "layers": {name: found.width(name) for name in found.layers}, **found.evidence}
    told |= {"digest": found.digest, "output": str(output)}
    click.echo(to_json(told, indent=1) if as_json else _codes_told(found, output))


def _codes_told(found: Codes, output: Path) -> str:
    sizes = ", ".join(f"{name} ({found.width(name)})" for name in found.layers)
    lines = [f"{found.ledger.network} · {len(found)} images · {sizes}"]
    if found.refused:
        lines += [f"refused: {len(found.refused)} files", *(f"  {id}: {why}" for id, why in found.refused[:3])]
    partial = found.evidence.get("partial")
    return "\n".join([*lines, f"{partial}; the same command goes on from here" if partial else f"saved: {output}"])


codes_command = click.Command(
    "codes",
    callback=_codes,
    help=_codes.__doc__,
    params=[
        click.Argument(["network"], metavar="NETWORK"),
        click.Argument(["source"], metavar="SOURCE"),
        click.Argument(["layer"], metavar="LAYER"),
        click.Option(["-o", "--output"], type=FOLDER, required=True, help="folder for the codes"),
        *(option(name, schema) for name, schema in knobs.schema(extraction.codes).items()),
    ],
)
for _command in (scan_command, codes_command):
    for _add in (JSON, WEIGHTS, DEVICE):
        _add(_command)


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, type=FOLDER, metavar="DIR...")
@click.option("-o", "--output", type=FOLDER, help="folder for the tables; left out, the first DIR")
@JSON
def merge_command(parts: tuple[Path, ...], output: Path | None, as_json: bool) -> None:
    """Put the parts of a scan together; refuses missing parts, and parts that overlap or differ."""
    found = scanning.merge_scans(parts, output)
    assert found.folder is not None
    click.echo(to_json(_summary(found, found.folder), indent=1) if as_json else _told(found, f"saved: {found.folder}"))


@click.command("query")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.argument("sql")
@JSON
def query_command(folder: Path, sql: str, as_json: bool) -> None:
    """Ask a scan in SQL: its tables are units, top, histograms, examples, images, layers and run.

    Where there are classes, also classes, predictions and confusion: what images of one class are taken for.
    """
    rows = open_scan(folder).query(sql)
    if as_json:
        named = [dict(zip(rows.column_names, row, strict=True)) for row in values(rows)]
    click.echo(to_json(named, indent=1) if as_json else _text(rows))


def _summary(found: Scan, output: Path) -> dict[str, Any]:
    layers = [row for row in found.table("layers").to_pylist() if row["same_as"] is None]
    told = {"network": found.ledger.network, **found.evidence, "layers": len(layers)}
    told |= {name: sum(row[name] for row in layers) for name in ("units", "dead", "constant")}
    return {**told, **_judged(found), "digest": found.digest, "output": str(output)}


def _judged(found: Scan) -> dict[str, Any]:
    """How often the network is right, or why that cannot be said of predictions that are there."""
    if "confusion" in found.names:
        all_ = found.confusion()
        if not all_.images:
            return {}
        return {"top1": all_.top1, "top5": all_.top5, "judged": all_.images, "unmatched": list(all_.unmatched)}
    return {"unjudged": unpredicted(found.ledger)} if "predictions" in found.names and found.ledger.classes else {}


def _left(found: Scan, output: Path, part: int, of: int) -> str:
    """Where everything is, or what is left to do."""
    done, all_ = found.evidence["shards"], found.ledger.shards
    if done == all_:
        return f"saved: {output}"
    own = len(range(part, all_, of))
    if done == own:
        return f"part {part}/{of} is done, {done} of {all_} shards; when all parts are: convscope merge {output}"
    return f"{own - done} of {own} shards are missing; the same command goes on from here"


def _told(found: Scan, left: str) -> str:
    told = _summary(found, Path())
    lines = [f"{told['network']} · {told['images']} images, {told['layers']} layers, {told['units']} units"]
    if told["images"]:
        lines.append(f"dead: {told['dead']} units; constant: {told['constant']}")
    if "top1" in told:
        right = f"{told['top1']:.1%} of {told['judged']} images, among the first five for {told['top5']:.1%}"
        some = told["unmatched"]
        but = f"; left out: {len(some)} classes that the network does not have, such as {some[0]}" if some else ""
        lines.append(f"the class is right for {right}{but}")
    if "unjudged" in told:
        lines.append(f"whether predictions are right is not known. {told['unjudged']}")
    if told["refused"]:
        lines.append(f"refused: {told['refused']} files")
        refused = found.table("images").filter(~found.table("images")["refused"].is_null().to_numpy())
        lines += [f"  {row['id']}: {row['refused']}" for row in refused.slice(0, 3).to_pylist()]
    return "\n".join([*lines, left])


def _text(table: Any) -> str:
    """The first rows of a table, in columns."""
    rows = [list(table.column_names), *([_cell(value) for value in row] for row in values(table.slice(0, _ROWS)))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = len(table) - _ROWS
    return "\n".join([*lines, *([f"… and {more} rows more: add a limit, or --json"] if more > 0 else [])])


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "–" if value is None else str(value)
