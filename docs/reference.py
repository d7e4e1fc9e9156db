"""Writes `reference.md` from the catalog: `python docs/reference.py`. A test compares the two."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from convscope.catalog.catalog import CATALOG, CatalogEntry
from convscope.contract import knobs
from convscope.view.figures.registry import drawer_of

INTRO = """# Reference

Written from the signatures by `make docs`; do not edit. Subjects are positional, knobs are given by name.
"""


def text() -> str:
    """The whole page."""
    return "\n".join([INTRO, *map(_technique, CATALOG), _scan()])


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


def _scan() -> str:
    """The one function with knobs that is no technique: what it gives is a collection of tables, not one result."""
    from convscope.scan.scan import scan

    call = "`cs.scan(net, source, output)` · `convscope scan NETWORK SOURCE -o DIR`"
    parts = ["## scan\n", f"{call}\n", inspect.getdoc(scan) or "", _knobs("knob", knobs.schema(scan))]
    return "\n".join(parts)


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
