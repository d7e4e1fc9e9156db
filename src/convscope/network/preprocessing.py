"""Preprocessing as data: how a picture becomes the numbers a network was trained on."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..base.errors import BadImage, BadKnob
from ..base.image import MAX_PIXELS, Image

Interpolation = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_WIDEST = 5.0  # of pixels from 0 to 1 the deviation is at most a half; a few networks divide by a little more than 1


@dataclass(frozen=True)
class Preprocessing:
    """Resize so that the picture covers `size` × `resize / crop`, crop the center, scale to 0–1, subtract, divide.

    `size` is (height, width); `resize` the relative size before the crop (256 / 224 for many networks); one mean and
    one std per channel, three for RGB or one for grey; `squash` resizes both sides alike instead of cropping.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize: float = 1.0
    interpolation: Interpolation = "bilinear"
    squash: bool = False

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise BadKnob(
                f"mean and std must have 1 value each for grey networks or 3 for RGB, not {len(self.mean)} and "
                f"{len(self.std)}. Wrap a network of other channels in a module that makes them from an RGB image."
            )
        if not np.isfinite(self.mean).all():
            raise BadKnob(f"mean must be finite, not {self.mean}.")
        if max(np.abs(self.mean)) > 1 or max(self.std) > _WIDEST:
            raise BadKnob(
                f"mean and std must be for pixels from 0 to 1, not {self.mean} and {self.std}. Divide both by 255 if "
                "they are for pixels from 0 to 255."
            )
        if not all(0 < value < math.inf for value in self.std):
            raise BadKnob(f"std must be positive and finite, not {self.std}.")
        if self.interpolation not in _FILTERS:
            raise BadKnob(f"interpolation must be one of {', '.join(_FILTERS)}, not {self.interpolation!r}.")
        if not 1 <= self.resize < math.inf:
            raise BadKnob(f"resize must be at least 1, not {self.resize}.")
        if min(self.size) < 1:
            raise BadKnob(f"size must be at least 1 pixel, not {self.size}.")

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Preprocessing:
        """What `describe` told of, also after a round trip through JSON."""
        told: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in described.items()}
        return cls(**told)

    @property
    def channels(self) -> int:
        """How many color channels the network is given."""
        return len(self.mean)

    def crop(self, image: Image) -> NDArray[np.uint8]:
        """The part of the picture the network sees, at the size it sees it: (H, W, 3) uint8; of a view, all of it."""
        picture = image.pil()
        scaled = self._scaled(picture.size, image.view)
        if scaled[0] * scaled[1] > MAX_PIXELS:
            raise BadImage(f"A picture of {picture.width} × {picture.height} is too narrow to resize. Crop it first.")
        picture = picture.resize(scaled, _FILTERS[self.interpolation])
        (height, width), (left, top) = self.size, self._corner(scaled)
        return np.asarray(picture.crop((left, top, left + width, top + height)))

    def told(self, image: Image) -> dict[str, str]:
        """Of a view, as evidence, whether it is used as it is; nothing of any other picture."""
        own, taken = (f"{width} × {height}" for height, width in (image.size, self.size))
        if not image.view:
            return {}
        if own == taken:
            return {"view": f"the picture is a network's view of {own} px: used as it is"}
        how = "resized" if self.squash else "resized and cropped"
        return {"view": f"the picture is a network's view of another size ({own}, not {taken}): {how}"}

    def placed(self, size: tuple[int, int], view: bool = False) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of a picture of `size`: its (height, width) before the crop, and the (top, left) of the crop in that."""
        width, height = self._scaled((size[1], size[0]), view)
        left, top = self._corner((width, height))
        return (height, width), (top, left)

    def to_seen(
        self, size: tuple[int, int], box: Sequence[float], view: bool = False
    ) -> tuple[float, float, float, float]:
        """A box (left, top, right, bottom) of a picture of `size` (height, width), in pixels of its crop.

        Parts of it, or all of it, may lie outside the crop. `view` says whether the picture is one.
        """
        width, height = self._scaled((size[1], size[0]), view)
        (left, top), x, y = self._corner((width, height)), width / size[1], height / size[0]
        return box[0] * x - left, box[1] * y - top, box[2] * x - left, box[3] * y - top

    def to_source(
        self, size: tuple[int, int], box: Sequence[float], view: bool = False
    ) -> tuple[float, float, float, float]:
        """The inverse of `to_seen`: a box of the crop in pixels of the picture of `size`, not cut off at its edges."""
        width, height = self._scaled((size[1], size[0]), view)
        (left, top), x, y = self._corner((width, height)), size[1] / width, size[0] / height
        return (box[0] + left) * x, (box[1] + top) * y, (box[2] + left) * x, (box[3] + top) * y

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) bytes to (C, H, W) floats in the network's normalized input space."""
        if self.channels == 1:
            pixels = np.asarray(PIL.Image.fromarray(pixels).convert("L"))[..., None]
        scaled = (pixels.astype(np.float64) / 255 - self.mean) / self.std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)

    def describe(self) -> dict[str, object]:
        """Plain values, part of a network's digest."""
        return asdict(self)

    def _corner(self, scaled: tuple[int, int]) -> tuple[int, int]:
        """Left and top of the crop in a picture of width and height `scaled`."""
        return round((scaled[0] - self.size[1]) / 2), round((scaled[1] - self.size[0]) / 2)

    def _scaled(self, size: tuple[int, int], view: bool) -> tuple[int, int]:
        """Width and height before the crop; rounded down along the longer side, as torchvision does.

        A view of the size the network takes stays as it is, whatever network it was made for.
        """
        if view and size == self.size[::-1]:
            return size
        height, width = (int(side * self.resize + 1e-6) for side in self.size)
        if self.squash:
            return width, height
        if size[0] * height <= size[1] * width:
            return width, max(height, int(width * size[1] / size[0]))
        return max(width, int(height * size[0] / size[1])), height


_FILTERS: dict[str, PIL.Image.Resampling] = {
    "nearest": PIL.Image.Resampling.NEAREST,
    "box": PIL.Image.Resampling.BOX,
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
    "lanczos": PIL.Image.Resampling.LANCZOS,
}


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of a size given as one number or two."""
    try:
        height, width = map(operator.index, size if np.ndim(size) else (size, size))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadKnob(f"size must be one whole number or (height, width), not {size!r}.") from None
    return height, width


def numbers(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """One number per color channel."""
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise BadKnob(f"{name} must be a list of numbers, one per color channel, not {values!r}.") from None


def names_by_number(labels: Sequence[object] | Mapping[int, object]) -> tuple[str, ...]:
    """The names of classes in the order of their numbers, given as a list, or as a dict of them by number."""
    if isinstance(labels, Mapping):
        numbered = {int(key) if str(key).isdigit() else key: label for key, label in labels.items()}
        if set(numbered) != set(range(len(labels))):
            raise BadKnob(
                f"labels must have the keys 0 to {len(labels) - 1}, one a class, not {list(labels)[:5]}. Give a list "
                "of names, or a dict of them by number."
            )
        labels = [numbered[number] for number in range(len(labels))]
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if isinstance(labels, str | bytes) or not isinstance(labels, Sequence):
        raise BadKnob(f"labels must be a list of names, one a class, not {labels!r}. Give ['cat', 'dog'].")
    found = list(labels)
    odd = [label for label in found if not isinstance(label, str | int | np.integer) or isinstance(label, bool)]
    if odd:
        raise BadKnob(f"labels must be names or whole numbers, one a class, not {odd[0]!r}. Give ['cat', 'dog'].")
    return tuple(map(str, found))
