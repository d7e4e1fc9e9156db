"""The explorer in a real browser: `python bench/explorer.py`, with nothing else busy. Needs Chromium.

lite0, 1440 × 900, headless Chromium without a GPU on the same cores. The page marks what it has painted in attributes,
`data-shown`; times run from the click to that mark, in the page's own clock. Then the same while a synthesis job runs,
and four browsers for two minutes.
"""

from __future__ import annotations

import gzip
import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

STATIC = Path(__file__).parents[1] / "src" / "convscope" / "fronts" / "server" / "static"
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
TURNS = 15
LAYERS = ("conv_stem", "blocks.1.0", "blocks.3", "conv_head")
WIDE = "conv_head"  # 1,280 channels
SECONDS, READERS = 120, 4
WATCH = """
window.marks = []
new MutationObserver(seen => {
    for (const { target } of seen) marks.push([target.dataset.shown, performance.now()])
}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-shown']})
"""
AFTER = """async ([act, wanted]) => {
    const start = performance.now()
    marks.length = 0
    act && document.querySelector(act).click()
    for (;;) {
        const found = marks.find(([shown]) => shown.includes(wanted))
        if (found) return found[1] - start
        if (performance.now() - start > 20000) throw new Error('nothing was painted')
        await new Promise(done => setTimeout(done, 2))
    }
}"""
PRESS = """async key => {
    const start = performance.now()
    marks.length = 0
    document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))
    for (;;) {
        const found = ['unit:', 'trace:'].map(kind => marks.find(([shown]) => shown.startsWith(kind)))
        if (found.every(Boolean)) return found.map(([, at]) => at - start)
        if (performance.now() - start > 20000) throw new Error('nothing was painted')
        await new Promise(done => setTimeout(done, 2))
    }
}"""


def main() -> None:
    """Print the table."""
    folder = tempfile.mkdtemp()
    started = time.perf_counter()
    words = [sys.executable, "-m", "convscope", "explore", "lite0", "--no-open", "--port", "0", "--store", folder]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        link = server.stdout.readline().strip()
        print(f"process start to link: {time.perf_counter() - started:.1f} s")
        with sync_playwright() as play:
            where = shutil.which("chromium")
            browser = play.chromium.launch(executable_path=where, args=["--no-sandbox", *CAMERA])
            measure(browser, link, server.pid)
            browser.close()
    finally:
        server.terminate()
        shutil.rmtree(folder, ignore_errors=True)


def measure(browser: Browser, link: str, pid: int) -> None:
    """All rows."""
    opened(browser, link, 1440).close()  # the first one waits for the network, too
    first = [load(browser, link) for _ in range(3)]
    print(f"torch server on 2 threads, Chromium {browser.version}, Python {platform.python_version()}\n")
    print("| what | at most | quiet | while a synthesis job runs |\n|---|---|---|---|")
    print(f"| first load: JavaScript, gzip | 120 kB | {script() / 1e3:.0f} kB | |")
    print(f"| first load: time to first grid | 1.5 s | {statistics.median(first) / 1e3:.2f} s | |")
    page = opened(browser, link, 1440)
    quiet = rows(page)
    job = submit(link)
    busy = rows(page)
    print_rows(quiet, busy)
    fps, asked = hover(page)
    print(f"| hover over {WIDE}, 1,280 tiles: images a second; requests | 60; 0 | {fps:.0f}; {asked} | (job running) |")
    cancel(link, job)
    fps, asked = hover(page)
    print(f"| the same without a job | 60; 0 | {fps:.0f}; {asked} | |")
    print(f"| camera → grid, images a second | 8 or more | {camera(page):.1f} | |")
    page.close()
    crowd(link, pid)


def print_rows(quiet: dict[str, float], busy: dict[str, float]) -> None:
    """What takes milliseconds."""
    most = {"new image → grid painted": 300, "select a unit → enlarged activation": 50, "… → its guided backprop": 250}
    for name, value in quiet.items():
        print(f"| {name} | {most[name.split(',')[0]]} ms | {value:.0f} ms | {busy[name]:.0f} ms |", flush=True)


def script() -> int:
    """Bytes of JavaScript the page loads at first, compressed."""
    names = re.findall(r'(?:src|href)="/?(assets/[^"]+\.js)"', (STATIC / "index.html").read_text())
    return sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)


