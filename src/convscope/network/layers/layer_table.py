"""How the layer table is found: one recorded forward of two pictures, in which every module is watched."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...base.errors import ForwardFailed
from ..axes.axes import Arrangement, Axes, arrangement, axis
from ..axes.recording import Recording
from ..isolation.frozen import frozen
from ..isolation.parts import unwrap
from ..isolation.running import output_tensor, plainly
from ..isolation.user_hooks import hooks_of, observe
from . import taps
from .exported import flattened
from .functions import Functions, Hook, called, computes
from .layers import NOT_RUN, Layer, Layers, Layout, listed
from .probabilities import Scores, kind_of_scores

if TYPE_CHECKING:
    from ..network import Network

_ENDS = ("input", "logits", "probs")


@dataclass(frozen=True)
class Table:
    """The layers of a network, how its class scores become probabilities, and which layers mix images, once known.

    `stateful` is whether a forward changes attributes, buffers or weights of the module's own; `watching` numbers the
    user's hooks that change nothing.
    """

    layers: Layers
    scores: Scores
    stateful: bool = False
    watching: frozenset[int] = frozenset()
    mixing: dict[str, bool] = field(default_factory=dict)


def layer_table(net: Network, functions: bool = False) -> Table:
    """The table of a network, with what `functions` put out where that is asked for.

    Raises ForwardFailed where its module fails before any layer has put out something.
    Two pictures show which axis is the images'; a module that takes only one at a time is shown one.
    """
    seen = np.random.default_rng(0).integers(0, 256, (2, *net.preprocessing.size, 3), dtype=np.uint8)
    seen[0] = 128
    pictures = torch.cat([net.feed(picture) for picture in seen])
    both = _Watched(net, pictures, functions)
    if both.scored:
        return both.table()
    one = _Watched(net, pictures[:1], functions)
    if one.scored and (both.failure or one.output_axes > 1):
        return one.table()
    both.failure = (both.failure and one.failure) or both.failure  # that of one picture has nothing to do with batches
    return both.table()


class _Watched:
    """One forward, with a hook on every module, or every call of a function too, that notes its output."""

    def __init__(self, net: Network, x: Tensor, functions: bool) -> None:
        self.net, self.x, self.functions, self.failure = net, x, functions, None
        self.rows: dict[str, Layer] = {}
        self.missing: dict[str, str] = {}
        self.order: list[str] = []
        self.recording, self.output = Recording(x), None
        self._aspect = x.shape[2] / x.shape[3]
        module = unwrap(net.module)
        names = [name for name, _ in module.named_modules() if name]
        try:
            with torch.no_grad(), Functions(module, self._watch_call) if functions else nullcontext():
                self.output = taps.hooked(module, x, {name: self._watch(name) for name in names}, self._run)
        except ForwardFailed as error:
            self.failure = error

    failure: ForwardFailed | None
    output: Any
    stateful = False
    watching: frozenset[int] = frozenset()

    @property
    def scored(self) -> bool:
        """Whether the forward ended in class scores for each of the pictures."""
        try:
            return self._logits() is not None
        except ForwardFailed:
            return False

    @property
    def output_axes(self) -> int:
        """How many axes the class scores have: fewer than two are one number, perhaps of all pictures together."""
        return output_tensor(self.output, self.net.output).ndim

    def table(self) -> Table:
        """What was found."""
        net, module = self.net, unwrap(self.net.module)
        rows = [row for name, row in self.rows.items() if name not in _ENDS]
        if self.failure is not None and not rows:
            raise self.failure
        ends = [Layer("input", "input", tuple(self.x.shape[1:]), "NCHW", node=0)]
        scores, logits = Scores.SOFTMAX, None
        try:
            logits = self._logits()
            if len(logits.shape) == 1:
                scores = kind_of_scores(self.recording, output_tensor(self.output, net.output), logits.units == 1)
        except ForwardFailed as error:
            if not rows:
                raise
            self.missing["logits"] = str(error)
        missing = {**_unseen(module, {*self.rows, *self.missing}), **self.missing}
        table = [*ends, *rows, *([logits] if logits else [])]
        find = None if self.functions else partial(_with_functions, net)
        layers = Layers(net.name, table, missing, self.recording.parents, self.order, self.failure, find)
        return Table(layers, scores, self.stateful, self.watching)

    def _run(self, module: nn.Module, x: Tensor) -> Any:
        with frozen(module, wholly=True) as changes:
            changing = observe(module)
            with self.recording:
                found = plainly(module, x)
        self.stateful, self.watching = changes.state, frozenset(hooks_of(module)) - changing
        return found

    def _watch(self, name: str) -> Hook:
        def record(module: nn.Module, _inputs: object, output: Any) -> None:
            self._note(name, self._row(name, type(module).__name__, output, module), output)

        return record

    def _watch_call(self, address: str) -> Hook | None:
        function = called(address)
        if not computes(function):
            return None

        def record(module: nn.Module, _given: object, output: Tensor) -> None:
            of_the_image = self.recording.node(output) is not None and output.dtype.is_floating_point
            if of_the_image and not type(module).__module__.startswith(_READY_MADE):
                self._note(address, self._row(address, function, output), output)

        return record

    def _note(self, name: str, row: Layer | None, output: Any) -> None:
        self.order = [*(other for other in self.order if other != name), name]
        if row is None:
            self.missing[name] = self._why(output)
            return
        calls = self.rows.pop(name).calls + 1 if name in self.rows else 1
        self.rows[name] = replace(row, calls=calls)
        self.missing.pop(name, None)

    def _row(self, name: str, kind: str, output: Any, module: nn.Module | None = None) -> Layer | None:
        """The row for one output; None where it is neither a vector nor maps for each image."""
        if not listed(output):
            return None
        axes, node = self._axes(output), self.recording.node(output)
        whole = output.shape[0] == len(self.x) and (axes is None or all(factor.kind == "n" for factor in axes[0]))
        if output.ndim == 2:
            return Layer(name, kind, tuple(output.shape[1:]), "NC", node=node) if whole else None
        how = None if axes is None else arrangement(axes, len(self.x))
        if how is not None and axes is not None:
            known = _layout(how, axes, output)
            note = _note(how, output, len(self.x), known)
            return Layer(name, kind, how.shape, known, 1, note, how if known == "folded" else None, node)
        layout = self._guess(output, axes, module) if output.ndim == 4 and whole else None
        if layout is None:
            return None
        shape = tuple(output.shape[1:])
        return Layer(name, kind, shape if layout == "NCHW" else (shape[-1], *shape[:-1]), layout, node=node)

    def _axes(self, output: Tensor) -> Axes | None:
        """What the axes of an output hold; a first one that is as long as there are images is that of the images."""
        axes = self.recording.axes(output)
        if axes is None or len(axes[0]) != 1 or axes[0][0].kind != "?" or output.shape[0] != len(self.x):
            return axes
        return (axis("n", len(self.x)), *axes[1:])

    def _guess(self, output: Tensor, axes: Axes | None, module: nn.Module | None) -> Layout | None:
        """Where the channels are, if operations do not tell all: None where it may be no map."""
        if axes is not None:
            return _channels_of(axes) or ("NCHW" if module is None else None)
        if module is None or isinstance(module, _FIRST):  # of what the network puts out, as the rule is
            return "NCHW"
        if type(module) in _LAST and len(getattr(module, "normalized_shape", "1")) == 1:
            return "NHWC"
        _, a, b, c = output.shape
        first, last = abs(math.log(b / c / self._aspect)), abs(math.log(a / b / self._aspect))
        if min(first, last) > _LIKE or abs(first - last) < 1e-9:
            return None
        return "NCHW" if first < last else "NHWC"

    def _logits(self) -> Layer:
        """The row of the class scores; raises ForwardFailed where the module put out none."""
        if self.failure is not None:
            raise self.failure
        scores, images = output_tensor(self.output, self.net.output), len(self.x)
        if not scores.is_floating_point() and not scores.is_quantized:
            raise ForwardFailed(
                f"The module returned numbers of type {scores.dtype}, such as argmax makes; class scores must be of "
                "floating point. Wrap it in a module that returns these."
            )
        node = self.recording.node(scores)
        if scores.ndim < 2 and scores.numel() == images:
            return Layer("logits", "output", (1,), "NC", node=node)
        row = self._row("logits", "output", scores) if scores.ndim in (2, 4) else None
        if row is None:
            raise ForwardFailed(
                f"The module returned a tensor of shape {tuple(scores.shape)} for {images} images; class scores must "
                "be (N, classes), or (N, C, H, W) for maps. Wrap the module to return that."
            )
        return replace(row, shape=row.shape[:1], layout="NC") if row.shape[1:] == (1, 1) else row

    def _why(self, output: Any) -> str:
        """Why an output is no layer, as the end of a sentence."""
        if not isinstance(output, Tensor):
            what = {"NoneType": "nothing", "tuple": "a tuple", "list": "a list", "dict": "a dict"}
            kind = type(output).__name__
            return f"is a module, but puts out {what.get(kind, f'a {kind}')}, not one tensor"
        if output.is_complex():
            return "puts out complex numbers, which have no order to be shown in"
        shape, images = tuple(output.shape), len(self.x)
        if shape[:1] != (images,) and self.recording.node(output) is None:
            return f"puts out {shape}, which does not hang on the image"
        if output.ndim not in (2, 3, 4):
            return f"puts out a tensor of {output.ndim} axes, {shape}, and a layer has channels and at most two more"
        if shape[0] != images and shape[0] % images == 0:
            return (
                f"puts out {shape[0] // images} maps or vectors for each image, windows, crops, frames or tokens in "
                "its first axis, which are no parts of one picture that can be put back in place"
            )
        if shape[0] != images:
            return f"puts out {shape}, whose first axis is not that of the images"
        return f"puts out tokens or heads, {shape[1:]}, which are not a grid of places"


def _layout(how: Arrangement, axes: Axes, output: Tensor) -> Layout:
    """The plain layout that an arrangement comes to, if it is one."""
    kinds = "".join(f.kind if not f.key and f.straight else "?" for held in axes for f in held)
    if output.ndim == 4 and all(len(held) == 1 for held in axes) and kinds in ("ncyx", "nyxc"):
        return "NCHW" if kinds == "ncyx" else "NHWC"
    numbers = torch.arange(output.numel()).view(output.shape)
    found = how(numbers)
    if output.ndim == 4 and torch.equal(found, numbers):
        return "NCHW"
    return "NHWC" if output.ndim == 4 and torch.equal(found, numbers.movedim(-1, 1)) else "folded"


def _note(how: Arrangement, output: Tensor, images: int, layout: Layout) -> str:
    """What was put back in place, or cannot be, for the evidence."""
    _, height, width = how.shape
    notes = []
    if output.shape[0] != images:
        notes.append(f"{output.shape[0] // images} windows an image, put back in place: {height} × {width} places")
    elif layout == "folded":
        turned = any(how.flips) or any(how.shifts)
        kind = "tokens" if output.ndim == 3 else "mirrored or rolled maps" if turned else "values of other axes"
        notes.append(f"{kind}, put in place: {height} × {width} places")
    if how.moved:
        notes.append("cut out, picked or sampled on the way, so that places are not where they are in the picture")
    return "; ".join(notes)


def _channels_of(axes: Axes) -> Layout | None:
    """The layout of maps whose places are known, or of one place; None where places are there twice or mixed."""
    kinds = ["".join(sorted({factor.kind for factor in held})) for held in axes[1:]]
    if kinds[1:] in (["y", "x"], ["", ""], ["y", ""], ["", "x"]):
        return "NCHW"
    return "NHWC" if kinds[:2] in (["y", "x"], ["", ""], ["y", ""], ["", "x"]) and kinds[2] in ("c", "?") else None


_LIKE = math.log(1.5)  # how far the aspect of maps may be from the picture's, where nothing else tells what they are


def _unseen(module: nn.Module, seen: set[str]) -> dict[str, str]:
    """Why modules that put out nothing are no layers: another name of one that did, or not run."""
    names: dict[int, str] = {id(part): name for name, part in reversed(list(module.named_modules())) if name}
    not_run = _EXPORTED if flattened(module) else NOT_RUN
    found = {}
    for name, part in module.named_modules(remove_duplicate=False):
        if name and name not in seen:
            first = names[id(part)]
            found[name] = f"is the same module as {first}" if first != name else not_run
    return found


_EXPORTED = (
    "belongs to an exported program, whose graph calls none of its modules, so that its layers cannot be heard: give "
    "torch.export.unflatten(program) to cs.Network"
)


def _with_functions(net: Network) -> Layers:
    return layer_table(net, functions=True).layers


_READY_MADE = ("torch.nn.", "torch.ao.")  # modules that are layers by themselves: what they call is their own affair
_FIRST = (
    nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.MaxPool2d, nn.AvgPool2d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample, nn.PixelShuffle, nn.ZeroPad2d, nn.LocalResponseNorm,
)  # fmt: skip
_LAST = (nn.Linear, nn.LayerNorm)  # exactly these: subclasses of LayerNorm may permute
