"""What layers make of an image, as the grid and the unit panel show it: one forward for an image and a layer.

Maps are pooled to tiles by their mean, so that a tile is its map seen from further away, and sent as bytes between the
lowest and the highest value of the whole map: no tile is brighter than its map, and what is faint stays faint.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...base.errors import BadKnob, BadWeights, ForwardFailed
from ...base.pixels import Floats
from ...base.receptive_field import Box
from ...base.unit import Unit
from ...network.layers.functions import is_call
from ...network.network import Network
from ..workspace.frame import encode
from ..workspace.kept_graph import field_of
from ..workspace.messages import ClassScore, Fields, Look, Looked, LookUnit, OfLayer, UnitLooked
from ..workspace.python_line import loading, python_of

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_ENDS = ("input", "logits")  # the two layers that are no modules
_CLASSES = 5  # that are named


def look(workspace: Workspace, ask: Look) -> bytes:
    """A Looked frame: every channel of a layer for an image; raises UnknownLayer, BadImage, and ForwardFailed."""
    net = workspace.network(ask.network)
    layer = net.layer(ask.layer)
    scored = has_scores(net)
    found = layer_activations(workspace, ask, [*([] if ask.traced else [layer]), *(["logits"] if scored else [])])
    values = slopes(workspace, ask, layer) if ask.traced else found[layer]
    header = Looked(
        layer=layer,
        shape=values.shape,
        classes=classes_of(net, found["logits"]) if scored else (),
        explained="" if values.ndim == 3 else _explained(layer, len(values)),
        reach=reach(workspace, ask) if ask.reach else None,
        python=_python_of_slopes(workspace, ask) if ask.traced else _python(workspace, ask),
    )
    flat = values.reshape(len(values), -1)
    low, high = flat.min(1), flat.max(1)
    return encode(header, {"tiles": tiles(values, low, high, ask.side), "low": low, "high": high, "mean": _means(flat)})


def unit(workspace: Workspace, ask: LookUnit) -> bytes:
    """A UnitLooked frame: the whole map of a channel; raises UnknownUnit where there is none, else as `look`."""
    address = workspace.network(ask.network).unit(Unit(ask.layer, ask.channel))
    values = layer_activations(workspace, ask, [ask.layer])[ask.layer]
    own = values[ask.channel]
    header = UnitLooked(
        unit=str(address),
        low=float(own.min()),
        high=float(own.max()),
        mean=float(own.mean(dtype=np.float64)),
        zeros=float((own == 0).mean()),
        rank=1 + int((values.reshape(len(values), -1).max(1) > own.max()).sum()),
        python=_python(workspace, ask, ask.channel),
    )
    return encode(header, {"map": own if own.ndim == 2 else own.reshape(1, 1)})


def warm_up(workspace: Workspace, network: str) -> None:
    """Look once at the first image, so that nobody waits while the libraries get ready."""
    layer = workspace.loaded(network).info.start
    for info in workspace.pictures.images()[:1]:
        look(workspace, Look(network=network, layer=layer, image=info.id))


def fields(workspace: Workspace, ask: OfLayer) -> bytes:
    """A Fields frame: what each neuron of a layer sees of the image; gates, which only scale, are left out."""
    loaded = workspace.loaded(ask.network)
    layer = loaded.net.layer(ask.layer)
    with workspace.turns.now() if is_call(layer) else nullcontext():
        found = field_of(loaded.net, layer)
    rows, columns = found.rows.astype(np.int32), found.columns.astype(np.int32)
    return encode(Fields(layer=ask.layer, status=found.status), {"rows": rows, "columns": columns})


def layer_activations(workspace: Workspace, ask: Look | LookUnit, layers: Sequence[str]) -> dict[str, Floats]:
    """What layers put out, (C, H, W) or (C,) each: from memory, or by one forward for all that are not there."""

    def known() -> dict[str, Floats]:
        kept = {layer: workspace.activations.get((*_sight(workspace, ask), layer)) for layer in layers}
        return {layer: values for layer, values in kept.items() if values is not None}

    found = known()
    if len(found) < len(layers):
        with workspace.turns.now():
            found |= known()  # someone else may have asked meanwhile
            missing = [layer for layer in layers if layer not in found]
            for layer, values in _read(workspace, ask, missing).items():
                found[layer] = workspace.activations.put((*_sight(workspace, ask), layer), values)
    return found


def slopes(workspace: Workspace, ask: Look, layer: str) -> Floats:
    """The gradient of the traced unit with respect to what a layer puts out; raises BadKnob where it has none."""
    net, key = workspace.network(ask.network), (*_sight(workspace, ask), layer, ask.traced)
    if layer in _ENDS:
        raise BadKnob(f"A gradient must be at a layer between input and logits, not at {layer}. Choose another one.")
    kept = workspace.activations.get(key)
    if kept is None:
        with workspace.turns.now():
            found = net.gradient_at(_prepared(workspace, ask), ask.traced, layer, hidden=_boxes(ask))[0]
        kept = workspace.activations.put(key, found.float().contiguous().numpy(force=True))
        _check_finite(layer, kept)
    return kept


def seen(workspace: Workspace, network: str, image: str) -> NDArray[np.uint8]:
    """The part of an image a network sees, (H, W, 3)."""
    kept = workspace.seen.get((network, image))
    return (
        workspace.seen.put((network, image), workspace.network(network).see(workspace.image(image)))
        if kept is None
        else kept
    )


def reach(workspace: Workspace, ask: Look) -> tuple[float, float]:
    """The lowest and the highest value of all layers with maps, by one forward."""
    kept = workspace.activations.get((*_sight(workspace, ask), None))
    if kept is None:
        with workspace.turns.now():
            ends = np.array(_ends(workspace, ask), np.float32)
        _check_finite("Some layer", ends)
        kept = workspace.activations.put((*_sight(workspace, ask), None), ends)
    return float(kept[0]), float(kept[1])


def tiles(values: Floats, low: Floats, high: Floats, side: int) -> NDArray[np.uint8]:
    """Maps as bytes from `low` to `high`, no side longer than `side`; single numbers as maps of one place."""
    maps = torch.from_numpy(values if values.ndim == 3 else values[:, None, None])
    longest = max(maps.shape[1:])
    if longest > side:
        height, width = (max(1, round(n * side / longest)) for n in maps.shape[1:])
        maps = functional.adaptive_avg_pool2d(maps, (height, width))
    base, span = torch.from_numpy(low)[:, None, None], torch.from_numpy(high - low)[:, None, None]
    scaled = (maps - base) / torch.where(span > 0, span, 1) * 255
    found: NDArray[np.uint8] = scaled.round().clamp(0, 255).to(torch.uint8).numpy()
    return found


def _sight(workspace: Workspace, ask: Look | LookUnit) -> tuple[object, ...]:
    """What is looked at, and by whom: a network that is in use elsewhere may change while it is looked at."""
    digest = workspace.network(ask.network).digest if ask.network == workspace.in_use else ""
    return ask.network, digest, ask.image, ask.hidden


def _prepared(workspace: Workspace, ask: Look | LookUnit) -> Tensor:
    """What the network is given where nothing is hidden."""
    return workspace.network(ask.network).feed(seen(workspace, ask.network, ask.image))


def _boxes(ask: Look | LookUnit) -> list[Box]:
    return [(box.top, box.left, box.bottom, box.right) for box in ask.hidden]


def _read(workspace: Workspace, ask: Look | LookUnit, layers: Sequence[str]) -> dict[str, Floats]:
    if not layers:
        return {}
    with torch.no_grad():
        tensors = workspace.network(ask.network).read(_prepared(workspace, ask), *layers, hidden=_boxes(ask))
        found = {layer: tensors[layer][0].float().contiguous().numpy(force=True) for layer in layers}
    for layer, values in found.items():
        _check_finite(layer, values)
    return found


def _ends(workspace: Workspace, ask: Look) -> tuple[float, float]:
    net = workspace.network(ask.network)
    maps = [name for name, row in net.layers.items() if len(row.shape) == 3 and _trained(net, name)]
    found = net.extremes(_prepared(workspace, ask), *maps, hidden=_boxes(ask)).values()
    return min(low for low, _ in found), max(high for _, high in found)


def has_scores(net: Network) -> bool:
    """Whether the network's class scores mean something."""
    return net.classifies and _trained(net, "logits")


