"""Knobs that several techniques share, so that they mean the same everywhere."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

_AtLeastOne: TypeAlias = Annotated[int, Field(ge=1)]

Smooth = Annotated[bool, Field(description="treat SiLU, GELU, LeakyReLU and the like as rectifiers too")]
BatchSize = Annotated[
    _AtLeastOne | Literal["auto"],
    Field(description="images a pass; auto: by the network and the machine. Changes roundings only"),
]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="of the random numbers; they do not depend on batch_size")]
