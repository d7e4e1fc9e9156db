"""The redirected gradient: on a unit that is dead it points to where the unit lives; on others it is the plain one."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.optimize.ascent import Ascent, Climb
from convscope.optimize.canvas import Frame, Pixels, Transparent
from convscope.optimize.objective import Excite
from convscope.optimize.reading import along, looking
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


@pytest.mark.parametrize("climb", [Climb(), Climb("normalized"), Climb(penalties=(L2(1e-6),))])
@pytest.mark.parametrize("transparent", [False, True])
def test_ascent_makes_a_dead_unit_fire(climb, transparent):
    frame = Frame(2, 3, SIDE, SIDE, torch.device("cpu"), torch.Generator().manual_seed(0))
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
            shown = Overlay()(p, torch.Generator().manual_seed(0)) * 0.8 + 0.1
            return (1 + unit(eye(shown, redirect))) * (1 - p[:, 3].mean((1, 2)))  # alpha has a slope at once

        ascent = Ascent(canvas, goal, climb, 16, torch.Generator().manual_seed(0))
        ascent.step()
        assert ascent.redirected == 1 and not ascent.stuck.any()
        for _ in range(15):
            ascent.step()
        assert (unit(eye(ascent.image()[:, :3])) > 0).all()
    assert 0 < ascent.redirected < 16
    assert redirects.count(True) == ascent.redirected


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
        frame = Frame(len(which), 3, SIDE, SIDE, torch.device("cpu"), torch.Generator().manual_seed(0))
        with looking(net, ["logits"], "fp32") as eye:

            def goal(pictures, redirect, eye=eye):
                return along(pictures, lambda p: Excite(cs.Unit("logits", 0))(eye(p, redirect)), "it")

            rng = torch.Generator()
            ascent = Ascent(Pixels(frame, start=start[which]), goal, Climb("normalized", 0.01), 9, rng)
            for _ in range(3):
                ascent.step()
        together.append(ascent.image())
    torch.testing.assert_close(together[0], torch.cat(together[1:]))
    assert (together[0][1, 1] == 0.5).all() and (together[0][0, :2] > 0.5).all()
    assert ascent.redirected == 0


def test_a_unit_that_nothing_raises_stays_stuck():
    def goal(pictures, redirect):
        return torch.zeros(len(pictures)), torch.zeros_like(pictures)

    frame = Frame(2, 3, SIDE, SIDE, torch.device("cpu"), torch.Generator().manual_seed(0))
    ascent = Ascent(Pixels(frame), goal, Climb(penalties=(L2(1.0),)), 4, torch.Generator())
    for _ in range(4):
        ascent.step()
    assert ascent.stuck.all() and ascent.redirected == 0
