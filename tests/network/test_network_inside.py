"""What a network says of its inside, beside PyTorch by hand, also with parts of the picture hidden."""

import pytest
import torch

import convscope as cs

BOXES = [[], [(4, 8, 20, 30)], [(0, 0, 32, 5), (30, 30, 32, 32)]]


def covered(x, boxes):
    x = x.clone()
    for top, left, bottom, right in boxes:
        x[:, :, top:bottom, left:right] = 0
    return x


@pytest.fixture
def x(tiny):
    return torch.cat([tiny.prepare("sample:cat"), tiny.prepare("sample:coffee")])


@pytest.mark.parametrize("boxes", BOXES)
def test_what_is_hidden_has_the_mean_color_and_the_input_stays_as_it_is(tiny, x, boxes):
    before = x.clone()
    found = tiny.read(x, "input", "0", "logits", hidden=boxes)
    module = tiny.module
    with torch.no_grad():
        assert torch.equal(found["input"], covered(x, boxes))
        assert torch.equal(found["0"], module[0](covered(x, boxes)))
        assert torch.equal(found["logits"], module(covered(x, boxes)))
    assert torch.equal(x, before)


@pytest.mark.parametrize("boxes", BOXES)
@pytest.mark.parametrize("layer", ["0", "2", "3"])
def test_a_gradient_at_a_layer_is_that_of_the_rest_of_the_module(tiny, x, layer, boxes):
    number = int(layer) + 1
    with torch.no_grad():
        leaf = tiny.module[:number](covered(x, boxes))
    leaf.requires_grad_()
    (wanted,) = torch.autograd.grad(tiny.module[number:](leaf)[:, 3].sum(), leaf)
    assert torch.allclose(tiny.gradient_at(x, "logits:3", layer, hidden=boxes), wanted, rtol=1e-5, atol=1e-8)


def test_a_gradient_at_what_a_unit_does_not_depend_on_is_refused(tiny, x):
    with pytest.raises(cs.ConvscopeError, match="0:1 does not depend on 3"):
        tiny.gradient_at(x, "0:1", "3")
    with pytest.raises(cs.ConvscopeError, match="no layer 'nonsense'"):
        tiny.gradient_at(x, "logits:3", "nonsense")


@pytest.mark.parametrize("boxes", BOXES)
def test_extremes_are_those_of_what_is_read(tiny, x, boxes):
    layers = ["input", "0", "2", "4"]
    read = tiny.read(x[:1], *layers, hidden=boxes)
    found = tiny.extremes(x[:1], *layers, hidden=boxes)
    assert found == {name: (float(read[name].min()), float(read[name].max())) for name in layers}
