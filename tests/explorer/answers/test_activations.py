"""What the grid and the unit panel are told: the numbers of the library, to the last step of a byte."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.kept_graph import field_of
from convscope.explorer.workspace.workspace import Workspace
from convscope.network.layer_choice import first_layer
from convscope.store import Store

CAT = cs.open_image("sample:cat")
LAYERS = ["input", "0", "2", "3", "5", "logits"]


def ask(page, call, **fields):
    answer = page.post(f"/api/{call}", json={"network": "tiny", "image": CAT.digest, **fields})
    assert answer.status_code == 200, answer.text
    return decode(answer.content)


@pytest.mark.parametrize("layer", LAYERS)
def test_tiles_are_the_activations_within_a_step(page, tiny, layer):
    values = cs.activations(tiny, CAT, layer).values
    header, arrays = ask(page, "look", layer=layer)
    maps = values.reshape(len(values), -1)
    assert np.array_equal(arrays["low"], maps.min(1)) and np.array_equal(arrays["high"], maps.max(1))
    assert np.allclose(arrays["mean"], maps.mean(1), atol=1e-6)
    span = (arrays["high"] - arrays["low"])[:, None, None]
    shown = arrays["low"][:, None, None] + arrays["tiles"] / 255 * span
    whole = values if values.ndim == 3 else values[:, None, None]
    assert np.all(np.abs(shown - whole) <= span / 255 / 2 + 1e-5)
    assert header["shape"] == list(values.shape) and bool(header["explained"]) == (values.ndim == 1)


def test_larger_maps_are_pooled_to_the_side_and_stay_within_their_own_range(page, tiny):
    values = cs.activations(tiny, CAT, "0").values
    _, arrays = ask(page, "look", layer="0", side=8)
    span = (arrays["high"] - arrays["low"])[:, None, None]
    shown = arrays["low"][:, None, None] + arrays["tiles"] / 255 * span
    pooled = values.reshape(len(values), 8, 4, 8, 4).mean((2, 4))
    assert np.all(np.abs(shown - pooled) <= span / 255 / 2 + 1e-5)


def test_a_layer_that_is_not_square_keeps_its_shape():
    from convscope.explorer.answers.activations import tiles

    values = np.random.default_rng(0).normal(size=(3, 90, 30)).astype(np.float32)
    low, high = values.min((1, 2)), values.max((1, 2))
    assert tiles(values, low, high, 30).shape == (3, 30, 10)
    flat = np.full((2, 4, 4), 7, np.float32)
    assert not tiles(flat, flat[:, 0, 0], flat[:, 0, 0], 56).any()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_unit_is_the_activation_exactly(page, tiny, layer):
    values = cs.activations(tiny, CAT, layer).values
    for channel in range(len(values)):
        header, arrays = ask(page, "unit", layer=layer, channel=channel)
        assert np.array_equal(arrays["map"], values[channel].reshape(arrays["map"].shape))
        assert header["low"] == float(values[channel].min()) and header["high"] == float(values[channel].max())
        assert header["zeros"] == float((values[channel] == 0).mean())
        peaks = values.reshape(len(values), -1).max(1)
        assert header["rank"] == 1 + int((peaks > peaks[channel]).sum())
        assert header["unit"] == f"{layer}:{channel}"


def test_classes_are_what_the_network_predicts(page, tiny):
    header, _ = ask(page, "look", layer="0")
    found = [(row["label"], row["index"], row["probability"]) for row in header["classes"]]
    assert found == [(label, index, pytest.approx(p)) for label, index, p in tiny.predict(CAT)]
    logits = cs.activations(tiny, CAT, "logits").values
    assert [row["score"] for row in header["classes"]] == [float(logits[row["index"]]) for row in header["classes"]]


BOX = {"top": 4, "left": 8, "bottom": 20, "right": 30}


def test_what_is_hidden_is_hidden(page, tiny):
    x = tiny.prepare(CAT)
    x[..., 4:20, 8:30] = 0
    with torch.no_grad():
        read = tiny.read(x, "0", "logits")
    _, arrays = ask(page, "unit", layer="0", channel=2, hidden=[BOX])
    assert np.array_equal(arrays["map"], read["0"][0, 2].numpy())
    shown, _ = ask(page, "look", layer="0", hidden=[BOX])
    assert shown["classes"][0]["score"] == pytest.approx(float(read["logits"].max()))
    plain, _ = ask(page, "look", layer="0")
    assert plain["classes"] != shown["classes"]


def test_its_python_gives_the_same_numbers(page, tiny, monkeypatch):
    monkeypatch.setattr(cs, "load", lambda *_: tiny)
    for hidden in ([], [BOX]):
        header, arrays = ask(page, "unit", layer="2", channel=1, hidden=hidden)
        *steps, last = header["python"].splitlines()
        scope = {"cs": cs, "net": tiny}
        exec("\n".join(line for line in steps if line != "net = net"), scope)
        with torch.no_grad():
            assert np.array_equal(np.asarray(eval(last, scope)), arrays["map"])


def test_the_reach_of_all_layers(page, tiny):
    header, _ = ask(page, "look", layer="0", reach=True)
    maps = [cs.activations(tiny, CAT, name).values for name, row in tiny.layers.items() if len(row.shape) == 3]
    assert header["reach"] == [min(float(m.min()) for m in maps), max(float(m.max()) for m in maps)]


@pytest.mark.parametrize("layer", ["0", "2", "3", "4", "6", "logits"])
def test_fields_are_the_receptive_fields(page, tiny, layer):
    header, arrays = ask_fields(page, layer)
    shape = tiny.layers[layer].shape
    places = [(y, x) for y in range(shape[1]) for x in range(shape[2])] if len(shape) == 3 else [(0, 0)]
    for y, x in places[:: max(1, len(places) // 7)]:
        address = f"{layer}:0@{y},{x}" if len(shape) == 3 else f"{layer}:0"
        field = tiny.receptive_field(address)
        (top, bottom), (left, right) = arrays["rows"][y], arrays["columns"][x]
        assert (top, left, bottom, right) == field.local
    assert header["layer"] == layer and header["status"] in ("exact", "upper bound", "whole input")


def ask_fields(page, layer):
    answer = page.post("/api/fields", json={"network": "tiny", "layer": layer})
    assert answer.status_code == 200, answer.text
    return decode(answer.content)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"layer": "nothing"}, "UnknownLayer"),
        ({"layer": "0", "network": "other"}, "UnknownNetwork"),
        ({"layer": "0", "network": "../../model.pt"}, "UnknownNetwork"),
        ({"layer": "0", "image": "f" * 64}, "BadImage"),
        ({"layer": "0:3"}, "UnknownUnit"),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(page, fields, kind):
    refused = page.post("/api/look", json={"network": "tiny", "image": CAT.digest, **fields})
    assert refused.status_code == 400 and refused.json()["kind"] == kind
    refused = page.post("/api/unit", json={"network": "tiny", "image": CAT.digest, "layer": "0", "channel": 6})
    assert refused.json() == {"error": "0 has 6 channels, numbered 0 to 5, not 6.", "kind": "UnknownUnit"}


def test_maps_come_from_memory_the_second_time(page, tiny, monkeypatch):
    ask(page, "look", layer="2")
    monkeypatch.setattr(cs.Network, "read", lambda *_: pytest.fail("the network ran again"))
    ask(page, "look", layer="2")
    ask(page, "unit", layer="2", channel=3)


class Branches(nn.Module):
    """Two ways that meet, as in a residual block, inside a block of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.stem(x)
        joined = torch.cat([self.left(x), self.right(x) + x], 1)
        return self.head(joined).mean((2, 3))


