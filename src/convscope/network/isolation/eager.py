"""Blocks inside which what `torch.compile` made runs as it is written; hooks and rules see nothing of compiled code.

PyTorch keeps one stance for all threads. Blocks of several threads that each put back what they met would, where they
overlap, compile again too early or never again: so the first one in sets it and the last one out puts it back.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Self

import torch

from ...base.undo import undoing
from .modes import FunctionMode

_lock = threading.RLock()
_inside: set[Eager] = set()  # the blocks that are open now, of all threads
_before: list[Any] = []  # the stance that the first of them met, while there are any


class Eager:
    """Inside the block nothing that was compiled is run, on any thread; can be ended twice."""

    def __init__(self) -> None:
        self._undo = undoing(self._end)

    def __enter__(self) -> None:
        from torch._dynamo import eval_frame

        self._undo.__enter__()
        with _lock:
            _inside.add(self)
            if not _before:
                _before.append(eval_frame._stance)
            torch.compiler.set_stance("force_eager")

    def __exit__(self, *error: object) -> None:
        self._undo.undo()

    def _end(self) -> None:
        """Run again where it was interrupted."""
        from torch._dynamo import eval_frame

        with _lock:
            _inside.discard(self)
            if not _inside and _before:
                eval_frame._set_stance(_before[0])
                _before.clear()


class EagerMode(FunctionMode):
    """A function mode inside whose block what was compiled runs as it is written."""

    _eager: Eager | None = None

    def __enter__(self) -> Self:
        if "torch._dynamo" in sys.modules:
            self._eager = Eager()
            self._eager.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if self._eager is not None:
            self._eager.__exit__()
