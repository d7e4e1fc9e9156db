"""The eye: what it reads and its slopes are those of the network, and the network stays as it is."""

import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadWeights, ForwardFailed
from convscope.execution.features import along, half_is_fast, looking


def pictures(net, count=2):
    height, width = net.preprocessing.size
    return torch.rand(count, net.preprocessing.channels, height, width, generator=torch.Generator().manual_seed(1))


def prepared(net, x):
    mean, std = (torch.tensor(v).reshape(-1, 1, 1) for v in (net.preprocessing.mean, net.preprocessing.std))
    return ((x - mean) / std).to(next(net.module.parameters()).dtype)


class Aside(nn.Module):
    """Puts out a convolution's own tensor, which otherwise only a norm reads."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.norm.running_var.fill_(9)
        self.norm.running_mean.fill_(1)

    def forward(self, x):
        aside = self.conv(x)
        return {"out": self.norm(aside), "aside": aside}


class Last(nn.Module):
    """Channels last, as in transformers of images."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.mlp = nn.Conv2d(3, 4, 4, 4), nn.LayerNorm(4), nn.Linear(4, 6)

    def forward(self, x):
        return self.mlp(self.norm(self.conv(x).movedim(1, -1))).mean((1, 2))


@pytest.fixture(scope="module")
def nets():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        resnet = cs.load("torchvision:resnet18", weights=None)
        for part in resnet.module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 2)
        grey = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.LazyLinear(2))
        grey(torch.zeros(2, 1, 9, 12))
        return {
            "resnet18": cs.Network(resnet.module, size=64),
            "lite0": cs.load("lite0"),
            "aside": cs.Network(Aside(), size=12, output="aside"),
            "last": cs.Network(Last(), size=(8, 12)),
            "grey, double": cs.Network(grey.double(), size=(9, 12), mean=(0.3,), std=(0.2,)),
        }


READ = {
    "resnet18": [
        "conv1",
        "bn1",
        "layer1.0.conv2",
        "layer1.0.bn2",
        "layer2.0.downsample.0",
        "layer3",
        "logits",
        "input",
    ],
    "lite0": ["logits"],
    "aside": ["logits"],
    "last": ["conv", "norm", "mlp", "logits"],
    "grey, double": ["0", "1", "logits"],
}
CASES = [(name, [layer]) for name, layers in READ.items() for layer in layers] + [
    ("tiny", [name]) for name in ("0", "1", "2", "3", "logits")
]
CASES += [(name, layers) for name, layers in READ.items() if len(layers) > 1] + [("tiny", ["0", "1", "2", "logits"])]


@pytest.mark.parametrize(("name", "layers"), CASES, ids=lambda it: it if isinstance(it, str) else "+".join(it))
def test_what_is_read_and_its_slope_are_the_networks(nets, tiny, name, layers):
    net = nets.get(name, tiny)
    net.module.eval()
    x = pictures(net, 1 if name == "lite0" else 2)
    leaf = prepared(net, x).requires_grad_()
    wanted = {k: v.float() for k, v in net.read(leaf, *layers).items()}
    rng = torch.Generator().manual_seed(3)
    weights = {k: torch.randn(v.shape, generator=rng) for k, v in wanted.items()}
    total = sum((wanted[k] * weights[k]).sum() for k in layers)
    std = torch.tensor(net.preprocessing.std).reshape(-1, 1, 1)
    slope = torch.autograd.grad(total, leaf)[0].float() / std
    with looking(net, layers, "fp32") as eye:
        for _ in range(2):  # it listens the first time
            found = eye(x)
            assert set(found) == set(layers)
            for k in layers:
                torch.testing.assert_close(found[k], wanted[k], rtol=1e-4, atol=1e-4 * wanted[k].abs().max().item())
        _, its = along(x, lambda p: sum((eye(p)[k] * weights[k]).flatten(1).sum(1) for k in layers), "it")
    torch.testing.assert_close(its, slope, rtol=1e-3, atol=1e-4 * slope.abs().max().item())


@pytest.mark.parametrize(("name", "layer", "count"), [("resnet18", "logits", 20), ("lite0", "logits", 49)])
def test_every_norm_of_a_known_network_is_folded(nets, name, layer, count):
    with looking(nets[name], [layer], "fp32") as eye:
        eye(pictures(nets[name], 1))
        assert len(eye._folded._weights) == count
    if name == "resnet18":
        with looking(nets[name], ["conv1", "layer1.0.conv2", layer], "fp32") as eye:
            eye(pictures(nets[name], 1))
            assert len(eye._folded._weights) == count - 2, "a convolution that is looked at itself stays as it is"


@pytest.mark.parametrize("fails", [False, True])
def test_the_module_stays_as_it_is(tiny, fails):
    module = tiny.module.train()
    before = {name: (t, t.clone(), t.stride()) for name, t in [*module.named_parameters(), *module.named_buffers()]}
    random, x = torch.random.get_rng_state(), pictures(tiny)
    with pytest.raises(ZeroDivisionError) if fails else torch.inference_mode(), looking(tiny, ["1", "logits"]) as eye:
        along(x, lambda p: eye(p, redirect=True)["logits"].sum(1), "it")
        if fails:
            raise ZeroDivisionError
    for name, t in [*module.named_parameters(), *module.named_buffers()]:
        same, copy, stride = before[name]
        assert t is same and torch.equal(t, copy) and t.stride() == stride
    assert module.training and all(part.training for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), random)


def test_half_precision_is_near(nets):
    net, x = nets["resnet18"], pictures(nets["resnet18"])
    found = {}
    for precision in ("fp32", "bf16"):
        with looking(net, ["layer2", "logits"], precision) as eye:
            found[precision] = eye(x)
    for name, exact in found["fp32"].items():
        half = found["bf16"][name]
        assert half.dtype == torch.float32 and not torch.equal(half, exact)
        assert (half - exact).norm() < 0.03 * exact.norm()
    with looking(net, ["layer2"]) as eye:
        assert eye.half is half_is_fast(torch.device("cpu"))
    assert isinstance(half_is_fast(torch.device("cpu")), bool) and half_is_fast(torch.device("meta")) is False


@pytest.mark.parametrize("value_of", [lambda p: torch.ones(len(p)), lambda p: p.sum((1, 2, 3)).detach()])
def test_a_value_without_a_slope_is_refused(value_of):
    with pytest.raises(ForwardFailed, match=r"layer 3 has no gradient: .* Choose a layer before it\."):
        along(torch.rand(2, 3, 4, 4), value_of, "layer 3")


def test_along_is_the_slope_of_each_picture():
    x = torch.rand(3, 1, 2, 2)
    with torch.no_grad():
        values, slopes = along(x, lambda p: p.square().sum((1, 2, 3)), "it")
    torch.testing.assert_close(values, x.square().sum((1, 2, 3)))
    torch.testing.assert_close(slopes, 2 * x)
    assert not values.requires_grad and not slopes.requires_grad and not x.requires_grad


def test_untrained_layers_are_refused(tiny):
    tiny.untrained = frozenset({"3"})
    with looking(tiny, ["2"]):
        pass
    with pytest.raises(BadWeights), looking(tiny, ["logits"]):
        pass
