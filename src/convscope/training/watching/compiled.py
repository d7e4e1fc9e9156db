"""Compiled modules, in which hooks are not heard: a batch is run once more through the module as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...network.isolation.frozen import frozen
from ...network.isolation.parts import parts_of
from ...network.isolation.running import device_of
from .own_hook import OwnHook

Seen = Callable[[Callable[[], object]], None]


class Replay:
    """Calls `seen` before each run of a compiled module, with what runs the original on the same batch.

    In that the module is as in training, but nothing of it changes: buffers, gradients and random numbers are as
    before. Dropout draws others.
    """

    def __init__(self, module: nn.Module, inner: nn.Module, seen: Seen) -> None:
        self._inner, self._seen = inner, seen
        self._handle: Any = None
        self._compiled: list[tuple[nn.Module, Any]] = []
        if module._compiled_call_impl is None:
            self._handle = module.register_forward_pre_hook(OwnHook(self._hook), with_kwargs=True)
        else:
            self._wrap(module)

    def remove(self) -> None:
        """Leave the module as it was."""
        if self._handle is not None:
            self._handle.remove()
        for module, call in self._compiled:
            module._compiled_call_impl = call
        self._compiled = []

    def _hook(self, _module: nn.Module, args: Any, kwargs: Any) -> None:
        if not torch.compiler.is_compiling():
            self._seen(lambda: self._run(args, kwargs))

    def _wrap(self, module: nn.Module) -> None:
        """Of a module that was compiled in place, hooks of its own are part of the code."""
        call = module._compiled_call_impl

        def around(*args: Any, **kwargs: Any) -> Any:
            self._seen(lambda: self._run(args, kwargs))
            return call(*args, **kwargs)  # type: ignore[misc]

        self._compiled.append((module, call))
        module._compiled_call_impl = around

    def _run(self, args: Any, kwargs: Any) -> None:
        kind = device_of(self._inner).type
        autocast, precision = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        modes = [(part, part.training) for part in parts_of(self._inner)]
        with torch.no_grad(), frozen(self._inner):
            for part, training in modes:
                part.__dict__["training"] = training
            with torch.autocast(kind, precision, autocast):
                nn.Module._call_impl(self._inner, *args, **kwargs)  # type: ignore[no-untyped-call]
