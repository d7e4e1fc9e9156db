"""Plain attributes of modules, which a forward may change: set aside for a look, and put back after it."""

from __future__ import annotations

import copy
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
import torch
from torch import Tensor, nn

from .parts import attributes_of
from .settings import SIMPLE, text_of

_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict, bytearray)
_CHANGEABLE = frozenset((*_CONTAINERS, Tensor, nn.Parameter, np.ndarray))
_FIXED = (
    *SIMPLE,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    type,
    nn.Module,
    torch.Size,
    BaseException,
)
_CHANGING: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()  # other attributes a forward was seen to change

_CONTAINERS_OF: WeakKeyDictionary[nn.Module, list[tuple[ReferenceType[nn.Module], str]]] = WeakKeyDictionary()


class Attributes:
    """The attributes of some modules as they are now, evaluation mode and their parts among them.

    Those of a `steady` module, whose forward was seen to change nothing, are told by `remember`. With `wholly`, objects
    of every kind are set aside, not only those that are known to change: to find out which do.
    """

    def __init__(self, parts: Sequence[nn.Module], wholly: bool = False, steady: nn.Module | None = None) -> None:
        self._saved = [(part.__dict__, dict(part.__dict__)) for part in parts]
        self._stores, self._parts = list[Any](), dict[int, nn.Module]()
        if steady is None:
            self._look(parts, wholly)
        else:
            there = ((weak(), name) for weak, name in _CONTAINERS_OF.get(steady, ()))
            self._changeable = [
                (p, name, p.__dict__[name]) for p, name in there if p is not None and name in p.__dict__
            ]

    def _look(self, parts: Sequence[nn.Module], wholly: bool) -> None:
        self._stores = [(store, dict(store)) for part in parts for store in (part._modules, part._buffers) if store]
        self._parts = {id(part): part for part in parts}
        found = [(part, name, value) for part in parts for name, value in attributes_of(part)]
        self._changeable = [
            (part, name, value)
            for part, name, value in found
            if type(value) in _CHANGEABLE or name in _CHANGING.get(part, ()) or (wholly and not _fixed(value))
        ]

    def remember(self, module: nn.Module) -> None:
        """Keep which attributes of a module's parts can be written to, so that they need not be looked for again."""
        found = [(ref(part), name) for part, name, value in self._changeable if type(value) in _CHANGEABLE]
        _CONTAINERS_OF[module] = found

    def set_aside(self) -> None:
        """Put copies in the place of what can be changed in place, and modules into evaluation mode."""
        for store, _ in self._saved:
            store["training"] = False
        for part, name, value in self._changeable:
            part.__dict__[name] = _copied(value, self._parts)

    def learn(self) -> bool:
        """Remember which attributes differ from what they were, and say whether any does."""
        changed = [(part, name) for part, name, value in self._changeable if _differs(part.__dict__.get(name), value)]
        for part, name in changed:
            _CHANGING.setdefault(part, set()).add(name)
        return bool(changed) or any(_rebound(store, saved, self._changeable) for store, saved in self._saved)

    def restore(self) -> None:
        """Put back what was there, and remove what was not."""
        for store, saved in (*self._saved, *self._stores):
            store.update(saved)
            if len(store) != len(saved):
                for name in store.keys() - saved.keys():
                    del store[name]


def _fixed(value: Any) -> bool:
    """Whether a value cannot change, or is no state of a module's own."""
    if isinstance(value, tuple):
        return all(map(_fixed, value))
    return isinstance(value, _FIXED)


def _differs(now: Any, before: Any) -> bool:
    return text_of(now) != text_of(before)


def _rebound(store: dict[str, Any], saved: dict[str, Any], copies: list[tuple[nn.Module, str, Any]]) -> bool:
    """Whether an attribute is another object now, but for those that were set aside."""
    aside = {name for part, name, _ in copies if part.__dict__ is store}
    names = (store.keys() | saved.keys()) - aside - {"training"}
    return any(store.get(name, saved) is not saved.get(name, store) for name in names)


def _copied(value: Any, parts: dict[int, nn.Module]) -> Any:
    """A copy of a value, with the module's parts themselves where it refers to them; itself where it has none."""
    copier: Callable[[Any], Any] | None = _COPIERS.get(type(value))
    if copier is not None:
        return copier(value)
    weights = {id(tensor): tensor for part in parts.values() for tensor in part._parameters.values()}
    try:
        return copy.deepcopy(value, {**parts, **weights})
    except Exception:  # a file, a lock: what cannot be copied is left as it is
        return value


def _held(value: Any) -> Any:
    copier = _COPIERS.get(type(value))
    return value if copier is None else copier(value)


_COPIERS: dict[type, Callable[[Any], Any]] = {
    Tensor: lambda tensor: tensor.detach().clone(),
    nn.Parameter: lambda tensor: tensor.detach().clone(),
    np.ndarray: lambda array: array.copy(),
    torch.Generator: lambda generator: generator.clone_state(),
    list: lambda found: [_held(item) for item in found],
    tuple: lambda found: tuple(_held(item) for item in found),
    dict: lambda found: {key: _held(item) for key, item in found.items()},
    OrderedDict: lambda found: OrderedDict((key, _held(item)) for key, item in found.items()),
    defaultdict: lambda found: defaultdict(found.default_factory, {key: _held(item) for key, item in found.items()}),
    deque: lambda found: deque(map(_held, found), found.maxlen),
    set: set,
    bytearray: bytearray,
}
