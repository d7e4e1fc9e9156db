"""What the browser and the server say to one another about maps of images; see `messages.py`.

A map is asked for by the digest its result is kept under, and its images by their numbers: their place among
the points, from 0. No call of a map takes a path, and no header holds the ids of all images, which would be megabytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .messages import Asking, Id, Message

Coloring = Literal["prediction", "error", "split", "unit"]
Number = Annotated[int, Field(ge=0)]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1, max_length=100_000)]
_Picture = Literal[128, 256, 512, 1024]


class MapInfo(Message):
    """A map that is at hand, by its `digest`; `technique` is embed or evolution."""

    digest: Id
    technique: str
    title: str
    network: str
    layer: str


class Maps(Message):
    """Maps at hand: those given to the explorer, then those of jobs that are done, the newest first."""

    maps: tuple[MapInfo, ...]


class OfMap(Asking):
    """Which map, by the digest of a kept result of embed or evolution; asks for its MapHeader frame."""

    digest: Id


class ColoringInfo(Message):
    """What points can be colored by: `refused` says in one sentence why not, and what to do; empty where they can.

    `layers` are those whose units can be asked for, of `unit` alone.
    """

    by: Literal["class", "prediction", "error", "split", "unit"]
    refused: str = ""
    layers: tuple[str, ...] = ()


class AtlasInfo(Message):
    """The thumbnails: on page p the images of slots p · cells² to (p + 1) · cells² - 1, the same for every size.

    A page is a square of `cells` × `cells` thumbnails, row by row; `sizes` are the pixels of one, 64 at most, so a page
    has at most 2048 × 2048 pixels. `digest` is that of images and slots together: ask for pages with it, and keep pages
    under it. `refused` says why there are none; empty where there are.
    """

    digest: str
    pages: int
    cells: int
    sizes: tuple[int, ...]
    refused: str = ""


class MapHeader(Message):
    """Header of a map of n images in t networks: `snapshots` are their names, first to last, one for embed.

    Arrays: `points` (t, n, dims) float32; `classes` (n,) int32, numbers in the header's `classes`, -1 without; `order`
    (n,) int32, the numbers of the images in the order they are to be drawn; `slots` (n,) int32, the place of each image
    in the atlases; and of an evolution `displacement` (t - 1, n) float32, how far each image moves to the next map, in
    radii, once turning, scaling and shifting are taken off: what is less than twice `control.null_motion` is chance.

    `order` is nested: its first `levels[l]` are one image in each of those cells that hold any, where a square from the
    least x and y of the last map, as wide as it or as high, is cut into 2**l × 2**l cells; so zooming in only adds.
    `slots` follow it: the images of coarse levels are on the first pages, and on each page images that are near one
    another. `offered` is the name under which this session has the network of the map, empty where it has not; `metric`
    is that of the codes.
    """

    digest: Id
    technique: str
    network: str
    offered: str
    layer: str
    method: str
    metric: str
    images: int
    dims: int
    snapshots: tuple[str, ...]
    classes: tuple[str, ...]
    levels: tuple[int, ...]
    quality: dict[str, float | None]
    control: dict[str, Any]
    evidence: dict[str, Any]
    python: str
    colorings: tuple[ColoringInfo, ...]
    atlas: AtlasInfo


class MapGrid(Message):
    """Header of the grid: array `cells` (n, 2) int32, row and column of each image, every cell once.

    Near its point of the snapshot that was asked for. For 100,000 images it takes ten seconds once; then it is kept.
    """

    rows: int
    columns: int


class AskMapGrid(OfMap):
    """Asks for the grid of a map in two dimensions: a MapGrid frame. `snapshot` is a number, -1 the last."""

    snapshot: Annotated[int, Field(ge=-1)] = -1


class AskMapIds(OfMap):
    """Asks who some points are: their ids and classes, by their numbers. Answers with MapIds."""

    numbers: Annotated[tuple[Number, ...], Field(min_length=1, max_length=10_000)]


class MapIds(Message):
    """The ids of the images and the names of their classes, empty without, in the order of the numbers asked for."""

    ids: tuple[str, ...]
    classes: tuple[str, ...]


class AskMapSearch(OfMap):
    """Asks which images have a text in their id or class, whatever its case: a MapFound frame."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    limit: Annotated[int, Field(ge=1, le=100_000)] = 1000


class MapFound(Message):
    """Header of what was found: array `numbers` (m,) int32, at most `limit` of `count`: first whole ids and classes."""

    count: int


class AskMapColors(OfMap):
    """Asks for the colors of points: a MapColors frame. `layer` and `channel` are of `unit` alone."""

    by: Coloring
    layer: Annotated[str, Field(max_length=200)] = ""
    channel: Number = 0


class MapColors(Message):
    """Header of colors: array `codes` (n,) int32, numbers in `names`, -1 where unknown; or of a unit `values` (n,)
    float32, NaN where unknown, from `low` to `high`. `about` says where they come from, `unknown` how many are.
    """

    by: Coloring
    names: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unknown: int = 0
    about: str = ""


class AskMapAtlas(OfMap):
    """Asks for a page of thumbnails: a MapAtlas frame. `atlas` is the digest the map's header has for them.

    The first time its 1,024 images are decoded; then all sizes are kept. Ask for few pages at once, the coarsest first:
    each request holds one of the server's eight threads.
    """

    atlas: Id
    size: Literal[16, 32, 64]
    page: Number


class MapAtlas(Message):
    """Header of a page: array `webp` (bytes,) uint8, a WebP picture; `missing` are slots whose image cannot be read."""

    page: int
    size: int
    missing: tuple[int, ...] = ()


class OfMapImage(OfMap):
    """Which image of a map. Asks to have it at hand, as an upload would be: its ImageInfo, `name` its id."""

    number: Number


class AskMapPicture(OfMapImage):
    """Asks for an image to show large, its longest side at most `side` pixels: a MapPicture frame."""

    side: _Picture = 256


class MapPicture(Message):
    """Header of an image of a map: array `webp` (bytes,) uint8; `width` and `height` are the image's own."""

    number: int
    id: str
    label: str
    width: int
    height: int


class AskMapNeighbors(OfMapImage):
    """Asks which images are near one: MapNeighbors. `snapshot` is the map to look at, -1 the last."""

    count: Annotated[int, Field(ge=1, le=100)] = 10
    snapshot: Annotated[int, Field(ge=-1)] = -1


class MapNeighbor(Message):
    """An image near another: how far on the map, and in the layer, None where codes are not at hand."""

    number: int
    id: str
    label: str
    on_map: float
    in_layer: float | None


class MapNeighbors(Message):
    """The nearest on the map and in the layer, nearest first. `metric` is that of the layer; `shared` are in both.

    `refused` says why there are none in the layer; empty where there are.
    """

    number: int
    id: str
    label: str
    metric: str
    on_map: tuple[MapNeighbor, ...]
    in_layer: tuple[MapNeighbor, ...]
    shared: int
    refused: str = ""


class AskMapSelection(OfMap):
    """Asks for a text that stands for some images of a map: MapSelection. A technique's subject may be that text."""

    numbers: Numbers


class MapSelection(Message):
    """A selection of images, kept: `selection` is the text that a technique's subject is asked with.

    `source` is what its images are asked for with, empty where they are those that are looked at anyway.
    """

    selection: str
    source: str
    images: int
