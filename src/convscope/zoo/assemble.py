"""From an architecture to a Network: random, published or local weights, and labels only where they have a meaning."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from torch import nn

from ..base.errors import CannotDownload, ConvscopeError, ConvscopeWarning, first_line
from ..base.warned import unwarned
from ..network.isolation import randomness
from ..network.network import Network
from . import weights_file

Recipe: TypeAlias = dict[str, Any]  # the keyword arguments of Network that belong to an architecture's weights


def assemble(name: str, module: nn.Module, recipe: Recipe, weights: str, labels: Sequence[str] = ()) -> Network:
    """A network with published, random or local weights; labels only where the weights gave them their meaning."""
    if weights == "none":
        return Network(module, name=name, **recipe)
    if weights == "default":
        return Network(module, name=name, labels=labels, **recipe)
    found = weights_file.read(weights)
    untrained = weights_file.load_into(module, found)
    mean, std = found.numbers("mean"), found.numbers("std")
    recipe = {**recipe, **({"mean": mean} if mean else {}), **({"std": std} if std else {})}
    network = Network(module, name=name, labels=() if untrained else labels, **recipe)
    network.untrained = untrained
    if untrained:
        names = ", ".join(sorted(untrained))
        warnings.warn(
            f"{found.path} has no weights for {names} of {name}. What needs them is refused; all before works.",
            ConvscopeWarning,
            stacklevel=5,
        )
    return network


def seeded_weights(make: Callable[[], nn.Module]) -> nn.Module:
    """Random weights that are the same every time, so that what they show can be made again."""
    with randomness.seeded(), unwarned():
        return make()


def download(make: Callable[[], nn.Module], name: str) -> nn.Module:
    """What `make` builds with weights from a hub; raises CannotDownload, and says what works offline."""
    try:
        return make()
    except ConvscopeError:
        raise
    except Exception as error:  # whatever the hub's client raises: URLError, HTTPError, its own errors, OSError
        raise CannotDownload(
            f"The weights of {name} could not be fetched ({first_line(error)}). Offline, use lite0, weights=None, or "
            "download the file elsewhere and give its path: weights='file.safetensors' (--weights FILE)."
        ) from error


def short(descriptions: list[str]) -> list[str]:
    """The first of each label's synonyms, and all of them where the first alone would be ambiguous."""
    firsts = [text.split(",")[0] for text in descriptions]
    count = Counter(first.casefold() for first in firsts)
    return [first if count[first.casefold()] == 1 else text for first, text in zip(firsts, descriptions, strict=True)]
