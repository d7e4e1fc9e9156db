"""Taps: tensors at any layers during one forward, which stops as soon as the deepest asked layer has spoken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from ..base.errors import ForwardFailed
from .execution import call, output_tensor
from .layers import listed

Hook = Callable[[nn.Module, Any, Any], None]
Run = Callable[[nn.Module, Tensor], Any]


class _Reached(BaseException):
    """Ends a forward early; no Exception, so that no `except Exception` in a user's module swallows it."""


def hooked(module: nn.Module, x: Tensor, hooks: Mapping[str, Hook], run: Run = call) -> Any:
    """The module's output, with a forward hook on each named submodule for just this call."""
    with ExitStack() as stack:
        for name, hook in hooks.items():
            stack.enter_context(module.get_submodule(name).register_forward_hook(hook))
        return run(module, x)


def forward(
    module: nn.Module, x: Tensor, calls: Mapping[str, int], output: str | int | None = None, run: Run = call
) -> dict[str, Tensor]:
    """The tensors at the layers named in `calls`, each with how many calls of it to wait for.

    `input` is x itself; `logits` is the class scores, found by `output`, and lets the forward run to its end. `run`
    calls the module: frozen, unless something else is given.
    """
    waiting = {name: count for name, count in calls.items() if name not in ("input", "logits")}
    to_the_end = "logits" in calls
    tensors: dict[str, Tensor] = {"input": x} if "input" in calls else {}

    def tap(name: str) -> Hook:
        def hear(_module: nn.Module, _inputs: Any, result: Any) -> None:
            if not listed(result):
                return
            waiting[name] -= 1
            if waiting[name] == 0:
                last = not to_the_end and not any(count > 0 for count in waiting.values())
                tensors[name] = result if last else result.clone()  # else an in-place layer would overwrite it
                if last:
                    raise _Reached

        return hear

    if not waiting and not to_the_end:
        return tensors
    try:
        result = hooked(module, x.clone(), {name: tap(name) for name in waiting}, run)
    except _Reached:
        return tensors
    if to_the_end:
        tensors["logits"] = output_tensor(result, output)
    _all_heard(name for name, count in waiting.items() if count > 0)
    return tensors


def _all_heard(silent: Iterable[str]) -> None:
    names = ", ".join(silent)
    if names:
        raise ForwardFailed(f"The module did not run {names} this time, though it did when its layers were listed.")
