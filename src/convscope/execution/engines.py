"""What takes a network's gradients: its executed graph in reverse, once that is proven to give the module's own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..base.errors import CannotExport, ForwardFailed
from ..base.unit import Valued
from ..graph.trace import executed
from ..network.batch_size import mixes
from ..network.isolation.parts import parts_of, unwrap
from ..network.isolation.running import device_of, dtype_of
from ..network.isolation.user_hooks import hooks_of
from .plan import Plan, exportable
from .reversing import Reversible

if TYPE_CHECKING:
    from ..network.network import Family, Network

T = TypeVar("T")
_AT_HAND = 4  # plans of a network that are kept, each with its weights packed both ways

Measure: TypeAlias = Callable[[Mapping[str, Tensor]], Tensor]  # of the tensors at layers, (N,)
Verdict: TypeAlias = Mapping[str, Any] | str  # the evidence of a rule, or why an engine is not to be used


@dataclass(frozen=True)
class Engine:
    """The way from a network's input to some of its layers and back, and the evidence of the rule it is under."""

    way: Reversible
    evidence: Mapping[str, Any]

    def gradient(self, net: Network, x: Tensor, measure: Measure) -> tuple[Tensor, Tensor]:
        """The gradient of what is measured at the layers with respect to x, (N, C, H, W), and what was measured."""
        with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
            passed = self.way.run(x.detach().clone(memory_format=torch.channels_last))
            leaves = {layer: tensor.detach().requires_grad_() for layer, tensor in passed.outputs.items()}
            with torch.enable_grad():
                value = measure({layer: net.arranged(layer, leaf) for layer, leaf in leaves.items()})
                grads = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
            found = passed.back({name: grad for name, grad in zip(leaves, grads, strict=True) if grad is not None})
        return torch.zeros_like(x) if found is None else found.contiguous(), value.detach()


@dataclass
class Engines:
    """Of a network and its copies with other weights: plans by the digest, and verdicts by the structure."""

    plans: OrderedDict[tuple[object, ...], Plan] = field(default_factory=OrderedDict)
    proven: OrderedDict[tuple[object, ...], Engine] = field(default_factory=OrderedDict)
    verdicts: dict[tuple[object, ...], Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, net: Network) -> Engines:
        """Those of a network."""
        return _ENGINES.setdefault(net.family, cls())

    def plan(self, net: Network, layers: tuple[str, ...]) -> Plan:
        """The plan up to some layers with the weights of now; raises CannotExport."""
        return _kept(self.plans, (net.digest, layers), lambda: reversible_plan(net, layers))

    def ready(self, key: tuple[object, ...], make: Callable[[], Engine]) -> Engine:
        """The engine of this key, made if it is not at hand."""
        return _kept(self.proven, key, make)

    def judged(self, key: tuple[object, ...], judge: Callable[[], Verdict]) -> Mapping[str, Any]:
        """The evidence in a verdict that is reached once; raises CannotExport where it is against the engine."""
        if key not in self.verdicts:
            try:
                with exportable():
                    self.verdicts[key] = judge()
            except (CannotExport, ForwardFailed) as error:
                self.verdicts[key] = str(error)
        verdict = self.verdicts[key]
        if isinstance(verdict, str):
            raise CannotExport(verdict)
        return verdict


def _kept(known: OrderedDict[tuple[object, ...], T], key: tuple[object, ...], make: Callable[[], T]) -> T:
    """The latest few of what was made are kept."""
    if key not in known:
        known[key] = make()
    known.move_to_end(key)
    while len(known) > _AT_HAND:
        known.popitem(last=False)
    return known[key]


_ENGINES: WeakKeyDictionary[Family, Engines] = WeakKeyDictionary()


def reversible_plan(net: Network, layers: tuple[str, ...]) -> Plan:
    """The network up to some layers, in its own numbers, as a plan to be run forward and backward.

    All layers are traced at once, which takes hardly longer: the gradient of another one finds the graph at hand.
    """
    module = unwrap(net.module)
    with suppress(CannotExport):
        executed(net, *net.layers.including(*layers))
    with torch.inference_mode(False), torch.no_grad():
        return Plan.of(executed(net, *layers), module, dtype_of(module), reversible=True)


def unfit(net: Network, layers: tuple[str, ...]) -> str:
    """What forbids to run a network's graph in its place; empty if nothing is known to."""
    module = unwrap(net.module)
    if device_of(module).type != "cpu" or dtype_of(module) not in (torch.float32, torch.float64):
        return f"the module is {str(dtype_of(module)).removeprefix('torch.')} on {device_of(module).type}"
    if hooks_of(module) or any(part._backward_hooks or part._backward_pre_hooks for part in parts_of(module)):
        return "there are hooks on the module"
    order = list(net.layers.including(*layers))
    if net.stateful or mixes(net, max(layers, key=order.index)):
        return "what the module makes of an image depends on others"
    return ""


def structure(net: Network) -> tuple[object, ...]:
    """What a verdict holds for: the network, whatever its weights."""
    module = unwrap(net.module)
    return repr(module), dtype_of(module), net.preprocessing, net.output


def terms(unit: Valued) -> tuple[object, ...]:
    """What the verdict on a rule holds for: units of the same layers, whatever their channels and positions."""
    return tuple((term.layer, term.channel is None, term.position is None) for _, term in unit.terms)
