"""The page of a network in space in headless Chromium without a graphics card, on a real explorer.

`python bench/space.py`: how long until the first tiles are painted, once the page and the network were looked at
before; frames a second while the network is turned; draw calls; and how many images a second of a fake camera have
their tiles on screen. The weights are random, which changes nothing of that.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time

import numpy as np
from playwright.sync_api import Page, sync_playwright

import convscope as cs

NETWORKS = ("torchvision:resnet50", "lite0", "torchvision:googlenet", "torchvision:densenet121")
WORDS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
CANVAS = ".space-stage > canvas[data-tiles]"
PAINTED = f"{CANVAS}:not([data-tiles='0'])"
CAMERA = 8.0  # seconds
TURN = """frames => new Promise(done => { const stage = document.querySelector('.space-stage');
  const box = stage.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const say = (kind, step) => stage.dispatchEvent(new PointerEvent(kind, { pointerId: 1, buttons: 1, bubbles: true,
    clientX: Math.round(x + 90 * Math.sin(step / 9)), clientY: Math.round(y + 40 * Math.sin(step / 14)) }));
  stage.setPointerCapture = () => undefined; say('pointerdown', 0);
  const times = []; let step = 0;
  const next = now => { times.push(now); step += 1;
    if (step > frames) { say('pointerup', step); done(times) }
    else { say('pointermove', step); requestAnimationFrame(next) } };
  requestAnimationFrame(next) })"""
RATE = """seconds => new Promise(done => { const canvas = document.querySelector('.space-stage > canvas');
  const seen = []; const watch = new MutationObserver(() => { const shown = canvas.dataset.shown;
    if (shown && shown !== seen.at(-1)?.[0]) seen.push([shown, performance.now()]) });
  watch.observe(canvas, { attributes: true });
  setTimeout(() => { watch.disconnect(); done(seen.map(([, when]) => when)) }, 1000 * seconds) })"""


def opened(page: Page) -> float:
    """Open space, and say after how many seconds the first tiles are painted."""
    page.evaluate("performance.mark('asked')")
    page.get_by_role("button", name="Space", exact=True).click()
    page.wait_for_selector(PAINTED)
    took = page.evaluate("performance.now() - performance.getEntriesByName('asked').at(-1).startTime")
    return float(took) / 1000


def turned(page: Page, frames: int = 60) -> str:
    """Frames a second while the network is turned, and the slowest of twenty."""
    gaps = np.diff(page.evaluate(TURN, frames))
    return f"{1000 / gaps.mean():.0f} frames/s, 1 in 20 slower than {np.percentile(gaps, 95):.0f} ms"


def measure(page: Page, name: str, shots: str) -> None:
    """Measure a network: the second time it is opened, turned, seen whole, and with a camera."""
    opened(page)
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Toolbox", exact=True).click()
    page.wait_for_selector(".tiles")
    page.wait_for_timeout(1000)
    print(f"{name}: first tiles, warm: {opened(page):.2f} s")
    page.wait_for_timeout(3000)
    for view in ("Start", "Whole"):
        page.locator(".space-zoom").get_by_role("button", name=view).click()
        page.wait_for_timeout(2500)
        calls = page.locator(CANVAS).get_attribute("data-calls")
        print(f"  turning, {view.lower()} ({calls} draw calls): {turned(page)}")
        if shots:
            page.screenshot(path=f"{shots}/space-{name.rpartition(':')[2]}-{view.lower()}.png")
    page.locator(".space-zoom").get_by_role("button", name="Start").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Camera").click()
    times = page.evaluate(RATE, CAMERA)
    gaps = np.diff(times[1:])
    print(f"  camera: {1000 / gaps.mean():.1f} images a second" if len(gaps) else "  camera: no images")
    page.get_by_role("button", name="Camera").click()


def main() -> None:
    """Explore each network, open the page, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--shots", default="", help="a folder for pictures of the page")
    asked = parser.parse_args()
    for name in asked.networks:
        net = cs.load(name) if name == "lite0" else cs.load(name, weights=None)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as store, sync_playwright() as play:
            exploring = cs.explore(net, store=store, open=False, block=False)
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=WORDS)
            context = browser.new_context(viewport={"width": 1440, "height": 900}, permissions=["camera"])
            page = context.new_page()
            page.set_default_timeout(300_000)
            page.goto(str(exploring.url))
            page.wait_for_selector(".tiles")
            begun = time.monotonic()
            measure(page, name, asked.shots)
            print(f"  (measured in {time.monotonic() - begun:.0f} s)")
            browser.close()
            exploring.close()


if __name__ == "__main__":
    main()
