"""A Lightning training that is recorded is bit for bit the one that is not."""

from __future__ import annotations

import importlib
import sys
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import convscope as cs
from convscope.base.errors import BadKnob, MissingExtra

from .loops import batch, tiny


def test_where_it_is_not_installed_it_says_how_to(monkeypatch):
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "convscope.training.lightning", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'convscope\[lightning\]'"):
        importlib.import_module("convscope.training.lightning")


@pytest.fixture(scope="module")
def lightning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("lightning.pytorch", reason="needs lightning, which is no part of the test extra")


def model(lightning):
    """A LightningModule around a small net, which logs, accumulates and validates."""

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = tiny()

        def forward(self, x):
            return self.net(x)

        def training_step(self, given, _number):
            loss = nn.functional.cross_entropy(self(given[0]), given[1])
            self.log("own", loss.detach() * 2)
            return loss

        def validation_step(self, given, _number):
            self.log("val", nn.functional.cross_entropy(self(given[0]), given[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1, momentum=0.9)

    return Model()


def fit(lightning, folder, callbacks, module=None, **more):
    """Four batches an epoch, two a step."""
    torch.manual_seed(0)
    module = module or model(lightning)
    data = DataLoader(TensorDataset(*batch(16)), 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=2, accumulate_grad_batches=2, accelerator="cpu", logger=False, enable_progress_bar=False,
            enable_model_summary=False, default_root_dir=folder, callbacks=callbacks, log_every_n_steps=1,
            **{"enable_checkpointing": False, **more},
        )  # fmt: skip
        trainer.fit(module, data, data)
    return trainer, module.state_dict()


@pytest.mark.sweep
def test_weights_are_the_same_bit_for_bit(lightning, tmp_path):
    from convscope.training.lightning import RecorderCallback

    _, state = fit(lightning, tmp_path, [])
    callback = RecorderCallback(tmp_path / "run", every=1, probe=batch(), budget=1.0)
    _, other = fit(lightning, tmp_path, [callback])
    assert all(torch.equal(state[name], other[name]) for name in state)
    record = cs.open_record(tmp_path / "run")
    assert not record.table("events").to_pylist()
    steps = record.table("steps")
    assert steps["step"].to_pylist() == [0, 1, 2, 3]
    assert steps["forwards"].to_pylist() == [2] * 4
    assert None not in steps["loss"].to_pylist()
    assert None not in steps["own"].to_pylist()
    assert [value is not None for value in steps["val"].to_pylist()].count(True) == 1  # of the first epoch, once
    assert "net.0" in record.layers
    assert len(record.snapshots) > 2


@pytest.mark.sweep
def test_a_part_can_be_recorded_and_a_checkpoint_goes_on(lightning, tmp_path):
    from convscope.training.lightning import RecorderCallback

    trainer, _ = fit(lightning, tmp_path, [RecorderCallback(tmp_path / "run", part="net")], barebones=False)
    trainer.save_checkpoint(tmp_path / "at.ckpt")
    callback = RecorderCallback(tmp_path / "run", part="net")
    callback.load_state_dict({"steps": 3})
    fit(lightning, tmp_path, [callback])
    record = cs.open_record(tmp_path / "run")
    assert record.layers[0] == "0"
    assert record.steps == 7
    assert record.table("steps")["session"].to_pylist() == [0] * 3 + [1] * 4
    kept = torch.load(tmp_path / "at.ckpt", weights_only=True)["callbacks"]
    assert [state for name, state in kept.items() if "RecorderCallback" in name] == [{"steps": 4}]
    with pytest.raises(BadKnob, match="a part of the module, not 'nothing'"):
        fit(lightning, tmp_path, [RecorderCallback(tmp_path / "run", part="nothing")])
