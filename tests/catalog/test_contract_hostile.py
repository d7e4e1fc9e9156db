"""Library and command line agree on a network with windows in its batch, state of its own, and a softmax at its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import nn

import convscope as cs
from convscope.catalog.catalog import CATALOG, CatalogEntry
from convscope.fronts.cli.main import convscope
from convscope.zoo import zoo

SUBJECTS = {"net": "hostile:net", "image": "sample:cat", "unit": "logits:1", "layer": "stem"}
SUBJECTS |= {"content": "sample:cat", "style": "sample:coffee", "source": "samples", "other": "hostile:net"}
SUBJECTS |= {"changed": "sample:flower", "selection": "cat"}
QUICK = {
    "smoothgrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "integrated_gradients": {"steps": 3, "limit": 5},
    "occlusion": {"size": 8, "stride": 8},
    "rise": {"samples": 9},
    "perturbation_mask": {"steps": 3},
    "insertion_deletion": {"steps": 3},
    "sanity_check": {"layers": 2},
    "maximize": {"steps": 2, "size": 16},
    "sheet": {"steps": 2, "size": 16, "channels": 2},
    "invert": {"steps": 3},
    "dream": {"octaves": 1, "steps": 2, "size": 16},
    "style": {"steps": 2, "size": 32},
    "compare": {"methods": "saliency,gradcam", "steps": 3},
    "embed": {"iterations": 9},
    "cw": {"steps": 2, "searches": 1},
    "minimal": {"steps": 1, "begin": 1},
    "fooling": {"steps": 2},
    "universal": {"rounds": 1},
}


class Hostile(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.mix, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4), nn.Linear(6, 3)
        self.beside, self.calls = nn.Conv2d(3, 2, 3), 0
        self.register_buffer("scale", torch.linspace(0.5, 2, 4).view(1, 4, 1, 1), persistent=False)

    def forward(self, x):
        self.calls += 1
        n, _, h, w = x.shape
        y = F.relu(self.stem(x), inplace=True) * self.scale * self.calls
        y = y.reshape(n, 4, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, 4)
        y = self.mix(y).reshape(n, h // 4, w // 4, 4, 4, 4).permute(0, 5, 1, 3, 2, 4).reshape(n, 4, h, w)
        z = F.relu_(self.beside(x)).mean((2, 3))
        return self.head(torch.cat([y.mean((2, 3)), z], 1)).softmax(1)


def build(_name, _weights):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Hostile(), size=16, name="hostile")


@pytest.mark.parametrize("technique", [e for e in CATALOG if "scan" not in e.subjects], ids=lambda entry: entry.name)
def test_library_and_command_line_give_one_digest_or_one_sentence(
    technique: CatalogEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(zoo._SOURCES, "hostile", "hostile")  # a source of the zoo, as those of timm are
    monkeypatch.setitem(sys.modules, "convscope.zoo.hostile", SimpleNamespace(hostile=build))
    net, knobs = cs.load("hostile:net"), QUICK.get(technique.name, {})
    before = {name: value.clone() for name, value in net.module.named_buffers()}
    words = [SUBJECTS[name] for name in technique.subjects]
    given = [word for name, value in knobs.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    ran = CliRunner().invoke(convscope, [technique.command, *words, *given, "--json", "-o", str(tmp_path / "x.png")])
    try:
        result = technique.function(net, *words[1:], **knobs)
    except cs.ConvscopeError as error:
        assert str(ran.exception) == str(error) and not (tmp_path / "x.png").exists()
    else:
        assert ran.exit_code == 0, ran.output
        assert result.request is not None and json.loads(ran.output)["digest"] == result.request.digest
        assert result.save(tmp_path / "y.png").read_bytes() == (tmp_path / "x.png").read_bytes()
    assert net.module.calls == 0 and all(torch.equal(v, before[n]) for n, v in net.module.named_buffers())
    assert not any(part._forward_hooks for part in net.module.modules())
