"""The least change in a file that fools a network, in whole steps of 8 bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from ...adversarial.boundary import to_boundary
from ...adversarial.goal import Goal
from ...adversarial.lattice import ByteLattice, Stepped, fewest, mended, repaired
from ...adversarial.model import Found, Model
from ...base.image import Image
from ...contract.technique import technique
from ...network.network import Network
from ...results.adversarial import Adversarial
from ..common_knobs import BatchSize, Seed
from .attack import AttackPlan, attacked
from .knobs import ANorm, AttackKnobs, Format, Judges, Kappa, Label, Steps, Target


@technique(together=True)
def minimal(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    norm: ANorm = "l2",
    steps: Annotated[Steps, Field(description="slopes that are taken on the lattice at most")] = 20,
    begin: Annotated[int, Field(ge=1, le=1000, description="steps of DeepFool before that")] = 20,
    kappa: Kappa = 0.0,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by the least change that a file of 8 bits can hold.

    The way of Moosavi-Dezfooli, Fawzi and Frossard 2016 tells where to; then whole steps are looked for, as no smaller
    change survives in a file: with `norm="l2"` those of the least Euclidean length, along a slope that is taken anew
    where they end, and with `linf` the least number of steps that all values may take, and of those the fewest. Their
    size is that of the file, which is read again. All else is as in `fgsm`.
    """
    asked = AttackKnobs(target, label, kappa, True, format, judges, seed, batch_size)

    def find(model: Model, clean: Tensor, goal: Goal, numbers: Iterable[int]) -> Found:
        return to_boundary(model, clean, goal, norm, numbers)

    def settle(model: Model, lattice: ByteLattice, goal: Goal, x: Tensor) -> Stepped:
        lattice = lattice if norm == "l2" else _narrowest(model, lattice, goal, x)
        return fewest(model, lattice, goal, x * 255 - lattice.clean, range(steps))

    return attacked(net, image, asked, AttackPlan(find, begin, settle, told={"norm": norm, "steps": steps}))


def _narrowest(model: Model, lattice: ByteLattice, goal: Goal, x: Tensor) -> ByteLattice:
    """The lattice on which values take the least number of steps with which the goal can still be reached."""
    low, high = 0, 1
    while high < 255 and not _reached(model, ByteLattice(lattice.clean, high), goal, x):
        low, high = high, min(2 * high, 255)
    while high - low > 1:
        between = (low + high) // 2
        within = _reached(model, ByteLattice(lattice.clean, between), goal, x)
        low, high = (low, between) if within else (between, high)
    return ByteLattice(lattice.clean, high)


def _reached(model: Model, lattice: ByteLattice, goal: Goal, x: Tensor) -> bool:
    """Whether the goal can be reached on a lattice, from x on, or from all steps along the slope there."""
    found = repaired(model, lattice, goal, x)
    return found.reached or mended(model, lattice, goal, found).reached
