"""A live explorer of lite0 and a headless Chromium, for tests that use the page as its users do."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PATIENCE = 120_000  # milliseconds, however busy the machine is
expect.set_options(timeout=PATIENCE)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STATIC = Path(__file__).parents[2] / "src" / "convscope" / "fronts" / "server" / "static" / "index.html"
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


class Explorer:
    """A running `convscope explore`; `link` is what it printed."""

    def __init__(self, *words: str) -> None:
        self.words = [sys.executable, "-m", "convscope", "explore", "lite0", "--no-open", *words]
        self.start()

    def start(self) -> None:
        """Run it, and wait for its link."""
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        assert "#token=" in self.link, "the first line must be the link"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(how)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """An explorer with a store of its own."""
    if not STATIC.is_file():
        pytest.skip("the page is not built: python web/build.py")
    running = Explorer("--port", "0", "--store", str(tmp_path_factory.mktemp("store")))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a camera that shows a test picture."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *CAMERA])
        yield started
        started.close()


@pytest.fixture(scope="module")
def new_context(browser: Browser) -> Callable[..., BrowserContext]:
    """Makes a browser without memory, as wide as is asked, in which nothing moves."""

    def make(width: int = 1440, **options: Any) -> BrowserContext:
        made = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce", **options)
        made.set_default_timeout(PATIENCE)
        return made

    return make


@pytest.fixture
def context(new_context: Callable[..., BrowserContext]) -> Iterator[BrowserContext]:
    """A reader, who may use the camera and the clipboard."""
    made = new_context()
    made.grant_permissions(["camera", "clipboard-read", "clipboard-write"])
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, explorer: Explorer) -> Iterator[Page]:
    """The page, with its first grid painted; an error on its console fails the test."""
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(explorer.link)
    _painted(opened)
    yield opened
    assert not wrong


@pytest.fixture
def painted() -> Callable[..., None]:
    """Waits until the grid has painted what it is to show, IMAGE/LAYER or a part of that."""
    return _painted


def _painted(page: Page, shown: str = "/") -> None:
    page.wait_for_function(
        "shown => document.querySelector('[data-shown^=grid]')?.dataset.shown.includes(shown)", arg=shown
    )
