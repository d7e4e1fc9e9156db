"""What the layers put out in the forward passes of one step of training: hooks that are there for that step alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn

from ...network.axes.recording import tensors_in
from ..statistics.channel_statistics import channel_axis, channel_sums, saturated_values
from ..statistics.samples import OF_OUTPUTS, sampled_values
from .compiled import Replay
from .own_hook import OwnHook
from .watched_layers import is_compiled

Guard = Callable[[str], Any]
_TRAINED: WeakSet[nn.Module] = WeakSet()  # modules that were seen in training mode


class Forwards:
    """Watches the layers of a module in training until `remove`.

    `sums` are those of `channel_sums` of each call, `samples` of values, in the order in which layers first ran. Only
    forward passes that gradients are taken of count: not those of an evaluation, nor those that gradient checkpointing
    repeats. What was compiled is run once more as it is written, before it runs. `guard` is entered around all that is
    done, and keeps errors and the time it takes.
    """

    def __init__(self, module: nn.Module, inner: nn.Module, layers: dict[str, nn.Module], guard: Guard) -> None:
        self.sums: dict[str, list[Tensor]] = {}
        self.counts: dict[str, int] = {}  # values a channel
        self.flat: dict[str, tuple[Tensor, int]] = {}  # saturated values, and of how many
        self.samples: dict[str, Tensor] = {}
        self.calls, self.uneven = 0, set[str]()
        self._inner, self._guard, self._depth, self._counted = inner, guard, 0, False
        self._replay = Replay(module, inner, self._replayed) if is_compiled(module) else None
        self._handles: list[Any] = []
        if self._replay is None:
            self._handles += [
                inner.register_forward_pre_hook(OwnHook(self._begin)),
                inner.register_forward_hook(OwnHook(self._end), always_call=True),
                *(part.register_forward_hook(self._layer_hook(name)) for name, part in layers.items()),
            ]
        else:
            self._layers = layers

    def remove(self) -> None:
        """Take all hooks off."""
        for handle in self._handles:
            handle.remove()
        if self._replay is not None:
            self._replay.remove()

    def _begin(self, _module: nn.Module, _inputs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        self._depth += 1
        self._counted = torch.is_grad_enabled() and in_training(self._inner) and not _in_backward()
        self.calls += self._counted

    def _end(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        if not torch.compiler.is_compiling():
            self._depth = max(0, self._depth - 1)

    def _layer_hook(self, name: str) -> OwnHook:
        def hear(module: nn.Module, _inputs: Any, output: Any) -> None:
            if torch.compiler.is_compiling() or _in_backward():
                return
            if self._counted if self._depth else torch.is_grad_enabled() and module.training:
                with self._guard(f"the statistics of {name}"):
                    self._note(name, module, output)

        return OwnHook(hear)

    @torch.no_grad()
    def _note(self, name: str, module: nn.Module, output: Any) -> None:
        x = next((t for t in tensors_in([output]) if t.is_floating_point() and t.ndim and t.numel()), None)
        if x is None:
            return
        sums = channel_sums(x, channel_axis(module, x.ndim))
        earlier = self.sums.setdefault(name, [])
        if earlier and earlier[0].shape != sums.shape:
            self.uneven.add(name)
            return
        earlier.append(sums)
        self.counts[name] = self.counts.get(name, 0) + x.numel() // sums.shape[1]
        self.samples.setdefault(name, sampled_values(x, OF_OUTPUTS))
        flat = saturated_values(module, x)
        if flat is not None:
            before, of = self.flat.get(name, (0, 0))
            self.flat[name] = flat + before, of + x.numel()

    def _replayed(self, run: Callable[[], object]) -> None:
        """Count a forward pass of compiled code by running the module itself, on the same batch, once more."""
        if not (torch.is_grad_enabled() and in_training(self._inner)) or _in_backward():
            return
        with self._guard("the statistics of a compiled module"):
            self._depth, self._counted = 1, True
            handles = [part.register_forward_hook(self._layer_hook(name)) for name, part in self._layers.items()]
            try:
                run()
            finally:
                self._depth = 0
                for handle in handles:
                    handle.remove()
            self.calls += 1


def in_training(module: nn.Module) -> bool:
    """Whether a module is in training mode; one that never was is trained in evaluation mode."""
    if module.training:
        _TRAINED.add(module)
    return module.training or module not in _TRAINED


def _in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1
