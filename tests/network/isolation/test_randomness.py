"""Random numbers that belong to nobody: the same inside, and as before outside."""

import random

import numpy as np
import pytest
import torch

from convscope.network.isolation.randomness import Generators, seeded

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist(), random.random(), np.random.rand(3).tolist()  # noqa: NPY002


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_what_is_drawn_inside_is_the_same_and_outside_goes_on(error):
    generators = Generators(CPU)
    first = draw()
    generators.restore()
    with seeded():
        inside = draw()
    try:
        with seeded():
            assert draw() == inside
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert draw() == first
    with seeded(CPU, 5):
        assert draw() != inside


@pytest.mark.parametrize("one", [lambda: torch.rand(1), random.random, np.random.rand])
def test_it_is_noticed_whether_anything_was_drawn(one):
    generators = Generators(CPU)
    generators.seed()
    assert not generators.drawn()
    one()
    assert generators.drawn()
    generators.restore()
