"""The report: one self-contained HTML file on what a network sees in images. It reads on paper and in the dark."""

from __future__ import annotations

import html
import os
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from ...base import progress
from ...base.errors import BadImage, CannotExport, ConvscopeError
from ...base.files import check_writable, write
from ...base.image import Image, ImageLike, open_image
from ...base.version import VERSION
from ...catalog.catalog import entry
from ...network.layer_choice import filter_layers, first_and_middle, last_at_each_size, rectified_at_each_size
from ...network.network import Network
from ...scan.pass_knobs import check_is_network
from ...scan.result import Scan, open_scan
from ...view.render.svg import data_uri
from .figure import figure
from .unit_section import what_drives_units

Figures: TypeAlias = tuple[tuple[str, dict[str, Any], dict[str, Any]], ...]  # technique, knobs, how it is drawn
_PLAIN: Figures = (
    ("saliency", {}, {"style": "absolute"}),
    ("guided_backprop", {}, {"style": "grey"}),
    ("deconvnet", {}, {"style": "grey"}),
)
_STEADY: Figures = (  # fewer samples than by default: a report should be ready in seconds
    ("smoothgrad", {"samples": 25}, {"style": "absolute"}),
    ("integrated_gradients", {"steps": 25, "limit": 100, "tolerance": 0.1}, {"style": "signed", "percentile": 99.0}),
    ("gradcam", {}, {"style": "over"}),
)
_STRONGEST = 2  # channels that are projected back
_CIRCUITS = 3  # images at most of which the circuit behind the class is drawn
_TILES = 310_000  # values of feature maps shown per layer and image: what keeps a report under 5 MB


def report(
    net: Network,
    images: ImageLike | Sequence[ImageLike],
    path: str | os.PathLike[str] = "report.html",
    *,
    scan: str | Path | Scan | None = None,
    open: bool = False,
) -> Path:
    """Write one self-contained HTML file on what a network sees in one image or several; returns its path.

    Figures that cannot be made say why in their place. With a `scan`, or its folder, also what drives units. `open`
    shows it in the browser, where there is a display. Raises CannotWrite before any work, BadImage, and BadScan for a
    scan of another network or one whose images are not at hand.
    """
    path = Path(path)
    check_is_network(net)
    check_writable(path)
    several = cast("Sequence[ImageLike]", images if isinstance(images, list | tuple) else [images])
    pictures = [open_image(one) for one in several]
    if not pictures:
        raise BadImage("images must be at least one image, not an empty list. Name one, such as sample:cat.")
    write_report(net, pictures, path, None if scan is None else open_scan(scan))
    if open:
        show(path)
    return path


def write_report(net: Network, images: Sequence[Image], path: Path, scan: Scan | None = None) -> int:
    """Write the report and return its size in bytes; with a scan, also what drives units.

    Raises BadScan for a scan of another network, or one whose images are not at hand.
    """
    sections = []
    total = 1 + len(images) + (scan is not None)
    for step, section in enumerate(_sections(net, images, scan), 1):
        sections.append(section)
        progress.report_progress(step, total)
    data = _page(net, sections).encode("utf-8", "backslashreplace")  # a file's name may be no UTF-8
    write(path, data)
    return len(data)


def show(path: Path) -> None:
    """Open a file in the browser, where there is a display."""
    browse(path.resolve().as_uri())


def browse(address: str) -> None:
    """Open an address in the browser, where there is a display."""
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def _sections(net: Network, images: Sequence[Image], scan: Scan | None) -> Iterator[str]:
    driven = what_drives_units(net, images, scan) if scan is not None else ""  # first: the scan may be unusable
    yield _architecture(net) + _filters(net)
    if driven:
        yield driven
    for image in images:
        yield _seen(net, image, len(images))


def _architecture(net: Network) -> str:
    rows = filter_layers(net)
    body = "".join(
        f"<tr><td><code>{html.escape(row.name)}</code><td>{row.kind}<td>{' × '.join(map(str, row.shape))}"
        f"<td class=n>{row.units}<td class=n>{count:,}"
        for row, count in rows
    )
    total = sum(parameter.numel() for parameter in net.module.parameters())
    name = html.escape(net.name)
    return f"""<section><h2>Architecture</h2>
<p>{total:,} parameters, {len(net.layers)} layers that can be looked at; the {len(rows)} with filters are below.
<code>convscope layers {html.escape(net.reference["reference"] or name)}</code> lists all.</p>
<div class=scroll><table><thead><tr><th>layer<th>kind<th>output<th class=n>units<th class=n>parameters</thead>
<tbody>{body}</tbody></table></div></section>"""


