"""What a page may ask of a loop: one message, read from anywhere, of which nothing is ever evaluated."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Setting = Literal["learning_rate", "momentum", "weight_decay"]


class Command(BaseModel):
    """Pause, resume, take some steps and pause again, or set a number of one parameter group, of all where it is None.

    Unknown fields are refused, and numbers that are not finite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    does: Literal["pause", "resume", "step", "set"]
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    group: Annotated[int, Field(ge=0, le=100_000)] | None = None
    name: Setting | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.does == "set" and (self.name is None or self.value is None):
            raise ValueError("what is set must have a name and a value")
        return self
