"""What Python does with warnings belongs to the whole process: it is changed by one thread at a time, and put back."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_process = threading.RLock()


@contextmanager
def unwarned(*kinds: type[Warning], message: str = "") -> Iterator[None]:
    """Inside the block warnings of these kinds, or all, whose text begins with a pattern, are not heard.

    One thread of the process at a time is in such a block.
    """
    with _process, warnings.catch_warnings():
        for kind in kinds or (Warning,):
            warnings.filterwarnings("ignore", message, kind)
        yield


def _forked() -> None:
    """Nobody would ever let go of a lock that another thread held while this process was forked."""
    global _process
    _process = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