def _filters(net: Network) -> str:
    found = first_and_middle(net)
    keys = ("first_weights", "weights")
    figures = [figure(net, "weights", layer, caption=key) for key, layer in zip(keys, found, strict=False)]
    return f"<section><h2>Learned filters</h2>{''.join(figures)}</section>" if figures else ""


def _seen(net: Network, image: Image, images: int) -> str:
    name = html.escape(image.reference or "image")
    layers = rectified_at_each_size(net)
    captions = ["early_maps", *["middle_maps"] * (len(layers) - 2), "deep_maps"][: len(layers)]
    maps = [
        figure(net, "activations", image, layer, caption=key, view={"sort": "max", "top": _shown(net, layer, images)})
        for key, layer in zip(captions, layers, strict=True)
    ]
    predictions, unit = _predictions(net, image)
    parts = [f"<section class=image><h2>{name}</h2>{predictions}</section>"]
    if unit:
        raises = _row(net, _PLAIN, image, unit) + _row(net, _STEADY, image, unit)
        parts.append(f"<section><h2>What raises <code>{unit}</code> in {name}</h2>{raises}</section>")
        hidden = figure(net, "occlusion", image, unit, knobs={"precision": "bf16"}, view={"photo": False})
        parts.append(f"<section><h2>What hiding a part of {name} does</h2>{hidden}</section>")
        parts.append(_made_of(net, image, unit) if images <= _CIRCUITS else "")
    parts.append(f"<section><h2>Feature maps of {name}</h2>{''.join(maps)}{_projections(net, image, images)}</section>")
    return "".join(parts)


def _made_of(net: Network, image: Image, unit: str) -> str:
    """The circuit behind the class; nothing of a network whose graph cannot be found."""
    drawn = figure(net, "connections", image, unit, knobs={"draws": 5}, without=(CannotExport,))
    return f"<section><h2>What <code>{unit}</code> is made of</h2>{drawn}</section>" if drawn else ""


def _row(net: Network, figures: Figures, image: Image, unit: str) -> str:
    """Figures side by side."""
    drawn = [
        figure(net, name, image, unit, knobs=knobs, view={"photo": False, **view}) for name, knobs, view in figures
    ]
    return f"<div class=side>{''.join(drawn)}</div>"


def _projections(net: Network, image: Image, images: int) -> str:
    """The strongest channels of a layer in the middle, projected back; fewer where images are many."""
    layers = last_at_each_size(net)
    if not layers:
        return ""
    layer = layers[len(layers) // 2]
    try:
        peaks = entry("activations").function(net, image, layer).values.max((1, 2))
    except ConvscopeError:
        return ""  # the feature maps above say why
    units = [f"{layer}:{channel}" for channel in np.argsort(-peaks, kind="stable")[: max(0, _STRONGEST - images // 3)]]
    return "".join(figure(net, "project", image, unit, knobs={"rule": "guided", "top": 6}) for unit in units)


def _shown(net: Network, layer: str, images: int) -> int:
    """How many channels of a layer to show: up to three rows of eight, fewer where maps are large or images many."""
    _, height, width = net.layers[layer].shape
    fit = _TILES // images // (height * width)
    return 8 * min(3, fit // 8) if fit >= 8 else max(2, fit)


def _predictions(net: Network, image: Image) -> tuple[str, str]:
    """The photo beside the most probable classes, and the unit of the first; no unit where nothing is predicted."""
    photo = f'<img src="{data_uri(net.see(image), photo=True)}" alt="what the network sees">'
    try:
        found = net.predict(image)
    except ConvscopeError as error:
        return f"<div class=top>{photo}<p class=error>{html.escape(str(error))}</p></div>", ""
    rows = "".join(
        f"<tr><td>{html.escape(label)}<td class=n>{i}<td class=n>{p:.1%}"
        f'<td class=bar><i style="width:{100 * p:.1f}%"></i>'
        for label, i, p in found
    )
    table = (
        f"<table><thead><tr><th>class<th class=n>index<th class=n>probability<th></thead><tbody>{rows}</tbody></table>"
    )
    return f"<div class=top>{photo}{table}</div>", f"logits:{found[0][1]}"


def _page(net: Network, sections: Sequence[str]) -> str:
    style = Path(__file__).with_name("report.css").read_text("utf-8")
    name = html.escape(net.name)
    return f"""<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<meta name=color-scheme content="light dark"><title>{name} under the microscope</title><style>{style}</style></head>
<body><main><header><h1>{name} <small>under the microscope</small></h1>
<p>Made by convscope {VERSION}. Every figure names the line of Python that makes it, after
<code>import convscope as cs</code>. Colors: purple to yellow runs from zero up; blue to red is negative to positive,
with white at zero.</p></header>
{"".join(sections)}</main></body></html>
"""
