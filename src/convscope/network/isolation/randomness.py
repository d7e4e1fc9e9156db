"""The process's generators of random numbers, lent to what draws of them: seeded, and as before afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch

from ...base.undo import undoing
from . import alone

_State: TypeAlias = tuple[bytes, bytes, tuple[Any, ...], tuple[Any, ...]]


class Generators:
    """The generators that anybody may draw from without naming one: PyTorch's, Python's and NumPy's."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = self._state()

    def seed(self, seed: int = 0) -> None:
        """Have what is drawn next be the same every time."""
        torch.default_generator.manual_seed(seed)
        if self._device.type == "cuda":
            torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002

    def drawn(self) -> bool:
        """Whether anything was drawn since they were seeded with 0; they are so again."""
        now = self._state()
        self.seed()
        return now != self._state()

    def restore(self) -> None:
        """Put them back to where they were."""
        cpu, cuda, python, (name, keys, *rest) = self._before
        torch.default_generator.set_state(_tensor(cpu))
        if cuda:
            torch.cuda.set_rng_state(_tensor(cuda), self._device)
        random.setstate(python)
        np.random.set_state((name, np.frombuffer(keys, np.uint32), *rest))  # noqa: NPY002

    def _state(self) -> _State:
        cuda = torch.cuda.get_rng_state(self._device).numpy().tobytes() if self._device.type == "cuda" else b""
        name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
        assert isinstance(keys, np.ndarray)
        cpu = torch.default_generator.get_state().numpy().tobytes()
        return cpu, cuda, random.getstate(), (name, keys.tobytes(), *rest)


def _tensor(state: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


@contextmanager
def seeded(device: torch.device | None = None, seed: int = 0) -> Iterator[None]:
    """The same random numbers each time, for what draws such; as before afterwards. One in the process at a time."""
    with alone.random_lock():
        generators = Generators(device or torch.device("cpu"))
        with undoing(generators.restore):
            generators.seed(seed)
            yield
