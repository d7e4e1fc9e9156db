"""The pointing game: where the maximum is, and how a box gets into what the network sees."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.network.preprocessing import Preprocessing
from convscope.techniques.evaluation.pointing_game import pointing_game


class Weighted(nn.Module):
    """A sum with a weight for each pixel, so that saliency is |weight|."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, x):
        return (x * self.weights).flatten(1).sum(1, keepdim=True)


def pointing_at(y, x, size=(20, 30), **given):
    weights = np.full(size, 0.5)
    weights[y, x] = -2
    return cs.Network(Weighted(weights), size=size, mean=(0.0,), std=(1.0,), **given)


PIXELS = np.zeros((20, 30), np.uint8)


@pytest.mark.parametrize(
    ("box", "tolerance", "hit"),
    [
        ("10,5,20,15", 0, True),
        ("12,7,13,8", 0, True),
        ("13,7,20,15", 0, False),
        ("13,7,20,15", 0.5, True),
        ("14,9,20,15", 2.1, False),  # 1.5 to the right and 1.5 down: 2.12 away
        ("14,9,20,15", 2.13, True),
        ("center", 0, True),
        ("0,0,5,5", 15, True),
        ("0,0,5,5", 5, False),
    ],
)
def test_a_hit_is_a_maximum_within_the_tolerance(box, tolerance, hit):
    found = pointing_game(pointing_at(7, 12), PIXELS, "logits:0", box=box, tolerance=tolerance)
    assert (found.hit, found.point) == (hit, (7, 12))
    assert found.values.shape == (20, 30) and found.values[7, 12] == 2


def test_the_energy_inside_the_box():
    found = pointing_game(pointing_at(7, 12), PIXELS, "logits:0", box="10,5,20,15").evidence
    assert found["energy"] == pytest.approx((99 * 0.5 + 2) / (599 * 0.5 + 2))
    assert found["box_area"] == pytest.approx(100 / 600)
    half = pointing_game(pointing_at(0, 0), PIXELS, "logits:0", box="12.5,7,13,8").evidence
    assert half["energy"] == pytest.approx(0.25 / (599 * 0.5 + 2))


def test_a_map_that_is_the_same_everywhere_is_a_miss():
    net = cs.Network(Weighted(np.ones((20, 30))), size=(20, 30), mean=(0.0,), std=(1.0,))
    found = pointing_game(net, PIXELS, "logits:0", box="0,0,30,20")
    assert not found.hit and "points nowhere" in found.evidence["flat"]
    assert found.evidence["energy"] == pytest.approx(1)


def test_the_box_goes_through_resize_and_crop():
    """A picture of 100 × 40 for 20 × 20 after 1.25: 62 × 25, of which the middle from (21, 2) is seen."""
    found = pointing_game(pointing_at(4, 4, (20, 20), resize=1.25), np.zeros((40, 100), np.uint8), "logits:0",
                          box="40,8,60,24", tolerance=0)  # fmt: skip
    assert found.box == pytest.approx((40 * 0.62 - 21, 8 * 0.625 - 2, 60 * 0.62 - 21, 24 * 0.625 - 2))
    assert found.hit


@hypothesis.given(data=st.data(), squash=st.booleans(), resize=st.floats(1, 2))
@hypothesis.settings(max_examples=30, deadline=None)
def test_a_painted_box_is_found_where_it_is_seen(data, squash, resize):
    size = data.draw(st.integers(20, 60)), data.draw(st.integers(20, 60))
    image = size[0] * data.draw(st.integers(1, 4)), size[1] * data.draw(st.integers(1, 4))  # width and height
    left, top = data.draw(st.integers(0, image[0] - 2)), data.draw(st.integers(0, image[1] - 2))
    right, bottom = data.draw(st.integers(left + 1, image[0])), data.draw(st.integers(top + 1, image[1]))
    preprocessing = Preprocessing(size, resize=resize, squash=squash, interpolation="nearest")
    pixels = np.zeros((image[1], image[0], 3), np.uint8)
    pixels[top:bottom, left:right] = 255
    seen = preprocessing.crop(cs.open_image(pixels))[..., 0] > 0
    box = preprocessing.to_seen(image[::-1], (left, top, right, bottom))
    rows, columns = (np.arange(side) + 0.5 for side in seen.shape)
    inside = (rows[:, None] > box[1]) & (rows[:, None] < box[3]) & (columns > box[0]) & (columns < box[2])
    edge = np.minimum(np.abs(rows[:, None] - np.array(box[1::2])[:, None, None]).min(0),
                      np.abs(columns - np.array(box[::2])[:, None, None]).min(0))  # fmt: skip
    assert ((seen == inside) | (edge < 1e-6)).all()


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ("", "four numbers or center"),
        ("1,2,3", "four numbers or center"),
        ("a,b,c,d", "four numbers or center"),
        ("5,5,5,9", "must lie in the picture of 30 × 20"),
        ("0,0,31,20", "must lie in the picture of 30 × 20"),
        ("-1,0,3,3", "must lie in the picture of 30 × 20"),
        ("nan,0,3,3", "must lie in the picture of 30 × 20"),
    ],
)
def test_bad_boxes(box, says):
    with pytest.raises(cs.ConvscopeError, match=says):
        pointing_game(pointing_at(7, 12), PIXELS, "logits:0", box=box)


def test_a_box_outside_the_crop_is_refused_and_one_half_outside_is_cut():
    net = pointing_at(0, 0, (20, 20))
    with pytest.raises(cs.ConvscopeError, match="its crop leaves out"):
        pointing_game(net, PIXELS, "logits:0", box="0,0,5,20")
    assert pointing_game(net, PIXELS, "logits:0", box="0,0,10,20").box == (0, 0, 5, 20)


@pytest.mark.parametrize("bad", [{"method": "x"}, {"tolerance": -1}, {"seed": -1}])
def test_bad_knobs(bad):
    with pytest.raises(cs.ConvscopeError, match=next(iter(bad))):
        pointing_game(pointing_at(7, 12), PIXELS, "logits:0", **bad)


def test_a_cancelled_map_is_named(tiny):
    def stop(*_):
        raise cs.Cancelled

    with cs.listening(stop):
        found = pointing_game(tiny, "sample:cat", "logits:0", method="rise")
    assert "cancelled" in found.evidence["map_partial"]


@pytest.mark.parametrize("wrap", [lambda y: {"out": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_the_module_stays_as_it_is_whatever_it_returns(tiny, wrap):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny.module

        def forward(self, x):
            return wrap(self.inner(x))

    module = Wrapped().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = pointing_game(cs.Network(module, size=32), "sample:cat", "logits:1")
    assert found.hit in (True, False) and found.evidence["method"] == "saliency"
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training and not any(part._forward_hooks for part in module.modules())


def test_the_result_can_be_written(tmp_path):
    found = pointing_game(pointing_at(7, 12), PIXELS, "logits:0")
    assert found.save(tmp_path / "found.json").exists() and found.save(tmp_path / "found.npz").exists()
    assert found.request.knobs["box"] == "center"


def test_lite0(lite0):
    found = pointing_game(lite0, "sample:cat", "logits:285")
    assert 0 < found.evidence["energy"] < 1 and found.box == pytest.approx((56, 28, 168, 196), abs=60)
