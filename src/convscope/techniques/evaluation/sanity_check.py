"""Sanity check: a map that explains what a network has learned must change when the network forgets it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ...base.errors import BadKnob, ForwardFailed, first_line
from ...base.image import ImageLike
from ...base.progress import Work, listening
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...network.isolation.parts import unwrap
from ...network.isolation.randomness import seeded
from ...network.isolation.running import device_of
from ...network.network import Network
from ...results.evaluation import SanityCheck
from ..attribution.target import AttributionTarget
from ..common_knobs import Seed
from .attribution_methods import Method, about, attribution_map, importance

_Map: TypeAlias = NDArray[np.float32]
_ALIKE = 0.5  # a rank correlation above this says that a map hardly depends on the weights


@technique
def sanity_check(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    method: Method = "saliency",
    mode: Annotated[
        Literal["cascading", "independent"],
        Field(description="cascading: from the output down, ever more layers forget; independent: one at a time"),
    ] = "cascading",
    layers: Annotated[int, Field(ge=1, description="at most how many layers to stop at, spread evenly")] = 12,
    seed: Seed = 0,
) -> SanityCheck:
    """Test a map: take the network's weights away layer by layer and see whether the map notices.

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim 2018, "Sanity checks for saliency maps". `values` is the
    Spearman rank correlation of |map| with that of the untouched network after each step. Layers are the convolutions
    and linear layers up to the unit, the last first; their weights become noise of the same mean and deviation, and
    normalizations keep their numbers. A cascade goes through all of them and looks at the map at `layers` of them,
    always at the end; `evidence["passes"]` is whether the correlation is then under 0.5 either way. The network
    itself is not touched: a copy is. Raises BadKnob where no layer on the way to the unit has weights.
    """
    question = AttributionTarget.of(net, image, unit)
    stops = _stops(question, layers, mode)
    original = _quietly(net, question, method, seed)
    maps, names = [np.abs(importance(original))], [names[-1] for names in stops]
    work = Work(range(len(stops)), lambda: maps[-1])
    module = _copied(net)
    for step in work:
        module = _copied(net) if mode == "independent" else module
        _randomize(module, stops[step], seed, sum(map(len, stops[:step])))
        maps.append(np.abs(importance(_quietly(net.with_module(module), question, method, seed))))
    values = np.array([rank_correlation(maps[0], found) for found in maps[1:]])
    comparable = not work.evidence and np.ptp(maps[0]) > 0 < np.ptp(maps[-1])
    verdict = _verdict(values, names, mode, bool(comparable))
    evidence = {**about(method, original), **verdict, **_vanished(maps, names), **work.evidence}
    ssim = np.array([structural_similarity(maps[0], found) for found in maps[1:]], np.float32)
    shown = {"names": tuple(names[: work.done]), "maps": np.stack(maps), "ssim": ssim}
    return question.answer(SanityCheck, values, original.value, evidence, **shown)


def _quietly(net: Network, question: AttributionTarget, method: str, seed: int) -> Any:
    """A map without its own progress, which would be taken for that of the check."""
    with listening(lambda *_: None):
        return attribution_map(net, question.image, question.unit, method, seed)


def _stops(question: AttributionTarget, most: int, mode: str) -> list[list[str]]:
    """The layers to randomize before each look at the map, the deepest first."""
    names = _on_the_way(question)[::-1]
    if not names:
        raise BadKnob(f"{question.unit} must have layers with weights before it, and has none. Ask for a deeper unit.")
    count = min(most, len(names))
    ends = np.rint(np.linspace(len(names) / count, len(names), count)).astype(int).tolist()
    if mode == "independent":
        return [[names[end - 1]] for end in ends]
    return [names[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _on_the_way(question: AttributionTarget) -> list[str]:
    """Modules that hold weights of their own, in the order of execution, up to the unit's layer.

    One that is never called, since another uses its weights, stands where that one does; the network itself is first.
    """
    table, module = question.net.layers.including(question.deepest), unwrap(question.net.module)
    order = {name: place for place, name in enumerate(table.order)}
    end = -2 if question.deepest == "input" else order.get(question.deepest, len(order))
    holding = [name for name, part in module.named_modules() if _own_weights(part) and ".parametrizations" not in name]
    places = {name: _place(name, order) for name in holding}
    return sorted((name for name in holding if places[name] <= end), key=places.__getitem__)


def _place(name: str, order: Mapping[str, int]) -> int:
    """When a module ran, or else the one it is in."""
    while name and name not in order:
        name = name.rpartition(".")[0]
    return order.get(name, -1)


def _own_weights(part: nn.Module) -> bool:
    """Whether a module has weights but those of a normalization, which only scale and shift."""
    return not isinstance(part, _NORMS) and any(weight.ndim > 1 for weight in _weights_of(part))


def _weights_of(part: nn.Module) -> list[Tensor]:
    """The parameters of a module's own, and those that its own are made of."""
    made = part._modules.get("parametrizations")
    own = [weight for weight in part._parameters.values() if weight is not None]
    return [*own, *(made.parameters() if made is not None else ())]


