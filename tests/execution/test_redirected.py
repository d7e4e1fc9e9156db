"""The redirected gradient: on a unit that is dead it points to where the unit lives; on others it is the plain one."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.execution.features import along, looking
from convscope.execution.redirected import redirected
from convscope.network.backward.backward_rules import Rectifiers
from convscope.optimize.ascent import Ascent, OptimizerSettings
from convscope.optimize.canvas import Frame, Pixels, Transparent
from convscope.optimize.draws import generator
from convscope.optimize.objective import Excite
from convscope.optimize.regularizer import L2
from convscope.optimize.transform import Overlay

SIDE = 6


def network(rectify=nn.ReLU):
    """`1:0` is the mean of 1 × red - 0.7, rectified; it is dead for grey pictures, and lives above 0.7."""
    module = nn.Sequential(nn.Conv2d(3, 1, 1), rectify(), nn.Flatten())
    module[0].weight.data = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
    module[0].bias.data.fill_(-0.7)
    return cs.Network(module.eval(), size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


def slopes(eye, x, redirect):
    return along(x, lambda p: Excite(cs.Unit("1", 0))(eye(p, redirect)), "it")


@pytest.mark.parametrize("rectify", [nn.ReLU, nn.ReLU6, lambda: nn.ReLU(inplace=True)], ids=["relu", "6", "in place"])
def test_the_slope_of_a_dead_unit_and_of_one_that_fires(rectify):
    x = torch.full((3, 3, SIDE, SIDE), 0.5)
    x[1] = 0.9  # fires
    x[2, :, 0, 0] = 0.9  # fires at one place
    with looking(network(rectify), ["1"], "fp32") as eye:
        values, plain = slopes(eye, x, False)
        again, found = slopes(eye, x, True)
    assert torch.equal(values, again)
    assert not plain[0].any()
    red = torch.zeros(3, SIDE, SIDE)
    red[0] = 1 / SIDE**2
    torch.testing.assert_close(found[0], red)
    torch.testing.assert_close(plain[1], red)
    assert torch.equal(found[1:], plain[1:]) and plain[2].count_nonzero() == 1


def test_what_would_lower_a_dead_unit_is_not_passed():
    with looking(network(), ["1"], "fp32") as eye:
        x = torch.full((1, 3, SIDE, SIDE), 0.5)
        _, found = along(x, lambda p: -Excite(cs.Unit("1", 0))(eye(p, True)), "it")
    assert not found.any()


def lucid(x, grad, high):
    """The gradient of one picture, number by number, as Lucid's `redirected_relu6_grad` has it, where up is down."""
    passed = [g if 0 < v < high else 0.0 for v, g in zip(x, grad, strict=True)]
    if any(passed):
        return passed
    lower = [v <= 0 and g < 0 for v, g in zip(x, grad, strict=True)]  # is closed, and pushed further down
    higher = [v >= high and g > 0 for v, g in zip(x, grad, strict=True)]  # is full, and pushed further up
    return [0.0 if a or b else g for g, a, b in zip(grad, lower, higher, strict=True)]


@pytest.mark.parametrize(("rectify", "high"), [(F.relu, math.inf), (F.relu6, 6.0), (lambda x: x.clamp(0, 2), 2.0)])
def test_it_is_lucids_for_all_signs(rectify, high):
    values, signs = (-1.0, 1.0, high + 1 if high < math.inf else 9.0), (-2.0, 0.0, 3.0)
    rows = [((v, w), (g, h)) for v, w in product(values, repeat=2) for g, h in product(signs, repeat=2)]
    x, grad = (torch.tensor([row[i] for row in rows]) for i in (0, 1))
    leaf = x.clone().requires_grad_()
    with Rectifiers(redirected):
        y = rectify(leaf * 1.0)
    (found,) = torch.autograd.grad(y, leaf, grad)
    assert found.tolist() == [lucid(*row, high) for row in rows]


