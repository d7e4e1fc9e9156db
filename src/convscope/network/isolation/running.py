"""Running a user's module: where and in which numbers, and what in its output is the class scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...base.errors import ForwardFailed
from .causes import failed


def plainly(module: nn.Module, x: Tensor) -> Any:
    """The module's output for x, where it is frozen already.

    Raises ForwardFailed, with the module's own error as its cause, when the module raises.
    """
    try:
        return module(x)
    except Exception as error:
        raise failed(module, x, error) from error


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
