"""What functions put out inside modules: the same numbers as by hand, and the same answers as of a twin of modules."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, UnknownLayer, UnknownUnit
from convscope.base.unit import Unit, parse, parse_sum
from convscope.network.layers import taps
from convscope.network.network import Family

IMAGE = np.random.default_rng(7).integers(0, 256, (12, 12, 3), dtype=np.uint8)


class Block(nn.Module):
    """A residual block of ResNet-20's kind, whose rectifiers and sum are functions, in place or not."""

    def __init__(self, in_place):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.in_place = in_place

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=self.in_place)
        y = self.bn2(self.conv2(y))
        if self.in_place:
            y += x
            y.relu_()  # nobody takes what it returns
            return y
        return F.relu(y + x)


class Twin(Block):
    """The same, whose rectifiers and sum are modules."""

    def __init__(self):
        super().__init__(False)
        self.first, self.sum, self.last = nn.ReLU(), Plus(), nn.ReLU()

    def forward(self, x):
        y = self.first(self.bn1(self.conv1(x)))
        return self.last(self.sum(self.bn2(self.conv2(y)), x))


class Plus(nn.Module):
    def forward(self, a, b):
        return a + b


class Join(nn.Module):
    def forward(self, x):
        return torch.cat([F.avg_pool2d(x, 2), F.max_pool2d(x, 2)], 1)


