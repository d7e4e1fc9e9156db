"""Pictures at other sizes, and as a camera that moves over them sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..base.image import Image
from ..base.pixels import in_colors, to_bytes

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue


def to_picture(image: Image, channels: int, device: torch.device) -> Tensor:
    """An image as (1, C, H, W) from 0 to 1; grey for networks that see no colors."""
    values = torch.from_numpy(np.array(image.pixels)).to(device).permute(2, 0, 1)[None] / 255
    return values if channels == 3 else luma(values)


def luma(picture: Tensor) -> Tensor:
    """The luminance of pictures (N, 3, H, W), as (N, 1, H, W)."""
    return (picture * picture.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def picture_to_pixels(picture: Tensor) -> NDArray[np.float32]:
    """The inverse of `to_picture`: (1, C, H, W) as (H, W, 3) from 0 to 1; grey gets three equal colors."""
    return np.ascontiguousarray(in_colors(picture[0].permute(1, 2, 0).float().cpu().numpy()))


def as_bytes(picture: Tensor) -> NDArray[np.uint8]:
    """The same, as bytes."""
    return to_bytes(picture_to_pixels(picture))


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture at another height and width, linearly; what is made smaller is averaged."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class Travel:
    """How a camera moves between two frames: `zoom` times nearer, the picture shifted and turned about its middle.

    `drift` is in pixels to the right and down, `rotation` in degrees clockwise.
    """

    zoom: float = 1.05
    drift: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0

    def __call__(self, picture: Tensor) -> Tensor:
        """The picture as it is seen next, at the same size; mirrored where the camera sees beyond it."""
        height, width = picture.shape[-2:]
        angle = -math.radians(self.rotation)
        cos, sin, aspect = math.cos(angle) / self.zoom, math.sin(angle) / self.zoom, height / width
        x, y = 2 * self.drift[0] / width, 2 * self.drift[1] / height
        turned = torch.tensor([[cos, -sin * aspect], [sin / aspect, cos]], dtype=picture.dtype)
        matrix = torch.cat([turned, -turned @ turned.new_tensor([[x], [y]])], 1).to(picture)
        grid = F.affine_grid(matrix[None], list(picture.shape), align_corners=False)
        return F.grid_sample(picture, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
