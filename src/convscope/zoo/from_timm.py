"""Every architecture of timm, with the preprocessing and labels of its published weights."""

from __future__ import annotations

import math
from typing import Any, cast

import timm
import timm.data
from torch import nn

from ..base.errors import BadWeights, UnknownNetwork, nearest
from ..network.network import Network
from .assemble import Recipe, assemble, download, seeded_weights, short


def from_timm(name: str, weights: str) -> Network:
    """A network of timm, by its name there, with or without a tag for its weights."""
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

    module = download(make, f"timm:{name}") if pretrained else seeded_weights(make)
    config = timm.data.resolve_model_data_config(module)
    subset = timm.data.infer_imagenet_subset(module)
    labels = short(timm.data.ImageNetInfo(subset).label_descriptions()) if subset else ()
    return assemble(name, module, _timm_recipe(config), weights, labels)


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
