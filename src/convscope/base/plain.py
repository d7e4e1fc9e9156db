"""Plain values as JSON: one writer, and one reader that refuses whatever it cannot read in one way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import numpy as np

from .errors import BadJson, first_line

_DEEPEST = 64  # levels of lists and objects in each other: what follows them must not run out of stack


def to_json(value: object, indent: int | None = None) -> str:
    """JSON for plain values, NumPy's, and those of tables; NaN, which JSON lacks, becomes null.

    It can always be encoded: what Python makes of a file's name that is no UTF-8 is escaped.
    """
    text = json.dumps(_plain(value), indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def from_json(text: str | bytes, *, loose: bool = False) -> Any:
    """What a JSON text from outside says; raises BadJson, whatever is wrong with it.

    Also for one nested deeper than 64 levels, and for halves of surrogate pairs. A `loose` text may hold what Python
    itself writes beyond JSON: NaN, infinities, and names of files that are no UTF-8.
    """
    try:
        told = text if isinstance(text, str) else text.decode()
        found = json.loads(told, parse_constant=float if loose else _refused)
        if not _within(found, _DEEPEST):
            raise RecursionError
        json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogateescape" if loose else "strict")
    except RecursionError as error:
        raise BadJson(f"It must be JSON at most {_DEEPEST} levels deep, not deeper. Get another copy.") from error
    except ValueError as error:
        raise BadJson(f"It must be JSON, and is none ({first_line(error)}). Get a whole copy of it.") from error
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _within(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested at most so deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels >= 0 and all(_within(one, levels - 1) for one in inner)


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.ndarray() | np.generic():
            return _plain(value.tolist())
        case float():
            return value if np.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return value.hex()
        case date() | time() | timedelta() | UUID():
            return str(value)
    return value
