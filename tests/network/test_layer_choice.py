"""Which layers are shown where nobody has said."""

import pytest
from torch import nn

import convscope as cs
from convscope.network.layer_choice import evenly_spread


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
