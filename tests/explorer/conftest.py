"""A workspace with a tiny network, as the explorer has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import convscope as cs
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.workspace import Workspace
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.store import Store

MakeWorkspace = Callable[[], Workspace]


@pytest.fixture
def new_workspace(tiny: cs.Network, tmp_path: Path) -> Iterator[MakeWorkspace]:
    """Makes a workspace on the same folder each time it is called, as a server that is started again does."""
    made: list[Workspace] = []

    def make() -> Workspace:
        for old in made:
            old.store.close()
        made.append(Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store")))
        made[-1].begin()
        return made[-1]

    yield make
    made[-1].store.close()


@pytest.fixture
def workspace(new_workspace: MakeWorkspace) -> Workspace:
    """A workspace."""
    return new_workspace()


@pytest.fixture
def page(workspace: Workspace) -> Iterator[TestClient]:
    """A page of a server in this process, which knows the token, `secret`; a body may take half a second."""
    hosts, events = {"127.0.0.1:8765", "localhost:8765", "[::1]:8765"}, Events()
    app = make_app(Served(workspace, JobList(workspace, events.tell).begin(), events, "secret"), hosts, seconds=0.5)
    with TestClient(app, "http://127.0.0.1:8765", headers={"Authorization": "Bearer secret"}) as opened:
        yield opened
