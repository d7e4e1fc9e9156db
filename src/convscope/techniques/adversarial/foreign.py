"""Attacks of other libraries on a picture as it will be opened, judged as ours are: by the file read again."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ...adversarial.goal import Goal
from ...adversarial.model import Found, Model, Scores
from ...base.errors import BadKnob, MissingExtra
from ...base.image import ImageLike, open_image
from ...network.network import Network
from ...results.adversarial import Adversarial
from .attack import AttackPlan, attacked
from .knobs import AttackKnobs, ball_of

ForeignAttack: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]
_PACKAGES = {"torchattacks": "torchattacks", "adv_lib.attacks": "adv-lib"}  # by what is imported
_FEWEST = 4  # classes, of AutoAttack's difference-of-logits ratio


class PixelModule(nn.Module):
    """A network from the pixels of a picture, (N, 3, H, W) from 0 to 1, to its logits: resize and all are inside."""

    def __init__(self, scores: Scores, like: Tensor) -> None:
        super().__init__()
        self.scores = scores
        self.place = nn.Parameter(like.new_zeros(()), requires_grad=False)  # where libraries look for the device

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return self.scores(x)


def foreign_attack(
    net: Network,
    image: ImageLike,
    attack: ForeignAttack,
    *,
    label: str = "",
    eps: str = "",
    lattice: bool = True,
    judges: str = "",
    seed: int = 0,
) -> Adversarial:
    """Have any attack find the change: a function of a module, pixels (1, 3, H, W) and the class (1,), to pixels.

    What it found is put on the lattice of whole steps, repaired within `eps` in the largest norm if that is given,
    written, and read again, as those of our own are. It is no technique, as a function cannot be asked for again.
    """
    most = round(255 * ball_of(eps, "linf", True).radius) if eps else 255

    def find(model: Model, clean: Tensor, goal: Goal, _: Iterable[int]) -> Found:
        torch.manual_seed(seed)  # of this process's generators, which a frozen network lends and puts back
        pixels = attack(PixelModule(model.scores, clean).eval(), clean.clone(), goal.classes).detach().to(clean)
        logits, found = model.logits(pixels), Found.of(clean)
        found.offer(torch.arange(1, device=clean.device), pixels, goal.lead(logits), goal.reached(logits))
        return found

    asked = AttackKnobs("", label, 0.0, lattice, "png", judges, seed)
    return net.settled(lambda: attacked(net, open_image(image), asked, AttackPlan(find, 1, most=most)))


def autoattack(net: Network, eps: str = "2/255", version: str = "standard") -> ForeignAttack:
    """AutoAttack (Croce and Hein 2020), by torchattacks, for `foreign_attack`; raises MissingExtra without it.

    Raises BadKnob for networks of fewer than four classes, whose losses it cannot take.
    """
    library, classes = _library("torchattacks"), net.layers["logits"].units
    if classes < _FEWEST:
        raise BadKnob(f"net must have at least {_FEWEST} classes for AutoAttack, not {classes}. Use pgd.")
    radius = ball_of(eps, "linf", True).radius
    return lambda module, x, y: library.AutoAttack(module, norm="Linf", eps=radius, version=version, n_classes=classes)(
        x, y
    )


def decoupled_direction_norm(steps: int = 100, levels: int = 256) -> ForeignAttack:
    """DDN (Rony et al. 2019), by adv-lib, for `foreign_attack`; raises MissingExtra without it."""
    library = _library("adv_lib.attacks")
    return lambda module, x, y: library.ddn(module, x, y, steps=steps, levels=levels)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = _PACKAGES[name]
        raise MissingExtra(f"This attack is {package}'s, which is not installed: pip install {package}.") from error
