"""The part of an image that drives each unit of a circuit most, as far as a scan knows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ...base.errors import ConvscopeError
from ...network.network import Network
from ...scan.result import Scan
from ..inspection.patches import patches

_NONE = np.zeros((0, 0, 3), np.uint8)


def top_crops(net: Network, scan: Scan | None, units: Sequence[str]) -> tuple[NDArray[np.uint8], ...]:
    """A crop a unit, of no pixel where its layer was not scanned or it never fired; none without a scan."""
    return () if scan is None else tuple(_crop(net, scan, unit) for unit in units)


def _crop(net: Network, scan: Scan, unit: str) -> NDArray[np.uint8]:
    with suppress(ConvscopeError):  # a layer that was not scanned, or the image itself
        found = patches(net, scan, unit.partition("@")[0], top=1, projection="none").crops
        return found[0] if found else _NONE
    return _NONE
