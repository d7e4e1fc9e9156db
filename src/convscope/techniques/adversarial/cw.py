"""Carlini and Wagner's attack: the least change, weighed against the lead of the class it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.model import Found, Model
from ...adversarial.penalized import penalized
from ...base.image import Image
from ...contract.technique import technique
from ...network.network import Network
from ...results.adversarial import Adversarial
from ..common_knobs import BatchSize, Seed
from .attack import AttackPlan, attacked
from .deepfool import shortened
from .knobs import AttackKnobs, Format, Judges, Kappa, Label, OnLattice, Steps, Target


@technique(together=True)
def cw(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    steps: Annotated[Steps, Field(description="steps of each search")] = 50,
    searches: Annotated[int, Field(ge=1, le=50, description="searches for the weight of the lead")] = 3,
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by the smallest change there is: its squared length, weighed against the lead of the class.

    Carlini and Wagner 2017 (arXiv 1608.04644): ‖δ‖² + c · max(κ − lead, 0), with a search for c. It keeps to the box by
    projection, and begins with DeepFool's change and the c that a linear network needs for it, in place of nine times
    ten thousand steps. On the lattice the fewest whole steps along what was found are looked for. All else is as in
    `fgsm`.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)

    def find(model: Model, clean: Tensor, goal: Goal, numbers: Iterable[int]) -> Found:
        return penalized(model, clean, goal, numbers, searches=searches, per_search=steps)

    told = {"steps": steps, "searches": searches}
    return attacked(net, image, asked, AttackPlan(find, steps * searches, shortened, told=told))
