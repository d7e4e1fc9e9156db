"""Which layers are shown where nobody has said."""

import pytest
from torch import nn

import convscope as cs
from convscope.network.layer_choice import bottlenecks, evenly_spread


def chain(*parts):
    return cs.Network(nn.Sequential(*parts).eval(), size=16)


def test_layers_over_the_depth_are_rectified_and_the_last_one():
    deep = [part for _ in range(9) for part in (nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())]
    net = chain(*deep, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    every = [*(str(3 * i + 2) for i in range(9)), "29"]
    assert evenly_spread(net, 12) == every
    found = evenly_spread(net, 4)
    assert found == ["2", "11", "20", "29"] and evenly_spread(net, 2) == ["2", "29"]


def test_without_rectifiers_of_their_own_they_are_those_with_filters():
    parts = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(5)]
    assert evenly_spread(chain(*parts), 12) == ["0", "1", "2", "3", "4"]
    assert evenly_spread(chain(parts[0], nn.ReLU(), *parts[1:]), 12) == ["0", "2", "3", "4", "5"]


@pytest.mark.parametrize("most", [2, 5, 12])
def test_the_same_architecture_has_the_same_layers(most, lite0):
    found = evenly_spread(lite0, most)
    assert found[0] == "bn1.act" and found[-1] == "classifier" and len(found) == most
    order = list(lite0.layers)
    assert found == sorted(found, key=order.index)


class Split(nn.Module):
    """Two ways from the stem to the head."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.rest, self.pool, self.head = nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        return self.head(self.pool(self.rest(self.left(x) + self.right(x))).flatten(1))


def test_everything_goes_through_a_bottleneck():
    net = cs.Network(Split().eval(), size=16)
    assert bottlenecks(net, "logits", 16) == ["act", "pool", "head"]
    assert bottlenecks(net, "left", 16) == ["act", "left"] and bottlenecks(net, "logits", 2) == ["act", "head"]
    assert net.layers.cuts("stem", "logits") and net.layers.cuts("left", "left")
    assert not net.layers.cuts("left", "logits") and not net.layers.cuts("head", "pool")
    ways = {name: net.layers.around(name, "logits") for name in net.layers}
    assert all(net.layers.cuts(name, "logits") == (way is None) for name, way in ways.items())


def test_bottlenecks_are_of_the_outermost_modules_and_of_inner_ones_where_these_are_few(lite0):
    blocks = [f"blocks.{number}" for number in range(7)]
    assert bottlenecks(lite0, "logits", 16) == ["bn1.act", *blocks, "bn2.act", "global_pool.pool", "classifier"]
    few = bottlenecks(lite0, "logits", 4)
    assert len(few) == 4 and not any("." in name.removeprefix("blocks") for name in few if name != "bn1")
