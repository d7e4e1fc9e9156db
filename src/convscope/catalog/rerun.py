"""Requests to results: load the subjects a request names, make sure they are the same, and ask again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BadImage, BadScan, CannotRerun
from ..base.image import Image, open_image
from ..contract.images import BETWEEN, Pictures, are_several, open_pictures, split_text
from ..contract.request import Request
from ..contract.result import Result
from ..network.network import Network
from ..scan.result import Scan, open_scan
from ..scan.tables.parquet import is_whole
from ..zoo import zoo
from .catalog import entry


def rerun(
    request: Request,
    beside: Path | None = None,
    image: str | None = None,
    device: str = "auto",
    network: Network | str | None = None,
) -> Result:
    """Carry out a request again.

    Images and scans are looked for where the request says, then in the folder `beside`; `image` replaces where it says
    an image is, and `network` the network: code that only the request names is never run. Raises CannotRerun where a
    subject was made in memory or by such code, or has other contents now.
    """
    subjects = [
        _network(described, device, network) if name == "net" else _subject(name, described, beside, image)
        for name, described in request.subjects.items()
    ]
    function = entry(request.technique).function
    if request.inputs:
        _check_inputs(request, function.request(*subjects, **request.knobs))
    result = function(*subjects, **request.knobs)
    return dataclasses.replace(result, request=request)  # the subjects are the same, wherever they were found


def _check_inputs(request: Request, now: Request) -> None:
    for name, digest in request.inputs.items():
        if now.inputs.get(name) != digest:
            raise CannotRerun(f"{name!r} is not what it was: its contents changed, or it is gone. Restore it.")


def _subject(name: str, described: Mapping[str, str], beside: Path | None, image: str | None) -> Any:
    if "digest" not in described:
        return described["reference"]
    reference = described["reference"]
    match name:
        case "scan":
            subject: Scan | Image | Pictures = _scan(reference, beside)
        case "content" | "style":
            subject = _pictures(reference, beside, image if name == "content" else None)
        case _:
            subject = _image(reference, beside, image)
    _check_same(name, described, subject.digest)
    return subject


def _check_same(what: str, described: Mapping[str, str], digest: str) -> None:
    if digest != described.get("digest"):
        raise CannotRerun(
            f"The {what} {described['reference']!r} is not what it was: its contents changed. Restore it."
        )


def _network(described: Mapping[str, str], device: str, instead: Network | str | None) -> Network:
    reference, weights = described["reference"], described.get("weights", "default")
    if instead is None and not reference:
        raise CannotRerun(
            "This was made with a module from memory, which a picture cannot hold. Run it from Python again, or name "
            "what makes it: --network FILE.py:NAME."
        )
    if instead is None and zoo.own(reference):
        raise CannotRerun(
            f"This was made with {reference!r}, and code that only a picture names is not run. If you trust that code, "
            "name it yourself: --network FILE.py:NAME."
        )
    net = zoo.published(reference, weights, device) if instead is None else instead
    net = zoo.load(net, weights, device) if isinstance(net, str) else net
    _check_same("network", described, net.digest)
    return net


def _scan(reference: str, beside: Path | None) -> Scan:
    if not reference:
        raise CannotRerun("This was made with a scan in memory, which a picture cannot hold. Scan into a folder.")
    try:
        return open_scan(reference)
    except BadScan as error:
        moved = beside / Path(reference).name if beside else Path(reference)
        if not is_whole(moved):
            raise CannotRerun(f"{error} Or put the scan beside the picture.") from error
        return open_scan(moved)


def _pictures(reference: str, beside: Path | None, instead: str | None) -> Pictures:
    """Several pictures, a folder or a video; pictures that moved are looked for one by one."""
    if instead is None and reference and are_several(reference) and BETWEEN not in reference:
        return open_pictures(reference)
    named = split_text(reference) if instead is None else [instead]
    return open_pictures([_image(part, beside, instead) for part in named])


def _image(reference: str, beside: Path | None, instead: str | None) -> Image:
    if instead is None and not reference:
        raise CannotRerun("This was made with an image from memory. Say where it is: --image PATH.")
    places = (
        [instead] if instead is not None else [reference, *([str(beside / Path(reference).name)] if beside else [])]
    )
    for place in places:
        try:
            return open_image(place)
        except BadImage as error:
            failure = error
    raise CannotRerun(f"{failure} Or say where the image is now: --image PATH.")
