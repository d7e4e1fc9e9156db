"""The bundled photos: all open, all small, all attributed."""

import dataclasses
from pathlib import Path

import PIL.Image
import pytest

from convscope.base.errors import BadImage
from convscope.base.image import open_image
from convscope.base.samples import samples

SAMPLES = samples()
PHOTOS = next(iter(SAMPLES.values())).path.parent


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_opens_and_is_at_most_512_pixels_long(name):
    image = open_image(f"sample:{name}")
    assert image.reference == f"sample:{name}"
    assert 200 <= max(image.size) <= 512
    assert image.pixels.std() > 10
    with PIL.Image.open(SAMPLES[name].path) as picture:
        assert picture.size == image.size[::-1]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_attributed(name):
    row = next(line for line in (PHOTOS / "LICENSES.md").read_text().splitlines() if line.startswith(f"| `{name}.jpg`"))
    _, _, shows, author, licence, source, _ = (cell.strip() for cell in row.split("|"))
    assert SAMPLES[name].licence in licence
    assert SAMPLES[name].author.split()[-1] in author
    assert shows and source


def test_every_bundled_photo_is_a_sample():
    assert sorted(path.name for path in PHOTOS.glob("*.*") if path.suffix != ".md") == sorted(
        f"{name}.jpg" for name in SAMPLES
    )


def test_a_sample_is_the_same_picture_by_its_name_and_its_path():
    assert open_image("sample:cat").digest == open_image(SAMPLES["cat"].path).digest


@pytest.mark.parametrize("typed", ["sample:cot", "sample:Cat", "sample:cat.jpg"])
def test_an_unknown_sample_suggests_the_nearest_and_lists_all(typed):
    with pytest.raises(BadImage, match=rf"no bundled photo.*Nearest: cat.*There are: {', '.join(SAMPLES)}\."):
        open_image(typed)


def test_a_sample_named_like_a_path_opens_nothing():
    with pytest.raises(BadImage, match="no bundled photo"):
        open_image(f"sample:../{Path(SAMPLES['cat'].path).parent.name}/cat")


def test_samples_are_frozen_and_the_table_is_the_callers_own():
    samples().clear()
    assert "cat" in samples()
    with pytest.raises(dataclasses.FrozenInstanceError):
        samples()["cat"].name = "dog"
