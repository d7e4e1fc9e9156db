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

from ...base.paths import is_there

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_SOON, _LATE = 2.0, 60.0  # seconds after which it is looked again: while there is much to give back, and else at most
_MUCH = 16 << 20  # bytes
_PAGE = 4096  # bytes; where pages are larger, so is what is much
_RESIDENT = Path("/proc/self/statm")


def share_memory() -> None:
    """Have all threads of this process allocate from one pool, where the C library would give each its own.

    Every pool keeps what its threads once needed for tensors, and all but the first are in pieces of 64 MB, into which
    tensors fit badly. One thread at a time has the networks, so that none waits for another.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def tend_memory() -> None:
    """Give back what is free, often while the process is busy, and never return; at once where this is not glibc."""
    trim, wait = _of_glibc("malloc_trim"), _SOON
    while trim is not None:
        time.sleep(wait)
        before = _resident()
        trim(ctypes.c_size_t(0))
        wait = _SOON if before - _resident() > _MUCH else min(2 * wait, _LATE)


def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _resident() -> int:
    """Bytes of memory this process has."""
    return int(_RESIDENT.read_text().split()[1]) * _PAGE if is_there(_RESIDENT) else 0
