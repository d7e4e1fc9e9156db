"""Pictures to learn from: MNIST's own files, any source with labels, or the digits that are at hand."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import PIL.Image
import pytest

from convscope.base.errors import BadSource
from convscope.training.convnetjs.training_set import training_set


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_mnist_are_read(tmp_path, packed):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    files = {
        "train-images-idx3-ubyte": struct.pack(">4I", 2051, 5, 28, 28) + images.tobytes(),
        "train-labels-idx1-ubyte": struct.pack(">2I", 2049, 5) + bytes([3, 1, 4, 1, 5]),
    }
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for name, data in files.items():
        path = tmp_path / "MNIST" / "raw" / (name + ".gz" * packed)
        path.write_bytes(gzip.compress(data) if packed else data)
    found = training_set(str(tmp_path), 28, 1)
    np.testing.assert_allclose(found.values[:, 0] * 255, images, atol=1e-4)
    assert found.targets.tolist() == [3, 1, 4, 1, 5]
    assert training_set(str(tmp_path), 32, 3).values.shape == (5, 3, 32, 32)
    path.write_bytes(b"nothing")
    with pytest.raises(BadSource, match="damaged"):
        training_set(str(tmp_path), 28, 1)


def test_a_folder_with_a_folder_a_class_is_read(tmp_path):
    for name, color in (("blue", (0, 0, 255)), ("red", (255, 0, 0))):
        (tmp_path / name).mkdir()
        for number in range(2):
            PIL.Image.new("RGB", (40, 30), color).save(tmp_path / name / f"{number}.png")
    found = training_set(str(tmp_path), 32, 3)
    assert found.classes == ("blue", "red")
    assert found.targets.tolist() == [0, 0, 1, 1]
    assert found.values[2, :, 5, 5].tolist() == [1, 0, 0]
    np.testing.assert_allclose(training_set(str(tmp_path), 28, 1).values[0], 0.114, rtol=1e-5)


def test_the_digits_are_at_hand():
    found = training_set(None, 28, 1)
    assert found.values.shape == (1797, 1, 28, 28)
    assert 0 <= found.values.min() < 0.01 < 0.9 < found.values.max() <= 1.001


def test_pictures_without_labels_are_refused(tmp_path):
    PIL.Image.new("RGB", (40, 30)).save(tmp_path / "0.png")
    with pytest.raises(BadSource, match="must have labels"):
        training_set(str(tmp_path), 32, 3)
