"""Running a user's module without leaving a trace: frozen, in evaluation mode, eager, deterministic."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor, nn

from ..base.errors import ForwardFailed
from .attributes import Attributes, random_numbers
from .causes import failed
from .parts import parts_of

_Slot: TypeAlias = tuple[Any, str, Tensor | None]  # where a module keeps a tensor, under which name, and the tensor


def unwrap(module: nn.Module) -> nn.Module:
    """The module behind `torch.compile`; compiled code would run around hooks and backward rules."""
    inner = getattr(module, "_orig_mod", module)
    assert isinstance(inner, nn.Module)
    return inner


def call(module: nn.Module, x: Tensor) -> Any:
    """The module's output for x, frozen; raises ForwardFailed as `plainly` does."""
    with frozen(module):
        return plainly(module, x)


def plainly(module: nn.Module, x: Tensor) -> Any:
    """The module's output for x, where it is frozen already.

    Raises ForwardFailed, with the module's own error as its cause, when the module raises.
    """
    try:
        return module(x)
    except Exception as error:
        raise failed(module, x, error) from error


@contextmanager
def frozen(module: nn.Module, channels_last: bool = False, wholly: bool = False) -> Iterator[Changes]:
    """Parameters that take no gradient, buffers and attributes that may be written to, evaluation mode, a fixed seed.

    Everything is as before afterwards, also after an error. What is recomputed in a backward pass must be inside too.
    Modes are set one by one: `module.train()` may be overridden, and would unfreeze what a user froze on purpose.
    What is given says, with `wholly`, whether what ran changed the module's state.
    Inside of itself it does little for a module that a forward leaves as it is.
    With `channels_last` convolutions run in that layout, up to twice as fast: worth its copies for many passes.
    """
    inside = (threading.get_ident(), id(module))
    if not wholly and module in _STEADY and _FROZEN.get(inside, -1) >= channels_last:
        with torch.autocast(device_of(module).type, enabled=False):
            _draw_anew(device_of(module))
            yield Changes()
        return
    parts = parts_of(module)
    weights: list[_Slot] = [(part._parameters, name, t) for part in parts for name, t in part._parameters.items()]
    buffers: list[_Slot] = [(part._buffers, name, t) for part in parts for name, t in part._buffers.items()]
    attributes, changes, copied = (
        Attributes(parts, wholly, module if not wholly and module in _STEADY else None),
        Changes(),
        wholly or module in _WRITERS,
    )
    device = device_of(module)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng([device] if device.type == "cuda" else []))
        stack.enter_context(random_numbers())
        stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if any(_compiled(part) for part in parts):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            for store, name, tensor in weights:
                store[name] = None if tensor is None else _fixed(tensor, channels_last, copied)
            for store, name, tensor in buffers:
                store[name] = None if tensor is None else tensor.detach().clone()
            attributes.set_aside()
            _seed(device)  # for modules that draw even in evaluation mode, such as F.dropout(x)
            stack.enter_context(_marked(inside, channels_last))
            yield changes
            if wholly:
                changes.state = attributes.learn() | _wrote(module, weights, buffers)
                attributes.remember(module)
                (_STEADY.discard if changes.state else _STEADY.add)(module)
        finally:
            attributes.restore()
            for store, name, tensor in weights + buffers:
                store[name] = tensor


_FROZEN: dict[tuple[int, int], int] = {}  # which thread has frozen which module, and whether channels last
_STEADY: WeakSet[nn.Module] = WeakSet()  # modules that a forward was seen to leave as they were


@contextmanager
def _marked(inside: tuple[int, int], channels_last: bool) -> Iterator[None]:
    before = _FROZEN.get(inside)
    _FROZEN[inside] = int(channels_last)
    try:
        yield
    finally:
        if before is None:
            del _FROZEN[inside]
        else:
            _FROZEN[inside] = before


def _draw_anew(device: torch.device) -> None:
    """Have the next forward draw the random numbers that the first one drew."""
    _seed(device)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


@dataclass
class Changes:
    """Whether what ran inside `frozen(…, wholly=True)` changed the module's own state."""

    state: bool = False


