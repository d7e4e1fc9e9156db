"""Function modes that see every call: a compiled function would run around them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode


class EagerMode(TorchFunctionMode):
    """A function mode inside whose block what was compiled runs as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._eager = ExitStack()

    def __enter__(self) -> Self:
        if "torch._dynamo" in sys.modules:
            self._eager.enter_context(torch.compiler.set_stance("force_eager"))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._eager.close()
