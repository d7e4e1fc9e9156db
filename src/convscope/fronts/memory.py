"""Memory that was freed goes back to the system, where the C library (glibc) would keep it.

Tensors of a few megabytes lie in its pools beside small things that stay, such as an answer that is kept. What is freed
below them is used again, and never given back: after one heavy request half a gigabyte, and more with each larger one.
Having all that in mappings of their own, which are given back at once, would make every forward slower.
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_EVERY = 5.0  # seconds between two looks
_SPARE = 64 << 20  # bytes by which the process may grow before it is looked for what can be given back
_PAGE = 4096  # bytes; where pages are larger, so is what is spared
_RESIDENT = Path("/proc/self/statm")


def share_memory() -> None:
    """Have all threads of this process allocate from two pools, where the C library would give each its own.

    Every pool keeps what its thread once needed for tensors: with several readers half a gigabyte more, and growing.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)


def tend_memory() -> None:
    """Give back what is free whenever the process has grown, and never return; at once where this is not glibc."""
    trim = _of_glibc("malloc_trim")
    least = _resident()
    while trim is not None:
        time.sleep(_EVERY)
        least = min(least, _resident())
        if _resident() - least > _SPARE:
            trim(ctypes.c_size_t(0))
            least = _resident()


def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _resident() -> int:
    """Bytes of memory this process has."""
    return int(_RESIDENT.read_text().split()[1]) * _PAGE if _RESIDENT.exists() else 0