class Net(nn.Module):
    """A convolution and a rectifier, a block, a block that runs twice, and two poolings side by side."""

    def __init__(self, block):
        super().__init__()
        self.conv, self.block, self.twice, self.join = nn.Conv2d(3, 4, 3), block(), block(), Join()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.block(F.relu(self.conv(x)))
        x = self.join(self.twice(self.twice(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def network(module):
    return cs.Network(module.eval(), size=12, mean=(0.5,) * 3, std=(0.25,) * 3)


def trained(block):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = Net(block)
        for name, tensor in module.state_dict().items():
            if "running_mean" in name or name.endswith("bias"):
                tensor.uniform_(-0.2, 0.3)
            elif tensor.is_floating_point() and tensor.ndim < 2:
                tensor.uniform_(0.5, 1.5)
    return network(module)


@pytest.fixture(scope="module")
def families():
    """What networks of a kind share, so that each of their graphs is exported once."""
    return defaultdict(Family)


@pytest.fixture(params=[False, True], ids=["new", "in place"])
def net(request, families):
    found = trained(lambda: Block(request.param))
    found.family = families[request.param]
    return found


@pytest.fixture
def twin(net, families):
    found = network(Net(Twin))
    found.module.load_state_dict(net.module.state_dict())
    found.family = families["twin"]
    return found


TWINS = {
    "block.relu@1": "block.first",
    "block.add@1": "block.sum",
    "block.relu@2": "block.last",
    "twice.relu@1": "twice.first",
    "twice.add@1": "twice.sum",
}
same_layers = pytest.mark.parametrize(("address", "layer"), TWINS.items())


def test_values_are_those_of_a_forward_by_hand(net):
    m, x = net.module, net.prepare(IMAGE)

    def steps(block, x):
        first = block.bn1(block.conv1(x)).clamp(min=0)
        added = block.bn2(block.conv2(first)) + x
        return {"relu@1": first, "add@1": added, "relu@2": added.clamp(min=0)}

    with torch.no_grad():
        wanted = {"relu@1": m.conv(x).clamp(min=0)}
        wanted |= {f"block.{name}": value for name, value in steps(m.block, wanted["relu@1"]).items()}
        before = steps(m.twice, wanted["block.relu@2"])["relu@2"]
        wanted |= {f"twice.{name}": value for name, value in steps(m.twice, before).items()}  # its last run is meant
        end = wanted["twice.relu@2"]
        wanted |= {"join.avg_pool2d@1": F.avg_pool2d(end, 2), "join.max_pool2d@1": F.max_pool2d(end, 2)}
        wanted["join.cat@1"] = torch.cat([wanted["join.avg_pool2d@1"], wanted["join.max_pool2d@1"]], 1)
        wanted["adaptive_avg_pool2d@1"] = wanted["join.cat@1"].mean((2, 3), keepdim=True)
        found = net.read(x, *wanted)
        alone = {name: net.read(x, name)[name] for name in wanted}
    assert all((wanted[f"{block}.add@1"] < 0).any() for block in ("block", "twice"))  # else no rectifier shows
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
        torch.testing.assert_close(alone[name], value)
    assert [name for name in net.layers.with_functions if "@" in name] == list(wanted)


def test_the_table_of_modules_is_as_it_was_and_holds_the_others_on_request(net):
    table, digest = net.layers, net.digest
    assert not any("@" in name for name in table)
    row = table["twice.relu@1"]
    assert (row.kind, row.shape, row.calls, "twice.relu@1" in table) == ("relu", (4, 10, 10), 2, True)
    full = list(table.with_functions)
    assert [name for name in full if "@" not in name] == list(table)
    assert full.index("block.bn1") < full.index("block.relu@1") < full.index("block.conv2") < full.index("block.add@1")
    assert net.digest == digest


def test_calls_that_only_move_numbers_or_pass_them_on_are_no_layers():
    class Moves(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            x = F.dropout(self.conv(x), training=self.training).contiguous().permute(0, 1, 3, 2)[:, :, ::2]
            mask = (x > 0).to(x.dtype) * self.head.weight.mean() * torch.ones_like(x)
            return self.head((x * mask).float().sum((2, 3)).view(len(x), -1))

    assert [name for name in network(Moves()).layers.with_functions if "@" in name] == [
        "mul@1",
        "mul@2",
        "mul@3",
        "sum@1",
    ]


def test_a_stopped_forward_goes_no_further(net):
    ran = []
    net.module.head.register_forward_hook(lambda *_: ran.append("head"))
    net.module.twice.conv2.register_forward_hook(lambda *_: ran.append("conv2"))
    net.layers.with_functions  # noqa: B018 (forwards of its own)
    ran.clear()
    with torch.no_grad():
        net.read(net.prepare(IMAGE), "twice.relu@1")
    assert ran == ["conv2"]  # of the first run


def test_nothing_stays_on_the_module(net):
    cs.saliency(net, IMAGE, "block.relu@1:1")
    cs.gradcam(net, IMAGE, "logits:1", layer="block.add@1")
    for part in net.module.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
        assert not part._forward_hooks_always_called


@same_layers
@pytest.mark.parametrize("method", [cs.saliency, cs.guided_backprop, cs.deconvnet])
def test_gradients_of_units_are_those_of_modules(net, twin, method, address, layer):
    for place in ("", ":1@4,5"):
        found, wanted = (method(n, IMAGE, f"{name}{place}") for n, name in ((net, address), (twin, layer)))
        np.testing.assert_allclose(found.values, wanted.values, rtol=1e-5, atol=1e-6)
        assert wanted.values.any() or place  # one neuron may be closed
        assert found.evidence.get("interceptions") == wanted.evidence.get("interceptions")


def test_the_gradient_of_a_difference_is_that_of_autograd_by_hand(net):
    x, m = net.prepare(IMAGE).requires_grad_(), net.module
    first = F.relu(m.conv(x))
    inner = F.relu(m.block.bn1(m.block.conv1(first)))
    value = inner[0, 2, 3, 4] - 0.5 * (m.block.bn2(m.block.conv2(inner)) + first)[0, 1].sum()
    (wanted,) = torch.autograd.grad(value, x)
    found = cs.saliency(net, IMAGE, "block.relu@1:2@3,4 - 0.5*block.add@1:1")
    np.testing.assert_allclose(found.values, wanted[0].numpy(), rtol=1e-4, atol=1e-6)


@same_layers
def test_class_activation_maps_are_those_of_modules(net, twin, address, layer):
    found, wanted = (cs.gradcam(n, IMAGE, "logits:1", layer=at) for n, at in ((net, address), (twin, layer)))
    np.testing.assert_allclose(found.grid, wanted.grid, rtol=1e-4, atol=1e-6)
    assert np.abs(wanted.channels).max() > 1e-4
    assert ("other_ways" in found.evidence) == ("other_ways" in wanted.evidence)


@same_layers
def test_fields_and_occlusion_are_those_of_modules(net, twin, address, layer):
    one, other = net.receptive_field(f"{address}:0@4,4"), twin.receptive_field(f"{layer}:0@4,4")
    assert (one.size, one.box, one.status) == (other.size, other.box, other.status)
    found, wanted = (cs.occlusion(n, IMAGE, f"{at}:2", size=3) for n, at in ((net, address), (twin, layer)))
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-4, atol=1e-5)
    assert "work_saved" in found.evidence


def test_scans_are_those_of_modules(net, twin, tmp_path):
    images = [np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8) for seed in range(6)]
    for number, image in enumerate(images):
        cs.open_image(image).save(tmp_path / f"{number}.png")
    found = cs.scan(net, tmp_path, layers=",".join([*TWINS, "head"]))
    wanted = cs.scan(twin, tmp_path, layers=",".join([*TWINS.values(), "head"]))
    for address, layer in TWINS.items():
        one, other = (
            [(h.image, h.y, h.x) for h in scan.top(f"{at}:1")] for scan, at in ((found, address), (wanted, layer))
        )
        assert one == other
        assert found.dead(address) == wanted.dead(layer)
    some = cs.scan(net, tmp_path, layers="*.relu@*")
    assert [name for name, _, _ in some.ledger.layers] == [
        "block.relu@1",
        "block.relu@2",
        "twice.relu@1",
        "twice.relu@2",
    ]


def test_painting_takes_them(net):
    found = cs.maximize(net, "block.relu@1:2", steps=3)
    assert found.images.shape[0] == 1
    assert cs.dream(net, IMAGE, "twice.relu@1", steps=1, octaves=1).image.ndim == 3
    assert cs.invert(net, IMAGE, "block.relu@1; block.conv1", steps=2).layers == ("block.conv1", "block.relu@1")


def forms():
    """Other forms a module can have: compiled, of a compiled function, recorded, in half precision, without export."""
    joined = torch.compile(lambda x: F.relu(x) * 2, backend="aot_eager")

    class Small(nn.Module):
        def __init__(self, rest=lambda x: F.relu(x) * 2):
            super().__init__()
            self.conv, self.head, self.rest = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), rest

        def forward(self, x):
            return self.head(self.rest(self.conv(x)).mean((2, 3)))

    def program():
        batch = {"x": {0: torch.export.Dim.AUTO}}
        return torch.export.export(Small().eval(), (torch.zeros(2, 3, 12, 12),), dynamic_shapes=batch, strict=False)

    yield "compiled", lambda: torch.compile(Small()), True
    yield "of a compiled function", lambda: Small(joined), True
    yield "exported", lambda: program().module(), True
    yield "unflattened", lambda: torch.export.unflatten(program()), True
    yield "decides by values", lambda: Small(lambda x: F.relu(x) * (2 if float(x.detach().sum()) < 1e9 else 3)), False


@pytest.mark.parametrize("form", range(5))
def test_other_forms_of_modules_have_them_too(form):
    name, make, followed = [*forms()][form]
    module = make()
    net = cs.Network(module if "ex" in name or name == "unflattened" else module.eval(), size=12)
    table = net.layers.with_functions
    assert [row for row in table if row in ("relu@1", "mul@1", "mean@1")] == ["relu@1", "mul@1", "mean@1"]
    x = net.prepare(IMAGE)
    with torch.no_grad():
        found = net.read(x, "relu@1", "mul@1")
    assert (found["relu@1"] > 0).any() and torch.equal(found["relu@1"] * 2, found["mul@1"])
    assert cs.guided_backprop(net, IMAGE, "mul@1:0").evidence["interceptions"] == 1
    assert np.abs(cs.gradcam(net, IMAGE, "logits:1", layer="relu@1").grid).max() > 0
    field = net.receptive_field("mul@1:0@4,4")
    assert (field.size, field.status) == (((3, 3), "exact") if followed else ((12, 12), "upper bound"))
    assert ("dense_because" in cs.occlusion(net, IMAGE, "mul@1:0", size=4).evidence) != followed


def test_two_threads_hear_their_own_forwards(net):
    x = [torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    with torch.no_grad():
        wanted = [net.read(each, "twice.relu@1")["twice.relu@1"] for each in x]
        calls, frozen_once = {"twice.relu@1": 2}, lambda module, given: module(given)
        with ThreadPoolExecutor(2) as pool:

            def read(each):
                with torch.no_grad():
                    return taps.forward(net.module, each, calls, run=frozen_once)["twice.relu@1"]

            found = list(pool.map(read, x))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_functions_that_are_reused_in_a_loop_are_told_apart():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            for _ in range(3):
                x = F.relu(self.conv(x))
            return x.mean((2, 3))

    net = network(Loop())
    x = net.prepare(IMAGE)
    with torch.no_grad():
        found = net.read(x, "relu@2", "relu@3", "relu@1")
        for name in ("relu@1", "relu@2", "relu@3"):
            x = net.module.conv(x).relu()
            torch.testing.assert_close(found[name], x)


def test_a_module_that_fails_and_is_caught_ends_its_run():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError(F.relu(x).shape)

    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fails = nn.Conv2d(3, 4, 3), Fails()

        def forward(self, x):
            x = self.conv(x)
            try:
                x = self.fails(x)
            except ValueError:
                x = F.relu(x)
            return x.mean((2, 3))

    net = network(Catches())
    assert [name for name in net.layers.with_functions if "@" in name] == ["fails.relu@1", "relu@1", "mean@1"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("block.relu", r"has no layer 'block.relu'. It is what a function puts out: block.relu@1. List those with"),
        ("block.relu@3", r"has no layer 'block.relu@3'. Nearest: block.relu@[12], .* --functions"),
        ("block.conv1.conv2d@1", "has no layer"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(net, wanted, message):
    with pytest.raises(UnknownLayer, match=message):
        net.layer(wanted)


def test_what_is_no_layer_says_why():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return (self.conv(x).unsqueeze(1) * 2).sum((1, 3, 4))

    with pytest.raises(UnknownLayer, match=r"mul@1 of Tokens puts out a tensor of 5 axes"):
        network(Tokens()).layer("mul@1")


def test_weights_and_branches_beside_are_refused(net):
    with pytest.raises(UnknownLayer, match=r"no layer 'block.relu@1'"):
        cs.weights(net, "block.relu@1")
    with pytest.raises(BadKnob, match=r"does not depend on join.avg_pool2d@1"):
        cs.gradcam(net, IMAGE, "join.max_pool2d@1:0", layer="join.avg_pool2d@1")
    with pytest.raises(UnknownUnit, match="has 4 channels"):
        net.unit("block.relu@1:4")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("relu@2", Unit("relu@2")),
        ("layer1.0.relu@1:5", Unit("layer1.0.relu@1", 5)),
        ("layer1.0.relu@1:5@3,4", Unit("layer1.0.relu@1", 5, (3, 4))),
        ("layer1.0:5@3,4", Unit("layer1.0", 5, (3, 4))),
    ],
)
def test_addresses_are_read_as_they_are_written(text, unit):
    assert parse(text) == unit
    assert str(unit) == text
    assert str(parse_sum(f"{text} - 0.5*conv.add@12:3@1,2")) == f"{text} - 0.5*conv.add@12:3@1,2"


@pytest.mark.parametrize("text", ["relu@", "relu@1,2", "relu@1@2", "relu:1@2", "@1", "relu@a", "relu@1:2@3"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UnknownUnit, match="not the address of a unit"):
        parse(text)
