"""Tars as shards, in WebDataset's layout: each is listed when its turn comes, and an image is read with one seek."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import final

from ..base.errors import BadImage, BadSource, first_line, nearest
from ..base.image import ImageLike
from .labels import class_names, number_of, numbered
from .source import MAX_BYTES, Entry, Shard, Source, check_size, digest_of
from .tar_index import Member, check_tar, members

_BITS = 32  # a number is the tar's place, then 32 bits for the place in the tar
_ENDS = 1 << 16


@final
@dataclass(frozen=True)
class Tars(Source):
    """Images in tar files; labels are class numbers, or names, in `.cls` files beside them."""

    reference: str
    paths: tuple[str, ...] = field(repr=False)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The numbers up to the largest label, or the names in use. This lists all tars, once."""
        return class_names({member.label for path in self.paths for member in members(path)})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and sizes of the tars and of 64 KB at both ends of each: listing all would take long."""
        facts = ((name, *_ends(path)) for name, path in zip(self._shard_names, self.paths, strict=True))
        return digest_of(part for fact in facts for part in fact)

    def shards(self, size: int) -> list[Shard]:
        """One shard for each tar, whatever `size` is."""
        check_size(size)
        return [Shard(i, name, i << _BITS, (i + 1) << _BITS) for i, name in enumerate(self._shard_names)]

    def entries(self, shard: Shard) -> list[Entry]:
        """The images of a tar in the order they lie there. Raises BadSource if it is damaged."""
        index = shard.start >> _BITS
        if index >= len(self.paths):
            raise BadSource(f"There is no tar number {index} among {len(self.paths)}. Start again with the source.")
        found, name = members(self.paths[index]), self._shard_names[index]
        labels = self._labels(found)
        return [
            Entry(shard.start + place, f"{name}/{member.name}", label, (member.offset, member.size))
            for place, (member, label) in enumerate(zip(found, labels, strict=True))
        ]

    def find(self, id: str) -> Entry:
        """The entry of `SHARD.tar/KEY.jpg`. Raises BadSource if there is none."""
        for shard in self.shards(1):
            if id.startswith(f"{shard.name}/"):
                return _named(self.entries(shard), id)
        raise BadSource(
            f"No tar in {self.reference} holds {id!r}.{nearest(id.partition('/')[0], self._shard_names)} "
            "An id is the name of the tar, a slash, and the name in it."
        )

    def read(self, entry: Entry) -> ImageLike:
        """The bytes of an image. Raises BadImage if they are not there any more, or far too many."""
        offset, size = entry.at or self.find(entry.id).at
        if size > MAX_BYTES:
            raise BadImage(f"An image file must have at most 1 GB, not {entry.id}. Scale the image down first.")
        try:
            with Path(self.paths[entry.number >> _BITS]).open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise BadImage(f"{entry.id} cannot be read from the tar ({first_line(error)}). Check the file.") from error
        if len(data) < size:
            raise BadImage(f"{entry.id} is cut short: the tar ends within it. Get a whole copy of the tar.")
        return data

    def _labels(self, found: Sequence[Member]) -> list[int]:
        """Numbers stand for themselves; only names need all tars to be listed."""
        if not any(isinstance(member.label, str) for member in found):
            return [member.label if isinstance(member.label, int) else -1 for member in found]
        numbers = numbered(self.classes)
        return [number_of(member.label, numbers) for member in found]

    @cached_property
    def _shard_names(self) -> tuple[str, ...]:
        """File names, or what tells them apart if they are alike."""
        names = [Path(path).name for path in self.paths]
        if len(set(names)) < len(names):
            above = os.path.commonpath([Path(path).parent for path in self.paths])
            names = [Path(path).relative_to(above).as_posix() for path in self.paths]
        return tuple(names)


def open_tars(reference: str, paths: Sequence[str]) -> Tars:
    """Tars, in order of their paths. Raises BadSource now for what is wrong with the first, later for the others."""
    ordered = tuple(sorted(paths))
    check_tar(ordered[0])
    source = Tars(reference, ordered)
    if len(ordered) == 1 and not members(ordered[0]):
        raise BadSource(f"A source must hold images, but there are none in {reference}. Name a tar that has some.")
    return source


def _named(entries: Sequence[Entry], id: str) -> Entry:
    for entry in entries:
        if entry.id == id:
            return entry
    tar = id.partition("/")[0]
    raise BadSource(f"There is no image {id!r} in {tar}.{nearest(id, [e.id for e in entries[:200]])} Check the id.")


def _ends(path: str) -> Iterator[object]:
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for start in (0, max(0, size - _ENDS)):
                file.seek(start)
                yield file.read(_ENDS).hex()
    except OSError as error:
        raise BadSource(f"The tar {path} cannot be read ({error.strerror}). Check the path.") from error
    yield size
