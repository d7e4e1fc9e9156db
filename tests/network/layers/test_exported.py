"""Programs of torch.export: refused where they were recorded in training mode, known where no layer can be heard."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.network.layers.exported import flattened, refuse_training

X = torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)
IMAGE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


class Drops(nn.Module):
    """A convolution whose output is dropped at random, by a function, in training alone."""

    def __init__(self, p=0.5):
        super().__init__()
        self.conv, self.p = nn.Conv2d(3, 2, 3), p

    def forward(self, x):
        return F.dropout(self.conv(x), self.p, self.training).mean((2, 3))


class Paths(nn.Module):
    """Stochastic depth: whole samples are left out in training."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        y = self.conv(x).mean((2, 3))
        return y * torch.bernoulli(torch.full((len(x), 1), 0.5)) if self.training else y


def normed(**how):
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2, **how), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def program(module, training):
    return torch.export.export(module.train(training), (X,))


FORMS = {
    "program": lambda module, training: program(module, training).module(),
    "unflattened": lambda module, training: torch.export.unflatten(program(module, training)),
    "decomposed": lambda module, training: program(module, training).run_decompositions().module(),
    "inside": lambda module, training: nn.Sequential(program(module, training).module(), nn.Identity()),
}


@pytest.mark.parametrize(
    ("form", "make", "named"),
    [
        *((form, make, named) for form in FORMS for make, named in ((normed, "batch_norm"), (Drops, "dropout"))),
        ("program", Paths, "bernoulli"),
    ],
)
def test_a_program_recorded_in_training_mode_is_refused_and_the_advice_works(form, make, named):
    with pytest.raises(BadKnob, match=rf"in evaluation mode, not in training mode: 1 × .*{named}.*module\.eval\(\)"):
        cs.Network(FORMS[form](make(), True), size=8)
    module = make()
    net = cs.Network(FORMS[form](module, False), size=8)
    plain = cs.Network(module, size=8)
    np.testing.assert_allclose(
        net.read(net.prepare(IMAGE), "logits")["logits"].detach(),
        plain.read(plain.prepare(IMAGE), "logits")["logits"].detach(),
        atol=1e-6,
    )


@pytest.mark.parametrize("traced", [False, True])
def test_a_traced_module_that_drops_for_good_is_refused(traced):
    module = torch.fx.symbolic_trace(Drops().train(traced))
    if traced:
        with pytest.raises(BadKnob, match="1 × dropout"):
            refuse_training(module)
    else:
        refuse_training(module)


@pytest.mark.parametrize(
    "module", [normed(track_running_stats=False), Drops(p=0), nn.InstanceNorm2d(3), nn.Sequential(nn.Conv2d(3, 2, 3))]
)
def test_what_training_mode_does_not_change_is_no_reason_to_refuse(module):
    refuse_training(program(module, True).module())


def test_modules_that_are_no_graphs_are_left_alone():
    module = normed().train()
    module.graph = "mine"
    refuse_training(module)
    assert module.training and not flattened(module)


def test_a_program_is_flat_until_it_is_unflattened():
    flat = program(normed(), False)
    assert flattened(flat.module())
    assert not flattened(torch.export.unflatten(flat))
    assert not flattened(torch.fx.symbolic_trace(normed()))
    assert not flattened(torch.fx.symbolic_trace(Drops()))
    assert not flattened(normed())
    net = cs.Network(torch.export.unflatten(program(normed().eval(), False)), size=8)
    assert {"0", "1", "2", "3"} <= set(net.layers)
