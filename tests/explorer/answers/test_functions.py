"""What functions put out, in the explorer: no row of its table, but at hand by address."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from starlette.testclient import TestClient
from torch import nn

import convscope as cs
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.workspace import Workspace
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.store import Store

CAT = cs.open_image("sample:cat")


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(F.relu(self.conv(x)).mean((2, 3)))


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Functional().eval(), size=16)


@pytest.fixture
def page(net, tmp_path):
    workspace, events = Workspace({"own": lambda: net}, Store(tmp_path / "store")), Events()
    workspace.begin()
    app = make_app(
        Served(workspace, JobList(workspace, events.tell).begin(), events, "secret"), {"127.0.0.1:8765"}, seconds=5
    )
    with TestClient(app, "http://127.0.0.1:8765", headers={"Authorization": "Bearer secret"}) as opened:
        yield opened
    workspace.store.close()


def ask(page, call, **fields):
    answer = page.post(f"/api/{call}", json={"network": "own", "layer": "relu@1", **fields})
    assert answer.status_code == 200, answer.text
    return decode(answer.content)


def test_they_are_looked_at_by_address(page, net):
    header, arrays = ask(page, "look", image=CAT.digest)
    values = cs.activations(net, CAT, "relu@1").values
    np.testing.assert_allclose(arrays["high"], values.reshape(4, -1).max(1))
    assert (header["layer"], tuple(header["shape"])) == ("relu@1", (4, 14, 14))
    assert ask(page, "unit", image=CAT.digest, channel=2)[0]["unit"] == "relu@1:2"
    traced = ask(page, "look", image=CAT.digest, traced="logits:1")[1]
    assert traced["high"].any()


def test_their_fields_are_found_when_asked_for(page, net):
    header, arrays = ask(page, "fields")
    top, left, bottom, right = net.receptive_field("relu@1:0@5,6").local
    assert arrays["rows"][5].tolist() == [top, bottom] and arrays["columns"][6].tolist() == [left, right]
    assert header["status"] == "exact"
