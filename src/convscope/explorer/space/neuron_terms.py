"""The numbers behind one neuron for the page: `formula`'s products, put together by the channel they come from."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...base.unit import Unit
from ...catalog.catalog import entry
from ..workspace.frame import encode
from ..workspace.kept_graph import field_of
from ..workspace.messages import Box
from ..workspace.space_messages import AskNeuron, Edge, NeuronTerms

if TYPE_CHECKING:
    from ...network.network import Network
    from ..workspace.workspace import Workspace

_ALL = 100_000  # products of one neuron, at most
Source = tuple[str, int]
Numbers = NDArray[np.float32]


def neuron_terms(workspace: Workspace, ask: AskNeuron) -> bytes:
    """A NeuronTerms frame; raises what `formula` does, such as CannotExport where the graph cannot be found."""
    net, image = workspace.network(ask.network), workspace.image(ask.image)
    with workspace.turns.now():
        found: Any = entry("formula").function(net, image, Unit(ask.layer, ask.channel, ask.place), top=_ALL)
    by_source = _by_source(found.sources)
    sums = {source: float(found.products[at].sum()) for source, at in by_source.items()}
    first = sorted(sums, key=lambda source: (-abs(sums[source]), source))[: ask.top]
    header = NeuronTerms(
        unit=str(found.unit),
        label=str(found.evidence.get("label", "")),
        edges=tuple(Edge(layer=of[0], channel=of[1], value=sums[of], count=len(by_source[of])) for of in first),
        rest=found.rest + sum(value for source, value in sums.items() if source not in first),
        others=len(sums) - len(first),
        box=_box(net, found.unit),
        python=f"cs.formula(net, image, {str(found.unit)!r})",
        **{name: getattr(found, name) for name in ("bias", "remainder", "total", "function", "activation")},
    )
    places = [_places(found.sources, by_source[source]) for source in first]
    shape = tuple(int(n) for n in np.max([1 + grid.max(axis=0) for grid in places], axis=0)) if places else (1, 1)
    arrays = {
        name: _grids(getattr(found, name), [by_source[source] for source in first], places, shape)
        for name in ("weights", "inputs", "products")
    }
    return encode(header, arrays)


def _by_source(sources: tuple[str, ...]) -> dict[Source, NDArray[np.int64]]:
    """Which products come from each channel."""
    found = defaultdict[Source, list[int]](list)
    for number, source in enumerate(sources):
        layer, _, rest = source.rpartition(":")
        found[layer, int(rest.partition("@")[0])].append(number)
    return {source: np.array(at) for source, at in found.items()}


def _places(sources: tuple[str, ...], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in a small grid the products of a channel belong, (n, 2): what lies between them is left out."""
    told = [sources[number].partition("@")[2] for number in at.tolist()]
    places = np.array([[int(n) for n in text.split(",")] if text else [0, 0] for text in told])
    ranks = [np.unique(places[:, axis], return_inverse=True)[1] for axis in (0, 1)]
    return np.stack(ranks, axis=1)


def _grids(values: Any, at: list[Any], places: list[Any], shape: tuple[int, ...]) -> Numbers:
    grids = np.full((len(at), *shape), np.nan, np.float32)
    for grid, numbers, place in zip(grids, at, places, strict=True):
        grid[place[:, 0], place[:, 1]] = values[numbers]
    return grids


def _box(net: Network, unit: Unit) -> Box:
    """What the neuron sees of the picture."""
    y, x = unit.position or (0, 0)
    field = field_of(net, unit.layer)
    rows, columns = field.rows[min(y, len(field.rows) - 1)], field.columns[min(x, len(field.columns) - 1)]
    height, width = net.preprocessing.size
    return Box(
        top=_within(rows[0], height),
        left=_within(columns[0], width),
        bottom=_within(rows[1], height),
        right=_within(columns[1], width),
    )


def _within(value: float, most: int) -> int:
    return int(min(max(value, 0), most))
