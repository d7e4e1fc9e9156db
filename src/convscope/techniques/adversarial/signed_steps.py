"""Attacks of signed steps: the fast gradient sign method, and its iterations, random starts and momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.model import Found, Model
from ...adversarial.projected_steps import Ball, projected_steps
from ...base.image import Image
from ...contract.technique import technique
from ...network.network import Network
from ...results.adversarial import Adversarial
from ..common_knobs import BatchSize, Seed
from .attack import AttackPlan, attacked
from .knobs import (
    ANorm,
    AttackKnobs,
    Eps,
    Format,
    Judges,
    Kappa,
    Label,
    OnLattice,
    Step,
    Steps,
    Target,
    ball_of,
    step_of,
)

_EPS = {"linf": "2/255", "l2": "0.5"}


@technique(together=True)
def fgsm(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    eps: Eps = "2/255",
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by one step of every pixel along the sign of the gradient.

    Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial examples": x + ε · sign ∇ cross-entropy,
    or with a target x − ε · sign of that of the target. The picture is attacked as it will be opened: resize, crop and
    normalization are inside the gradient. The change is in whole steps of 8 bits, at most ε; `success` is of the file,
    written and read again. Raises BadKnob for an ε below one step, for classes there are not, and for networks of one.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)
    ball = ball_of(eps, "linf", lattice)
    return attacked(net, image, asked, _plan(ball, ball.radius, 1))


@technique(together=True)
def bim(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    eps: Eps = "2/255",
    step: Step = "auto",
    steps: Steps = 10,
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by many small signed steps, each kept within ε of the picture.

    Kurakin, Goodfellow and Bengio 2017, "Adversarial examples in the physical world": the basic iterative method, which
    is `fgsm` again and again from the picture itself. All else is as there.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)
    ball = ball_of(eps, "linf", lattice)
    return attacked(net, image, asked, _plan(ball, step_of(step, ball, steps), steps))


@technique(together=True)
def pgd(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    eps: Annotated[Eps, Field(description="size of the change, as 2/255 or 0.01; auto: 2/255, of l2 0.5")] = "auto",
    norm: ANorm = "linf",
    step: Step = "auto",
    steps: Steps = 20,
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by projected gradient steps from a random place within ε of the picture.

    Madry, Makelov, Schmidt, Tsipras and Vladu 2018, "Towards deep learning models resistant to adversarial attacks".
    With `norm="l2"` steps go along the gradient, and ε bounds the Euclidean length of the change. All else is as in
    `fgsm`.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)
    ball = ball_of(_EPS[norm] if eps == "auto" else eps, norm, lattice)
    return attacked(net, image, asked, _plan(ball, step_of(step, ball, steps), steps, draw=seed))


@technique(together=True)
def mifgsm(
    net: Network,
    image: Image,
    *,
    target: Target = "",
    label: Label = "",
    eps: Eps = "2/255",
    step: Step = "auto",
    steps: Steps = 10,
    memory: Annotated[float, Field(ge=0, le=10, description="share of the gradients so far that is kept (mu)")] = 1.0,
    kappa: Kappa = 0.0,
    lattice: OnLattice = True,
    format: Format = "png",
    judges: Judges = "",
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Adversarial:
    """Fool a network by signed steps with momentum, which other networks fall for more often.

    Dong et al. 2018, "Boosting adversarial attacks with momentum": m ← μ · m + g / ‖g‖₁, then a step along the sign of
    m. Ask `judges` what other networks make of the file. All else is as in `fgsm`.
    """
    asked = AttackKnobs(target, label, kappa, lattice, format, judges, seed, batch_size)
    ball = ball_of(eps, "linf", lattice)
    return attacked(net, image, asked, _plan(ball, step_of(step, ball, steps), steps, memory=memory))


def _plan(ball: Ball, step: float, steps: int, draw: int | None = None, **more: Any) -> AttackPlan:
    def find(model: Model, clean: Tensor, goal: Goal, numbers: Iterable[int]) -> Found:
        start = None if draw is None else ball.draw(clean, draw)
        return projected_steps(model, clean, goal, ball, step, numbers, start=start, **more)

    told = {"eps": ball.radius, "norm": ball.norm, "step": step, "steps": steps}
    if ball.norm == "l2":
        return AttackPlan(find, steps, length=255 * ball.radius, told=told)
    return AttackPlan(find, steps, most=round(255 * ball.radius), told=told)
