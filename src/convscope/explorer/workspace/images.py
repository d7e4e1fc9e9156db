"""The images at hand: the bundled photos, those the explorer was started with, and what came from the browser.

An image is known by the digest of its pixels, never by a path. Uploads are judged by their contents before they are
decoded, and kept in the store, so that a link to one outlives the server.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import PIL.Image

from ...base.errors import BadImage, BadStore, first_line
from ...base.image import Image, open_image
from ...base.samples import PREFIX, samples
from ...base.warned import unwarned
from ...data.source import Source
from ...store import Store
from .lru_cache import LRUCache
from .messages import ImageInfo

BODY = 30 << 20  # bytes of an uploaded picture
PIXELS = 25_000_000  # of an upload; a network sees less than a hundredth of them
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_ANIMATED = ("PNG", "WEBP", "GIF")  # a JPEG with several pictures is a phone's photo with its depth
_SHOWN, _TRIED = 24, 200  # images of a source that are shown, and how many of its first ones may be unreadable
_UPLOADS = 200  # that are listed
_MEMORY = 128 << 20  # bytes of pixels: the largest upload, or a minute of the camera
_CAMERA = "camera"  # the name of its frames: each is looked at and gone, so they are neither listed nor kept on disk
_LIST = hashlib.sha256(b"the uploads of convscope explore, the newest first").hexdigest()


@dataclass(frozen=True)
class _Row:
    info: ImageInfo
    read: Callable[[], Image]


class ImageLibrary:
    """Images by id. Reading those of a source takes a while: `begin` does it, on a thread, and others wait for it."""

    def __init__(self, store: Store, source: Source | None = None) -> None:
        self._store, self.source = store, source
        self._first: dict[str, _Row] = {}
        self._opened: dict[str, _Row] = {}
        self._uploads: dict[str, ImageInfo] = {}  # the newest first
        self._pixels: LRUCache[Image] = LRUCache(_MEMORY, lambda image: image.pixels.nbytes)
        self._lock = threading.Lock()
        self._begun = threading.Event()

    def begin(self) -> None:
        """Read the first images, and the list of uploads."""
        try:
            rows = [self._row(image, name, read) for image, name, read in [*self._of_source(), *_photos()]]
            self._first = {row.info.id: row for row in rows}
            self._uploads = {info.id: info for info in self._listed()}
        finally:
            self._begun.set()

    def images(self) -> list[ImageInfo]:
        """All images at hand: those it was started with, the bundled photos, and uploads, the newest first."""
        self._begun.wait()
        with self._lock:
            uploads = [info for id, info in self._uploads.items() if id not in self._first]
        return [*(row.info for row in self._first.values()), *uploads]

    def image(self, id: str) -> Image:
        """The image of an id; raises BadImage where there is none."""
        image = self._pixels.get(id)
        if image is None:
            self._begun.wait()
            row = self._first.get(id) or self._opened.get(id)
            image = self._pixels.put(id, self._stored(id) if row is None else row.read())
        return image

    def upload(self, data: bytes, name: str) -> ImageInfo:
        """Take in the file of a picture; raises BadImage, before it is decoded where that tells enough."""
        image = _checked(data, name)
        if name == _CAMERA:
            self._pixels.put(image.digest, image)
            return _info(image, name)
        self._store.put(image.digest, "image", data)
        return self._add(image, name)

    def open(self, source: Source, ids: Sequence[str]) -> list[ImageInfo]:
        """Have images of a collection at hand, though they are not listed; raises BadSource and BadImage."""
        rows = [self._row(source.open(id), id, partial(source.open, id)) for id in ids]
        with self._lock:
            self._opened |= {row.info.id: row for row in rows}
        return [row.info for row in rows]

    def add(self, image: Image, name: str) -> ImageInfo:
        """Take in an image that is decoded already."""
        if image.digest not in self._first:
            self._store.put(image.digest, "image", image._repr_png_())
        return self._add(image, name)

    def _add(self, image: Image, name: str) -> ImageInfo:
        info = _info(image, name)
        self._pixels.put(info.id, image)
        self._begun.wait()
        with self._lock:
            self._store.update(_LIST, "album", partial(self._listing, info))
        return info

    def _listing(self, newest: ImageInfo, told: bytes | None) -> bytes:
        """The list with one more, and what others have put on it meanwhile."""
        known = {info.id: info for info in [newest, *_infos(told), *self._uploads.values()] if info.id != newest.id}
        self._uploads = dict(islice(({newest.id: newest} | known).items(), _UPLOADS))
        return json.dumps([info.model_dump() for info in self._uploads.values()]).encode()

    def _row(self, image: Image, name: str, read: Callable[[], Image]) -> _Row:
        self._pixels.put(image.digest, image)
        return _Row(_info(image, name), read)

    def _of_source(self) -> Iterator[tuple[Image, str, Callable[[], Image]]]:
        if self.source is None:
            return
        source = self.source
        entries = (entry for shard in source.shards(_SHOWN) for entry in source.entries(shard))
        shown = 0
        for entry in islice(entries, _TRIED):
            try:
                yield source.image(entry), entry.id, lambda entry=entry: source.image(entry)  # type: ignore[misc]
            except BadImage:
                continue
            shown += 1
            if shown == _SHOWN:
                return

    def _stored(self, id: str) -> Image:
        data = self._store.get(id, "image")
        if data is None:
            raise BadImage(f"There is no image {id[:12]} here any more. Upload it again.")
        return open_image(data)

    def _listed(self) -> list[ImageInfo]:
        rows = _infos(self._store.get(_LIST, "album"))
        return [row for row in rows if "image" in self._store.names(row.id)]


def _infos(told: bytes | None) -> list[ImageInfo]:
    try:
        return [ImageInfo.model_validate(row) for row in json.loads(told)] if told else []
    except (ValueError, TypeError) as error:
        raise BadStore(
            f"The list of uploads in the store is damaged ({first_line(error)}). Delete its file, "
            f"{_LIST}.album under parts, to begin a new one, or name another folder."
        ) from error


def _photos() -> Iterator[tuple[Image, str, Callable[[], Image]]]:
    for name in samples():
        reference = f"{PREFIX}{name}"
        yield open_image(reference), name, lambda reference=reference: open_image(reference)  # type: ignore[misc]


def _info(image: Image, name: str) -> ImageInfo:
    height, width = image.size
    return ImageInfo(id=image.digest, name=name, width=width, height=height, reference=image.reference)


def _checked(data: bytes, name: str) -> Image:
    """The picture of an uploaded file, of which only the head is read until it is known to be harmless."""
    try:
        with unwarned(PIL.Image.DecompressionBombWarning):  # our own cap is lower
            picture = PIL.Image.open(io.BytesIO(data), formats=_FORMATS)
    except PIL.Image.DecompressionBombError:
        raise BadImage(_too_large(name)) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImage(f"{name} is not a picture that can be read. Use a PNG, JPEG, WebP or GIF file.") from error
    with picture:
        if picture.width * picture.height > PIXELS:
            raise BadImage(_too_large(name, f", with {picture.width} × {picture.height}"))
        if picture.format in _ANIMATED and _animated(picture):
            raise BadImage(
                f"A picture must be still, and {name} is an animated {picture.format}. Save one frame as PNG."
            )
    try:
        return open_image(data)
    except BadImage as error:
        raise BadImage(str(error).replace("these bytes", name)) from error


def _animated(picture: PIL.Image.Image) -> bool:
    try:
        return bool(getattr(picture, "is_animated", False))
    except (OSError, ValueError, SyntaxError, EOFError):  # cut short after its first frame: decoding says so
        return False


def _too_large(name: str, size: str = "") -> str:
    return f"A picture must have at most {PIXELS // 1_000_000} million pixels, not {name}{size}. Scale it down first."
