"""The numbers behind one neuron: the products that add up to it, with the norm in its weights."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ...attribution_graph.kernel_window import KernelWindow
from ...attribution_graph.neuron import Neuron, address, neuron
from ...attribution_graph.unit_graph import UnitGraph
from ...base.errors import UnknownUnit
from ...base.image import ImageLike, open_image
from ...base.unit import Unit, UnitLike, parse
from ...contract.technique import technique
from ...graph.trace import INPUT
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.layers.probabilities import Scores
from ...network.network import Network
from ...results.connections import Formula
from ..attribution.target import remarks
from ..unit_choice import computed_unit

_LEAVES = {Scores.SOFTMAX: "exp", Scores.SIGMOID: "sigmoid"}


@technique
def formula(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    top: Annotated[int, Field(ge=1, le=100_000, description="products to print, the largest; the rest as one")] = 12,
) -> Formula:
    """Print the numbers that add up to one neuron: its largest products of weight and input, the rest, and the bias.

    As aharley's network visualization of 2015 prints them (Harley, "An interactive node-link visualization of
    convolutional neural networks"), for any convolution, norm, rectifier, pool, linear layer or softmax, also joined:
    with a norm folded into weights and bias, and a rectifier as the function of the total. Without a place it is the
    strongest neuron of the channel. Of a probability the total is its logarithm. Raises CannotExport where the executed
    graph cannot be found, and UnknownUnit for whole layers, sums, and the image itself.
    """
    picture, asked = open_image(image), net.unit(unit)
    probability = isinstance(asked, Unit) and asked.layer == "probs"
    found = computed_unit(Unit("logits", asked.channel) if probability and isinstance(asked, Unit) else asked)
    net.check_trained([found.source])
    seen = net.see(picture)
    with torch.inference_mode(False), frozen(unwrap(net.module)):
        graph = UnitGraph(net, found, net.feed(seen))
        tape = graph.first
        number, chosen = _number(graph, tape.values[graph.end])
        label = {"label": net.label(found.channel or 0)} if found.is_class else {}
        if probability:
            made = _probability(net, found, tape.values[graph.end])
            chosen = parse(unit, net.labels)
        else:
            terms = neuron(graph.graph, graph.operations, tape, INPUT, graph.end, number)
            made = _fields(graph, terms, top)
    summed = float(np.sum(made["products"])) + made["rest"] + made["bias"] + made["remainder"]
    told = {**label, "forward_passes": 1, "gap": abs(summed - made["total"]), **remarks(net, chosen)}
    if chosen != asked:
        told["strongest"] = f"{chosen} is the strongest neuron of {asked}"
    return Formula(
        values=made["products"].astype(np.float32),
        unit=chosen,
        network=net.name,
        evidence={**told, **net.preprocessing.told(picture)},
        image=picture,
        seen=seen,
        **made,
    )


def _number(graph: UnitGraph, value: Tensor) -> tuple[int, Unit]:
    """The place of the neuron in the last value, and its address: where none is given, the strongest of the channel."""
    unit, net = graph.unit, graph.net
    numbers = torch.arange(value.numel(), dtype=torch.float64, device=value.device).reshape(value.shape)
    plain, order = (
        net.arranged(unit.source, value)[0, unit.channel],
        net.arranged(unit.source, numbers)[0, unit.channel],
    )
    if plain.ndim == 0:
        return int(order), unit
    y, x = unit.position or np.unravel_index(int(plain.reshape(-1).argmax()), tuple(plain.shape))
    return int(order[y, x]), dataclasses.replace(unit, position=(int(y), int(x)))


def _fields(graph: UnitGraph, terms: Neuron, top: int) -> dict[str, Any]:
    products = terms.weights * terms.inputs
    order = np.argsort(-np.abs(products), kind="stable")
    first, others = order[:top], order[top:]
    named = {value: layer for layer, value in graph.graph.outputs.items()} | {INPUT: "input"}
    names = [graph.names.get(name) or named.get(name, name) for name in terms.names]
    holders = [graph.boxes.holders[name] for name in terms.names]
    where = terms.where[first].tolist()
    return {
        "sources": tuple(address(names[of], holders[of], place) for of, place in where),
        "weights": terms.weights[first],
        "inputs": terms.inputs[first],
        "products": products[first],
        "rest": float(products[others].sum()),
        "others": len(others),
        **{name: getattr(terms, name) for name in ("bias", "remainder", "total", "function", "activation", "norm")},
        **_slid(graph, terms.window),
    }


def _slid(graph: UnitGraph, window: KernelWindow | None) -> dict[str, Any]:
    """The kernel of the input channel that gives most, and how it moves; nothing where no convolution made the unit."""
    if window is None:
        return {}
    holder = graph.boxes.holders[window.name]
    layers = {value: layer for layer, value in graph.graph.outputs.items()} | {INPUT: "input"}
    name = graph.names.get(window.name) or layers.get(window.name, window.name)
    moving = {side: list(getattr(window, side)) for side in ("stride", "padding", "dilation", "place")}
    source = address(name, holder, window.number).partition("@")[0]
    return {"map": window.map, "kernel": window.kernel, "moving": {"source": source, **moving}}


def _probability(net: Network, unit: Unit, scores: Tensor) -> dict[str, Any]:
    """The logarithm of a probability as class score less the logarithm of the sum over all classes."""
    if net.scores not in _LEAVES:
        raise UnknownUnit(f"The class scores of {net.name} are probabilities themselves: use logits:{unit.channel}.")
    own = scores[0].double()
    score = float(own[unit.channel or 0])
    bias = -float(own.logsumexp(0)) if net.scores is Scores.SOFTMAX else 0.0
    return {
        "sources": (str(unit),),
        "weights": np.ones(1),
        "inputs": np.array([score]),
        "products": np.array([score]),
        "rest": 0.0,
        "others": 0,
        "bias": bias,
        "remainder": 0.0,
        "total": score + bias,
        "function": _LEAVES[net.scores],
        "activation": float(net.probabilities(scores)[0, unit.channel or 0]),
        "norm": None,
    }
