"""Rectifiers spelled without the word: the values by hand, or their names in the evidence, never neither."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import NoRectifier

both_rules = pytest.mark.parametrize("technique", ["guided_backprop", "deconvnet"])
ZERO = torch.zeros(())


def written(x):
    x[x < 0] = 0
    return x


def written_to_a_view(x):
    flat = x.flatten(1)
    flat[flat <= 0] = 0.0
    return flat.view_as(x)


def scaled_in_place(x):
    x *= x > 0
    return x


def written_to_the_mask(x):
    mask = (x > 0).to(x.dtype)
    mask.mul_(x)
    return mask


def masked_without_gradient(x):
    with torch.no_grad():
        mask = x > 0
    return x * mask


SPELLINGS = {
    "threshold": lambda x: F.threshold(x, 0, 0),
    "threshold_": lambda x: F.threshold_(x, 0.0, 0.0),
    "nn.Threshold": nn.Threshold(0, 0, inplace=True),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where, zeros first": lambda x: torch.where(x <= 0, torch.zeros_like(x), x),
    "where, method": lambda x: x.where(x > 0, 0),
    "maximum": lambda x: torch.maximum(torch.zeros_like(x), x),
    "max": lambda x: torch.max(x, ZERO),
    "fmax": lambda x: torch.fmax(x, ZERO),
    "product": lambda x: x * (x > 0),
    "product, reversed": lambda x: torch.lt(ZERO, x) * x,
    "product, float": lambda x: x * x.gt(0).float(),
    "product, typed": lambda x: torch.mul(x, (x >= 0).type_as(x)),
    "product, not": lambda x: x * ~(x < 0),
    "product, in place": scaled_in_place,
    "product, detached": lambda x: x * (x.detach() > 0),
    "product, no gradient": masked_without_gradient,
    "heaviside": lambda x: x * torch.heaviside(x.detach(), ZERO.double()),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "masked_fill_": lambda x: x.masked_fill_(~(x > 0), 0.0),
    "indexed": written,
    "indexed view": written_to_a_view,
    "index_put": lambda x: x.index_put((x < 0,), ZERO.double()),
    "leaky": nn.LeakyReLU(0.0, inplace=True),
    "rrelu": lambda x: F.rrelu(x, 0.0, 0.0),
    "prelu": lambda x: F.prelu(x, torch.zeros(2).double()),
    "elu": lambda x: F.elu(x, 0.0),
    "clamp": lambda x: torch.clamp(x, min=ZERO),
    "clamp_min": lambda x: x.clamp_min(ZERO),
    "aten.relu": lambda x: torch.ops.aten.relu(x),
    "aten.relu_": lambda x: torch.ops.aten.relu_.default(x),
    "aten.where": lambda x: torch.ops.aten.where.self(x > 0, x, torch.zeros_like(x)),
}
CAPPED = {
    "clamp, tensors": (lambda x: torch.clamp(x, ZERO, ZERO + 6), 2),
    "relu, then clamp_max": (lambda x: x.relu().clamp_max(6), 4),
    "relu, then clamp": (lambda x: F.relu(x).clamp(max=6), 4),
    "maximum, then minimum": (lambda x: torch.minimum(torch.maximum(x, ZERO), ZERO + 6), 4),
    "max, then min": (lambda x: torch.min(torch.max(x, torch.zeros_like(x)), torch.full_like(x, 6)), 4),
}


class Own(torch.autograd.Function):
    """A rectifier with a backward of its own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)


