"""Preprocessing: the same numbers as the transforms the networks were published with, bit for bit."""

import numpy as np
import PIL.Image
import pytest
import timm
import timm.data
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, UnknownNetwork
from convscope.network.preprocessing import IMAGENET_MEAN, Preprocessing

PHOTOS = ["cat", "astronaut", "temple"]  # wide, square, wide
NOISE = np.random.default_rng(0).integers(
    0, 256, (61, 47, 3), dtype=np.uint8
)  # tall, odd, smaller than any network's size


def architecture(monkeypatch, library, name):
    """A network with the preprocessing of an architecture, and no layers to build."""
    if library == "torchvision":
        monkeypatch.setattr(torchvision.models, "get_model", lambda *_, **__: nn.Identity())
    else:
        stub = nn.Identity()
        stub.pretrained_cfg = timm.get_pretrained_cfg(name).to_dict() | {"num_classes": 0}  # labels take time
        monkeypatch.setattr(timm, "create_model", lambda *_, **__: stub)
    return cs.load(f"{library}:{name}", weights=None)


def assert_same(net, transform, picture):
    image = cs.open_image(picture)
    mean, std = (np.array(v)[:, None, None] for v in (net.preprocessing.mean, net.preprocessing.std))
    wanted = transform(image.pil()).numpy()
    pixels = np.rint((wanted * std + mean) * 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(net.see(image), pixels)
    prepared = net.prepare(image)
    assert prepared.shape == (1, *wanted.shape)
    np.testing.assert_allclose(prepared[0].numpy(), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "efficientnet_v2_s", "inception_v3", "swin_t"])
def test_pictures_are_prepared_as_torchvision_does(monkeypatch, name):
    net = architecture(monkeypatch, "torchvision", name)
    transform = torchvision.models.get_model_weights(name)["DEFAULT"].transforms()
    for picture in [*(f"sample:{photo}" for photo in PHOTOS), NOISE]:
        assert_same(net, transform, picture)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "tf_efficientnet_lite0", "convnext_atto", "tf_efficientnetv2_b3", "inception_v3", "efficientnet_b5"],
)
def test_pictures_are_prepared_as_timm_does(monkeypatch, name):
    net = architecture(monkeypatch, "timm", name)
    transform = timm_transform(name)
    for picture in [*(f"sample:{photo}" for photo in PHOTOS), NOISE]:
        assert_same(net, transform, picture)


def timm_transform(name):
    config = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    return timm.data.create_transform(**config, is_training=False)


def distinct(names, recipe):
    """One network for each way of preparing a picture."""
    found = {}
    for name in names:
        found.setdefault(recipe(name), name)
    return [name for key, name in found.items() if key]


def torchvision_recipe(name):
    weights = torchvision.models.get_model_weights(name)
    return repr(weights["DEFAULT"].transforms()) if "DEFAULT" in weights.__members__ else None


def timm_recipe(name):
    config = timm.get_pretrained_cfg(name)
    if not config or not config.has_weights or max(config.input_size) > 300:  # larger ones add time, not ways
        return None
    return (config.input_size, config.crop_pct, config.crop_mode, config.interpolation)


@pytest.mark.parametrize("name", distinct(torchvision.models.list_models(torchvision.models), torchvision_recipe))
def test_every_preparation_of_torchvision_is_matched(monkeypatch, name):
    net = architecture(monkeypatch, "torchvision", name)
    assert_same(net, torchvision.models.get_model_weights(name)["DEFAULT"].transforms(), NOISE)


def test_every_preparation_of_timm_is_matched_or_refused(monkeypatch):
    names = distinct(timm.list_models(), timm_recipe)
    assert len(names) > 50
    for name in names:
        assert_same(architecture(monkeypatch, "timm", name), timm_transform(name), NOISE)


def test_a_border_around_the_picture_is_refused_rather_than_cropped(monkeypatch):
    name = next(
        name for name in timm.list_models() if getattr(timm.get_pretrained_cfg(name), "crop_mode", "") == "border"
    )
    with pytest.raises(UnknownNetwork, match="crop mode 'border' is not supported"):
        architecture(monkeypatch, "timm", name)


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(61, 47), (61, 61)])
def test_a_picture_of_the_right_size_is_left_alone(interpolation, squash, size):
    picture = cs.open_image(np.resize(NOISE, (*size, 3)))
    pixels = Preprocessing(size, interpolation=interpolation, squash=squash).crop(picture)
    np.testing.assert_array_equal(pixels, picture.pixels)


def test_the_center_is_cropped_and_the_aspect_kept():
    stripes = np.zeros((10, 30, 3), np.uint8)
    stripes[:, 10:20] = 255
    assert (Preprocessing((10, 10)).crop(cs.open_image(stripes)) == 255).all()
    assert (Preprocessing((10, 10)).crop(cs.open_image(stripes.transpose(1, 0, 2))) == 255).all()
    squashed = Preprocessing((10, 10), interpolation="box", squash=True).crop(cs.open_image(stripes))[0, :, 0]
    assert squashed[[0, 5, 9]].tolist() == [0, 255, 0]


@pytest.mark.parametrize("shape", [(2, 60), (60, 2), (1, 2), (700, 3)])
@pytest.mark.parametrize("size", [(8, 8), (8, 12), (12, 8)])
@pytest.mark.parametrize("resize", [1.0, 256 / 224])
def test_any_picture_fills_any_size_without_borders(shape, size, resize):
    white = cs.open_image(np.full((*shape, 3), 255, np.uint8))
    pixels = Preprocessing(size, resize=resize).crop(white)
    assert pixels.shape == (*size, 3)
    assert (pixels == 255).all()


