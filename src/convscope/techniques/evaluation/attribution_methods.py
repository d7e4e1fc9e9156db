"""The maps that can be put to the test: every attribution method by name, and its map as one number a pixel."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ...base.image import ImageLike
from ...base.unit import UnitLike
from ...network.network import Network
from ...results.attribution import Attribution
from ..attribution.target import AttributionTarget

Method = Annotated[
    Literal[
        "saliency",
        "input_x_gradient",
        "guided_backprop",
        "deconvnet",
        "smoothgrad",
        "vargrad",
        "integrated_gradients",
        "gradcam",
        "occlusion",
        "rise",
        "perturbation_mask",
        "random",
    ],
    Field(description="whose map is tested, with its default knobs; random is noise, the baseline to beat"),
]
_MapOf: TypeAlias = Callable[[Network, ImageLike, UnitLike, int], Attribution]


def _named(module: str, name: str) -> _MapOf:
    """The technique of this name, imported when it is first asked for a map."""

    def ask(net: Network, image: ImageLike, unit: UnitLike, seed: int) -> Attribution:
        technique = getattr(importlib.import_module(f"...attribution.{module}", __name__), name)
        knobs = {"seed": seed} if "seed" in inspect.signature(technique).parameters else {}
        found: Attribution = technique(net, image, unit, **knobs)
        return found

    return ask


def _random(net: Network, image: ImageLike, unit: UnitLike, seed: int) -> Attribution:
    """Noise: what a map that knows nothing scores."""
    question = AttributionTarget.of(net, image, unit)
    with torch.no_grad():
        value = net.value(question.x, question.unit)
    noise = np.random.default_rng(seed).random(question.seen.shape[:2])
    return question.answer(Attribution, noise, value, {"forward_passes": 1})


MAPS: dict[str, _MapOf] = {
    "saliency": _named("gradients", "saliency"),
    "input_x_gradient": _named("gradients", "input_x_gradient"),
    "guided_backprop": _named("gradients", "guided_backprop"),
    "deconvnet": _named("gradients", "deconvnet"),
    "smoothgrad": _named("smoothgrad", "smoothgrad"),
    "vargrad": _named("smoothgrad", "vargrad"),
    "integrated_gradients": _named("integrated_gradients", "integrated_gradients"),
    "gradcam": _named("gradcam", "gradcam"),
    "occlusion": _named("occlusion", "occlusion"),
    "rise": _named("rise", "rise"),
    "perturbation_mask": _named("perturbation_mask", "perturbation_mask"),
    "random": _random,
}


def attribution_map(net: Network, image: ImageLike, unit: UnitLike, method: str, seed: int = 0) -> Attribution:
    """The attribution a method of MAPS gives with its default knobs, and with `seed` where it draws random numbers."""
    return MAPS[method](net, image, unit, seed)


def importance(found: Attribution) -> NDArray[np.float32]:
    """One number a pixel, (H, W): the sum of absolute values over colors, or a map of places as it is."""
    return found.values if found.values.ndim == 2 else np.abs(found.values).sum(0)


def about(method: str, found: Attribution) -> dict[str, Any]:
    """What the evidence says of the map that was tested: the method, and what was wrong with its map."""
    troubles = ("partial", "vanished", "unmoved")
    return {"method": method, **{f"map_{name}": found.evidence[name] for name in troubles if name in found.evidence}}
