"""Opening sources: whatever collection of images a user has becomes a Source, or is refused with the next step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from ..base.errors import BadSource
from ..base.image import Image
from ..base.paths import is_file, is_folder
from .dataset import MapStyle, open_data_set
from .folder import open_folder, unlisted
from .image_list import open_list, open_samples
from .patterns import is_pattern, matches
from .source import Source
from .tars import open_tars
from .zip import open_zip

SourceLike: TypeAlias = Source | str | os.PathLike[str] | NDArray[Any] | MapStyle

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")  # compressed ones are refused with advice
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm")


def open_source(source: SourceLike) -> Source:
    """Open a source: a folder, zip or tar, a pattern of tars, `samples`, a list or array of images, or a data set.

    A folder that holds tars, and patterns such as `shards-{000..009}.tar` or `shards-*.tar`, are read in WebDataset's
    layout. Lists may hold (image, label) pairs; arrays are (N, H, W) or (N, H, W, C). Data sets have a length and
    items by number: images, (image, label) pairs, or dicts as Hugging Face's. Raises BadSource for anything else and
    for what is empty, missing or damaged; a tar other than the first only when its turn comes. `samples` are the
    bundled photos; write `./samples` for a folder of that name.
    """
    match source:
        case Source():
            return source
        case str() | os.PathLike():
            return _from_path(os.fsdecode(source))
        case bytes() | bytearray() | Image() | PIL.Image.Image():
            raise BadSource(
                f"A source must be a collection of images, not one image ({type(source).__name__}). "
                "Put it in a list: [image]."
            )
        case list() | tuple() | torch.Tensor():
            return open_list(source)
        case np.ndarray():
            return open_list(_rows(source))
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return open_data_set(source)
    raise BadSource(
        "A source must be a folder, a zip, tars, `samples`, a list of images, or a data set with a length and items "
        f"by number, not {type(source).__name__}.{_advice(source)}"
    )


def _from_path(text: str) -> Source:
    path = Path(text)
    if text == "samples":
        return open_samples()
    if text and is_folder(path):
        return _from_folder(text)
    if is_file(path):
        return _from_file(text)
    if is_pattern(text):
        return _from_pattern(text)
    raise BadSource(
        f"There is no folder, zip or tar {text[:200]}. Check the path, or use `samples`, the bundled photos."
    )


def _from_folder(text: str) -> Source:
    files = [path for path in _listed(text) if is_file(path) and not path.name.startswith(".")]
    tars = [str(path) for path in files if _is_tar(path.name)]
    if not tars:
        return open_folder(text)
    if any(path.name.lower().endswith(_PICTURES) for path in files):
        raise BadSource(
            f"A folder must hold tars or images, not both as {text} does. "
            f"Name the tars with {Path(text, '*.tar')}, or put the images in a folder of their own."
        )
    return open_tars(text, tars)


def _listed(folder: str) -> list[Path]:
    try:
        return [*Path(folder).iterdir()]
    except OSError as error:
        raise unlisted(folder, error) from error


def _from_file(text: str) -> Source:
    if text.lower().endswith(".zip"):
        return open_zip(text)
    if _is_tar(text):
        return open_tars(text, [text])
    raise BadSource(
        f"A source must be a folder, a .zip or a .tar, not the file {text}. For one image, give [{text!r}]."
    )


def _from_pattern(text: str) -> Source:
    found = matches(text)
    others = [name for name in found if not (_is_tar(name) and is_file(name))]
    if others:
        raise BadSource(f"A pattern must name tar files, not {others[0]}. Narrow it, as in *.tar, or name a folder.")
    return open_tars(text, found)


def _is_tar(name: str) -> bool:
    return name.lower().endswith(_TARS)


def _rows(array: NDArray[Any]) -> list[Any]:
    single = array.ndim == 3 and array.shape[-1] in (1, 3, 4)
    if array.ndim not in (1, 3, 4) or single:
        raise BadSource(
            f"An array of images must be (N, H, W) or (N, H, W, C), not {array.shape}. For one image, give [array]."
        )
    return list(array)


def _advice(source: object) -> str:
    if hasattr(source, "dataset"):  # torch's DataLoader
        return " Give its data set: loader.dataset."
    return " Make a list of it first." if hasattr(source, "__iter__") else " Give its path, or a list of its images."
