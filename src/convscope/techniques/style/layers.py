"""Layers of style transfer: by the names VGG's have in the literature, and those at like sizes in other networks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

from ...base.errors import BadKnob, UnknownLayer, UnknownUnit
from ...network.layer_choice import spread_layers, vgg_names
from ...network.layers.layers import Layer
from ...network.network import Network
from .presets import DEPTHS, StylePreset

AUTO = "auto"
_DEEPEST = 16  # as relu5_1, the last style layer of networks without names has one position for 16 pixels a side
_DEEP = {"relu4_2": 8, "relu5_2": 16}  # pixels a side, for which these have one position


def style_of(net: Network, given: str, preset: StylePreset) -> dict[str, float]:
    """Layers and their weights, as text says or as the preset has them: VGG's own, or one at each size of map."""
    if given != AUTO:
        return _read(net, given, "style_layers")
    known = vgg_names(net)
    layers = [known[name] for name in DEPTHS] if all(name in known for name in DEPTHS) else _maps(net)
    weights = zip_longest(layers, preset.depths[: len(layers)], fillvalue=preset.depths[-1])
    return {str(layer): float(weight) for layer, weight in weights}


def content_of(net: Network, given: str, preset: StylePreset) -> dict[str, float]:
    """The same for content: relu4_2 mostly, or in networks without one the layer at an eighth of the picture's size."""
    if given != AUTO:
        return _read(net, given, "content_layers")
    known = vgg_names(net)
    if preset.content_layer in known:
        return {known[preset.content_layer]: 1.0}
    sides = {layer: net.layers[layer].shape[1] for layer in _maps(net)}
    wanted = net.preprocessing.size[0] / _DEEP[preset.content_layer]
    return {min(sides, key=lambda layer: abs(sides[layer] - wanted)): 1.0}


def _maps(net: Network) -> list[str]:
    """At most five layers that have maps, shallow to deep, one at each size, down to a sixteenth as in VGG."""
    least = net.preprocessing.size[0] / _DEEPEST
    maps = [name for name in spread_layers(net) if _has_map(net.layers[name])]
    found = [name for name in maps if net.layers[name].shape[1] >= least] or maps[:1]
    if not found:
        raise BadKnob(
            f"style needs a network whose layers have maps, which {net.name} has not. Use a convolutional one."
        )
    return found[: len(DEPTHS)]


def _has_map(row: Layer) -> bool:
    return len(row.shape) == 3 and min(row.shape[1:]) > 1


def _read(net: Network, text: str, knob: str) -> dict[str, float]:
    """`relu1_1; 0.5 * features.6`: layers, each with a weight before it where it is not 1."""
    known, found = vgg_names(net), dict[str, float]()
    for part in filter(None, map(str.strip, text.split(";"))):
        before, star, name = part.rpartition("*")
        try:
            weight = float(before) if star else 1.0
        except ValueError:
            raise BadKnob(f"{knob} must be layers with weights, such as '2*relu1_1; relu2_1', not {part!r}.") from None
        layer = _named(net, known, name.strip(), knob)
        if not (weight >= 0 and _has_map(net.layers[layer])):
            raise BadKnob(f"{knob} must be layers with maps and weights from 0 on, not {part!r}. Choose another one.")
        found[layer] = weight
    if not sum(found.values()) > 0:
        raise BadKnob(f"{knob} must name a layer with a weight above zero, not {text!r}. Name one, or use auto.")
    return found


def _named(net: Network, known: Mapping[str, str], name: str, knob: str) -> str:
    try:
        return net.layer(known.get(name, name))
    except (UnknownLayer, UnknownUnit) as error:
        raise type(error)(f"{knob} must be layers of {net.name}, not {name!r}. {error}") from error
