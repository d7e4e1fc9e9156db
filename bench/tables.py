"""What checksums cost where a scan is written, in one run: `python bench/tables.py DIR`, with the folder of a scan.

With and without them, turn by turn: the Parquet files alone, and all that the end of a scan writes (the state, and the
tables made of it). Times are of the processor, which other work disturbs least.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from convscope.base.files import write_with
from convscope.scan.statistics.state import State
from convscope.scan.tables.parquet import write_tables
from convscope.scan.tables.tables import tables

TURNS = 11


def plain(made: dict[str, Any], folder: Path) -> None:
    """Without checksums, one file after the other."""
    for name, table in made.items():
        write_with(folder / f"{name}.parquet", lambda place, table=table: pq.write_table(table, place))  # type: ignore[misc]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    (part,) = sorted((parser.parse_args().folder / "parts").glob("*.safetensors"))
    state = State.load(part)
    made = tables(state)  # which compiles, the first time
    ways: dict[str, Callable[[Path], None]] = {
        "plain": lambda place: plain(made, place),
        "checked": lambda place: write_tables(made, place),
    }
    times: dict[str, list[float]] = {name: [] for name in (*ways, "rest")}
    with tempfile.TemporaryDirectory() as place:
        for _ in range(TURNS):
            for name, way in ways.items():
                times[name].append(seconds(lambda way=way: way(Path(place))))  # type: ignore[misc]
            times["rest"].append(seconds(lambda: (state.save(Path(place) / "state"), tables(state))))
    more = [b - a for a, b in zip(times["plain"], times["checked"], strict=True)]
    files, rest = statistics.median(times["plain"]), statistics.median(times["rest"])
    print(
        f"Parquet files: {files:.3f} s plain, {statistics.median(more):+.3f} s ({statistics.median(more) / files:+.1%})"
    )
    print(f"all that is written: {files + rest:.3f} s, {statistics.median(more) / (files + rest):+.1%}")


if __name__ == "__main__":
    main()
