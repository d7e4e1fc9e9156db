"""What a layer makes of an image."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...base.image import ImageLike, open_image
from ...base.unit import UnitLike, parse
from ...contract.silence import SILENT
from ...contract.technique import technique
from ...network.network import Network
from ...results.layers import Activations
from ..attribution.target import remarks


@technique
def activations(net: Network, image: ImageLike, layer: UnitLike) -> Activations:
    """Show every channel of a layer for an image, with its share of zeros.

    Zeiler and Fergus 2013; Yosinski et al. 2015, "Understanding neural networks through deep visualization". `values`
    is (C, H, W), or (C,) for a layer without positions, in the layer's own units. A channel is silent where its largest
    |activation| is at most 1e-5 of the layer's largest; zeros are exact ones.
    """
    picture = open_image(image)
    name = net.layer(layer)
    seen = net.see(picture)
    with torch.no_grad():
        values = net.read(net.feed(seen), name)[name][0].float().contiguous().numpy(force=True)
    flat = values.reshape(len(values), -1)
    zeros = (flat == 0).mean(1, dtype=np.float32)
    found = Activations(
        values=values, unit=parse(name), network=net.name, evidence={}, image=picture, zeros=zeros, seen=seen
    )
    evidence = {**_evidence(net, name, found), **remarks(net, found.unit), **net.preprocessing.told(picture)}
    return dataclasses.replace(found, evidence=evidence)


def _evidence(net: Network, name: str, found: Activations) -> dict[str, object]:
    evidence: dict[str, object] = {
        "forward_passes": 1,
        "channels": len(found.values),
        "zeros": found.sparsity,
        "silent_channels": len(found.silent),
        "silent_up_to": SILENT,
    }
    if found.values.min() < 0:
        evidence["not_rectified"] = "some activations are negative, so few zeros are to be expected"
    if net.layers[name].calls > 1:
        evidence["calls"] = f"the module ran {net.layers[name].calls} times; this is its last output"
    return evidence
