"""A network of the zoo with random weights, and weights as a hub would send them."""

import pytest
import torchvision

import convscope as cs


@pytest.fixture(scope="module")
def resnet():
    return cs.load("torchvision:resnet18", weights=None)


@pytest.fixture(scope="module")
def trained():
    """What a hub would send for resnet18: weights that no seed gives."""
    return {
        name: t + 0.01 if t.is_floating_point() else t for name, t in torchvision.models.resnet18().state_dict().items()
    }
