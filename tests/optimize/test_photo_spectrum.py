"""The spectrum of photos, against loops over frequencies, and that it tells photos from noise."""

import math

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.base.errors import BadSource
from convscope.optimize import decorrelate
from convscope.optimize.photo_spectrum import distance, magnitudes, photos, radial


def cropped(image, size, channels=3):
    """The middle of a photo at a size, as bytes."""
    picture = image.pil() if channels == 3 else image.pil().convert("L")
    zoom = max(size[0] / picture.height, size[1] / picture.width)
    picture = picture.resize((round(picture.width * zoom), round(picture.height * zoom)), 3)
    left, top = (picture.width - size[1]) // 2, (picture.height - size[0]) // 2
    values = np.asarray(picture.crop((left, top, left + size[1], top + size[0])), np.float32) / 255
    return values.reshape(*size, channels)


@pytest.mark.parametrize("size", [(40, 48), (33, 33)])
def test_radial_is_a_slow_loop(size):
    pictures = np.random.default_rng(0).random((2, *size, 3)).astype(np.float32)
    found = radial(pictures)
    assert found.shape == (2, 32)
    for n, picture in enumerate(pictures.astype(float)):
        grey = picture.mean(2)
        grey = (grey - grey.mean()) * np.outer(np.hanning(size[0]), np.hanning(size[1]))
        power, rings = np.abs(np.fft.fft2(grey)) ** 2, [[] for _ in range(32)]
        for ky, kx in np.ndindex(size[0], size[1] // 2 + 1):
            f = math.hypot(min(ky, size[0] - ky) / size[0], kx / size[1])
            rings[min(int(f * 64 + 1e-6), 31)].append(power[ky, kx])
        wanted = [math.log(np.mean(ring or [power[0, 0]])) for ring in rings]
        np.testing.assert_allclose(found[n], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(12, 9), (8, 16)])
def test_magnitudes_are_the_mean_over_photos(channels, size):
    images = photos()[:3]
    found = magnitudes(images, channels, size)
    wanted = 0
    for image in images:
        numbers = decorrelate.from_pixels(torch.from_numpy(cropped(image, size, channels)).permute(2, 0, 1)[None])[
            0
        ].numpy()
        wanted = wanted + np.abs(np.fft.fft2(numbers, norm="ortho"))[..., : size[1] // 2 + 1] / 3
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_photos_are_near_one_another_and_noise_is_far():
    """Each bundled photo lies 0.36 to 0.55 from the others, the night sky 1.4, white noise 2.5, smooth stripes 5."""
    every, size = photos(), (96, 128)
    own = [distance(cropped(image, size)[None], [i for i in every if i is not image]).item() for image in every]
    rng = np.random.default_rng(0)
    noise = distance(rng.random((2, *size, 3)).astype(np.float32), every)
    assert sorted(own)[-2] < 0.6 and max(own) < 1.5 and noise.min() > 2.3
    y, x = np.mgrid[: size[0], : size[1]]
    stripes = np.repeat(0.5 + 0.3 * np.sin(x / 20 + y / 30)[None, ..., None], 3, 3).astype(np.float32)
    assert distance(stripes, every).item() > 4
    assert distance(cropped(every[0], size)[None], every[:1]).item() == pytest.approx(0, abs=1e-6)


def test_contrast_and_brightness_do_not_count():
    picture = cropped(photos()[1], (64, 64))[None]
    wanted = distance(picture, photos()[:4])
    np.testing.assert_allclose(distance(0.3 * picture + 0.2, photos()[:4]), wanted, rtol=1e-3)
    transparent = np.concatenate([picture, np.ones_like(picture[..., :1])], 3)
    np.testing.assert_array_equal(distance(transparent, photos()[:4]), wanted)


def test_photos_of_a_source(tmp_path):
    assert [image.size for image in photos()] == [cs.open_image(s.path).size for s in cs.samples().values()]
    for name in "ab":
        cs.open_image("sample:cat").pil().resize((30, 20)).save(tmp_path / f"{name}.png")
    assert [image.pil().size for image in photos(str(tmp_path))] == [(30, 20)] * 2
    with pytest.raises(BadSource):
        photos(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource):
        photos(str(tmp_path / "empty"))
