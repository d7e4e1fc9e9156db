"""The server goes and comes back: the page says so, keeps its state, and is the same as before; so are the jobs."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect

LAYER = "blocks.1.1"  # at which no other test has a picture synthesized


def test_a_page_outlives_the_server(page: Page, explorer: Any, painted: Callable[..., None]) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Layer, unit or class").fill(f"{LAYER}:3")
    page.keyboard.press("Enter")
    painted(page, f"/{LAYER}")
    page.get_by_role("button", name="Synthesize").click()
    page.get_by_role("tab", name=re.compile("Jobs")).click()
    jobs = page.get_by_role("tabpanel", name=re.compile("Jobs"))
    job = jobs.locator(".job").filter(has_text=f"maximize of {LAYER}:3")
    expect(job).to_be_visible()
    link = explorer.link
    explorer.stop(signal.SIGKILL)
    try:
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
        expect(page.locator("#unit-title code")).to_have_text(f"{LAYER}:3")
    finally:  # for the other tests, whose server it is too
        explorer.words[explorer.words.index("--port") + 1] = re.findall(r":(\d+)/", link)[0]
        explorer.start()
    assert explorer.link == link
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#unit-title code")).to_have_text(f"{LAYER}:3")
    expect(job).to_have_count(1)
    expect(job).to_have_class(re.compile(r"\bdone\b"))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name=f"Activation of {LAYER}:4")).to_be_visible()
