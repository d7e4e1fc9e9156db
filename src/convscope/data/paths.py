"""Images that are known by their paths: which files count, in which order, and which class a folder makes of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ..base.errors import BadSource, nearest
from .labels import in_order, numbered
from .source import Entry


@dataclass(frozen=True, eq=False)
class LabelledPaths:
    """Sorted ids with their labels, and the class names."""

    ids: tuple[str, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    classes: tuple[str, ...]

    def entry(self, number: int) -> Entry:
        """The entry of a number."""
        return Entry(number, self.ids[number], self.labels[number])

    def find(self, id: str, where: str) -> Entry:
        """The entry of an id. Raises BadSource, naming `where` and the ids most like it, if there is none."""
        number = bisect_left(self.ids, id)
        if number < len(self.ids) and self.ids[number] == id:
            return self.entry(number)
        around = self.ids[max(0, number - 20) : number + 20]  # comparing with a million ids would take minutes
        raise BadSource(f"There is no image {id!r} in {where}.{nearest(id, around)} Give an id that a scan reported.")


def labelled_paths(ids: Iterable[str]) -> LabelledPaths:
    """Ids in order, labelled by the first folder on their path; files outside any folder have no label."""
    return _labelled(tuple(sorted(ids)), 0)


def names_below_root(ids: Iterable[str]) -> LabelledPaths:
    """The same, but folders that everything lies in do not count as a class while there are folders in them."""
    ordered = tuple(sorted(ids))
    paths = {tuple(path_parts(id)[:-1]) for id in ordered}
    depth = 0
    while len({path[: depth + 1] for path in paths}) == 1 and _has_folders(paths, depth + 1):
        depth += 1
    return _labelled(ordered, depth)


def path_parts(name: str) -> list[str]:
    """The folders and the file name of a path with slashes."""
    return [part for part in name.split("/") if part not in ("", ".")]


def ignored(part: str) -> bool:
    """Whether a file or folder of this name is no part of a source: hidden ones, and what macOS adds to a zip."""
    return part.startswith(".") or part == "__MACOSX"


def text(name: str) -> str:
    """A file name as text that can be stored: bytes that are no UTF-8 are spelled out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _has_folders(paths: Collection[tuple[str, ...]], depth: int) -> bool:
    return any(len(path) > depth for path in paths)


def _labelled(ids: tuple[str, ...], depth: int) -> LabelledPaths:
    folders = [_folder(id, depth) for id in ids]
    classes = in_order(folder for folder in folders if folder)
    numbers = numbered(classes)
    return LabelledPaths(ids, tuple(numbers.get(folder, -1) for folder in folders), classes)


def _folder(id: str, depth: int) -> str:
    folders = path_parts(id)[:-1]
    return folders[depth] if len(folders) > depth else ""
