"""What the browser and the server say to one another about a network in space; see `messages.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .messages import Box, ClassScore, Hidden, Id, Message, Name, OfLayer, OfNetwork


class AskSpace(OfNetwork):
    """Asks where the layers lie: those that only pass on in the plane of another, or each in its own with `every`."""

    every: bool = False


class PlaneInfo(Message):
    """A layer in space: its middle and size, and how its tiles are arranged.

    `joined` are all layers of the plane, which shows the values of `layer`.
    """

    layer: str
    kind: str
    joined: tuple[str, ...]
    shape: tuple[int, ...]
    level: int
    lane: int
    along: float
    across: float
    width: float
    height: float
    columns: int
    rows: int


class WireInfo(Message):
    """From a plane to one that reads it, both by number; `points` are along, across and up, in space."""

    source: int
    target: int
    skips: bool
    points: tuple[tuple[float, float, float], ...]


class Space(Message):
    """A network in space; `told` says where it is not the executed graph."""

    network: str
    planes: tuple[PlaneInfo, ...]
    wires: tuple[WireInfo, ...]
    told: str = ""


class AskSpaceTiles(OfNetwork):
    """Asks for the maps of some layers for an image, by one forward: a SpaceTiles frame.

    No tile is longer than `side`, and no plane than `most` pixels.
    """

    layers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=4000)]
    image: Id
    side: Annotated[int, Field(ge=1, le=112)] = 56
    most: Annotated[int, Field(ge=64, le=2048)] = 512
    hidden: Hidden = ()


class PlaneTiles(Message):
    """The tiles of a layer, `width` × `height` pixels each and `columns` × `rows` of them, row by row as one picture.

    It begins at byte `start`. Byte 0 is `low` and 255 `high`, the same for all its channels; unused cells are 0.
    """

    layer: str
    start: int
    width: int
    height: int
    columns: int
    rows: int
    low: float
    high: float


class SpaceTiles(Message):
    """Header of tiles: array `pixels` (n,) uint8, all planes behind one another."""

    image: Id
    planes: tuple[PlaneTiles, ...]
    classes: tuple[ClassScore, ...]


class AskNeuron(OfLayer):
    """Asks for the numbers behind a neuron, a NeuronTerms frame: without a `place` (y, x), its channel's strongest."""

    image: Id
    channel: Annotated[int, Field(ge=0)]
    place: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None
    top: Annotated[int, Field(ge=1, le=32)] = 8


class Edge(Message):
    """What a channel gives to a neuron: the sum of `count` products of weight and input."""

    layer: str
    channel: int
    value: float
    count: int


class NeuronTerms(Message):
    """Header of a neuron: its strongest `edges`, and arrays `weights`, `inputs` and `products` (n, h, w) float32.

    They hold the numbers of each edge, NaN where there is none. All products, those of the `others` channels together
    being `rest`, with `bias` and `remainder`, add up to `total`, of which `function` makes `activation`. `box` is what
    the neuron sees of the picture.
    """

    unit: str
    label: str
    edges: tuple[Edge, ...]
    rest: float
    others: int
    bias: float
    remainder: float
    total: float
    function: str
    activation: float
    box: Box
    python: str
