"""A network: the user's module, how a picture is prepared for it, its labels, and the table of its layers."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial, reduce
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..base.errors import BadKnob, BadWeights, ForwardFailed, UnknownLayer, UnknownUnit
from ..base.image import Image, ImageLike, open_image
from ..base.receptive_field import Box, ReceptiveField
from ..base.undo import undoing
from ..base.unit import Unit, UnitLike, Valued, find_label, parse, parse_sum
from .backward.layer_gradient import layer_gradient
from .batch_size import chunks, fitting_batch_size
from .isolation.alone import alone, together
from .isolation.causes import check_runnable
from .isolation.digest import TensorHashes, tensors_of
from .isolation.parts import parts_of, unwrap
from .isolation.running import device_of, dtype_of
from .isolation.settings import settings_of
from .isolation.user_hooks import hooks_of
from .layers import taps
from .layers.exported import refuse_training
from .layers.layer_table import Table, layer_table
from .layers.layers import Layer, Layers
from .layers.probabilities import Scores
from .prediction import Predicted, check_predicts, predicted_classes
from .preprocessing import IMAGENET_MEAN, IMAGENET_STD, Interpolation, Preprocessing, names_by_number, numbers, pair

T = TypeVar("T")


class Family:
    """What a network and its copies with other weights share: of one structure, they have the same graphs."""


class Network:
    """Any `nn.Module` that takes images, (N, C, H, W), together with what is needed to feed and read it.

    `size` is what the module takes, one side or (height, width); `mean` and `std` are per channel, for pixels from 0 to
    1 (one value each for grey networks; ImageNet's if not given); `resize` is how much larger than `size` a picture is
    made before its center is cropped. `output` names the class scores where the module returns a dict or tuple. The
    module is never changed; it stays on its device.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        size: int | Sequence[int] = 224,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        labels: Sequence[object] | Mapping[int, object] = (),
        name: str = "",
        resize: float = 1.0,
        interpolation: Interpolation = "bilinear",
        squash: bool = False,
        output: str | int | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise BadKnob(f"module must be a torch.nn.Module, not {type(module).__name__}. Load its weights into one.")
        refuse_training(module)  # here: a recorded graph never changes, and reading it takes no forward
        self.module = module
        self.name = name or type(unwrap(module)).__name__
        self.labels = names_by_number(labels)
        self.preprocessing = Preprocessing(
            pair(size), numbers("mean", mean), numbers("std", std), resize, interpolation, squash
        )
        self.output = output
        self.untrained: frozenset[str] = frozenset()
        self.notices: tuple[str, ...] = ()  # what a user should know of where it came from
        self.reference: dict[str, str] = {"reference": ""}
        self.family = Family()
        self._hashes = TensorHashes()
        self._found: tuple[tuple[object, ...], Table] | None = None
        self._settled = False  # whether a technique is under way
        self._digest: str | None = None  # what it was when it was last told, for the technique under way
        self._seen: list[object] | None = None  # the structure when it was last told

    def __getstate__(self) -> dict[str, Any]:
        """What another process is given: the module as it is between techniques, not what was found out about it."""
        return {**self._state(), "module": self._snapshot()}

    @alone
    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        other = copy.copy(self)
        memo[id(self)] = other
        other.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self._state().items()})
        return other

    def _state(self) -> dict[str, Any]:
        return {**self.__dict__, "family": Family(), "_found": None, "_seen": None, "_settled": False}

    @alone
    def _snapshot(self) -> nn.Module:
        """The module itself, or, as it may be used while it is written, one that shares its tensors."""
        shared = {id(tensor): tensor for tensor in (*self.module.parameters(), *self.module.buffers())}
        return copy.deepcopy(self.module, dict(shared))

    def __repr__(self) -> str:
        height, width = self.preprocessing.size
        return f"<Network {self.name}: {self.preprocessing.channels} × {height} × {width} → {len(self.layers)} layers>"

    @property
    def layers(self) -> Layers:
        """Every layer that can be addressed, in the order of execution: name, kind, shape and number of units.

        It is found anew where parts of the module were replaced. Raises ForwardFailed where the module cannot be run.
        """
        return self._table.layers

    @property
    def scores(self) -> Scores:
        """What the class scores are, and so what makes probabilities of them."""
        return self._table.scores

    @property
    def stateful(self) -> bool:
        """Whether a forward changes the module's own state, so that each must start from the same."""
        return self._table.stateful

    @property
    def watching(self) -> frozenset[int]:
        """The numbers of hooks of the user's that change nothing."""
        return self._table.watching

    @property
    def mixing(self) -> dict[str, bool]:
        """What is known of layers whose numbers depend on the other images of a batch; see `batch_size.mixes`."""
        return self._table.mixing

    @property
    def _table(self) -> Table:
        found = self._found
        return found[1] if self._settled and found is not None else self._look()

    @alone
    def _look(self) -> Table:
        """The table of today, found anew where it may have changed."""
        try:
            form = self._form()
        except TypeError:  # of TorchScript, which has no plain parts
            check_runnable(unwrap(self.module))
            raise
        if self._found is None or self._found[0] != form:
            check_runnable(unwrap(self.module))
            self._found = form, layer_table(self)
            self._seen = None
            self._structure()
        return self._found[1]

    def settled(self, ask: Callable[[], T], others: Iterable[Network] = ()) -> T:
        """What `ask` gives; the module stays as it is meanwhile, so what is known of it is not checked again.

        Those of `others` stay as they are too.
        """
        with suppress(ForwardFailed):  # said where it matters
            _ = self._table
        modules = [self.module, *(other.module for other in others)]
        return together(modules, partial(self._settle, ask)) if len(modules) > 1 else self._settle(ask)

    @alone
    def _settle(self, ask: Callable[[], T]) -> T:
        with undoing(partial(setattr, self, "_settled", self._settled)):
            self._settled, self._digest = True, self._digest if self._settled else None
            return ask()

    def _form(self) -> tuple[object, ...]:
        """What the table depends on and is told at once: the very parts of the module, hooks, and shapes of weights."""
        module = unwrap(self.module)
        parts = parts_of(module)
        weights = (t for part in parts for t in part._parameters.values() if t is not None)
        shapes = (None if is_lazy(t) else t.shape for t in weights)
        return *parts, *shapes, *hooks_of(module), self.output, self.preprocessing

    @alone
    def _structure(self, parts: Mapping[str, nn.Module] | None = None) -> list[object]:
        """Everything the numbers depend on but tensors; where it has changed, the table is found anew."""
        module = unwrap(self.module)
        if self._found is None and hooks_of(module):
            with suppress(ForwardFailed):  # then they are all told
                _ = self._table
        watching = self._found[1].watching if self._found else ()
        found: list[object] = [repr(module), settings_of(parts or dict(module.named_modules()), watching)]
        if self._found is not None and self._seen not in (None, found):
            self._found = None
        self._seen = found
        return found

    def layer(self, address: UnitLike) -> str:
        """The name of a layer; raises UnknownLayer, or UnknownUnit for the address of one channel."""
        unit = parse(address)
        if unit.channel is not None:
            raise UnknownUnit(f"{unit} is one channel; this needs a whole layer. Use {unit.layer}.")
        return self.layers[unit.layer].name

    @overload
    def unit(self, address: Unit) -> Unit: ...
    @overload
    def unit(self, address: UnitLike) -> Valued: ...
    def unit(self, address: UnitLike) -> Valued:
        """The unit or sum of units at an address; raises UnknownLayer or UnknownUnit, and says what there is."""
        found = parse_sum(address, self.labels)
        for _, unit in found.terms:
            self._check_unit(unit)
        return found

    def _check_unit(self, unit: Unit) -> None:
        layer = self._row(unit)
        if unit.layer == "probs" and (unit.channel is None or len(layer.shape) > 1):
            raise UnknownUnit(
                f"{unit} is not a class probability. Use probs:CLASS on a network that puts out one score a class."
            )
        if unit.channel is not None and not 0 <= unit.channel < layer.units:
            raise UnknownUnit(
                f"{unit.layer} has {layer.units} channels, numbered 0 to {layer.units - 1}, not {unit.channel}."
            )
        self._check_position(unit, layer)

    def _row(self, unit: Unit) -> Layer:
        if unit.layer not in self.layers and unit.channel is None:
            with suppress(UnknownUnit):
                find_label(unit.layer, self.labels)
                raise UnknownLayer(f"{self.name} has no layer {unit.layer!r}; the class is logits:{unit.layer}.")
        return self.layers[unit.source]

    def prepare(self, image: ImageLike) -> Tensor:
        """The (1, C, H, W) tensor the module is given for an image: resized, cropped and normalized."""
        return self.feed(self.see(image))

    def see(self, image: ImageLike) -> NDArray[np.uint8]:
        """The part of an image the network sees, at the size it sees it: (H, W, 3) uint8; a view of it as it is."""
        return self.preprocessing.crop(open_image(image))

    def view(self, image: ImageLike) -> Image:
        """What the network sees of an image, as a picture: `.save("view.png")`, and it is seen as it is when opened."""
        picture = open_image(image)
        return Image(self.see(picture), profile=picture.profile, view=True)

    def feed(self, seen: NDArray[np.uint8]) -> Tensor:
        """What `see` returned as the (1, C, H, W) tensor the module is given."""
        values = torch.from_numpy(self.preprocessing.normalize(seen))[None]
        return values.to(device_of(self.module), dtype_of(self.module))

    @alone
    def with_module(self, module: nn.Module) -> Network:
        """The same network with another module of the same structure, such as a copy whose weights were changed."""
        other = copy.copy(self)
        other.module, other._hashes, other.family, other._settled = module, TensorHashes(), self.family, False
        if self._found is not None:
            other._found = other._form(), self._found[1]
        return other

    @alone
    def read(self, x: Tensor, *layers: str, hidden: Iterable[Box] = ()) -> dict[str, Tensor]:
        """The tensors at layers for a prepared input, as (N, C, H, W) or (N, C), in one forward that goes no deeper.

        `hidden` are rectangles of what the network sees, (top, left, bottom, right), the last two exclusive: there it
        sees its mean color.
        """
        self.check_trained(layers)
        table = self.layers
        calls = {name: table[name].calls for name in layers}
        tensors = taps.forward(unwrap(self.module), _hidden(x, hidden), calls, self.output)
        return {name: table[name].arranged(tensors[name]) for name in calls}

    @alone
    def extremes(self, x: Tensor, *layers: str, hidden: Iterable[Box] = ()) -> dict[str, tuple[float, float]]:
        """The lowest and the highest value at each layer for a prepared input, in one forward that keeps no map."""
        found: dict[str, tuple[float, float]] = {}

        def see(name: str, tensor: Tensor, _last: bool) -> None:
            last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
            low, high = (tensor.movedim(1, -1) if last else tensor).aminmax()  # in the order it lies in memory: faster
            found[name] = float(low), float(high)

        calls = {name: self.layers[name].calls for name in layers}
        with torch.no_grad():
            taps.visit(unwrap(self.module), _hidden(x, hidden), calls, see, self.output)
        return found

    @alone
    def gradient_at(self, x: Tensor, unit: UnitLike, layer: str, *, hidden: Iterable[Box] = ()) -> Tensor:
        """The gradient of a unit's value for N prepared inputs with respect to what a layer puts out at its last call.

        It is (N, C, H, W) or (N, C), as `read` gives the layer, which also says what `hidden` is. Raises UnknownUnit,
        UnknownLayer, and BadKnob where the unit does not depend on the layer.
        """
        return layer_gradient(self, _hidden(x, hidden), self.unit(unit), self.layer(layer)).gradient

    def arranged(self, layer: str, tensor: Tensor) -> Tensor:
        """The tensor a layer put out as (N, C, H, W) or (N, C)."""
        return (self._found[1].layers if self._found else self.layers)[layer].arranged(tensor)

    def value(self, x: Tensor, unit: UnitLike) -> Tensor:
        """A unit's value for each of N prepared inputs, (N,): an activation, or the sum of a channel's or layer's."""
        found = self.unit(unit)
        return self.summed(self.read(x, *found.sources), found)

    def summed(self, tensors: Mapping[str, Tensor], unit: Valued) -> Tensor:
        """The value of a unit, or the sum of several, (N,), in the tensors that were read at its layers."""
        return reduce(torch.add, (weight * self.pick(tensors[term.source], term) for weight, term in unit.terms))

    def pick(self, tensor: Tensor, unit: Unit) -> Tensor:
        """A unit's value, (N,), in the tensor that was read at its layer."""
        if unit.layer == "probs":
            tensor = self.probabilities(tensor)
        if unit.channel is not None:
            tensor = tensor[:, unit.channel]
        if unit.position is not None:
            tensor = tensor[:, unit.position[0], unit.position[1]]
        wide = tensor if tensor.itemsize > 2 else tensor.float()  # sums of half precision overflow, and stop growing
        return wide.flatten(1).sum(1) if tensor.ndim > 1 else wide

    def probabilities(self, scores: Tensor) -> Tensor:
        """The probabilities of class scores (N, classes); `scores` says how they are made."""
        return self.scores.probabilities(scores)

    @overload
    def predict(self, image: ImageLike, top: int = 5) -> list[Predicted]: ...

    @overload
    def predict(self, image: list[Any] | tuple[Any, ...], top: int = 5) -> list[list[Predicted]]: ...

    def predict(self, image: Any, top: int = 5) -> Any:
        """The `top` most probable classes of an image: (label, index, probability), most probable first.

        Of a list of images, a list of them for each.
        """
        return self._predict(image, top)

    @alone
    def _predict(self, image: Any, top: int) -> Any:
        self._structure()  # so that the table is that of today
        check_predicts(self, top)
        if not isinstance(image, list | tuple):
            return predicted_classes(self, [image], top)[0]
        parts = chunks(len(image), fitting_batch_size(self, "logits"))
        return [found for part in parts for found in predicted_classes(self, image[part.start : part.stop], top)]

    @alone
    def receptive_field(self, unit: UnitLike) -> ReceptiveField:
        """What of the input a unit can see; of a layer or channel, the neuron in the middle of the map.

        Raises UnknownLayer or UnknownUnit. Where the module's graph cannot be found it is bounded by the whole input.
        """
        from ..graph.receptive_field import receptive_field

        return receptive_field(self, unit)

    def explore(self, *args: Any, **options: Any) -> Any:
        """Explore it in the browser; see `cs.explore`, which this calls."""
        import convscope

        return convscope.explore(self, *args, **options)

    def report(self, *args: Any, **options: Any) -> Any:
        """Write one self-contained HTML file on what it sees in images; see `cs.report`, which this calls."""
        import convscope

        return convscope.report(self, *args, **options)

    @property
    def classifies(self) -> bool:
        """Whether the network puts out one score a class."""
        return "logits" in self.layers and len(self.layers["logits"].shape) == 1

    def label(self, index: int) -> str:
        """The label of a class, or its number where there are no labels."""
        return self.labels[index] if index < len(self.labels) else str(index)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the network's numbers depend on: structure, weights, other state, and preprocessing."""
        known = self._digest
        return known if self._settled and known is not None else self._told()

    @alone
    def _told(self) -> str:
        module = unwrap(self.module)
        try:
            parts = dict(module.named_modules())
            structure, further = self._structure(parts)
            tensors = tensors_of(module, parts)
            hashes = {name: self._hashes(name, value) for name, value in tensors.items()}
        except (TypeError, ValueError, RuntimeError):
            check_runnable(module)  # says why, where that is known
            raise
        settings = [structure, self.preprocessing.describe(), self.output]
        told = json.dumps([*settings, hashes, *([further] if further else [])], sort_keys=True)
        self._digest = hashlib.sha256(told.encode()).hexdigest()
        return self._digest

    def describe(self) -> dict[str, str]:
        """How a request refers to this network."""
        return {**self.reference, "digest": self.digest}

    def check_trained(self, layers: Sequence[str]) -> None:
        """Refuse layers that need weights the file did not hold: what they would show is chance."""
        if not self.untrained:
            return
        order = list(self.layers.including(*layers))
        deepest = max((order.index(self.layers[name].name) for name in layers), default=0)
        unplaced = self.untrained.difference(order) if deepest > 0 else ()  # not in the table: needed who knows where
        missing = [name for name in order[: deepest + 1] if name in self.untrained] + sorted(unplaced)
        if missing:
            raise BadWeights(
                f"{layers[-1]} of {self.name} needs weights its file does not hold, those of {', '.join(missing)}. "
                f"Use a layer before {missing[0]}, or load complete weights."
            )

    def _check_position(self, unit: Unit, layer: Layer) -> None:
        if unit.position is None:
            return
        if unit.channel is None:
            raise UnknownUnit(f"{unit} has a position but no channel. Use {unit.layer}:CHANNEL@y,x.")
        if len(layer.shape) == 1:
            raise UnknownUnit(f"{layer.name} has no positions: its output is {layer.units} numbers. Leave out @y,x.")
        _, height, width = layer.shape
        y, x = unit.position
        if not (0 <= y < height and 0 <= x < width):
            raise UnknownUnit(f"Positions of {layer.name} are @0,0 to @{height - 1},{width - 1}, not @{y},{x}.")


def _hidden(x: Tensor, boxes: Iterable[Box]) -> Tensor:
    """A prepared input with rectangles in the network's mean color, which is zero to it."""
    boxes = list(boxes)
    x = x.clone() if boxes else x
    for top, left, bottom, right in boxes:
        x[..., top:bottom, left:right] = 0
    return x
