"""What a circuit is of: one picture, or a scan, whose images that drive the unit most stand for all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.image import Image
from ...contract.subjects import AtHand, ImageSubject, Where
from ...scan.result import Scan
from ...scan.subject import ScanSubject
from ...scan.tables.parquet import is_whole


class PictureOrScan(ImageSubject):
    """A picture, or a finished scan, or the folder of one."""

    def read(self, net: Any, given: Any) -> Any:
        """Raises BadImage, and BadScan."""
        return ScanSubject().read(net, given) if _is_scan(given) else super().read(net, given)

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """As it was, or where it is now."""
        of_scan = where.image is None and any(_is_scan(place) for place in where.places(described["reference"]))
        return ScanSubject().reopen(described, where) if of_scan else super().reopen(described, where)

    def offered(self, net: Any, text: str, at: AtHand) -> Image:
        """By its id; a page has circuits of pictures alone."""
        return super().offered(net, text, at)


def _is_scan(given: Any) -> bool:
    return isinstance(given, Scan) or (isinstance(given, str | os.PathLike) and given != "" and is_whole(Path(given)))
