"""The strongest activations of one channel, projected back to the image that caused them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...base.errors import CannotExport
from ...base.image import ImageLike
from ...base.unit import UnitLike, parse
from ...contract.technique import technique
from ...graph.neuron_windows import receptive_boxes
from ...network.backward import backward_rules
from ...network.backward.gradient import check_finite, gradient
from ...network.network import Network
from ...results.attribution import Projection
from ..attribution.target import AttributionTarget, array
from ..common_knobs import Smooth
from ..unit_choice import one_unit

BackwardRule = Annotated[
    Literal["deconvnet", "guided", "plain"],
    Field(description="how rectifiers are passed backwards; plain: as the gradient does"),
]
Top = Annotated[int, Field(ge=1, le=1000, description="strongest activations of the channel to keep")]

_RULES = {"deconvnet": backward_rules.deconvnet_rule, "guided": backward_rules.guided_rule, "plain": None}


@technique
def project(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    rule: BackwardRule = "deconvnet",
    top: Top = 1,
    smooth: Smooth = False,
) -> Projection:
    """Show what in the image made a channel fire: its strongest activations, projected back.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks". All else at the channel's layer is
    set to zero, and what is kept goes backwards, through a rectifier at the layer too. `values` is (C, H, W), all of it
    together, in normalized input space times the activation. A unit with a position, or a class score, is kept alone.
    Raises UnknownUnit for whole layers and probabilities, and NoRectifier where the rule would change nothing.
    """
    asked = one_unit(net.unit(unit), "an activation", ", which depends on every class")
    question = AttributionTarget.of(net, image, asked)
    with torch.inference_mode(False), torch.no_grad():  # its tensors take part in a backward pass later
        response = _Response.of(question, top)
    if not len(response.kept):
        boxes = np.zeros((0, 4), np.int64)
        return _answer(response, torch.zeros_like(question.x[0]), boxes, _silent(response, rule))
    found = gradient(net, question.x, question.unit, _RULES[rule], smooth, measure=response.energy)
    evidence = {**found.evidence, "rule": rule, "forward_passes": 2, **_fewer(response, top)}
    return _answer(response, found.values[0], _boxes(response), evidence)


@dataclass(frozen=True)
class _Response:
    """What a channel makes of an image: its strongest activation, and those kept, by their place in the flat map."""

    question: AttributionTarget
    strongest: float
    kept: Tensor
    activations: Tensor

    @classmethod
    def of(cls, question: AttributionTarget, top: int) -> _Response:
        """The `top` strongest activations that are positive; of equal ones the first."""
        unit = parse(question.unit)
        flat = _flat(question, question.x)[0]
        check_finite(question.net, unit, flat)
        if unit.position is not None:
            place = unit.position[0] * _width(question) + unit.position[1]
            flat = torch.where(torch.arange(len(flat), device=flat.device) == place, flat, -torch.inf)
        activations, kept = flat.sort(descending=True, stable=True)
        count = min(top, int((activations > 0).sum()))
        return cls(question, activations[0].item(), kept[:count], activations[:count])

    def energy(self, x: Tensor) -> Tensor:
        """Half the square of what is kept, as it were: its gradient at the layer is the activations themselves."""
        return (_flat(self.question, x)[:, self.kept] * self.activations).sum(1)

    @property
    def positions(self) -> NDArray[np.int64]:
        """y and x of each kept activation, (n, 2)."""
        width, kept = _width(self.question), self.kept.numpy(force=True)
        return np.stack(np.divmod(kept, width), 1) if width else np.full((len(kept), 2), -1)


def _flat(question: AttributionTarget, x: Tensor) -> Tensor:
    """The channel's map for each of N inputs, (N, positions)."""
    unit = parse(question.unit)
    return question.net.read(x, unit.source)[unit.source][:, unit.channel].reshape(len(x), -1)


def _width(question: AttributionTarget) -> int:
    """Of the layer's maps; 0 where it has none."""
    shape = question.net.layers[question.deepest].shape
    return shape[2] if len(shape) == 3 else 0


def _boxes(response: _Response) -> NDArray[np.int64]:
    """The receptive field of each kept activation, (n, 4); the whole picture where it cannot be found."""
    net = response.question.net
    try:
        if _width(response.question):
            return receptive_boxes(net, response.question.deepest, response.positions)
    except CannotExport:
        pass  # a crop that is too large misleads nobody
    return np.tile(np.array([0, 0, *response.question.seen.shape[:2]], np.int64), (len(response.kept), 1))


def _silent(response: _Response, rule: str) -> dict[str, Any]:
    unit, value = response.question.unit, response.strongest
    silent = f"{unit} did not fire: its strongest activation is {value:.4g}, so there is nothing to project"
    return {"rule": rule, "forward_passes": 1, "backward_passes": 0, "silent": silent}


def _fewer(response: _Response, top: int) -> dict[str, Any]:
    kept, single = len(response.kept), parse(response.question.unit).position or not _width(response.question)
    return (
        {}
        if kept == top
        else {"kept": f"{kept} of {top}: " + ("the unit is one neuron" if single else "no other fired")}
    )


def _answer(response: _Response, values: Tensor, boxes: NDArray[np.int64], evidence: dict[str, Any]) -> Projection:
    arrays = {"positions": response.positions, "activations": array(response.activations), "boxes": boxes}
    return response.question.answer(Projection, values, response.strongest, evidence, **arrays)
