"""Kills, interrupts, threads, full disks, flipped bits, strangers and load, counted: `python bench/endurance.py`.

It ends within 30 minutes on two cores, needs no GPU and no network but the loopback, and prints a table row by row:
what was tried, how often, and how often nothing was lost, nobody stuck and nothing changed. Exit code 1 where
something did not survive. Linux only; what needs a small disk is tried where one may be mounted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

os.environ["ENDURING_THREADS"] = os.environ.get("OMP_NUM_THREADS", "")
os.environ["OMP_NUM_THREADS"] = "1"  # of this process and its forks

from enduring import ends, explorer, flips, interrupts, load, rooms, scans, strangers, threads
from enduring.common import SMALL, Count, Row, Trial
from enduring.folders import jpeg, unmount
from enduring.processes import FORK, apart

FAMILIES = (scans, rooms, flips, interrupts, threads, explorer, load, strangers, ends)
ROWS = tuple(row for family in FAMILIES for row in family.ROWS)
WHOLE = 29 * 60  # seconds for everything
PATIENCE = 120  # seconds for a row to end what it has begun


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(row.name for row in ROWS)
    parser.add_argument("--rows", default="", help=f"names, or beginnings of names, with commas: {names}")
    parser.add_argument("--minutes", type=float, default=4, help="of load on the explorer")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wanted = tuple(name.strip() for name in given.rows.split(","))
    rows = [row for row in ROWS if row.name.startswith(wanted)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is cleared away then, too
    end = time.monotonic() + WHOLE
    preload()
    print("| row | what is tried | tried | survived | what failed |\n|---|---|---|---|---|", flush=True)
    counts = []
    for row in rows:
        counts.append(carried_out(row, given.seed, given.minutes, end))
        shown = f"{counts[-1].tried} | {counts[-1].survived}"
        print(f"| {row.name} | {row.what} | {shown} | {counts[-1].line} |", flush=True)
    tried, survived = (sum(getattr(count, name) for count in counts) for name in ("tried", "survived"))
    print(f"\n{tried} tried, {survived} survived, in {(time.monotonic() - end + WHOLE) / 60:.1f} minutes")
    return int(survived < tried)


def carried_out(row: Row, seed: int, minutes: float, end: float) -> Count:
    """Try a row in a process of its own; whatever it began is ended, and its folder gone, afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="enduring-"))
    seconds = row.seconds + (60 * minutes if row.loaded else 0)
    last = min(time.monotonic() + seconds + PATIENCE, end)
    mine, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=work, args=(row, Trial(folder, seed, seconds, minutes, theirs), folder / ".log"))
    process.start()
    theirs.close()
    count, told = Count(), False
    try:
        while not told and mine.poll(max(0, last - time.monotonic())):
            count, told = mine.recv()
        if told and not count.tried and not count.told:
            return failed(count, "nothing could be tried in time")
        return count if told else failed(count, "was stuck, or had no time left")
    except EOFError:
        process.join()
        return failed(count, f"ended by itself with {process.exitcode}: {last_line(folder / '.log')}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()
        process.join()
        unmount(folder)
        shutil.rmtree(folder)


def work(row: Row, trial: Trial, log: Path) -> None:
    """Try a row, as the leader of a group of processes."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    os.environ["TMPDIR"] = tempfile.tempdir = str(trial.folder)
    row.work(trial)
    trial.tell(done=True)


def failed(count: Count, why: str) -> Count:
    """One more that was tried."""
    count.tried += 1
    count.notes[why] += 1
    return count


def last_line(log: Path) -> str:
    """What was said last."""
    return (log.read_text(errors="replace").splitlines() or ["without a word"])[-1]


def preload() -> None:
    """Import here what a technique and a scan import when they are first used, by what they did in another process."""

    def used() -> list[str]:
        import convscope as cs
        from convscope.fronts.cli import main, scan_verbs, verbs  # noqa: F401
        from convscope.fronts.report import report  # noqa: F401
        from convscope.fronts.server import launch  # noqa: F401

        net = cs.load(SMALL)
        with tempfile.TemporaryDirectory() as folder:
            cs.scan(net, [cs.open_image(jpeg(0))] * 3, folder).query("select 1")
        cs.saliency(net, jpeg(0), "logits:1")
        return sorted(sys.modules)

    for name in apart(used).value:
        with suppress(ImportError):
            importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main())
