"""Questions about sums of units: what is linear in the unit is the sum of what its terms give, everywhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, UnknownLayer, UnknownUnit
from convscope.execution.fast_value import compile_value
from convscope.network.backward.layer_gradient import layer_gradient
from convscope.techniques.attribution.perturbation_mask import perturbation_mask
from convscope.techniques.evaluation.insertion_deletion import curves
from convscope.view.panels.captions import named

LABELS = ("tabby, tabby cat", "half - track", "black-and-tan coonhound", "owl", "chow, chow")
IMAGE = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


class Branched(nn.Module):
    """Maps of two sizes, a branch that the scores do not depend on, and a rectifier in place."""

    def __init__(self):
        super().__init__()
        self.first, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.second, self.beside = nn.Conv2d(4, 5, 3, stride=2), nn.Conv2d(4, 2, 3)
        self.head = nn.Linear(5, 5)

    def forward(self, x):
        maps = self.act(self.first(x))
        self.beside(maps)
        return self.head(self.second(maps).relu().mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Branched().eval()
    return cs.Network(module, size=12, labels=LABELS, name="branched")


units = st.sampled_from(
    ["logits:0", "logits:3", "probs:1", "first:2", "first:2@3,4", "second", "act:1", "beside:1@0,5", "input:0@1,2"]
)
sums = st.lists(
    st.tuples(st.floats(0.1, 3) | st.floats(-3, -0.1), units), min_size=1, max_size=3, unique_by=lambda term: term[1]
)


def summed(net, terms):
    one, *rest = (weight * net.unit(unit) for weight, unit in terms)
    return sum(rest, start=one)


def close(found, wanted, of):
    """The same but for roundings, which are as large as those of the terms."""
    assert found.shape == wanted.shape and np.abs(found - wanted).max() <= 2e-5 * max(np.abs(of).max(), 1)


LINEAR = {
    "saliency": cs.saliency,
    "input_x_gradient": cs.input_x_gradient,
    "smoothgrad": lambda *asked: cs.smoothgrad(*asked, samples=3),
    "integrated_gradients": lambda *asked: cs.integrated_gradients(*asked, steps=8, limit=8),
    "rise": lambda *asked: cs.rise(*asked, samples=12),
    "occlusion": lambda *asked: cs.occlusion(*asked, size=4, stride=3),
    "curves": lambda *asked: curves(*asked, np.arange(144.0).reshape(12, 12), steps=4),
}


@pytest.mark.parametrize("technique", LINEAR.values(), ids=LINEAR)
@settings(max_examples=5)
@given(terms=sums)
def test_of_a_sum_what_is_linear_is_the_sum(net, technique, terms):
    found = technique(net, IMAGE, summed(net, terms))
    each = [(weight, technique(net, IMAGE, unit)) for weight, unit in terms]
    parts = np.stack([weight * one.values for weight, one in each])
    close(found.values, parts.sum(0), parts)
    values = np.array([weight * one.value for weight, one in each])
    close(np.array(found.value), values.sum(), values)


@settings(max_examples=10)
@given(terms=sums)
def test_its_value_is_read_in_one_forward(net, terms):
    x, unit = net.prepare(IMAGE), summed(net, terms)
    calls = []
    with net.module.first.register_forward_hook(lambda *_: calls.append(1)), torch.no_grad():
        _ = net.layers  # anew, since a hook may change what there is
        calls.clear()
        found = net.value(x, unit)
    assert len(calls) <= 1
    with torch.no_grad():
        wanted = sum(weight * net.value(x, one) for weight, one in terms)
        assert torch.allclose(found, wanted, atol=1e-4)


def test_its_value_is_found_without_the_module_where_it_is_to_be_quick(net, monkeypatch):
    x, unit = net.prepare(IMAGE), net.unit("logits:0 - 0.5*first:2 + probs:1")
    with torch.no_grad():
        wanted, value_of = net.value(x, unit), compile_value(net, unit, x)
        monkeypatch.setattr(net.module, "forward", lambda _: pytest.fail("the module ran"))
        assert torch.allclose(value_of(x), wanted, atol=1e-4)


def test_integrated_gradients_complete_to_the_difference(net):
    unit = net.unit("logits:tabby - 0.5*first:2")
    found = cs.integrated_gradients(net, IMAGE, unit)
    rise = found.value - found.evidence["value_at_baseline"]
    assert abs(found.values.sum() - rise) <= 0.01 * abs(rise) and "not_converged" not in found.evidence


def test_a_rule_is_applied_to_the_sum(net):
    for technique in (cs.guided_backprop, cs.deconvnet):
        one, twice = (technique(net, IMAGE, unit) for unit in ("second:1", "2*second:1"))
        assert np.array_equal(2 * one.values, twice.values) and one.evidence == twice.evidence
        assert technique(net, IMAGE, "second:1 - second:2").values.any()


def test_the_variance_of_a_multiple_goes_with_its_square(net):
    one, twice = (cs.vargrad(net, IMAGE, unit, samples=4).values for unit in ("probs:1", "-2*probs:1"))
    assert np.allclose(4 * one, twice, rtol=1e-5) and one.any()


def test_gradcam_weighs_the_maps_before_the_shallowest_term(net):
    found = cs.gradcam(net, IMAGE, "logits:0 - 2*second:1")
    assert (found.layer, found.evidence["forward_passes"]) == ("act", 2)
    one, other = (cs.gradcam(net, IMAGE, unit, layer="act").grid for unit in ("logits:0", "second:1"))
    close(found.grid, one - 2 * other, other)
    assert cs.gradcam(net, IMAGE, "logits:0 - logits:1").layer == "second"


@pytest.mark.parametrize("layer", ["second", "beside"])
def test_gradcam_refuses_a_layer_that_a_term_does_not_hang_on(net, layer):
    with pytest.raises(BadKnob, match=f"on the way to logits:0 - act:1, not '{layer}'.* does not depend on {layer}"):
        cs.gradcam(net, IMAGE, "logits:0 - act:1", layer=layer)


def test_the_slope_of_a_sum_at_a_layer_is_that_of_the_terms_that_hang_on_it(net):
    x = net.prepare(IMAGE)
    whole = layer_gradient(net, x, net.unit("logits:0 - act:1"), "second").gradient
    assert torch.equal(whole, layer_gradient(net, x, net.unit("logits:0"), "second").gradient)


def test_occlusion_takes_the_first_class_it_raises_for_the_correct_one(net):
    for unit, correct in [("first:1 - logits:2 + 0.5*probs:3 + logits:1", 3), ("-1*logits:2 + act:1", None)]:
        found = cs.occlusion(net, IMAGE, unit, size=6, stride=6)
        assert found.correct == (net.predict(IMAGE, 1)[0][1] if correct is None else correct)
        assert found.grid is found.unit_values and found.logits.shape == (2, 2, 5)
    assert cs.occlusion(net, IMAGE, "logits:2 - logits:3", size=6, stride=6, correct="owl").correct == 3


def test_a_mask_is_learned_for_a_sum(net):
    kept = perturbation_mask(net, IMAGE, "probs:1 - probs:2", area=0.3, steps=3)
    with torch.no_grad():
        assert kept.value == net.value(net.prepare(IMAGE), "probs:1 - probs:2").item()
    assert perturbation_mask(net, IMAGE, "logits:1 - first:2", steps=3).values.any()


def test_maps_of_sums_are_put_to_the_test(net):
    unit = "logits:half - track - 0.5*act:1"
    forgetting = cs.sanity_check(net, IMAGE, unit, layers=9)
    assert forgetting.names == ("head", "second", "beside", "first")  # down from the deepest term
    assert cs.pointing_game(net, IMAGE, unit, method="gradcam").unit == net.unit(unit)
    found = cs.compare(net, IMAGE, unit, methods="saliency,occlusion,random", steps=2)
    assert found.methods == ("saliency", "occlusion", "random") and not found.refused
    assert found.value == pytest.approx(cs.insertion_deletion(net, IMAGE, unit, steps=2).value)


@pytest.mark.parametrize(
    ("unit", "label"),
    [
        ("logits:0", "tabby, tabby cat"),
        ("logits:tabby - logits:chow, chow", "tabby − chow"),
        ("-1*probs:half - track + 0.5*first:2 - logits:owl", "−1 × half - track + 0.5 × first:2 − owl"),
        ("first:2 - first:1", None),
    ],
)
def test_it_is_called_by_the_names_of_its_classes(net, unit, label):
    found = cs.saliency(net, IMAGE, unit)
    assert found.evidence.get("label") == label
    assert named(found) == (f"{net.unit(unit)} ({label})" if label else unit)


def test_without_labels_a_sum_has_no_name(tiny):
    assert "label" not in cs.saliency(tiny, IMAGE, "logits:1 - logits:2").evidence


def test_its_text_asks_the_same_question_again(net):
    unit = 0.1 * net.unit("logits:tabby") - net.unit("first:2@3,4")
    asked = cs.saliency.request(net, IMAGE, unit)
    assert asked.subjects["unit"] == {"reference": "0.1*logits:0 - first:2@3,4"}
    assert cs.saliency.request(net, IMAGE, str(unit)).digest == asked.digest
    assert cs.saliency.request(net, IMAGE, "0.1*logits:tabby cat - first:2@3,4").digest == asked.digest


@pytest.mark.parametrize("unit", ["logits:0 - 0.5*logits:1", "first:2 + logits:1 - act:1@0,0"])
def test_maximize_takes_the_same_sums_as_text_and_as_units(net, unit):
    text, units = (cs.maximize.request(net, given) for given in (unit, net.unit(unit)))
    assert text.digest == units.digest and text.subjects["unit"]["reference"] == unit


@pytest.mark.parametrize(
    ("ask", "words", "instead"),
    [
        (cs.project, "must be one channel, such as logits:0, not the sum logits:0 - act:1", "logits:0"),
        (lambda net, image, unit: net.receptive_field(unit), "not a sum as logits:0 - act:1 is", "logits:0"),
        (cs.activations, "not a sum as logits:0 - act:1 is. .* where a layer is needed logits.", "logits"),
    ],
)
@pytest.mark.parametrize("made", [str, lambda text: cs.Unit("logits", 0) - cs.Unit("act", 1)], ids=["text", "units"])
def test_what_takes_one_unit_says_so_and_what_it_names_works(net, ask, words, instead, made):
    with pytest.raises(UnknownUnit, match=words):
        ask(net, IMAGE, made("logits:0 - act:1"))
    ask(net, IMAGE, instead)


def test_a_class_without_its_layer_is_named_with_it(net):
    for text in ("tabby", "logits:owl - tabby"):
        with pytest.raises(UnknownLayer, match=r"branched has no layer 'tabby'; the class is logits:tabby\."):
            net.unit(text)
    net.unit("logits:tabby")
    with pytest.raises(UnknownUnit, match="act has 4 channels"):
        net.unit("logits:owl - act:9")
