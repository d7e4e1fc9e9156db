"""A user's own hooks while a module is exported: those that only watch are not handed what is no real tensor."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from .attributes import parts_of
from .execution import plainly

_STORES = ("_forward_pre_hooks", "_forward_hooks")


def leave_out_watchers(module: nn.Module, x: Tensor) -> None:
    """Take off the hooks that return nothing in one forward of x; inside `frozen`, which puts them back.

    What returns something changes what a module is given or puts out, and stays; PyTorch's own, such as weight norm's,
    stay too.
    """
    parts = [part for part in parts_of(module) if any(_watching(getattr(part, store)) for store in _STORES)]
    if not parts:
        return
    changing: set[int] = set()
    for part in parts:
        for store in _STORES:
            hooks = getattr(part, store)
            part.__dict__[store] = OrderedDict((key, _noting(hook, key, changing)) for key, hook in hooks.items())
    plainly(module, x)
    for part in parts:
        for store in _STORES:
            kept = ((key, noting.hook) for key, noting in getattr(part, store).items() if key in changing)
            part.__dict__[store] = OrderedDict(kept)


def _watching(hooks: OrderedDict[int, Any]) -> bool:
    return any(not _torchs(hook) for hook in hooks.values())


def _torchs(hook: Callable[..., Any]) -> bool:
    return str(getattr(hook, "__module__", "") or type(hook).__module__).startswith("torch.")


def _noting(hook: Callable[..., Any], key: int, changing: set[int]) -> Any:
    """A hook that does the same and notes whether it returns something."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        result = hook(*args, **kwargs)
        if result is not None or _torchs(hook):
            changing.add(key)
        return result

    noting.hook = hook  # type: ignore[attr-defined]
    return noting
