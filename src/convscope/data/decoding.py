"""What a worker does: read a few entries, crop each, and put the pixels where the main process can see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..base.errors import BadImage, first_line
from ..base.image import Image
from .source import Entry, Source

Crop: TypeAlias = Callable[[Image], NDArray[np.uint8]]

_BLANK = Image(np.zeros((64, 64, 3), np.uint8))
_LONGEST = 500  # of a reason, which may quote a user's error


@dataclass(frozen=True)
class Decoded:
    """The (n, H, W, 3) crops of what was read, its (height, width) and whether it is a view; why the rest was not."""

    seen: torch.Tensor
    sizes: list[tuple[int, int]]
    views: list[bool]
    refused: dict[int, str]


@dataclass(frozen=True, eq=False)
class Decoder(Dataset[Decoded]):
    """A source as torch's DataLoader sees it: a list of entries in, what became of them out."""

    source: Source
    crop: Crop
    shared: bool

    def __getitems__(self, entries: Sequence[Entry]) -> Decoded:
        """Decode entries; with `shared`, the pixels are moved into shared memory here, where a failure is reported."""
        results = [self._decoded(entry) for entry in entries]
        read = [result for result in results if not isinstance(result, str)]
        refused = {place: result for place, result in enumerate(results) if isinstance(result, str)}
        seen = torch.from_numpy(self._stacked([crop for crop, _, _ in read]))
        if self.shared:
            seen.share_memory_()  # type: ignore[no-untyped-call]
        return Decoded(seen, [size for _, size, _ in read], [view for _, _, view in read], refused)

    def _decoded(self, entry: Entry) -> tuple[NDArray[np.uint8], tuple[int, int], bool] | str:
        """Crop, size and whether it is a view, or why there is no image: one must not end a pass over millions."""
        try:
            image = self.source.image(entry)
        except BadImage as error:
            return _one_line(str(error))
        except Exception as error:  # a source may run the user's code
            return _one_line(f"It cannot be read ({first_line(error)}).")
        try:
            return self.crop(image), image.size, image.view
        except BadImage as error:
            return _one_line(str(error))

    def _stacked(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """(n, H, W, 3), with the true H and W also for n = 0."""
        return np.stack(crops) if crops else np.empty((0, *self.crop(_BLANK).shape), np.uint8)


def _one_line(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
