"""A net made to die, to explode or to stall is named at the right layer and step; a healthy one is not accused."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import convscope as cs
from convscope.training.health import IN_A_ROW

from .loops import batch


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10),
    )  # fmt: skip


def train(module, folder, groups, change=None, steps=14, make=torch.optim.SGD, data=None):
    optimizer = make(groups, lr=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cs.ConvscopeWarning)
        with cs.Recorder(module, optimizer, folder=folder, every=1) as recorder:
            for number in range(steps):
                x, y = data or batch(32, number)
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(module(x), y)
                loss.backward()
                if change is not None:
                    change(number, module, optimizer)
                optimizer.step()
                recorder.step(loss=loss)
    return cs.open_record(folder).table("events").to_pylist()


def test_a_layer_that_dies_is_named_with_the_step_at_which_it_began(tmp_path):
    def kill(number, module, _):
        if number == 3:  # as one step too large leaves them
            module[3].bias.grad += 1e3

    module = net()
    events = train(module, tmp_path, module.parameters(), kill)
    dead = [event for event in events if event["what"] == "dead"]
    assert [(event["layer"], event["step"], event["noticed"]) for event in dead] == [("4", 4, 4 + IN_A_ROW - 1)]
    assert "zero everywhere" in dead[0]["why"]


def test_a_learning_rate_a_hundred_times_too_large_kills(tmp_path):
    module = net()
    optimizer_groups = [{"params": module.parameters(), "lr": 100 * 0.5}]
    events = train(module, tmp_path, optimizer_groups, steps=20)
    began = min(event["step"] for event in events if event["what"] in ("dead", "explodes", "nonfinite"))
    assert began <= 2


def test_a_layer_that_explodes_is_named_alone(tmp_path):
    def explode(number, _module, optimizer):
        optimizer.param_groups[1]["lr"] = 1e4 if number >= 3 else 0.05

    module = net()
    groups = [{"params": [*module[:6].parameters(), *module[8].parameters()]}, {"params": module[6].parameters()}]
    events = [event for event in train(module, tmp_path, groups, explode, steps=10) if event["what"] == "explodes"]
    assert [(event["layer"], event["step"]) for event in events] == [("6", 3)]
    assert "One update" in events[0]["why"]


def test_outputs_that_explode_are_named_at_the_first_layer_they_come_from(tmp_path):
    def enlarge(number, module, _):
        if number == 4:
            with torch.no_grad():
                module[3].bias += 1e5  # behind the optimizer's back

    module = net()
    events = [event for event in train(module, tmp_path, module.parameters(), enlarge) if event["what"] == "explodes"]
    assert (events[0]["layer"], events[0]["step"]) in (("3", 5), ("3", 4))


def test_a_layer_that_stands_still_is_named(tmp_path):
    def stall(number, _module, optimizer):
        optimizer.param_groups[1]["lr"] = 1e-12 if number >= 5 else 0.05

    module = net()
    groups = [{"params": [*module[:6].parameters(), *module[8].parameters()]}, {"params": module[6].parameters()}]
    events = train(module, tmp_path, groups, stall)
    assert [(event["what"], event["layer"], event["step"]) for event in events] == [("still", "6", 5)]


def test_layers_behind_a_cut_gradient_stand_still_and_say_why(tmp_path):
    def cut(number, module, _):
        for w in module[:3].parameters():
            w.grad = torch.zeros_like(w)

    module = net()
    events = train(module, tmp_path, module.parameters(), cut)
    assert [(event["what"], event["layer"], event["step"]) for event in events] == [("still", "0", 0)]
    assert "its gradient is zero" in events[0]["why"]


def test_a_frozen_layer_is_not_accused(tmp_path):
    module = net()
    module[0].requires_grad_(False)
    assert not train(module, tmp_path, [w for w in module.parameters() if w.requires_grad])


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(4, 20))])
def test_a_healthy_net_is_not_accused(seed, tmp_path):
    make = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)[seed % 4]
    module = net(seed)
    if seed % 2:
        module.insert(1, nn.BatchNorm2d(8))
    groups = [{"params": module.parameters(), "lr": 0.05 if seed % 4 == 0 else 0.003}]
    assert not train(module, tmp_path, groups, steps=20, make=make, data=batch(32, seed))
