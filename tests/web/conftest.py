"""A live explorer of lite0 and a headless Chromium, for tests that use the page as its users do."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

PATIENCE = 120_000  # milliseconds, however busy the machine is
expect.set_options(timeout=PATIENCE)
LAYER = "blocks.1.0"  # 24 units of 56 × 56

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


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """An explorer with a store of its own, the same for all tests of the page."""
    if not STATIC.is_file():
        pytest.skip("the page is not built: python web/build.py")
    running = Explorer("--port", "0", "--store", str(tmp_path_factory.mktemp("store")))
    yield running
    running.stop()


@pytest.fixture(scope="module")  # no longer: a browser that is open leaves an event loop running
def new_context() -> Iterator[Callable[[], BrowserContext]]:
    """Makes a browser without memory, whose camera shows a test picture, and in which nothing moves."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *CAMERA])

        def make() -> BrowserContext:
            made = started.new_context(reduced_motion="reduce")
            made.set_default_timeout(PATIENCE)
            return made

        yield make
        started.close()


@pytest.fixture(scope="module")  # no longer: a browser that is open leaves an event loop running
def reader(new_context: Callable[[], BrowserContext]) -> Page:
    """The one tab of a reader, who may use the camera and the clipboard."""
    context = new_context()
    context.grant_permissions(["camera", "clipboard-read", "clipboard-write"])
    return context.new_page()


Opens = Callable[..., Page]


@pytest.fixture
def opened(reader: Page, explorer: Explorer) -> Iterator[Opens]:
    """Opens the page at a place as if for the first time, so wide; an error on its console fails the test.

    What a page knows of earlier visits is in its local storage alone. It is emptied where nothing of the page runs.
    """
    wrong: list[object] = []

    def note(error: object) -> None:
        wrong.append(error)

    def open(place: str = "", width: int = 1440) -> Page:
        address, _, token = explorer.link.partition("#")
        reader.set_viewport_size({"width": width, "height": 900})
        reader.emulate_media(color_scheme="light")
        reader.mouse.move(0, 0)
        reader.goto(f"{address}api")
        reader.evaluate("localStorage.clear()")
        reader.goto(f"{address}#{place and f'/lite0/{place}?'}{token}")
        _painted(reader, f"/{place}")
        return reader

    reader.on("pageerror", note)
    yield open
    reader.remove_listener("pageerror", note)
    assert not wrong


@pytest.fixture
def page(opened: Opens) -> Page:
    """The page, with its first grid painted."""
    return opened()


@pytest.fixture
def at_layer(opened: Opens) -> Page:
    """The page on a layer of few units."""
    return opened(LAYER)


@pytest.fixture
def painted() -> Callable[..., None]:
    """Waits until the grid has painted what it is to show, IMAGE/LAYER or a part of that."""
    return _painted


def _painted(page: Page, shown: str = "/") -> None:
    page.wait_for_function(
        "shown => document.querySelector('[data-shown^=grid]')?.dataset.shown.includes(shown)", arg=shown
    )
