"""Random numbers that belong to pictures: each has a generator of its own, so that its neighbors do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Rngs: TypeAlias = Sequence[torch.Generator]
"""One for each picture of a batch."""


def generator(*numbers: int) -> torch.Generator:
    """Random numbers of their own for every sequence of numbers, such as a seed, a unit and a variant."""
    drawn = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(drawn >> 1))


def normal(rngs: Rngs, *shape: int) -> Tensor:
    """Normal random numbers of this shape for each picture, (N, *shape), the same on every device."""
    return torch.stack([torch.randn(shape, generator=rng) for rng in rngs])


def uniform(rngs: Rngs, *shape: int) -> Tensor:
    """Random numbers from 0 to 1 of this shape for each picture, (N, *shape), the same on every device."""
    return torch.stack([torch.rand(shape, generator=rng) for rng in rngs])
