"""Opening images: every source becomes the same upright 8-bit RGB, or is refused with a reason."""

import io

import numpy as np
import PIL.Image
import pytest

from convscope.base.image import Image, open_image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
UPRIGHT = PIL.Image.fromarray(RGB)


def encode(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(UPRIGHT))
    return path


class TestSources:
    def test_the_same_picture_from_every_source_has_the_same_pixels_and_digest(self, png):
        sources = [png, str(png), png.read_bytes(), UPRIGHT, RGB, RGB / 255, RGB.astype(np.float32) / 255]
        sources += [np.asfortranarray(RGB), np.dstack([RGB, np.full((6, 9), 255, np.uint8)])]
        sources += [encode(UPRIGHT, kind) for kind in ("BMP", "TIFF", "PPM")] + [encode(UPRIGHT, "WEBP", lossless=True)]
        images = [open_image(source) for source in sources]
        for image in images:
            np.testing.assert_array_equal(image.pixels, RGB)
        assert len({image.digest for image in images}) == 1

    def test_another_picture_has_another_digest(self):
        changed = RGB.copy()
        changed[5, 8, 2] ^= 1
        assert len({open_image(array).digest for array in (RGB, changed, RGB.reshape(9, 6, 3))}) == 3

    def test_an_image_remembers_its_path_and_only_that(self, png):
        assert open_image(png).reference == open_image(str(png)).reference == str(png)
        assert open_image(RGB).reference == open_image(png.read_bytes()).reference == ""
        image = open_image(png)
        assert image.describe() == {"reference": str(png), "digest": image.digest}

    def test_an_open_image_is_returned_as_it_is(self):
        image = open_image(RGB)
        assert open_image(image) is image
        assert image.size == (6, 9)
        np.testing.assert_array_equal(open_image(image._repr_png_()).pixels, RGB)

    def test_pixels_are_read_only_and_the_callers_array_stays_its_own(self):
        array = RGB.copy()
        image = open_image(array)
        array[:] = 0
        np.testing.assert_array_equal(image.pixels, RGB)
        with pytest.raises(ValueError, match="read-only"):
            image.pixels[0] = 0


class TestArraysAndModes:
    @pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1)])
    @pytest.mark.parametrize("convert", [lambda a: a, lambda a: a / 255, lambda a: (a / 255).astype(np.float32)])
    def test_a_grey_array_becomes_three_equal_channels(self, shape, convert):
        grey = RGB[..., 0]
        expected = np.stack([grey] * 3, -1)
        np.testing.assert_array_equal(open_image(convert(grey.reshape(shape))).pixels, expected)

    def test_a_mask_becomes_black_and_white(self):
        assert open_image(np.array([[True, False]])).pixels.tolist() == [[[255] * 3, [0] * 3]]

    def test_floats_are_rounded_not_cut_and_may_overshoot_by_rounding_errors(self):
        pixels = open_image(np.array([[0, 0.5, 254.6 / 255, 1 + 1e-7, -1e-7]])).pixels
        assert pixels[0, :, 0].tolist() == [0, 128, 255, 255, 0]

    def test_transparency_is_laid_over_white_alike_for_files_and_arrays(self):
        value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
        rgba = np.dstack([value, value, value, alpha])
        expected = np.rint(value * (alpha / 255) + 255 - alpha.astype(float)).astype(np.uint8)
        for source in (rgba, encode(PIL.Image.fromarray(rgba)), PIL.Image.fromarray(rgba)):
            np.testing.assert_array_equal(open_image(source).pixels[..., 1], expected)

    def test_a_palette_with_transparency_is_laid_over_white(self):
        picture = PIL.Image.new("P", (3, 1))
        picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
        picture.putdata([0, 1, 2])
        expected = [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
        for transparency in (1, bytes([255, 0, 255])):
            assert open_image(encode(picture, transparency=transparency)).pixels[0].tolist() == expected

    def test_grey_with_a_transparent_shade_is_laid_over_white(self):
        data = encode(PIL.Image.fromarray(np.array([[0, 90]], np.uint8)), transparency=90)
        assert open_image(data).pixels[0, :, 0].tolist() == [0, 255]

    def test_16_bits_of_grey_are_scaled_not_clipped(self):
        ramp = np.array([[0, 255, 256, 0x7FFF, 0x8000, 0xFFFF]], np.uint16)
        for source in (
            encode(PIL.Image.fromarray(ramp)),
            PIL.Image.fromarray(ramp),
            encode(PIL.Image.fromarray(ramp), "TIFF"),
        ):
            assert open_image(source).pixels[0, :, 0].tolist() == [0, 0, 1, 127, 128, 255]

    def test_a_cmyk_jpeg_has_its_colors(self):
        flat = np.full((16, 16, 3), (200, 60, 30), np.uint8)
        data = encode(PIL.Image.fromarray(flat).convert("CMYK"), "JPEG", quality=100)
        assert PIL.Image.open(io.BytesIO(data)).mode == "CMYK"
        np.testing.assert_allclose(open_image(data).pixels.astype(int), flat.astype(int), atol=4)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "F"])
    def test_a_white_pil_image_of_any_mode_is_white(self, mode):
        white = {"I;16": 65535, "F": 1.0, "CMYK": (0,) * 4, "YCbCr": (255, 128, 128), "HSV": (0, 0, 255)}
        assert (open_image(PIL.Image.new(mode, (2, 2), white.get(mode, "white"))).pixels == 255).all()

    def test_the_first_frame_of_an_animation_is_the_picture(self):
        frames = [PIL.Image.new("L", (4, 4), shade) for shade in (10, 200)]
        assert (open_image(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])).pixels == 10).all()

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_rotation_is_applied(self, kind, orientation):
        stored = {
            1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1],
            5: RGB.transpose(1, 0, 2), 6: RGB.transpose(1, 0, 2)[::-1],
            7: RGB[::-1, ::-1].transpose(1, 0, 2), 8: RGB.transpose(1, 0, 2)[:, ::-1],
        }[orientation]  # fmt: skip
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        data = encode(PIL.Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
        np.testing.assert_array_equal(open_image(data).pixels, RGB)


def test_an_image_is_compared_by_its_digest_not_by_its_array():
    image = open_image(RGB)
    assert image != Image(RGB, "")
    assert image.digest == Image(RGB, "elsewhere").digest
