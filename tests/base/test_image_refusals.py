"""Files and arrays that are no usable image: each is refused with what it must be, what it was, and the next step."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from convscope.base.errors import BadImage
from convscope.base.image import MAX_PIXELS, open_image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
UPRIGHT = PIL.Image.fromarray(RGB)


def encode(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that claims a size and holds one black grey row: opened, it is checked; decoded, it is damaged."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(9)))]
    chunks.append((b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(UPRIGHT))
    return path


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, kind, share):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(PIL.Image.fromarray(noise), kind)
    assert open_image(data).size == (64, 64)
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadImage, match=r"cut is (damaged or cut short|not an image that can be read)"):
        open_image(tmp_path / "cut")


@pytest.mark.filterwarnings("ignore")  # Pillow's, on damaged metadata
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_a_damaged_file_is_read_or_refused_but_never_anything_else(kind):
    whole, rng = encode(UPRIGHT, kind), np.random.default_rng(0)
    for _ in range(50):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, len(whole), 5)] = rng.integers(0, 256, 5)
        try:
            assert open_image(damaged.tobytes()).pixels.ndim == 3
        except BadImage as error:
            assert "these bytes" in str(error) or "pixel" in str(error)


@pytest.mark.parametrize("data", [b"hello, world", b"", b"\x89PNG\r\n\x1a\n", b"<svg></svg>", b"\xff\xd8\xff"])
def test_what_only_is_named_png_is_refused(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source, name in ((path, "a.png"), (data, "these bytes")):
        with pytest.raises(BadImage, match=f"{name} is not an image that can be read. Use one of PNG, JPEG"):
            open_image(source)


def test_a_format_that_can_run_programs_is_not_opened():
    with pytest.raises(BadImage, match="not an image that can be read"):
        open_image(encode(UPRIGHT, "EPS"))


@pytest.mark.parametrize("side", [8001, 10_000, 20_000, 100_000])
def test_a_huge_png_is_refused_before_it_is_decoded(tmp_path, side):
    (tmp_path / "huge.png").write_bytes(png_header(side, side))
    with pytest.raises(BadImage, match=r"at most 64 million pixels, not .*huge.png.*Scale it down"):
        open_image(tmp_path / "huge.png")


def test_a_huge_pil_image_or_array_is_refused():
    with pytest.raises(BadImage, match="at most 64 million pixels, not the PIL image with 20000 × 4000 pixels"):
        open_image(PIL.Image.new("1", (20_000, 4000)))
    with pytest.raises(BadImage, match="at most 64 million pixels, not the array"):
        open_image(np.broadcast_to(np.zeros(1, np.uint8), (MAX_PIXELS // 4000 + 1, 4000)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (0, 5, 3), (5, 0), (0, 0, 3)])
def test_a_single_pixel_or_none_is_refused(shape):
    with pytest.raises(BadImage, match=f"more than one pixel, not {shape[1]} × {shape[0]}"):
        open_image(np.zeros(shape, np.uint8))


def test_a_file_of_one_pixel_is_refused_and_of_two_is_not():
    with pytest.raises(BadImage, match="more than one pixel, not 1 × 1"):
        open_image(encode(UPRIGHT.crop((0, 0, 1, 1))))
    assert open_image(encode(UPRIGHT.crop((0, 0, 1, 2)))).size == (2, 1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_first_get_the_hint(channels):
    with pytest.raises(
        BadImage, match=rf"not \({channels}, 6, 9\)\. It looks channels first: use \.transpose\(1, 2, 0\)"
    ):
        open_image(np.zeros((channels, 6, 9), np.uint8))


@pytest.mark.parametrize("shape", [(6, 9, 2), (5,), (1, 6, 9, 3), (), (6, 9, 5)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(BadImage, match=r"must be \(H, W\), \(H, W, 1\), \(H, W, 3\) or \(H, W, 4\), not .*\.$"):
        open_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8, np.complex64, object, "U1"])
def test_other_types_of_number_are_refused(dtype):
    with pytest.raises(BadImage, match=r"must be uint8, or floats from 0 to 1, not .* Convert it"):
        open_image(np.zeros((6, 9, 3), dtype))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (255.0, "0 to 255"),
        (1.01, "0 to 1.01"),
        (-0.5, "-0.5 to 0"),
        (np.nan, "nan"),
        (np.inf, "inf"),
        (-np.inf, "inf"),
    ],
)
def test_floats_outside_0_to_1_are_refused(value, said):
    array = np.zeros((6, 9, 3))
    array[3, 4, 1] = value
    with pytest.raises(BadImage, match=f"values from 0 to 1, not .*{said}.* Divide by 255"):
        open_image(array)


def test_a_float_pil_image_out_of_range_is_not_called_damaged():
    with pytest.raises(BadImage, match=r"^A float image must hold values from 0 to 1, not 200 to 200"):
        open_image(PIL.Image.fromarray(np.full((4, 4), 200, np.float32)))


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(BadImage, match=r"is a folder; an image must be a file. Name one"):
        open_image(tmp_path)


@pytest.mark.parametrize("name", ["nowhere.png", "", "a\0b", pytest.param("x" * 5000, id="long")])
def test_a_missing_file_suggests_a_sample(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadImage, match=r"(There is no file|is a folder).*(sample:cat|Name one)"):
        open_image(name)


def test_a_file_that_may_not_be_read_is_refused(png, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadImage, match=r"a\.png.*Permission denied"):
        open_image(png)


@pytest.mark.parametrize("source", [None, 3, [[1, 2]], bytearray(b"a")])
def test_other_types_are_refused_with_a_hint_for_tensors(source):
    with pytest.raises(BadImage, match=f"not {type(source).__name__}. For a tensor, pass tensor.permute"):
        open_image(source)
