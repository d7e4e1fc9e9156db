"""What the browser and the server say to one another about trainings that are recorded; see `messages.py`.

A run is a record at hand, by its place in the order in which they were given. No call takes a path, and no command is
more than a word and a number.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...training.live.commands import Setting
from .messages import Asking, Id, Message

LoopState = Literal["running", "paused", "ended", "silent"]
RunNumber = Annotated[int, Field(ge=0, le=99)]


class RunInfo(Message):
    """A recorded training at hand; `folder` is where its record lies."""

    name: str
    folder: str


class Runs(Message):
    """The runs at hand, in the order in which they were given."""

    runs: tuple[RunInfo, ...]


class OfRun(Asking):
    """Which run."""

    run: RunNumber


class GroupSettings(Message):
    """A parameter group: its optimizer, how many weights, and its settings, null for one that it does not have."""

    optimizer: str
    weights: int
    learning_rate: float | None
    momentum: float | None
    weight_decay: float | None


class RunLoop(Message):
    """How the loop stands. `silent`: it says nothing, and `said` why that may be.

    `age` is how long ago it last said something, in seconds; `refusal` why it takes no commands, and `untested` why it
    is shown no new pictures, empty where it does. `forward` and `backward` are milliseconds of one step, `batch` images
    a step, `share` what being watched costs of the loop's time, all null where it is not measured yet.
    """

    state: LoopState
    said: str
    age: float | None
    refusal: str
    untested: str
    groups: tuple[GroupSettings, ...]
    forward: float | None
    backward: float | None
    batch: int | None
    share: float | None


class RunEvent(Message):
    """Something that happened: at which step it began, and at which it was noticed, of a layer or of all."""

    step: int
    noticed: int
    layer: str
    what: str
    why: str


class RunLayer(Message):
    """A layer: its module's kind, and the shape of its weights, empty without."""

    name: str
    kind: str
    weights: tuple[int, ...]


class AskCurves(OfRun):
    """Asks for a RunCurves frame: of the steps after `since`, -1 for all, and of the looks after `looked`.

    `session` is the one the page knows; where another has begun, everything is sent again.
    """

    since: Annotated[int, Field(ge=-1)] = -1
    looked: Annotated[int, Field(ge=-1)] = -1
    session: int = -1


class RunCurves(Message):
    """Header of how a training went: arrays `steps` (n,) int32, `time` (n,) float32, seconds since its first step, and
    `metric0`, `metric1`, … (n,) float32, those of `metrics`, NaN where there is none.

    `looks` (k,) int32 are steps that were looked at, with `update_ratio`, `gradient_norm` and `dead`, the share of dead
    channels, (k, layers) float32. `snapshots` are steps whose maps and weights are kept; `probe_steps` (p,) int32 those
    of the probe's answers, with `probe_loss` and `probe_accuracy` (p,) float32, where its classes are known. Steps are
    thinned to at most 20,000: each point is then the mean of `every`.
    `whole`: everything is sent, not only what is new.
    """

    session: int
    module: str
    whole: bool
    every: int
    metrics: tuple[str, ...]
    layers: tuple[RunLayer, ...]
    snapshots: tuple[int, ...]
    events: tuple[RunEvent, ...]
    step: int
    loop: RunLoop


class AskRunLook(OfRun):
    """Asks for a RunLook frame: of the kept snapshot nearest to a step, or of what there is now, with -1."""

    step: Annotated[int, Field(ge=-1)] = -1


class RunTiles(Message):
    """Tiles of one kind of one layer, in the array of the number `array`: (n, h, w) or, in color, (n, 3, h, w) uint8.

    A byte's value is low + byte / 255 · (high - low). `least` and `most` are those of all that is shown, `rows` how
    many tiles stand in a row, 0 for any number; `shape` is what is shown of the whole.
    """

    kind: Literal["maps", "map_gradients", "weights", "weight_gradients"]
    layer: str
    array: int
    low: float
    high: float
    least: float
    most: float
    color: bool
    rows: int
    shape: tuple[int, ...]


class Guess(Message):
    """A class that a picture is taken for, and its probability."""

    label: str
    index: int
    probability: float


class Guessed(Message):
    """What a picture is taken for, best first; `label` and `index` are its own, empty and -1 where unknown."""

    label: str
    index: int
    guesses: tuple[Guess, ...]


class RunLook(Message):
    """Header of what a network looked like at a step: `tiles` of its layers, and what it took the probe for.

    Array `pictures` (n, h, w, 3) uint8: those, stretched to the range of all of them. `live`: it is that of a loop that
    runs, kept nowhere else. `why` says what there is not.
    """

    step: int
    live: bool
    tiles: tuple[RunTiles, ...]
    guessed: tuple[Guessed, ...]
    gradient_of: str
    why: str


class AskCommand(OfRun):
    """Asks a loop to pause, to resume, to take some steps and pause again, or to set a number of a group, null: all."""

    does: Literal["pause", "resume", "step", "set"]
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    group: Annotated[int, Field(ge=0, le=100_000)] | None = None
    name: Setting | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None


class CommandTold(Message):
    """What became of a command, in a sentence."""

    told: str


class AskGuess(OfRun):
    """Asks what the network, as it is now, takes an image at hand for. Answers with Guessed."""

    image: Id
