"""Knobs of every pass over images, so that they mean the same in a scan, for codes, and for what is made of codes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base.errors import BadKnob
from ..network.network import Network
from .job import Labels

ClassNames = Annotated[
    Labels, Field(description="classes: those of the images, the network's own by name or number, or none")
]
Compile = Annotated[
    bool, Field(description="run the executed graph with norms folded in: faster, and equal to rounding")
]
LaneBatch = Annotated[
    Annotated[int, Field(ge=1, le=1024)] | Literal["auto"],
    Field(description="images a thread takes at once; auto: as many as its cache holds"),
]
Workers = Annotated[
    Annotated[int, Field(ge=0, le=256)] | Literal["auto"],
    Field(description="processes that decode images; auto: one a core, at most four"),
]
Engine = Annotated[Literal["inline", "ray"], Field(description="this process, or a Ray cluster")]
Seconds = Annotated[float, Field(ge=0, description="seconds between checkpoints in the output folder")]


def check_is_network(net: Any) -> None:
    """Raise BadKnob for what is no Network."""
    if not isinstance(net, Network):
        raise BadKnob(f"net must be a Network, not {type(net).__name__}. Use cs.load('lite0') or cs.Network(module).")
