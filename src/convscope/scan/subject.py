"""A finished scan, and a collection of images, as subjects of techniques."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from ..base.errors import BadKnob, BadScan, BadSource, CannotRerun
from ..contract.knobs import Names
from ..contract.subjects import AtHand, Subject, Where
from ..data.open import open_source
from ..data.source import Source
from ..network.network import Network
from .codes.files import is_codes
from .codes.result import Codes, open_codes
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


class SourceSubject(Subject):
    """A collection of images, codes of one, or a folder of codes; a page has the images that are at hand."""

    named = False
    nameable = True

    def read(self, net: Any, given: Any) -> Source | Codes:
        """Raises BadSource for what is no collection of images, and BadScan for damaged codes."""
        if isinstance(given, Codes):
            return given
        if isinstance(given, str | os.PathLike) and is_codes(Path(given)):
            return open_codes(Path(given))
        return open_source(given)

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """As it was, or beside the request."""
        reference = described["reference"]
        if not reference:
            raise CannotRerun("This was made of images in memory, which a picture cannot hold. Put them into a folder.")
        try:
            return self.read(None, reference)
        except BadSource as error:
            moved = where.places(reference)[-1]
            if moved == reference:
                raise CannotRerun(f"{error} Or put the images beside the picture.") from error
            return self.read(None, moved)

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """Those of a digest; unnamed those the page was started with, else the bundled photos."""
        return at.source_of(text) if text else at.source or "samples"

    def images(self, text: str) -> set[str]:
        """None: what looks like an id stands for a collection."""
        return set()


def _folder_of(given: Any) -> Any:
    """The folder of a scan, which a request can hold."""
    if isinstance(given, Scan):
        if given.folder is None:
            raise BadKnob("scan must be in a folder, so that the picture can be made again. Scan into one, or save it.")
        return str(given.folder)
    return str(given) if isinstance(given, Path) else given


def _contents(folder: str) -> dict[str, str]:
    return {folder: open_scan(folder).digest} if folder else {}


AScan = Annotated[str, BeforeValidator(_folder_of), Names(_contents)]


def scan_of(net: Network, folder: str) -> Scan | None:
    """The scan in a folder; raises BadScan where there is none, or one of another network."""
    if not folder:
        return None
    try:
        scan = open_scan(folder)
    except BadScan as error:
        raise BadScan(f"scan must be the folder of a finished scan, not {folder!r}. {error}") from error
    scan.check(net)
    return scan
