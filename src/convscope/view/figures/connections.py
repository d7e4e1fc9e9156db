"""Circuits to a view: columns of units with their maps, crops and numbers, and formulas as lines of print."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from pydantic import Field

from ...results.connections import Connections, Formula
from ..charts.circuit_chart import circuit
from ..charts.circuit_layout import CircuitLayout, DrawnEdge, DrawnUnit, circuit_layout
from ..charts.circuit_svg import circuit_svg
from ..panels.captions import named, note, title
from ..panels.parts import with_panel
from ..render.colormaps import colored
from ..render.fonts import font
from ..render.layout import DENSITY
from ..view import Panel, View, suited

_ROWS = 16  # of a kernel that are printed


def draw_connections(
    result: Connections,
    *,
    columns: Annotated[
        int, Field(ge=2, le=12, description="layers to draw, those nearest to the unit; the table has all of them")
    ] = 6,
) -> View:
    """Draw the units behind a unit, layer by layer, with what each gives to the next."""
    value = f"{result.value:.4g}" if abs(result.value) < 1e4 else f"{result.value:.0f}"
    view = View(title(result, f"of {named(result)} = {value}"), (), {}, _said(result))
    if result.seen.size:
        view = with_panel(view, Panel("what it saw", "seen", side=112), result.seen[None])
    if not len(result.ends):
        return view
    there = sorted({*result.columns.tolist()})
    shown = there[-columns:]
    layout = drawn_circuit(result, shown)
    drawn = circuit(layout)
    words = f"the last {len(shown)} of {len(there)} layers" if len(shown) < len(there) else f"all {len(there)} layers"
    panel = Panel(
        f"{words}: red excites, blue inhibits; under each unit its channel and what it gives to the unit by all ways",
        "circuit",
        side=max(drawn.shape[:2]) // DENSITY,
        exact=True,
        vector=circuit_svg(layout),
    )
    return with_panel(view, panel, drawn[None])


def drawn_circuit(result: Connections, shown: list[int]) -> CircuitLayout:
    """Everything of some columns of a circuit at its place."""
    of = {column: place for place, column in enumerate(shown)}
    numbers = [i for i, column in enumerate(result.columns.tolist()) if column in of]
    place = {number: i for i, number in enumerate(numbers)}
    units = [_unit(result, i, of[int(result.columns[i])]) for i in numbers]
    edges = [
        DrawnEdge(place[a], place[b], float(value), signed(float(value)), _edge(result, i))
        for i, ((a, b), value) in enumerate(zip(result.ends.tolist(), result.values, strict=True))
        if a in place and b in place
    ]
    return circuit_layout([_head(result, column) for column in shown], units, edges)


def _head(result: Connections, column: int) -> str:
    """The layer of a column, and how far its numbers are explained by what is before it."""
    if column == 0:
        return "image"
    inputs, output = (short_number(float(result.numbers[column - 1, i])) for i in (0, 3))
    return f"{result.boxes[column - 1]}\nin {inputs}\nout {output}"


def _unit(result: Connections, i: int, column: int) -> DrawnUnit:
    address, flow = result.units[i], float(result.flows[i])
    channel, values = address.rpartition(":")[2], result.maps[i]
    if result.columns[i] == 0 and len(result.seen):
        channel = {"0": "red", "1": "green", "2": "blue"}.get(channel, channel)
    given = f"gives {flow:+.6g} to {result.unit} by all ways" if address != str(result.unit) else f"is {flow:.6g}"
    about = f"{address}\n{given}"
    if values.size:
        about += f"\nmap of {values.shape[0]} × {values.shape[1]}, from {values.min():.4g} to {values.max():.4g}"
    pictures = (_map(result, i), _crop(result, i)) if result.crops else (_map(result, i),)
    return DrawnUnit(column, address, (channel, signed(flow)), about.replace("-", "−"), pictures)


def _edge(result: Connections, i: int) -> str:
    """How an edge comes about: the kernel, the slope along it, and their products."""
    source, target = (result.units[number] for number in result.ends[i].tolist())
    value, (kernel, slope) = float(result.values[i]), result.kernels[i]
    first = f"{source} → {target}: {value:+.6g}"
    if not kernel.size:
        return f"{first}\nΣ activation × slope along it: no kernel lies between".replace("-", "−")
    products = kernel * slope
    if kernel.size == 1:
        one = f"weight {kernel.item():+.6g} × slope {slope.item():+.6g} = {products.item():+.6g}"
        return f"{first}\n{one}".replace("-", "−")
    parts = [("kernel", kernel), ("× slope along it", slope), ("= products", products)]
    tables = "\n".join(f"{name}\n{_table(numbers)}" for name, numbers in parts)
    return f"{first}\n{tables}\nsum {products.sum():+.6g}".replace("-", "−")


def _table(numbers: NDArray[np.float64]) -> str:
    """A few numbers in rows; those of a long row eight a line."""
    rows = numbers if len(numbers) > 1 else [numbers[0][i : i + 8] for i in range(0, numbers.shape[1], 8)]
    return "\n".join(" ".join(f"{value:+.3g}" for value in row) for row in rows[:_ROWS])


def _map(result: Connections, number: int) -> NDArray[np.uint8] | None:
    values = result.maps[number]
    return colored(values[None], suited(values))[0] if values.size else None


def _crop(result: Connections, number: int) -> NDArray[np.uint8] | None:
    crop = result.crops[number] if result.crops else None
    return None if crop is None or not crop.size else crop


def short_number(value: float) -> str:
    """A number in at most five characters and a sign."""
    for least, size, letter in ((999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    short = f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 0.01 else f"{value:.3g}"
    return short.replace("-", "−")


def signed(value: float) -> str:
    """The same with its sign."""
    return ("+" if value >= 0 else "") + short_number(value)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %".replace("-", "−")


def _said(result: Connections) -> str:
    evidence = result.evidence
    bias, left = evidence.get("from_biases", 0.0), evidence.get("remainder", 0.0)
    told = f"the image gives {short_number(evidence.get('from_the_image', 0.0))}, biases {short_number(bias)}"
    words = [f"{told}, and {short_number(left)} is the remainder"]
    if len(result.random):
        mean, high = (_share(float(value)) for value in (result.random.mean(), result.random.max()))
        chance = f"{mean} with as many units by chance (at most {high})"
        rest = f"with all other units at the mean of {evidence['mean_of']}"
        words.append(f"{rest} {_share(result.kept)} of the unit is left, {chance}")
    return "; ".join([*words, note(result)]).rstrip("; ")


def draw_formula(
    result: Formula,
    *,
    size: Annotated[int, Field(ge=8, le=24, description="of the letters")] = 12,
) -> View:
    """Print the numbers that add up to a neuron's activation."""
    lines = result.text.replace("-", "−").split("\n")
    letters = font(size)
    wide = round(max(letters.getlength(line) for line in lines)) + 8 * DENSITY
    step = round(size * 1.5) * DENSITY
    page = PIL.Image.new("RGB", (wide + wide % 2, step * len(lines)), "white")
    pen = PIL.ImageDraw.Draw(page)
    for i, line in enumerate(lines):
        pen.text((0, step * i), line, fill="#1a1a1a", font=letters)
    panel = Panel("", "formula", side=max(page.size) // DENSITY, exact=True)
    about = title(result, f"of {named(result)} = {result.activation:.6g}")
    more = (
        {"map": result.map, "kernel": result.kernel} if result.map.size else {}
    )  # for a page to move one over the other
    return with_panel(View(about, (), more, note(result)), panel, np.asarray(page)[None])
