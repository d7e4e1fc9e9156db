"""Images in a list, with or without labels, and the bundled photos, which are such a list."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, final

import PIL.Image

from ..base.errors import BadImage, BadSource, nearest
from ..base.image import Image, ImageLike, open_image
from ..base.paths import is_file
from ..base.samples import PREFIX, samples
from .items import label_of, picture, split_item
from .labels import class_names, number_of, numbered
from .source import Counted, Entry, digest_of

_LOCKS: dict[int, threading.Lock] = {}  # by process: a lock that is held while another thread forks stays locked


@final
@dataclass(frozen=True, eq=False)
class Listed(Counted):
    """Images in memory, or paths in a list; an id is the place in the list, or a given text."""

    images: tuple[Any, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    ids: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = ()
    reference: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names: those given as labels, or the numbers up to the largest."""
        return self.names

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ids, labels, classes and contents; of a path, its file's name and size."""
        prints = map(_fingerprint, self.images)
        listed = zip(self.ids, self.labels, prints, strict=True)
        return digest_of([*self.names, *(fact for facts in listed for fact in facts)])

    def entry(self, number: int) -> Entry:
        """The entry of a place in the list."""
        return Entry(number, self.ids[number], self.labels[number])

    def find(self, id: str) -> Entry:
        """The entry of an id. Raises BadSource if there is none."""
        if id not in self.ids:
            there = f"{self.ids[0]} to {self.ids[-1]}" if not self.reference else ", ".join(self.ids)
            raise BadSource(f"There is no image {id!r} in the list.{nearest(id, self.ids[:100])} There are {there}.")
        return self.entry(self.ids.index(id))

    def read(self, entry: Entry) -> ImageLike:
        """The item of an entry. Raises BadImage for a tensor that is no picture."""
        found: ImageLike = _opened(picture(self.images[entry.number]))
        return found


def open_list(items: Iterable[Any]) -> Listed:
    """Images, or (image, label) pairs. Raises BadSource for an empty list and for labels of the wrong type."""
    parts = [split_item(item) for item in items]
    if not parts:
        raise BadSource("A source must hold images, but the list is empty. Give at least one image.")
    labels = [label_of(part) for part in parts]
    classes = class_names(labels)
    numbers = numbered(classes)
    return Listed(
        tuple(image for image, _ in parts),
        tuple(number_of(label, numbers) for label in labels),
        tuple(map(str, range(len(parts)))),
        classes,
    )


def open_samples() -> Listed:
    """The bundled photos."""
    ids = tuple(f"{PREFIX}{name}" for name in samples())
    return Listed(ids, (-1,) * len(ids), ids, reference="samples")


def _opened(item: Any) -> Any:
    """PIL reads a file when pixels are first asked for, and two threads must not do that at once."""
    if not isinstance(item, PIL.Image.Image):
        return item
    with _LOCKS.setdefault(os.getpid(), threading.Lock()):
        return open_image(item)


def _fingerprint(item: Any) -> Sequence[object] | str:
    item = item.digest if isinstance(item, Image) else item
    if isinstance(item, bytes):
        return hashlib.sha256(item).hexdigest()
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        return f"{path.name} {path.stat().st_size if is_file(path) else -1}"
    try:
        return open_image(_opened(picture(item))).digest
    except BadImage as error:
        return str(error)
