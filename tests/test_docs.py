"""The documents: their examples run, and what is generated is up to date."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import convscope as cs
from convscope.fronts.report import report

from .fronts.report.quick import quick

ROOT = Path(__file__).parents[1]


def few(maximize: Callable[..., cs.Result]) -> Callable[..., cs.Result]:
    """The same call with a few steps of all those asked for."""
    return lambda *subjects, **knobs: maximize(*subjects, **{**knobs, "steps": min(knobs["steps"], 4)})


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/how/receptive-fields.md"])
def test_the_examples_run_from_top_to_bottom(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick(monkeypatch)
    monkeypatch.setattr(report, "_seen", lambda *_: "")  # what it says of an image is for the tests of the report
    monkeypatch.setattr(cs, "maximize", few(cs.maximize))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_what_the_readme_says_comes_out_comes_out(lite0) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    label, index, probability = lite0.predict("sample:cat", top=3)[0]
    assert f"[('{label}', {index}, {str(probability)[:4]}" in text


def test_the_reference_is_what_the_catalog_makes_of_it() -> None:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == module.text(), "run `make docs`"


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_files_that_pages_name_are_there() -> None:
    places = ("src/**/*", "tests/**/*", "docs/*", "bench/**/*", "web/*", "web/src/**/*")
    files = {str(path) for place in places for path in ROOT.glob(place)}
    for page in (ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/how/*.md")):
        for name in re.findall(r"`([\w./]+\.(?:py|ts|tsx|css))`", page.read_text("utf-8")):
            assert any(file.endswith(f"/{name}") for file in files), f"{page.name}: {name}"


def test_every_command_the_documents_show_exists() -> None:
    from convscope.catalog.catalog import CATALOG
    from convscope.fronts.cli.main import _VERBS

    known = {entry.command for entry in CATALOG} | set(_VERBS) | {"TECHNIQUE"}
    for page in ("README.md", "docs/guide.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text("utf-8")
        assert set(re.findall(r"(?:^|`)convscope (\w[\w-]*)", text, re.M)) <= known
