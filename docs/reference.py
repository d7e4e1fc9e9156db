"""Writes `reference.md` from the catalog: `python docs/reference.py`. A test compares the two."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from convscope.catalog.catalog import CATALOG, CatalogEntry, entry
from convscope.contract import knobs
from convscope.view.figures.registry import drawer_of

INTRO = """# Reference

Written from the signatures by `make docs`; do not edit. Subjects are positional, knobs are given by name.
"""


def text() -> str:
    """The whole page."""
    return "\n".join([INTRO, *map(_technique, CATALOG), *_functions()])


def _technique(entry: CatalogEntry) -> str:
    call = f"cs.{entry.name}({', '.join(entry.subjects)})"
    parts = [
        f"## {entry.name}\n",
        f"`{call}` · `convscope {' '.join([entry.command, *entry.arguments])}`\n",
        inspect.getdoc(entry.function) or "",
        _knobs("knob", entry.schema),
        _knobs("of the picture", knobs.schema(drawer_of(entry.result))),
    ]
    return "\n".join(filter(None, parts))


def _functions() -> list[str]:
    """The functions with knobs that are no techniques: what they give is no one result about one picture."""
    from convscope.scan.feature_extraction import codes
    from convscope.scan.scan import scan

    evolution = entry("embed").function.over
    calls = {
        scan: "`cs.scan(net, source, output)` · `convscope scan NETWORK SOURCE -o DIR`",
        codes: "`cs.codes(net, source, layer, output)` · `convscope codes NETWORK SOURCE LAYER -o DIR`",
        evolution: "`cs.embed([net, …], source, layer)` · `convscope evolution NETWORK SOURCE LAYER WEIGHTS...`",
    }
    return [_function(one, call) for one, call in calls.items()]


def _function(function: Any, call: str) -> str:
    told = inspect.getdoc(function) or ""
    return "\n".join([f"## {function.__name__}\n", f"{call}\n", told, _knobs("knob", knobs.schema(function))])


def _knobs(what: str, schema: dict[str, dict[str, Any]]) -> str:
    rows = [
        f"| `{name}` | {_values(row)} | `{row['default']}` | {row['description']} |" for name, row in schema.items()
    ]
    return "\n".join(["", f"| {what} | values | default | |", "|---|---|---|---|", *rows, ""]) if rows else ""


def _values(row: dict[str, Any]) -> str:
    if "anyOf" in row:
        return " or ".join(map(_values, row["anyOf"]))
    if "const" in row:
        return f"`{row['const']}`"
    if "enum" in row:
        return ", ".join(f"`{value}`" for value in row["enum"])
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join([row["type"], *(f"{sign} {row[key]}" for key, sign in signs.items() if key in row)])


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(text(), "utf-8")
