"""Patterns that name many files: `shards-{000..009}.tar` as in a shell, and `shards-*.tar`."""

from __future__ import annotations

import glob
import re

from ..base.errors import BadSource
from ..base.paths import is_there

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
_MOST = 1_000_000


def is_pattern(text: str) -> bool:
    """Whether a text names files by a pattern."""
    return glob.has_magic(text) or bool(_BRACES.search(text))


def matches(pattern: str) -> list[str]:
    """The files a pattern names, each once. Raises BadSource if one that it spells out is missing, or there is none."""
    found: set[str] = set()
    for name in braced(pattern):
        if is_there(name):
            found.add(name)
        elif glob.has_magic(name):
            found.update(glob.glob(name, recursive=True))  # noqa: PTH207
        else:
            raise BadSource(
                f"There is no file {name}, which {pattern} names. Get it, or name only those that are there."
            )
    if not found:
        raise BadSource(f"A pattern must match files, but nothing matches {pattern}. Check it with ls.")
    return sorted(found)


def braced(pattern: str) -> list[str]:
    """The texts a pattern with braces stands for: `{8..10}` and `{a,b}`, with leading zeros as in the first number.

    Raises BadSource for more than a million.
    """
    found, end = [""], 0
    for braces in _BRACES.finditer(pattern):
        choices, between = _choices(braces[1], pattern), pattern[end : braces.start()]
        if len(found) * len(choices) > _MOST:
            raise BadSource(
                f"A pattern must stand for at most a million files, not {pattern[:80]}. Narrow it, as with *."
            )
        found = [f"{before}{between}{choice}" for before in found for choice in choices]
        end = braces.end()
    return [f"{before}{pattern[end:]}" for before in found]


def _choices(inner: str, pattern: str) -> list[str]:
    numbers = _RANGE.fullmatch(inner)
    if not numbers:
        return inner.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if not first <= last < first + _MOST:
        raise BadSource(f"A range must count up, by at most a million, not {inner} in {pattern}. Write {{000..009}}.")
    width = len(numbers[1])
    return [f"{number:0{width}d}" for number in range(first, last + 1)]
