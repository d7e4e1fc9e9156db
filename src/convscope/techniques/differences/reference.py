"""What is usual for a unit: how its response is spread over a data set: by a scan, or else the bundled photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadScan
from ...base.samples import samples
from ...contract.silence import silent
from ...network.layers.layers import Layer
from ...network.network import Network
from ...scan.result import Scan
from .responses import has_places, responses

HIGH = 0.95  # the quantile of the responses that is crossed
_FLOOR = 5  # percentile of a layer's spreads that none is taken to be below
_LEVEL = 1e-6  # of the mean: what is spread less has one value but for roundings

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Usual:
    """Of the units of a layer: the `spread` of their responses, their 95th percentile `high`, and who is `dead`.

    `spread` is the standard deviation over the images, 0 for units that respond the same to all of them.
    """

    spread: _Floats
    high: _Floats
    dead: NDArray[np.bool_]

    @property
    def constant(self) -> NDArray[np.bool_]:
        """The units that are not dead, but respond the same to every image."""
        found: NDArray[np.bool_] = (self.spread == 0) & ~self.dead
        return found

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The units whose change has a measure."""
        return ~(self.dead | self.constant)

    @property
    def unit_of_change(self) -> _Floats:
        """What a change is measured in: the spread, or where that is smaller, the layer's 5th percentile of spreads."""
        known = self.spread[self.counted]
        return np.maximum(self.spread, np.percentile(known, _FLOOR) if known.size else 1.0)


@dataclass(frozen=True, eq=False)
class Reference:
    """What is usual, by layer, and the `evidence` of what it is taken from."""

    layers: dict[str, Usual]
    evidence: dict[str, Any]


def of_photos(net: Network, layers: Sequence[Layer], but: NDArray[np.uint8]) -> Reference:
    """What is usual over the bundled photos but the one the network sees as `but`: few, yet always at hand."""
    each = [net.see(f"sample:{name}") for name in samples()]
    seen = np.stack([one for one in each if not np.array_equal(one, but)])
    found = responses(net, seen, layers)
    other = "bundled photos" if len(seen) == len(each) else "other bundled photos"
    told = f"the {len(seen)} {other}, so spreads and percentiles are rough: scan a data set for better ones"
    usual = {name: _usual(values) for name, values in found.values.items()}
    return Reference(usual, {"reference": told, "images": len(seen), "reference_passes": found.passes})


def of_scan(net: Network, scan: Scan, layers: Sequence[Layer]) -> Reference:
    """What is usual over the images of a scan; raises BadScan for a scan of another network or without quantiles."""
    scan.check(net)
    if not scan.evidence["sampled"]:
        raise BadScan("scan must have seen at least one image. Scan again.")
    usual = {layer.name: _scanned(scan, layer) for layer in layers}
    return Reference(usual, {"reference": f"a scan of {scan.evidence['images']} images", **scan.evidence})


def _usual(values: _Floats) -> Usual:
    high = np.quantile(values, HIGH, axis=0, method="nearest")
    dead = silent(np.abs(values).max(0))
    return Usual(np.where(dead, 0, _level(values.std(0), values.mean(0))), high, dead)


def _scanned(scan: Scan, layer: Layer) -> Usual:
    units, examples = (scan.of_layer(name, layer.name) for name in ("units", "examples"))
    column = {name: units[name].to_numpy().astype(np.float64) for name in _COLUMNS}
    quantiles = examples["quantile"].to_numpy().reshape(layer.units, -1)[0]
    peaks = examples["value"].to_numpy().reshape(layer.units, -1)[:, np.abs(quantiles - HIGH).argmin()]
    if not has_places(layer.shape):
        spread, mean, high = column["std"], column["mean"], peaks
        dead = silent(np.maximum(np.abs(column["min"]), np.abs(column["max"])))  # a score that is always negative lives
    else:
        mean, high, dead = column["mean_response"], peaks.clip(min=0), column["dead"].astype(bool)
        spread = mean * _variation(column["lifetime_sparseness"], scan.evidence["images"])
    return Usual(np.where(dead, 0, _level(spread, mean)), high.astype(np.float64), dead)


_COLUMNS = ("mean", "std", "min", "max", "mean_response", "lifetime_sparseness", "dead")


def _variation(sparseness: _Floats, images: int) -> _Floats:
    """The standard deviation over the mean, of which lifetime sparseness (Vinje and Gallant 2000) is a function."""
    share = np.nan_to_num(sparseness) * (1 - 1 / images)
    return np.asarray(np.sqrt(share / np.maximum(1 - share, np.finfo(float).tiny)))


def _level(spread: _Floats, mean: _Floats) -> _Floats:
    return np.where(spread <= _LEVEL * np.abs(mean), 0, spread)
