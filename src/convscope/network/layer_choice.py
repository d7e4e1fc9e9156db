"""Which layers to show where nobody has said: the one choice for reports, pages and pictures of a depth."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from torch import nn

from .isolation.parts import unwrap
from .layers.layers import Layer, holds_filters
from .network import Network

_RECTIFIED = ("ReLU", "ReLU6", "SiLU", "GELU", "Hardswish", "Mish", "ELU", "LeakyReLU", "PReLU")
_DEPTHS = 5  # of a report
_STRIP = 6  # layers of one that goes through a network
_SATURATING = ("ReLU6", "Hardtanh", "Hardsigmoid", "Sigmoid", "Tanh")
_POOLS = ("MaxPool2d", "AvgPool2d")
_CHANNELS = range(24, 129)  # of a layer to begin with: enough to see, few enough to look at
_PLACES = 7  # along the shorter side of such a layer's maps, at least


def filter_layers(net: Network) -> list[tuple[Layer, int]]:
    """The layers that hold filters, and how many parameters each has."""
    modules = dict(unwrap(net.module).named_modules())
    rows = [(row, modules[name]) for name, row in net.layers.items() if name in modules]
    return [
        (row, sum(parameter.numel() for parameter in module.parameters()))
        for row, module in rows
        if holds_filters(module)
    ]


def first_and_middle(net: Network) -> list[str]:
    """The first convolution, and the one nearest the middle whose filters are more than one pixel and channel."""
    modules = dict(unwrap(net.module).named_modules())
    names = [row.name for row, _ in filter_layers(net) if row.name not in net.untrained and row.shape[1:]]
    spatial = [name for name in names[1:] if modules[name].weight.shape[-1] > 1]
    dense = [name for name in spatial if modules[name].weight.shape[1] > 1]
    middle = dense or spatial or names[1:]
    return names[:1] + middle[len(middle) // 2 : len(middle) // 2 + 1]


def rectified_at_each_size(net: Network) -> list[str]:
    """The last rectified layer at each size of map, shallow to deep; other layers where none is rectified."""
    maps = _maps(net)
    rectified = [row for row in maps if row.kind in _RECTIFIED] or maps
    last = {row.shape[1:]: row.name for row in rectified}
    names = list(last.values())
    return (
        [names[round(i * (len(names) - 1) / max(1, _DEPTHS - 1))] for i in range(_DEPTHS)]
        if len(names) > _DEPTHS
        else names
    )


def early_middle_late(net: Network, scanned: Collection[str]) -> list[str]:
    """An early, a middle and a late layer of those that were scanned; fewer where there are no more."""
    names = [row.name for row in _maps(net) if row.name in scanned]
    return list(dict.fromkeys(names[i] for i in (0, len(names) // 2, -1))) if names else []


def last_at_each_size(net: Network) -> list[str]:
    """The last layer at each size of map, shallow to deep, whether rectified or not: no rectifier hides how strong."""
    return list({row.shape[1:]: row.name for row in _maps(net)}.values())


def _maps(net: Network) -> list[Layer]:
    rows = [row for row in net.layers.values() if row.name not in ("input", "logits")]
    return [row for row in rows if len(row.shape) == 3 and row.shape[1] > 1]


def first_layer(net: Network) -> str:
    """The layer to show first: of those with a few dozen maps of some size, the one nearest to the middle."""
    names = list(net.layers)
    inner = [row for row in list(net.layers.values())[1:] if len(row.shape) == 3]
    suited = [row for row in inner if row.units in _CHANNELS and min(row.shape[1:]) >= _PLACES]
    found = min(suited or inner, key=lambda row: abs(names.index(row.name) - len(names) / 2), default=None)
    return "logits" if found is None else found.name


def spread_layers(net: Network) -> list[str]:
    """At most six layers over the depth of a network: the last at each size of map, of the outermost modules.

    Where there are fewer sizes, some between them too. Layers that saturate are avoided, and those left out
    that need weights the file did not hold; raises BadWeights where these are all.
    """
    rows = list(net.layers.values())
    net.check_trained([rows[1].name])
    end = next((i for i, row in enumerate(rows) if row.name in net.untrained), len(rows))
    best: dict[tuple[int, ...], tuple[int, int]] = {}
    for i in range(1, end):
        size, inner = rows[i].shape[1:], rows[i].name.count(".") + _saturates(rows[i - 1], rows[i])
        size = () if max(size, default=1) == 1 else size
        best[size] = min(best.get(size, (inner, -i)), (inner, -i))
    found = _filled(sorted(-i for _, i in best.values()), [row.name for row in rows])
    chosen = np.linspace(0, len(found) - 1, min(_STRIP, len(found))).round().astype(int)
    return [rows[found[i]].name for i in chosen]


def _saturates(before: Layer, row: Layer) -> bool:
    """Whether a layer, or what runs last inside it, has slopes at some activations only."""
    return row.kind in _SATURATING or (before.name.startswith(f"{row.name}.") and before.kind in _SATURATING)


def _filled(found: list[int], names: list[str]) -> list[int]:
    """Numbers of layers, with more from the widest gaps, of the outermost modules there, until there are enough."""
    while len(found) < _STRIP:
        gap, before = max(((b - a, a) for a, b in zip([0, *found], found, strict=False)), default=(0, 0))
        if gap < 2:
            break
        middle = before + gap / 2
        between = np.arange(before + 1, before + gap).tolist()
        found = sorted([*found, min(between, key=lambda i: (names[i].count("."), abs(i - middle)))])
    return found


def is_chain(net: Network) -> bool:
    """Whether a network runs one layer after another, without shortcuts or branches, as VGG does."""
    module = unwrap(net.module)
    parts = [part for part in module.modules() if part is not module and next(part.children(), None) is not None]
    return all(isinstance(part, nn.Sequential) for part in parts)


def vgg_names(net: Network) -> dict[str, str]:
    """The literature's names of a chain's rectifiers, `relu4_2` … , to layers; none for other networks."""
    found: dict[str, str] = {}
    block, number = 1, 0
    for row in net.layers.values() if is_chain(net) else ():
        if row.kind in _POOLS:
            block, number = block + 1, 0
        elif row.kind == "ReLU" and len(row.shape) == 3:
            number += 1
            found[f"relu{block}_{number}"] = row.name
    return found


def evenly_spread(net: Network, most: int) -> list[str]:
    """At most so many layers, evenly over the depth of a network, the first and the last among them.

    They are rectifiers, since only there is it seen which units are silent, and the last layer with filters; where
    less than a quarter of these is rectified by a module of its own, layers with filters.
    """
    filters = [row.name for row, _ in filter_layers(net) if row.name not in net.untrained]
    trained = list(net.layers)[: list(net.layers).index(filters[-1])] if filters else []
    rectified = [row.name for row in _maps(net) if row.name in trained and row.kind in _RECTIFIED]
    names = [*rectified, *filters[-1:]] if 4 * len(rectified) >= len(filters) else filters
    if len(names) <= most:
        return names
    return [names[round(i * (len(names) - 1) / (most - 1))] for i in range(most)]


def bottlenecks(net: Network, end: str, most: int) -> list[str]:
    """At most so many layers, over the depth of a network, that every way from the image to `end` goes through.

    They are those of the outermost modules, or, where these are less than half as many, of ever deeper ones; of layers
    that put out the same tensor the innermost of them, and none that the next one normalizes or rectifies.
    """
    order = list(net.layers)
    rows = [net.layers[name] for name in order[1 : order.index(end) + 1] if name not in ("logits", *net.untrained)]
    passed = [row for row in rows if net.layers.cuts(row.name, end)]
    found: list[Layer] = []
    for depth in range(max((row.name.count(".") for row in passed), default=0) + 1):
        found = _unrectified([row for row in passed if row.name.count(".") <= depth])
        if 2 * len(found) >= most:
            break
    chosen = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[i].name for i in chosen]


def _unrectified(rows: list[Layer]) -> list[Layer]:
    """Of layers in their order each tensor once, and none that goes straight into a normalization or rectifier."""
    by_tensor: dict[int | None, Layer] = {}
    for row in rows:
        known = by_tensor.get(row.node)
        if known is None or row.name.count(".") > known.name.count("."):
            by_tensor[row.node] = row
    each = [row for row in by_tensor.values() if row.kind != "Identity"]
    after = [*(row.kind for row in each[1:]), ""]
    return [row for row, kind in zip(each, after, strict=True) if kind not in (*_RECTIFIED, "BatchNorm2d")]
