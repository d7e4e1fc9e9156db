"""Affine networks, of which all answers are known: z = W x + b, as functions of pixels (N, D)."""

import torch

from convscope.adversarial.goal import Goal
from convscope.adversarial.model import Model

TWO = [[3.0, 4.0], [-3.0, -4.0]], [-3.0, 3.0], [0.6, 0.5]  # two pixels: the margin is 1.6
BOX = [[3.0, -4.0], [-3.0, 4.0]], [2.4, -2.4], [0.6, 0.95]  # the nearest point of the boundary lies out of the box


def affine(weights, bias):
    """The model of W and b."""
    weights, bias = (torch.as_tensor(each, dtype=torch.float64) for each in (weights, bias))
    return Model(lambda x: x.flatten(1) @ weights.T + bias)


def case(weights, bias, x, kappa=0.0, shift=0.0):
    """Model, pixels and the goal of any other class than x's own."""
    model = affine(weights, torch.as_tensor(bias, dtype=torch.float64) + shift)
    x = torch.tensor(x, dtype=torch.float64)[None]
    return model, x, Goal(model.logits(x).argmax(1), kappa=kappa)


def many(count=16, classes=5, size=48, seed=0):
    """A random network whose nearest boundaries lie well within the box, its W and b, and pixels."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(classes, size, generator=generator, dtype=torch.float64)
    x = 0.4 + 0.2 * torch.rand(count, size, generator=generator, dtype=torch.float64)
    bias = -(weights @ x.mean(0)) + 0.3 * torch.randn(classes, generator=generator, dtype=torch.float64)
    return weights, bias, x


def closed_form(weights, bias, x, norm):
    """The distance of each row of x to its nearest boundary: min over k of f / ‖w‖ in the dual norm."""
    logits = x @ weights.T + bias
    own = logits.argmax(1)
    gaps = logits.gather(1, own[:, None]) - logits
    apart = weights[None] - weights[own][:, None]
    dual = apart.norm(dim=2, p={"l2": 2, "linf": 1}[norm])
    return torch.where(dual > 0, gaps / dual.clamp(min=1e-30), torch.inf).amin(1)
