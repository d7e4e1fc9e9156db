"""What is painted: pictures that excite units, dreams, and pictures made anew from what a layer holds of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Floats, to_bytes
from ..contract.images import are_several
from ..contract.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximized(Result):
    """Pictures that excite units most: `images` is (n, H, W, 3) float32 from 0 to 1, or (n, H, W, 4) with alpha.

    `values` (n,) are what each finally makes of its objective, seen once as it is; `objectives` names it. `driven` (n,)
    says whether the picture raised it at all; where it did not, the picture is what ascent began with and shows
    nothing. In `curve` (steps, n) are the values on the way, of transformed pictures.
    """

    images: Floats
    objectives: tuple[str, ...]
    driven: NDArray[np.bool_]
    curve: Floats

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with each picture's objective and value."""
        told = {"objectives": list(self.objectives), "final": self.values.tolist()}
        return {**super().summary(), **told, "driven": self.driven.tolist()}

    def thumbnail(self) -> NDArray[np.uint8] | None:
        """The first picture; nothing where the unit could not be driven, as the picture then shows nothing."""
        return to_bytes(self.images[0]) if self.driven[0] else np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet(Result):
    """A layer as one contact sheet: a picture that excites each of some channels.

    `shown` (n,) are the channels, `images` (n, H, W, 3) uint8 their pictures, `values` (n,) what each finally gives,
    `driven` (n,) whether it was raised at all. `patches` (n, m, side, side, 3) uint8 are the top patches of a scan; m
    is 0 where none were asked for.
    """

    shown: NDArray[np.int64]
    images: NDArray[np.uint8]
    driven: NDArray[np.bool_]
    patches: NDArray[np.uint8]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dream(Result):
    """A dream: `image` is (H, W, 3) float32 from 0 to 1; `values` (octaves, steps) what was raised, step by step.

    `original` (H, W, 3) uint8 is the picture it came from, at the same size. `frames` (f, H, W, 3) uint8 are those of a
    zoom, the first of them the dream itself; none where none were asked for. With frames, `.save("dream.mp4")` writes
    them as a video. Of steps that were not taken, because it was cancelled, the values are NaN.
    """

    image: Floats
    original: NDArray[np.uint8]
    frames: NDArray[np.uint8]

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """The endings of files it can be saved as, when asked for with these knobs; `.mp4` needs frames."""
        return (*super().endings(asked), ".mp4") if asked.get("frames") else super().endings(asked)


@dataclass(frozen=True, eq=False, kw_only=True)
class Stylized(Result):
    """A picture in the style of others: `image` is (H, W, 3) float32 from 0 to 1.

    `values` (3, steps) are the losses, content, style and variation, step by step over all sizes; `content` and
    `styles` what it was made of, small. `frames` are the pictures of several contents, the first of them `image`, or
    the variants of a preview sheet, named by `labels`. `profile` is the ICC profile of the content's file. A picture of
    the size that is `taken` by the network, (height, width), is saved as its view.
    """

    image: Floats
    content: NDArray[np.uint8]
    styles: tuple[NDArray[np.uint8], ...]
    frames: tuple[Floats, ...] = ()
    labels: tuple[str, ...] = ()
    profile: bytes = b""
    taken: tuple[int, int] = (0, 0)

    @property
    def asked(self) -> dict[str, Any]:
        listed = {"content": list(self.frames)} if self.frames else {}  # pictures from memory have no reference
        return super().asked | listed

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """Of one picture as of all results; of several, an archive of PNGs, and a video."""
        if asked.get("preview_sheet") or not are_several(asked.get("content")):
            return super().endings(asked)
        return (".zip", ".mp4", *super().endings(asked)[1:])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the result, by name; frames and styles with their numbers."""
        listed: dict[str, tuple[NDArray[Any], ...]] = {"style": self.styles, "frame": self.frames}
        numbered = {f"{name}{k}": one for name, row in listed.items() for k, one in enumerate(row)}
        return {**super().arrays(), **numbered}


@dataclass(frozen=True, eq=False, kw_only=True)
class Inversion(Result):
    """An image made anew from what layers hold of it: `images` (n, H, W, 3) float32 from 0 to 1, a layer each.

    `layers` names them, in the order of execution; `values` (n,) are the relative errors ‖Φ(x) − Φ₀‖² / ‖Φ₀‖²; `seen`
    is the picture the network was given.
    """

    images: Floats
    layers: tuple[str, ...]
    seen: NDArray[np.uint8]

    @property
    def image(self) -> Floats:
        """The picture of the last layer, (H, W, 3)."""
        last: Floats = self.images[-1]
        return last

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with each layer's relative error."""
        return {**super().summary(), "layers": list(self.layers), "errors": self.values.tolist()}
