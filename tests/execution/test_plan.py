"""Plans, whole and in their two parts, against the module itself; what is joined with a convolution and what is not."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.execution.plan import CUT, Plan
from convscope.graph.trace import executed

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5}


class Body(nn.Module):
    """A convolution, a norm, another convolution and a linear layer; `forward` is a function of the module and x."""

    def __init__(self, function, **parts):
        super().__init__()
        self.a, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.b, self.head = nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.running_mean)
                nn.init.uniform_(part.running_var, 0.5, 2)
                if part.affine:
                    nn.init.normal_(part.weight)
                    nn.init.normal_(part.bias)

    def forward(self, x):
        return self.function(self, x)


def network(function, **parts):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Body(function, **parts).double().eval(), size=(15, 18), name="body")


def images(dtype, count=3):
    return 2 * torch.randn(count, 3, 15, 18, dtype=dtype, generator=torch.Generator().manual_seed(1))


def planned(net, *layers, dtype=torch.float64):
    return Plan.of(executed(net, *layers), net.module, dtype)


def check(net, *layers):
    """The plan in float64, having seen that in both types it gives what the module gives, whole and in two parts."""
    layers = layers or ("logits",)
    for dtype, tolerance in DTYPES.items():
        other = cs.Network(copy.deepcopy(net.module).to(dtype), size=(15, 18), name="body")
        other.family = net.family  # of one type there is one graph
        with torch.no_grad():
            plan, x = planned(other, *layers, dtype=dtype), images(dtype)
            wanted = other.read(x, *layers)
            values = plan.run(x)
            near(plan, values, wanted, tolerance)
            near(plan, plan.run(x.contiguous(memory_format=torch.channels_last)), wanted, tolerance)
            near(plan, plan.run(x[:1]), {layer: value[:1] for layer, value in wanted.items()}, tolerance)
            first, last = plan.parts
            maps = first.run(x)
            found = {layer: maps[name] for layer, name in first.outputs.items() if layer != CUT}
            if CUT in first.outputs:
                rest = last.run(maps[first.outputs[CUT]])
                found |= {layer: rest[name] for layer, name in last.outputs.items()}
            assert {step.name for step in plan.steps} == {step.name for step in (*first.steps, *last.steps)}
            for layer in layers:
                assert apart(found[layer], wanted[layer]) <= tolerance
    return planned(net, *layers)


def near(plan, values, wanted, tolerance):
    for layer, value in wanted.items():
        found = values[plan.outputs[layer]]
        assert found.shape == value.shape and apart(found, value) <= tolerance


def apart(found, wanted):
    return float((found - wanted).abs().max() / wanted.abs().max())


def kinds(plan):
    return [step.kind for step in plan.steps]


def vector(net, x):
    return net.head(x.mean((2, 3)))


RECTIFIERS = {
    "relu": F.relu,
    "relu in place": lambda x: x.relu_(),
    "relu6": F.relu6,
    "hardtanh": F.hardtanh,
    "hardtanh with bounds": lambda x: F.hardtanh(x, -0.3, 0.2),
    "clamp": lambda x: x.clamp(-0.4, 0.1),
    "clamp from below": lambda x: x.clamp(0.05),
    "clamp_ from below": lambda x: x.clamp_(min=-0.2),
}


@pytest.mark.parametrize("name", RECTIFIERS)
def test_a_convolution_takes_its_norm_and_its_rectifier_along(name):
    plan = check(network(lambda net, x: vector(net, net.b(RECTIFIERS[name](net.norm(net.a(x)))))))
    assert kinds(plan) == ["conv2d", "conv2d", "mean", "linear"]
    assert [step.work for step in plan.steps] == [8 * 15 * 18 * 27, 8 * 13 * 16 * 72, 0, 0]


@pytest.mark.parametrize(
    "rectify",
    [
        lambda x: x.clamp(max=0.1),
        lambda x: torch.clamp_max(x, 0.1),
        lambda x: x.clamp(min=torch.tensor(0.1, dtype=x.dtype)),
        F.leaky_relu,
        lambda x: torch.clamp(x, min=torch.zeros_like(x), max=None),
        lambda x: torch.maximum(x, -x),
        lambda x: torch.threshold(x, 0.2, -1.0),
    ],
)
def test_other_rectifiers_and_clamps_are_right_however_they_are_done(rectify):
    check(network(lambda net, x: vector(net, net.b(rectify(net.norm(net.a(x)))))))


@pytest.mark.parametrize(
    ("function", "convolutions"),
    [
        (lambda net, x: net.norm(F.relu(net.a(x))), ["conv2d", "batch_norm"]),
        (lambda net, x: F.relu6(F.hardtanh(net.a(x), -0.3, 0.2)), ["conv2d"]),
        (lambda net, x: net.norm(net.norm(net.a(x))), ["conv2d"]),
        (lambda net, x: F.relu(net.a(x)) * 2, ["conv2d", "mul"]),
    ],
    ids=["norm after rectifier", "two rectifiers", "two norms", "product"],
)
def test_calls_in_another_order_are_right(function, convolutions):
    plan = check(network(lambda net, x: vector(net, function(net, x))))
    assert kinds(plan)[: len(convolutions)] == convolutions


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(8, affine=False),
        nn.BatchNorm2d(8, eps=0.3),
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.InstanceNorm2d(8, affine=True),
        nn.GroupNorm(2, 8),
    ],
    ids=["not affine", "eps", "batch statistics", "instance", "group"],
)
def test_norms_of_other_kinds(norm):
    net = network(lambda net, x: vector(net, net.b(F.relu(net.other(net.a(x))))), other=nn.Identity())
    net.module.other = norm.double().eval()
    if getattr(norm, "track_running_stats", True) or not isinstance(norm, nn.BatchNorm2d):
        check(net)
        return
    plan, x = planned(net, "logits"), images(torch.float64)  # one image alone would be another matter
    with torch.no_grad():
        assert apart(plan.run(x)[plan.outputs["logits"]], net.read(x, "logits")["logits"]) < 1e-12
    assert "batch_norm" in kinds(plan)


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: (lambda y: F.relu(y[:, :, 1:-1, 1:-1]) + net.b(F.relu(y)))(net.a(x)),
        lambda net, x: (lambda y: y + F.relu(y))(net.a(x)),
        lambda net, x: (lambda y: net.norm(y) * y)(net.a(x)),
        lambda net, x: (lambda y: y.relu_() + y)(net.a(x)),
    ],
    ids=["slice and rectifier", "sum", "norm and product", "in place and read again"],
)
def test_a_convolution_with_two_readers_keeps_its_own_value(function):
    check(network(lambda net, x: vector(net, function(net, x))))


def test_a_convolution_with_two_readers_is_not_joined_with_either():
    plan = check(network(lambda net, x: vector(net, (lambda y: y + F.relu(y))(net.a(x)))))
    assert kinds(plan)[:3] == ["conv2d", "relu", "add"]


def test_a_layer_that_is_asked_for_is_not_joined_with_what_follows():
    net = network(lambda net, x: vector(net, F.relu(net.b(F.relu(net.norm(net.a(x)))))))
    assert kinds(check(net, "a", "logits"))[:3] == ["conv2d", "batch_norm", "conv2d"]  # the norm took the rectifier
    assert kinds(check(net, "norm", "b"))[:3] == ["conv2d", "relu", "conv2d"]
    check(net, "input", "a", "norm", "b", "head", "logits")


PADS = {
    "asymmetric": (lambda x: F.pad(x, (0, 3, 2, 0)), True),
    "one side": (lambda x: F.pad(x, (1, 0, 0, 0)), True),
    "all around": (lambda x: F.pad(x, (2, 2, 1, 1)), True),
    "twice": (lambda x: F.pad(F.pad(x, (1, 0, 0, 2)), (0, 2, 1, 0)), True),
    "with a value": (lambda x: F.pad(x, (1, 2, 3, 0), value=0.7), False),
    "reflected": (lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"), False),
    "cut": (lambda x: F.pad(x, (-1, 2, 0, -2)), False),
    "of a width only": (lambda x: F.pad(x, (1, 2)), False),
    "module": (nn.ZeroPad2d((1, 0, 2, 1)), True),
}


@pytest.mark.parametrize(
    ("name", "stride"),
    [  # every pad with one stride, every stride with three pads; the other pairs are left to the sweep
        pytest.param(name, stride, marks=[] if n % 3 + 1 == stride else pytest.mark.sweep)
        for n, name in enumerate(PADS)
        for stride in (1, 2, 3)
    ],
)
def test_a_convolution_takes_the_zeros_before_it_along(name, stride):
    pad, absorbed = PADS[name]
    parts = {"strided": nn.Conv2d(3, 8, (3, 4), stride=stride, padding=(1, 0), dilation=(1, 2))}
    plan = check(network(lambda net, x: vector(net, F.relu(net.norm(net.strided(pad(x))))), **parts))
    assert len(plan.steps) - 3 == (name == "twice" if absorbed else 1)


def test_padding_that_others_read_too_stays():
    plan = check(
        network(
            lambda net, x: vector(net, (lambda p: net.a(p) + p.mean((1, 2, 3), keepdim=True))(F.pad(x, (1, 2, 0, 3))))
        )
    )
    assert kinds(plan)[0] == "pad"
    net = network(lambda net, x: vector(net, net.a(net.pad(x))), pad=nn.ZeroPad2d(2))
    assert kinds(check(net, "pad", "logits"))[:2] == ["pad", "conv2d"]


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 8, (4, 2), padding="same"),
        nn.Conv2d(3, 8, (2, 4), padding="same", dilation=(3, 1), bias=False),
        nn.Conv2d(3, 8, 5, padding="valid", stride=(2, 3)),
        nn.Conv2d(3, 9, 3, groups=3, padding=1, bias=False),
        nn.Conv2d(3, 8, (1, 5), padding=(3, 4), stride=2),
        nn.Conv2d(3, 8, 3, padding=2, padding_mode="circular"),
        nn.Conv2d(3, 8, 3, padding=(1, 2), padding_mode="replicate"),
        nn.ConvTranspose2d(3, 8, 3, stride=2, padding=1, output_padding=1),
    ],
    ids=["same", "same dilated", "valid", "groups", "wide padding", "circular", "replicate", "transposed"],
)
def test_convolutions_of_all_kinds(conv):
    width = conv.out_channels
    parts = {"conv": conv, "other": nn.BatchNorm2d(width), "depth": nn.Conv2d(width, width, 3, groups=width)}
    parts |= {"last": nn.Linear(width, 4)}
    check(network(lambda net, x: net.last(net.depth(F.relu(net.other(net.conv(x)))).mean((2, 3))), **parts))


class Standardized(nn.Conv2d):
    """Its weight is standardized in every forward, which depends on the weight alone."""

    def forward(self, x):
        mean, deviation = self.weight.mean((1, 2, 3), keepdim=True), self.weight.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, (self.weight - mean) / (deviation + 1e-3), self.bias, self.stride, self.padding)


def test_what_hangs_on_the_weights_alone_is_computed_beforehand():
    net = network(
        lambda net, x: vector(net, F.relu(net.norm(net.standard(x)) * net.scale.exp())),
        standard=Standardized(3, 8, 3),
        scale=nn.Parameter(torch.linspace(-1, 1, 8).reshape(8, 1, 1)),
    )
    assert kinds(check(net)) == ["conv2d", "mul", "relu", "mean", "linear"]


def test_a_weight_that_hangs_on_the_image_is_left_alone():
    net = network(lambda net, x: vector(net, F.conv2d(x, net.a.weight * x.mean(), net.a.bias, padding=1)))
    plan, x = planned(net, "logits"), images(torch.float64)  # one weight for the batch: an image alone has another
    with torch.no_grad():
        assert apart(plan.run(x)[plan.outputs["logits"]], net.read(x, "logits")["logits"]) < 1e-12
    assert next(step for step in plan.steps if step.kind == "conv2d").reach is None


def test_weights_are_those_of_when_it_was_made():
    net = network(lambda net, x: vector(net, net.norm(net.a(x))))
    check(net)
    with torch.no_grad():
        net.module.a.weight.mul_(-2)
        net.module.norm.bias.add_(1)
    check(net)


def test_tied_and_reused_convolutions_are_joined_each_with_its_own_norm():
    net = network(
        lambda net, x: vector(net, F.relu(net.other(net.b(F.relu6(net.norm(net.b(net.a(x)))))))),
        other=nn.BatchNorm2d(8),
    )
    assert kinds(check(net)) == ["conv2d", "conv2d", "conv2d", "mean", "linear"]


def test_a_classifier_is_cut_off_where_one_vector_is_all_it_needs():
    parts = {"hidden": nn.Linear(8, 8)}
    net = network(lambda net, x: net.head(F.relu(net.hidden(F.relu(net.a(x)).mean((2, 3))))), **parts)
    head, classifier = check(net, "a", "hidden", "logits").parts
    assert kinds(head) == ["conv2d", "relu", "mean"] and kinds(classifier) == ["linear", "relu", "linear"]
    assert list(head.outputs) == ["a", CUT] and list(classifier.outputs) == ["hidden", "logits"]


def test_a_classifier_that_looks_back_is_cut_off_where_it_no_longer_does():
    def function(net, x):
        y = net.a(x)
        first = y.mean((2, 3))
        return net.head(first * y.amax((2, 3)) + first)

    head, classifier = check(network(function)).parts
    assert kinds(classifier) == ["linear"] and len(head.steps) == 5


def test_a_plan_without_a_vector_is_not_cut():
    net = network(lambda net, x: net.b(F.relu(net.a(x))))
    plan = check(net, "a", "logits")
    head, nothing = plan.parts
    assert head is plan and nothing.steps == () and nothing.outputs == {}


def test_views_know_the_number_of_images():
    check(network(lambda net, x: net.head(F.relu(net.a(x)).view(x.size(0), 8, -1).mean(2))))
    check(network(lambda net, x: net.head(net.a(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 8).amax(1))))


def test_pools_and_joins():
    def function(net, x):
        y = F.relu(net.a(x))
        z = torch.cat([F.max_pool2d(y, 3, 2, 1, ceil_mode=True), F.avg_pool2d(y, 3, 2, 1, ceil_mode=True)], 1)
        return net.head((z[:, :8] * torch.sigmoid(z.mean((2, 3), keepdim=True)[:, 8:])).flatten(2).amax(2))

    check(network(function))


def test_values_are_freed_unless_they_are_kept():
    net = network(lambda net, x: vector(net, F.relu(net.b(F.relu(net.a(x))))))
    plan, x = planned(net, "logits"), images(torch.float64)
    first = plan.steps[0].name
    assert first not in plan.run(x) and "input" not in plan.run(x)
    assert plan.run(x, {first})[first].shape == (3, 8, 15, 18)


def test_nothing_of_the_module_is_changed():
    net = network(lambda net, x: vector(net, F.relu(net.norm(net.a(F.pad(x, (0, 1, 0, 1)))))))
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    x = images(torch.float64)
    given = x.clone()
    with torch.no_grad():
        planned(net, "logits").run(x)
    assert torch.equal(x, given)
    assert all(torch.equal(value, before[name]) for name, value in net.module.state_dict().items())


def test_a_visitor_may_carry_out_a_norm_in_place_and_the_rest_is_as_before():
    net = network(lambda net, x: vector(net, F.relu(net.b(F.relu(net.norm(net.a(x)))))))
    plan, joined, x = planned(net, "a", "norm", "logits"), planned(net, "a", "logits"), images(torch.float64, 2)
    own = plan.run(x)
    for made, names in ((plan, ["a", "norm", "logits"]), (joined, ["a", "logits"])):
        for carries in (False, True):
            seen, offered = {}, []

            def see(name, tensor, norm, seen=seen, offered=offered, carries=carries):
                seen[name] = tensor.clone()
                if norm is None or not carries:
                    return False
                offered.append(name)
                tensor.copy_(norm(tensor))
                return True

            made.visit(x, see)
            assert list(seen) == names
            assert offered == (["a"] if carries else [])
            for name in names:
                torch.testing.assert_close(seen[name], own[plan.outputs[name]])
