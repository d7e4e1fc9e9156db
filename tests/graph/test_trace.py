"""The executed graph: it does what the module does, and says so where it cannot be found."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import CannotExport
from convscope.execution.plan import Plan
from convscope.graph.trace import executed, trace
from convscope.network.isolation.parts import unwrap


class Small(nn.Module):
    """A convolution and a classifier around some way of doing things."""

    def __init__(self, way, wrap=lambda y: y):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.head, self.way, self.wrap = nn.Conv2d(4, 4, 3), nn.Linear(4, 3), way, wrap
        nn.init.normal_(self.norm.running_mean)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x):
        return self.wrap(self.head(self.way(self, x).mean((2, 3))))


def keeps_old_name(m, x):
    y = m.conv(x)
    z = y
    y.relu_()
    return z + m.conv2(F.pad(y, (1, 1, 1, 1)))


def reuses(m, x):
    y = m.conv2(m.norm(m.conv(x)).relu())
    return m.conv2(F.relu6(y)).clamp_(min=0)


def uneven(m, x):
    y = F.conv2d(F.pad(m.conv(x), (0, 1, 2, 0)), m.conv2.weight, None, (2, 1))
    return F.hardtanh(F.max_pool2d(y, 3, 2, 1, ceil_mode=True), -0.5, 0.5)


def standardized(m, x):
    weight = m.conv.weight
    weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / weight.std((1, 2, 3), keepdim=True)
    return F.dropout(F.conv2d(x, weight, m.conv.bias, groups=1), 0.5, m.training)


def views(m, x):
    y = m.conv(x)
    return y.view(x.size(0), 2, -1, y.size(3)).reshape(x.shape[0], 4, -1, y.size(3)) * 2


def two_readers(m, x):
    y = m.conv(x)
    return m.norm(y) + y.relu()


WAYS = [keeps_old_name, reuses, uneven, standardized, views, two_readers]


def network(way, wrap=lambda y: y, dtype=torch.float64):
    torch.manual_seed(0)
    return cs.Network(Small(way, wrap).to(dtype), size=(17, 14), name="small")


def inputs(net, count=3):
    torch.manual_seed(1)
    return torch.randn(count, 3, *net.preprocessing.size, dtype=next(net.module.parameters()).dtype)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("layers", [("logits",), ("conv", "logits"), ("conv",)], ids=str)
def test_its_calls_one_by_one_and_its_plan_give_the_modules_numbers(way, layers):
    net = network(way)
    if "conv" not in net.layers:
        layers = ("logits",)
    graph, x = executed(net, *layers), inputs(net)
    values = {**graph.weights(net.module), "input": x}
    with torch.no_grad():
        for call in graph.calls:
            values[call.name] = call(values)
        plan = Plan.of(graph, net.module, torch.float64)
        found, wanted = plan.run(x), net.read(x, *layers)
    for layer, tensor in wanted.items():
        assert torch.equal(values[graph.outputs[layer]], tensor)
        torch.testing.assert_close(found[plan.outputs[layer]], tensor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_plans_in_float32_are_right_to_rounding_and_may_be_cut_in_two(way):
    net = network(way, dtype=torch.float32)
    plan, x = Plan.of(executed(net, "logits"), net.module, torch.float32), inputs(net)
    head, classifier = plan.parts
    with torch.no_grad():
        wanted = net.read(x, "logits")["logits"]
        torch.testing.assert_close(plan.run(x)[plan.outputs["logits"]], wanted, rtol=1e-4, atol=1e-5)
        vector = head.run(x)[head.outputs["vector"]]
        cut = classifier.run(vector)[classifier.outputs["logits"]]
    torch.testing.assert_close(cut, wanted, rtol=1e-4, atol=1e-5)


def test_what_follows_a_convolution_is_joined_to_it():
    kinds = [
        step.kind for step in Plan.of(executed(network(reuses), "logits"), network(reuses).module, torch.float64).steps
    ]
    assert kinds.count("conv2d") == 3 and not {"batch_norm", "relu", "relu6", "clamp"} & set(kinds)
    pads = [
        step.kind for step in Plan.of(executed(network(uneven), "logits"), network(uneven).module, torch.float64).steps
    ]
    assert "pad" not in pads


@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y * 2}, lambda y: (y, y * 2)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped(wrap):
    net = network(reuses, wrap)
    graph, x = executed(net, "logits"), inputs(net, 5)
    values = {**graph.weights(net.module), "input": x}
    for call in graph.calls:
        values[call.name] = call(values)
    torch.testing.assert_close(values[graph.outputs["logits"]], net.read(x, "logits")["logits"])


def in_place_on_a_part(m, x):
    y = m.conv(x)
    y[:, :2].relu_()
    return y


def in_place_on_a_chunk(m, x):
    y = m.conv(x)
    first, _ = y.chunk(2, 1)
    first.relu_()
    return y


def for_two_images_only(m, x):
    return m.conv(x).permute(0, 2, 3, 1).reshape(len(x), -1, 4).amax(1)[:, :, None, None]


def else_than_two(m, x):
    return m.conv(x) * (2 if x.shape[0] == 2 else 1)


def by_its_numbers(m, x):
    y = m.conv(x)
    return y if y.sum() > 0 else -y


@pytest.mark.parametrize(
    "way",
    [in_place_on_a_part, in_place_on_a_chunk, for_two_images_only, else_than_two, by_its_numbers],
    ids=lambda way: way.__name__,
)
def test_what_cannot_be_followed_is_said(way):
    with pytest.raises(CannotExport, match=r"^small cannot be exported: "):
        trace(network(way), "logits")


def test_a_network_is_exported_twice_at_most_whatever_layers_are_asked_for(monkeypatch):
    exported, inner = [], torch.export.export
    net, asked = network(reuses), [("conv",), ("logits",), ("conv", "logits"), ("conv",), ("norm",)]
    alone = [trace(network(reuses), *layers) for layers in asked]
    monkeypatch.setattr(torch.export, "export", lambda *args, **more: (exported.append(1), inner(*args, **more))[1])
    parts = [executed(net, *layers) for layers in asked]
    assert len(exported) == 2
    for part, own in zip(parts, alone, strict=True):
        assert part.outputs == own.outputs
        assert [(c.name, c.op, repr(c.args)) for c in part.calls] == [(c.name, c.op, repr(c.args)) for c in own.calls]


def puts_in_a_constant(m, x):
    return m.conv(x) + m.norm(m.conv2.weight[:2, :, :1, :1])[:1]


def test_where_one_layer_cannot_be_followed_those_that_can_have_graphs_of_their_own():
    net = network(puts_in_a_constant)
    assert "norm" in net.layers and executed(net, "conv")
    with pytest.raises(CannotExport, match="one batch size"):
        executed(net, "norm")
    plan, x = Plan.of(executed(net, "conv", "logits"), net.module, torch.float64), inputs(net)
    torch.testing.assert_close(plan.run(x)[plan.outputs["logits"]], net.module.eval()(x))


def test_it_is_found_once_sees_new_weights_and_a_new_structure():
    net = network(reuses)
    graph = executed(net, "logits")
    assert executed(net, "logits") is graph
    with torch.no_grad():
        net.module.head.bias.add_(7)
    assert any(torch.equal(t, net.module.head.bias) for t in graph.weights(net.module).values())
    net.module.norm = nn.Identity()
    assert executed(net, "logits") is not graph


def test_a_module_in_training_mode_is_followed_as_in_evaluation_and_left_alone():
    net = network(standardized)
    net.module.train()
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    graph = trace(net, "logits")
    assert not any("dropout" in call.kind for call in graph.calls)
    assert net.module.training and all(torch.equal(v, before[k]) for k, v in net.module.state_dict().items())
    assert all(p.requires_grad for p in net.module.parameters()) and not unwrap(net.module)._forward_hooks


class Switching(nn.Module):
    """A part of it runs in a mode of its own, inside which another is."""

    def __init__(self, mode):
        super().__init__()
        self.mode, self.a, self.b, self.c = mode, nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        x = self.a(x)
        with self.mode():
            x = self.b(x.relu())
            with torch.no_grad():
                x = x.relu() + 1
        return self.c(x.float().mean((2, 3)))


MODES = {
    "enable_grad": torch.enable_grad,
    "set_grad_enabled": lambda: torch.set_grad_enabled(True),
    "no autocast": lambda: torch.autocast("cpu", enabled=False),
}


@pytest.mark.parametrize("mode", MODES)
def test_regions_in_another_mode_are_followed(mode):
    torch.manual_seed(0)
    module, image = Switching(MODES[mode]), np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    plain = Switching(torch.no_grad)
    plain.load_state_dict(module.state_dict())
    found, wanted = (cs.occlusion(cs.Network(m, size=24), image, "logits:1") for m in (module, plain))
    assert found.evidence["windowed_convolutions"] == wanted.evidence["windowed_convolutions"] == 2
    np.testing.assert_allclose(found.values, wanted.values, atol=1e-6)


def test_a_region_under_autocast_is_not_followed_and_occlusion_says_so():
    module = Switching(lambda: torch.autocast("cpu", torch.bfloat16))
    net = cs.Network(module, size=24)
    with pytest.raises(CannotExport, match="a part of it runs under autocast"):
        trace(net, "logits")
    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    assert "under autocast" in str(cs.occlusion(net, image, "logits:1").evidence)
