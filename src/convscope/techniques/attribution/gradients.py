"""Gradients of a unit with respect to the image: plain, and with the rectifiers' backward changed."""

from __future__ import annotations

from ...base.image import ImageLike
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...network.backward import backward_rules
from ...network.backward.gradient import gradient
from ...network.network import Network
from ...results.attribution import Attribution
from ..common_knobs import Smooth
from .target import AttributionTarget


@technique
def saliency(net: Network, image: ImageLike, unit: UnitLike) -> Attribution:
    """Show how a unit's value changes with each pixel: its gradient.

    Simonyan, Vedaldi and Zisserman 2013, "Deep inside convolutional networks". The result's `values` is (C, H, W), the
    derivative of the unit's value in the network's normalized input space.
    """
    return _attribution(net, image, unit)


@technique
def input_x_gradient(net: Network, image: ImageLike, unit: UnitLike) -> Attribution:
    """Show what each pixel adds to a unit to first order: its value times the gradient.

    Shrikumar, Greenside, Shcherbina and Kundaje 2016, "Not just a black box". `values` is (C, H, W), in units of the
    unit's value; the pixel is taken as the network gets it, normalized, so one of the mean color has none.
    """
    question = AttributionTarget.of(net, image, unit)
    found = gradient(net, question.x, question.unit)
    return question.answer(Attribution, question.x[0] * found.values[0], found.value, found.evidence)


@technique
def guided_backprop(net: Network, image: ImageLike, unit: UnitLike, *, smooth: Smooth = False) -> Attribution:
    """Show what raises a unit: its gradient, kept at every rectifier only where it is positive and the rectifier open.

    Springenberg, Dosovitskiy, Brox and Riedmiller 2014, "Striving for simplicity". Raises NoRectifier where nothing
    would be changed; `evidence["interceptions"]` counts the rectifier calls that were.
    """
    return _attribution(net, image, unit, backward_rules.guided_rule, smooth)


@technique
def deconvnet(net: Network, image: ImageLike, unit: UnitLike, *, smooth: Smooth = False) -> Attribution:
    """Project a unit back to the image: its gradient, kept at every rectifier only where it is positive.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks"; max-pooling passes it on through its
    switches. Raises NoRectifier where nothing would be changed; `evidence["interceptions"]` counts what was.
    """
    return _attribution(net, image, unit, backward_rules.deconvnet_rule, smooth)


def _attribution(
    net: Network, image: ImageLike, unit: UnitLike, rule: backward_rules.Rule | None = None, smooth: bool = False
) -> Attribution:
    question = AttributionTarget.of(net, image, unit)
    found = gradient(net, question.x, question.unit, rule, smooth)
    return question.answer(Attribution, found.values[0], found.value, found.evidence)
