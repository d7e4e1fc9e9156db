"""A folder of images: every file below it counts, so that one that is no image is refused with a reason, not unseen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from ..base.errors import BadSource
from ..base.image import ImageLike
from ..base.paths import is_file, is_folder, is_there
from .paths import LabelledPaths, ignored, labelled_paths, text
from .source import Counted, Entry, digest_of


@final
@dataclass(frozen=True)
class Folder(Counted):
    """All regular files below a folder, by relative path; its subfolders are the classes."""

    reference: str

    def __len__(self) -> int:
        return len(self._names.ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """The subfolders directly below the folder that hold files."""
        return self._names.classes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the relative paths and sizes of all files."""
        return digest_of(fact for id in self._names.ids for fact in (id, _size(self._path(id))))

    def entry(self, number: int) -> Entry:
        """The entry of a number from 0 to the length."""
        found = self._names.entry(number)
        return Entry(number, found.id, found.label, self._files[found.id])

    def find(self, id: str) -> Entry:
        """The entry of a relative path. Raises BadSource if there is no such file."""
        return self.entry(self._names.find(id, self.reference).number)

    def read(self, entry: Entry) -> ImageLike:
        """The path of an entry."""
        return Path(self.reference, entry.at or entry.id)

    def _path(self, id: str) -> Path:
        return Path(self.reference, self._files[id] or id)

    @cached_property
    def _names(self) -> LabelledPaths:
        return labelled_paths(self._files)

    @cached_property
    def _files(self) -> dict[str, str]:
        """The relative path of each id, empty where it is the id itself."""
        found = ((text(path), path) for path in files(self.reference))
        return {id: path if path != id else "" for id, path in found}


def open_folder(path: str) -> Folder:
    """The images below a folder. Raises BadSource for an empty one."""
    if next(files(path), None) is None:
        raise BadSource(f"A source must hold images, but there are no files in {path}. Name a folder that has some.")
    return Folder(path)


def unlisted(folder: str | Path, error: OSError) -> BadSource:
    """What to raise for a folder whose files cannot be told."""
    return BadSource(
        f"The folder {folder} must be readable, but it cannot be listed ({error.strerror}). "
        "Change its permissions, or move it elsewhere."
    )


def files(root: str) -> Iterator[str]:
    """The relative paths of all files below a folder, in no order. Raises BadSource for what cannot be listed."""
    yield from _files(root, "", frozenset())


def _files(root: str, below: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Links are followed, but not into a folder that one is already in."""
    folder = Path(root, below)
    try:
        status = folder.stat()
        with os.scandir(folder) as listing:
            items = [item for item in listing if not ignored(item.name)]
    except OSError as error:
        raise unlisted(folder, error) from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for item in items:
        path = f"{below}{item.name}"
        if _is_file(item):
            yield path
        elif is_folder(item.path):
            yield from _files(root, f"{path}/", above | {here})


def _is_file(item: os.DirEntry[str]) -> bool:
    """Whether to count it: pipes and devices would block a reader; a dead link is counted, and refused when read."""
    if item.is_file(follow_symlinks=False):
        return True
    return item.is_symlink() and (is_file(item.path) or not is_there(item.path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