def scripted(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.jit.script(nn.ReLU())(x)


def pooled_with_zeros(x):
    return F.max_pool1d(torch.stack([x, 0 * x], -1).flatten(0, 2), 2).view_as(x)


def written_to_views(x):
    x = x.clone()
    x.view(-1)[x.view(-1) < 0] = 0
    return x


def clamped_view(x):
    x.view(-1).abs_()
    return x


NAMED = {
    "half of x + |x|": (lambda x: (x + x.abs()) / 2, "Abs"),
    "sign": (lambda x: x.sign().relu() * x, "product with a mask"),
    "one minus": (lambda x: x * (1 - (x < 0).to(x.dtype)), "product with a mask"),
    "mask of another": (lambda x: x * (x.roll(1, 3) > 0), "product with a mask"),
    "mask from before": (lambda x: (m := x > 0, x.mul_(-1))[1] * m, "product with a mask"),
    "data": (lambda x: x * (x.data > 0), "product with a mask"),
    "written to the mask": (written_to_the_mask, "product with a mask"),
    "written elsewhere": (lambda x: torch.zeros_like(x).index_put((x > 0,), x[x > 0]), "write through a mask"),
    "stacked": (lambda x: torch.stack([x, torch.zeros_like(x)]).amax(0), "Maximum"),
    "minus its minimum": (lambda x: x - torch.minimum(x, ZERO), "Minimum"),
    "minus its clamp": (lambda x: x - x.clamp(max=0), "Clamp"),
    "threshold to another value": (lambda x: F.threshold(x, 0.0, 5.0), "Threshold"),
    "maximum of two": (lambda x: torch.maximum(x, 0.1 * x), "Maximum"),
    "own backward": (Own.apply, "Own"),
    "script": (scripted, "ReLU"),
    "tanh": (torch.tanh, "Tanh"),
    "sigmoid": (torch.sigmoid, "Sigmoid"),
    "SiLU": (lambda x: x * torch.sigmoid(x), "Sigmoid"),
    "QuickGELU": (lambda x: x * torch.sigmoid(1.702 * x), "Sigmoid"),
    "half of 1 + sign": (lambda x: x * (x.sign() + 1) / 2, "Sign"),
    "half of 1 + sign, detached": (lambda x: x * (x.detach().sign() + 1), "product with a mask"),
    "lerp": (lambda x: torch.lerp(0 * x, x, (x > 0).to(x)), "product with a mask"),
    "lerp, smoothly": (lambda x: torch.lerp(0 * x, x, x.detach() / 2), "Lerp"),
    "addcmul": (lambda x: torch.addcmul(torch.zeros_like(x), x, (x > 0).to(x)), "product with a mask"),
    "einsum": (lambda x: torch.einsum("nchw,nchw->nchw", x, (x > 0).to(x)), "product with a mask"),
    "divided": (lambda x: x / torch.where(x > 0, 1.0, torch.inf), "product with a mask"),
    "hypot": (lambda x: x + torch.hypot(x, ZERO), "Hypot"),
    "norm": (lambda x: x + torch.linalg.vector_norm(x[None], dim=0), "LinalgVectorNorm"),
    "norm, stacked": (lambda x: x + torch.linalg.vector_norm(torch.stack([x, 0 * x]), dim=0), "LinalgVectorNorm"),
    "square": (lambda x: x * x, "product with itself"),
    "foreach": (lambda x: torch._foreach_clamp_min([x], 0)[0], "Clamp"),
    "index_fill": (lambda x: x.flatten().index_fill(0, (x.flatten() < 0).nonzero()[:, 0], 0).view_as(x), "IndexFill"),
    "sort": (lambda x: torch.stack([x, 0 * x]).sort(0)[0][1], "Sort"),
    "topk": (lambda x: torch.stack([x, 0 * x]).topk(1, 0)[0][0], "Topk"),
    "cummax": (lambda x: torch.stack([x, 0 * x]).cummax(0)[0][1], "Cummax"),
    "median": (lambda x: torch.stack([x, 0 * x, 9 + 0 * x]).median(0)[0], "Median"),
    "aminmax": (lambda x: torch.aminmax(torch.stack([x, 0 * x]), dim=0)[1], "Aminmax"),
    "logsumexp": (lambda x: torch.logsumexp(torch.stack([x, 0 * x]), 0), "Logsumexp"),
    "joined": (lambda x: torch.cat([x[None], 0 * x[None]]).max(0)[0], "Maximum"),
    "joined with zeros": (lambda x: torch.cat([x[None], torch.zeros_like(x)[None]]).max(0)[0], "Maximum"),
    "pooled": (pooled_with_zeros, "MaxPool"),
    "written to views": (written_to_views, "write through a mask"),
    "clamp of a view": (lambda x: clamped_view(x.clone()), "Abs"),
}
MANY = {
    "root of a square": (lambda x: x + torch.sqrt(x**2), {"Pow": 1, "Sqrt": 1}),
    "Mish": (lambda x: x * torch.tanh(F.softplus(x)), {"Softplus": 1, "Tanh": 1}),
    "Mish, by hand": (lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))), {"Exp": 1, "Log": 1, "Tanh": 1}),
}
OPT_IN = {
    "LeakyReLU": (F.leaky_relu, lambda z: z.sign().clamp(min=0)),
    "PReLU": (lambda x: F.prelu(x, torch.full((1,), 0.3).double()), lambda z: z.sign().clamp(min=0)),
    "RReLU": (F.rrelu, lambda z: z.sign().clamp(min=0)),
    "ELU": (nn.ELU(inplace=True), lambda z: z.sign().clamp(min=0)),
    "SELU": (F.selu, lambda z: 1.0507009873554805 * z.sign().clamp(min=0)),
    "CELU": (F.celu, lambda z: z.sign().clamp(min=0)),
    "Softplus": (F.softplus, torch.sigmoid),
}