def opened(browser: Browser, link: str, width: int) -> Page:
    """A page that has painted its first grid."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.grant_permissions(["camera"])
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("[data-shown*='grid:']")
    return page


def load(browser: Browser, link: str) -> float:
    """Milliseconds from navigation to the first grid, in a browser without a cache."""
    page = opened(browser, link, 1440)
    first: float = page.evaluate("marks.find(([shown]) => shown.startsWith('grid:'))[1]")
    page.context.close()
    return first


def rows(page: Page) -> dict[str, float]:
    """Medians, in milliseconds."""
    found: dict[str, float] = {}
    for layer in LAYERS:
        goto(page, layer)
        times = []
        for _ in range(TURNS):
            other = "[role=radiogroup][aria-label^=Pictures] [role=radio][aria-checked=false]"
            page.evaluate(
                "selector => { document.querySelectorAll('[data-next]').forEach(e => delete e.dataset.next);"
                " const all = [...document.querySelectorAll(selector)];"
                " all[Math.floor(Math.random() * all.length)].dataset.next = '' }",
                other,
            )
            times.append(page.evaluate(AFTER, ["[data-next]", "grid:"]))
            page.wait_for_timeout(300)
        found[f"new image → grid painted, {layer}"] = statistics.median(times)
    goto(page, "blocks.1.0")
    activation, traced = [], []
    for turn in range(TURNS):
        page.wait_for_timeout(400)
        key = "ArrowRight" if turn % 20 < 10 else "ArrowLeft"
        times = page.evaluate(PRESS, key)
        activation.append(times[0])
        traced.append(times[1])
    found["select a unit → enlarged activation"] = statistics.median(activation)
    found["… → its guided backprop"] = statistics.median(traced)
    return found


def goto(page: Page, layer: str) -> None:
    """Select a layer by the search."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill(layer)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[data-shown$='/{layer}']")
    page.wait_for_timeout(500)


def hover(page: Page) -> tuple[float, int]:
    """Images a second while the pointer moves over 1,280 tiles, and how many requests that made."""
    goto(page, WIDE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box = page.get_by_role("grid").bounding_box()
    assert box is not None
    page.evaluate(
        "() => { window.frames_ = []; tick(performance.now());"
        " function tick(at) { frames_.push(at); window.timer_ = requestAnimationFrame(tick) } }"
    )
    for i in range(150):
        page.mouse.move(box["x"] + 3 + (5 * i) % (box["width"] - 6), box["y"] + 3 + (3 * i) % (box["height"] - 6))
    times: list[float] = page.evaluate("() => { cancelAnimationFrame(timer_); return frames_ }")
    gaps = [b - a for a, b in pairwise(times)]
    return 1000 / statistics.median(gaps), len(asked)


def camera(page: Page) -> float:
    """Grids a second from the camera."""
    goto(page, "blocks.3")
    page.keyboard.press("c")
    page.wait_for_timeout(3000)
    count: int = page.evaluate(
        "async () => { marks.length = 0; await new Promise(done => setTimeout(done, 5000));"
        " return marks.filter(([shown]) => shown.startsWith('grid:')).length }"
    )
    page.keyboard.press("c")
    return count / 5


def asked(link: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """An answer of the server, in JSON."""
    address, token = link.split("#token=")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(f"{address}api/{path}", data, headers), timeout=60))


def submit(link: str) -> str:
    """Begin a synthesis that lasts."""
    ask = {
        "network": "lite0",
        "technique": "maximize",
        "subjects": {"objective": "logits:1"},
        "knobs": {"steps": 50_000},
    }
    subjects = next(row["subjects"] for row in asked(link, "session")["techniques"] if row["name"] == "maximize")
    ask["subjects"] = {name: "logits:1" for name in subjects if name != "net"}
    job: str = asked(link, "submit", ask)["id"]
    while next(row for row in asked(link, "jobs")["jobs"] if row["id"] == job)["step"] < 5:
        time.sleep(0.2)
    return job


def cancel(link: str, job: str) -> None:
    """End it."""
    asked(link, "cancel", {"id": job})


def crowd(link: str, pid: int) -> None:
    """Four browsers walk through units, layers and images for two minutes, with a job running."""
    job = submit(link)
    before = memory(pid)
    times: list[float] = []
    wrong: list[str] = []
    readers = [threading.Thread(target=walk, args=(link, seed, times, wrong)) for seed in range(READERS)]
    for reader in readers:
        reader.start()
    middle = 0.0
    for second in range(SECONDS):
        time.sleep(1)
        middle = memory(pid) if second == SECONDS // 2 else middle
    for reader in readers:
        reader.join()
    cancel(link, job)
    p95 = statistics.quantiles(times, n=20)[-1]
    what = f"{READERS} browsers, {SECONDS} s, job running: errors; p95 of {len(times)} requests; the server's memory"
    when = f"before, after {SECONDS // 2} s, at the end"
    found = f"{len(wrong)}; {p95 / 1e3:.2f} s; {before:.2f}, {middle:.2f}, {memory(pid):.2f} GB"
    print(f"| {what} {when} | 0; 1 s; flat | {found} | |")
    print(*wrong[:5], sep="\n")


def walk(link: str, seed: int, times: list[float], wrong: list[str]) -> None:
    """A reader who looks at something else twice a second."""
    import random

    rng = random.Random(seed)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = opened(browser, link, 1440)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and wrong.append(f"{answer.status} {answer.url}"))

        def ended(request: Any) -> None:
            if "/api/" in request.url:
                times.append(request.timing["responseEnd"])

        page.on("requestfinished", ended)
        end = time.time() + SECONDS
        while time.time() < end:
            page.keyboard.press(rng.choice(["ArrowRight", "ArrowDown", "ArrowRight", "e", "o", "u", "b"]))
            page.wait_for_timeout(500)
        browser.close()


def memory(pid: int) -> float:
    """Gigabytes a process holds now."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 2**20


if __name__ == "__main__":
    main()
