"""Requests to results: load the subjects a request names, make sure they are the same, and ask again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import CannotRerun
from ..contract.request import Request
from ..contract.result import Result
from ..contract.subjects import Subject, Where
from ..network.network import Network
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
    function, where = entry(request.technique).function, Where(beside, image)
    kinds = function.kinds
    subjects = [
        _network(described, device, network) if name == "net" else _subject(name, kinds[name], described, where)
        for name, described in request.subjects.items()
    ]
    if request.inputs:
        _check_inputs(request, function.request(*subjects, **request.knobs))
    result = function(*subjects, **request.knobs)
    return dataclasses.replace(result, request=request)  # the subjects are the same, wherever they were found


def _check_inputs(request: Request, now: Request) -> None:
    for name, digest in request.inputs.items():
        if now.inputs.get(name) != digest:
            raise CannotRerun(f"{name!r} is not what it was: its contents changed, or it is gone. Restore it.")


def _subject(name: str, kind: Subject, described: Mapping[str, str], where: Where) -> Any:
    if "digest" not in described:
        return described["reference"]
    subject = kind.reopen(described, where)
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
