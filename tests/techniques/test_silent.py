"""One definition of silence: weights, activations, scan and patches call the same channels by it."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.view.figures.registry import draw


@pytest.fixture(scope="module")
def net() -> cs.Network:
    """A convolution of five filters: 1 is next to nothing, 3 is nothing, 4 is negative; then a rectifier."""
    conv = nn.Conv2d(3, 5, 3, bias=False)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        conv.weight.copy_(torch.rand(5, 3, 3, 3))
        conv.weight[1] *= 1e-7
        conv.weight[3] = 0
        conv.weight[4] *= -1
    body = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    return cs.Network(body.eval(), size=12, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(1, 256, (6, 12, 12, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def scan(net, pictures) -> cs.Scan:
    return cs.scan(net, [(picture, f"class {i % 2}") for i, picture in enumerate(pictures)])


def test_a_filter_of_next_to_nothing_is_called_the_same_everywhere(net, pictures, scan):
    assert cs.weights(net, "0").dead == [1, 3]
    for layer in ("0", "1"):
        found = cs.activations(net, pictures[0], layer)
        assert found.values[1].max() > 0, "it is not exactly zero"
        silent = [1, 3] if layer == "0" else [1, 3, 4]  # the rectifier silences what is negative
        assert found.silent == silent and found.evidence["silent_channels"] == len(silent)
        assert found.evidence["silent_up_to"] == 1e-5
        assert f"{len(silent)} of 5 channels silent" in draw(found).title
        assert scan.dead(layer) == [1, 3, 4], "what is negative does not fire either"


def test_a_dead_unit_has_no_entries_no_rate_and_no_class(net, scan):
    row = scan.statistics("1:1")
    assert row["max"] > 0 and row["dead"] and not row["constant"]
    assert (row["fired"], row["rate"], row["entries"], row["best_class"], row["selectivity"]) == (0, 0, 0, None, None)
    assert 0 < row["rate_bound"] < 1
    assert scan.top("1:1") == [] and len(scan.top("1:0")) == 6
    assert {row["dead"] for row in scan.table("layers").to_pylist() if row["layer"] in "01"} == {3}
    assert "never fired" in cs.patches(net, scan, "1:1").evidence["silent"]


def test_crops_are_called_by_the_class_of_their_image_which_a_number_does_not_tell(net, scan):
    found = cs.patches(net, scan, "1:0", top=3)
    assert found.classes == tuple(f"class {int(image) % 2}" for image in found.images)
    assert found.summary()["classes"] == list(found.classes)
    labels = draw(found).panels[0].labels
    assert [label.split(" ", 1)[1] for label in labels] == [f"class {int(i) % 2}/{i}" for i in found.images]
