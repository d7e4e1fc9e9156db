"""What a layer has learned, read straight from its weights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from ..base.errors import BadWeights, UnknownLayer, nearest
from ..base.results import Weights
from ..base.technique import technique
from ..base.unit import UnitLike, parse
from ..network.execution import unwrap
from ..network.layers import holds_filters
from ..network.network import Network
from . import filters


@technique
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
    a linear layer. Raises UnknownLayer for a layer that has no such weights.
    """
    name = net.layer(layer)
    weight, groups = _weight(net, name)
    values = weight.detach().float().contiguous().numpy(force=True)
    duplicates, antipodal = filters.near_duplicates(values, similarity)
    roughness = filters.roughness(values)
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
        norm=filters.norm(values),
        roughness=roughness,
        high_share=filters.high_share(values),
        duplicate_of=duplicates,
    )


def _weight(net: Network, name: str) -> tuple[Tensor, int]:
    """The weights of a layer, filters first, and how many groups of input channels they come in."""
    modules = dict(unwrap(net.module).named_modules())
    module = modules.get(name)
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or not holds_filters(module):
        having = [n for n in net.layers if holds_filters(modules.get(n))]
        near = nearest(name, having) or f" Such as {', '.join(having[:3])}."
        raise UnknownLayer(f"{name} of {net.name} has no filters: it must be a convolution or a linear layer.{near}")
    if name in net.untrained:
        raise BadWeights(f"The file of {net.name} holds no weights for {name}; these are random. Load complete ones.")
    if isinstance(module, nn.ConvTranspose2d):
        weight = weight.reshape(module.groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)
    return weight, int(getattr(module, "groups", 1))
