"""DeepFool: the way to the nearest boundary of a class, by linear pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from ...adversarial.boundary import to_boundary
from ...adversarial.goal import Goal
from ...adversarial.lattice import ByteLattice, Stepped, fewest
from ...adversarial.model import Found, Model
from ...base.image import Image
from ...contract.technique import technique
from ...network.network import Network
from ...results.adversarial import Adversarial
from ..common_knobs import BatchSize, Seed
from .attack import AttackPlan, attacked
from .knobs import ANorm, AttackKnobs, Format, Judges, Kappa, Label, OnLattice, Steps, Target

_ROUNDS = 4  # slopes that are taken anew on the lattice


@technique(together=True)
def deepfool(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    norm: ANorm = "l2",
    steps: Steps = 50,
    overshoot: Annotated[float, Field(ge=0, le=1, description="share by which it goes beyond the boundary")] = 0.02,
    top: Annotated[int, Field(ge=2, le=1000, description="most probable classes whose boundaries are looked at")] = 10,
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by stepping over the nearest boundary of its class.

    Moosavi-Dezfooli, Fawzi and Frossard 2016, "DeepFool: a simple and accurate method to fool deep neural networks".
    Each step crosses the nearest of the linearized boundaries to the `top` classes, by the shortest way within the box
    of pixels; `evidence["before_rounding"]` has the size of what was found so. It is far below a step of 8 bits, so on
    the lattice the fewest whole steps along it are looked for. All else is as in `fgsm`.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)

    def find(model: Model, clean: Tensor, goal: Goal, numbers: Iterable[int]) -> Found:
        return to_boundary(model, clean, goal, norm, numbers, overshoot, top)

    return attacked(net, image, asked, AttackPlan(find, steps, shortened, told={"norm": norm, "steps": steps}))


def shortened(model: Model, lattice: ByteLattice, goal: Goal, x: Tensor) -> Stepped:
    """The fewest whole steps along the way to pixels x, and near it."""
    return fewest(model, lattice, goal, x * 255 - lattice.clean, range(_ROUNDS))
