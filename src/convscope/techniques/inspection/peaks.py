"""Where units peak, and the images at hand in which they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ...base.errors import BadImage, BadScan, BadSource
from ...base.image import Image
from ...base.pixels import Floats, Ints
from ...data.source import Source
from ...scan.result import Scan

Opener: TypeAlias = Callable[[str], Image]


@dataclass(frozen=True, eq=False)
class Peaks:
    """Which images drive channels of a layer: of n entries the channel, the id, the activation and its place (n, 2)."""

    channels: Ints
    images: tuple[str, ...]
    values: Floats
    places: Ints


@dataclass(frozen=True)
class Photos:
    """The images that were looked at, by their ids; `again` says what helps where one is gone, or is another now."""

    open: Opener
    again: str

    def opened(self, id: str) -> Image:
        """The image of an id; raises BadScan where it is gone."""
        try:
            return self.open(id)
        except (BadSource, BadImage) as error:
            raise BadScan(f"{error} {self.again}") from error


def scanned_photos(scan: Scan) -> Photos:
    """Those of a scan, whose source may be gone: that is said where one of them is asked for."""
    elsewhere = f"open_scan({str(scan.folder or '…')!r}, source=…)"
    return Photos(
        lambda id: scan.source.open(id),
        f"Give the images that were scanned, if they moved: {elsewhere}, or scan again.",
    )


def photos_of(source: Source) -> Photos:
    """Those of a collection."""
    return Photos(source.open, "The images must stay as they are meanwhile. Ask again.")
