"""Numbers of a device that are read once the work that makes them is over: nobody waits for them meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

K = TypeVar("K", bound=Hashable)


class Later(Generic[K]):
    """Copies small tensors of a step, by their keys, to the processor: one tensor and one copy a device and kind."""

    def __init__(self, tensors: Mapping[K, Tensor]) -> None:
        groups: dict[tuple[torch.device, torch.dtype], list[K]] = defaultdict(list)
        for key, tensor in tensors.items():
            groups[tensor.device, tensor.dtype].append(key)
        shapes = {key: tensor.shape for key, tensor in tensors.items()}
        self._parts = [
            ({key: shapes[key] for key in keys}, *_begun(torch.cat([tensors[key].reshape(-1) for key in keys])))
            for keys in groups.values()
        ]

    def read(self) -> dict[K, NDArray[Any]]:
        """The numbers as arrays; waits where they are not there yet."""
        found: dict[K, NDArray[Any]] = {}
        for shapes, host, copied in self._parts:
            if copied is not None:
                copied.synchronize()
            pieces = torch.split(host, [shape.numel() for shape in shapes.values()])
            for (key, shape), piece in zip(shapes.items(), pieces, strict=True):
                found[key] = piece.reshape(shape).numpy()
        return found


def _begun(flat: Tensor) -> tuple[Tensor, Any]:
    """A tensor on the processor that is being filled, and what says that it is."""
    if flat.device.type != "cuda":
        return flat.cpu(), None
    host = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True)
    host.copy_(flat, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record(torch.cuda.current_stream(flat.device))
    return host, copied