def test_normalizing_subtracts_and_divides_per_channel():
    prepared = Preprocessing((1, 2), (0.0, 0.5, 1.0), (1.0, 0.5, 2.0)).normalize(
        np.array([[[0, 0, 0], [255] * 3]], np.uint8)
    )
    assert prepared.tolist() == [[[0, 1]], [[-1, 1]], [[-0.5, 0]]]
    assert prepared.dtype == np.float32


def test_a_grey_network_is_given_one_channel(tiny):
    net = cs.Network(nn.Conv2d(1, 2, 3), size=8, mean=[0.5], std=[0.25])
    grey = NOISE[:8, :8, 0]
    x = net.prepare(grey)
    assert net.preprocessing.channels == 1
    np.testing.assert_allclose(x[0, 0].numpy(), (grey / 255 - 0.5) / 0.25, atol=1e-6)
    color = net.prepare(NOISE[:8, :8])[0, 0].numpy() * 0.25 + 0.5
    luma = np.asarray(PIL.Image.fromarray(NOISE[:8, :8]).convert("L")) / 255
    np.testing.assert_allclose(color, luma, atol=1e-6)
    assert net.layers["input"].shape == (1, 8, 8)
    assert net.see(NOISE).shape == (8, 8, 3)


def test_a_prepared_picture_is_contiguous_and_of_the_modules_type():
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = cs.Network(nn.Conv2d(3, 2, 3).to(dtype), size=8).prepare(NOISE)
        assert x.dtype == dtype
        assert x.is_contiguous()


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        (
            {"mean": [0.5] * 3, "std": [0.5]},
            "mean and std must have 1 value each for grey networks or 3 for RGB, not 3 and 1",
        ),
        (
            {"mean": [0.5] * 2, "std": [0.5] * 2},
            "mean and std must have 1 value each for grey networks or 3 for RGB, not 2 and 2",
        ),
        ({"mean": [], "std": []}, "mean and std must have 1 value each for grey networks or 3 for RGB, not 0 and 0"),
        ({"mean": [0.5]}, "mean and std must have 1 value each for grey networks or 3 for RGB, not 1 and 3"),
        ({"mean": 0.5, "std": 0.5}, "mean"),
        ({"std": [0.2, 0, 0.2]}, "std must be positive.*0.0"),
        ({"std": [0.2, -0.1, 0.2]}, "std must be positive.*-0.1"),
        ({"std": [0.2, float("nan"), 0.2]}, "std must be .*nan"),
        ({"mean": [float("inf")] * 3}, "mean must be .*inf"),
        ({"size": 0}, r"size must be at least 1 pixel, not \(0, 0\)"),
        ({"size": (8, -1)}, "size must be at least 1 pixel"),
        ({"size": (1, 2, 3)}, r"size must be .*\(1, 2, 3\)"),
        ({"size": 8.5}, "size must be .*8.5"),
        ({"size": "large"}, "size must be .*large"),
        ({"interpolation": "cubic"}, "interpolation must be .*bicubic.*not 'cubic'"),
        ({"resize": 0.5}, "resize must be at least 1, not 0.5"),
        ({"resize": -1}, "resize must be at least 1, not -1"),
    ],
)
def test_what_cannot_be_prepared_is_refused_when_the_network_is_made(knobs, sentence):
    with pytest.raises(BadKnob, match=sentence):
        cs.Network(nn.Conv2d(3, 2, 3), **{"size": 8, **knobs})


@pytest.mark.parametrize("size", [np.int64(8), np.array([8, 8]), [8, 8], torch.Size([8, 8])])
def test_a_size_may_be_any_kind_of_whole_number(size):
    assert cs.Network(nn.Conv2d(3, 2, 3), size=size).preprocessing.size == (8, 8)


@pytest.mark.parametrize("make", [list, np.array, lambda v: np.array(v, np.float32), torch.tensor], ids=range(4))
def test_mean_and_std_may_be_any_sequence_of_numbers(make):
    module = nn.Conv2d(3, 2, 3)
    net = cs.Network(module, size=8, mean=make([0.5, 0.25, 1.0]))
    assert net.preprocessing.mean == (0.5, 0.25, 1.0)
    assert net.digest == cs.Network(module, size=8, mean=(0.5, 0.25, 1.0)).digest
    assert net.digest != cs.Network(module, size=8, mean=IMAGENET_MEAN).digest


@given(
    size=st.tuples(st.integers(8, 900), st.integers(8, 900)),
    target=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    resize=st.sampled_from([1.0, 256 / 224, 1.5]),
    squash=st.booleans(),
    box=st.tuples(*[st.floats(-500, 500)] * 4),
)
def test_boxes_go_to_the_crop_and_back(size, target, resize, squash, box):
    recipe = Preprocessing(target, resize=resize, squash=squash)
    np.testing.assert_allclose(recipe.to_source(size, recipe.to_seen(size, box)), box, atol=1e-6)
    np.testing.assert_allclose(recipe.to_seen(size, recipe.to_source(size, box)), box, atol=1e-6)


def test_a_box_of_the_crop_in_the_picture_it_came_from():
    whole = (0, 0, 100, 100)
    assert Preprocessing((100, 100)).to_source((200, 400), whole) == (100, 0, 300, 200)
    assert Preprocessing((100, 100), squash=True).to_source((200, 400), whole) == (0, 0, 400, 200)
    assert Preprocessing((100, 100), resize=2).to_source((200, 200), (-50, 0, 50, 150)) == (0, 50, 100, 200)
