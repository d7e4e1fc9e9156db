"""Pictures, what lies in a folder, and small disks."""

from __future__ import annotations

import hashlib
import io
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image


def jpeg(seed: int) -> bytes:
    """A small picture of random blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).save(buffer, "JPEG")
    return buffer.getvalue()


def listing(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if not file.name.startswith(".said"))


def hashes(folder: Path) -> dict[str, str]:
    """Of each table in a folder the hash of its bytes."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.parquet")}


def digest(value: object) -> str:
    """A hash of what a value looks like."""
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path | None]:
    """A small disk of its own, in memory; None where this user may not have one."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    if not _mounted(["-t", "tmpfs", "-o", f"size={size}", "enduring", str(place)]):
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def remount(place: Path, how: str) -> None:
    """Change a disk: `size=…`, `ro`."""
    assert _mounted(["-o", f"remount,{how}", str(place)]), how


def _mounted(words: Sequence[str]) -> bool:
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Let go of every disk below a folder, whoever made it."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False)
