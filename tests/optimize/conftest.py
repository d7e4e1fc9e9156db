"""What tests of ascent share: frames to paint in."""

import pytest
import torch

from convscope.optimize.canvas import Frame
from convscope.optimize.draws import generator


@pytest.fixture
def frame():
    """Frames by count, channels, height and width."""

    def made(count=2, channels=3, height=8, width=8, seed=0):
        return Frame([generator(seed, n) for n in range(count)], channels, height, width, torch.device("cpu"))

    return made
