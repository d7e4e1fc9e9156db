"""Running a user's module: where, in which numbers, and what of its output is the class scores."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from convscope.base.errors import ForwardFailed
from convscope.network.isolation.parts import unwrap
from convscope.network.isolation.running import device_of, dtype_of, output_tensor

SCORES, OTHER = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])
Pair = namedtuple("Pair", ["logits", "aux"])


@pytest.mark.parametrize(
    ("output", "key"),
    [
        (SCORES, None),
        ({"logits": SCORES, "aux": OTHER}, None),
        (OrderedDict(aux=OTHER, out=SCORES), None),
        ({"only": SCORES, "names": ["a"]}, None),
        ({"a": OTHER, "b": SCORES}, "b"),
        ({"logits": OTHER, "b": SCORES}, "b"),
        ((SCORES, OTHER), None),
        ([SCORES], None),
        ((OTHER, SCORES), 1),
        ([OTHER, SCORES], -1),
        (Pair(SCORES, OTHER), None),
        (Pair(OTHER, SCORES), "aux"),
        (SimpleNamespace(logits=SCORES, hidden=OTHER), None),
        (SimpleNamespace(logits=OTHER, scores=SCORES), "scores"),
    ],
)
def test_class_scores_are_found_in_what_a_module_returns(output, key):
    assert output_tensor(output, key) is SCORES


@pytest.mark.parametrize(
    ("output", "key", "says"),
    [
        ({"a": SCORES, "b": OTHER}, None, "a dict of a, b, .*class scores.*output='a' or output='b'"),
        ({}, None, "a dict of nothing.*Wrap it in a module that returns the class scores"),
        ({"a": SCORES}, "b", "a dict of a, .*called b\\."),
        ({"logits": "text", "a": SCORES, "b": OTHER}, None, "a dict of logits, a, b"),
        ((), None, "returned a tuple of nothing; entry 0 must be a tensor.*Wrap it in a module"),
        (("a", SCORES), None, "returned a tuple of str, Tensor; entry 0 must be a tensor.*output=1"),
        ([SCORES], 3, "returned a list of Tensor; entry 3 must be a tensor"),
        ((SCORES,), "logits", "entry logits must be a tensor"),
        (None, None, "returned NoneType, not a tensor. Wrap it"),
        ("text", None, "returned str, not a tensor"),
        (SimpleNamespace(hidden=SCORES), None, "returned SimpleNamespace, not a tensor"),
    ],
)
def test_what_holds_no_plain_scores_says_what_it_holds(output, key, says):
    with pytest.raises(ForwardFailed, match=says):
        output_tensor(output, key)


def test_device_and_type_are_those_of_the_first_numbers():
    module = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3, dtype=torch.float64))
    assert (device_of(module), dtype_of(module)) == (torch.device("cpu"), torch.float64)
    assert device_of(nn.Conv2d(3, 4, 3, device="meta")) == torch.device("meta")
    counts = nn.Module()
    counts.register_buffer("n", torch.zeros((), dtype=torch.int64))
    for module in (nn.Identity(), counts):
        assert (device_of(module), dtype_of(module)) == (torch.device("cpu"), torch.float32)


def test_a_plain_module_is_its_own_inside():
    module = nn.Conv2d(3, 4, 3)
    assert unwrap(module) is module
