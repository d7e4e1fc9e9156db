"""Results that are a table as well, which can be saved as Parquet."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ..contract.result import ENDINGS, Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Tabled(Result):
    """A result with a `table`: saved as `.parquet`, it is that table, with the request beside it."""

    @property
    @abstractmethod
    def table(self) -> pa.Table:
        """The numbers as rows."""

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of any result, and .parquet."""
        return (*ENDINGS, ".parquet")
