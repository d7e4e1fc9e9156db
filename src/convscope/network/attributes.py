"""Plain attributes of modules, which a forward may change: set aside for a look, and put back after it."""

from __future__ import annotations

import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor, nn

OWN = frozenset(nn.Module().__dict__)  # what every module has
PLAIN = frozenset((  # modules of PyTorch's that hold nothing a forward changes, and whose repr tells their settings
    nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Identity,
    nn.Dropout, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Sequential, nn.ModuleList, nn.Flatten,
))  # fmt: skip
_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, bytearray)
_CHANGEABLE = frozenset((*_CONTAINERS, Tensor, nn.Parameter, np.ndarray, np.random.Generator, random.Random))


def parts_of(module: nn.Module) -> list[nn.Module]:
    """A module and all its parts, each once, in no particular order; five times as fast as `modules()`."""
    found: dict[int, nn.Module] = {}
    waiting: list[nn.Module | None] = [module]
    while waiting:
        part = waiting.pop()
        if part is not None and id(part) not in found:
            found[id(part)] = part
            waiting += part._modules.values()
    return list(found.values())


class Attributes:
    """The attributes of some modules as they are now, evaluation mode among them."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        self._saved = [(part.__dict__, dict(part.__dict__)) for part in parts]
        self._changeable = [
            (part.__dict__, name, value)
            for part in parts
            if type(part) not in PLAIN and len(part.__dict__) > len(OWN)
            for name, value in part.__dict__.items()
            if type(value) in _CHANGEABLE and name not in OWN
        ]

    def set_aside(self) -> None:
        """Put copies in the place of what can be changed in place, and modules into evaluation mode."""
        for store, _ in self._saved:
            store["training"] = False
        for store, name, value in self._changeable:
            store[name] = _copied(value)

    def restore(self) -> None:
        """Put back what was there, and remove what was not."""
        for store, saved in self._saved:
            store.update(saved)
            if len(store) != len(saved):
                for name in store.keys() - saved.keys():
                    del store[name]


class Held:
    """What some modules hold at a moment: which objects, and how far these were written to."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        stores = [{k: v for k, v in part.__dict__.items() if k not in OWN} | part._buffers for part in parts]
        self._values = [value for store in stores for value in store.values()]  # kept, so that no id is used again
        self.state = [(name, id(value), _extent(value)) for store in stores for name, value in store.items()]


def _extent(value: Any) -> int:
    """A number that changes when a tensor is written to or a container grows."""
    if isinstance(value, Tensor):
        return 0 if value.is_inference() else value._version
    return len(value) if isinstance(value, _CONTAINERS) else 0


@contextmanager
def random_numbers() -> Iterator[None]:
    """The same random numbers of Python and NumPy each time, for modules that draw such; as before afterwards."""
    state, states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(states)  # noqa: NPY002


def _copied(value: Any) -> Any:
    """A copy of a tensor, array, generator or container; what else a container holds is shared."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.random.Generator):
        return _another(value)
    if isinstance(value, random.Random):
        other = random.Random()
        other.setstate(value.getstate())
        return other
    return _container(value)


def _container(value: Any) -> Any:
    if isinstance(value, defaultdict):
        return defaultdict(value.default_factory, {k: _held(v) for k, v in value.items()})
    if isinstance(value, dict):
        return type(value)((k, _held(v)) for k, v in value.items())
    if isinstance(value, deque):
        return deque(map(_held, value), value.maxlen)
    return type(value)(value) if isinstance(value, set | bytearray) else [_held(item) for item in value]


def _held(value: Any) -> Any:
    return _copied(value) if type(value) in _CHANGEABLE else value


def _another(generator: np.random.Generator) -> np.random.Generator:
    bits = type(generator.bit_generator)()
    bits.state = generator.bit_generator.state
    return np.random.Generator(bits)
