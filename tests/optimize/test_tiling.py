"""TiledObjective: windows that cover a picture, and slopes that are those of the whole one."""

import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.execution.features import along, looking
from convscope.optimize.objective import Excite, LayerEnergy, Objective
from convscope.optimize.tiling import TiledObjective, Tiling, tiling

LARGE = (200, 200)
BOTH = Objective(((1.0, LayerEnergy("3")), (0.5, Excite(cs.Unit("2", 4)))))


def picture(*shape):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net():
    """A stack of strides 2 and 2; a neuron of layer 3 sees 9 × 9 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(6, 6, 3, padding=1), nn.AvgPool2d(2)
        )
    return cs.Network(module, size=32, name="stack")


@hypothesis.given(
    st.integers(1, 12), st.integers(0, 5), st.sampled_from([1, 2, 4]), st.integers(1, 200), st.floats(0, 0.999)
)
def test_windows_cover_a_side_once_and_hold_their_halo(window, halo, stride, length, place):
    made = Tiling((window * stride * 2,) * 2, min(halo, window // 4) * stride, stride)
    spans = made.spans(0, length, place)
    covered = [pixel for span in spans for pixel in range(length)[span.kept]]
    assert covered == list(range(length))
    for span in spans:
        assert span.stop - span.start <= made.window[0] or len(spans) == 1
        assert span.start == max(0, span.first - made.halo) and span.stop == min(length, span.last + made.halo)
        assert span.start % stride == 0 and range(length)[span.shown][span.inner] == range(length)[span.kept]


@hypothesis.given(st.integers(20, 40), st.integers(0, 8), st.integers(40, 200), st.floats(0, 0.999))
def test_windows_of_a_rigid_network_are_all_of_its_own_size(window, halo, length, place):
    spans = Tiling((window, window), min(halo, window // 4), 1, rigid=True).spans(1, length, place)
    assert [pixel for span in spans for pixel in range(length)[span.kept]] == list(range(length))
    assert all(0 <= span.start <= span.first < span.last <= span.stop <= length for span in spans)
    assert {span.stop - span.start for span in spans} == {window}


@hypothesis.given(st.floats(0, 0.999))
@hypothesis.settings(max_examples=10)
def test_borders_can_be_on_any_multiple_of_the_stride(place):
    made = Tiling((32, 32), 4, 4)
    (border, *_) = (span.last for span in made.spans(0, 100, place))
    assert border == 28 - int(place * 6) * 4


@pytest.mark.parametrize("shape", [(100, 120), (97, 110)], ids=["even", "odd"])
def test_the_slope_in_tiles_is_that_of_the_whole_picture(net, shape):
    with looking(net, BOTH.layers, "fp32") as eye:
        windows = tiling(net, BOTH.layers, LARGE, 64)
        assert (windows.stride, windows.halo) == (4, 8)
        x = picture(3, *shape)
        slope = along(x, lambda leaf: BOTH(eye(leaf)), "both")[1]
        for seed in range(3):
            tiled = TiledObjective(eye, BOTH, windows)(x, torch.Generator().manual_seed(seed))[1]
            exact = shape == (100, 120)
            error = (tiled - slope).abs().max() / slope.abs().max()
            assert error < (1e-5 if exact else 0.05)  # positions at an odd edge stand for fewer pixels


def test_one_layer_is_exact_at_every_size_up_to_one_factor(net):
    raised = Objective(((1.0, LayerEnergy("3")),))
    with looking(net, raised.layers, "fp32") as eye:
        x = picture(3, 97, 110)
        value, slope = along(x, lambda leaf: raised(eye(leaf)), "")
        found, tiled = TiledObjective(eye, raised, tiling(net, ["3"], LARGE, 64))(x, torch.Generator())
    assert found.item() == pytest.approx(value.item(), rel=0.1)
    assert torch.allclose(tiled / tiled.abs().mean(), slope / slope.abs().mean(), atol=1e-5)


def test_without_a_halo_there_are_seams(net):
    """So that the test above tests something."""
    raised = Objective(((1.0, LayerEnergy("3")),))
    with looking(net, raised.layers, "fp32") as eye:
        x = picture(3, 80, 96)
        slope = along(x, lambda leaf: raised(eye(leaf)), "")[1]
        tiled = TiledObjective(eye, raised, Tiling((48, 48), 0, 4))(x, torch.Generator())[1]
    assert (tiled - slope).abs().max() > 0.05 * slope.abs().max()


def test_a_halo_is_two_thirds_of_a_field_where_all_of_it_costs_much(net):
    assert [tiling(net, ["3"], LARGE, side).halo for side in (32, 60, 64, 128)] == [8, 8, 8, 8]
    assert [tiling(net, ["2"], LARGE, side).halo for side in (16, 40, 64)] == [4, 4, 6]


def test_a_window_is_as_large_as_the_memory_for_it(net, monkeypatch):
    a_pixel = 4 * (3 + (6 + 6 + 6) / 4 + 6 / 16)
    monkeypatch.setattr("convscope.optimize.tiling._MEMORY", int(a_pixel * 50**2))
    assert tiling(net, ["3"], LARGE, "auto").window == (48, 48)
    assert tiling(net, ["3"], LARGE, 64).window == (64, 64)
    assert tiling(net, ["3"], LARGE, 64, rigid=True).window == (32, 32)


def test_a_picture_that_fits_into_a_window_is_one(net):
    whole = tiling(net, ["3"], (50, 64), 64)
    assert [len(whole.spans(axis, side, 0.5)) for axis, side in ((0, 50), (1, 64))] == [1, 1]


def test_gates_that_see_whole_maps_do_not_count_for_the_halo(net):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.gate = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.one(x)
            return x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()

    gated = cs.Network(nn.Sequential(Gated(), nn.ReLU()), size=32)
    made = tiling(gated, ["1"], LARGE, 64)
    assert (made.stride, made.halo) == (1, 2)
