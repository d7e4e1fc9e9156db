"""Everything the API's own document allows, and much it does not: the server refuses, and never breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from starlette.testclient import TestClient

import convscope as cs
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.workspace import Workspace
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.fronts.server.openapi import openapi
from convscope.store import Store

schemathesis = pytest.importorskip("schemathesis", reason="needs the extra `test`")
API = schemathesis.openapi.from_dict(openapi())
TOKEN = {"Authorization": "Bearer token"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server of a network so small that whatever is asked is soon done."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net = cs.Network(module.eval(), size=16, name="tiny")
    workspace = Workspace({"tiny": lambda: net}, Store(tmp_path_factory.mktemp("store")))
    workspace.begin()
    events = Events()
    app = make_app(Served(workspace, JobList(workspace, events.tell).begin(), events, "token"), {"testserver"})
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    workspace.store.close()


@API.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
def test_whatever_is_sent_nothing_breaks(case: schemathesis.Case, browser: TestClient) -> None:
    sent = case.as_transport_kwargs(base_url="http://testserver")
    sent["headers"] = {**dict(sent.get("headers") or {}), **TOKEN}
    if "data" in sent:
        sent["content"] = sent.pop("data")
    sent.pop("cookies", None)
    answered = browser.request(**sent)
    assert answered.status_code < 500, answered.text
    if answered.status_code >= 400 and answered.headers.get("content-type") == "application/json":
        assert answered.json()["error"]


def test_the_server_still_answers(browser: TestClient, tmp_path: Path) -> None:
    assert browser.get("/api/session", headers=TOKEN).json()["network"]["name"] == "tiny"