def _trained(net: Network, layer: str) -> bool:
    try:
        net.check_trained([layer])
    except BadWeights:
        return False
    return True


def classes_of(net: Network, logits: Floats) -> tuple[ClassScore, ...]:
    """The likeliest classes."""
    scores = torch.from_numpy(logits)
    probabilities = net.probabilities(scores[None])[0]
    best = scores.topk(min(_CLASSES, len(scores))).indices.tolist()
    return tuple(
        ClassScore(index=i, label=net.label(i), probability=float(probabilities[i]), score=float(scores[i]))
        for i in best
    )


def _explained(layer: str, units: int) -> str:
    return f"{layer} puts out {units} numbers without places, so there is no map: each cell is one unit."


def _means(flat: Floats) -> Floats:
    means: Floats = flat.mean(1, dtype=np.float64).astype(np.float32)
    return means


def _check_finite(what: str, values: Floats) -> None:
    if not np.isfinite(values).all():
        raise ForwardFailed(f"{what} put out numbers that are not finite, which cannot be shown. Use another image.")


def _python_of_slopes(workspace: Workspace, ask: Look) -> str:
    net, reference = workspace.network(ask.network), workspace.image(ask.image).reference
    given = f"net.prepare({repr(reference) if reference else 'image'}), {ask.traced!r}, {ask.layer!r}"
    hidden = f", hidden={_boxes(ask)}" if ask.hidden else ""
    return f"net = {loading(net)}\nnet.gradient_at({given}{hidden})[0]"


def _python(workspace: Workspace, ask: Look | LookUnit, channel: int | None = None) -> str:
    """The Python that gives the values; what is hidden is hidden in what the network is given."""
    net, reference = workspace.network(ask.network), workspace.image(ask.image).reference
    if not ask.hidden:
        subjects = {"image": {"reference": reference, "digest": ask.image}, "layer": {"reference": ask.layer}}
        line = python_of(net, "activations", subjects)
        return line if channel is None else f"{line}.values[{channel}]"
    hide = [f"x[..., {box.top}:{box.bottom}, {box.left}:{box.right}] = 0" for box in ask.hidden]
    picked = "[0]" if channel is None else f"[0, {channel}]"
    steps = [f"net = {loading(net)}", f"x = net.prepare({repr(reference) if reference else 'image'})", *hide]
    return "\n".join([*steps, f"net.read(x, {ask.layer!r})[{ask.layer!r}]{picked}"])