def _wrote(module: nn.Module, weights: list[_Slot], buffers: list[_Slot]) -> bool:
    """Whether weights or buffers were written to; a module that writes to its weights is given copies from now on."""
    if any(_unlike(store.get(name), tensor) for store, name, tensor in weights):
        _WRITERS.add(module)
    return module in _WRITERS or any(_unlike(store.get(name), tensor) for store, name, tensor in buffers)


def _unlike(now: Tensor | None, before: Tensor | None) -> bool:
    if now is None or before is None:
        return now is not before
    return now.shape != before.shape or not torch.equal(now.detach(), before.detach())


_WRITERS: WeakSet[nn.Module] = WeakSet()


def _fixed(weight: Tensor, channels_last: bool, copied: bool) -> nn.Parameter:
    """A weight that takes no gradient; one made in inference mode is copied, for it could take part in none."""
    plain = weight.detach().clone() if copied or weight.is_inference() else weight.detach()
    return nn.Parameter(_laid_out(plain, channels_last), requires_grad=False)


def _laid_out(weight: Tensor, channels_last: bool) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last) if channels_last and weight.ndim == 4 else weight


def device_of(module: nn.Module) -> torch.device:
    """Where the module's numbers are."""
    return next((tensor.device for tensor in _tensors(module)), torch.device("cpu"))


def dtype_of(module: nn.Module) -> torch.dtype:
    """The module's floating-point type: that of its first matrix or kernel; a lone number may be of another."""
    found = list(_first_floats(module))
    return found[-1].dtype if found else torch.float32


def _first_floats(module: nn.Module) -> Iterator[Tensor]:
    """Tensors of floating point up to the first one with more than one axis."""
    for tensor in _tensors(module):
        if tensor.is_floating_point():
            yield tensor
            if tensor.ndim > 1:
                return


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def output_tensor(output: Any, key: str | int | None = None) -> Tensor:
    """The tensor of class scores in what a module returned; `key` names it where that is not plain."""
    match output:
        case Tensor():
            return output
        case dict():
            return _in_dict(output, key)
        case tuple() | list() if isinstance(key, int) or not hasattr(output, "logits"):
            return _in_sequence(output, 0 if key is None else key)
    scores = getattr(output, "logits" if key is None else str(key), None)
    if isinstance(scores, Tensor):
        return scores
    raise ForwardFailed(
        f"The module returned {type(output).__name__}, not a tensor. Wrap it to return the class scores."
    )


def _in_dict(output: dict[Any, Any], key: str | int | None) -> Tensor:
    tensors = {name: value for name, value in output.items() if isinstance(value, Tensor)}
    wanted = ["logits", "out", *(tensors if len(tensors) == 1 else ())] if key is None else [key]
    for name in wanted:
        if name in tensors:
            return tensors[name]
    raise ForwardFailed(
        f"The module returned a dict of {', '.join(map(str, output)) or 'nothing'}, in which no tensor is called "
        f"{' or '.join(map(str, wanted))}. {_way_out(map(repr, tensors))}"
    )


def _in_sequence(output: Any, key: str | int) -> Tensor:
    if isinstance(key, int) and -len(output) <= key < len(output) and isinstance(output[key], Tensor):
        tensor: Tensor = output[key]
        return tensor
    kinds = ", ".join(type(value).__name__ for value in output) or "nothing"
    tensors = (str(number) for number, value in enumerate(output) if isinstance(value, Tensor))
    raise ForwardFailed(
        f"The module returned a {type(output).__name__} of {kinds}; entry {key} must be a tensor of class scores, "
        f"and is not. {_way_out(tensors)}"
    )


def _way_out(tensors: Iterable[str]) -> str:
    """How to say where the class scores are, where they can be told of, else what else to do."""
    choices = [f"output={name}" for name in tensors][:3]
    if choices:
        return f"Say which holds the class scores: cs.Network(module, {' or '.join(choices)})."
    return "Wrap it in a module that returns the class scores as one tensor; layers before can be looked at as it is."


def _seed(device: torch.device) -> None:
    torch.default_generator.manual_seed(0)
    if device.type == "cuda":
        torch.cuda.manual_seed(0)


def _compiled(part: nn.Module) -> bool:
    return part._compiled_call_impl is not None or "_orig_mod" in part._modules
