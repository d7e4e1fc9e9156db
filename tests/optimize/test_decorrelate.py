"""Colors: Lucid's matrix, and that it does what it is for on photos."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import convscope as cs
from convscope.optimize import decorrelate


def test_the_matrix_is_lucids_over_its_longest_column():
    lucid = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    assert max(lucid.norm(dim=0)).item() == pytest.approx(0.462, abs=5e-4)
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = decorrelate.to_colors(x)
    for n, y, column in [(0, 0, 0), (1, 2, 3)]:
        mixed = lucid @ x[n, :, y, column] / 0.4619524
        torch.testing.assert_close(found[n, :, y, column], mixed, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(decorrelate.to_pixels(x)[n, :, y, column], 1 / (1 + (-mixed).exp()))


@given(st.integers(0, 2**31), st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))
def test_colors_come_back(seed, channels, height, width):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(2, channels, height, width, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(decorrelate.decorrelated(decorrelate.to_colors(x)), x)
    pixels = torch.rand(2, channels, height, width, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(decorrelate.to_pixels(decorrelate.from_pixels(pixels)), pixels.clamp(1e-3, 1 - 1e-3))


def test_grey_is_left_alone():
    x = torch.randn(2, 1, 3, 3)
    assert decorrelate.to_colors(x) is x and decorrelate.decorrelated(x) is x


def test_in_photos_decorrelated_channels_hang_together_far_less_than_colors():
    """On the bundled photos the mean correlation falls from 0.78 of colors to 0.41; it is 1 for grey ones."""
    colors, numbers = [], []
    for sample in cs.samples().values():
        picture = cs.open_image(sample.path).pil().convert("RGB").resize((96, 96))
        pixels = torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]
        colors.append(pixels[0].flatten(1))
        numbers.append(decorrelate.from_pixels(pixels)[0].flatten(1))

    def between(channels):
        return torch.corrcoef(torch.cat(channels, 1)).abs()[[0, 0, 1], [1, 2, 2]].mean().item()

    assert between(colors) == pytest.approx(0.78, abs=0.02)
    assert between(numbers) == pytest.approx(0.41, abs=0.02)
