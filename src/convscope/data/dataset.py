"""Map-style data sets, known by what they answer to: torchvision's, Hugging Face's, subsets, or the user's own.

Labels are needed before images are read, so they are taken from a list beside the images where there is one that can
be trusted, and from the items themselves otherwise, which decodes each image once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, final

from ..base.errors import BadImage, BadSource, first_line
from ..base.image import ImageLike, open_image
from .items import label_of, picture, split_item
from .labels import Label, as_label, class_names, number_of, numbered
from .metadata import Columns, classes_in, columns_of, labels_in
from .source import Counted, Entry, digest_of

_PROBES = 16


class MapStyle(Protocol):
    """What torch calls a map-style data set: it has a length, and items by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@final
@dataclass(frozen=True, eq=False)
class DataSet(Counted):
    """A map-style data set of images, (image, label) pairs, or dicts with an image column; an id is the number."""

    items: MapStyle = field(repr=False)
    reference: str = ""

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names the data set gives, or what its labels imply, for which all are read, once."""
        return classes_in(self.items) or class_names(self._label(number) for number in range(len(self)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of length, classes, labels at hand and a few pictures; not of these if they change at each look."""
        first, again = self._probes(), self._probes()
        labels = self._labels or ()
        return digest_of(
            [len(self), *classes_in(self.items), *map(as_label, labels), *(first if first == again else ())]
        )

    def entry(self, number: int) -> Entry:
        """The entry of an item. Raises BadSource for a label that is neither number nor name."""
        return Entry(number, str(number), number_of(self._label(number), self._numbers))

    def find(self, id: str) -> Entry:
        """The entry of an item's number as text. Raises BadSource if there is none."""
        if not (id.isascii() and id.isdigit() and str(int(id)) == id and int(id) < len(self)):
            raise BadSource(f"An id must be a number from 0 to {len(self) - 1} as text, not {id!r}.")
        return self.entry(int(id))

    def read(self, entry: Entry) -> ImageLike:
        """The picture of an item. Raises BadImage if the data set raises anything, or for what is no picture."""
        try:
            item = self.items[entry.number]
        except Exception as error:  # whatever the user's code raises
            raise BadImage(f"Item {entry.number} cannot be read ({first_line(error)}). Leave it out.") from error
        found: ImageLike = picture(split_item(item, self._columns.image, self._columns.label)[0])
        return found

    @cached_property
    def _columns(self) -> Columns:
        return columns_of(self.items)

    @cached_property
    def _labels(self) -> Sequence[Any] | None:
        """The labels the data set lists, if they are those of its items."""
        listed = labels_in(self.items)
        if listed is None or len(listed) != len(self):
            return None
        agree = all(self._item_label(number) in (as_label(listed[number]), None) for number in {0, len(self) - 1})
        return listed if agree else None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return numbered(self.classes)

    def _label(self, number: int) -> Label:
        return as_label(self._labels[number]) if self._labels is not None else self._item_label(number)

    def _item_label(self, number: int) -> Label:
        try:
            item = self.items[number]
        except Exception:  # it will be refused with the reason when its image is read
            return None
        return label_of(item, self._columns.image, self._columns.label)

    def _probes(self) -> list[str]:
        return list(_contents(self, range(0, len(self), max(1, len(self) // _PROBES))))


def open_data_set(items: MapStyle) -> DataSet:
    """A map-style data set as a source. Raises BadSource for an empty one, and for one that has no image column."""
    if isinstance(items, Mapping):
        raise BadSource(
            f"A source must be one data set, not {len(items)} by name ({', '.join(map(str, list(items)[:5]))}). "
            "Choose one of them, as in data['train']."
        )
    if not len(items):
        raise BadSource(f"A source must hold images, but the {type(items).__name__} is empty. Use another split.")
    columns_of(items)
    return DataSet(items)


def _contents(source: DataSet, numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        try:
            yield open_image(source.read(Entry(number, str(number), -1))).digest
        except BadImage as error:
            yield str(error)
