"""Opening images: whatever a user has becomes upright 8-bit RGB, or is refused with a reason."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from .errors import BadImage, BadKnob, first_line, nearest, reason
from .files import check_writable, write
from .marks import fingerprint, is_marked, marking, png_of
from .samples import PREFIX, samples
from .warned import unwarned

MAX_PIXELS = 64_000_000  # a 50-megapixel phone photo passes; a decompression bomb does not
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


@dataclass(frozen=True, eq=False)
class Image:
    """An upright picture: `pixels` is (H, W, 3) uint8 sRGB; `reference` is the text it can be opened by again.

    `profile` is the ICC profile its file held, which says what its numbers mean; they are not converted. A `view` is
    what a network is given: networks that take pictures of its size take it as it is, without a resize or a crop.
    """

    pixels: NDArray[np.uint8]
    reference: str = ""
    profile: bytes = b""
    view: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width, _ = self.pixels.shape
        return height, width

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and pixels: the same picture has the same in every file format, and another as a view."""
        own = fingerprint(self.pixels)
        return hashlib.sha256(f"view {own}".encode()).hexdigest() if self.view else own

    def describe(self) -> dict[str, str]:
        """How a request refers to this image."""
        return {"reference": self.reference, "digest": self.digest}

    def pil(self) -> PIL.Image.Image:
        """The picture as a PIL image."""
        return PIL.Image.fromarray(self.pixels)

    def png(self, texts: Mapping[str, str] | None = None, level: int = 6) -> bytes:
        """The picture as a PNG file: with its profile, `texts` by their keywords, and the mark of a view."""
        marked = marking(self.pixels) if self.view else {}
        return png_of(self.pixels, {**marked, **(texts or {})}, self.profile, level)

    def save(self, path: str | Path) -> Path:
        """Write the picture as `.png`, which keeps every pixel; a view is one again when it is opened.

        Raises BadKnob for other endings, and CannotWrite.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise BadKnob(
                f"A picture must be saved as .png, which keeps every pixel, not as {path.name!r}. "
                f"Name it {path.with_suffix('.png').name if path.name else 'picture.png'}."
            )
        check_writable(path)
        write(path, self.png())
        return path

    def _repr_png_(self) -> bytes:
        return self.png()


ImageLike: TypeAlias = Image | str | os.PathLike[str] | bytes | PIL.Image.Image | NDArray[np.generic]


def open_image(source: ImageLike, *, view: bool = False) -> Image:
    """Open an image: a path, `sample:NAME`, the bytes of a file, a PIL image or an array.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), as uint8 or as floats from 0 to 1 (rounded to 8 bits).
    Transparent pixels are laid over white and EXIF rotation is applied. A PNG that was saved of a view is a view again,
    unless its pixels were changed since; `view` says of any other source that it is one, such as of a result's `.seen`
    or of a picture `maximize` made. Raises BadImage for anything else, for truncated files, for single pixels and for
    more than 64 million pixels.
    """
    image = _opened(source)
    return dataclasses.replace(image, view=True, reference="") if view and not image.view else image


def _opened(source: ImageLike) -> Image:
    match source:
        case Image():
            return source
        case np.ndarray():
            return _checked(Image(_from_array(source)))
        case PIL.Image.Image():
            return _checked(_decode(source, "the PIL image"))
        case bytes():
            return _checked(_from_file(io.BytesIO(source), "these bytes"))
        case str() | os.PathLike():
            return _open_path(os.fspath(source))
    raise BadImage(
        f"An image must be a path, bytes, a PIL image or a NumPy array, not {type(source).__name__}. "
        "For a tensor, pass tensor.permute(1, 2, 0).numpy() with values from 0 to 1."
    )


def _open_path(text: str) -> Image:
    path = Path(text)
    if text.startswith(PREFIX):
        path = _sample_path(text.removeprefix(PREFIX))
    try:
        file = path.open("rb")
    except IsADirectoryError:
        raise BadImage(f"{text} is a folder; an image must be a file. Name one of the files in it.") from None
    except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
        raise BadImage(
            f"There is no file {text[:200]} to be read ({reason(error)}). Check the path, or use {PREFIX}cat."
        ) from error
    with file:
        image = _checked(_from_file(file, text))
        return dataclasses.replace(image, reference=text, profile=_profile(file))


def _profile(file: io.BufferedReader) -> bytes:
    """The ICC profile of a file that was read; none where it is not one of RGB."""
    file.seek(0)
    with PIL.Image.open(file, formats=_FORMATS) as picture:
        found = picture.info.get("icc_profile") or b""
    return bytes(found) if bytes(found[16:20]) == b"RGB " else b""


def _sample_path(name: str) -> Path:
    known = samples()
    if name not in known:
        raise BadImage(f"There is no bundled photo {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return known[name].path


def _from_file(file: io.IOBase | io.BufferedReader, name: str) -> Image:
    try:
        with unwarned(PIL.Image.DecompressionBombWarning):  # our own cap is lower
            picture = PIL.Image.open(file, formats=_FORMATS)  # type: ignore[arg-type]
    except PIL.Image.DecompressionBombError:
        raise _too_large(name) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImage(f"{name} is not an image that can be read. Use one of {', '.join(_FORMATS)}.") from error
    with picture:
        return _decode(picture, name)


def _decode(picture: PIL.Image.Image, name: str) -> Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(name, f" with {picture.width} × {picture.height} pixels")
    try:
        pixels = np.asarray(_to_rgb(PIL.ImageOps.exif_transpose(picture)))
        return Image(pixels, view=is_marked(picture.info, pixels))
    except BadImage:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadImage(
            f"{name} is damaged or cut short ({first_line(error)}). Get a whole copy of the file."
        ) from error


def _to_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode.startswith("I"):  # 16 bits: PIL's own conversion clips at 255 instead of scaling
        values = np.asarray(picture).astype(np.int64)
        values = values >> 8 if values.max() > 255 or picture.mode != "I" else values
        return PIL.Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        return PIL.Image.fromarray(_from_array(np.asarray(picture)))
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", rgba.size, "white")
        return PIL.Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _from_array(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4):
        first = (
            " It looks channels first: use .transpose(1, 2, 0)." if array.ndim == 3 and len(array) in (1, 3, 4) else ""
        )
        raise BadImage(f"An image array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}.{first}")
    pixels = _to_bytes(array)
    if pixels.shape[-1] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.rint(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels)


def _to_bytes(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(array.dtype, np.floating):
        raise BadImage(f"An image array must be uint8, or floats from 0 to 1, not {array.dtype}. Convert it first.")
    values = array.astype(np.float64)
    if not values.size or not np.isfinite(values).all() or values.min() < -1e-6 or values.max() > 1 + 1e-6:
        span = f"{values.min():g} to {values.max():g}" if values.size else "nothing"
        raise BadImage(f"A float image must hold values from 0 to 1, not {span}. Divide by 255 if it counts to 255.")
    pixels: NDArray[np.uint8] = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def _checked(image: Image) -> Image:
    height, width = image.size
    if height * width < 2:
        raise BadImage(f"An image must have more than one pixel, not {width} × {height}. Use a larger picture.")
    if height * width > MAX_PIXELS:
        raise _too_large("the array", f" with {width} × {height} pixels")
    image.pixels.flags.writeable = False
    return image


def _too_large(name: str, size: str = "") -> BadImage:
    return BadImage(
        f"An image must have at most {MAX_PIXELS // 1_000_000} million pixels, not {name}{size}. Scale it down first."
    )
