"""Modules that return more than one tensor of class scores, and modules written for default strides."""

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import ForwardFailed

IMAGE = np.random.default_rng(4).integers(0, 256, (6, 6, 3), dtype=np.uint8)
Named = namedtuple("Named", "aux logits")


class ModelOutput(OrderedDict):
    """What Hugging Face models return: a dict whose entries are attributes too."""

    def __getattr__(self, name):
        return self[name]


@dataclasses.dataclass
class Data:
    aux: torch.Tensor
    logits: torch.Tensor


class Net(nn.Module):
    """Two heads on one convolution; `form` makes what is returned of (auxiliary, scores)."""

    def __init__(self, form):
        super().__init__()
        self.conv, self.aux, self.head, self.form = nn.Conv2d(3, 4, 3), nn.Linear(4, 2), nn.Linear(4, 5), form

    def forward(self, x):
        x = self.conv(x).relu().mean((2, 3))
        return self.form(self.aux(x), self.head(x))


def network(form, **how):
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return cs.Network(Net(form), size=6, **how)


FORMS = [
    (lambda aux, scores: scores, None),
    (lambda aux, scores: (scores, aux), None),
    (lambda aux, scores: [scores, None, aux], None),
    (lambda aux, scores: (aux, scores), 1),
    (lambda aux, scores: (aux, {}, scores), -1),
    (lambda aux, scores: {"only": scores}, None),
    (lambda aux, scores: {"aux": aux, "out": scores}, None),
    (lambda aux, scores: {"aux": aux, "logits": scores, "out": aux}, None),
    (lambda aux, scores: {"a": aux, "b": scores}, "b"),
    (lambda aux, scores: {"logits": aux, "mine": scores}, "mine"),
    (lambda aux, scores: {0: aux, 1: scores}, 1),
    (lambda aux, scores: ModelOutput(aux=aux, logits=scores), None),
    (lambda aux, scores: Named(aux, scores), None),
    (lambda aux, scores: Named(scores, aux), "aux"),
    (lambda aux, scores: Named(aux, scores), 1),
    (lambda aux, scores: Named(scores, aux), 0),
    (lambda aux, scores: Data(aux, scores), None),
    (lambda aux, scores: Data(scores, aux), "aux"),
]


@pytest.mark.parametrize(("form", "output"), FORMS)
def test_class_scores_are_found_in_what_a_module_returns(form, output):
    net, plain = network(form, output=output), network(FORMS[0][0])
    assert net.layers["logits"].shape == (5,)
    assert net.predict(IMAGE) == plain.predict(IMAGE)
    for technique in (cs.saliency, cs.guided_backprop):
        assert np.array_equal(technique(net, IMAGE, "logits:4").values, technique(plain, IMAGE, "logits:4").values)


@pytest.mark.parametrize(
    ("form", "output", "words"),
    [
        (lambda aux, scores: {"a": aux, "b": scores}, None, "dict of a, b.*output='a' or output='b'"),
        (lambda aux, scores: {"a": aux, "logits": scores}, "c", "called c.*output="),
        (lambda aux, scores: {}, None, "dict of nothing"),
        (lambda aux, scores: ({}, scores), None, "tuple of dict, Tensor; entry 0.*output=1"),
        (lambda aux, scores: (aux, scores), 2, "entry 2"),
        (lambda aux, scores: (), None, "tuple of nothing"),
        (lambda aux, scores: "scores", None, "returned str"),
        (lambda aux, scores: None, None, "returned NoneType"),
        (lambda aux, scores: scores[:, :, None], None, "returned a tensor of shape"),
        (lambda aux, scores: scores[0, 0], None, "returned a tensor of shape"),
    ],
)
def test_an_output_without_plain_class_scores_is_refused_in_words(form, output, words):
    net = network(form, output=output)
    for ask in (lambda: net.layers["logits"], lambda: net.predict(IMAGE), lambda: cs.saliency(net, IMAGE, "logits:1")):
        with pytest.raises(ForwardFailed, match=words):
            ask()
    assert list(net.layers) == ["input", "conv", "aux", "head"], "the rest can be looked at"
    assert cs.activations(net, IMAGE, "conv").values.shape == (4, 4, 4)


def test_an_output_of_maps_has_positions():
    net = network(lambda aux, scores: scores[:, :, None, None].expand(-1, -1, 3, 4))
    assert net.layers["logits"].shape == (5, 3, 4)
    assert cs.saliency(net, IMAGE, "logits:2@1,3").unit == cs.Unit("logits", 2, (1, 3))


class Views(nn.Module):
    """Flattens with `view`, which wants the strides that a module in PyTorch's default layout has."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(64, 5)

    def forward(self, x):
        x = self.conv(x).relu()
        return self.head(x.view(x.size(0), -1))


@pytest.mark.parametrize("technique", [cs.saliency, cs.guided_backprop, cs.deconvnet])
def test_a_module_that_flattens_with_view_works(technique):
    net = cs.Network(Views(), size=6)
    found = technique(net, IMAGE, "logits:4")
    x = net.prepare(IMAGE).contiguous()
    assert found.value == pytest.approx(net.module(x)[0, 4].item(), rel=1e-5)
    assert found.values.any()
