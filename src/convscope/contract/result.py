"""Results: frozen, NumPy only. Each knows what was asked, what came out, and the evidence that it can be trusted."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob, MissingExtra
from ..base.files import check_writable, write
from ..base.pixels import Floats
from ..base.unit import Valued
from .display import drawn, encoded
from .request import Request

if TYPE_CHECKING:
    import PIL.Image

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
        return drawn(self, view)

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

    def thumbnail(self) -> NDArray[np.uint8] | None:
        """The one picture that stands for the result, (H, W, 3 or 4); of no pixel where it shows nothing, else None."""
        return None

    def encoded(self, suffix: str, **view: Any) -> bytes:
        """The bytes of a file with this ending, such as `.png`: what `save` writes."""
        return encoded(self, suffix, view)

    def _repr_png_(self) -> bytes:
        return self.encoded(".png")


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
