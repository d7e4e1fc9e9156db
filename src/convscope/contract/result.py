"""Results: frozen, NumPy only. Each knows what was asked, what came out, and the evidence that it can be trusted."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob, MissingExtra
from ..base.files import check_writable, write
from ..base.image import Image
from ..base.plain import to_json
from ..base.unit import Valued
from .request import Request
from .silence import silent

if TYPE_CHECKING:
    import PIL.Image

Floats = NDArray[np.float32]
ENDINGS = (".png", ".npz", ".json")  # of files every result can be saved as


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What every result has: `values`, the `unit` and `network` they belong to, `evidence`, and the `request`."""

    values: Floats
    unit: Valued
    network: str
    evidence: Mapping[str, Any]
    request: Request | None = None

    def picture(self, **view: Any) -> PIL.Image.Image:
        """Draw the result; the choices are those of its kind of picture, such as `style` or `sort`."""
        from ..view.encode.png import render

        return render(self, **view)

    def save(self, path: str | Path, **view: Any) -> Path:
        """Write the result: `.png` draws it and holds its request, `.npz` holds all arrays, `.json` the summary."""
        path = check_output(path, self.endings(self.asked))
        write(path, self.encoded(path.suffix.lower(), **view))
        return path

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """The endings of files a result of this type can be saved as, when asked for with these subjects and knobs."""
        return ENDINGS

    @property
    def asked(self) -> dict[str, Any]:
        """The subjects, by their references, and knobs it was asked for with."""
        if self.request is None:
            return {}
        return {name: subject["reference"] for name, subject in self.request.subjects.items()} | dict(
            self.request.knobs
        )

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values."""
        plain: dict[str, Any] = {"technique": None, "digest": None, "request": None}
        if self.request is not None:
            asked = json.loads(self.request.to_json())
            plain = {"technique": self.request.technique, "digest": self.request.digest, "request": asked}
        known = self.values[~np.isnan(self.values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (None, None)
        values = {"shape": list(self.values.shape), "min": low, "max": high}
        return {**plain, "unit": str(self.unit), "network": self.network, "values": values, "evidence": self.evidence}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the result, by name."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}

    def encoded(self, suffix: str, **view: Any) -> bytes:
        """The bytes of a file with this ending, such as `.png`: what `save` writes."""
        if suffix == ".png":
            from ..view.encode.png import png

            return png(self, **view)
        if suffix == ".npz":
            buffer = io.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, summary=np.array(to_json(self.summary())), **self.arrays())
            return buffer.getvalue()
        if suffix == ".zip":
            from ..view.encode.png import archive

            return archive(self, **view)
        if suffix == ".mp4":
            from ..view.encode.mp4 import mp4

            return mp4(self, **view)
        return to_json(self.summary(), indent=1).encode()

    def _repr_png_(self) -> bytes:
        return self.encoded(".png")


@dataclass(frozen=True, eq=False, kw_only=True)
class Activations(Result):
    """What a layer makes of an image: `values` is (C, H, W) float32, or (C,) where the layer has no positions.

    `zeros` is the fraction of exact zeros of each channel, (C,); `seen` the picture the network was given.
    """

    image: Image
    zeros: Floats
    seen: NDArray[np.uint8]

    @property
    def silent(self) -> list[int]:
        """The channels whose largest |activation| in this image is at most `SILENT` (1e-5) of the layer's largest."""
        return np.flatnonzero(silent(np.abs(self.values).reshape(len(self.values), -1).max(1))).tolist()

    @property
    def sparsity(self) -> float:
        """The fraction of all activations that are exactly zero."""
        return float(self.zeros.mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Weights(Result):
    """What a layer has learned: `values` is (out, in / groups, kH, kW) float32, or (out, in) for a linear layer.

    Per filter: `norm` (L2); `roughness`, the total variation as a multiple of what shuffled weights would have (1 is
    noise, near 0 is smooth); `high_share`, the share of the energy above a quarter of the sampling rate, likewise over
    that of shuffled weights; `duplicate_of`, the first filter this one nearly repeats, itself if none.
    """

    groups: int
    norm: Floats
    roughness: Floats
    high_share: Floats
    duplicate_of: NDArray[np.int64]

    @property
    def dead(self) -> list[int]:
        """The filters whose norm is at most `SILENT` (1e-5) of the layer's largest: they have learned nothing."""
        return np.flatnonzero(silent(self.norm)).tolist()

    @property
    def duplicates(self) -> list[list[int]]:
        """Groups of filters that point the same way; opposite filters are no duplicates."""
        groups = [np.flatnonzero(self.duplicate_of == first).tolist() for first in np.unique(self.duplicate_of)]
        return [group for group in groups if len(group) > 1]


def check_output(path: str | Path, endings: Sequence[str] = ENDINGS) -> Path:
    """The path a result is to be saved at; raises BadKnob, CannotWrite or MissingExtra now if that cannot be done."""
    path = Path(path)
    check_writable(path)
    suffix = path.suffix.lower()
    if suffix not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        video = (
            " A video is of a dream with frames, such as frames=30, or of several contents." if suffix == ".mp4" else ""
        )
        raise BadKnob(f"The output must end in {known}, not {path.name!r}. Give it one of these endings.{video}")
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise MissingExtra("Videos need PyAV, which is not installed: pip install 'convscope[video]'.")
    return path
