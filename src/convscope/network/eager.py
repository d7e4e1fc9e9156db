"""Function modes that see every call: a compiled function would run around them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, Self

import torch

from ..base.undo import undoing
from .modes import FunctionMode


class EagerMode(FunctionMode):
    """A function mode inside whose block what was compiled runs as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._eager = ExitStack()
        self._undo = undoing(self._eager.close)

    def __enter__(self) -> Self:
        self._undo.__enter__()
        if "torch._dynamo" in sys.modules:
            self._eager.enter_context(torch.compiler.set_stance("force_eager"))
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._undo.undo()
