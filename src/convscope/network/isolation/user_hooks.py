"""A user's own hooks: those that only watch are told from those that change what a module is given or puts out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from torch import nn

from ..axes.recording import tensors_in
from .parts import parts_of

_STORES = ("_forward_pre_hooks", "_forward_hooks")
_OURS = "convscope."


def hooks_of(module: nn.Module) -> list[int]:
    """The numbers of the hooks on a module's parts that are neither PyTorch's nor ours."""
    stores = (getattr(part, store) for part in parts_of(module) for store in _STORES)
    return [number for store in stores if store for number, hook in store.items() if not _known(hook)]


def observe(module: nn.Module) -> set[int]:
    """Have hooks watched, inside `frozen`, which puts them back: gives the numbers, as it runs, of those that change.

    Such a hook returns something, or writes to what it is shown.
    """
    changing: set[int] = set()
    for part in parts_of(module) if hooks_of(module) else ():
        for store in _STORES:
            hooks = getattr(part, store).items()
            part.__dict__[store] = OrderedDict((n, h if _known(h) else _noting(h, n, changing)) for n, h in hooks)
    return changing


def leave_out(module: nn.Module, watching: Collection[int]) -> None:
    """Take off hooks that only watch, inside `frozen`, which puts them back."""
    for part in parts_of(module) if watching else ():
        for store in _STORES:
            hooks = getattr(part, store).items()
            part.__dict__[store] = OrderedDict((n, hook) for n, hook in hooks if n not in watching)


def is_ours(hook: Callable[..., Any]) -> bool:
    """Whether a hook is one of this package's, which is there for a look."""
    return _home(hook).startswith(_OURS)


def _known(hook: Callable[..., Any]) -> bool:
    return _home(hook).startswith((_OURS, "torch."))


def _home(hook: Callable[..., Any]) -> str:
    inner = hook.func if isinstance(hook, partial) else hook
    return str(getattr(inner, "__module__", "") or type(inner).__module__)


def _noting(hook: Callable[..., Any], number: int, changing: set[int]) -> Any:
    """A hook that does the same and notes whether it changes anything."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        before = _versions(args)
        result = hook(*args, **kwargs)
        if result is not None or before != _versions(args):
            changing.add(number)
        return result

    return noting


def _versions(values: Any) -> list[int]:
    """How often each tensor was written to; of those of inference mode that is not counted."""
    return [0 if tensor.is_inference() else tensor._version for tensor in tensors_in(values)]