class Headstrong(Branches):
    """Cannot be exported: what it does depends on the values."""

    def forward(self, x):
        x = super().forward(x)
        return x if float(x.sum()) > 0 else x + 0


def workspace_of(module, folder):
    net = cs.Network(module.eval(), size=16, name="made")
    return Workspace({"made": lambda: net}, Store(folder))


def test_layers_say_whose_outputs_they_read(tmp_path):
    workspace = workspace_of(Branches(), tmp_path)
    rows = {row.name: row.inputs for row in workspace.loaded("made").info.layers}
    assert rows == {
        "input": (),
        "stem": ("input",),
        "left": ("stem",),
        "right.0": ("stem",),
        "right.1": ("right.0",),
        "right": ("right.1",),
        "head": ("stem", "left", "right"),
        "logits": ("head",),
    }
    workspace.store.close()


def test_the_wiring_of_a_network_is_kept_and_has_no_circle(tmp_path, tiny, monkeypatch):
    workspace = Workspace({"tiny": lambda: tiny}, Store(tmp_path))
    first = workspace.loaded("tiny")
    names = list(tiny.layers)
    for row in first.info.layers:
        assert all(names.index(name) < names.index(row.name) for name in row.inputs)
    for place in ("layer_graph", "neuron_windows"):
        monkeypatch.setattr(f"convscope.graph.{place}.executed", lambda *_: pytest.fail("it was traced again"))
    fresh = copy.deepcopy(tiny)  # which knows nothing yet of what its neurons see
    again = Workspace({"tiny": lambda: fresh}, workspace.store).loaded("tiny")
    assert again.info == first.info
    for name in names:
        assert np.array_equal(field_of(fresh, name).rows, field_of(tiny, name).rows)
    workspace.store.close()


def test_where_the_graph_cannot_be_found_layers_are_a_chain_and_see_everything(tmp_path):
    workspace = workspace_of(Headstrong(), tmp_path)
    loaded = workspace.loaded("made")
    names = [row.name for row in loaded.info.layers]
    assert [row.inputs for row in loaded.info.layers] == [(), *((name,) for name in names[:-1])]
    field = field_of(loaded.net, "stem")
    assert field.status == "upper bound" and field.rows.tolist() == [[0, 16]] * 16
    workspace.store.close()


def test_the_layer_to_begin_with_is_in_the_middle_and_can_be_taken_in(lite0, tiny):
    row = lite0.layers[first_layer(lite0)]
    assert 24 <= row.units <= 128 and len(row.shape) == 3
    at = list(lite0.layers).index(row.name) / len(lite0.layers)
    assert 0.3 < at < 0.7
    assert first_layer(tiny) in tiny.layers and len(tiny.layers[first_layer(tiny)].shape) == 3
