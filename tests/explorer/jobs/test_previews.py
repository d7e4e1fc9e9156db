"""Previews: whatever work reports of itself on the way becomes a small picture that shows it."""

import base64
import io
import itertools

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.explorer.jobs.previews import SIDE, data_url


def opened(url):
    kind, _, data = url.partition(",")
    assert kind == "data:image/jpeg;base64"
    with PIL.Image.open(io.BytesIO(base64.b64decode(data)), formats=["JPEG"]) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def red(*shape):
    return np.broadcast_to(np.array([1.0, 0, 0], np.float32), (*shape, 3))


@pytest.mark.parametrize("preview", [
    red(64, 48), red(64, 48).transpose(2, 0, 1)[None], (red(64, 48) * 255).astype(np.uint8),
    np.concatenate([red(64, 48), np.ones((64, 48, 1))], 2),
])  # fmt: skip
def test_pictures_of_every_layout_keep_their_colors(preview):
    picture = opened(data_url(preview))
    assert picture.shape[0] / picture.shape[1] == pytest.approx(64 / 48)
    assert (np.abs(picture - [255, 0, 0]) < 12).all()


@pytest.mark.parametrize("shape", [(1, 3, 500, 300), (2, 1, 28, 28), (1500, 700), (3, 224, 224), (17, 3, 224, 224)])
def test_no_preview_is_larger_than_it_may_be_nor_too_small_to_see(shape):
    picture = opened(data_url(np.random.default_rng(0).random(shape, np.float32)))
    assert 120 <= max(picture.shape) <= SIDE


def test_several_pictures_are_tiled_in_order():
    pictures = np.stack([np.full((3, 32, 32), value, np.float32) for value in (0.0, 0.4, 0.8)])
    picture = opened(data_url(pictures)).mean(2)
    middle = picture.shape[0] // 4
    assert picture[middle, middle] < 10 and abs(picture[middle, -middle] - 102) < 10
    assert abs(picture[-middle, middle] - 204) < 10


def test_what_is_transparent_is_white():
    assert (opened(data_url(np.zeros((1, 4, 40, 40), np.float32))) > 250).all()


def test_a_signed_map_has_two_colors_and_what_is_not_known_yet_is_grey():
    values = np.full((60, 60), np.nan, np.float32)
    values[:20], values[20:40] = 1, -1
    picture = opened(data_url(values))
    third = len(picture) // 3
    up, down, unknown = (picture[third * n + third // 2, third] for n in range(3))
    assert (np.abs(unknown - 128) < 6).all()
    assert up[0] > up[2] + 40 and down[2] > down[0] + 40


def test_a_gradient_is_summed_over_its_channels():
    values = np.zeros((3, 40, 40), np.float32)
    values[0], values[1, :, :20] = 1, -1
    picture = opened(data_url(values))
    assert np.abs(picture[:, 20:40] - picture[:, -40:-20]).max() > 60


@pytest.mark.parametrize("preview", [None, "words", np.zeros((0, 3)), np.zeros((2, 51), np.float32), np.zeros(7)])
def test_what_is_no_picture_gives_none(preview):
    assert data_url(preview) == ""


def test_the_points_of_a_map_are_dots_at_their_places():
    picture = opened(data_url(np.array([[0, 0], [4, 0], [4, 8], [1, 3]], np.float32)))
    (rows, columns), (height, width) = np.nonzero(picture[..., 0] < 100), picture.shape[:2]
    assert rows.min() < height * 0.05 and rows.max() > height * 0.95
    assert width * 0.2 < columns.min() < width * 0.3 and width * 0.7 < columns.max() < width * 0.8


@pytest.mark.parametrize("preview", [np.full((9, 9), np.nan), np.zeros((9, 9)), np.full((1, 3, 9, 9), np.nan)])
def test_empty_maps_and_broken_pictures_do_not_raise(preview):
    assert data_url(preview).startswith("data:")


REPORTING = {
    "occlusion": lambda net: cs.occlusion(net, "sample:cat", "logits:2", size=8, stride=4, batch_size=1),
    "rise": lambda net: cs.rise(net, "sample:cat", "logits:2", samples=8, batch_size=4),
    "smoothgrad": lambda net: cs.smoothgrad(net, "sample:cat", "0:3", samples=4, batch_size=2),
    "perturbation_mask": lambda net: cs.perturbation_mask(net, "sample:cat", "logits:2", steps=2),
    "sanity_check": lambda net: cs.sanity_check(net, "sample:cat", "logits:2"),
    "maximize": lambda net: cs.maximize(net, "0:3", steps=2, variants=2),
    "sheet": lambda net: cs.sheet(net, "0", steps=2),
    "dream": lambda net: cs.dream(net, "sample:cat", "0", steps=1, octaves=2),
    "invert": lambda net: cs.invert(net, "sample:cat", "0", steps=2),
}


@pytest.mark.parametrize("name", REPORTING)
def test_every_technique_that_shows_itself_can_be_shown(tiny, name):
    urls = []
    with cs.listening(lambda step, total, preview: urls.append(data_url(preview))):
        REPORTING[name](tiny)
    assert len(urls) > 1
    assert all(opened(url).size for url in urls)


def test_occlusion_fills_in(tiny):
    grey = []

    def look(step, total, preview):
        picture = opened(data_url(preview))
        grey.append(float((np.abs(picture - 128) < 4).all(2).mean()))

    with cs.listening(look):
        cs.occlusion(tiny, "sample:cat", "logits:2", size=4, stride=2, batch_size=1)
    assert grey[0] > 0.8 and grey[-1] < 0.05
    assert all(after <= before + 0.02 for before, after in itertools.pairwise(grey))