@pytest.mark.parametrize("settings", [OptimizerSettings(), OptimizerSettings("normalized")])
def test_ascent_lowers_a_unit_that_is_full(settings):
    """All of it is at its ceiling of 6: the plain gradient is nothing, and neither a step up nor one down is seen."""
    net = network(nn.ReLU6)
    net.module[0].weight.data *= 10
    net.module[0].bias.data.fill_(2.0)  # 10 × 0.5 + 2, and below 6 where red is less than 0.4
    frame = Frame([generator(0)], 3, SIDE, SIDE, torch.device("cpu"))
    unit = Excite(cs.Unit("1", 0))
    for sign in (-1, 1):
        canvas = Pixels(frame, noise=0.01)
        with looking(net, ["1"], "fp32") as eye:

            def goal(pictures, redirect, eye=eye, sign=sign):
                return along(pictures, lambda p: sign * unit(eye(p, redirect)), "it")

            start = unit(eye(canvas.image()))
            ascent = Ascent(canvas, goal, settings, 16, frame.rngs)
            for _ in range(16):
                ascent.step()
            end = unit(eye(ascent.image()))
        assert start == 6
        if sign < 0:
            assert end < 4 and ascent.redirected and not ascent.stuck.any()
        else:
            assert end == 6 and ascent.stuck.all()


@pytest.mark.parametrize(
    "settings", [OptimizerSettings(), OptimizerSettings("normalized"), OptimizerSettings(penalties=(L2(1e-6),))]
)
@pytest.mark.parametrize("transparent", [False, True])
def test_ascent_makes_a_dead_unit_fire(settings, transparent):
    frame = Frame([generator(0, n) for n in range(2)], 3, SIDE, SIDE, torch.device("cpu"))
    canvas = Pixels(frame, noise=0.01)
    canvas = Transparent(canvas, frame) if transparent else canvas
    net, redirects, unit = network(), [], Excite(cs.Unit("1", 0))
    with looking(net, ["1"], "fp32") as eye:

        def goal(pictures, redirect):
            redirects.append(redirect)
            return along(pictures, lambda p: value(p, redirect), "it")

        def value(p, redirect):
            if not transparent:
                return unit(eye(p * 0.8 + 0.1, redirect))
            shown = Overlay()(p, [generator(0)] * 2) * 0.8 + 0.1
            return (1 + unit(eye(shown, redirect))) * (1 - p[:, 3].mean((1, 2)))  # alpha has a slope at once

        ascent = Ascent(canvas, goal, settings, 16, frame.rngs)
        ascent.step()
        assert ascent.redirected == (1 if transparent else 2) and not ascent.stuck.any()
        for _ in range(15):
            ascent.step()
        assert (unit(eye(ascent.image()[:, :3])) > 0).all()
    assert 0 < ascent.redirected < 2 * 16
    assert redirects.count(True) <= ascent.redirected <= 2 * redirects.count(True)


def test_only_pictures_without_a_slope_are_redirected():
    """Each picture is painted as it would be alone: the second has a slope, and a dead part that is left dead."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            red, green = F.relu(x[:, 0] - 0.7), F.relu(x[:, 1] - 0.7)
            return self.scale * torch.stack([red + green, red], 1)

    net = cs.Network(Two(), size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    start = torch.full((2, 3, SIDE, SIDE), 0.5)
    start[1, 0] = 0.9
    together = []
    for which in ([0, 1], [0], [1]):
        frame = Frame([generator(0, n) for n in which], 3, SIDE, SIDE, torch.device("cpu"))
        with looking(net, ["logits"], "fp32") as eye:

            def goal(pictures, redirect, eye=eye):
                return along(pictures, lambda p: Excite(cs.Unit("logits", 0))(eye(p, redirect)), "it")

            ascent = Ascent(
                Pixels(frame, start=start[which]), goal, OptimizerSettings("normalized", 0.01), 9, frame.rngs
            )
            for _ in range(3):
                ascent.step()
        together.append(ascent.image())
    torch.testing.assert_close(together[0], torch.cat(together[1:]))
    assert (together[0][1, 1] == 0.5).all() and (together[0][0, :2] > 0.5).all()
    assert ascent.redirected == 0


def test_a_unit_that_nothing_raises_stays_stuck():
    def goal(pictures, redirect):
        return torch.zeros(len(pictures)), torch.zeros_like(pictures)

    frame = Frame([generator(0, n) for n in range(2)], 3, SIDE, SIDE, torch.device("cpu"))
    ascent = Ascent(Pixels(frame), goal, OptimizerSettings(penalties=(L2(1.0),)), 4, frame.rngs)
    for _ in range(4):
        ascent.step()
    assert ascent.stuck.all() and ascent.redirected == 0