_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)


def _copied(net: Network) -> nn.Module:
    try:
        return copy.deepcopy(unwrap(net.module))
    except Exception as error:
        raise ForwardFailed(
            f"{net.name} must be a module that can be copied, and copy.deepcopy raised: {first_line(error)}. "
            "Leave out of it what cannot be copied, such as open files or tensors that depend on a gradient."
        ) from error


def _randomize(module: nn.Module, names: list[str], seed: int, first: int) -> None:
    """New weights for the named layers in place; that of number n is drawn from seed + n alone."""
    for number, name in enumerate(names, first):
        with seeded(device_of(module), (seed + number) % 2**63), torch.inference_mode():
            _forget(module.get_submodule(name))


def _forget(layer: nn.Module) -> None:
    """Noise of each weight's own mean and deviation, for which a normalization's running statistics still hold.

    Starting the layer anew would shrink the signal by half at each of many layers, until no map is left.
    """
    for weight in _weights_of(layer):
        spread = weight.std().item() if weight.numel() > 1 else 0.0
        weight.copy_(torch.empty_like(weight).normal_(weight.mean().item(), spread))


def rank_correlation(a: _Map, b: _Map) -> float:
    """Spearman's rank correlation of two maps, equal values sharing their mean rank; 0 where one is constant."""
    x, y = (_ranks(values.ravel()) for values in (a, b))
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    after = np.cumsum(counts)
    mean: NDArray[np.float64] = (after - (counts - 1) / 2)[which.ravel()]
    return mean


def structural_similarity(a: _Map, b: _Map) -> float:
    """Mean structural similarity of two maps, each scaled to 0–1, over windows of 7 × 7 (Wang et al. 2004)."""
    x, y = (_scaled(values) for values in (a, b))
    side = min(7, *a.shape)

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, side, 1)

    mx, my = mean(x), mean(y)
    xx, yy, xy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (xx + yy + c2))).mean().item()


def _scaled(values: _Map) -> Tensor:
    span = float(np.ptp(values))
    return torch.from_numpy((values - values.min()) / (span or 1.0)).double()[None]


def _vanished(maps: list[_Map], names: list[str]) -> dict[str, str]:
    """Where a map is the same everywhere, which gives a correlation of 0 that says nothing of the method."""
    flat = [name for name, found in zip(["nothing", *names], maps, strict=False) if np.ptp(found) == 0]
    return {"vanished": f"the map is the same everywhere after {flat[0]} was randomized"} if flat else {}


def _verdict(values: NDArray[np.float64], names: list[str], mode: str, comparable: bool) -> dict[str, Any]:
    if mode == "independent":
        least = int(np.abs(values).argmax())
        return {"verdict": f"the map changes least, to a similarity of {values[least]:.2f}, without {names[least]}"}
    if not comparable:
        return {}  # a verdict needs two maps, and a network that has forgotten everything
    passes = bool(abs(values[-1]) < _ALIKE)
    what = "the map depends on the weights" if passes else "the map hardly depends on the weights"
    return {"verdict": f"similarity {values[-1]:.2f} once every layer is random: {what}", "passes": passes}
