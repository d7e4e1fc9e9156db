"""Items of lists and data sets: which part is the picture, which the label, and what `open_image` takes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..base.errors import BadImage
from .labels import Label, as_label


def split_item(item: Any, image: str = "image", label: str = "label") -> tuple[Any, Any]:
    """The picture and the label (or None) of an item: a pair, a dict with the columns `image` and `label`, or alone."""
    if isinstance(item, Mapping) and image in item:
        return item[image], item.get(label)
    if isinstance(item, tuple | list) and len(item) >= 2:
        return item[0], item[1]
    return item, None


def label_of(item: Any, image: str = "image", label: str = "label") -> Label:
    """The label of an item. Raises BadSource for one that is neither number nor name."""
    return as_label(split_item(item, image, label)[1])


def picture(value: Any) -> Any:
    """What `open_image` takes: a tensor becomes an array, an undecoded Hugging Face image its bytes or path."""
    if isinstance(value, torch.Tensor):
        return _from_tensor(value)
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        return value.get("bytes") or value.get("path")
    return value


def _from_tensor(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    if not tensor.is_floating_point() or tensor.ndim != 3 or tensor.shape[0] not in (1, 3, 4) or not tensor.numel():
        raise BadImage(
            f"An image tensor must be (C, H, W) floats from 0 to 1, not {tensor.dtype} {tuple(tensor.shape)}. "
            "Give images as PIL images or arrays."
        )
    low, high = (float(value) for value in torch.aminmax(tensor.detach().float()))
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise BadImage(
            f"An image tensor must hold values from 0 to 1, not {low:g} to {high:g}. If it is normalized, "
            "leave Normalize out of the data set's transform: the network does it."
        )
    return tensor.detach().float().permute(1, 2, 0).cpu().numpy()
