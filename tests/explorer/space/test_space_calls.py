"""What the page of a network in space asks: the planes, their tiles by one forward, and the numbers of a neuron."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.explorer.calls import Explorer, answer
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.workspace import Workspace
from convscope.store import Store


@pytest.fixture
def asked(workspace):
    """Asks a call about the tiny network and the first image."""
    image = workspace.pictures.images()[0].id
    jobs = JobList(workspace, lambda *_: None)

    def ask(name, **rest):
        given = rest if name == "space" else {"image": image, **rest}
        told = answer(Explorer(workspace, jobs), name, {"network": "tiny", **given})
        return decode(told) if isinstance(told, bytes) else told

    return ask


def test_planes_hold_every_layer_once_and_wires_go_on(asked, tiny):
    found = asked("space")
    assert [plane.layer for plane in found.planes] == ["input", "2", "3", "4", "logits"] and found.told == ""
    assert [plane.joined for plane in found.planes][1] == ("0", "1", "2")
    assert [(wire.source, wire.target) for wire in found.wires] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [plane.layer for plane in asked("space", every=True).planes] == list(tiny.layers)


def test_tiles_are_the_maps_of_each_layer_side_by_side(asked, workspace, monkeypatch):
    net, times = workspace.network("tiny"), []
    forward = type(net).read
    monkeypatch.setattr(type(net), "read", lambda *args, **how: times.append(1) or forward(*args, **how))
    header, arrays = asked("space_tiles", layers=["3", "2", "logits"], side=8)
    monkeypatch.undo()
    assert len(times) == 1 and len(header["classes"]) == 5
    for plane in header["planes"]:
        layer, height, width = plane["layer"], plane["height"], plane["width"]
        values = torch.tensor(read_input(workspace, layer))
        maps = values.reshape(len(values), *(values.shape[1:] or (1, 1)))
        small = nn.functional.adaptive_avg_pool2d(maps, (height, width)).numpy()
        size = plane["columns"] * plane["rows"] * height * width
        picture = arrays["pixels"][plane["start"] : plane["start"] + size]
        picture = picture.reshape(plane["rows"] * height, plane["columns"] * width)
        assert (height, width) == ((8, 8) if layer != "logits" else (1, 1))
        assert plane["low"] == (-plane["high"] if values.min() < 0 else 0)
        assert plane["high"] == pytest.approx(float(values.abs().max()))
        for channel, own in enumerate(small):
            row, column = divmod(channel, plane["columns"])
            tile = picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
            told = plane["low"] + tile / 255 * (plane["high"] - plane["low"])
            assert np.abs(told - own).max() <= (plane["high"] - plane["low"]) / 255 * 0.51


def test_the_numbers_behind_a_neuron_add_up_channel_by_channel(asked, workspace):
    header, arrays = asked("neuron", layer="3", channel=1, place=[2, 5], top=2)
    assert header["unit"] == "3:1@2,5" and header["others"] == 4
    conv = workspace.network("tiny").module[3]
    given = torch.tensor(read_input(workspace, "2"))
    patch = nn.functional.pad(given, (1, 1, 1, 1))[:, 4:7, 10:13].numpy()
    weight = conv.weight[1].detach().numpy()
    sums = (patch * weight).sum((1, 2))
    order = np.argsort(-np.abs(sums))
    assert [(edge["layer"], edge["channel"]) for edge in header["edges"]] == [("2", int(c)) for c in order[:2]]
    for edge, one, inputs in zip(header["edges"], arrays["weights"], arrays["inputs"], strict=True):
        channel = edge["channel"]
        assert edge["value"] == pytest.approx(sums[channel], rel=1e-4, abs=1e-6)
        there = ~np.isnan(one)
        assert np.allclose(one[there], weight[channel][there], rtol=1e-5)
        assert np.allclose(inputs[there], patch[channel][there], rtol=1e-5)
    whole = sum(edge["value"] for edge in header["edges"]) + header["rest"] + header["bias"] + header["remainder"]
    assert whole == pytest.approx(header["total"], rel=1e-4, abs=1e-6)
    assert header["box"] == {"top": 2, "left": 8, "bottom": 7, "right": 13}


def test_the_numbers_of_a_class_are_by_units_of_the_layer_before(asked):
    header, _ = asked("neuron", layer="logits", channel=2)
    assert {edge["layer"] for edge in header["edges"]} == {"5"} and (len(header["edges"]), header["others"]) == (8, 56)
    assert header["box"] == {"top": 0, "left": 0, "bottom": 32, "right": 32}


def read_input(workspace, layer):
    """What a layer puts out for the first image at hand."""
    net = workspace.network("tiny")
    with torch.no_grad():
        return net.read(net.feed(net.see(workspace.image(workspace.pictures.images()[0].id))), layer)[layer][0].numpy()


class Headstrong(nn.Module):
    """It decides by numbers, which `torch.export` cannot follow."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        x = self.stem(x)
        if x.sum() > 1e9:
            x = x * 2
        return self.head(x.mean((2, 3)))


def test_without_a_graph_layers_are_a_chain_and_that_is_said(tmp_path):
    net = cs.Network(Headstrong().eval(), size=16, name="made")
    workspace = Workspace({"made": lambda: net}, Store(tmp_path / "store"))
    found = answer(Explorer(workspace, JobList(workspace, lambda *_: None)), "space", {"network": "made"})
    assert "no graph" in found.told and [plane.lane for plane in found.planes] == [0] * len(net.layers)
    workspace.store.close()
