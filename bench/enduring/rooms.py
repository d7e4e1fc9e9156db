"""Scans and pictures on a disk that is full, or read-only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .common import SMALL, Count, Row, Trial
from .folders import disk, hashes, listing, remount
from .processes import Done
from .scans import same, scan, undisturbed


def full(trial: Trial) -> Count:
    """A scan, a merge, a picture, and a finished scan run again on a disk without room, and then with it."""
    whole, parts = undisturbed(trial), undisturbed(trial, "two", 2)
    with disk(trial.folder, "64m") as place:
        if place is None:
            return trial.untried()
        for size in ("60k", "300k", "440k", "500k", "900k"):
            remount(place, f"size={size}")
            first = scan(trial, place / "out").end()
            remount(place, "size=64m")
            mended = scan(trial, place / "out").end()
            trial.check(first.refused or first.code == 0, f"no room for a scan: {first}")
            trial.check(mended.code == 0 and not same(place / "out", whole), f"a scan with room again: {mended}")
            shutil.rmtree(place / "out")
        shutil.copytree(whole, place / "out")
        fill(place)
        ended = scan(trial, place / "out").end()
        trial.check(ended.refused or ended.code == 0, f"a finished scan again: {ended}")
        asked = trial.command("query", place / "out", "select count(*) from top").end()
        trial.check(asked.code == 0 and hashes(place / "out") == hashes(whole), f"a finished scan again: {asked}")
        remount(place, "size=64m")
        mended = scan(trial, place / "out").end()
        trial.check(mended.code == 0 and not same(place / "out", whole), f"then with room: {mended}")
        shutil.copytree(parts, place / "two")
        fill(place, 24)
        left(trial, place, "merge", trial.command("merge", place / "two").end())
        fill(place)
        for kind in ("png", "npz"):
            ended = trial.command("saliency", SMALL, *picture(trial), "-o", place / f"x.{kind}").end()
            left(trial, place, kind, ended)
        left(trial, place, "report", trial.command("report", SMALL, picture(trial)[0], "-o", place / "r.html").end())
    return trial.count


def fill(place: Path, kilobytes: int = 0) -> None:
    """Leave hardly any room, and remember what is there."""
    remount(place, "size=64m")
    blocks = os.statvfs(place)
    used = (blocks.f_blocks - blocks.f_bfree) * blocks.f_frsize // 1024
    remount(place, f"size={used + 4 + kilobytes}k")
    (place.parent / ".before").write_text("\n".join(listing(place)))


def left(trial: Trial, place: Path, what: str, ended: Done) -> None:
    """Check that something was refused, and nothing left behind since `fill`."""
    more = set(listing(place)) - {*(place.parent / ".before").read_text().split("\n")}
    trial.check(ended.refused and not more, f"{what} leaves {min(more)}" if more else f"{what}: {ended}")


def picture(trial: Trial) -> tuple[Path, str]:
    """What a picture may be made of."""
    return trial.photos() / "class 0" / "000.jpg", "logits:1"


def read_only(trial: Trial) -> Count:
    """What writes into a folder that is read-only says so; what only reads works."""
    whole, parts = undisturbed(trial), undisturbed(trial, "two", 2)
    with disk(trial.folder, "64m") as place:
        if place is None:
            return trial.untried()
        shutil.copytree(whole, place / "out")
        shutil.copytree(parts, place / "two")
        remount(place, "ro")
        before, unit = listing(place), picture(trial)
        asked = trial.command("query", place / "out", "select count(*) from units").end()
        trial.check(asked.code == 0, f"query: {asked}")
        finished = scan(trial, place / "out").end()
        trial.check(finished.refused or finished.code == 0, f"a finished scan: {finished}")
        for name, words in {
            "a new scan": ("scan", SMALL, trial.photos(), "-o", place / "new"),
            "merge": ("merge", place / "two"),
            "a picture": ("saliency", SMALL, *unit, "-o", place / "x.png"),
            "a checkpoint": ("maximize", SMALL, "logits:1", "--steps", 2, "--checkpoint", place / "c", "-o", "y.png"),
            "a store": ("explore", SMALL, "--no-open", "--store", place / "store"),
        }.items():
            ended = trial.command(*words).end()
            trial.check(ended.refused and listing(place) == before, f"{name}: {ended}")
    return trial.count


ROWS = (
    Row("rooms.full", "a disk without room, then with it", 70, full),
    Row("rooms.readonly", "a read-only disk", 30, read_only),
)
