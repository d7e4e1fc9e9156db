"""What a label may be, and which number it gets: the one rule for folders, tars, lists and data sets."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ..base.errors import BadSource, nearest

Label: TypeAlias = int | str | None
MAX_CLASSES = 1_000_000  # a stray number must not make a list of a billion names


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Different class names in the order of their labels: by value if all are whole numbers, else as text."""
    found = sorted(set(names))
    if all(name.isascii() and name.isdigit() for name in found):
        found.sort(key=int)
    return tuple(found)


def as_label(value: object) -> Label:
    """A class number, a class name, or None for no label (None and -1). Raises BadSource for anything else."""
    if value is None or isinstance(value, str):
        return str(value) if value is not None else None
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise BadSource(
            f"A label must be a class number or a class name, not {_short(value)}. "
            "Give images alone, or (image, label) pairs."
        ) from None
    if not -1 <= number < MAX_CLASSES:
        raise BadSource(f"A class number must be from 0 to {MAX_CLASSES - 1}, or -1 for none, not {number}.")
    return None if number == -1 else number


def class_names(labels: Iterable[Label]) -> tuple[str, ...]:
    """The classes that labels imply: the names in use, or all numbers up to the largest. Raises BadSource for both."""
    names: set[str] = set()
    largest = -1
    for label in labels:
        if isinstance(label, str):
            names.add(label)
        elif label is not None:
            largest = max(largest, label)
    if names and largest >= 0:
        raise BadSource(
            f"Labels must be all numbers or all names, not both ({largest} and {min(names)!r}). Use names throughout."
        )
    return in_order(names) if names else tuple(str(number) for number in range(largest + 1))


def number_of(label: Label, numbers: Mapping[str, int]) -> int:
    """The class number of a label, given the number of each class name; -1 for none. Raises BadSource if unknown."""
    if label is None:
        return -1
    if isinstance(label, int):
        if label >= len(numbers):
            raise BadSource(f"A class number must be below {len(numbers)}, the number of classes, not {label}.")
        return label
    if label not in numbers:
        raise BadSource(f"{label!r} is not one of the {len(numbers)} classes.{nearest(label, numbers)}")
    return numbers[label]


def numbered(classes: Iterable[str]) -> dict[str, int]:
    """The number of each class name."""
    return {name: number for number, name in enumerate(classes)}


def _short(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text[:40]}{'…' if len(text) > 40 else ''}"
