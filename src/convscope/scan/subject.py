"""A finished scan as the subject of a technique."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BadScan, CannotRerun
from ..contract.subjects import AtHand, Subject, Where
from .result import Scan, open_scan
from .tables.parquet import is_whole


class ScanSubject(Subject):
    """A scan, or the folder of one; a page has the one that is at hand."""

    named = False

    def read(self, net: Any, given: Any) -> Scan:
        """Raises BadScan."""
        return open_scan(given)

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """As it was, or beside the request."""
        reference = described["reference"]
        if not reference:
            raise CannotRerun("This was made with a scan in memory, which a picture cannot hold. Scan into a folder.")
        try:
            return open_scan(reference)
        except BadScan as error:
            moved = Path(where.places(reference)[-1])
            if not is_whole(moved):
                raise CannotRerun(f"{error} Or put the scan beside the picture.") from error
            return open_scan(moved)

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """The one at hand."""
        return at.scan_of(net)
