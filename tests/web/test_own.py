"""A network of one's own in the page, explored from Python beside the program."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs the extra `test`")
from playwright.sync_api import Page, expect

import convscope as cs


def test_a_module_of_ones_own_is_looked_at_asked_about_and_gone_when_it_is_closed(
    tiny: cs.Network, tmp_path: Path, reader: Page, painted: Callable[..., None]
) -> None:
    page, wrong = reader, list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    with tiny.explore(store=tmp_path, open=False, block=False) as running:
        page.goto(running.url)
        painted(page)
        expect(page).to_have_title(re.compile("tiny"))
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Layer, unit or class").fill("2:3")
        page.keyboard.press("Enter")
        painted(page, "/2")
        expect(page.get_by_text(re.compile(r"cs\.\w+\(net, 'sample:cat'")).first).to_be_visible()
        page.get_by_role("tab", name="Techniques").click()
        panel = page.get_by_role("tabpanel", name="Techniques")
        panel.get_by_role("combobox", name="Technique").select_option("saliency")
        panel.get_by_role("button", name="Run now").click()
        expect(panel.get_by_role("img").first).to_be_visible()
    assert not wrong
