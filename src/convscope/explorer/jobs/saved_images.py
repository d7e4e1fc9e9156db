"""Images on disk, for as long as a job needs them: those that came from the browser are nowhere else."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from ...base.errors import BadImage
from ...base.files import write
from ...base.image import Image, open_image

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_REFERENCE = "reference"  # the PNG text chunk that says where an image came from


def save_image(path: Path, image: Image) -> None:
    """Write an image as PNG, with what it can be opened by again, unless it is there."""
    if path.is_file():
        return
    data = image.png({_REFERENCE: image.reference}, level=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, data)


def saved_image(path: Path) -> Image:
    """The image that was written; raises BadImage where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadImage(f"{path} cannot be read ({error.strerror}). Upload the image again.") from error
    with PIL.Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        reference = getattr(picture, "text", {}).get(_REFERENCE, "")
    return dataclasses.replace(open_image(data), reference=str(reference))


def supply(workspace: Workspace, id: str, path: Path) -> None:
    """Give the workspace an image it does not have any more, if it was written."""
    try:
        workspace.image(id)
    except BadImage:
        if not path.is_file():
            raise
        workspace.pictures.add(saved_image(path), f"image {id[:8]}")
