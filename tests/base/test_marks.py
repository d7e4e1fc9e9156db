"""The mark of a network's view: it lasts through a file, holds for its very pixels, and says nothing of others."""

import io
import struct
import zlib

import numpy as np
import PIL.Image
import PIL.ImageFilter
import PIL.PngImagePlugin
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite
from convscope.base.image import Image, open_image
from convscope.base.marks import MARK

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def marked_by(text, pixels=RGB):
    """A PNG of pixels whose mark is any text."""
    told, buffer = PIL.PngImagePlugin.PngInfo(), io.BytesIO()
    told.add_itxt(MARK, text)
    PIL.Image.fromarray(pixels).save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


def pil(path):
    return PIL.Image.open(io.BytesIO(path.read_bytes()))


def again(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def view(tmp_path):
    return open_image(RGB, view=True).save(tmp_path / "view.png")


class TestAFile:
    def test_a_view_is_one_again_from_a_path_its_bytes_and_as_pil_opens_it(self, view):
        for source in (view, str(view), view.read_bytes(), pil(view), open_image(view)._repr_png_()):
            image = open_image(source)
            assert image.view
            np.testing.assert_array_equal(image.pixels, RGB)
        assert open_image(view).reference == str(view)

    def test_any_other_picture_is_saved_too_and_is_no_view(self, tmp_path):
        image = open_image(open_image(RGB).save(tmp_path / "a.PNG"))
        assert not image.view and MARK not in pil(tmp_path / "a.PNG").info
        np.testing.assert_array_equal(image.pixels, RGB)

    def test_its_profile_is_kept(self, tmp_path):
        profile = bytes(16) + b"RGB " + bytes(108)
        saved = Image(RGB, profile=profile, view=True).save(tmp_path / "a.png")
        assert open_image(saved).profile == profile and open_image(saved).view

    @pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a", "a.png.jpg"])
    def test_other_endings_are_refused_in_a_sentence_and_the_next_step_works(self, tmp_path, name):
        image = open_image(RGB, view=True)
        with pytest.raises(BadKnob, match=rf"\.png, which keeps every pixel, not as {name!r}\. Name it a") as refused:
            image.save(tmp_path / name)
        assert not list(tmp_path.iterdir())
        assert image.save(tmp_path / str(refused.value).removesuffix(".").split()[-1]).is_file()

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(CannotWrite, match="does not exist"):
            open_image(RGB).save(tmp_path / "none" / "a.png")


class TestTheDigest:
    def test_a_view_has_another_digest_than_the_same_pixels_from_elsewhere(self, view):
        assert open_image(view).digest != open_image(RGB).digest
        assert open_image(view).digest == open_image(RGB, view=True).digest == Image(RGB, view=True).digest

    def test_those_of_other_pictures_are_what_they_always_were(self):
        grey = open_image(np.full((2, 3), 7, np.uint8))
        assert grey.digest == "f7b5178c22cd587169cb5816f70166bcfc14b26a48232f643fe2be9d790a7552"

    def test_what_is_said_to_be_a_view_has_no_reference_since_its_file_does_not_say_so(self, tmp_path, view):
        plain = open_image(RGB).save(tmp_path / "plain.png")
        assert open_image(plain, view=True).reference == "" and open_image(plain).reference == str(plain)
        assert open_image(view, view=True).reference == str(view)
        image = open_image(view)
        assert open_image(image, view=True) is image


EDITS = {
    "cropped": lambda picture: again(picture.crop((0, 0, 8, 6))),
    "saved again": again,
    "a JPEG": lambda picture: again(picture, "JPEG", quality=100),
    "a lossless WebP": lambda picture: again(picture, "WEBP", lossless=True),
    "resized": lambda picture: picture.resize((18, 12)),
    "turned": lambda picture: picture.rotate(180),
    "in memory": lambda picture: picture.filter(PIL.ImageFilter.BLUR),
    "an array": np.asarray,
}


class TestWhatIsNoView:
    @pytest.mark.parametrize("how", EDITS)
    def test_a_view_that_was_edited_is_a_picture_as_any(self, view, how):
        edited = open_image(EDITS[how](pil(view)))
        assert not edited.view
        assert edited.digest == open_image(edited.pixels).digest

    def test_one_that_was_painted_on_and_keeps_its_texts(self, view):
        picture = pil(view)
        picture.putpixel((0, 0), (1, 2, 3))
        assert MARK in picture.info and not open_image(picture).view
        told = PIL.PngImagePlugin.PngInfo()
        told.add_itxt(MARK, picture.info[MARK])
        assert not open_image(again(picture, pnginfo=told)).view

    @pytest.mark.parametrize("text", ["", "view", "9 × 6", "{", "é" * 1000, "0" * 64, open_image(RGB).digest[:-1]])
    def test_a_mark_that_says_anything_else(self, text):
        image = open_image(marked_by(text))
        assert not image.view and image.digest == open_image(RGB).digest

    def test_the_mark_of_the_same_bytes_in_another_shape(self):
        mark = PIL.Image.open(io.BytesIO(open_image(RGB, view=True).png())).info[MARK]
        assert open_image(marked_by(mark)).view
        assert not open_image(marked_by(mark, RGB.reshape(9, 6, 3))).view

    def test_a_file_that_is_turned_by_its_exif_is_another_picture(self, view):
        exif = PIL.Image.Exif()
        exif[0x0112] = 3
        mark = pil(view).info[MARK]
        told = PIL.PngImagePlugin.PngInfo()
        told.add_itxt(MARK, mark)
        assert not open_image(again(PIL.Image.fromarray(RGB), exif=exif, pnginfo=told)).view


def test_texts_that_are_far_too_large_are_refused_as_before():
    """A compressed text of 200 MB in 200 kB: it is not unpacked, whatever its keyword."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    whole = open_image(RGB).png()
    text = chunk(b"zTXt", MARK.encode() + b"\0\0" + zlib.compress(bytes(200_000_000)))
    with pytest.raises(cs.ConvscopeError, match="not an image that can be read"):
        open_image(whole[:33] + text + whole[33:])