@both_rules
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_rule_is_exact_for_a_rectifier_in_other_words(rewrite, technique, spelling):
    rewrite.check(rewrite.network(SPELLINGS[spelling]), technique, 2)


@both_rules
@pytest.mark.parametrize("spelling", CAPPED)
def test_a_rule_is_exact_for_a_ceiling_in_other_words(rewrite, technique, spelling):
    call, count = CAPPED[spelling]
    rewrite.check(rewrite.network(call), technique, count, cap=6)


@both_rules
@pytest.mark.parametrize("spelling", NAMED)
def test_what_cannot_be_seen_to_be_a_rectifier_is_named_or_refused(rewrite, technique, spelling):
    call, name = NAMED[spelling]
    beside = getattr(cs, technique)(rewrite.network(F.relu, call), rewrite.image, rewrite.unit)
    assert (beside.evidence["interceptions"], beside.evidence["not_intercepted"]) == (1, {name: 1})
    with pytest.raises(NoRectifier, match=rf"\d × {name}.*plain gradient.*saliency, or call F\.relu"):
        getattr(cs, technique)(rewrite.network(call), rewrite.image, rewrite.unit, smooth=True)


@both_rules
@pytest.mark.parametrize("spelling", MANY)
def test_each_piece_of_an_activation_by_hand_is_named(rewrite, technique, spelling):
    call, names = MANY[spelling]
    found = getattr(cs, technique)(rewrite.network(F.relu, call), rewrite.image, rewrite.unit)
    assert (found.evidence["interceptions"], found.evidence["not_intercepted"]) == (1, names)


@both_rules
@pytest.mark.parametrize("name", OPT_IN)
def test_activations_that_leak_are_named_and_follow_when_asked(rewrite, technique, name):
    call, slope = OPT_IN[name]
    beside = getattr(cs, technique)(rewrite.network(F.relu, call), rewrite.image, rewrite.unit)
    assert beside.evidence["not_intercepted"] == {name: 1}
    with pytest.raises(NoRectifier, match=rf"only 2 × {name}.*smooth=True"):
        getattr(cs, technique)(rewrite.network(call), rewrite.image, rewrite.unit)
    net = rewrite.network(call)
    followed = getattr(cs, technique)(net, rewrite.image, rewrite.unit, smooth=True)
    assert followed.evidence["interceptions"] == 2 and "not_intercepted" not in followed.evidence
    if name in ("PReLU", "RReLU", "LeakyReLU"):  # the matrices by hand have their slope where the input is positive
        f = call if name != "RReLU" else lambda z: F.rrelu(z, training=False)
        by_hand = rewrite.by_hand(net, technique, f=lambda z: f(z.reshape(1, 2, 5, 5)).flatten(), slope=slope)
        np.testing.assert_allclose(followed.values, by_hand, rtol=0, atol=1e-6 * np.abs(by_hand).max())


def gate(x):
    return x * torch.sigmoid(x.mean((2, 3), keepdim=True)).expand_as(x)


def divided(x):
    return x / x.abs().mean().detach().clamp(min=1e-6) + F.normalize(x, dim=1)


def excited(x):
    return x * (1 + torch.sigmoid(1.7 * F.conv2d(x.mean((2, 3), keepdim=True), torch.ones(2, 2, 1, 1).to(x))))


