"""The page of trainings: two runs side by side, of which one is paused, stepped and set from another process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import BrowserContext, expect

from ..training.live.test_live import Loop
from .conftest import STATIC
from .test_access import AXE, RUN


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A loop that runs, into `running`."""
    running = Loop(tmp_path / "running")
    yield running
    running.end()


@pytest.fixture
def watched(loop: Loop, tmp_path: Path) -> Iterator[str]:
    """The link of `convscope watch` for it and for one that has ended."""
    if not STATIC.is_file() or not AXE.is_file():
        pytest.skip("the page is not built: python web/build.py")
    Loop(tmp_path / "ended").end()
    folders = [str(tmp_path / name) for name in ("running", "ended")]
    words = [sys.executable, "-m", "convscope", "watch", *folders, "--no-open", "--store", str(tmp_path / "store")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(30)
    process.stdout.close()


def test_two_runs_are_watched_and_the_one_that_runs_is_steered(
    loop: Loop, watched: str, new_context: Callable[[], BrowserContext]
) -> None:
    context = new_context()
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(watched)
    controls = page.get_by_role("region", name="Loop", exact=True)
    expect(controls.get_by_text("Running")).to_be_visible()
    expect(controls.get_by_text("Forward")).to_be_visible()  # it has told how it stands
    expect(page.get_by_role("img", name=re.compile("^Weight gradients of 0, from"))).to_be_visible()
    expect(page.get_by_role("region", name="Test pictures").get_by_text("✓").first).to_be_attached()
    expect(page.get_by_text("The network is in another process.")).to_be_visible()

    controls.get_by_role("button", name="Pause").click()
    expect(controls.get_by_text("Paused", exact=True)).to_be_visible()
    at = loop.recorder.steps
    controls.get_by_role("button", name="10 steps").click()
    expect(page.get_by_role("slider", name="Step")).to_have_value(str(at + 10))
    rate = controls.get_by_label("Learning rate")
    rate.fill("0.0125")
    rate.press("Enter")
    expect(page.get_by_role("region", name="What happened")).to_contain_text("0.1 → 0.0125")
    assert loop.optimizer.param_groups[0]["lr"] == 0.0125 and loop.recorder.steps == at + 10
    rate.fill("fast")
    rate.press("Enter")
    expect(page.get_by_text("Learning rate must be a number, not fast.").last).to_be_attached()

    page.get_by_role("combobox", name="Beside it").select_option("1")
    expect(page.get_by_role("region", name="Loop B").get_by_text("Ended", exact=True)).to_be_visible()
    slider = page.get_by_role("slider", name="Step")
    slider.press("Home")
    expect(page).to_have_url(re.compile(r"#/training/0\?beside=1&at=0$"))
    expect(page.get_by_role("heading", name=re.compile("as step 0 began"))).to_be_visible()
    page.reload()
    expect(page.get_by_role("region", name="Loop B")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(AXE.read_text())
        assert page.evaluate(f"{RUN}.then(told => told.violations.map(v => [v.id, v.nodes.map(n => n.html)]))") == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save numbers").click()
    assert '"learning_rate": 0.0125' in Path(saved.value.path()).read_text()
    page.get_by_role("region", name="Loop A").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("region", name="Loop A").get_by_text("Running")).to_be_visible()
    assert not wrong
    context.close()
