"""A zip of images, read in place: each thread of each process has a handle of its own, opened when first needed."""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import final

from ..base.errors import BadImage, BadSource, first_line
from ..base.image import ImageLike
from .paths import LabelledPaths, ignored, names_below_root, path_parts
from .source import MAX_BYTES, Counted, Entry, digest_of


@final
@dataclass(frozen=True)
class Zip(Counted):
    """All files in a zip, by member name; its folders are the classes, as in a folder."""

    reference: str

    def __len__(self) -> int:
        return len(self._names.ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """The folders that hold files, directly in the zip or in the one folder that everything is in."""
        return self._names.classes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names, sizes and checksums of all members."""
        members = [self._zip().getinfo(id) for id in self._names.ids]
        return digest_of(fact for member in members for fact in (member.filename, member.file_size, member.CRC))

    def entry(self, number: int) -> Entry:
        """The entry of a number from 0 to the length."""
        return self._names.entry(number)

    def find(self, id: str) -> Entry:
        """The entry of a member name. Raises BadSource if there is none."""
        return self._names.find(id, self.reference)

    def read(self, entry: Entry) -> ImageLike:
        """The bytes of a member. Raises BadImage for one that is damaged, encrypted or far too large."""
        try:
            member = self._zip().getinfo(entry.id)
            if member.file_size <= MAX_BYTES:
                return self._zip().read(member)
        except (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise BadImage(
                f"{entry.id} cannot be read from the zip ({first_line(error)}). Get a whole copy, not encrypted."
            ) from error
        raise BadImage(f"An image file must have at most 1 GB, not {entry.id}. Scale the image down first.")

    @cached_property
    def _names(self) -> LabelledPaths:
        return names_below_root({name for name in self._zip().namelist() if _counts(name)})

    @cached_property
    def _mine(self) -> threading.local:
        return threading.local()

    def _zip(self) -> zipfile.ZipFile:
        """This thread's handle; one inherited by fork shares its file position with the parent and is not used."""
        mine = self._mine
        if getattr(mine, "process", None) != os.getpid():
            mine.zip, mine.process = _opened(self.reference), os.getpid()
        handle: zipfile.ZipFile = mine.zip
        return handle


def open_zip(path: str) -> Zip:
    """The images in a zip. Raises BadSource if it is damaged or empty."""
    source = Zip(path)
    if not len(source):
        raise BadSource(f"A source must hold images, but there are no files in {path}. Name a zip that has some.")
    return source


def _opened(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BadSource(
            f"{path} must be a zip, but it cannot be read as one ({first_line(error)}). Get a whole copy of the file."
        ) from error


def _counts(name: str) -> bool:
    return not name.endswith("/") and bool(path_parts(name)) and not any(ignored(part) for part in path_parts(name))
