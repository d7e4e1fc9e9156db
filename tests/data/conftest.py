"""Small sources of every kind: pictures that tell their number by their color, and files that are no pictures."""

import io
import tarfile
import zipfile
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest


def encode(shade, kind="PNG", size=(8, 6)):
    """The bytes of an 8 × 6 picture of one shade."""
    buffer = io.BytesIO()
    PIL.Image.new("RGB", size, (shade, shade, shade)).save(buffer, kind)
    return buffer.getvalue()


def bomb():
    """A PNG of 108 megapixels in a few kB."""
    buffer = io.BytesIO()
    PIL.Image.new("1", (12000, 9000)).save(buffer, "PNG")
    return buffer.getvalue()


def truncated():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()[:3000]


FILES = {
    "cat/b.png": encode(20),
    "cat/a.png": encode(10),
    "cat-like/a.png": encode(15),
    "cat/deep/c.jpg": encode(30, "JPEG"),
    "dog/a.png": encode(40),
    "dog/notes.txt": b"no picture",
    "dog/huge.png": bomb(),
    "dog/half.png": truncated(),
    "root.png": encode(50),
    ".hidden": b"",
    "dog/.DS_Store": b"",
    "__MACOSX/cat/a.png": b"",
    ".git/x.png": encode(60),
}
IDS = [
    "cat-like/a.png", "cat/a.png", "cat/b.png", "cat/deep/c.jpg", "dog/a.png", "dog/half.png", "dog/huge.png",
    "dog/notes.txt", "root.png",
]  # fmt: skip
LABELS = [1, 0, 0, 0, 2, 2, 2, 2, -1]
BAD = {"dog/notes.txt": "not an image", "dog/huge.png": "64 million", "dog/half.png": "cut short"}


def write_folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_zip(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def write_shards(folder, counts=(4, 3, 5), label=lambda number: str(number % 3)):
    """WebDataset shards whose pictures have the shades 0, 1, 2, …"""
    number = 0
    for shard, count in enumerate(counts):
        files = {}
        for _ in range(count):
            files[f"{number:04d}.png"] = encode(number)
            files[f"{number:04d}.cls"] = label(number).encode()
            files[f"{number:04d}.json"] = b"{}"
            number += 1
        write_tar(folder / f"shards-{shard:03d}.tar", files)
    return folder


@pytest.fixture(scope="session")
def make():
    """The functions above."""
    return SimpleNamespace(
        encode=encode, bomb=bomb, truncated=truncated, folder=write_folder, zip=write_zip, tar=write_tar,
        shards=write_shards, files=FILES, ids=IDS, labels=LABELS, bad=BAD,
    )  # fmt: skip


class Color:
    """A feature of a Hugging Face data set, by the name that counts."""


Image = type("Image", (), {})
ClassLabel = type("ClassLabel", (), {"__init__": lambda self, names: setattr(self, "names", names)})


class HuggingFace:
    """What convscope asks of `datasets.Dataset`: rows are dicts, columns lists, features by name."""

    def __init__(self, column="image", names=("cat", "dog"), count=5):
        self.features = {column: Image(), "label": ClassLabel(list(names)), "note": Color()}
        self.column, self.count, self.decoded = column, count, []

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        if key == "label":
            return [number % 2 for number in range(self.count)]
        self.decoded.append(key)
        return {self.column: PIL.Image.new("L", (4, 4), int(key)), "label": key % 2, "note": "x"}


@pytest.fixture(scope="session")
def hugging_face():
    """A stand-in for Hugging Face's data sets; `decoded` notes which items were asked for."""
    return HuggingFace
