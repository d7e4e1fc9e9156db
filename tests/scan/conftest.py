"""What tests of scans share: many small pictures, and a slow, obvious program that keeps every activation in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Forty parts of the bundled photos, all different, of different sizes."""
    rng = np.random.default_rng(0)
    whole = [cs.open_image(f"sample:{name}").pixels for name in cs.samples()]
    parts = []
    for i in range(40):
        picture = whole[i % len(whole)]
        side = int(rng.integers(90, min(picture.shape[:2])))
        y, x = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
        parts.append(picture[y : y + side, x : x + min(picture.shape[1] - x, side + int(rng.integers(0, 60)))].copy())
    return parts


@dataclass
class Slow:
    """Every activation of some layers for all images: `maps[layer]` is (images, units, positions)."""

    maps: dict[str, np.ndarray]

    def top(self, layer: str, k: int, per_image: int = 1) -> list[list[tuple[float, int, int]]]:
        """For every unit, (value, image, place): sorted by larger value, earlier image, earlier place."""
        maps, found = self.maps[layer], []
        for c in range(maps.shape[1]):
            rows = []
            for i, one in enumerate(maps[:, c]):
                fired = np.flatnonzero(one > 0)
                best = fired[np.lexsort((fired, -one[fired]))][:per_image]
                rows += [(float(one[p]), i, int(p)) for p in best]
            found.append(sorted(rows, key=lambda row: (-row[0], row[1], row[2]))[:k])
        return found

    def units(self, layer: str) -> dict[str, np.ndarray]:
        """The statistics of every unit, each straight from its definition."""
        maps = self.maps[layer]
        flat = maps.transpose(1, 0, 2).reshape(maps.shape[1], -1).astype(np.float64)
        response = np.maximum(maps.max(2), 0).astype(np.float64)
        n = len(maps)
        dead = flat.max(1) <= 1e-5 * np.abs(flat).max()
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = np.where(dead, np.nan, response.mean(0) ** 2 / (response**2).mean(0))
        return {
            "values": np.full(len(flat), flat.shape[1]),
            "mean": flat.mean(1).astype(np.float32),
            "std": flat.std(1).astype(np.float32),
            "min": flat.min(1).astype(np.float32),
            "max": flat.max(1).astype(np.float32),
            "zeros": (flat == 0).mean(1),
            "fired": np.where(dead, 0, (maps.max(2) > 0).sum(0)),
            "dead": dead,
            "constant": flat.min(1) == flat.max(1),
            "lifetime_sparseness": (1 - alike) / (1 - 1 / n),
            "mean_response": response.mean(0).astype(np.float32),
        }

    def population(self, layer: str) -> float:
        """Treves–Rolls over the units of a layer, the mean over images in which any fired."""
        response = np.maximum(self.maps[layer].max(2), 0).astype(np.float64)
        rows = [row for row in response if row.any() and len(row) > 1]
        found = [(1 - row.mean() ** 2 / (row**2).mean()) / (1 - 1 / len(row)) for row in rows]
        return float(np.mean(found)) if found else math.nan


@pytest.fixture(scope="session")
def slowly() -> Callable[..., Slow]:
    """`slowly(net, images, layers, batch_size)`: on one thread, in batches as a scan's: roundings depend on it."""

    def run(net: cs.Network, images: list[Any], layers: list[str], batch_size: int) -> Slow:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        maps: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
        try:
            for start in range(0, len(images), batch_size):
                part = [net.prepare(image) for image in images[start : start + batch_size]]
                full = torch.cat(part + part[:1] * (batch_size - len(part)))
                with torch.no_grad():
                    found = net.read(full.contiguous(memory_format=torch.channels_last), *layers)
                for layer in layers:
                    maps[layer] += list(
                        found[layer][: len(part)].contiguous().flatten(2 if found[layer].ndim == 4 else 1)
                    )
        finally:
            torch.set_num_threads(threads)
        stacked = {
            layer: torch.stack([m.reshape(net.layers[layer].units, -1) for m in rows]) for layer, rows in maps.items()
        }
        return Slow({layer: tensor.numpy() for layer, tensor in stacked.items()})

    return run
