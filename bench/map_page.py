"""The page of a map of 100,000 generated images in headless Chromium without a graphics card.

`python bench/map_page.py`: how long until the first points are painted, how many frames a second dragging paints, and
whether each of a thousand random images is its own. The picture of an image is its number in black and white squares.
What a server would answer is made here, so that it is the page alone that is measured.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, sync_playwright

from convscope.explorer.workspace import map_messages as messages
from convscope.explorer.workspace.frame import encode
from convscope.explorer.workspace.map_detail import atlas_slots, nested_order

BITS, COLUMNS, ROWS = 20, 5, 4
CELLS, SIZES = 32, (16, 32, 64)
MARGIN = 24  # pixels around the whole map
SHARE = 0.94  # of a grid's cell that its picture takes
DIGEST = "0" * 64
CANVAS = ".map-stage > canvas"
VIEWS = {"all points": "0.5,0.5,1", "small pictures": "0.5,0.5,7", "pictures": "0.5,0.5,16", "large": "0.5,0.5,60"}
DRAG = """steps => new Promise(done => { const map = document.querySelector('.map-stage');
  const box = map.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const say = (kind, step) => map.dispatchEvent(new PointerEvent(kind, { pointerId: 1, button: 0, bubbles: true,
    pointerType: 'mouse', clientX: Math.round(x + 90 * Math.sin(step / 9)),
    clientY: Math.round(y + 60 * Math.sin(step / 14)) }));
  map.setPointerCapture = () => undefined; say('pointerdown', 0);
  const times = []; let step = 0;
  const next = now => { times.push(now); step += 1;
    if (step > steps) { say('pointerup', step); done(times) }
    else { say('pointermove', step); requestAnimationFrame(next) } };
  requestAnimationFrame(next) })"""


class Made:
    """A map of n images in clusters, and the answers to what a page asks of it."""

    def __init__(self, n: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n, self.side = n, int(np.ceil(np.sqrt(n)))
        middles, self.classes = rng.uniform(-60, 60, (10, 2)), rng.integers(0, 10, n).astype(np.int32)
        self.points = (middles[self.classes] + rng.normal(0, 9, (n, 2))).astype(np.float32)
        order, self.levels = nested_order(self.points)
        self.order, self.slots = order.astype(np.int32), atlas_slots(self.points, order).astype(np.int32)
        self.by_slot = np.argsort(self.slots)
        rows = np.argsort(np.argsort(self.points[:, 1], kind="stable"), kind="stable") // self.side
        columns = np.empty(n, np.int64)
        for row in range(self.side):
            members = np.flatnonzero(rows == row)
            columns[members[np.argsort(self.points[members, 0], kind="stable")]] = np.arange(len(members))
        self.cells = np.stack([rows, columns], axis=1).astype(np.int32)

    def picture(self, number: int, side: int) -> NDArray[np.uint8]:
        """An image: its number in squares, the highest bit first."""
        bits = np.array([number >> (BITS - 1 - i) & 1 for i in range(BITS)], np.uint8).reshape(ROWS, COLUMNS) * 255
        rows, columns = np.arange(side) * ROWS // side, np.arange(side) * COLUMNS // side
        return np.asarray(bits[rows][:, columns])

    def page(self, page: int, size: int) -> bytes:
        """A page of thumbnails."""
        pixels = np.full((CELLS * size, CELLS * size), 128, np.uint8)
        for cell, number in enumerate(self.by_slot[page * CELLS**2 : (page + 1) * CELLS**2].tolist()):
            down, right = cell // CELLS * size, cell % CELLS * size
            pixels[down : down + size, right : right + size] = self.picture(number, size)
        return _webp(pixels)

    def answer(self, name: str, ask: Any) -> bytes:
        """What a server would answer."""
        return bytes(getattr(self, name)(ask))

    def maps(self, ask: Any) -> bytes:
        """The one map."""
        told = messages.MapInfo(digest=DIGEST, technique="embed", title="generated", network="lite0", layer="pool")
        return _plain(messages.Maps(maps=(told,)))

    def map(self, ask: Any) -> bytes:
        """Its header."""
        header = messages.MapHeader(
            digest=DIGEST, technique="embed", network="lite0", offered="lite0", layer="pool", method="tsne",
            metric="l2", images=self.n, dims=2, snapshots=("lite0",), classes=tuple(f"class {i}" for i in range(10)),
            levels=self.levels, quality={}, control={}, evidence={}, python="cs.embed(…)",
            colorings=(messages.ColoringInfo(by="class"),),
            atlas=messages.AtlasInfo(digest=DIGEST, pages=-(-self.n // CELLS**2), cells=CELLS, sizes=SIZES),
        )  # fmt: skip
        arrays = {"points": self.points[None], "classes": self.classes, "order": self.order, "slots": self.slots}
        return encode(header, arrays)

    def map_ids(self, ask: Any) -> bytes:
        """Who they are."""
        numbers = ask["numbers"]
        return _plain(messages.MapIds(ids=tuple(map(str, numbers)), classes=("",) * len(numbers)))

    def map_grid(self, ask: Any) -> bytes:
        """The grid."""
        return encode(messages.MapGrid(rows=self.side, columns=self.side), {"cells": self.cells})

    def map_atlas(self, ask: Any) -> bytes:
        """A page."""
        data = np.frombuffer(self.page(ask["page"], ask["size"]), np.uint8)
        return encode(messages.MapAtlas(page=ask["page"], size=ask["size"]), {"webp": data})

    def map_picture(self, ask: Any) -> bytes:
        """An image."""
        data = np.frombuffer(_webp(self.picture(ask["number"], 240)), np.uint8)
        return encode(messages.MapPicture(number=ask["number"], id="", label="", width=240, height=240), {"webp": data})


def _plain(message: Any) -> bytes:
    return bytes(message.model_dump_json().encode())


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()


def route(page: Page, made: Made) -> None:
    """Have the page answered by what was made."""

    def fulfil(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(body=made.answer(name, json.loads(route.request.post_data or "null")))

    page.route("**/api/map*", fulfil)


def settled(page: Page) -> str:
    """Wait until every picture in sight is there; how many there are."""
    before, same = "", 0
    while same < 4:
        page.wait_for_timeout(150)
        now = page.locator(CANVAS).get_attribute("data-painted") or ""
        before, same = now, same + 1 if now == before and now.isdigit() else 0
    return before


def clock(page: Page) -> Callable[[], float]:
    """Tells the milliseconds that the page's main thread has computed, however busy the machine is."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(row["value"]) for row in metrics if row["name"] == "TaskDuration")

    return spent


