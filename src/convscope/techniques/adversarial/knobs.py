"""What attacks are asked: the knobs they share, and how the budget of one is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ...adversarial.projected_steps import Ball, Norm
from ...base.errors import BadKnob
from ...contract.knobs import OneClass, Several

_ALMOST = 1e-6  # of a step: 2/255 is two whole ones, however it was written


def _as_text(given: Any) -> Any:
    """A class by number, or a size, as text."""
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given


_Text = Annotated[str, BeforeValidator(_as_text)]
Target = Annotated[
    _Text, Field(description="number or label of the class to be taken for; empty: any other"), OneClass()
]
Label = Annotated[
    _Text, Field(description="number or label of the class it is; empty: what the network says"), OneClass()
]
Kappa = Annotated[float, Field(ge=0, le=1e6, description="lead in logits that is wanted, and ends an attack")]
OnLattice = Annotated[bool, Field(description="put right what rounding to 8 bits loses; off: round once, and see")]
Format = Annotated[str, Field(description="png, which keeps every step; jpeg:95 or webp:90 is tried as well")]
Judges = Annotated[str, Field(description="networks that look at the file too, such as lite1,lite2"), Several(",")]
Eps = Annotated[_Text, Field(description="largest change of a pixel from 0 to 1, as 2/255 or 0.01")]
Steps = Annotated[int, Field(ge=1, le=100_000, description="steps at most; an attack ends where it has its goal")]
Step = Annotated[_Text, Field(description="size of a step, as 1/255 or 0.01; auto: 2.5 times eps over the steps")]
ANorm = Annotated[Norm, Field(description="what is measured: linf the largest change, l2 the Euclidean length")]


@dataclass(frozen=True)
class AttackKnobs:
    """What all attacks are asked."""

    target: str
    label: str
    kappa: float
    lattice: bool
    format: str
    judges: str
    seed: int
    batch_size: int | Literal["auto"] = "auto"


def pixel_size(name: str, text: str) -> float:
    """A size of pixels from 0 to 1, given as a number or a fraction; raises BadKnob."""
    try:
        above, _, below = text.partition("/")
        found = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        found = math.nan
    if not 0 < found <= 1e4:
        raise BadKnob(f"{name} must be a positive number or fraction, not {text!r}. Give 2/255, or 0.01.")
    return found


def ball_of(eps: str, norm: Norm, lattice: bool) -> Ball:
    """The ball of a budget; on the lattice of whole steps as many as fit. Raises BadKnob where that is none."""
    radius = pixel_size("eps", eps)
    if not lattice:
        return Ball(radius, norm)
    steps = 255 * radius + _ALMOST
    if steps < 1:
        raise BadKnob(
            f"eps must be at least 1/255, one step of 8 bits, not {eps}: nothing can change by less in a file. "
            "Give 1/255, or lattice=False to see it lost."
        )
    return Ball(math.floor(steps) / 255 if norm == "linf" else radius, norm)


def step_of(step: str, ball: Ball, steps: int) -> float:
    """The size of a step: Madry's 2.5 ε over the number of steps, unless one is given."""
    return 2.5 * ball.radius / steps if step == "auto" else pixel_size("step", step)
