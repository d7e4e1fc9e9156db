"""The synthesized pictures of a layer that are there already, small, so that the grid can show them all."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...catalog.catalog import entry
from ...contract.request import Request
from ..workspace.artifacts import THUMB
from ..workspace.frame import encode
from ..workspace.messages import AskGallery, Gallery

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

Picture = NDArray[np.uint8]


def gallery(workspace: Workspace, ask: AskGallery) -> bytes:
    """A Gallery frame: of each channel of the layer the picture that `maximize` made of it with these knobs, if it did.

    Raises what a call of it would.
    """
    net = workspace.network(ask.network)
    units = net.layers[ask.layer].units
    with workspace.turns.now():  # a request reads the network's weights
        first = entry("maximize").function.request(net, f"{ask.layer}:0", **ask.knobs)
    found = {
        channel: _shown(workspace, request.digest, thumb)
        for channel, request in enumerate(each(first, ask.layer, units))
        if (thumb := workspace.store.get(request.digest, "thumb"))
    }
    pictures = np.stack([*found.values()]) if found else np.zeros((0, THUMB, THUMB, 3), np.uint8)
    header = Gallery(layer=ask.layer, units=units)
    return encode(header, {"pictures": pictures, "channels": np.array([*found], np.int32)})


def each(first: Request, layer: str, units: int) -> list[Request]:
    """The request for every channel of a layer, made from that for channel 0: hashing a network takes its time."""
    return [
        dataclasses.replace(first, subjects={**first.subjects, "unit": {"reference": f"{layer}:{channel}"}})
        for channel in range(units)
    ]


def _shown(workspace: Workspace, digest: str, thumb: bytes) -> Picture:
    known = workspace.thumbs.get(digest)
    return workspace.thumbs.put(digest, _decoded(thumb)) if known is None else known


def _decoded(thumb: bytes) -> Picture:
    """A small picture in the middle of a square."""
    square: Picture = np.full((THUMB, THUMB, 3), 255, np.uint8)
    with PIL.Image.open(io.BytesIO(thumb), formats=["PNG"]) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height, width, _ = pixels.shape
    top, left = (THUMB - height) // 2, (THUMB - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square
