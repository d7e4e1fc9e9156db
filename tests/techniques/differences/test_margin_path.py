"""The path of a change: exact where networks are affine, Captum's elsewhere, and conserved at every layer that cuts."""

import itertools
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.techniques.differences.margin_path import margin_path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import LayerIntegratedGradients

DRAW = np.random.default_rng(0)
IMAGE = DRAW.integers(0, 256, (16, 16, 3), dtype=np.uint8)
OTHER = np.clip(IMAGE + DRAW.integers(-20, 21, IMAGE.shape), 0, 255).astype(np.uint8)


def seeded(seed, make):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cs.Network(make().double().eval(), size=16)


class Residual(nn.Module):
    """A block that half of goes round, between layers that everything goes through."""

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)

    def forward(self, x):
        y = F.relu(self.stem(x))
        return self.head((y + F.relu(self.block(y))).mean((2, 3)))


def test_of_an_affine_network_every_contribution_is_weight_times_change():
    net = seeded(0, lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 7), nn.Linear(7, 3)))
    found = margin_path(net, IMAGE, OTHER, value="logits:2 - logits:0", layers="1,2", steps=1, limit=1)
    first, second = net.module[1].weight.detach().numpy(), net.module[2].weight.detach().numpy()
    apart = (net.prepare(OTHER) - net.prepare(IMAGE)).numpy().ravel()
    slope = second[2] - second[0]
    np.testing.assert_allclose(found.values[:7], slope * (first @ apart), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.pixels.ravel(), apart * (slope @ first), rtol=1e-4, atol=1e-6)
    scores = second @ first @ apart
    np.testing.assert_allclose(found.values[7:], [-scores[0], 0, scores[2]], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.sums, found.rise, rtol=1e-5)
    assert found.rise == pytest.approx(scores[2] - scores[0], rel=1e-6)
    assert (found.evidence["forward_passes"], found.evidence["backward_passes"]) == (2 + 1 + 2 + 2 * 2, 1 + 2 * 2)


def chain():
    parts = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(125, 4))


@pytest.mark.parametrize("make, layers", [(chain, ["0", "2", "4"]), (Residual, ["stem"])])
def test_it_is_captums_at_layers_that_everything_goes_through(make, layers):
    net = seeded(0, make)
    found = margin_path(net, IMAGE, 255 - IMAGE, value="logits:3", layers=layers, steps=3, limit=3)
    x, start = net.prepare(255 - IMAGE), net.prepare(IMAGE)
    for number, layer in enumerate(layers):
        theirs = LayerIntegratedGradients(net.module, net.module.get_submodule(layer)).attribute(
            x, start, target=3, n_steps=3, method="riemann_middle"
        )
        own = found.values[slice(*found.edges[number : number + 2])]
        wanted = theirs[0].detach().flatten(1).sum(1).numpy()
        np.testing.assert_allclose(own, wanted, atol=1e-6 * np.abs(wanted).max())


@settings(max_examples=12)
@given(st.integers(0, 1000))
def test_contributions_of_every_layer_and_of_the_pixels_sum_to_the_change(seed):
    def make():
        wide = [3, *np.random.default_rng(seed).integers(2, 7, 3).tolist()]
        parts = [(nn.Conv2d(a, b, 3), nn.ReLU()) for a, b in itertools.pairwise(wide)]
        return nn.Sequential(*(one for pair in parts for one in pair), nn.Flatten(), nn.Linear(100 * wide[-1], 4))

    net = seeded(seed, make)
    found = margin_path(net, IMAGE, OTHER, limit=2000)
    assert found.layers == ("1", "3", "5", "6", "7") and "other_ways" not in found.evidence
    scale = max(abs(found.rise), 1e-9)
    np.testing.assert_allclose(found.through, found.rise, atol=1e-6 * scale)
    assert np.abs(found.sums - found.rise).max() <= 0.0101 * scale
    assert abs(found.pixels.sum(dtype=np.float64) - found.rise) <= 0.0101 * scale
    np.testing.assert_allclose(found.sums[-2:], found.rise, atol=1e-5 * scale)  # of what is linear: exactly
    for row in found.by_layer.to_pylist():
        assert row["for"] + row["against"] == pytest.approx(row["sum"], abs=1e-6) and row["for"] >= 0 >= row["against"]


def test_of_a_layer_that_ways_go_around_it_is_what_goes_through_and_this_is_told():
    net = seeded(0, Residual)
    found = margin_path(net, IMAGE, OTHER, value="logits:1", layers="stem,block,head", limit=500)
    kept = net.module.stem(net.prepare(IMAGE)).relu()
    moved = net.module.stem(net.prepare(OTHER)).relu()
    grafted = net.module.head((kept + net.module.block(moved).relu()).mean((2, 3)))[0, 1].item()
    assert found.through[1] == pytest.approx(grafted - found.begin, rel=1e-6)
    np.testing.assert_allclose(found.through[[0, 2]], found.rise, rtol=1e-6)
    assert "block (" in found.evidence["other_ways"] and "stem" not in found.evidence["other_ways"]
    assert abs(found.sums[1] - found.through[1]) <= 0.01 * abs(found.rise)
    assert found.by_layer.to_pylist()[1]["beside"] == pytest.approx(found.rise - found.through[1])
    assert margin_path(net, IMAGE, OTHER, value="logits:1").layers == ("stem", "head")


