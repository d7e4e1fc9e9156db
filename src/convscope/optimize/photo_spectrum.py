"""The spectrum of photos: how strong each frequency is in them, which makes pictures look natural."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base.image import Image, open_image
from ..base.samples import samples
from ..data.open import open_source
from . import decorrelate
from .canvas import frequencies

_IMAGES = 256  # of a source that are looked at, spread over it
_BINS = 32  # rings of the radial spectrum


def photos(source: str = "") -> list[Image]:
    """The images of a source, 256 of them at most; the bundled photos where it is empty. Raises BadSource."""
    if not source:
        return [open_image(sample.path) for sample in samples().values()]
    opened = open_source(source)
    entries = [entry for shard in opened.shards(_IMAGES) for entry in opened.entries(shard)]
    return [opened.image(entry) for entry in entries[:: -(-len(entries) // _IMAGES)]]


def magnitudes(images: Sequence[Image], channels: int, size: tuple[int, int]) -> Tensor:
    """The mean magnitude of each frequency, (C, H, W // 2 + 1), in the canvas's decorrelated colors."""
    numbers = (decorrelate.from_pixels(_pixels(image, channels, size)) for image in images)
    total = sum(torch.fft.rfft2(one, norm="ortho").abs()[0] for one in numbers)
    assert isinstance(total, Tensor)
    return total / len(images)


def radial(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logarithm of the mean power in rings of frequency, (N, 32), of pictures (N, H, W, C) from 0 to 1."""
    grey = torch.from_numpy(pictures[..., :3]).double().mean(-1)
    height, width = grey.shape[1:]
    down, across = (torch.hann_window(side, False, dtype=grey.dtype) for side in (height, width))
    window = down[:, None] * across
    power = torch.fft.rfft2((grey - grey.mean((1, 2), keepdim=True)) * window).abs().square()
    ring = (frequencies(height, width) * 2 * _BINS).long().clamp(max=_BINS - 1)
    sums = torch.stack([power[:, ring == r].mean(1) if (ring == r).any() else power[:, 0, 0] for r in range(_BINS)], 1)
    logs: NDArray[np.float64] = (sums + 1e-12).log().numpy()
    return logs


def distance(pictures: NDArray[np.float32], images: Sequence[Image]) -> NDArray[np.float32]:
    """How far each picture's radial log-power lies from that of photos, (N,): root mean square, without the mean.

    0 is a photo's spectrum; contrast does not count.
    """
    size = pictures.shape[1], pictures.shape[2]
    real = np.concatenate([radial(_pixels(image, 3, size).permute(0, 2, 3, 1).numpy()) for image in images])
    difference = radial(pictures) - real.mean(0)
    found: NDArray[np.float32] = difference.std(1).astype(np.float32)
    return found


def _pixels(image: Image, channels: int, size: tuple[int, int]) -> Tensor:
    """The middle of a photo at a size, (1, C, H, W) from 0 to 1."""
    picture = image.pil() if channels == 3 else image.pil().convert("L")
    zoom = max(size[0] / picture.height, size[1] / picture.width)
    width, height = max(size[1], round(picture.width * zoom)), max(size[0], round(picture.height * zoom))
    left, top = (width - size[1]) // 2, (height - size[0]) // 2
    resized = picture.resize((width, height), PIL.Image.Resampling.BICUBIC)
    middle = resized.crop((left, top, left + size[1], top + size[0]))
    values = np.asarray(middle, np.float32).reshape(*size, channels) / 255
    return torch.from_numpy(values).permute(2, 0, 1)[None]
