"""Objectives: each term against loops over its layer's numbers, and what a sum of them is."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadImage, BadKnob, UnknownLayer, UnknownUnit
from convscope.optimize.objective import (
    Above,
    Alignment,
    Caricature,
    Direction,
    Diversity,
    Excite,
    Inside,
    LayerEnergy,
)
from convscope.optimize.objective_text import objective


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SEEN = {"maps": numbers(4, 3, 5, 2), "vectors": numbers(4, 7, seed=1), "logits": numbers(4, 5, seed=2) * 2}
AXIS = (0.5, -2.0, 1.0)
LONG = tuple(numbers(7, seed=5).tolist())
MAP, VECTOR = numbers(1, 3, 5, 2, seed=3), numbers(1, 7, seed=4)


def dot_cosine(x, v, power):
    dot = sum(a * b for a, b in zip(x, v, strict=True))
    return dot * max(dot / math.sqrt(sum(a * a for a in x)) / math.sqrt(sum(b * b for b in v)), 0.1) ** power


def softmax(x, k):
    return math.exp(x[k]) / sum(math.exp(v) for v in x)


def along_axis(power):
    return lambda x: np.mean([dot_cosine(x[:, i, j], AXIS, power) for i, j in np.ndindex(5, 2)])


ALONE = [
    (Excite(cs.Unit("maps", 1)), lambda x: x[1].sum() / 10),
    (Excite(cs.Unit("maps")), lambda x: x.sum() / 30),
    (Excite(cs.Unit("maps", 2, (4, 1))), lambda x: x[2, 4, 1]),
    (Excite(cs.Unit("vectors", 6)), lambda x: x[6]),
    (Excite(cs.Unit("logits", 3)), lambda x: x[3]),
    (Excite(cs.Unit("probs", 3)), lambda x: math.log(softmax(x, 3))),
    (Above(cs.Unit("logits", 3)), lambda x: x[3] - math.log(sum(math.exp(x[k]) for k in (0, 1, 2, 4)))),
    (LayerEnergy("maps"), lambda x: sum(v * v for v in x.flatten()) / 30),
    (LayerEnergy("vectors"), lambda x: sum(v * v for v in x) / 7),
    (LayerEnergy("maps", 1), lambda x: sum(x[c, i, j] ** 2 for c in range(3) for i in (1, 2, 3) for j in (0, 1)) / 30),
    (Inside(cs.Unit("maps", 1), 1), lambda x: sum(x[1, i, j] for i in (1, 2, 3) for j in (0, 1)) / 6),
    (Inside(cs.Unit("maps"), 2), lambda x: x[:, 2].sum() / 6),
    (Inside(cs.Unit("vectors", 6), 2), lambda x: x[6]),
    (Direction("maps", AXIS), along_axis(2)),
    (Direction("maps", AXIS, 0.5), along_axis(0.5)),
    (Direction("vectors", LONG, 0), lambda x: dot_cosine(x, LONG, 0)),
    (Caricature("maps", "a", 1, MAP), lambda x: dot_cosine(x.flatten(), MAP.flatten().tolist(), 1)),
    (Caricature("vectors", "a", 3, VECTOR), lambda x: dot_cosine(x, VECTOR[0].tolist(), 3)),
]


@pytest.mark.parametrize(("term", "of_picture"), ALONE, ids=[str(term) for term, _ in ALONE])
def test_a_term_of_one_picture(term, of_picture):
    found = term(SEEN)
    wanted = [of_picture(picture) for picture in SEEN[term.layer].numpy()]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for i in range(4):
        torch.testing.assert_close(term({term.layer: SEEN[term.layer][[i]]}), found[[i]])


@pytest.mark.parametrize("layer", ["maps", "vectors"])
def test_diversity_is_minus_the_likeness_of_gram_matrices(layer):
    grams = []
    for picture in SEEN[layer].numpy():
        at = picture.reshape(len(picture), -1)
        gram = np.array([[sum(a * b for a, b in zip(one, two, strict=True)) for two in at] for one in at])
        grams.append(gram / math.sqrt((gram**2).sum()))
    wanted = [-sum((grams[i] * grams[j]).sum() for j in range(4) if j != i) / 3 for i in range(4)]
    np.testing.assert_allclose(Diversity(layer)(SEEN), wanted)
    assert Diversity(layer)({layer: SEEN[layer][:1]}).item() == pytest.approx(0, abs=1e-12)
    same = Diversity(layer)({layer: SEEN[layer][[0, 0, 0]]})
    np.testing.assert_allclose(same, [-1, -1, -1])


@pytest.mark.parametrize("layer", ["maps", "vectors"])
def test_alignment_is_minus_the_difference_to_the_next(layer):
    x = SEEN[layer].numpy()
    wanted = [-((x[i] - x[(i + 1) % 4]) ** 2).mean() for i in range(4)]
    np.testing.assert_allclose(Alignment(layer)(SEEN), wanted)
    assert Alignment(layer)({layer: SEEN[layer][:1]}).item() == 0


def test_a_score_with_no_others_is_itself():
    lone = {"logits": SEEN["logits"][:, :1].clone().requires_grad_()}
    found = Above(cs.Unit("logits", 0))(lone)
    assert torch.equal(found, lone["logits"][:, 0])
    assert torch.autograd.grad(found.sum(), lone["logits"])[0].eq(1).all()


def test_a_caricature_is_enlarged_to_other_maps():
    larger = nn.functional.interpolate(MAP, (7, 9), mode="bilinear")
    x = numbers(2, 3, 7, 9)
    torch.testing.assert_close(Caricature("maps", "a", 1, MAP)({"maps": x}), Caricature("a", "a", 1, larger)({"a": x}))


def test_sums():
    a, b, c = LayerEnergy("maps"), Excite(cs.Unit("logits", 1)), Alignment("vectors")
    at = {term: term(SEEN) for term in (a, b, c)}
    for found, wanted in [
        (a + b, at[a] + at[b]),
        (-a, -at[a]),
        (a - b, at[a] - at[b]),
        (0.5 * a - 2 * (b - 3 * c) + -a, 0.5 * at[a] - 2 * at[b] + 6 * at[c] - at[a]),
    ]:
        torch.testing.assert_close(found(SEEN), wanted)
    assert (a + b + 2 * a + c).layers == ("maps", "logits", "vectors")
    assert (1 * b).unit == cs.Unit("logits", 1) == objective("above(logits:1)").unit
    assert (a + b).unit is None and (1 * a).unit is None


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("0:9", UnknownUnit, r"0 has 6 channels, numbered 0 to 5, not 9"),
        ("3:0@99,0", UnknownUnit, r"Positions of 3"),
        ("dream(blocks)", UnknownLayer, r"tiny has no layer 'blocks'.*convscope layers"),
        ("dream()", UnknownUnit, r"'' is not the address of a unit"),
        ("0:1 - diversity(no)", UnknownLayer, r"no layer 'no'"),
        ("alignment(0:1)", UnknownUnit, r"0:1 is one channel; this needs a whole layer. Use 0\."),
        ("above(0:1)", BadKnob, r"above\(\) must be of a class score, such as above\(logits:281\), not of 0:1"),
        ("above(probs:1)", BadKnob, r"not of probs:1"),
        ("above(logits)", BadKnob, r"not of logits"),
        ("above(logits:7)", UnknownUnit, r"logits has 5 channels"),
        ("direction(0, 1 2)", BadKnob, r"A direction in 0 must have 6 numbers, one a channel, not 2"),
        ("direction(0, )", BadKnob, r"6 numbers, one a channel, not 0"),
        ("caricature(0, nowhere.png)", BadImage, r"nowhere.png"),
        ("caricature(no, sample:cat)", UnknownLayer, r"no layer 'no'"),
    ],
)
def test_what_a_network_has_not(tiny, text, error, words):
    with pytest.raises(error, match=words):
        objective(text).resolved(tiny)


def test_resolving_finds_what_was_meant(tiny):
    text = "logits:1 + 0.5*dream(0) - caricature(4, sample:cat, 2.0) + direction(4, 1.0 2.0 3.0 4.0, 2.0)"
    found = objective(text).resolved(tiny)
    assert str(found) == text and found.layers == ("logits", "0", "4")
    target = found.terms[2][1].target
    assert torch.equal(target, tiny.read(tiny.prepare("sample:cat"), "4")["4"])
    seen = {name: numbers(2, *tiny.layers[name].shape) for name in found.layers}
    assert found(seen).shape == (2,)


def test_an_image_can_be_resolved_inside_inference_mode(tiny):
    with torch.inference_mode():
        found = Caricature("0", "sample:cat").resolved(tiny)
    x = torch.rand(1, 6, 32, 32, requires_grad=True)
    assert torch.autograd.grad(found({"0": x}).sum(), x)[0].any()
