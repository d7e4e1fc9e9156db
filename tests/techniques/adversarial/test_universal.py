"""One change for all pictures: held-out pictures decide, beside random signs."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadSource
from convscope.techniques.adversarial.universal import wilson


@pytest.fixture
def net():
    """Two classes, by which of two corners is brighter: one change fools it on all pictures."""
    corner = torch.zeros(3, 16, 16)
    corner[:, :4, :4], corner[:, -4:, -4:] = 1.0, -1.0
    linear = nn.Linear(768, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.stack([corner.flatten(), -corner.flatten()]))
        linear.bias.zero_()
    return cs.Network(nn.Sequential(nn.Flatten(), linear).eval(), size=16, name="corners")


def pictures(count):
    """Grey noise, the first corner a little brighter: all of one class, narrowly."""
    rng = np.random.default_rng(0)
    found = rng.integers(110, 130, (count, 20, 24, 3), dtype=np.uint8)
    found[:, :8, :8] += 6
    return list(found)


def test_it_fools_pictures_it_was_not_made_from_and_random_signs_do_not(net):
    found = cs.universal(net, pictures(20), eps="10/255", rounds=3)
    assert found.rate == 1 and found.held_out == 10 and found.interval == wilson(10, 10) and found.interval[0] < 0.75
    assert (
        found.control_rate < 0.3 and np.abs(found.values).max() <= 10 and (found.values == found.values.round()).all()
    )
    seen = net.see(pictures(20)[1])
    assert net.predict(found.on(seen), 1)[0][1] != net.predict(pictures(20)[1], 1)[0][1]
    assert found.picture().size[0] > 0


def test_a_change_within_nothing_of_the_way_fools_none(net):
    found = cs.universal(net, pictures(8), eps="1/255", rounds=2)
    assert found.rate == 0 and found.interval[0] == 0 and found.interval[1] > 0


def test_few_pictures_are_refused_and_cancelled_it_is_of_the_rounds_done(net):
    with pytest.raises(BadSource, match="four pictures"):
        cs.universal(net, pictures(3))

    def stop(*_):
        raise cs.Cancelled

    with cs.listening(stop):
        assert "cancelled after 1 of 5" in cs.universal(net, pictures(8), rounds=5).evidence["partial"]


def test_wilsons_interval_is_the_published_one():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
