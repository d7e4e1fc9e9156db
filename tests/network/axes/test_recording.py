"""A recorded forward: what each operation does to axes, and which operations a tensor was made from."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convscope.network.axes.recording import INPUT, Recording, ancestors

N, C, H, W = 2, 3, 8, 12
TOKENS = torch.randn(C, C)


def told(move):
    """What the axes of the result of a move of pictures hold, in letters: `n c y x`, a dot for an axis of nothing."""
    x = torch.randn(N, C, H, W)
    with torch.no_grad(), Recording(x) as recording:
        found = move(x)
        found = found[0] if isinstance(found, tuple | list) else found
        axes = recording.axes(found)
    if axes is None:
        return None
    assert len(axes) == found.ndim
    return " ".join("".join(factor.kind for factor in held) or "." for held in axes)


@pytest.mark.parametrize(
    ("move", "kinds"),
    [
        # shapes
        (lambda x: x.flatten(2), "n c yx"),
        (lambda x: x.flatten(2).mT, "n yx c"),
        (lambda x: x.transpose(1, 3), "n x y c"),
        (lambda x: x.swapaxes(-1, -2), "n c x y"),
        (lambda x: x.movedim(1, -1), "n y x c"),
        (lambda x: x.contiguous().view(N, C, 2, H // 2, W).transpose(1, 2).reshape(N * 2, C, H // 2, W), "ny c y x"),
        (lambda x: x[:, :, None], "n c . y x"),
        (lambda x: x.unsqueeze(-1).squeeze(-1), "n c y x"),
        (lambda x: x[0], "c y x"),
        (lambda x: x[:, 0], "n y x"),
        (lambda x: x.unbind(1), "n y x"),
        (lambda x: x[:, :, :4, ::2], "n c y x"),
        (lambda x: x.chunk(2, 2), "n c y x"),
        (lambda x: x.split([1, 2], 1), "n . y x"),
        (lambda x: x.mean((2, 3), keepdim=True).expand(N, C, H, W), "n c y x"),
        # sums
        (lambda x: x.mean((2, 3)), "n c"),
        (lambda x: x.mean((2, 3), keepdim=True), "n c . ."),
        (lambda x: x.amax(-1), "n c y"),
        (lambda x: x.sum(), ""),
        (lambda x: x.max(1), "n y x"),
        (lambda x: x.var(1, keepdim=True), "n . y x"),
        # numbers
        (lambda x: x.relu() * 2 + 1, "n c y x"),
        (lambda x: x.mean((2, 3), keepdim=True) * x, "n c y x"),
        (lambda x: x + torch.ones(C, 1, 1), "n c y x"),
        (lambda x: 1 - F.softmax(x, 1), "n c y x"),
        (lambda x: F.hardswish(x).clamp(0, 1), "n c y x"),
        (lambda x: F.layer_norm(x, (W,)), "n c y x"),
        (lambda x: F.group_norm(x, 1), "n c y x"),
        (lambda x: F.batch_norm(x, None, None, training=True), "n c y x"),
        (lambda x: x.clone().add_(1), "n c y x"),
        (lambda x: F.dropout(x), "n c y x"),
        (lambda x: F.glu(x, 3), "n c y x"),
        # places
        (lambda x: F.conv2d(x, torch.ones(5, C, 3, 3), stride=2), "n c y x"),
        (lambda x: F.conv2d(x, torch.ones(5, C, 8, 1)), "n c . x"),
        (lambda x: F.conv_transpose2d(x, torch.ones(C, 5, 2, 2), stride=2), "n c y x"),
        (lambda x: F.conv2d(x.mT, torch.ones(5, C, 3, 3)), "n c x y"),
        (lambda x: F.pad(F.adaptive_avg_pool2d(x, 1), [1] * 4), "n c y x"),
        (lambda x: F.max_pool2d(x, 2), "n c y x"),
        (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), "n c y x"),
        (lambda x: F.pixel_shuffle(torch.cat([x] * 4, 1), 2), "n c y x"),
        (lambda x: F.pad(x, [1, 0, 2, 0]), "n c y x"),
        (lambda x: F.conv3d(x[:, :, None], torch.ones(5, C, 1, 3, 3)), "n c . y x"),
        # products
        (lambda x: F.linear(x.movedim(1, -1), torch.ones(5, C), torch.ones(5)), "n y x c"),
        (lambda x: F.linear(x.flatten(2).mT, TOKENS), "n yx c"),
        (lambda x: x.mean((2, 3)) @ TOKENS, "n c"),
        (lambda x: torch.addmm(torch.ones(5), x.mean((2, 3)), torch.ones(C, 5)), "n c"),
        (lambda x: x.flatten(2).mT @ x.flatten(2), "n yx yx"),
        (lambda x: torch.bmm(x.flatten(2), x.flatten(2).mT), "n c c"),
        (lambda x: F.scaled_dot_product_attention(*[x.flatten(2).mT[:, None]] * 3), "n . yx c"),
        # mixtures
        (lambda x: torch.cat([x, x], 1), "n c y x"),
        (lambda x: torch.cat([x, x], 3), "n c y ?x"),
        (lambda x: torch.stack([x, x.flip(3)], 1), "n ? c y x"),
        (lambda x: torch.cat([x, x.flip(3)]), "?n c y ?"),
        (lambda x: torch.cat([x, x + 1]), "?n c y x"),
        (lambda x: torch.cat([x, x + 1])[N:], "n c y x"),
        (lambda x: torch.cat([torch.ones(N, 1, C), x.flatten(2).mT], 1), "n ? c"),
        (lambda x: x.roll(3, 2), "n c y x"),
        (lambda x: x.roll(1, 1), "n ? y x"),
        (lambda x: F.pad(x.roll(3, 2), [0, 0, 1, 1]), "n c ? x"),
        (lambda x: x.sort(1), "n c y x"),
    ],
)
def test_what_an_operation_does_to_the_axes(move, kinds):
    assert told(move) == (kinds if kinds is None else " ".join(kinds.split()))


def test_a_picture_that_was_rolled_says_how_far():
    x = torch.randn(N, C, H, W)
    with Recording(x) as recording:
        rolled = x.roll((3, -2), (2, 3))
        back = rolled.roll((-3, 2), (2, 3))
        shifts = [[held[0].shift for held in recording.axes(found)[2:]] for found in (rolled, back)]
    assert shifts == [[3, W - 2], [0, 0]]


def test_parents_are_the_operations_that_a_tensor_was_made_from():
    x = torch.randn(1, C, H, W)
    with torch.no_grad(), Recording(x) as recording:
        left, right = x * 2, x.exp()
        both = left + right
        constant = torch.ones(3) * 2
        nodes = [recording.node(found) for found in (x, left, right, both)]
        assert recording.node(constant) is None, "nothing of the image"
    _, a, b, end = nodes
    assert nodes[0] == INPUT and [recording.kinds[node] for node in nodes[1:]] == ["mul", "exp", "add"]
    assert recording.parents[a] == recording.parents[b] == {INPUT} and recording.parents[end] == {a, b}
    assert ancestors(recording.parents, end) == {INPUT, a, b, end}
    assert ancestors(recording.parents, end, without=a) == {INPUT, b, end}
    assert INPUT not in ancestors([*recording.parents[:2], {1}], 2, without=1), "all ways go through it"


def test_what_is_written_in_place_is_of_the_operation_that_wrote():
    x = torch.randn(1, C, H, W)
    with torch.no_grad(), Recording(x) as recording:
        memory = torch.zeros(1, 5)
        first = recording.node(memory)
        memory[:, :3] += x.mean((2, 3))
        head = memory * 2
        written, found = recording.node(memory), recording.node(head)
    assert first is None and written is not None and INPUT in ancestors(recording.parents, found)


def test_memory_that_is_used_again_is_not_taken_for_what_was_there():
    x = torch.randn(1, C, H, W)
    with torch.no_grad(), Recording(x) as recording:
        for _ in range(20):
            gone = x.clone().relu_()
            del gone
            assert recording.node(torch.ones(1, C, H, W)) is None


def test_recording_changes_no_number():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(240, 2)).eval()
    x = torch.randn(N, C, H, W)
    with torch.no_grad():
        plain = module(x.clone())
        with Recording(x):
            assert torch.equal(module(x.clone()), plain)
