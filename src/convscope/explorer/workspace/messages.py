"""What the browser and the server say to one another. `web/src/schema.ts` is made from these models.

Requests are JSON. Answers that hold arrays are frames (`frame.py`): a header, one of these models, and raw arrays.
Coordinates are pixels of the picture the network sees; the last two of a box are exclusive.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256: of an image's pixels, or of a request
Pixel = Annotated[int, Field(ge=0, le=8192)]
State = Literal["queued", "running", "done", "failed", "cancelled"]


class Message(BaseModel):
    """One message; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerInfo(Message):
    """A layer of a network: `inputs` are the layers of the table whose outputs it reads; `map`: it has places."""

    name: str
    kind: str
    shape: tuple[int, ...]
    units: int
    map: bool
    inputs: tuple[str, ...]


class NetworkInfo(Message):
    """A network; `python` is the expression that loads it, `start` the layer to show first."""

    name: str
    title: str
    size: tuple[int, int]
    channels: int
    classifies: bool
    labels: tuple[str, ...]
    layers: tuple[LayerInfo, ...]
    start: str
    python: str
    digest: str


class ImageInfo(Message):
    """An image at hand; `reference` is what the library can open it by, empty for one that came from the browser."""

    id: Id
    name: str
    width: int
    height: int
    reference: str


class TechniqueInfo(Message):
    """A technique of the catalog: its subjects after the network, and JSON Schemas of its knobs and its picture's.

    `result` is the kind of its result, such as Adversarial.
    """

    name: str
    summary: str
    subjects: tuple[str, ...]
    knobs: dict[str, dict[str, Any]]
    view: dict[str, dict[str, Any]]
    resumes: bool
    result: str


class ScanInfo(Message):
    """The scan at hand."""

    folder: str
    images: int
    layers: tuple[str, ...]


class Limits(Message):
    """What the server takes."""

    body: int
    pixels: int
    queue: int


class Session(Message):
    """Everything the page needs to begin: no network, where it is for the `runs` of training alone."""

    version: str
    network: NetworkInfo | None
    networks: tuple[str, ...]
    images: tuple[ImageInfo, ...]
    techniques: tuple[TechniqueInfo, ...]
    scan: ScanInfo | None
    limits: Limits
    runs: int


class Box(Message):
    """A rectangle of the picture the network sees."""

    top: Pixel
    left: Pixel
    bottom: Pixel
    right: Pixel


Choices = Annotated[dict[Name, Any], Field(max_length=64)]  # knobs, or choices of a picture, by name


class Asking(Message):
    """What the page sends: fields that have a default may be left out."""


class OfJob(Asking):
    """Which job."""

    id: Annotated[str, Field(min_length=1, max_length=100)]


class OfResult(Asking):
    """Which kept result. Asks for its Answer, ResultSummary or UnitChanges, or to have the picture it made at hand."""

    digest: Id


Hidden = Annotated[tuple[Box, ...], Field(max_length=64)]  # from the network


class OfNetwork(Asking):
    """Which network; asks for its NetworkInfo."""

    network: Name


class OfLayer(OfNetwork):
    """Which layer. Asks for what its neurons see: a Fields frame."""

    layer: Name


class Look(OfLayer):
    """Asks for a layer's maps of an image, pooled to tiles of `side`: a Looked frame. `hidden` boxes become grey.

    With `traced`, the address of a unit, the maps are that unit's gradient with respect to the layer's output.
    """

    image: Id
    side: Annotated[int, Field(ge=4, le=112)] = 56
    hidden: Hidden = ()
    reach: bool = False
    traced: Annotated[str, Field(max_length=300)] = ""


class ClassScore(Message):
    """A class, its probability and its score."""

    index: int
    label: str
    probability: float
    score: float


class Looked(Message):
    """Header of a Look: arrays `tiles` (C, h, w) uint8, and `low`, `high`, `mean` (C,) float32.

    A tile's value is low + tile / 255 · (high - low), its own channel's. `shape` is the layer's for this image;
    `explained` says, for a layer without maps, why its tiles are single cells. `reach` are the lowest and highest value
    of all layers together, where it was asked for.
    """

    layer: str
    shape: tuple[int, ...]
    classes: tuple[ClassScore, ...]
    explained: str = ""
    reach: tuple[float, float] | None = None
    python: str = ""


class LookUnit(OfLayer):
    """Asks for the whole map of one channel: an UnitLooked frame."""

    image: Id
    channel: Annotated[int, Field(ge=0)]
    hidden: Hidden = ()


