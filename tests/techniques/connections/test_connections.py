"""Circuits: complete ones keep all of a unit, what is asked of them is what is kept, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.view.figures.registry import draw

ALL = {"keep": 1.0, "most": 32, "into": 1000}


def rows(table):
    return {(row["source"], row["target"]): row["value"] for row in table.to_pylist()}


def photo(seed=0, size=32):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_with_everything_kept_nothing_is_lost_and_the_ledger_adds_up(tiny):
    found = cs.connections(tiny, photo(), "logits:1", **ALL)
    assert found.kept == pytest.approx(1) and found.random == pytest.approx(1)
    assert found.units[-1] == "logits:1" and found.units[:3] == ("input:0", "input:1", "input:2")
    ledger = found.ledger.to_pylist()
    assert [row["box"] for row in ledger] == ["2", "3", "logits"]
    for row in ledger:
        assert row["inputs"] + row["bias"] + row["remainder"] == pytest.approx(row["output"], rel=1e-5, abs=1e-6)
    assert ledger[-1]["output"] == pytest.approx(found.value, rel=1e-5)
    for name in ("2:3", "3:0"):
        out = sum(value for (source, _), value in rows(found.edges).items() if source == name)
        assert out == pytest.approx(found.flows[found.units.index(name)], rel=1e-4, abs=1e-6)


def test_a_circuit_is_no_larger_than_asked_and_its_edges_are_the_strongest(tiny):
    whole = rows(cs.connections(tiny, photo(), "logits:1", **ALL).edges)
    few = cs.connections(tiny, photo(), "logits:1", keep=1, most=2, into=2, draws=3)
    edges = rows(few.edges)
    assert all(value == pytest.approx(whole[edge], rel=1e-4) for edge, value in edges.items())
    layers = [unit.partition(":")[0] for unit in few.units]
    assert max(map(layers.count, layers)) <= 2 and len(few.random) == 3
    assert all(sum(target == one for _, target in edges) <= 2 for one in few.units)
    into = {edge: abs(value) for edge, value in whole.items() if edge[1] == "logits:1" and edge[0] in few.units}
    assert {edge for edge in edges if edge[1] == "logits:1"} == {*sorted(into, key=into.get)[-2:]}


def test_the_test_is_a_forward_with_means_in_place(tiny):
    found = cs.connections(tiny, photo(), "logits:1", keep=1, most=1, into=1, draws=0)
    module, kept = tiny.module, {unit.partition(":")[0]: int(unit.partition(":")[2]) for unit in found.units[-3:-1]}
    assert {*kept} == {"2", "3"}
    photos = torch.cat([tiny.prepare(f"sample:{name}") for name in cs.samples()])
    with torch.no_grad():
        first = module[:3]
        means = {"2": first(photos).mean((0, 2, 3)), "3": module[:4](photos).mean((0, 2, 3))}
        value = first(tiny.prepare(photo()))
        for layer, rest in (("2", module[3:4]), ("3", module[4:])):
            mask = torch.arange(value.shape[1]) == kept[layer]
            value = rest(torch.where(mask[:, None, None], value, means[layer][:, None, None]))
    assert found.kept == pytest.approx(float(value[0, 1]) / found.value, rel=1e-4)


def test_a_silent_unit_is_said_and_nothing_is_drawn(tiny):
    with torch.no_grad():
        tiny.module[1].bias[2] = -1e4
        tiny.module[1].weight[2] = 1
    found = cs.connections(tiny, photo(), "2:2")
    assert found.value == 0 and "silent" in found.evidence and not len(found.edges) and np.isnan(found.kept)
    view = draw(found)
    assert "circuit" not in view.arrays and "no circuit" in view.note


@pytest.mark.parametrize(
    ("unit", "words"),
    [("probs:1", "Use logits:1"), ("2", "2:0"), ("input:0", "Use a layer"), ("logits:1 - logits:2", "not the sum")],
)
def test_what_is_no_unit_is_refused_with_the_next_step(tiny, unit, words):
    with pytest.raises(cs.ConvscopeError, match=words):
        cs.connections(tiny, photo(), unit)


def test_a_unit_of_the_first_layer_has_edges_from_the_image_alone(tiny):
    found = cs.connections(tiny, photo(), "0:1@3,4")
    assert {source for source, _ in rows(found.edges)} == {"input:0", "input:1", "input:2"}
    assert found.units[-1] == "0:1@3,4" and found.kept == pytest.approx(1)


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        y = self.conv(x)
        return (y if y.mean() > 0 else -y).mean((2, 3))


def test_what_cannot_be_exported_is_refused_with_the_reason():
    with pytest.raises(cs.ConvscopeError, match=r"cannot be exported: .+"):
        cs.connections(cs.Network(Deciding(), size=16), photo(size=16), "logits:0")


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.start, self.step, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        x = self.start(x)
        for _ in range(3):
            x = self.step(x).relu()
        return self.head(x.mean((2, 3)))


def test_runs_of_a_module_used_again_are_told_apart():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = cs.Network(Recurrent().eval(), size=16)
    found = cs.connections(net, photo(size=16), "logits:0", **ALL)
    assert found.boxes == ("start", "step#1", "step#2", "step", "logits") and "step#1" in found.evidence["no_address"]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    import PIL.Image

    for number in range(4):
        PIL.Image.fromarray(photo(number)).save(folder / f"{number}.png")
    return folder


def test_of_a_scan_it_is_the_mean_over_the_images_that_drive_the_unit_most(tiny, scanned, tmp_path):
    scan = cs.scan(tiny, scanned, tmp_path / "scan", layers="2,3,logits", top=3)
    found = cs.connections(tiny, scan, "2:4", **ALL)
    hits = scan.top("2:4", 5)
    alone = [cs.connections(tiny, scanned / hit.image, f"2:4@{hit.y},{hit.x}", **ALL) for hit in hits]
    each = [rows(one.edges) for one in alone]
    for (source, _), value in rows(found.edges).items():
        wanted = np.mean([sum(v for (s, _), v in one.items() if s == source) for one in each])
        assert value == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    assert found.image is None and len(found.crops) == len(found.units) and found.crops[-1].size
    assert cs.connections(tiny, str(tmp_path / "scan"), "2:4", **ALL).request.digest == found.request.digest
    with_crops = cs.connections(tiny, photo(), "logits:1", scan=tmp_path / "scan")
    assert with_crops.evidence["mean_of"] == "4 images of the scan" and any(crop.size for crop in with_crops.crops)


def test_the_picture_has_a_column_a_layer(tiny):
    found = cs.connections(tiny, photo(), "logits:1", draws=2)
    wide, narrow = draw(found), draw(found, columns=2)
    assert "all 4 layers" in wide.panels[-1].title and "the last 2 of 4 layers" in narrow.panels[-1].title
    assert wide.arrays["circuit"].std() > 5 and "by chance" in wide.note


def test_the_module_is_as_it_was(tiny):
    before = [(name, tensor._version, tensor.requires_grad) for name, tensor in tiny.module.named_parameters()]
    cs.connections(tiny, photo(), "logits:1")
    after = [(name, tensor._version, tensor.requires_grad) for name, tensor in tiny.module.named_parameters()]
    assert before == after and all(tensor.grad is None for tensor in tiny.module.parameters())


class Attending(nn.Module):
    """Attention whose tokens come before its images."""

    def __init__(self):
        super().__init__()
        self.patches, self.attention, self.head = nn.Conv2d(3, 8, 4, 4), nn.MultiheadAttention(8, 2), nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).permute(2, 0, 1)
        return self.head((tokens + self.attention(tokens, tokens, tokens)[0]).mean(0))


def test_attention_says_what_it_leaves_as_remainder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = cs.Network(Attending().eval(), size=16)
    found = cs.connections(net, photo(size=16), "logits:0", draws=3, **ALL)
    assert "operations of attention leave a remainder" in found.evidence["attention"]
    assert found.evidence["ledger_gap"] < 1e-4 and found.kept == pytest.approx(1, rel=1e-4)
    few = cs.connections(net, photo(size=16), "logits:0", most=2, draws=3)
    assert np.isfinite(few.kept) and np.isfinite(few.random).all()
