"""What is in a tar: its images, where their bytes lie, and the labels beside them, from the headers alone.

The layout is WebDataset's: files with the same name up to the first dot belong together, and `.cls` holds a label.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..base.errors import BadSource, first_line, reason
from .labels import Label, as_label
from .paths import ignored, path_parts, text

PACKED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz", b"\x28\xb5": "unzstd"}  # magic numbers
_BESIDE = ("cls", "json", "txt")  # the label, and what is told about an image
_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """An image in a tar: its name there, its label, and where its bytes are."""

    name: str
    label: Label
    offset: int
    size: int


def members(path: str) -> tuple[Member, ...]:
    """The images in a tar in the order they lie there. Raises BadSource if it is compressed or damaged."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise BadSource(f"There is no tar {path} to be read ({reason(error)}). Check the path.") from error
    return _members(path, status.st_size, status.st_mtime_ns)


def check_tar(path: str) -> None:
    """Raise BadSource now if a file does not begin as a plain tar does."""
    try:
        with Path(path).open("rb") as file:
            _open(file, path).close()
    except OSError as error:
        _damaged(path, error)


@lru_cache(8)  # opening the hits of a scan one by one asks for the same few tars again and again
def _members(path: str, size: int, changed: int) -> tuple[Member, ...]:
    images: list[tarfile.TarInfo] = []
    labels: dict[str, Label] = {}
    try:
        with Path(path).open("rb") as file:
            for info in _listed(file, path):
                key, suffix = _key(info.name)
                if suffix == "cls":
                    labels[key] = _label(file, info)
                elif suffix not in _BESIDE:
                    images.append(info)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        if isinstance(error, BadSource):
            raise
        _damaged(path, error)
    return tuple(
        Member(text("/".join(path_parts(i.name))), labels.get(_key(i.name)[0]), i.offset_data, i.size) for i in images
    )


def _listed(file: BinaryIO, path: str) -> Iterator[tarfile.TarInfo]:
    with _open(file, path) as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
            if info.isreg() and not any(ignored(part) for part in path_parts(info.name)):
                yield info
        file.seek(tar.offset)
    if any(file.read(_BLOCK)):  # tarfile takes a header it cannot read for the end
        _damaged(path, tarfile.ReadError("a header in the middle cannot be read"))


def _open(file: BinaryIO, path: str) -> tarfile.TarFile:
    unpack = PACKED.get(file.read(2))
    if unpack:
        raise BadSource(
            f"A tar must not be compressed, as images are read from its middle, but {path} is. "
            f"Unpack it once with {unpack}."
        )
    file.seek(0)
    try:
        return tarfile.open(fileobj=file, mode="r:")
    except (tarfile.TarError, ValueError) as error:
        _damaged(path, error)


def _label(file: BinaryIO, info: tarfile.TarInfo) -> Label:
    file.seek(info.offset_data)
    written = file.read(min(info.size, 1000)).decode("utf-8", "replace").strip()
    return as_label(int(written) if re.fullmatch(r"-?\d{1,18}", written, re.ASCII) else written or None)


def _key(name: str) -> tuple[str, str]:
    """What an image shares with the files beside it, and the suffix."""
    folder, slash, file = name.rpartition("/")
    key, _, suffix = file.partition(".")
    return f"{folder}{slash}{key}", suffix.lower()


def _damaged(path: str, error: BaseException) -> NoReturn:
    raise BadSource(
        f"{path} must be a tar, but it cannot be read as one ({first_line(error)}). Get a whole copy of the file."
    ) from error
