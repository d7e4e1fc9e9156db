"""L-BFGS against the dense BFGS update it stands for, and on a valley where the gradient alone gets nowhere."""

from itertools import pairwise

import pytest
import torch

from convscope.optimize.ascent import OptimizerSettings
from convscope.optimize.lbfgs import LBFGS
from convscope.techniques.style.presets import remembering

SHAPE = (1, 1, 2, 3)


def valley():
    torch.manual_seed(0)
    q = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    return q @ torch.diag(torch.tensor([1.0, 2, 5, 20, 60, 100], dtype=torch.float64)) @ q.T


def run(steps, history=10):
    a, x = valley(), torch.full(SHAPE, 0.1, dtype=torch.float64)
    optimizer = LBFGS([x], 1.0, history)
    places, slopes = [], []
    for _ in range(steps):
        x.grad = (a @ x.flatten()).reshape(SHAPE)
        places.append(x.flatten().clone())
        slopes.append(x.grad.flatten().clone())
        optimizer.step()
    return a, x, places, slopes


@pytest.mark.parametrize(("steps", "history"), [(5, 10), (6, 3)])
def test_steps_are_those_of_dense_bfgs_over_the_moves_that_are_remembered(steps, history):
    _, x, places, slopes = run(steps, history)
    s = [b - a for a, b in pairwise(places)][-history:]
    y = [b - a for a, b in pairwise(slopes)][-history:]
    inverse = torch.eye(6, dtype=torch.float64) * (s[-1] @ y[-1]) / (y[-1] @ y[-1])
    for step, turn in zip(s, y, strict=True):
        rho = 1 / (step @ turn)
        left = torch.eye(6, dtype=torch.float64) - rho * step.outer(turn)
        inverse = left @ inverse @ left.T + rho * step.outer(step)
    expected = places[-1] - inverse @ slopes[-1]
    assert torch.allclose(x.flatten(), expected, rtol=1e-8)


def test_a_narrow_valley_is_climbed_out_of():
    a, x, places, _ = run(30)
    assert x.flatten() @ a @ x.flatten() < 1e-8 * (places[0] @ a @ places[0])


def test_no_more_moves_are_remembered_than_asked_for():
    a, x = valley(), torch.ones(SHAPE, dtype=torch.float64) * 0.1
    optimizer = LBFGS([x], 1.0, 3)
    for _ in range(6):
        x.grad = (a @ x.flatten()).reshape(SHAPE)
        optimizer.step()
    assert optimizer.state[x]["steps"].shape == (3, 1, 2, 3)


def test_of_large_pictures_fewer_moves_are_remembered():
    optimizer = OptimizerSettings("lbfgs", history=10)
    assert remembering(optimizer, [(384, 512), (1536, 2048)], 3) == optimizer
    assert remembering(optimizer, [(384, 512), (3072, 4096)], 3).history == 5
    assert remembering(optimizer, [(1 << 15, 1 << 15)], 3).history == 1
