"""Contact sheets: each picture as `maximize` makes it, and taken up where it was stopped."""

import numpy as np
import pytest
from torch import nn

import convscope as cs
from convscope.base.progress import Cancelled
from convscope.techniques.visualization.sheet import sheet


@pytest.fixture(scope="module")
def net():
    import torch

    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 10, 5), nn.ReLU(), nn.Conv2d(10, 7, 3), nn.ReLU())
    module[2].bias.data[6] = -100
    return cs.Network(module, size=32, name="tiny")


def test_it_shows_what_maximize_makes_of_each_channel(net):
    found = sheet(net, "2", channels=5, start=1, steps=6, size=24)
    assert found.shown.tolist() == [1, 2, 3, 4, 5] and found.images.shape == (5, 24, 24, 3)
    alone = cs.maximize(net, [f"2:{channel}" for channel in range(1, 6)], steps=6, size=24)
    assert np.array_equal(found.images, np.rint(alone.images * 255).astype(np.uint8))
    assert np.array_equal(found.values, alone.values)


def test_the_last_channels_are_fewer_and_those_that_cannot_be_driven_are_named(net):
    found = sheet(net, "3", channels=4, start=5, steps=10, size=32)
    assert found.shown.tolist() == [5, 6] and found.driven.tolist() == [True, False]
    assert "channels 6" in found.evidence["undriven"]
    assert found.picture().width > 100


@pytest.mark.parametrize("stop", [3, 8, 13])
def test_a_stopped_sheet_goes_on_channel_by_channel_to_the_same_bytes(net, tmp_path, stop):
    asked = {"channels": 6, "steps": 5, "size": 16, "batch_size": 2}
    whole = sheet(net, "0", **asked)
    shapes = []

    def listen(done, total, preview):
        shapes.append(preview.shape)
        if done == stop:
            raise Cancelled

    with cs.checkpoint(tmp_path / "state"), cs.listening(listen):
        part = sheet(net, "0", **asked)
    assert len(part.shown) == 2 * (stop // 5 + 1) and "partial" in part.evidence and shapes[-1][1:] == (3, 16, 16)
    assert len(list((tmp_path / "state").glob("done*"))) == stop // 5
    with cs.checkpoint(tmp_path / "state"):
        rest = sheet(net, "0", **asked)
    assert whole.images.tobytes() == rest.images.tobytes() and whole.values.tobytes() == rest.values.tobytes()


def test_a_run_that_is_taken_up_shows_its_finished_pictures_from_the_first_step_on(net, tmp_path):
    asked = {"channels": 4, "steps": 3, "size": 16, "batch_size": 2}
    seen = []
    for _ in range(2):
        seen.clear()
        with cs.checkpoint(tmp_path / "state"), cs.listening(lambda done, total, preview: seen.append(preview)):
            found = sheet(net, "0", **asked)
    assert len(seen) == 6 and len(seen[0]) == 2 and len(seen[-1]) == 4
    assert np.array_equal(np.rint(seen[0].transpose(0, 2, 3, 1) * 255), found.images[:2])


def test_rows_of_top_patches_stand_beside_the_pictures(lite0, tmp_path):
    cs.scan(lite0, "samples", tmp_path, layers="blocks.0.0.conv_dw", top=3)
    found = sheet(lite0, "blocks.0.0.conv_dw", channels=2, steps=2, size=64, scan=str(tmp_path), top=2)
    assert found.patches.shape == (2, 2, 64, 64, 3) and found.patches.std() > 10
    crop = cs.patches(lite0, tmp_path, "blocks.0.0.conv_dw:1", top=1, projection="none").crops[0]
    assert abs(found.patches[1, 0].mean() - crop.mean()) < 3
    from convscope.view.figures.paintings import draw_sheet as draw

    assert draw(found).arrays["images"].shape == (2, 64, 64 + 2 * 67, 3)


def test_a_first_channel_beyond_the_last_is_refused(net):
    with pytest.raises(cs.ConvscopeError, match="start must be below 10"):
        sheet(net, "0", start=10)
    with pytest.raises(cs.ConvscopeError, match="size must be at least 8"):
        sheet(net, "0", size=4)
