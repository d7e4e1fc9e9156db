"""Knobs that maps of one network and of several share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...representation.embedding.points import Metric

CodeDistance = Annotated[Metric, Field(description="distances between codes: l2 of the codes as they are, or cosine")]
Pool = Annotated[
    str, Field(description="how a map of the layer becomes one number: mean, max, or one place y,x", min_length=1)
]
