"""The differentiable view of a picture: the bytes that Pillow makes of it, and the slopes of its linear maps."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import convscope as cs
from convscope.adversarial.viewing import ViewingMap
from convscope.base.image import Image
from convscope.network.preprocessing import Preprocessing

KINDS = ["nearest", "box", "bilinear", "bicubic", "lanczos"]


def pixels_of(picture):
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].double() / 255


def map_of(preprocessing, size, view=False, dtype=torch.float32):
    return ViewingMap.of(preprocessing, size, view, torch.device("cpu"), dtype)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=25)
@example(300, 200, 7, 9, "bicubic", 1.14, False, True)
@given(
    st.integers(2, 90), st.integers(2, 90), st.integers(1, 40), st.integers(1, 40), st.sampled_from(KINDS),
    st.floats(1, 1.5), st.booleans(), st.booleans(),
)  # fmt: skip
def test_of_bytes_it_is_what_the_network_is_given_bit_by_bit(height, width, tall, wide, kind, resize, squash, grey):
    numbers = ((0.45,), (0.3,)) if grey else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    preprocessing = Preprocessing((tall, wide), *numbers, resize, kind, squash)
    picture = Image(noise(height, width))
    wanted = preprocessing.normalize(preprocessing.crop(picture))
    found = map_of(preprocessing, (height, width))(pixels_of(picture.pixels), rounded=True)
    assert np.array_equal(found[0].numpy(), wanted)


@pytest.mark.parametrize("sample", ["cat", "astronaut"])
def test_of_photos_it_is_what_lite0_is_given(lite0, sample):
    image = cs.open_image(f"sample:{sample}")
    found = map_of(lite0.preprocessing, image.size)(pixels_of(image.pixels), rounded=True)
    assert torch.equal(found, lite0.prepare(image))


def test_a_view_is_taken_as_it_is(lite0):
    picture = noise(*lite0.preprocessing.size)
    found = map_of(lite0.preprocessing, picture.shape[:2], view=True)(pixels_of(picture), rounded=True)
    assert torch.equal(found, lite0.feed(picture))


@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_is_that_of_differences(kind):
    preprocessing = Preprocessing((5, 6), resize=1.2, interpolation=kind)
    view = map_of(preprocessing, (13, 9), dtype=torch.float64)
    x = (0.25 + 0.5 * torch.rand(1, 3, 13, 9, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(view, (x,))


def test_rounding_lets_the_gradient_of_the_linear_map_through():
    view = map_of(Preprocessing((5, 6), resize=1.2), (13, 9), dtype=torch.float64)
    weights = torch.rand(3, 5, 6).double()
    slopes = []
    for rounded in (False, True):
        x = pixels_of(noise(13, 9)).requires_grad_()
        slopes.append(torch.autograd.grad((view(x, rounded) * weights).sum(), x)[0])
    assert torch.equal(*slopes) and slopes[0].any()


def test_in_single_precision_it_is_nearly_the_same_and_of_a_view_exactly():
    x = torch.rand(2, 3, 13, 9)
    single, double = (
        map_of(Preprocessing((5, 6), resize=1.2), (13, 9), dtype=d)(x) for d in (torch.float32, torch.float64)
    )
    assert torch.allclose(single.double(), double, atol=1e-5)
    view = map_of(Preprocessing((13, 9)), (13, 9), view=True)
    assert view.rows.same and view.columns.same and not map_of(Preprocessing((5, 6)), (13, 9)).rows.same


def test_pixels_beyond_the_crop_have_no_slope_and_all_within_have_one():
    preprocessing = Preprocessing((8, 8))
    x = torch.rand(1, 3, 16, 40).double().requires_grad_()
    slope = torch.autograd.grad(map_of(preprocessing, (16, 40))(x).sum(), x)[0]
    left, right = (preprocessing.to_source((16, 40), (0, 0, 8, 8))[i] for i in (0, 2))
    assert (left, right) == (12, 28)
    assert (slope[..., 12:28] > 0).all() and not slope[..., :11].any() and not slope[..., 29:].any()
