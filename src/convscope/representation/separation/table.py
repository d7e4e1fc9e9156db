"""What separates a selection, as a table."""

from __future__ import annotations

import pyarrow as pa

from .auroc import auroc_interval
from .separate import Separation

_NUMBERS = ("found", "auroc", "auroc_low", "auroc_high", "p_value", "corrected", "threshold")
_UNITS = pa.schema(
    {"layer": pa.string(), "channel": pa.int64(), "sign": pa.int64(), **dict.fromkeys(_NUMBERS, pa.float64())}
)


def separation_table(found: Separation) -> pa.Table:
    """A row a unit, the best first, and one with `channel` null for the direction, sought where no unit is enough.

    `auroc_low` and `auroc_high` are the ends of the 95 % interval of `auroc`, and the other columns are
    those of a `SeparatingUnit`.
    """
    rows = []
    for unit in found.units:
        low, high = auroc_interval(unit.auroc, *found.testing)
        told = {name: getattr(unit, name) for name in _UNITS.names if hasattr(unit, name)}
        rows.append({**told, "channel": unit.unit, "auroc_low": low, "auroc_high": high})
    if found.direction is not None:
        direction = found.direction
        low, high = auroc_interval(direction.auroc, *found.testing)
        about = {"layer": direction.layer, "found": direction.found, "auroc": direction.auroc}
        rows.append({**about, "auroc_low": low, "auroc_high": high})
    return pa.Table.from_pylist(rows, _UNITS)
