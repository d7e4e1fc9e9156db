"""What is noted of a step equals a slow recomputation of it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.scan.statistics.bins import bin_edges

from .loops import batch, tiny


def slow(module, x, y, layer):
    """The statistics of a layer's outputs and its gradients, in float64."""
    twin = copy.deepcopy(module).double()
    seen = []
    handle = twin.get_submodule(layer).register_forward_hook(lambda m, i, out: seen.append(out.detach().clone()))
    twin[4].p = 0.0
    nn.functional.cross_entropy(twin(x.double()), y).backward()
    handle.remove()
    return seen[0].transpose(0, 1).flatten(1) if seen[0].ndim > 2 else seen[0].T, twin


def test_statistics_equal_a_slow_recomputation(tmp_path):
    module, (x, y) = tiny(), batch(32)
    module[4].p = 0.0
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    twins = []
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        for _ in range(3):
            twins.append(copy.deepcopy(module))
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            optimizer.step()
    twins.append(module)
    table = cs.open_record(tmp_path).table("layers").to_pylist()
    assert len(table) == 3 * 7
    for row in table:
        before, after = twins[row["step"]], twins[row["step"] + 1]
        values, run = slow(before, x, y, row["layer"])
        np.testing.assert_allclose(row["mean"], values.mean(1), rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(row["mean_square"], values.square().mean(1), rtol=2e-4, atol=1e-7)
        np.testing.assert_allclose(row["zero_share"], (values == 0).double().mean(1), rtol=2e-4, atol=2e-3)
        assert row["nonfinite"] == 0
        own = dict(run.get_submodule(row["layer"]).named_parameters(recurse=False))
        if not own:
            assert row["weight_norm"] is None
            continue
        late = dict(after.get_submodule(row["layer"]).named_parameters(recurse=False))
        both = {name: (w.detach(), w.grad, late[name].detach() - w.detach()) for name, w in own.items()}
        for what, place in (("weight", 0), ("gradient", 1), ("update", 2)):
            norm = torch.cat([found[place].flatten() for found in both.values()]).norm()
            assert row[f"{what}_norm"] == pytest.approx(float(norm), rel=1e-3)
        assert row["update_ratio"] == pytest.approx(row["update_norm"] / row["weight_norm"], rel=1e-5)


def test_histograms_hold_every_value_of_the_sample_tails_included(tmp_path):
    module = nn.Sequential(nn.Linear(4, 3))
    with torch.no_grad():
        module[0].weight[:] = torch.tensor([1e-3, -1e-3, 1e-3, 1e-3])
        module[0].weight[0, 0] = 50.0
    optimizer = torch.optim.SGD(module.parameters(), 0.0)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        module(torch.ones(2, 4)).sum().backward()
        optimizer.step()
    (row,) = cs.open_record(tmp_path).table("layers").to_pylist()
    counts, edges = np.array(row["weights_bins"]), bin_edges() * 2.0 ** row["weights_power"]
    assert counts.sum() == 12
    (largest,) = [i for i in np.flatnonzero(counts) if edges[i] <= 50 < edges[i + 1]]
    assert counts[largest] == 1
    assert counts[edges[1:] < 0].sum() == 3


def test_gradients_of_mixed_precision_are_unscaled(tmp_path):
    rows = []
    for scale in (1.0, 2.0**12):
        torch.manual_seed(0)
        module, (x, y) = tiny(), batch()
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        folder = tmp_path / str(scale)
        with cs.Recorder(module, optimizer, folder=folder, every=1):
            scaler.scale(nn.functional.cross_entropy(module(x), y)).backward()
            scaler.step(optimizer)
            scaler.update()
        rows.append([row["gradient_norm"] for row in cs.open_record(folder).table("layers").to_pylist()])
    assert rows[0] == rows[1]


def test_a_fused_optimizer_takes_the_scale_off_itself(tmp_path):
    module = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(module.parameters(), 0.1, fused=True)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        (module(torch.ones(1, 2)).sum() * 8).backward()
        optimizer.grad_scale, optimizer.found_inf = torch.tensor(8.0), torch.tensor(0.0)
        optimizer.step()
    (row,) = cs.open_record(tmp_path).table("layers").to_pylist()
    assert row["gradient_norm"] == pytest.approx(6**0.5)  # four weights and two biases, 1 each


def test_dead_saturated_and_nonfinite_are_counted(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Sigmoid())
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias[:] = torch.tensor([1.0, -1.0, -1.0, 2.0])
        module[2].weight[:] = torch.tensor([[10.0, 0, 0, 0], [0.0, 0, 0, 0]])
        module[2].bias.zero_()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        module(torch.ones(5, 3)).sum().backward()
        optimizer.step()
        with torch.no_grad():
            module[0].weight[0] = torch.inf
        module(torch.ones(5, 3)).sum().backward()
    rows = {(row["step"], row["layer"]): row for row in cs.open_record(tmp_path).table("layers").to_pylist()}
    assert rows[0, "1"]["dead"] == 2
    assert rows[0, "3"]["saturated"] == pytest.approx(0.5)
    assert rows[0, "1"]["saturated"] is None


def test_what_is_not_finite_is_counted_and_named(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(module.parameters(), 0.0)
    with pytest.warns(cs.ConvscopeWarning, match="nonfinite"), cs.Recorder(module, folder=tmp_path, every=1):
        for number in range(3):
            with torch.no_grad():
                module[1].weight[0] = torch.nan if number == 2 else 1.0
            module(torch.ones(5, 3)).sum().backward()
            optimizer.step()
    record = cs.open_record(tmp_path)
    (event,) = record.table("events").to_pylist()
    assert (event["what"], event["layer"], event["step"]) == ("nonfinite", "1", 2)
    assert record.table("layers")["nonfinite"].to_pylist() == [0, 0, 0, 0, 0, 5]


def test_a_module_called_several_times_a_pass_is_counted_whole(tmp_path):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.one, self.two = nn.ReLU(), nn.Linear(3, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.relu(self.two(self.relu(self.one(x))))

    module = Twice()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        x = torch.randn(6, 3)
        with torch.no_grad():
            first = module.one(x).relu()
            both = torch.cat([first, module.two(first).relu()])
        module(x).sum().backward()
        optimizer.step()
    found = {row["layer"]: row for row in cs.open_record(tmp_path).table("layers").to_pylist()}
    np.testing.assert_allclose(found["relu"]["mean"], both.mean(0), rtol=3e-4, atol=1e-6)


def test_gradients_that_a_closure_takes_are_those_of_its_first_run(tmp_path):
    """As L-BFGS and trainers give them: the optimizer calls for the gradients itself."""
    found = []
    for style in ("plain", "closure", "keyword"):
        module, (x, y) = tiny(), batch()
        module[4].p = 0.0
        optimizer = torch.optim.SGD(module.parameters(), 0.1)

        def closure(module=module, optimizer=optimizer, x=x, y=y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(module(x), y)
            loss.backward()
            return loss

        with cs.Recorder(module, folder=tmp_path / style, every=1):
            for _ in range(2):
                if style == "plain":
                    closure()
                    optimizer.step()
                elif style == "closure":
                    optimizer.step(closure)
                else:
                    optimizer.step(closure=closure)
        record = cs.open_record(tmp_path / style)
        found.append((record.table("layers")["gradient_norm"].to_pylist(), record.filters(0).gradients.tolist()))
    assert found[0] == found[1] == found[2]
    assert found[0][0][0] > 0
