"""Every architecture of torchvision, with the preprocessing and labels of its published weights."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torchvision
from torch import nn

from ..base.errors import BadWeights, UnknownNetwork, nearest
from ..network.network import Network
from .assemble import Recipe, assemble, download, seeded_weights


def from_torchvision(name: str, weights: str) -> Network:
    """A network of torchvision, by its name there."""
    known = torchvision.models.list_models()
    if name not in known:
        raise UnknownNetwork(f"torchvision has no network {name!r}.{nearest(name, known)}")
    if name in torchvision.models.list_models(module=torchvision.models.video):
        raise UnknownNetwork(
            f"torchvision:{name} takes clips, (N, C, T, H, W), and networks here take single images, (N, C, H, W). Use "
            "an image network, or cs.Network of a module that repeats the image along time."
        )
    published = _default_weights(name)
    wanted = published if weights == "default" else None
    if weights == "default" and wanted is None:
        raise BadWeights(f"torchvision publishes no weights for {name}. Use weights=None or a local file.")

    extra = {} if wanted else _construction(name, like_published=weights not in ("default", "none"))

    def make() -> nn.Module:
        return cast(nn.Module, torchvision.models.get_model(name, weights=wanted, **extra))

    module = download(make, f"torchvision:{name}") if wanted else seeded_weights(make)
    recipe = {} if published is None else _torchvision_recipe(published)
    labels = () if published is None else published.meta.get("categories", ())
    return assemble(name, module, recipe, weights, labels)


def _default_weights(name: str) -> Any:
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


def _construction(name: str, like_published: bool) -> dict[str, Any]:
    """What torchvision must be told to build without weights what it builds with them, and to download nothing."""
    if name in ("googlenet", "inception_v3"):
        return {"init_weights": True, "transform_input": like_published}
    builder = inspect.signature(inspect.unwrap(torchvision.models.get_model_builder(name)))
    return {"weights_backbone": None} if "weights_backbone" in builder.parameters else {}


def _first(size: Any) -> int | None:
    return int(size[0]) if isinstance(size, (list, tuple)) else size
