"""Views in collections of images: from every kind of source they are seen as they are, in any process."""

import io

import numpy as np
import PIL.Image
import pytest

from convscope.base.image import open_image
from convscope.data.loading import batches
from convscope.data.open import open_source
from convscope.network.preprocessing import Preprocessing

RECIPE = Preprocessing((10, 12), resize=1.5)
PICTURES = [np.random.default_rng(seed).integers(0, 256, (10, 12, 3), np.uint8) for seed in range(4)]
VIEWS = [open_image(pixels, view=True) for pixels in PICTURES[:3]]
FILES = {f"{number}.png": view.png() for number, view in enumerate(VIEWS)}


def plain():
    buffer = io.BytesIO()
    open_image(PICTURES[3]).pil().save(buffer, "PNG")
    return buffer.getvalue()


FILES["3.png"] = plain()


def opened_by_pil(data):
    picture = PIL.Image.open(io.BytesIO(data))
    picture.load()
    return picture


KINDS = {
    "folder": lambda make, tmp: str(make.folder(tmp, FILES)),
    "zip": lambda make, tmp: str(make.zip(tmp / "a.zip", FILES)),
    "tar": lambda make, tmp: str(make.tar(tmp / "a.tar", FILES)),
    "paths": lambda make, tmp: [make.folder(tmp, FILES) / name for name in FILES],
    "bytes": lambda make, tmp: list(FILES.values()),
    "images": lambda make, tmp: [*VIEWS, open_image(PICTURES[3])],
    "pairs of PIL images": lambda make, tmp: [(opened_by_pil(data).convert("RGB"), 1) for data in FILES.values()],
    "hugging face": lambda make, tmp: [{"image": {"bytes": data, "path": None}} for data in FILES.values()],
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_views_are_seen_as_they_are_and_others_as_ever(make, tmp_path, kind, workers):
    if workers and kind not in ("folder", "zip"):
        pytest.skip("one process is like another")
    source = open_source(KINDS[kind](make, tmp_path))
    (batch,) = batches(source, source.shards(9), RECIPE.crop, 9, workers)
    assert batch.views.tolist() == [True, True, True, False]
    assert batch.sizes.tolist() == [[10, 12]] * 4
    np.testing.assert_array_equal(batch.seen[:3], PICTURES[:3])
    np.testing.assert_array_equal(batch.seen[3], RECIPE.crop(open_image(PICTURES[3])))


def test_a_list_of_views_has_another_digest_than_one_of_the_same_pixels():
    assert open_source(VIEWS).digest != open_source(PICTURES[:3]).digest
