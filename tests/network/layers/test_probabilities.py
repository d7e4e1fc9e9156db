"""Probabilities of class scores, however a module ends: what they are, their gradients, and what is said of them."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.network.layers.probabilities import Scores

IMAGE = np.random.default_rng(9).integers(0, 256, (8, 8, 3), dtype=np.uint8)


class Ends(nn.Module):
    """A convolution, the mean of its maps, a linear layer, and an end."""

    def __init__(self, end, classes=4):
        super().__init__()
        self.conv, self.head, self.end = nn.Conv2d(3, 6, 3), nn.Linear(6, classes), end

    def scores(self, x):
        return self.head(self.conv(x).relu().mean((2, 3))) * 3

    def forward(self, x):
        return self.end(self.scores(x))


def network(end, classes=4, make=Ends):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return cs.Network(make(end, classes).double(), size=8)


def maps(y):
    return y[:, :, None, None]


def softmax(y):
    return y.softmax(1)


def two_views(y):
    return (y.softmax(1) + (y * 0.5).softmax(1)) / 2


ENDS = {
    "scores": (lambda y: y, 4, Scores.SOFTMAX, softmax),
    "log_softmax": (lambda y: y.log_softmax(1), 4, Scores.SOFTMAX, softmax),
    "softmax": (softmax, 4, Scores.OWN, softmax),
    "average of softmaxes": (two_views, 4, Scores.OWN, two_views),
    "stacked softmaxes": (
        lambda y: torch.stack([y.softmax(1), (y * 0.5).softmax(1)]).mean(0), 4, Scores.OWN, two_views,
    ),
    "sigmoid of each class": (torch.sigmoid, 4, Scores.EACH, torch.sigmoid),
    "sigmoid of one class": (torch.sigmoid, 1, Scores.EACH, torch.sigmoid),
    "one score": (lambda y: y, 1, Scores.SIGMOID, torch.sigmoid),
    "one score, squeezed": (lambda y: y.squeeze(1), 1, Scores.SIGMOID, torch.sigmoid),
    "maps of one place": (maps, 4, Scores.SOFTMAX, softmax),
    "softmax of maps of one place": (lambda y: maps(y).softmax(1), 4, Scores.OWN, softmax),
    "rectified scores": (lambda y: y.clamp(0, 1), 4, Scores.SOFTMAX, lambda y: y.clamp(0, 1).softmax(1)),
}  # fmt: skip


@pytest.fixture(params=ENDS)
def case(request):
    end, classes, kind, right = ENDS[request.param]
    net = network(end, classes)
    return net, kind, right, classes - 1


def test_a_probability_and_its_gradient_are_those_of_the_definition(case):
    net, kind, right, unit = case
    x = net.prepare(IMAGE).requires_grad_()
    wanted = right(net.module.scores(x))[0, unit]
    found = cs.saliency(net, IMAGE, f"probs:{unit}")
    assert net.scores is kind
    assert found.value == pytest.approx(wanted.item(), rel=1e-6)
    np.testing.assert_allclose(found.values, torch.autograd.grad(wanted, x)[0][0], rtol=1e-4, atol=1e-7)
    assert found.evidence.get("probability") == (None if kind is Scores.SOFTMAX else kind.value)
    assert "probability" not in cs.saliency(net, IMAGE, f"logits:{unit}").evidence


def test_predictions_are_the_probabilities_in_order(case):
    net, _, right, unit = case
    with torch.no_grad():
        wanted = right(net.module.scores(net.prepare(IMAGE)))[0]
    found = net.predict(IMAGE, top=9)
    assert {index for _, index, _ in found} == set(range(unit + 1))
    assert [chance for _, _, chance in found] == pytest.approx(sorted(wanted.tolist(), reverse=True), rel=1e-6)


def test_occlusion_measures_the_probability(case):
    net, _, right, unit = case
    x = net.prepare(IMAGE)
    hidden = x.clone()
    hidden[..., :4, 4:] = 0
    with torch.no_grad():
        before, after = (right(net.module.scores(one))[0, unit].item() for one in (x, hidden))
    found = cs.occlusion(net, IMAGE, f"probs:{unit}", size=4, stride=4)
    assert found.value == pytest.approx(before, rel=1e-5)
    assert found.drops[0, 1] == pytest.approx(before - after, abs=1e-6)


@pytest.mark.parametrize("end", ["softmax", "sigmoid of each class", "one score"])
def test_curves_of_insertion_begin_and_end_at_the_probability(end):
    kind, classes, _, right = ENDS[end]
    net = network(kind, classes)
    with torch.no_grad():
        wanted = right(net.module.scores(net.prepare(IMAGE)))[0, 0].item()
    found = cs.insertion_deletion(net, IMAGE, "probs:0", method="saliency", steps=4)
    assert found.values[[0, 1], [0, -1]].tolist() == pytest.approx([wanted] * 2, rel=1e-5)


@pytest.mark.parametrize("end", ["scores", "softmax", "sigmoid of each class"])
def test_a_probability_can_be_maximized(end):
    net = network(*ENDS[end][:2])
    image = cs.maximize(net, "probs:2", steps=24, seed=1).images[0]
    reached = {index: chance for _, index, chance in net.predict((image * 255).astype(np.uint8))}[2]
    grey = {index: chance for _, index, chance in net.predict(np.full((8, 8, 3), 128, np.uint8))}[2]
    assert reached > grey


def test_logarithms_have_slopes_where_probabilities_are_almost_zero():
    scores = torch.tensor([[-200.0, 0.0]])
    assert Scores.SOFTMAX.logarithms(scores)[0, 0] == -200
    assert Scores.SIGMOID.logarithms(scores)[0, 0] == -200
    assert torch.isfinite(Scores.OWN.logarithms(torch.zeros(1, 2))).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_probabilities_of_half_precision_are_in_single(dtype):
    scores = torch.tensor([[1.0, 2.0, 30.0]], dtype=dtype)
    torch.testing.assert_close(Scores.SOFTMAX.probabilities(scores), scores.float().softmax(1))


@pytest.mark.parametrize(("dtype", "value", "side"), [(torch.float16, 100.0, 32), (torch.bfloat16, 1.0, 40)])
def test_sums_of_half_precision_neither_overflow_nor_stop_growing(dtype, value, side):
    module = nn.Sequential(nn.Conv2d(3, 2, 1)).to(dtype)
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias.fill_(value)
    net = cs.Network(module, size=side)
    image = np.zeros((side, side, 3), np.uint8)
    assert cs.saliency(net, image, "0:1").value == value * side * side
    assert cs.saliency(net, image, "0").value == 2 * value * side * side
