"""Why a module cannot be run on an image, and what would help: the cause where it can be told, else its own words."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...base.errors import ForwardFailed, first_line


def check_runnable(module: nn.Module) -> None:
    """Refuse modules that cannot be looked into: TorchScript, and weights that are not there yet."""
    name = type(module).__name__
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ForwardFailed(
            f"{name} must be a module of Python classes, not TorchScript, whose layers cannot be watched. Load its "
            "weights into the Python class: model.load_state_dict(scripted.state_dict())."
        )
    if any(nn.parameter.is_lazy(tensor) for tensor in _tensors(module)):
        raise ForwardFailed(
            f"{name} has lazy layers, whose weights are made in the first forward. Run it once on an image first."
        )
    if any(tensor.is_meta for tensor in _tensors(module)):
        raise ForwardFailed(
            f"{name} has weights on the meta device, which hold no numbers. Make it on a real device and load its "
            "weights, for instance with module.to_empty(device='cpu') and module.load_state_dict(weights); some tools "
            "that draw networks leave them there."
        )


def failed(module: nn.Module, x: Tensor, error: Exception) -> ForwardFailed:
    """The error for a module that raised for a prepared input x: what it said, and what would help."""
    said = first_line(error).rstrip(".")
    advice = next((text for told in _CAUSES if (text := told(module, x, said)) is not None), "")
    return ForwardFailed(f"The module raised for an input of shape {tuple(x.shape)}: {said}.{advice and ' ' + advice}")


def _inputs(module: nn.Module, x: Tensor, said: str) -> str | None:
    missing = re.search(r"forward\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.+)", said)
    if missing is None or f"{type(module).__name__}.forward" not in said:
        return None
    return f"It takes more than an image ({missing[1]}). Wrap it in a module whose forward takes the image alone."


def _clips(module: nn.Module, x: Tensor, said: str) -> str | None:
    if not any(isinstance(part, nn.Conv3d | nn.MaxPool3d | nn.AvgPool3d | nn.BatchNorm3d) for part in module.modules()):
        return None
    return (
        "It works on clips or volumes, (N, C, T, H, W), and this library takes single images, (N, C, H, W). Wrap it "
        "in a module that repeats the image along time."
    )


def _types(module: nn.Module, x: Tensor, said: str) -> str | None:
    types = sorted({str(t.dtype).removeprefix("torch.") for t in _tensors(module) if t.is_floating_point()})
    told = re.search(r"dtype|scalar type|same type|type .*(float|double|half)", said, re.IGNORECASE)
    if not told or re.search(r"Long|Int|indices", said):
        return None
    mixed = f"Its weights are of several types ({', '.join(types)}). " if len(types) > 1 else ""
    return f"{mixed}Make all of one type first, for instance with module.float()."


def _quantized(module: nn.Module, x: Tensor, said: str) -> str | None:
    if not any(".quantized" in type(part).__module__ for part in module.modules()) or "gradient" not in said:
        return None
    return "Quantized layers pass no gradient on. Use activations, occlusion or rise, which need none."


def _channels(module: nn.Module, x: Tensor, said: str) -> str | None:
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.in_channels == x.shape[1] or "channels" not in said:
        return None
    wanted = first.in_channels
    if wanted in (1, 3):
        return f"Its first convolution takes {wanted} channels: give mean and std {wanted} value{'s' * (wanted > 1)}."
    return (
        f"Its first convolution takes {wanted} channels, and pictures here are grey or RGB. Wrap it in a module that "
        "makes them from an RGB image."
    )


def _size(module: nn.Module, x: Tensor, said: str) -> str | None:
    if not re.search(r"mat1 and mat2|size of tensor|[Kk]ernel size|[Oo]utput size|too small|mismatch|height", said):
        return None
    return f"Check that size, {tuple(x.shape[2:])}, is what it was made for."


def _batch(module: nn.Module, x: Tensor, said: str) -> str | None:
    if len(x) < 2 or not re.search(r"is invalid for input of size|size of tensor|mat1 and mat2|[Bb]atch", said):
        return None
    return f"It may have a batch size written in; it was given {len(x)} images. Use x.shape[0] for that in its forward."


def _structure(module: nn.Module, x: Tensor, said: str) -> str | None:
    """The module wants something else than a tensor."""
    if not re.search(r"indices must be|has no attribute|not subscriptable|string indices|too many indices", said):
        return None
    return "It may take something else than a tensor. Wrap it in a module whose forward takes the image alone."


_CAUSES: tuple[Callable[[nn.Module, Tensor, str], str | None], ...] = (
    _inputs, _quantized, _clips, _channels, _types, _batch, _size, _structure,
)  # fmt: skip


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
