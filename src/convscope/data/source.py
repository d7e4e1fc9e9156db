"""What a source is: images in one total order, listed shard by shard and read one by one, in any process.

Numbers, ids and the digest depend on what the source holds, never on how it is cut or where it lies. How each kind
of source is listed and read is decided beside this file; what is recognized as a source, in `open`.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from ..base.errors import BadImage, BadKnob, BadSource
from ..base.image import Image, ImageLike, open_image

MAX_BYTES = 1 << 30  # 64 million pixels of four 16-bit channels are half of it; a zip bomb is more


@dataclass(frozen=True)
class Entry:
    """One image of a source, before it is read.

    `number` is its place in the total order of the source, an int64; `id` its stable text; `label` its class number
    in `Source.classes`, or -1; `at` how the source finds it again quickly, which is no part of its identity.
    """

    number: int
    id: str
    label: int
    at: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Shard:
    """A part of a source that is listed at once: its place among the shards, its name, and numbers start to stop."""

    index: int
    name: str
    start: int
    stop: int


class Source(ABC):
    """A collection of images. It can be pickled, and several threads may read from it.

    `reference` is the text it can be opened by again, empty if it lives in memory.
    """

    reference: str

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the labels; empty without labels."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of what the source lists: ids, labels and sizes, and the contents of what is in memory."""

    @abstractmethod
    def shards(self, size: int) -> list[Shard]:
        """All shards, about `size` images each; a tar file is one shard whatever it holds."""

    @abstractmethod
    def entries(self, shard: Shard) -> list[Entry]:
        """The entries of a shard, in order of their numbers. Raises BadSource if it cannot be listed."""

    @abstractmethod
    def find(self, id: str) -> Entry:
        """The entry of an id. Raises BadSource if there is none."""

    @abstractmethod
    def read(self, entry: Entry) -> ImageLike:
        """What `open_image` makes an image of. Raises BadImage with the reason."""

    def image(self, entry: Entry) -> Image:
        """The image of an entry. Raises BadImage with the reason."""
        name = "these bytes"
        try:
            read = self.read(entry)
            if isinstance(read, str | os.PathLike):
                name = str(read)
            return open_image(read)
        except BadImage as error:  # an image is called by its id, wherever the source lies
            raise BadImage(str(error).replace(name, entry.id)) from error

    def open(self, id: str) -> Image:
        """The image of an id. Raises BadSource for an unknown id, and BadImage if it cannot be read."""
        return self.image(self.find(id))

    def describe(self) -> dict[str, str]:
        """How a request refers to this source."""
        return {"reference": self.reference, "digest": self.digest}

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: listings and open files are made anew where they are needed."""
        return {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]


class Counted(Source):
    """A source that knows how many images it has: their numbers count from 0."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def entry(self, number: int) -> Entry:
        """The entry of a number from 0 to the length."""

    def shards(self, size: int) -> list[Shard]:
        """All shards, `size` images each, the last one perhaps fewer."""
        check_size(size)
        cuts = [(start, min(start + size, len(self))) for start in range(0, len(self), size)]
        return [Shard(index, f"{start}-{stop - 1}", start, stop) for index, (start, stop) in enumerate(cuts)]

    def entries(self, shard: Shard) -> list[Entry]:
        """The entries of a shard, in order of their numbers. Raises BadSource if there are not so many."""
        if shard.stop > len(self):
            raise BadSource(
                f"Shard {shard.name} must lie within the {len(self)} images of the source, not end at {shard.stop}. "
                "The source has changed: start again with it as it is now."
            )
        return [self.entry(number) for number in range(shard.start, shard.stop)]


def check_size(size: int) -> None:
    """Raise BadKnob for a shard that could hold nothing."""
    if size < 1:
        raise BadKnob(f"The size of a shard must be at least 1 image, not {size}. Use 1024, for example.")


def digest_of(facts: Iterable[object]) -> str:
    """SHA-256 of a sequence of facts, each with its text; no two different sequences look alike."""
    sha = hashlib.sha256()
    for fact in facts:
        data = str(fact).encode("utf-8", "backslashreplace")
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()
