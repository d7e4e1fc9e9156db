"""A training by the Trainer of Hugging Face that is recorded is bit for bit the one that is not."""

from __future__ import annotations

import importlib
import sys
import warnings

import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import MissingExtra

from .loops import batch, tiny


def test_where_it_is_not_installed_it_says_how_to(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "convscope.training.transformers", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'convscope\[transformers\]'"):
        importlib.import_module("convscope.training.transformers")


class Model(nn.Module):
    """A small net that speaks as the Trainer wants it."""

    def __init__(self):
        super().__init__()
        self.net = tiny()

    def forward(self, pixel_values, labels=None):
        logits = self.net(pixel_values)
        return {"logits": logits} if labels is None else {
            "loss": nn.functional.cross_entropy(logits, labels), "logits": logits
        }  # fmt: skip


def fit(transformers, folder, callbacks):
    """Eight batches, two a step, evaluated after each epoch."""
    torch.manual_seed(0)
    module = Model()
    images, classes = batch(32)
    rows = [{"pixel_values": x, "labels": y} for x, y in zip(images, classes, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = transformers.TrainingArguments(
            str(folder), per_device_train_batch_size=8, gradient_accumulation_steps=2, num_train_epochs=2,
            eval_strategy="epoch", logging_steps=1, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
        )  # fmt: skip
        trainer = transformers.Trainer(module, asked, train_dataset=rows, eval_dataset=rows, callbacks=callbacks)
        trainer.train()
    return module.state_dict()


@pytest.mark.sweep
def test_weights_are_the_same_bit_for_bit(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers", reason="needs transformers, no part of the test extra")
        pytest.importorskip("accelerate", reason="needs accelerate, which is no part of the test extra")
        from convscope.training.transformers import RecorderTrainerCallback
    state = fit(transformers, tmp_path / "plain", [])
    callback = RecorderTrainerCallback(tmp_path / "run", every=1, probe=batch(), budget=1.0)
    other = fit(transformers, tmp_path / "recorded", [callback])
    assert all(torch.equal(state[name], other[name]) for name in state)
    record = cs.open_record(tmp_path / "run")
    assert not record.table("events").to_pylist()
    steps = record.table("steps")
    assert steps["step"].to_pylist() == [0, 1, 2, 3]
    assert steps["forwards"].to_pylist() == [2] * 4
    assert None not in steps["loss"].to_pylist()
    assert [value is None for value in steps["eval_loss"].to_pylist()] == [True, False, True, False]
