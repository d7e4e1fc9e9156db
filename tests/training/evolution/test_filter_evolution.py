"""Filters over a training: the steps they are of, and smoothness beside that of the same weights in any order."""

from __future__ import annotations

import io
import json

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.techniques.inspection.filter_statistics import roughness

from ..loops import plain, recording, tiny


def smoothed(module, folder, steps=6):
    """A training that makes the filters of a layer waves of their channel, bit by bit."""
    wave = torch.sin(torch.linspace(0, 3, 5))[:, None] * torch.cos(torch.linspace(0, 3, 5))[None]
    optimizer = torch.optim.SGD(module.parameters(), 0.0)
    with cs.Recorder(module, optimizer, folder=folder, budget=1.0):
        for number in range(steps):
            module(torch.zeros(1, 3, 6, 6)).sum().backward()
            optimizer.step()
            if number:
                with torch.no_grad():
                    module[0].weight.lerp_(wave.expand_as(module[0].weight), 0.5)
    return cs.open_record(folder)


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 5), nn.Flatten(), nn.Linear(32, 2))
    begun = module[0].weight.detach().numpy().copy()
    record = smoothed(module, tmp_path_factory.mktemp("waves"))
    return record, begun, module[0].weight.detach().numpy().copy()


def test_filters_are_those_of_each_step_from_the_first_to_behind_the_last(waves):
    record, begun, ended = waves
    found = cs.filter_evolution(record, draws=20)
    assert found.steps.tolist() == list(record.filter_steps) == [0, 1, 2, 3, 4, 6]
    assert (found.values[0] == begun).all()
    assert (found.values[-1] == ended).all()
    assert (found.roughness == np.stack([roughness(filters) for filters in found.values])).all()
    assert str(found.unit) == "0"


def test_chance_is_what_the_same_weights_give_in_other_orders(waves):
    record, begun, _ = waves
    found = cs.filter_evolution(record, draws=100)
    random = np.random.default_rng(7)
    medians = []
    for _ in range(200):
        shuffled = begun.copy()
        for kernel in shuffled.reshape(-1, 25):
            random.shuffle(kernel)
        medians.append(np.median(roughness(shuffled)))
    np.testing.assert_allclose(found.null[0], np.percentile(medians, (5, 95)), atol=0.015)
    assert found.null[0, 0] < found.medians[0] < found.null[0, 1]
    assert found.medians[-1] < 0.6 < found.null[-1, 0]
    assert found.smooth_since == 2
    assert cs.filter_evolution(record, draws=100).null.tobytes() == found.null.tobytes()


def test_a_film_has_a_frame_a_step_and_the_same_bytes_again(waves, tmp_path):
    found = cs.filter_evolution(waves[0], draws=20)
    path = found.save(tmp_path / "film.gif", fps=5)
    with PIL.Image.open(path) as film:
        assert film.n_frames == len(found.steps)
        assert film.info["duration"] == 200
        size = film.size
    with PIL.Image.open(io.BytesIO(found.encoded(".webp"))) as film:
        assert film.n_frames == len(found.steps)
        assert film.size == size
    assert found.encoded(".gif", fps=5) == path.read_bytes()
    told = json.loads(found.save(tmp_path / "film.json").read_text())
    assert told["smooth_since"] == found.smooth_since
    assert told["steps"] == found.steps.tolist()


def test_filters_of_a_layer_that_was_replaced_are_left_out(tmp_path):
    module = tiny()
    plain(module, recording(tmp_path, budget=1.0), steps=3)
    module[0] = nn.Conv2d(1, 8, 5, padding=2)
    plain(module, recording(tmp_path, budget=1.0), steps=3)
    found = cs.filter_evolution(cs.open_record(tmp_path), draws=20)
    assert found.values.shape[-2:] == (5, 5)
    assert found.steps[0] == 3


@pytest.mark.parametrize("module", [nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Conv2d(2, 2, 1))])
def test_what_has_no_filters_with_places_is_refused(module, tmp_path):
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path):
        module(torch.ones(2, 2, 2, 2)).sum().backward()
        optimizer.step()
    with pytest.raises(BadKnob, match=r"must be of a module that convolves|must have several weights"):
        cs.filter_evolution(cs.open_record(tmp_path), draws=20)
