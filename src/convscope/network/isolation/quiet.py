"""Quiet about a step's own affairs: what it warns, logs and prints is not heard, and everybody else is."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...base.undo import undoing
from ...base.warned import unwarned


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the block this thread prints, logs and warns of nothing; one thread in the process at a time."""
    with unwarned():
        own = threading.get_ident()
        streams, handlers = (sys.stdout, sys.stderr), _handlers()

        def others(record: logging.LogRecord) -> bool:
            return record.thread != own

        def restore() -> None:
            sys.stdout, sys.stderr = streams
            for handler in handlers:
                handler.removeFilter(others)

        with undoing(restore):
            for handler in handlers:
                handler.addFilter(others)
            sys.stdout, sys.stderr = (stream and _Others(stream, own) for stream in streams)
            yield


class _Others:
    """A stream on which one thread is not heard."""

    def __init__(self, stream: Any, silent: int) -> None:
        self._stream, self._silent = stream, silent

    def write(self, text: str) -> int:
        """Write for every thread but the silent one."""
        return len(text) if threading.get_ident() == self._silent else int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _handlers() -> list[logging.Handler]:
    """All that log records of PyTorch reach."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("torch")]
    found = {handler for logger in (logging.root, *loggers) for handler in logger.handlers}
    return [*found, *([logging.lastResort] if logging.lastResort else [])]