def test_the_value_is_the_margin_of_the_new_class_over_the_old():
    net = seeded(0, lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 7)))
    found = margin_path(net, IMAGE, 255 - IMAGE)
    (_, old, _), (_, new, _) = (net.predict(one, 1)[0] for one in (IMAGE, 255 - IMAGE))
    assert old != new and str(found.unit) == f"logits:{new} - logits:{old}"
    scores = [net.module(net.prepare(one))[0] for one in (IMAGE, 255 - IMAGE)]
    assert [found.begin, found.end] == pytest.approx([(z[new] - z[old]).item() for z in scores])
    assert (found.evidence["old"], found.evidence["new"]) == (str(old), str(new)) and found.begin < 0 < found.end


def test_of_one_class_it_is_that_of_the_runner_up_and_this_is_told(tiny):
    found = margin_path(tiny, "sample:cat", "sample:cat")
    (_, first, _), (_, second, _) = tiny.predict("sample:cat", 2)
    assert str(found.unit) == f"logits:{second} - logits:{first}" and "runner-up" in found.evidence["same_class"]
    assert found.rise == 0 and not found.values.any() and "not_converged" not in found.evidence
    assert "other_ways" not in found.evidence and found.picture().size[0] > 100


def test_points_are_doubled_until_a_sum_is_right_and_the_limit_is_told():
    net = seeded(3, lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(),
                                          nn.Linear(8 * 144, 2), nn.Softmax(1)))  # fmt: skip
    few = margin_path(net, IMAGE, 255 - IMAGE, value="logits:1", layers="1", steps=1, limit=1, tolerance=1e-3)
    many = margin_path(net, IMAGE, 255 - IMAGE, value="logits:1", layers="1", steps=1, limit=1024, tolerance=1e-3)
    assert "raise limit" in few.evidence["not_converged"] and few.evidence["steps"] == {"1": 1}
    assert "not_converged" not in many.evidence and many.evidence["steps"]["1"] > 1
    assert many.evidence["relative_gap"] <= 1e-3 < few.evidence["relative_gap"]


def test_batches_change_roundings_only_and_the_module_is_left_alone():
    net = seeded(0, Residual)
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    one, other = (margin_path(net, IMAGE, OTHER, batch_size=size) for size in (1, 7))
    np.testing.assert_allclose(one.values, other.values, atol=1e-9)
    assert one.evidence["forward_passes"] == other.evidence["forward_passes"]
    assert all(torch.equal(value, before[name]) for name, value in net.module.state_dict().items())
    assert not any(part._forward_hooks for part in net.module.modules())


def test_cancelled_it_is_of_the_layers_that_are_done(tiny):
    def cancel(step, total, _preview):
        if step >= total / 2 + 1:
            raise Cancelled

    with listening(cancel):
        found = margin_path(tiny, "sample:cat", "sample:flower")
    assert 0 < len(found.layers) < 5 and "cancelled" in found.evidence["partial"]
    assert found.edges[-1] == len(found.values)


@pytest.mark.parametrize(
    "knobs, words",
    [
        ({"value": "nothing:1"}, "value must be auto"),
        ({"layers": "nothing"}, "layers must be auto"),
        ({"layers": "logits"}, "layers must name layers before"),
        ({"value": "0:1", "layers": "6"}, "does not depend on 6"),
    ],
)
def test_what_cannot_be_is_refused(tiny, knobs, words):
    with pytest.raises(BadKnob, match=words):
        margin_path(tiny, "sample:cat", "sample:flower", **knobs)


def test_without_class_scores_a_unit_must_be_named():
    net = seeded(0, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)))
    with pytest.raises(BadKnob, match="value must be a unit"):
        margin_path(net, IMAGE, OTHER)
    found = margin_path(net, IMAGE, OTHER, value="2:1", layers="1", limit=2000)
    assert abs(found.sums[0] - found.rise) <= 0.01 * abs(found.rise)


def test_its_tables_have_a_row_a_unit_and_a_row_a_layer(tiny, tmp_path):
    found = margin_path(tiny, "sample:cat", "sample:flower", layers="2,6")
    assert found.table.num_rows == len(found.values) == 6 + 5 and found.by_layer["layer"].to_pylist() == ["2", "6"]
    ((channel, value),) = found.top("2", 1)
    assert abs(value) == np.abs(found.values[:6]).max() and found.values[channel] == value
    for ending in (".png", ".npz", ".json", ".parquet"):
        assert found.save(tmp_path / f"x{ending}").stat().st_size > 200
