"""Taps: tensors at any layers during one forward, which stops as soon as the deepest asked layer has spoken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn

from ...base.errors import ForwardFailed
from ..isolation.frozen import call
from ..isolation.hooks import Hooks
from ..isolation.running import output_tensor
from .functions import Functions, Hook, is_call
from .layers import listed

Run = Callable[[nn.Module, Tensor], Any]
END = ""  # among the layers that are asked for: nothing to see, but no module is left out


class _Reached(BaseException):
    """Ends a forward early; no Exception, so that no `except Exception` in a user's module swallows it."""


def hooked(module: nn.Module, x: Tensor, hooks: Mapping[str, Hook], run: Run = call) -> Any:
    """The module's output, with a forward hook on each named submodule or function's value for just this call."""
    with tapped(module, hooks):
        return run(module, x)


@contextmanager
def tapped(module: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Inside the block a forward hook is on each named submodule, and on each value of a function that is named."""
    on_functions = Functions(module, hooks.get) if any(map(is_call, hooks)) else nullcontext()
    with Hooks() as ours, on_functions:
        for name, hook in hooks.items():
            if not is_call(name):
                ours.after(module.get_submodule(name), hook)
        yield


def forward(
    module: nn.Module, x: Tensor, calls: Mapping[str, int], output: str | int | None = None, run: Run = call
) -> dict[str, Tensor]:
    """The tensors at the layers named in `calls`, each with how many calls of it to wait for; see `visit`."""
    tensors: dict[str, Tensor] = {}

    def keep(name: str, tensor: Tensor, last: bool) -> None:
        lasting = last or name in ("input", "logits")  # anything else a layer in place may overwrite
        tensors[name] = tensor if lasting else tensor.clone()

    visit(module, x, calls, keep, output, run)
    return tensors


def visit(
    module: nn.Module,
    x: Tensor,
    calls: Mapping[str, int],
    see: Callable[[str, Tensor, bool], None],
    output: str | int | None = None,
    run: Run = call,
) -> None:
    """Show `see` the tensor at each layer in `calls`, once it was called so often, and whether it is the last.

    What it sees may be overwritten once it returns. `input` is x itself; `logits` is the class scores, found by
    `output`; it and END let the forward run to its end. `run` calls the module: frozen, unless something else is given.
    """
    waiting = {name: count for name, count in calls.items() if name not in ("input", "logits", END)}
    to_the_end = "logits" in calls or END in calls
    if "input" in calls:
        see("input", x, False)

    own = threading.get_ident()

    def tap(name: str) -> Hook:
        def hear(_module: nn.Module, _inputs: Any, result: Any) -> None:
            if not listed(result) or threading.get_ident() != own:  # another thread may run the same module
                return
            waiting[name] -= 1
            if waiting[name] == 0:
                last = not to_the_end and not any(count > 0 for count in waiting.values())
                see(name, result, last)
                if last:
                    raise _Reached

        return hear

    if not waiting and not to_the_end:
        return
    try:
        result = hooked(module, x.clone(), {name: tap(name) for name in waiting}, run)
    except _Reached:
        return
    if "logits" in calls:
        see("logits", output_tensor(result, output), True)
    _all_heard(name for name, count in waiting.items() if count > 0)


def _all_heard(silent: Iterable[str]) -> None:
    names = ", ".join(silent)
    if names:
        raise ForwardFailed(f"The module did not run {names} this time, though it did when its layers were listed.")
