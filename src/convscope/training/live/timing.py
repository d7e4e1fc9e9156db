"""How long forward and backward passes take: of one step now and then, by hooks that are there for that step alone."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from ...network.axes.recording import tensors_in
from ...network.isolation.running import device_of
from ..watching.own_hook import OwnHook


class StepTimer:
    """Times the passes of a module from `begin` to `end`; of a module that was compiled in place, none.

    `forward` and `backward` are milliseconds, `images` the length of the batches, None before the first. What lies
    between the end of the last forward pass and the update is counted as backward: with the loss, and with clipping.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.forward: float | None = None
        self.backward: float | None = None
        self.images: int | None = None
        self._handles: list[Any] = []
        self._took, self._since, self._ended, self._seen = 0.0, 0.0, 0.0, 0

    def begin(self) -> None:
        """Time the step that begins."""
        self.remove()
        if self._module._compiled_call_impl is not None:
            return
        self._took = self._ended = 0.0
        self._seen = 0
        self._handles = [
            self._module.register_forward_pre_hook(OwnHook(self._start)),
            self._module.register_forward_hook(OwnHook(self._stop)),
        ]

    def end(self) -> None:
        """The gradients are there, and the update comes."""
        if self._handles and self._ended:
            self.forward, self.backward = 1000 * self._took, 1000 * (self._now() - self._ended)
            self.images = self._seen
        self.remove()

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _start(self, _module: nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled():
            x = next(tensors_in([inputs]), None)
            self._seen += 0 if x is None or not x.ndim else len(x)
            self._since = self._now()

    def _stop(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        if torch.is_grad_enabled() and self._since:
            self._ended = self._now()
            self._took += self._ended - self._since
            self._since = 0.0

    def _now(self) -> float:
        device = device_of(self._module)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()