def dragged(page: Page, spent: Callable[[], float], frames: int = 90) -> str:
    """Frames a second, the slowest of twenty, and what the page computes for one."""
    before = spent()
    gaps = np.diff(page.evaluate(DRAG, frames))
    own, slow = (spent() - before) / frames, np.percentile(gaps, 95)
    return f"{1000 / gaps.mean():.0f} frames/s, 1 in 20 slower than {slow:.0f} ms; {own:.1f} ms of the page's CPU each"


def shown(page: Page) -> NDArray[np.uint8]:
    """The canvas as it is, (height, width)."""
    data = page.locator(CANVAS).evaluate("canvas => canvas.toDataURL('image/png')").partition(",")[2]
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))


def checked(page: Page, made: Made, go: Callable[[str], None], count: int) -> tuple[int, int]:
    """Looks at images in random places of the grid: how many there were, and how many were not their own."""
    rng, looked, wrong = np.random.default_rng(1), 0, 0
    owner = {(row, column): number for number, (row, column) in enumerate(made.cells.tolist())}
    while looked < count:
        # of such cells fewer are in sight than the 2,000 pictures there may be
        (x, y), zoom = rng.uniform(0.1, 0.9, 2).round(4), float(rng.choice([12, 20, 40]))
        go(f"layout=grid&view={x},{y},{zoom:g}")
        settled(page)
        pixels = shown(page)
        height, width = pixels.shape
        pitch = zoom * (min(width, height) - 2 * MARGIN) / made.side
        reach = ((np.array([height, width]) / 2 - 2 * pitch) / pitch).astype(int)
        for _ in range(100):
            cell = (np.array([y, x]) * made.side).astype(int) + rng.integers(-reach, reach + 1)
            number = owner.get((int(cell[0]), int(cell[1])))
            if number is None:
                continue
            middle = ((cell + 0.5) - np.array([y, x]) * made.side) * pitch + np.array([height, width]) / 2
            looked, wrong = looked + 1, wrong + (read(pixels, middle, SHARE * pitch) != number)
    return looked, wrong


def read(pixels: NDArray[np.uint8], middle: NDArray[np.float64], side: float) -> int:
    """The number that a picture shows."""
    rows = [int(middle[0] + ((i + 0.5) / ROWS - 0.5) * side) for i in range(ROWS)]
    columns = [int(middle[1] + ((i + 0.5) / COLUMNS - 0.5) * side) for i in range(COLUMNS)]
    return int("".join("01"[int(bit > 127)] for bit in pixels[np.ix_(rows, columns)].ravel()), 2)


@contextmanager
def explored() -> Iterator[tuple[str, str]]:
    """A running explorer: its address and token."""
    words = [sys.executable, "-m", "convscope", "explore", "lite0", "--no-open", "--port", "0", "--store"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as store:
        server = subprocess.Popen([*words, store], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address, _, token = server.stdout.readline().strip().partition("#")
        try:
            yield address, token
        finally:
            server.terminate()
            server.wait(30)


def measure(page: Page, made: Made, shots: str) -> None:
    """Measure it all."""

    def go(rest: str) -> None:
        page.evaluate(f"location.hash = '#/map/{DIGEST}?{rest}'")

    page.evaluate("performance.mark('asked')")
    spent = clock(page)
    before = spent()
    go("")
    page.wait_for_selector(f"{CANVAS}[data-painted]")
    took = page.evaluate("performance.now() - performance.getEntriesByName('asked')[0].startTime")
    print(f"first points: {took:.0f} ms, {spent() - before:.0f} ms of the page's CPU")
    for name, view in VIEWS.items():
        go(f"view={view}")
        count = settled(page)
        print(f"dragging, {name} ({count} pictures):", dragged(page, spent))
        if shots:
            page.screenshot(path=f"{shots}/map-{name.replace(' ', '-')}.png")
    looked, wrong = checked(page, made, go, 1000)
    print(f"wrong images: {wrong} of {looked}")
    if shots:
        page.screenshot(path=f"{shots}/map-grid.png")


def main() -> None:
    """Open the page, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--shots", default="", help="a folder for pictures of the page")
    asked = parser.parse_args()
    made = Made(asked.images)
    with explored() as (address, token), sync_playwright() as play:
        words = ["--no-sandbox", "--disable-gpu"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=words)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(180_000)  # however busy the machine is
        page.on("pageerror", lambda error: print("error:", error))
        route(page, made)
        page.goto(f"{address}#{token}")
        page.wait_for_selector("[data-shown^=grid]")
        measure(page, made, asked.shots)
        browser.close()


if __name__ == "__main__":
    main()
