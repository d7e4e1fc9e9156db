"""All methods side by side: their scores are those of insertion and deletion, and what cannot be used is named."""

import pytest
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob

METHODS = "saliency,gradcam,random"


def test_scores_are_those_of_insertion_and_deletion(tiny):
    found = cs.compare(tiny, "sample:cat", "logits:2", methods=METHODS, steps=5)
    assert found.methods == ("saliency", "gradcam", "random") and found.values.shape == (3, 32, 32)
    for method, low, high in zip(found.methods, found.deletion, found.insertion, strict=True):
        alone = cs.insertion_deletion(tiny, "sample:cat", "logits:2", method=method, steps=5)
        assert alone.evidence["deletion"] == pytest.approx(low, rel=1e-5)
        assert alone.evidence["insertion"] == pytest.approx(high, rel=1e-5)
    assert found.refused == {} and found.evidence["methods"] == 3 and found.picture().width > 500


def test_what_cannot_be_used_is_named_and_the_rest_is_there():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net = cs.Network(module, size=16)
    found = cs.compare(net, "sample:cat", "logits:1", methods="guided-backprop, saliency", steps=3)
    assert found.methods == ("saliency",) and "smooth=True" in found.refused["guided_backprop"]
    with pytest.raises(BadKnob, match="methods must hold one that can be used here"):
        cs.compare(net, "sample:cat", "logits:1", methods="deconvnet", steps=3)


def test_an_unknown_method_is_refused_with_its_nearest(tiny):
    with pytest.raises(BadKnob, match=r"not 'salience'\. Nearest: saliency"):
        cs.compare(tiny, "sample:cat", "logits:2", methods="salience")
    with pytest.raises(BadKnob, match="methods must be names"):
        cs.compare(tiny, "sample:cat", "logits:2", methods=" , ")


def test_cancelled_it_compares_what_is_done(tiny):
    def listener(step, total, _):
        assert total == 3
        if step == 2:
            raise cs.Cancelled

    with cs.listening(listener):
        found = cs.compare(tiny, "sample:cat", "logits:2", methods=METHODS, steps=3)
    assert found.methods == ("saliency", "gradcam") and "partial" in found.evidence
