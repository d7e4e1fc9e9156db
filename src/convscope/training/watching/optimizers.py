"""Steps of training, told by the optimizers themselves: in any loop, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Told = Callable[[Optimizer], None]


class Optimizers:
    """Calls `before` and `after` each update by given optimizers, or, of none, by any that has weights of a module.

    And `ready` when the gradients are: at once, or, where the optimizer is given a closure that takes them, once that
    has run for the first time. An update that AMP skips is none. `known` are those that have made one, or were given.
    """

    def __init__(self, module: nn.Module, given: Sequence[Optimizer], before: Told, ready: Told, after: Told) -> None:
        self._module, self._told, self._given = module, (before, ready, after), bool(given)
        self.known: dict[int, Optimizer] = {id(one): one for one in given}
        self._foreign: dict[int, int] = {}  # optimizers of others, and how many groups they had when they were seen
        if given:
            puts: list[Any] = [one.register_step_pre_hook for one in given]
            puts_after: list[Any] = [one.register_step_post_hook for one in given]
        else:
            puts, puts_after = [register_optimizer_step_pre_hook], [register_optimizer_step_post_hook]
        self._handles = [put(self._before) for put in puts] + [put(self._after) for put in puts_after]

    def remove(self) -> None:
        """Take all hooks off."""
        for handle in self._handles:
            handle.remove()

    def forget(self, stepped: Collection[int]) -> None:
        """Expect only those that made an update in a step, unless they were given: loops make new ones."""
        if not self._given:
            self.known = {key: one for key, one in self.known.items() if key in stepped}

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        if not self._mine(optimizer):
            return None
        before, ready, _ = self._told
        before(optimizer)
        _, *more = args  # the optimizer itself is the first
        closure = kwargs.get("closure", more[0] if more else None)
        if closure is None:
            ready(optimizer)
            return None
        told = _told_once(closure, lambda: ready(optimizer))
        return ((optimizer, told, *more[1:]), kwargs) if more else (args, {**kwargs, "closure": told})

    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        if self._mine(optimizer):
            self._told[2](optimizer)

    def _mine(self, optimizer: Optimizer) -> bool:
        if id(optimizer) in self.known:
            return True
        if self._foreign.get(id(optimizer)) == len(optimizer.param_groups):
            return False
        if has_weights_of(optimizer, self._module):
            self.known[id(optimizer)] = optimizer
            return True
        self._foreign[id(optimizer)] = len(optimizer.param_groups)
        return False


def _told_once(closure: Callable[[], Any], ready: Callable[[], None]) -> Callable[[], Any]:
    """A closure that does the same, and says when it has run for the first time."""
    waiting = [ready]

    def run() -> Any:
        found = closure()
        while waiting:
            waiting.pop()()
        return found

    return run


def has_weights_of(optimizer: Optimizer, module: nn.Module) -> bool:
    """Whether an optimizer changes any of a module's weights."""
    own = {id(weight) for weight in module.parameters()}
    return any(id(weight) in own for group in optimizer.param_groups for weight in group["params"])
