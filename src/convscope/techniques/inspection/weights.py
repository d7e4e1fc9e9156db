"""What a layer has learned, read straight from its weights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from ...base.errors import BadWeights, UnknownLayer, UnknownUnit, nearest
from ...base.unit import UnitLike, parse
from ...contract.subjects import Given
from ...contract.technique import technique
from ...network.isolation.causes import check_runnable
from ...network.isolation.parts import unwrap
from ...network.layers.layers import holds_filters
from ...network.network import Network
from ...network.used_weights import used_weight
from ...results.layers import Weights
from . import filter_statistics


def _filters_at(net: Network, address: UnitLike) -> str:
    """The name of a module with filters; none is run for it. Raises UnknownLayer, or UnknownUnit for one channel."""
    unit = parse(address)
    if unit.channel is not None:
        raise UnknownUnit(f"{unit} is one channel; this needs a whole layer. Use {unit.layer}.")
    modules = dict(unwrap(net.module).named_modules(remove_duplicate=False))
    having = [name for name, module in modules.items() if name and _has_filters(module)]
    if unit.layer in having:
        return unit.layer
    check_runnable(unwrap(net.module))
    near = nearest(unit.layer, having) or (f" Such as {', '.join(having[:3])}." if having else "")
    if unit.layer not in modules and unit.layer not in ("input", "logits"):
        raise UnknownLayer(f"{net.name} has no layer {unit.layer!r}.{near}")
    raise UnknownLayer(f"{unit.layer} of {net.name} has no filters: it must be a convolution or a linear layer.{near}")


def _has_filters(module: nn.Module) -> bool:
    return holds_filters(module) or (callable(getattr(module, "weight", None)) and hasattr(module, "_packed_params"))


@technique(layer=Given(_filters_at))
def weights(
    net: Network,
    layer: UnitLike,
    *,
    similarity: Annotated[
        float, Field(gt=0, le=1, description="cosine from which on two filters are near-duplicates")
    ] = 0.95,
) -> Weights:
    """Show the filters of a layer, and which of them are noisy, dead or nearly the same.

    Krizhevsky, Sutskever and Hinton 2012 for the first layer; `values` is (out, in / groups, kH, kW), or (out, in) for
    a linear layer: what it computes with now, be it normalized, pruned or made by a hook. Raises UnknownLayer for a
    layer that has no such weights.
    """
    name = _filters_at(net, layer)
    weight, groups = _weight(net, name)
    values = weight.detach().float().contiguous().numpy(force=True)
    duplicates, antipodal = filter_statistics.near_duplicates(values, similarity)
    roughness = filter_statistics.roughness(values)
    return Weights(
        values=values,
        unit=parse(name),
        network=net.name,
        evidence={
            "filters": len(values),
            "noisy_filters": int((roughness >= 1).sum()),
            "near_duplicates": int((duplicates != np.arange(len(values))).sum()),
            "antipodal_pairs": antipodal,
        },
        groups=groups,
        norm=filter_statistics.norm(values),
        roughness=roughness,
        high_share=filter_statistics.high_share(values),
        duplicate_of=duplicates,
    )


def _weight(net: Network, name: str) -> tuple[Tensor, int]:
    """The weights a layer computes with now, filters first, and how many groups of input channels they come in."""
    module = unwrap(net.module).get_submodule(name)
    if name in net.untrained:
        raise BadWeights(f"The file of {net.name} holds no weights for {name}; these are random. Load complete ones.")
    weight = used_weight(module)
    if weight.is_meta:
        raise BadWeights(f"The weights of {name} are on the meta device, which holds no numbers. Load them first.")
    if isinstance(module, nn.ConvTranspose2d):
        weight = weight.reshape(module.groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)
    return weight, int(getattr(module, "groups", 1))
