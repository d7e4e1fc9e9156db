"""Content hashes of tensors, computed again only when something changed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ...base.errors import BadWeights

_Stamp: TypeAlias = tuple[int, int, int]
_SAMPLE = 4096  # elements of a tensor that are looked at again


class TensorHashes:
    """SHA-256 of a tensor's type, shape and contents, remembered for as long as the tensor stays as it is.

    A change is noticed by the tensor's memory, by autograd's count of in-place changes, and, since writing through
    `.data` or NumPy is not counted, by a sample of its contents. So of all changes only one to a few numbers of a large
    tensor, made behind autograd's back, would be missed.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, str]] = {}

    def __call__(self, name: str, tensor: Tensor) -> str:
        """The hash of the tensor of this name."""
        stamp = _stamp(tensor)
        if name not in self._known or self._known[name][0] != stamp:
            self._known[name] = stamp, sha256(tensor)
        return self._known[name][1]


def sha256(tensor: Tensor) -> str:
    """SHA-256 of a tensor's type, shape and contents; raises BadWeights where it has none."""
    if tensor.is_meta:
        raise BadWeights("The weights must be numbers, not on the meta device, which holds none. Load them first.")
    found = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    found.update(_raw(tensor.cpu()).numpy().data)
    return found.hexdigest()


def tensors_of(module: nn.Module, parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Every tensor a module's numbers come from: parameters, and buffers, whether saved or not, of its `parts`."""
    found = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    for prefix, part in parts.items():
        for name in part._non_persistent_buffers_set:
            buffer = part._buffers.get(name)
            if buffer is not None:
                found[f"{prefix}.{name}".lstrip(".")] = buffer
    return found


def _stamp(tensor: Tensor) -> _Stamp:
    if tensor.is_meta:
        return 0, 0, 0
    if tensor.is_quantized:
        return tensor.data_ptr(), 0, int(tensor.dequantize().sum().view(torch.int32))
    version = 0 if tensor.is_inference() else tensor._version
    if tensor.device.type == "cpu" and tensor.dtype != torch.bfloat16:  # by NumPy, which takes a third of the time
        memory = tensor.detach().numpy().ravel(order="K")
        return tensor.data_ptr(), version, zlib.crc32(memory[:: max(1, memory.size // _SAMPLE)].tobytes())
    last = tensor.is_contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else False
    flat = (tensor.movedim(1, -1) if last else tensor).detach().flatten()
    sample = _raw(flat[:: max(1, flat.numel() // _SAMPLE)])
    return tensor.data_ptr(), version, int(sample.sum())


def _raw(tensor: Tensor) -> Tensor:
    """The bytes of a tensor, in the order of its indices."""
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    return tensor.detach().contiguous().flatten().view(torch.uint8)
