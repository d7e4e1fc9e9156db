"""The nearest boundary of a class, by linear pieces: DeepFool, within the box of pixels."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from .goal import Goal
from .model import Found, Model, spread
from .projected_steps import Norm, offer_rows

_NEWTON, _CLOSE = 30, 1e-7  # steps, more than were ever needed, and a share of the whole that is none


def to_boundary(
    model: Model, clean: Tensor, goal: Goal, norm: Norm, steps: Iterable[int], overshoot: float = 0.02, top: int = 10
) -> Found:
    """Step to the nearest boundary of the linearized network until the goal is reached (DeepFool).

    Of the boundaries to the `top` best classes the nearest is gone for, or that of a target to the class that leads;
    all slopes of a step come from one forward. The sum of the steps is stretched by `overshoot`, then cut to the box;
    each is the shortest that lies within the box, which is the paper's where no pixel is at an end.
    """
    found, x, total = Found.of(clean), clean.clone(), torch.zeros_like(clean)
    rows = torch.arange(len(x), device=x.device)
    for _ in steps:
        own = goal.rows(rows)
        logits, slopes = model.rows(rows).several_slopes(x[rows], partial(_apart, goal=own, top=top))
        flat = (slopes.flatten(2).abs().amax(2) == 0).all(0)
        going = offer_rows(found, rows, x, goal, logits) & ~flat
        found.flat[rows] |= flat
        rows = rows[going]
        if not len(rows):
            break
        gaps = goal.kappa - (_apart(logits, own, top) * logits).sum(-1)
        total[rows] += nearest_step(gaps[:, going], slopes[:, going], x[rows], norm)
        x[rows] = (clean[rows] + (1 + overshoot) * total[rows]).clamp(0, 1)
    if len(rows):
        offer_rows(found, rows, x, goal, model.rows(rows).logits(x[rows]))
    return found


def nearest_step(gaps: Tensor, slopes: Tensor, x: Tensor, norm: Norm) -> Tensor:
    """The shortest step (N, …) across the nearest of boundaries, `gaps` (M, N) away, with `slopes` (M, N, …)."""
    dual = slopes.flatten(2).norm(dim=2, p=2 if norm == "l2" else 1)
    distances = torch.where(dual > 0, gaps / dual.clamp(min=torch.finfo(dual.dtype).tiny), torch.inf)
    nearest = distances.argmin(0)
    each = torch.arange(len(x), device=x.device)
    return within_box(gaps[nearest, each], slopes[nearest, each], x, norm)


def within_box(gap: Tensor, slope: Tensor, x: Tensor, norm: Norm) -> Tensor:
    """The shortest step r (N, …) with slope · r = gap (N,) and x + r from 0 to 1; as far as there is room else.

    r is λ · slope, or λ · its sign, cut to the room there is; what it gains grows with λ in straight pieces that become
    ever flatter, so Newton's steps come to the λ from below.
    """
    toward = slope if norm == "l2" else slope.sign()
    reach, going = torch.zeros_like(gap), torch.ones_like(gap, dtype=torch.bool)
    for _ in range(_NEWTON):
        step = spread(reach, x) * toward
        free = torch.where(toward > 0, x + step < 1, x + step > 0)
        left = gap - (slope * step.clamp(-x, 1 - x)).flatten(1).sum(1)
        gain = (slope * toward * free).flatten(1).sum(1)
        more = torch.where(going & (left > 0) & (gain > 0), left / gain.clamp(min=torch.finfo(gain.dtype).tiny), 0)
        reach = reach + more
        going = more > _CLOSE * reach  # each by itself, whatever others do
        if not going.any():
            break
    return (spread(reach, x) * toward).clamp(-x, 1 - x)


def _apart(logits: Tensor, goal: Goal, top: int) -> Tensor:
    """The weights (M, N, K) of the leads over each boundary that is looked at."""
    if goal.targeted:
        return goal.slope(logits)[None]
    others = goal.others(logits).topk(min(top - 1, logits.shape[1] - 1), 1).indices.T
    own = torch.zeros_like(logits).scatter(1, goal.classes[:, None], 1)
    return torch.stack([torch.zeros_like(logits).scatter(1, k[:, None], 1) - own for k in others])
