"""Pictures that look like nothing, and that a network is sure about."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.model import Found, Model
from ...adversarial.projected_steps import Ball, projected_steps
from ...base.errors import BadKnob
from ...base.image import Image
from ...base.unit import Unit, UnitLike
from ...contract.technique import technique
from ...network.network import Network
from ...results.adversarial import Adversarial
from ..common_knobs import Seed
from .attack import AttackPlan, attacked
from .knobs import AttackKnobs, Judges, Step, Steps, pixel_size

Start = Literal["noise", "grey", "stripes", "checkers"]
_PERIOD = 16  # pixels of a stripe and the next


@technique
def fooling(
    net: Network,
    unit: UnitLike,
    *,
    start: Annotated[Start, Field(description="the picture it begins with")] = "noise",
    confidence: Annotated[float, Field(gt=0, lt=1, description="probability of the class that is wanted")] = 0.99,
    step: Annotated[Step, Field(description="Euclidean length of a step, of pixels from 0 to 1")] = "1",
    steps: Steps = 200,
    judges: Judges = "",
    seed: Seed = 0,
) -> Adversarial:
    """Paint a picture that looks like nothing, and that a network takes for a class with certainty.

    Nguyen, Yosinski and Clune 2015, "Deep neural networks are easily fooled: high confidence predictions for
    unrecognizable images", by gradients: steps from noise or a pattern, in no ball, until the class is as probable as
    that. The picture is what the network takes, in whole steps of 8 bits, and is saved as its view; `success` is of the
    file, read again. Raises BadKnob for what is no class, such as a unit within the network.
    """
    found = net.unit(unit)
    if not isinstance(found, Unit) or not found.is_class or found.channel is None:
        raise BadKnob(f"unit must be a class, such as logits:0, not {found}. Use maximize for units within.")
    picture = Image(_start(start, net.preprocessing.size, seed), view=True)
    classes = net.layers["logits"].units
    kappa = math.log(
        confidence / (1 - confidence) * max(1, classes - 1)
    )  # the lead that is enough, whatever the others
    size = pixel_size("step", step)

    def find(model: Model, clean: Tensor, goal: Goal, numbers: Iterable[int]) -> Found:
        everywhere = Ball(math.sqrt(clean[0].numel()), "l2")  # as long as the box is wide
        return projected_steps(model, clean, goal, everywhere, size, numbers)

    if net.predict(picture, 1)[0][1] == found.channel:
        raise BadKnob(f"start must be a picture of another class than {net.label(found.channel)}. Give another seed.")
    asked = AttackKnobs(str(found.channel), "", kappa, True, "png", judges, seed)
    told = {"start": start, "confidence": confidence, "step": size, "steps": steps}
    made = attacked(net, picture, asked, AttackPlan(find, steps, told=told))
    return replace(made, success=made.success and made.top_after[0][2] >= confidence)


def _start(kind: str, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """The picture it begins with, (H, W, 3): grey, noise, or a pattern of greys."""
    rows, columns = np.indices(size) // (_PERIOD // 2) % 2
    match kind:
        case "noise":
            return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        case "stripes":
            plane = columns
        case "checkers":
            plane = (rows + columns) % 2
        case _:
            plane = np.full(size, 0.5)
    return np.repeat(np.rint(64 + 127 * plane).astype(np.uint8)[..., None], 3, -1)