class UnitLooked(Message):
    """Header of a LookUnit: array `map` (h, w) float32, (1, 1) where the layer has no places."""

    unit: str
    low: float
    high: float
    mean: float
    zeros: float
    rank: int
    python: str


class Fields(Message):
    """Header of the windows that the neurons of a layer see: arrays `rows` (h, 2) and `columns` (w, 2) int32."""

    layer: str
    status: Literal["exact", "upper bound", "whole input"]


class Ask(OfNetwork):
    """A technique and its subjects by name: `image` and `content` are ids, `style` ids with ; between them, `unit` and
    `layer` addresses; `scan` is left out.
    """

    technique: Name
    subjects: Annotated[dict[Name, Annotated[str, Field(max_length=2000)]], Field(max_length=8)] = {}
    knobs: Choices = {}
    view: Choices = {}


class Answer(Message):
    """Header of a result: `spec` is its View; the arrays are the view's. `python` makes it again."""

    digest: Id
    technique: str
    unit: str
    spec: dict[str, Any]
    evidence: dict[str, Any]
    python: str


class ResultSummary(Message):
    """What a kept result says in words and numbers: all but its arrays."""

    summary: dict[str, Any]


class UnitChanges(Message):
    """Header of a kept result of flipped_units: arrays `difference` and `control` (units,) float32.

    All units of the `layers` stand side by side, with `edges` (n + 1,) int32 between these. Differences are in spreads
    over `reference`, and `control` is their root mean square over `draws` of noise; NaN for units without a measure.
    """

    layers: tuple[str, ...]
    reference: str
    draws: int


class Job(Message):
    """A job in the queue; `eta` in seconds, `artifact` the digest its result is kept under, once it is done."""

    id: str
    technique: str
    title: str
    network: str
    subjects: dict[str, str]
    knobs: dict[str, Any]
    state: State
    step: int
    total: int
    eta: float | None
    error: str
    created: float
    artifact: Id
    resumable: bool
    partial: bool


class Jobs(Message):
    """All jobs, the newest first."""

    jobs: tuple[Job, ...]


class AskScan(OfNetwork):
    """Scan images at hand, by their ids; none means the images the explorer was started with. Answers with a Job."""

    images: Annotated[tuple[Id, ...], Field(max_length=10_000)] = ()
    layers: Annotated[tuple[Name, ...], Field(max_length=2_000)] = ()


class Statistics(Message):
    """Header of a layer's numbers in the scan: arrays `max`, `mean`, `fraction`, `selectivity` (C,) float32."""

    layer: str
    images: int


class OfUnit(OfLayer):
    """Which channel."""

    channel: Annotated[int, Field(ge=0)]


class Histogram(Message):
    """Header of a unit's histogram in the scan: arrays `edges` (n + 1,) float32 and `counts` (n,) float32."""

    unit: str
    statistics: dict[str, Any]
    dead: bool


class AskConfusion(OfNetwork):
    """Asks what the images of the scan are taken for, and for those of one cell by the numbers of its classes."""

    true: Annotated[int, Field(ge=-1)] = -1
    predicted: Annotated[int, Field(ge=-1)] = -1


class ConfusedCell(Message):
    """How many images of a class are taken for another: numbers and labels of both."""

    true: int
    predicted: int
    label: str
    taken_for: str
    images: int


class Confused(Message):
    """The most frequent mistakes first, the shares that are right, and the first images of the cell asked for.

    `unmatched` are classes of the images that the network does not have; their images count for nothing here.
    """

    images: int
    top1: float
    top5: float
    unmatched: tuple[str, ...]
    cells: tuple[ConfusedCell, ...]
    shown: tuple[ImageInfo, ...]


class AskGallery(OfLayer):
    """Asks for those synthesized pictures of a layer's channels that are there already: a Gallery frame."""

    knobs: Choices = {}


class Gallery(Message):
    """Header of a gallery: arrays `pictures` (n, s, s, 3) uint8 and `channels` (n,) int32."""

    layer: str
    units: int


class JobEvent(Message):
    """What the socket says of a job; `preview` is a data URL of a picture so far, where there is a new one."""

    kind: Literal["job"] = "job"
    job: Job
    preview: str = ""


class ScanEvent(Message):
    """A scan is at hand now."""

    kind: Literal["scan"] = "scan"
    scan: ScanInfo


class Problem(Message):
    """Why something was refused: `kind` is the error's name, such as BadKnob."""

    error: str
    kind: str
