"""Layers whose places were folded into other axes are read as maps of the picture; what is no map is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ConvscopeError, UnknownLayer

IMAGE = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
SIDE, WIDTH = 16, 4


def network(kind, *how, size=SIDE, **options):
    with torch.random.fork_rng():
        torch.manual_seed(11)
        return cs.Network(kind(*how).double(), size=size, **options)


def windows(x, side):
    """(N, C, H, W) as (N · windows, C, side, side), the windows of an image row by row."""
    n, c, h, w = x.shape
    parts = x.view(n, c, h // side, side, w // side, side)
    return parts.permute(0, 2, 4, 1, 3, 5).reshape(-1, c, side, side)


def unwindowed(y, height, width):
    """The other way."""
    _, c, side, _ = y.shape
    parts = y.view(-1, height // side, width // side, c, side, side)
    return parts.permute(0, 3, 1, 4, 2, 5).reshape(-1, c, height, width)


class Folded(nn.Module):
    """`inner` works on what `fold` makes of the maps of `stem`; `back` undoes the folding, (N, C, H, W) again."""

    def __init__(self, fold, back, inner):
        super().__init__()
        self.stem, self.inner, self.norm = nn.Conv2d(3, WIDTH, 3, padding=1), inner(), nn.BatchNorm2d(WIDTH)
        self.fold, self.back, self.head = fold, back, nn.Linear(WIDTH, 5)

    def forward(self, x):
        maps = self.back(self.inner(self.fold(self.stem(x).relu())))
        return self.head((self.norm(maps) ** 2).mean((2, 3)))

    def by_hand(self, x):
        """The maps of `inner`, put back."""
        return self.back(self.inner(self.fold(self.stem(x).relu())))


def conv():
    return nn.Conv2d(WIDTH, WIDTH, 3, padding=1)


def linear():
    return nn.Linear(WIDTH, WIDTH)


def grid(x):
    """Each of the (N · 16) groups holds the places that lie 4 apart, as in MaxViT."""
    return x.view(-1, WIDTH, 4, 4, 4, 4).permute(0, 3, 5, 1, 2, 4).reshape(-1, WIDTH, 4, 4)


def ungrid(y):
    return y.view(-1, 4, 4, WIDTH, 4, 4).permute(0, 3, 4, 1, 5, 2).reshape(-1, WIDTH, 16, 16)


def heads(x):
    """(N, heads, tokens, channels of one)."""
    return x.flatten(2).mT.view(len(x), 256, 2, WIDTH // 2).transpose(1, 2)


def unheads(y):
    return y.transpose(1, 2).reshape(len(y), 256, WIDTH).mT.unflatten(2, (16, 16))


def tokens_of(windowed):
    return windowed.flatten(2).mT


def untokens(y):
    return y.mT.unflatten(2, (4, 4))


FOLDINGS = {
    "windows": (lambda x: windows(x, 8), lambda y: unwindowed(y, 16, 16), conv),
    "grid": (grid, ungrid, conv),
    "shifted": (
        lambda x: windows(x.roll((-2, -2), (2, 3)), 4),
        lambda y: unwindowed(y, 16, 16).roll((2, 2), (2, 3)),
        conv,
    ),
    "merged": (
        lambda x: windows(F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2), 4), lambda y: unwindowed(y, 16, 16), conv,
    ),
    "padded": (lambda x: windows(F.pad(x, [4] * 4), 8), lambda y: unwindowed(y, 24, 24), conv),
    "tokens": (
        lambda x: tokens_of(windows(x, 4)), lambda y: unwindowed(untokens(y), 16, 16), linear,
    ),
    "tokens, shifted": (
        lambda x: tokens_of(windows(x.roll((3, 1), (2, 3)), 4)),
        lambda y: unwindowed(untokens(y), 16, 16).roll((-3, -1), (2, 3)),
        linear,
    ),
    "all tokens": (lambda x: x.flatten(2).mT, lambda y: y.mT.unflatten(2, (16, 16)), linear),
    "heads": (heads, unheads, nn.Identity),
    "channels last": (lambda x: x.movedim(1, -1), lambda y: y.movedim(-1, 1), linear),
    "transposed": (lambda x: x.mT, lambda y: y.mT, conv),
}  # fmt: skip


@pytest.fixture(params=FOLDINGS)
def folded(request):
    return network(Folded, *FOLDINGS[request.param])


def test_folded_maps_are_put_back_in_place(folded):
    x = folded.prepare(IMAGE)
    with torch.no_grad():
        wanted = folded.module.eval().by_hand(x)
    assert folded.layers["inner"].shape == wanted.shape[1:]
    np.testing.assert_allclose(cs.activations(folded, IMAGE, "inner").values, wanted[0], rtol=1e-5, atol=1e-6)
    two = torch.cat([x, x.flip(3)])
    torch.testing.assert_close(folded.read(two, "inner")["inner"], folded.module.by_hand(two).detach())


@pytest.mark.parametrize("unit", ["inner:1", "inner:1@3,9", "inner"])
def test_a_gradient_of_folded_maps_is_that_of_all_of_them(folded, unit):
    x = folded.prepare(IMAGE).requires_grad_()
    maps = folded.module.eval().by_hand(x)
    value = {"inner:1": maps[0, 1], "inner:1@3,9": maps[0, 1, 3, 9], "inner": maps}[unit].sum()
    found = cs.saliency(folded, IMAGE, unit)
    assert found.value == pytest.approx(value.item())
    np.testing.assert_allclose(found.values, torch.autograd.grad(value, x)[0][0], rtol=1e-4, atol=1e-6)


def test_grad_cam_of_folded_maps_is_a_map_of_the_picture(folded):
    module = folded.module.eval()
    maps = module.by_hand(folded.prepare(IMAGE)).detach().requires_grad_()
    score = module.head((module.norm(maps) ** 2).mean((2, 3)))[0, 2]
    slopes = torch.autograd.grad(score, maps)[0]
    wanted = (slopes.mean((2, 3), keepdim=True) * maps).sum(1)[0]
    found = cs.gradcam(folded, IMAGE, "logits:2", layer="inner")
    np.testing.assert_allclose(found.grid, wanted.detach(), rtol=1e-4, atol=1e-7)


def test_a_scan_of_folded_maps_counts_all_places(folded):
    with torch.no_grad():
        wanted = folded.module.eval().by_hand(folded.prepare(IMAGE))[0, 3]
    found = cs.scan(folded, [IMAGE], layers="inner", positions=0).statistics("inner:3")
    assert found["mean"] == pytest.approx(wanted.mean().item(), rel=1e-5)


def test_what_was_put_back_is_said():
    net = network(Folded, *FOLDINGS["windows"])
    told = {name: cs.saliency(net, IMAGE, f"{name}:0").evidence.get("places") for name in ("stem", "inner")}
    assert told == {"stem": None, "inner": "4 windows an image, put back in place: 16 × 16 places"}
    assert "put in place" in network(Folded, *FOLDINGS["all tokens"]).layers["inner"].note


class Refused(nn.Module):
    """`inner` is given what `fold` makes of the maps; what it puts out is summed."""

    def __init__(self, fold):
        super().__init__()
        self.stem, self.inner, self.fold = nn.Conv2d(3, WIDTH, 3, padding=1), nn.Identity(), fold

    def forward(self, x):
        y = self.stem(x)
        folded = self.inner(self.fold(y))
        return y.mean((2, 3)) + folded.reshape(len(x), -1).mean(1, keepdim=True)


def class_token(y):
    return torch.cat([y.new_zeros(len(y), 1, WIDTH), y.flatten(2).mT], 1)


def scores(y):
    return (y.flatten(2).mT @ y.flatten(2)).softmax(-1)


@pytest.mark.parametrize(
    ("fold", "why"),
    [
        (lambda y: torch.cat([y[..., :8, :8], y[..., 8:, 8:]]), "2 maps or vectors for each image"),
        (lambda y: torch.cat([y, y.flip(3)]), "2 maps or vectors for each image"),
        (lambda y: torch.stack([y, y * 2, y * 3], 1).flatten(0, 1), "3 maps or vectors for each image"),
        (lambda y: y.unfold(2, 8, 4).unfold(3, 8, 4).movedim(1, 3).reshape(-1, WIDTH, 8, 8), "9 maps or vectors"),
        (lambda y: windows(y, 4).mean((2, 3)), "16 maps or vectors for each image"),
        (scores, "tokens or heads"),
        (lambda y: scores(y)[:, None].expand(-1, 2, -1, -1), "tokens or heads"),
        (class_token, "tokens or heads"),
        (lambda y: y[:, :, None], "tensor of 5 axes"),
        (lambda y: torch.fft.rfft2(y).abs() + 0j, "complex numbers"),
        (
            lambda y: y.mean((0, 2, 3), keepdim=True).expand(1, WIDTH, 2, 2),
            "whose first axis is not that of the images",
        ),
    ],
)
def test_what_is_no_map_of_the_picture_is_refused_with_the_reason(fold, why):
    class Real(Refused):
        def forward(self, x):
            y = self.stem(x)
            folded = self.inner(self.fold(y))
            return y.mean((2, 3)) + (folded.real if folded.is_complex() else folded).mean()

    net = network(Real, fold)
    with pytest.raises(UnknownLayer, match=f"^inner of Real puts out .*{why}"):
        net.unit("inner:0")
    with pytest.raises(BadKnob, match="inner"):
        cs.gradcam(net, IMAGE, "logits:1", layer="inner")
    assert cs.gradcam(net, IMAGE, "logits:1").layer == "stem", "the rest of the network is there"


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("size", [(1, 128), (128, 1), (2, 64)])
def test_strips_keep_their_orientation(size, last):
    class Strip(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.mlp = nn.Conv2d(3, 128, 1), nn.Identity()

        def forward(self, x):
            y = self.stem(x)
            return self.mlp(y.movedim(1, -1) if last else y).sum((1, 2))

    net = network(Strip, size=size)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert net.layers["mlp"].shape == (128, *size)
    wanted = net.module.stem(net.prepare(image))[0].detach()
    np.testing.assert_allclose(cs.activations(net, image, "mlp").values, wanted, rtol=1e-5)


@pytest.mark.parametrize("last", [False, True])
def test_where_a_map_has_as_many_channels_as_rows_the_operations_tell(last):
    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.inner = nn.Conv2d(3, SIDE, 3, padding=1), nn.Identity()

        def forward(self, x):
            y = self.stem(x)
            return self.inner(y.permute(0, 2, 3, 1) if last else y).sum((1, 2))

    net = network(Square)
    wanted = net.module.stem(net.prepare(IMAGE))[0].detach()
    np.testing.assert_allclose(cs.activations(net, IMAGE, "inner").values, wanted, rtol=1e-5, atol=1e-6)
    assert net.layers["inner"].layout == ("NHWC" if last else "NCHW")


def test_a_head_that_is_replaced_after_first_use_is_seen():
    net = network(Folded, *FOLDINGS["channels last"])
    assert net.layers["logits"].units == len(net.predict(IMAGE, top=9)) == 5
    net.module.head = nn.Linear(WIDTH, 7).double()
    assert net.layers["logits"].units == net.layers["head"].units == len(net.predict(IMAGE, top=9)) == 7
    net.module.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU()).double()
    assert "inner.1" in net.layers
    wanted = net.module.head.weight[6]
    x = net.prepare(IMAGE)
    assert cs.saliency(net, IMAGE, "logits:6").value == pytest.approx(net.module.eval()(x)[0, 6].item())
    assert wanted.shape == (WIDTH,)


def test_a_module_that_takes_one_image_only_has_a_table():
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.conv(x).view(1, 4, -1).mean(2))

    net = network(One)
    assert {name: row.shape for name, row in net.layers.items()} == {
        "input": (3, 16, 16), "conv": (4, 14, 14), "head": (2,), "logits": (2,),
    }  # fmt: skip
    assert len(net.predict([IMAGE, IMAGE[::-1]])) == 2


def test_every_refusal_is_of_the_library():
    assert issubclass(UnknownLayer, ConvscopeError)
