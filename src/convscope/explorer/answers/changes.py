"""How far the units of each layer moved from one picture to another, where that was measured beside noise."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from ...base.errors import BadKnob
from ...base.plain import from_json
from ...catalog import catalog
from ...results.flipped_units import FlippedUnits
from ..workspace.frame import encode
from ..workspace.messages import OfResult, UnitChanges
from .answers import artifact_part

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace


def changes(workspace: Workspace, ask: OfResult) -> bytes:
    """A UnitChanges frame of a kept result; raises UnknownResult, and BadKnob for one of another technique."""
    told = from_json(artifact_part(workspace, ask.digest, "json"))
    if not issubclass(catalog.entry(told["technique"]).result, FlippedUnits):
        raise BadKnob(f"A result must be of flipped_units to tell what changed, not of {told['technique']}.")
    table = pq.read_table(io.BytesIO(artifact_part(workspace, ask.digest, "parquet")))
    units = [row["units"] + row["dead"] + row["constant"] for row in told["layers"]]
    numbers = {name: table[name].to_numpy().astype(np.float32) for name in ("difference", "control")}
    header = UnitChanges(
        layers=tuple(row["layer"] for row in told["layers"]),
        reference=told["evidence"]["reference"],
        draws=told["evidence"]["draws"],
    )
    return encode(header, {"edges": np.cumsum([0, *units], dtype=np.int32), **numbers})