def halves(x):
    left, right = torch.cat([x, -x], 1).chunk(2, 1)
    return left * torch.sigmoid(1.5 * right)


def standardized(x):
    deviation = x - x.mean((2, 3), keepdim=True)
    soft = torch.exp(x) / torch.exp(x).sum(1, keepdim=True)
    return soft + deviation / torch.sqrt((deviation**2).mean((2, 3), keepdim=True) + 1e-5)


def joined(x):
    return F.max_pool2d(F.pad(torch.cat([x, F.conv2d(x, torch.ones(2, 2, 1, 1).to(x))], 1)[:, :2], (0, 1, 0, 1)), 2, 1)


def shifted(x):
    return torch.addcmul(torch.zeros(1, 2, 1, 1).to(x), torch.zeros(1, 2, 1, 1).to(x), x.detach()) + x


@pytest.mark.parametrize("call", [excited, halves, standardized, joined, shifted])
def test_what_scales_another_tensor_or_averages_one_is_no_activation(rewrite, call):
    found = cs.guided_backprop(rewrite.network(lambda x: call(F.relu(x))), rewrite.image, rewrite.unit)
    assert found.evidence["interceptions"] == 2 and "not_intercepted" not in found.evidence


@pytest.mark.parametrize("call", [gate, divided, lambda x: x * torch.rand(2, 1, 1).double(), nn.Softmax2d()])
def test_gates_and_guards_are_no_activations(rewrite, call):
    net = rewrite.network(lambda x: call(F.relu(x)))
    found = cs.guided_backprop(net, rewrite.image, rewrite.unit)
    assert found.evidence["interceptions"] == 2 and "not_intercepted" not in found.evidence


def test_a_rectifier_whose_gradient_reaches_nothing_is_not_counted(rewrite):
    net = rewrite.network(lambda x: F.relu(x) + F.relu(x).detach() + F.relu(x).sign() + (F.relu(x) > 1))
    assert cs.guided_backprop(net, rewrite.image, rewrite.unit).evidence["interceptions"] == 2


KNOWN = [F.relu, *(SPELLINGS[name] for name in SPELLINGS if name not in ("prelu", "indexed view"))]
UNKNOWN = [NAMED[name] for name in ("half of x + |x|", "minus its minimum", "own backward", "one minus")]
PIECES = st.one_of(st.sampled_from(KNOWN).map(lambda call: (call, "")), st.sampled_from(UNKNOWN))


class Chain(nn.Module):
    """Convolutions, each with a rectifier after it, and skips over some of them."""

    def __init__(self, calls, skips):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in calls)
        self.calls, self.skips = calls, skips

    def forward(self, x):
        x = torch.cat([x, -x], 1)
        for conv, call, skip in zip(self.convs, self.calls, self.skips, strict=True):
            x = call(conv(x)) + (x if skip else 0)
        return x.mean((2, 3))


@budget(max_examples=60)
@given(st.lists(st.tuples(PIECES, st.booleans()), min_size=1, max_size=4), st.integers(0, 10_000), st.booleans())
def test_any_mixture_of_spellings_is_exact_or_named(parts, seed, guided):
    technique = cs.guided_backprop if guided else cs.deconvnet
    pieces, skips = zip(*parts, strict=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Chain([call for call, _ in pieces], skips).double()
    weights = module.state_dict()
    image = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    found = _asked(technique, module, image)
    plain = Chain([F.relu if not name else call for call, name in pieces], skips).double()
    plain.load_state_dict(weights)
    wanted = _asked(technique, plain, image)
    if found is None or wanted is None:
        assert found is wanted and all(name for _, name in pieces)
        return
    np.testing.assert_allclose(found.values, wanted.values, rtol=0, atol=1e-6 * max(np.abs(wanted.values).max(), 1e-9))
    names = [name for _, name in pieces if name]
    assert found.evidence["interceptions"] == len(pieces) - len(names)
    assert found.evidence.get("not_intercepted", {}) == {name: names.count(name) for name in names}


def _asked(technique, module, image):
    try:
        return technique(cs.Network(module, size=6, mean=(0.5,), std=(0.25,)), image, "logits:1")
    except NoRectifier:
        return None
