"""Class activation maps by gradients: which places of a layer's maps speak for a unit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ...base.errors import BadKnob, UnknownLayer, UnknownUnit
from ...base.image import ImageLike
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...network.backward import backward_rules
from ...network.backward.gradient import VANISHED, gradient
from ...network.backward.layer_gradient import Independent, LayerGradient, layer_gradient
from ...network.layers.functions import is_call
from ...network.layers.layers import Layer
from ...network.network import Network
from ...results.attribution import ClassActivation
from ..common_knobs import Smooth
from .target import AttributionTarget, array

MapLayer = Annotated[
    str, Field(description="address of the layer whose maps are weighed; auto: the last one with maps before the unit")
]
Guided = Annotated[bool, Field(description="multiply with guided backpropagation, for the detail the map lacks")]


@technique
def gradcam(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    layer: MapLayer = "auto",
    guided: Guided = False,
    smooth: Smooth = False,
) -> ClassActivation:
    """Show which places of the image speak for a unit: a layer's maps, weighed by their mean gradient.

    Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra 2017, "Grad-CAM". `channels` are the layer's maps times their
    weights, `grid` their sum, signed; `values` is the positive part of the grid, bilinearly resized to the network's
    input, (H, W) in units of the unit's value, or (C, H, W) where `guided`, times `guided_backprop`'s values. `smooth`
    is for that too. Raises BadKnob for a layer without maps or one that the unit does not depend on.
    """
    question = AttributionTarget.of(net, image, unit)
    name, found = _last_maps(question) if layer == "auto" else _maps(question, layer)
    channels = found.gradient.mean((2, 3), keepdim=True) * found.activation
    grid = channels.sum(1, keepdim=True)
    values = F.interpolate(grid.relu(), question.x.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    told = _evidence(net.layers[name], grid, found, len(question.unit.terms))
    evidence = {**told, **_beside(question, name)}
    if guided:
        values, evidence = _guide(question, values, evidence, smooth)
    fields: dict[str, Any] = {"layer": name, "grid": array(grid[0, 0]), "channels": array(channels[0])}
    return question.answer(ClassActivation, values, found.value, evidence, **fields)


def _maps(question: AttributionTarget, layer: str) -> tuple[str, LayerGradient]:
    """The named layer."""
    wanted = f"layer must be auto or a layer with maps on the way to {question.unit}, not {layer!r}"
    try:
        row = question.net.layers[question.net.layer(layer)]
        if not row.has_maps:
            raise BadKnob(
                f"{wanted}: that is no module that puts out maps of more than one position. Leave it at auto."
            )
        return row.name, _sensitivity(question, row.name)
    except (UnknownLayer, UnknownUnit, Independent) as error:
        raise BadKnob(f"{wanted}: {error}") from None


def _last_maps(question: AttributionTarget) -> tuple[str, LayerGradient]:
    """The last layer with maps that the unit depends on, of a sum all of its terms; not maps of one number each."""
    unit = question.unit
    table = question.net.layers.including(*unit.sources)
    order = list(table)
    end = table[min(unit.sources, key=order.index)]
    modules = [name for name in order[: order.index(end.name)] if not is_call(name)]
    before = [table[name] for name in modules if table[name].has_maps]
    flat: tuple[str, LayerGradient] | None = None  # the last one, where no gradient comes back to any
    for row in reversed([row for row in before if row.node is None or row.node != end.node]):  # else it is the output
        try:
            found = _sensitivity(question, row.name)
        except Independent:  # on a branch beside it
            continue
        if not _level(found.activation) and found.gradient.any():
            return row.name, found
        flat = flat or (row.name, found)
    if flat is not None and not _level(flat[1].activation):
        return flat
    raise BadKnob(f"No layer with maps comes before {unit} of {question.net.name}. Use saliency, or a deeper unit.")


def _sensitivity(question: AttributionTarget, layer: str) -> LayerGradient:
    """That of the unit, or of a sum term by term: it would not tell of a term that does not depend on the layer."""
    found = [(weight, layer_gradient(question.net, question.x, term, layer)) for weight, term in question.unit.terms]
    slopes = reduce(torch.add, (weight * one.gradient for weight, one in found))
    return LayerGradient(found[0][1].activation, slopes, reduce(torch.add, (w * one.value for w, one in found)))


def _level(maps: Tensor) -> bool:
    """Whether every map is one number, such as those that adaptive pooling makes of a single place."""
    flat = maps.flatten(2)
    return bool((flat == flat[..., :1]).all()) and bool(flat.any())


def _beside(question: AttributionTarget, layer: str) -> dict[str, str]:
    """What of the network the unit also depends on, by ways that do not go through the layer."""
    table, row = question.net.layers, question.net.layers[layer]
    other = next(filter(None, (table.around(layer, source) for source in question.unit.sources)), None)
    found = {"places": row.note} if row.note else {}
    if other is None or row.calls > 1:
        return found
    through = "the image itself" if other == "input" else f"{other}, whose map can be had by layer={other!r}"
    return {**found, "other_ways": f"the unit also depends on maps that do not go through {layer}: by way of {through}"}


def _evidence(layer: Layer, grid: Tensor, found: LayerGradient, passes: int) -> dict[str, Any]:
    evidence: dict[str, Any] = {"layer": layer.name, "forward_passes": passes, "backward_passes": passes}
    if layer.calls > 1:
        evidence["calls"] = f"the module ran {layer.calls} times; these are its last maps"
    if not found.gradient.any():
        evidence["vanished"] = f"{VANISHED} (at {layer.name})"
    if not (grid > 0).any():
        evidence["nothing_positive"] = f"no place of {layer.name} speaks for this unit, so the values are zero"
    return evidence


def _guide(
    question: AttributionTarget, values: Tensor, evidence: Mapping[str, Any], smooth: bool
) -> tuple[Tensor, dict[str, Any]]:
    """Guided Grad-CAM, (C, H, W)."""
    found = gradient(question.net, question.x, question.unit, backward_rules.guided_rule, smooth)
    passes = {name: evidence[name] + found.evidence[name] for name in ("forward_passes", "backward_passes")}
    return found.values[0] * values, {**evidence, **found.evidence, **passes}
