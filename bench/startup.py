"""How long a user waits, and for how much memory: `python bench/startup.py`. Whole processes, medians of five."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
COMMANDS = {
    "`import convscope`": ["-c", "import convscope"],
    "`convscope --help`": ["-m", "convscope", "--help"],
    "`import torch`, for comparison": ["-c", "import torch"],
    "`convscope report lite0 sample:cat`": ["-m", "convscope", "report", "lite0", "sample:cat", "-o", "report.html"],
}


def run(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of one process, measured from a process of its own so that peaks do not add up."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def main() -> None:
    """Print the table of `bench/README.md`."""
    print("| command | seconds | peak, MB |\n|---|---|---|")
    for name, arguments in COMMANDS.items():
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            runs = pool.map(run, [arguments] * (RUNS + 1), chunksize=1)[1:]
        seconds, megabytes = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {name} | {seconds:.2f} | {megabytes:.0f} |")


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, {Path(sys.executable).name}\n")
    main()
