"""Settings of every optimizer of torch, as they are and as they are set."""

from __future__ import annotations

import pytest
import torch

from convscope.base.errors import BadKnob
from convscope.training.live.settings import group_settings, put_setting, setting

WEIGHTS = torch.nn.Linear(3, 2)
WITHOUT = {
    "momentum": {"Adagrad", "Adadelta", "Rprop", "ASGD", "LBFGS", "Adafactor"},
    "weight_decay": {"Rprop", "LBFGS", "SparseAdam"},
}
OPTIMIZERS = [
    kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and name not in ("Optimizer", "Muon")
]


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["learning_rate", "momentum", "weight_decay"])
def test_a_setting_is_set_or_refused(kind, name):
    optimizer = kind(WEIGHTS.parameters(), 0.1)
    group = optimizer.param_groups[0]
    if kind.__name__ in WITHOUT.get(name, ()):
        assert setting(group, name) is None
        with pytest.raises(BadKnob, match=f"{kind.__name__} has no"):
            put_setting(group, name, 0.5, kind.__name__)
        return
    put_setting(group, name, 0.5)
    assert group_settings([optimizer])[0][name] == 0.5
    with pytest.raises(BadKnob, match="must be at least 0"):
        put_setting(group, name, -0.1)


def test_what_is_a_tensor_stays_one_and_other_betas_stay():
    rate = torch.tensor(0.1)
    optimizer = torch.optim.Adam(WEIGHTS.parameters(), rate, betas=(0.9, 0.99))
    group = optimizer.param_groups[0]
    put_setting(group, "learning_rate", 0.25)
    put_setting(group, "momentum", 0.5)
    assert group["lr"] is rate and float(rate) == 0.25
    assert tuple(group["betas"]) == (0.5, 0.99)


def test_nesterov_needs_momentum():
    optimizer = torch.optim.SGD(WEIGHTS.parameters(), 0.1, momentum=0.9, nesterov=True)
    with pytest.raises(BadKnob, match="above 0"):
        put_setting(optimizer.param_groups[0], "momentum", 0.0)
