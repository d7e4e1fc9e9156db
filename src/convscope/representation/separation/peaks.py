"""What all units of a network say of a collection at most: the codes by which units are tested against a selection."""

from __future__ import annotations

from ...base.errors import BadKnob
from ...data.source import Source
from ...network.network import Network
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ...scan.job import Labels
from ...scan.selection import select
from .selection import listed_images

_MOST = 4 << 30  # bytes of codes that are held at once


def peak_codes(net: Network, source: Source | Codes, layers: str, labels: Labels = "none") -> Codes:
    """The largest value over the map of every channel of some layers, for every image.

    Of codes that hold just that no image is read again; of others, their images are. Raises BadKnob for more than can
    be held, and BadScan for codes of another network.
    """
    selection = select(net, layers)
    images = len(source) if isinstance(source, Codes) else len(listed_images(net, source, labels))
    if 4 * images * selection.units > _MOST:
        raise BadKnob(
            f"layers must be few enough for codes of {images} images to be held, not all {selection.units} units. Name "
            "some, such as the last ones."
        )
    if isinstance(source, Source):
        return codes_of(net, source, layers, pool="max", labels=labels)
    source.check(net)
    wanted = [layer.name for layer in selection.layers]
    if source.ledger.knobs["pool"] == "max" and {*wanted} <= {*source.layers}:
        return source.only(wanted)
    return codes_of(net, source.source, layers, pool="max", labels=labels)
