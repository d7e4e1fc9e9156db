"""Several pictures as one subject: a list, text with ; between them, a folder, or the frames of a video."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from ..base.errors import BadImage, MissingExtra, first_line
from ..base.image import Image, ImageLike, open_image
from ..base.paths import is_folder, is_there
from .knobs import Names

BETWEEN = ";"
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif")
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm")

PicturesLike: TypeAlias = ImageLike | Sequence[ImageLike]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures in their order; `reference` is the text they can be opened by again, where there is one."""

    images: tuple[Image, ...]
    reference: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pictures' digests; of one picture, its own."""
        if len(self.images) == 1:
            return self.images[0].digest
        return hashlib.sha256(" ".join(image.digest for image in self.images).encode()).hexdigest()

    def describe(self) -> dict[str, str]:
        """How a request refers to these pictures."""
        return {"reference": self.reference, "digest": self.digest}


def are_several(given: object) -> bool:
    """Whether text, or a list, stands for more than one picture."""
    if isinstance(given, list | tuple | Pictures):
        return len(given.images if isinstance(given, Pictures) else given) > 1
    text = str(given) if isinstance(given, str | Path) else ""
    return BETWEEN in text or Path(text).suffix.lower() in VIDEOS or (bool(text) and is_folder(text))


def open_pictures(given: PicturesLike | Pictures, what: str = "content") -> Pictures:
    """Open one picture or several; raises BadImage for none, MissingExtra for a video without PyAV."""
    if isinstance(given, Pictures):
        return given
    if isinstance(given, list | tuple):
        return _joined([open_image(one) for one in given], what)
    if isinstance(given, str | Path):
        text = str(given)
        if is_folder(text):
            files = sorted(p for p in Path(text).iterdir() if p.suffix.lower() in _ENDINGS)
            return Pictures(_joined([open_image(file) for file in files], f"{what} {text}").images, text)
        if Path(text).suffix.lower() in VIDEOS:
            return Pictures(tuple(_frames(text)), text)
        if BETWEEN in text and not is_there(text):
            return _joined([open_image(part) for part in split_text(text)], what)
    one = open_image(given)  # type: ignore[arg-type]  # lists are gone by now
    return Pictures((one,), one.reference)


def naming(*words: str) -> Names:
    """Of a knob that names pictures, with ; between them; `words` and nothing at all name none."""
    return Names(lambda text: {part: open_image(part).digest for part in split_text(text) if part not in words})


def split_text(text: str) -> list[str]:
    """What stands between the ; of a text."""
    return [part.strip() for part in text.split(BETWEEN) if part.strip()]


def _joined(images: list[Image], what: str) -> Pictures:
    if not images:
        raise BadImage(f"{what} must be at least one picture, not an empty collection. Name a picture.")
    known = all(image.reference for image in images)
    return Pictures(tuple(images), f"{BETWEEN} ".join(image.reference for image in images) if known else "")


def _frames(path: str) -> list[Image]:
    try:
        import av
    except ImportError as error:
        raise MissingExtra("Videos need PyAV, which is not installed: pip install 'convscope[video]'.") from error
    try:
        with av.open(path) as container:
            found: list[Any] = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, ValueError, IndexError) as error:
        raise BadImage(f"{path} must be a video that can be read, not this ({first_line(error)}). Check it.") from error
    return list(_joined([open_image(pixels) for pixels in found], path).images)
