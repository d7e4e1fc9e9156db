"""Labelled pictures in memory: of MNIST's and CIFAR-10's own files, of any source, or scikit-learn's digits."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import BadSource, first_line
from ...base.paths import is_folder
from ...data.open import open_source
from ...network.preprocessing import Preprocessing
from .networks import CIFAR10, DIGITS

_MAGIC = {2049: 1, 2051: 3}  # of MNIST's files: how many axes follow


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """`values` (n, C, H, W) from 0 to 1, `targets` (n,), numbers of `classes`; `told` says where they are from."""

    values: Tensor
    targets: Tensor
    classes: tuple[str, ...]
    told: str


def training_set(source: str | None, size: int, channels: int) -> TrainingSet:
    """TrainingSet of `size` × `size` with 1 or 3 channels; nothing is downloaded.

    `source` is a folder with the files of MNIST or CIFAR-10 as they are published, or any source with labels: a folder
    with a folder a class, a zip or tars of one. Without it, the 1,797 digits that come with scikit-learn. Raises
    BadSource for one without labels, or without pictures.
    """
    if source is None:
        return _digits(size, channels)
    idx = sorted(Path(source).rglob("train-images*idx3-ubyte*")) if is_folder(source) else []
    python = sorted(Path(source).rglob("cifar-10-batches-py")) if is_folder(source) else []
    try:
        if idx:
            return _mnist(idx[0], size, channels)
        if python:
            return _cifar(python[0].parent, size, channels)
    except (OSError, EOFError, ValueError, RuntimeError) as error:
        raise BadSource(f"{source} holds damaged files ({first_line(error)}). Get another copy of them.") from error
    return _of_source(source, size, channels)


def _digits(size: int, channels: int) -> TrainingSet:
    from sklearn.datasets import load_digits

    found = load_digits()
    values = torch.from_numpy(found.images.astype(np.float32) / 16)[:, None]
    return TrainingSet(_fitted(values, size, channels), torch.from_numpy(found.target), DIGITS, "scikit-learn's digits")


def _mnist(images: Path, size: int, channels: int) -> TrainingSet:
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    values = torch.from_numpy(_idx(images))[:, None].float() / 255
    targets = torch.from_numpy(_idx(labels)).long()
    return TrainingSet(_fitted(values, size, channels), targets, DIGITS, f"MNIST's {len(targets)} training pictures")


def _idx(path: Path) -> NDArray[np.uint8]:
    """An array of MNIST's format: a number that tells how many axes, their lengths, then bytes."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        data = file.read()
    axes = _MAGIC.get(int.from_bytes(data[:4], "big"))
    if axes is None:
        raise ValueError(f"{path.name} is no file of MNIST")
    shape = np.frombuffer(data, ">u4", axes, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


def _cifar(root: Path, size: int, channels: int) -> TrainingSet:
    from torchvision.datasets import CIFAR10 as Published

    found = Published(str(root), train=True, download=False)
    values = torch.from_numpy(found.data).permute(0, 3, 1, 2).float() / 255
    return TrainingSet(
        _fitted(values, size, channels),
        torch.tensor(found.targets),
        CIFAR10,
        f"CIFAR-10's {len(values)} training pictures",
    )


def _of_source(source: str, size: int, channels: int) -> TrainingSet:
    opened = open_source(source)
    if len(opened.classes) < 2:
        raise BadSource(f"{source} must have labels to train on: a folder with a folder a class, or a zip of one.")
    crop = Preprocessing((size, size), (0.0,) * 3, (1.0,) * 3).crop
    entries = [entry for shard in opened.shards(1024) for entry in opened.entries(shard) if entry.label >= 0]
    seen: Any = np.stack([crop(opened.image(entry)) for entry in entries])
    values = torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 255
    targets = torch.tensor([entry.label for entry in entries])
    return TrainingSet(_fitted(values, size, channels), targets, opened.classes, f"{len(entries)} pictures of {source}")


def _fitted(values: Tensor, size: int, channels: int) -> Tensor:
    """TrainingSet of the right size and number of channels; grey ones as ITU-R 601 weighs colors."""
    if values.shape[1] == 3 and channels == 1:
        values = torch.einsum("nchw,c->nhw", values, torch.tensor([0.299, 0.587, 0.114]))[:, None]
    if values.shape[-2:] != (size, size):
        values = torch.nn.functional.interpolate(values, (size, size), mode="bilinear", antialias=True)
    return values.expand(-1, channels, -1, -1).contiguous()
