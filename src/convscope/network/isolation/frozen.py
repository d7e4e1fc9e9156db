"""Looking at a user's module without leaving a trace: frozen, in evaluation mode, eager, deterministic, alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakSet

import torch
from torch import Tensor, nn

from ...base.undo import undoing
from . import alone
from .attributes import Attributes
from .eager import Eager
from .parts import parts_of
from .randomness import Generators
from .running import device_of, plainly

_Slot: TypeAlias = tuple[Any, str, Tensor | None]  # where a module keeps a tensor, under which name, and the tensor

_FROZEN: dict[int, list[_Freeze]] = {}  # by the number of a module: how it is frozen now, the first time first
_STEADY: WeakSet[nn.Module] = WeakSet()  # modules that a forward was seen to leave as they were
_WRITERS: WeakSet[nn.Module] = WeakSet()  # modules that write to their own weights


@dataclass
class Changes:
    """Whether what ran inside `frozen(…, wholly=True)` changed the module's own state."""

    state: bool = False


def call(module: nn.Module, x: Tensor) -> Any:
    """The module's output for x, frozen; raises ForwardFailed as `plainly` does."""
    with frozen(module):
        return plainly(module, x)


def frozen(
    module: nn.Module, channels_last: bool = False, wholly: bool = False
) -> AbstractContextManager[Changes, None]:
    """Parameters that take no gradient, buffers and attributes that may be written to, evaluation mode, a fixed seed.

    Everything is as before afterwards, also after an error or an interrupt; other threads wait. What is recomputed in a
    backward pass must be inside too. Modes are set one by one: `module.train()` may be overridden, and would unfreeze
    what a user froze on purpose. What is given says, with `wholly`, whether what ran changed the module's state.
    Inside of itself it does little for a module that a forward leaves as it is.
    With `channels_last` convolutions run in that layout, up to twice as fast: worth its copies for many passes.
    """
    return _Freeze(module, channels_last, wholly)


class _Freeze(AbstractContextManager[Changes, None]):
    def __init__(self, module: nn.Module, channels_last: bool, wholly: bool) -> None:
        self.module, self.channels_last, self.wholly = module, channels_last, wholly
        self.worker, self.slots = alone.worker(), list[_Slot]()
        self._changes, self._undo = Changes(), undoing(self._thaw)
        self._locks = list[Any]()

    _attributes: Attributes | None = None
    _eager: Eager | None = None
    _buffers: list[_Slot]
    _generators: Generators | None = None

    def __enter__(self) -> Changes:
        self._undo.__enter__()
        self._take(alone.lock_of(self.module))
        device = device_of(self.module)
        self._modes = torch.is_grad_enabled(), device.type, torch.is_autocast_enabled(device.type)
        torch.set_autocast_enabled(device.type, False)
        around = _FROZEN.get(id(self.module), [])
        own = [freeze for freeze in around if freeze.worker == self.worker]
        if self.wholly or self.module not in alone.QUIET:
            self._seed(device)  # for modules that draw even in evaluation mode, such as F.dropout(x)
        if not (own and self._enough(own[-1])):
            self._freeze(own[-1:] or around[:1])
        return self._changes

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if self.wholly and kind is None:
                self._learn()
        finally:
            self._undo.undo()

    def _enough(self, around: _Freeze) -> bool:
        """Whether what the block around this one did is all that there is to do."""
        return not self.wholly and self.module in _STEADY and around.channels_last >= self.channels_last

    def _take(self, lock: Any) -> None:
        if not alone.held(lock):
            lock.acquire()
            self._locks.append(lock)

    def _seed(self, device: torch.device) -> None:
        self._take(alone.random_lock())
        self._generators = Generators(device)
        self._generators.seed()

    def _freeze(self, around: list[_Freeze]) -> None:
        """`around`, the block whose module this is now, may be of another thread, which lends it in between."""
        module, parts = self.module, parts_of(self.module)
        lender = around[0] if around and around[0].worker != self.worker else None
        given = {(id(store), name): tensor for store, name, tensor in lender.slots} if lender else {}
        weights: list[_Slot] = [(part._parameters, name, t) for part in parts for name, t in part._parameters.items()]
        self._buffers = [(part._buffers, name, t) for part in parts for name, t in part._buffers.items()]
        steady = module if not self.wholly and module in _STEADY else None
        self._attributes, self.slots = Attributes(parts, self.wholly, steady), weights
        copied = self.wholly or module in _WRITERS
        if any(_compiled(part) for part in parts):
            self._eager = Eager()
            self._eager.__enter__()
        for store, name, tensor in weights:
            own = given.get((id(store), name), tensor)
            store[name] = None if own is None else _fixed(own, self.channels_last, copied)
        for store, name, tensor in self._buffers:
            store[name] = None if tensor is None else tensor.detach().clone()
        self._attributes.set_aside()
        _FROZEN.setdefault(id(module), []).append(self)

    def _thaw(self) -> None:
        """Put everything back; run again where an interrupt fell into it."""
        if self._attributes is not None:
            self._attributes.restore()
            for store, name, tensor in self.slots + self._buffers:
                store[name] = tensor
        open_ones = _FROZEN.get(id(self.module), [])
        if self in open_ones:
            open_ones.remove(self)
        if not open_ones:
            _FROZEN.pop(id(self.module), None)
        if self._eager is not None:
            self._eager.__exit__()
        if self._generators is not None:
            self._generators.restore()
        if self._modes is not None:
            gradients, kind, autocast = self._modes
            torch.set_grad_enabled(gradients)
            torch.set_autocast_enabled(kind, autocast)
        while self._locks:
            self._locks.pop().release()

    _modes: tuple[bool, str, bool] | None = None

    def _learn(self) -> None:
        """Keep what was seen of the forward, so that others have less to do."""
        module, attributes, generators = self.module, self._attributes, self._generators
        assert attributes is not None and generators is not None
        self._changes.state = attributes.learn() | _wrote(module, self.slots, self._buffers)
        attributes.remember(module)
        (_STEADY.discard if self._changes.state else _STEADY.add)(module)
        (alone.QUIET.discard if generators.drawn() else alone.QUIET.add)(module)


def _wrote(module: nn.Module, weights: list[_Slot], buffers: list[_Slot]) -> bool:
    """Whether weights or buffers were written to; a module that writes to its weights is given copies from now on."""
    if any(_unlike(store.get(name), tensor) for store, name, tensor in weights):
        _WRITERS.add(module)
    return module in _WRITERS or any(_unlike(store.get(name), tensor) for store, name, tensor in buffers)


def _unlike(now: Tensor | None, before: Tensor | None) -> bool:
    if now is None or before is None:
        return now is not before
    return now.shape != before.shape or not torch.equal(now.detach(), before.detach())


def _fixed(weight: Tensor, channels_last: bool, copied: bool) -> nn.Parameter:
    """A weight that takes no gradient; one made in inference mode is copied, for it could take part in none."""
    plain = weight.detach().clone() if copied or weight.is_inference() else weight.detach()
    return nn.Parameter(_laid_out(plain, channels_last), requires_grad=False)


def _laid_out(weight: Tensor, channels_last: bool) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last) if channels_last and weight.ndim == 4 else weight


def _compiled(part: nn.Module) -> bool:
    return part._compiled_call_impl is not None or "_orig_mod" in part._modules
