"""From what the page asks to what the library is asked: names become subjects, and everything is checked.

A page may name what is at hand here. It may not name files: where a text could make the library open one, or fetch a
network, it is refused, whoever holds the token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.errors import BadKnob
from ...base.samples import PREFIX
from ...catalog import catalog
from ...catalog.catalog import CatalogEntry
from ...contract import knobs
from ...contract.request import Request
from ...network.network import Network
from ...view.figures.registry import drawer_of
from .messages import Ask

if TYPE_CHECKING:
    from .workspace import Workspace


@dataclass(frozen=True)
class Asked:
    """A technique with its subjects, the network first, and its knobs, checked; `view` are the picture's choices."""

    entry: CatalogEntry
    subjects: tuple[Any, ...]
    knobs: dict[str, Any]
    view: dict[str, Any]
    request: Request
    ask: Ask


def resolve(workspace: Workspace, ask: Ask) -> Asked:
    """What is asked; raises what the technique would for subjects and knobs, and computes nothing heavy."""
    entry, net = catalog.entry(ask.technique), workspace.network(ask.network)
    subjects = (net, *_subjects(workspace, entry, ask, net))
    given = knobs.as_text(entry.function, ask.knobs)
    for name, value in given.items():
        _check_text(workspace, net, name, value)
    view = dict(ask.view)
    knobs.check(drawer_of(entry.result), view)
    with workspace.turns.now():  # a request reads the network's weights, and some subjects run it
        request = entry.function.request(*subjects, **given)
    return Asked(entry, subjects, dict(request.knobs), view, request, ask)


def _subjects(workspace: Workspace, entry: CatalogEntry, ask: Ask, net: Network) -> list[Any]:
    kinds = entry.function.kinds
    wanted = [name for name in entry.subjects[1:] if kinds[name].named]
    missing = [name for name in wanted if name not in ask.subjects]
    known = [*wanted, *(name for name in entry.subjects[1:] if kinds[name].nameable)]
    strange = [name for name in ask.subjects if name not in known]
    if missing or strange:
        given = ", ".join(ask.subjects) or "nothing"
        raise BadKnob(
            f"{entry.name} is about {', '.join(wanted) or 'the network alone'}, not {given}. Name just those."
        )
    return [kinds[name].offered(net, ask.subjects.get(name, ""), workspace) for name in entry.subjects[1:]]


def _check_text(workspace: Workspace, net: Network, name: str, value: Any) -> None:
    if not isinstance(value, str) or (workspace.scan is not None and value == str(workspace.scan.folder)):
        return
    for word in {value, *(part.strip() for part in re.split("[,;]", value))}:
        if word not in net.layers and word not in workspace.networks and _reaches_out(word):
            raise BadKnob(
                f"{name} must name what is at hand in the explorer, not {word!r}: files and downloads are not opened "
                f"from here. Use {PREFIX}NAME, or the library."
            )


def _reaches_out(word: str) -> bool:
    """Whether a text could name a file or folder of this computer, or a network that would be fetched."""
    if "/" in word or "\\" in word or word.casefold().startswith(("timm:", "torchvision:")):
        return True
    try:
        return bool(word) and Path(word).exists()
    except (OSError, ValueError):
        return False
