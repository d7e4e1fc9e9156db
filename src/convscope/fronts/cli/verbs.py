"""The verbs of the command line that are not techniques."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ...base.errors import CannotRerun
from ...base.files import check_writable, write
from ...base.image import open_image
from ...base.plain import to_json
from ...catalog.rerun import rerun
from ...contract.request import Request
from ...network.prediction import Predicted
from ...scan.result import open_scan
from ...view.encode.png import png, request_in
from ...zoo import zoo
from ..report.report import show, write_report
from .ends import say
from .options import DEVICE, JSON, WEIGHTS, fetched
from .progress_bar import progress


@click.command("layers")
@click.argument("network")
@click.option("--functions", is_flag=True, help="with what functions put out inside modules, such as relu@1")
@JSON
@WEIGHTS
@DEVICE
def layers_command(network: str, functions: bool, as_json: bool, weights: str, device: str) -> None:
    """List the layers of a network: name, kind, shape and number of units."""
    with progress("layers"):
        found = fetched(network, weights, device).layers
        table = found.with_functions if functions else found
    click.echo(to_json(table.rows(), indent=1) if as_json else repr(table))


@click.command("predict")
@click.argument("network")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--top", default=5, show_default=True, help="how many classes to name")
@JSON
@WEIGHTS
@DEVICE
def predict_command(network: str, images: tuple[str, ...], top: int, as_json: bool, weights: str, device: str) -> None:
    """Say what a network takes an image for, or each of several."""
    pictures = [open_image(image) for image in images]
    with progress("predict"):
        answers = fetched(network, weights, device).predict(pictures, top)
    found = list(zip(images, answers, strict=True))
    if as_json:
        told = [{"image": image, "classes": _classes(rows)} for image, rows in found]
        click.echo(to_json(told if len(images) > 1 else told[0]["classes"], indent=1))
        return
    blocks = [(image, "\n".join(f"{p:7.2%}  {i:>4}  {label}" for label, i, p in rows)) for image, rows in found]
    click.echo("\n\n".join(f"{image}\n{block}" if len(images) > 1 else block for image, block in blocks))


def _classes(rows: Sequence[Predicted]) -> list[dict[str, object]]:
    return [{"label": label, "index": index, "probability": p} for label, index, p in rows]


@click.command("report")
@click.argument("network")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True)
@click.option("--scan", "scanned", type=click.Path(path_type=Path), help="folder of a scan: adds what drives units")
@click.option("--open/--no-open", "opened", default=False, help="open it in a browser, if there is a display")
@JSON
@WEIGHTS
@DEVICE
def report_command(
    network: str,
    images: tuple[str, ...],
    output: Path,
    scanned: Path | None,
    opened: bool,
    as_json: bool,
    weights: str,
    device: str,
) -> None:
    """Write one self-contained HTML file on what a network sees in images."""
    check_writable(output)
    pictures = [open_image(image) for image in images]
    scan = None if scanned is None else open_scan(scanned)
    with progress("report"):
        net = fetched(network, weights, device)
        size = write_report(net, pictures, output, scan)
    told = {"output": str(output), "images": len(pictures), "bytes": size}
    click.echo(to_json(told) if as_json else f"saved: {output} ({size / 1e6:.1f} MB)")
    if opened:
        show(output)


@click.command("rerun")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="where to write it; left out, it is only compared"
)
@click.option("--image", help="where the image is now, if it moved")
@click.option("--network", help="the network, if it is your own: FILE.py:NAME; pictures are not trusted to run code")
@JSON
@DEVICE
def rerun_command(
    picture: Path, output: Path | None, image: str | None, network: str | None, as_json: bool, device: str
) -> None:
    """Make a picture again from the request it holds, and compare."""
    request = request_in(picture)
    if output is not None:
        check_writable(output)
    _tell_of_weights(picture, request, network)
    with progress("rerun"):
        data = png(rerun(request, picture.parent, image, device, network), **request.view)
    same = data == picture.read_bytes()
    if output is not None:
        write(output, data)
    told = {"picture": str(picture), "same_bytes": same, "output": None if output is None else str(output)}
    click.echo(to_json(told) if as_json else f"{picture}: {'the same bytes' if same else 'other bytes'}")
    if not same and output is None:
        raise CannotRerun(
            f"{picture} comes out differently here: it was changed, or made by another convscope (it says "
            f"{request.version}), by other versions of its libraries or on another machine. Write the new one with -o."
        )


def _tell_of_weights(picture: Path, request: Request, instead: str | None) -> None:
    """Say it where a picture, which may be anybody's, decides what is fetched from a hub."""
    net = request.subjects.get("net", {})
    if instead is None and zoo.fetches(net.get("reference", ""), net.get("weights", "default")):
        say(f"Note: {picture} asks for the weights of {net['reference']}, fetched from their hub if they are not here.")
