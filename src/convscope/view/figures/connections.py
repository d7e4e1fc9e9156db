"""Circuits to a view: columns of units with their maps, crops and numbers, and formulas as lines of print."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from pydantic import Field

from ...results.connections import Connections, Formula
from ..charts.circuit_chart import DrawnEdge, DrawnUnit, circuit
from ..panels.captions import named, note, title
from ..panels.parts import with_panel
from ..render.colormaps import colored
from ..render.fonts import font
from ..render.layout import DENSITY
from ..view import Panel, View, suited

_LONGEST = 18  # letters of a layer's name


def draw_connections(
    result: Connections,
    *,
    columns: Annotated[
        int, Field(ge=2, le=12, description="layers to draw, those nearest to the unit; the table has all of them")
    ] = 6,
) -> View:
    """Draw the units behind a unit, layer by layer, with what each gives to the next."""
    view = View(title(result, f"of {named(result)} = {result.value:.4g}"), (), {}, _said(result))
    if result.seen.size:
        view = with_panel(view, Panel("what it saw", "seen", side=112), result.seen[None])
    if not len(result.ends):
        return view
    there = sorted({*result.columns.tolist()})
    shown = there[-columns:]
    drawn = _drawn(result, shown)
    words = f"the last {len(shown)} of {len(there)} layers" if len(shown) < len(there) else f"all {len(there)} layers"
    panel = Panel(
        f"{words}: blue excites, red inhibits; under each unit its channel and what it gives to the unit by all ways",
        "circuit",
        side=max(drawn.shape[:2]) // DENSITY,
        exact=True,
    )
    return with_panel(view, panel, drawn[None])


def _drawn(result: Connections, shown: list[int]) -> NDArray[np.uint8]:
    of = {column: place for place, column in enumerate(shown)}
    numbers = [i for i, column in enumerate(result.columns.tolist()) if column in of]
    place = {number: i for i, number in enumerate(numbers)}
    units = [
        DrawnUnit(of[int(result.columns[i])], _words(result, i), _map(result, i), _crop(result, i)) for i in numbers
    ]
    edges = [
        DrawnEdge(place[a], place[b], float(value))
        for (a, b), value in zip(result.ends.tolist(), result.values, strict=True)
        if a in place and b in place
    ]
    return circuit([_head(result, column) for column in shown], units, edges)


def _head(result: Connections, column: int) -> str:
    """The layer of a column, and how far its numbers are explained by what is before it."""
    if column == 0:
        return "image"
    name = result.boxes[column - 1]
    inputs, output = (_number(float(result.numbers[column - 1, i])) for i in (0, 3))
    short = name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
    return f"{short}\nin {inputs}, out {output}"


def _words(result: Connections, number: int) -> str:
    channel = result.units[number].rpartition(":")[2]
    if result.columns[number] == 0 and len(result.seen):
        channel = {"0": "red", "1": "green", "2": "blue"}.get(channel, channel)
    return f"{channel} · {_number(float(result.flows[number]))}"


def _map(result: Connections, number: int) -> NDArray[np.uint8] | None:
    values = result.maps[number]
    return colored(values[None], suited(values))[0] if values.size else None


def _crop(result: Connections, number: int) -> NDArray[np.uint8] | None:
    crop = result.crops[number] if result.crops else None
    return None if crop is None or not crop.size else crop


def _number(value: float) -> str:
    return (f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %".replace("-", "−")


def _said(result: Connections) -> str:
    evidence = result.evidence
    bias, left = evidence.get("from_biases", 0.0), evidence.get("remainder", 0.0)
    told = f"the image gives {_number(evidence.get('from_the_image', 0.0))}, biases {_number(bias)}"
    words = [f"{told}, and {_number(left)} is the remainder"]
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
    return with_panel(View(about, (), {}, note(result)), panel, np.asarray(page)[None])
