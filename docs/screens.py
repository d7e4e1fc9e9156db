"""Pictures of the explorer for the guide: `python docs/screens.py`. Needs Chromium; a scan and syntheses run first."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import PIL.Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZES = {1440: 900, 390: 844}
LAYER = "blocks.3.0.bn1.drop"


def toolbox(page: Page) -> None:
    """As it opens, on a layer in the middle."""
    page.get_by_role("tab", name="In the scan").click()
    page.wait_for_timeout(1500)


def technique(page: Page) -> None:
    """A technique's form, and its result."""
    page.get_by_role("tab", name="Techniques").click()
    panel = page.get_by_role("tabpanel", name="Techniques")
    panel.get_by_role("combobox", name="Technique").select_option("gradcam")
    panel.get_by_role("button", name=re.compile("^Run")).first.click()
    panel.get_by_role("img").first.wait_for(timeout=60_000)


def synthesized(page: Page) -> None:
    """The grid of synthesized pictures."""
    page.get_by_role("combobox", name="Show").first.select_option("synthesized")
    page.locator(".grid-panel").get_by_role("combobox", name="Steps").select_option("64")
    page.get_by_text(re.compile(r"^3\d of \d+ units have a picture")).wait_for()
    page.wait_for_timeout(500)


def compared(page: Page) -> None:
    """Two pictures side by side."""
    page.get_by_role("combobox", name="Show").first.select_option("activations")
    page.get_by_role("combobox", name="Compare with").select_option(index=2)
    page.get_by_role("img", name=re.compile("^Difference of")).wait_for()
    page.wait_for_timeout(500)


def keys(page: Page) -> None:
    """The help."""
    page.get_by_role("combobox", name="Compare with").select_option("")
    page.keyboard.press("?")
    page.wait_for_timeout(500)


VIEWS: tuple[Callable[[Page], None], ...] = (toolbox, technique, synthesized, compared, keys)


def prepare(page: Page) -> None:
    """A scan of the layer, and some synthesized pictures, so that there is something to see."""
    page.get_by_role("combobox", name="Layers").select_option("this")
    page.get_by_role("button", name="Scan the images at hand").click()
    page.get_by_text(re.compile(r"over \d+ images")).wait_for(timeout=120_000)
    page.get_by_role("combobox", name="Show").first.select_option("synthesized")
    page.locator(".grid-panel").get_by_role("combobox", name="Steps").select_option("64")
    page.get_by_role("button", name=re.compile("^Synthesize all")).click()
    page.get_by_text(re.compile(r"^3\d of \d+ units have a picture")).wait_for(timeout=600_000)
    page.get_by_role("combobox", name="Show").first.select_option("activations")


def shoot(browser: Browser, link: str, width: int, theme: str, first: bool) -> None:
    """Every view at a width, in a theme."""
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("[data-shown^=grid]")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill(f"{LAYER}:7")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[data-shown$='/{LAYER}']")
    if first:
        prepare(page)
    for view in VIEWS:
        view(page)
        picture = PIL.Image.open(io.BytesIO(page.screenshot(full_page=width < 1000 and view is not keys))).convert(
            "RGB"
        )
        picture.save(IMAGES / f"explorer-{view.__name__}-{theme}-{width}.jpg", quality=80, optimize=True)
    context.close()


def main() -> None:
    """Take them all."""
    folder = tempfile.mkdtemp()
    words = [sys.executable, "-m", "convscope", "explore", "lite0", "--no-open", "--port", "0", "--store", folder]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    link = server.stdout.readline().strip()
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for number, (theme, width) in enumerate((t, w) for t in ("light", "dark") for w in SIZES):
                shoot(browser, link, width, theme, first=number == 0)
            browser.close()
    finally:
        server.terminate()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
