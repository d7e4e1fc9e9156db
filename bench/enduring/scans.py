"""Scans that are killed, divided, or run out of room: the same bytes in the end, and nothing else left behind."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .common import SMALL, Count, Row, Trial
from .folders import hashes, listing
from .processes import Command, Hook, others, until

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate", "tempfile.mkstemp")


def scan(trial: Trial, out: Path, part: str = "0/1", workers: int = 0, **more: Any) -> Command:
    """Begin a scan, or a part of one, that keeps its state after every 64 photos."""
    words = ("--checkpoint", 0, "--shard", part, "--workers", workers)
    return trial.command("scan", SMALL, trial.photos(), "-o", out, *words, **more)


def undisturbed(trial: Trial, name: str = "whole", of: int = 1) -> Path:
    """The folder of a scan in `of` parts that nobody disturbs."""
    out = trial.folder / name
    for part in range(of):
        ended = scan(trial, out, f"{part}/{of}").end()
        assert ended.code == 0, ended
    return out


def same(out: Path, whole: Path, parts: int = 1) -> str:
    """What is wrong with a folder: its tables must have the bytes of `whole`, and nothing else lie there."""
    if hashes(out) != hashes(whole):
        return "other tables"
    states = [f"parts/{part}-of-{parts}.safetensors" for part in range(parts)]
    over = set(listing(out)) - {*hashes(whole), "parts", *states}
    return f"left behind: {re.sub(r'[.][^.]*$', '.…', min(over))}" if over else ""


def kills(trial: Trial) -> Count:
    """Inline, with processes that decode, and in two parts that are merged; each killed at random, once or twice."""
    began = time.monotonic()
    whole = undisturbed(trial)
    lasts, killed = time.monotonic() - began, 0
    for turn in range(15):
        if not trial.going():
            break
        out, of, workers = trial.folder / f"out{turn}", 1 + (turn % 3 == 2), 2 * (turn % 3 == 1)
        orphans = False
        for part in range(of):
            for _ in range(trial.rng.randint(1, 2)):
                begun = scan(trial, out, f"{part}/{of}", workers)
                until(lambda begun=begun: not begun.running(), trial.rng.random() * lasts)  # type: ignore[misc]
                killed += begun.running()
                begun.kill()
                orphans |= not until(lambda: not others(), 20)
            ended = scan(trial, out, f"{part}/{of}", workers).end()
        if of > 1:
            ended = trial.command("merge", out).end()
        wrong = str(ended) if ended.code else "workers outlive the scan" if orphans else same(out, whole, of)
        trial.check(not wrong, wrong)
        trial.say(f"{killed} kills")
    return trial.count


def counting(out: Path, pipe: int) -> Hook:
    """A hook that tells of each change to files below a folder."""
    return at_change(out, lambda: os.write(pipe, b"."))


def at_change(out: Path, act: Callable[[], object]) -> Hook:
    """A hook, of those that Python calls before it acts, for changes to files below a folder."""

    def hook(event: str, about: tuple[Any, ...]) -> None:
        if event in EVENTS and any(str(out) in str(one) for one in about if isinstance(one, str | os.PathLike)):
            act()

    return hook


def killing(out: Path, number: int) -> Hook:
    """A hook that kills its process just before the numbered change."""
    left = itertools.count(number, -1)
    return at_change(out, lambda: os.kill(os.getpid(), signal.SIGKILL) if next(left) == 0 else None)


def changes(out: Path, begin: Callable[[Hook], Command]) -> int:
    """How many changes to files a command makes."""
    reading, writing = os.pipe()
    ended = begin(counting(out, writing)).end()
    assert ended.code == 0, ended
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        return len(told.read())


def moments(trial: Trial) -> Count:
    """At changes of files all over a scan, as its state and each of its tables are written; then the same again."""
    whole, counted = undisturbed(trial), trial.folder / "counted"
    total = changes(counted, lambda hook: scan(trial, counted, hook=hook))
    numbers = list(range(trial.rng.randrange(4), total, max(1, total // 28)))
    trial.rng.shuffle(numbers)
    for number in numbers:
        if not trial.going():
            break
        out = trial.folder / f"out{number}"
        scan(trial, out, hook=killing(out, number)).end()
        ended = scan(trial, out).end()
        wrong = same(out, whole) if ended.code == 0 else str(ended)
        trial.check(not wrong, wrong)
    return trial.count


def again(trial: Trial) -> Count:
    """A scan that is finished, run again and killed at changes of files: its tables are whole at every moment."""
    whole, counted = undisturbed(trial), trial.folder / "counted"
    shutil.copytree(whole, counted)
    total = changes(counted, lambda hook: scan(trial, counted, hook=hook))
    for number in range(0, total, max(1, total // 12)):
        if not trial.going():
            break
        out = trial.folder / f"out{number}"
        shutil.copytree(whole, out)
        scan(trial, out, hook=killing(out, number)).end()
        asked = trial.command("query", out, "select count(*) from units").end()
        found = "a finished scan is lost meanwhile" if asked.code else "" if hashes(out) == hashes(whole) else "other"
        scan(trial, out).end()
        wrong = found or same(out, whole)
        trial.check(not wrong, wrong)
    return trial.count


def together(trial: Trial) -> Count:
    """Two processes, one folder: the whole scan twice, both parts, the same part twice; started within 2 seconds."""
    whole = undisturbed(trial)
    for turn, (one, other) in enumerate((("0/1", "0/1"), ("0/2", "1/2"), ("0/2", "0/2"), ("0/1", "0/1"))):
        out, of = trial.folder / f"out{turn}", int(one[-1])
        begun = [scan(trial, out, one)]
        time.sleep(2 * trial.rng.random())
        ended = [command.end() for command in (*begun, scan(trial, out, other))]
        if one == other and of > 1:
            ended.append(scan(trial, out, "1/2").end())
        ended += [trial.command("merge", out).end()] if of > 1 else []
        odd = [str(done) for done in ended if done.code != 0 and not done.refused]
        wrong = odd[0] if odd else same(out, whole, of)
        trial.check(not wrong, wrong)
    return trial.count


def merges(trial: Trial) -> Count:
    """Three parts merged in every order; one missing, one twice; and more parts than there are shards."""
    whole, parts = undisturbed(trial), undisturbed(trial, "three", 3) / "parts"
    files = sorted(parts.iterdir())
    for number, order in enumerate(itertools.permutations(files)):
        out = trial.folder / f"merged{number}"
        ended = trial.command("merge", *order, "-o", out).end()
        wrong = "" if ended.code == 0 and hashes(out) == hashes(whole) else f"another order: {ended}"
        trial.check(not wrong, wrong)
    for order in ((*files[1:],), (*files, files[0])):
        out = trial.folder / "refused"
        ended = trial.command("merge", *order, "-o", out).end()
        trial.check(ended.refused and not out.exists(), f"{len(order)} of 3 parts: {ended}")
    few, out = trial.photos(2), trial.folder / "few"
    for part in range(3):
        ended = trial.command("scan", SMALL, few, "-o", out, "--shard", f"{part}/3").end()
        untrue = part and re.search(r"dead: [1-9]|goes on from here", ended.out)
        trial.check(ended.code in (0, 2) and not untrue, f"an empty part says: {untrue[0] if untrue else ended}")
    ended = trial.command("merge", out).end()
    one = trial.command("scan", SMALL, few, "-o", trial.folder / "one").end()
    told = trial.check((ended.code, one.code) == (0, 0), f"merge with empty parts: {ended}")
    trial.check(told and hashes(out) == hashes(trial.folder / "one"), "merge with empty parts: other tables")
    return trial.count


ROWS = (
    Row("scans.kills", "scans killed at random, inline, decoding in processes, in parts; then resumed", 100, kills),
    Row("scans.moments", "a scan killed as its state or a table is written, then resumed", 110, moments),
    Row("scans.again", "a finished scan run again and killed: whole all the time", 55, again),
    Row("scans.together", "two processes in one folder", 40, together),
    Row("scans.merges", "parts merged in all orders, missing, twice, empty", 55, merges),
)
