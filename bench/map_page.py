"""The page of a map of 100,000 generated images in headless Chromium without a graphics card: `python bench/map_page.py`.

How long until the first points are painted, how many frames a second dragging and zooming paint, and whether each of a
thousand random images is its own: the picture of an image shows its number as black and white squares. What the server
would answer is made here and handed to the page, so that it is the page alone that is measured.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
from playwright.sync_api import Page, Route, sync_playwright

from convscope.explorer.workspace import map_messages as messages
from convscope.explorer.workspace.frame import encode

BITS, COLUMNS, ROWS = 20, 5, 4
CELLS, SIZES = 32, (16, 32, 64)
DIGEST = "0" * 64
FRAMES = """count => new Promise(done => { const times = []; const next = now => { times.push(now);
  times.length > count ? done(times) : requestAnimationFrame(next) }; requestAnimationFrame(next) })"""
DRAG = """([steps, held]) => new Promise(done => { const map = document.querySelector('.map-stage');
  const box = map.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const say = (kind, step) => map.dispatchEvent(new PointerEvent(kind, { pointerId: 1, button: 0, bubbles: true,
    isPrimary: true, pointerType: 'mouse', clientX: x + 90 * Math.sin(step / 9), clientY: y + 60 * Math.sin(step / 14) }));
  map.setPointerCapture = () => undefined; say('pointerdown', 0);
  const times = []; let step = 0;
  const next = now => { times.push(now); step += 1;
    if (step > steps) { say('pointerup', step); done(times) } else { say('pointermove', step); requestAnimationFrame(next) } };
  requestAnimationFrame(next) })"""


def nested(points: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """One image of each cell first, coarse cells before fine ones; those of a level along a curve, as a server packs."""
    places = ((points - points.min(0)) / np.ptp(points, axis=0).max() * 4095).astype(np.int64)
    order, left = [], rng.permutation(len(points))
    for level in range(13):
        cells = places[left] >> (12 - level)
        curve = sum(((cells[:, axis] >> bit & 1) << (2 * bit + axis)) for bit in range(12) for axis in (0, 1))
        taken = set() if not order else {tuple(cell) for cell in places[np.concatenate(order)] >> (12 - level)}
        fresh = np.array([tuple(cell) not in taken for cell in cells])
        _, first = np.unique(np.where(fresh, curve, -1), return_index=True)
        chosen = first[fresh[first]]
        order.append(left[chosen][np.argsort(curve[chosen], kind="stable")])
        left = np.delete(left, chosen)
    return np.concatenate([*order, left]).astype(np.int32)


class Made:
    """A map of n images in clusters, and the answers to what a page asks of it."""

    def __init__(self, n: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n, self.side = n, int(np.ceil(np.sqrt(n)))
        middles, self.classes = rng.uniform(-60, 60, (10, 2)), rng.integers(0, 10, n).astype(np.int32)
        self.points = (middles[self.classes] + rng.normal(0, 9, (n, 2))).astype(np.float32)
        self.order = nested(self.points, rng)
        self.slots = np.empty(n, np.int32)
        self.slots[self.order] = np.arange(n)
        cells = np.stack(np.divmod(np.arange(n), self.side), axis=1).astype(np.int32)
        self.cells = cells[np.argsort(np.argsort(self.points[:, 1], kind="stable"), kind="stable")]

    def picture(self, number: int, side: int) -> np.ndarray[Any, Any]:
        """An image: its number in squares, the highest bit first."""
        bits = np.array([number >> (BITS - 1 - i) & 1 for i in range(BITS)], np.uint8).reshape(ROWS, COLUMNS) * 255
        rows, columns = np.arange(side) * ROWS // side, np.arange(side) * COLUMNS // side
        return bits[rows][:, columns]

    def page(self, page: int, size: int) -> bytes:
        """A page of thumbnails."""
        pixels = np.full((CELLS * size, CELLS * size), 128, np.uint8)
        for slot, number in enumerate(self.order[page * CELLS**2 : (page + 1) * CELLS**2]):
            down, right = slot // CELLS * size, slot % CELLS * size
            pixels[down : down + size, right : right + size] = self.picture(int(number), size)
        return _webp(pixels)

    def answer(self, name: str, ask: Any) -> bytes:
        """What a server would answer."""
        return {
            "maps": self._maps,
            "map": self._header,
            "map_ids": lambda ask: _plain(
                messages.MapIds(ids=[f"image {i}" for i in ask["numbers"]], classes=["" for _ in ask["numbers"]])
            ),
            "map_grid": lambda ask: encode(messages.MapGrid(rows=self.side, columns=self.side), {"cells": self.cells}),
            "map_atlas": lambda ask: encode(
                messages.MapAtlas(page=ask["page"], size=ask["size"]), {"webp": _bytes(self.page(ask["page"], ask["size"]))}
            ),
            "map_picture": lambda ask: encode(
                messages.MapPicture(number=ask["number"], id="", label="", width=240, height=240),
                {"webp": _bytes(_webp(self.picture(ask["number"], 240)))},
            ),
            "map_neighbors": lambda ask: _plain(
                messages.MapNeighbors(number=0, id="", label="", metric="l2", on_map=(), in_layer=(), shared=0)
            ),
        }[name](ask)

    def _maps(self, ask: Any) -> bytes:
        told = messages.MapInfo(digest=DIGEST, technique="embed", title="generated", network="lite0", layer="pool")
        return _plain(messages.Maps(maps=(told,)))

    def _header(self, ask: Any) -> bytes:
        pages = -(-self.n // CELLS**2)
        header = messages.MapHeader(
            digest=DIGEST, technique="embed", network="lite0", offered="lite0", layer="pool", method="tsne", metric="l2",
            images=self.n, dims=2, snapshots=("lite0",), classes=tuple(f"class {i}" for i in range(10)), levels=(),
            quality={"trustworthiness": 0.97, "recall": 0.31, "hit": 0.83, "centroid_recall": 0.7}, control={},
            evidence={"perplexity": [30.0], "seed": 0}, python="cs.embed(…)", colorings=(messages.ColoringInfo(by="class"),),
            atlas=messages.AtlasInfo(digest=DIGEST, pages=pages, cells=CELLS, sizes=SIZES),
        )  # fmt: skip
        arrays = {"points": self.points[None], "classes": self.classes, "order": self.order, "slots": self.slots}
        return encode(header, arrays)


def _plain(message: Any) -> bytes:
    return bytes(message.model_dump_json().encode())


def _bytes(data: bytes) -> np.ndarray[Any, Any]:
    return np.frombuffer(data, np.uint8)


def _webp(pixels: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()


def route(page: Page, made: Made) -> None:
    """Have the page answered by what was made."""

    def fulfil(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        ask = json.loads(route.request.post_data or "null")
        framed = name in ("map", "map_grid", "map_atlas", "map_picture")
        kind = "application/octet-stream" if framed else "application/json"
        route.fulfill(body=made.answer(name, ask), content_type=kind)

    page.route("**/api/map*", fulfil)


def settled(page: Page) -> None:
    """Wait until every picture in sight is there."""
    before, same = "", 0
    while same < 6:
        page.wait_for_timeout(100)
        now = page.evaluate("document.querySelector('.map-stage canvas')?.dataset.painted ?? ''")
        before, same = now, same + 1 if now == before and now.isdigit() else 0


def told(times: list[float]) -> str:
    """Frames a second, and the slowest of twenty."""
    gaps = np.diff(times)
    return f"{1000 / gaps.mean():.0f} frames/s, 1 in 20 slower than {np.percentile(gaps, 95):.0f} ms"


def checked(page: Page, made: Made, go: Callable[[str], None], count: int) -> tuple[int, int]:
    """Looks at images in random places of the grid: how many there were, and how many were not their own."""
    rng, looked, wrong = np.random.default_rng(1), 0, 0
    owner = {(int(row), int(column)): i for i, (row, column) in enumerate(made.cells)}
    while looked < count:
        x, y = rng.uniform(0.1, 0.9, 2).round(5)
        zoom = float(rng.choice([8, 12, 20]))
        go(f"layout=grid&view={x},{y},{zoom:g}")
        settled(page)
        shot = page.locator(".map-stage > canvas").evaluate(
            "canvas => [canvas.width, canvas.height, canvas.toDataURL('image/png')]"
        )
        import base64

        pixels = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(shot[2].partition(",")[2]))).convert("L"))
        width, height = shot[:2]
        scale = zoom * (min(width, height) - 48)
        pitch = scale / made.side
        for _ in range(60):
            row, column = rng.integers(0, made.side, 2)
            spot = (np.array([column, row]) + 0.5) / made.side
            right, down = (spot - (x, y)) * scale + (width / 2, height / 2)
            if not (pitch < right < width - pitch and pitch < down < height - pitch) or (row, column) not in owner:
                inside = ((np.array([width, height]) / 2 - pitch * 2) / pitch).astype(int)
                column, row = (np.array([x, y]) * made.side).astype(int) + rng.integers(-inside, inside)
                spot = (np.array([column, row]) + 0.5) / made.side
                right, down = (spot - (x, y)) * scale + (width / 2, height / 2)
                if (row, column) not in owner or not (pitch < right < width - pitch and pitch < down < height - pitch):
                    continue
            side = round(0.94 * pitch)
            left, top = round(right - side / 2), round(down - side / 2)
            rows = [top + int((i + 0.5) * side / ROWS) for i in range(ROWS)]
            columns = [left + int((i + 0.5) * side / COLUMNS) for i in range(COLUMNS)]
            bits = pixels[np.ix_(rows, columns)].ravel() > 127
            found = int("".join("01"[int(bit)] for bit in bits), 2)
            looked, wrong = looked + 1, wrong + (found != owner[row, column])
    return looked, wrong


def main() -> None:
    """Measure it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--shots", default="", help="a folder for pictures of the page")
    asked = parser.parse_args()
    made = Made(asked.images)
    words = [sys.executable, "-m", "convscope", "explore", "lite0", "--no-open", "--port", "0", "--store"]
    server = subprocess.Popen([*words, tempfile.mkdtemp()], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address, _, token = server.stdout.readline().strip().partition("#")
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(180_000)  # however busy the machine is
            page.on("pageerror", lambda error: print("error:", error))
            route(page, made)
            page.goto(f"{address}#{token}")
            page.wait_for_selector("[data-shown^=grid]")
            page.evaluate("performance.mark('asked')")
            page.evaluate(f"location.hash = '#/map/{DIGEST}'")
            page.wait_for_selector(".map-stage > canvas[data-painted]")
            print(f"first points: {page.evaluate('performance.now() - performance.getEntriesByName(`asked`)[0].startTime'):.0f} ms")

            def go(rest: str) -> None:
                page.evaluate(f"location.hash = '#/map/{DIGEST}?{rest}'")

            idle = page.evaluate(FRAMES, 60)
            print("nothing moves:", told(idle))
            for name, view in (("all points", "0.5,0.5,1"), ("pictures, small", "0.5,0.5,7"), ("pictures", "0.5,0.5,16"), ("large", "0.5,0.5,60")):
                go(f"view={view}")
                settled(page)
                drawn = page.locator(".map-stage > canvas").get_attribute("data-painted")
                print(f"dragging, {name} ({drawn} pictures):", told(page.evaluate(DRAG, [90, 0])))
                if asked.shots:
                    page.screenshot(path=f"{asked.shots}/map-{name.replace(', ', '-').replace(' ', '-')}.png")
            looked, wrong = checked(page, made, go, 1000)
            print(f"wrong images: {wrong} of {looked}")
            if asked.shots:
                page.screenshot(path=f"{asked.shots}/map-grid.png")
            browser.close()
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
