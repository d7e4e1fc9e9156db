"""What all rows share: a row, what it counts, and the trial of it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from .folders import jpeg
from .processes import Command, Hook

SMALL = f"{Path(__file__).with_name('small.py')}:build"


@dataclass
class Count:
    """What became of a row so far: `notes` say what failed, and `told` what is worth knowing in any case."""

    tried: int = 0
    survived: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    told: str = ""

    @property
    def line(self) -> str:
        """One line of all that failed, the most frequent first."""
        most = [note if n == 1 else f"{n} × {note}" for note, n in self.notes.most_common(4)]
        more = [f"{len(self.notes) - 4} other failures"] if len(self.notes) > 4 else []
        return "; ".join([*([self.told] if self.told else []), *most, *more]) or "–"


@dataclass(frozen=True)
class Row:
    """A row of the table: `work` does it, within about `seconds`; `loaded` ones take `--minutes` more."""

    name: str
    what: str
    seconds: float
    work: Callable[[Trial], Count]
    loaded: bool = False


class Trial:
    """A row being tried, in a process and a folder of its own; each check is told at once, so that none is lost."""

    def __init__(self, folder: Path, seed: int, seconds: float, minutes: float, told: Connection) -> None:
        self.folder, self.rng, self.minutes = folder, random.Random(seed), minutes
        self.count, self._told, self._end = Count(), told, time.monotonic() + seconds
        self._commands = 0

    def check(self, survived: bool, note: str) -> bool:
        """Count one try; `note` says what is wrong where it did not survive."""
        self.count.tried += 1
        self.count.survived += survived
        if not survived:
            self.count.notes[" ".join(note.replace("|", "¦").split())[:160]] += 1
        self.tell()
        return survived

    def tell(self, done: bool = False) -> None:
        """Let the one who waits for this trial know how it stands."""
        self._told.send((self.count, done))

    def say(self, told: str) -> None:
        """What is worth knowing also where all survive."""
        self.count.told = told

    def untried(self) -> Count:
        """Nothing, since this user may not have a disk of its own."""
        self.say("not tried: no tmpfs may be mounted here")
        return self.count

    def going(self) -> bool:
        """Whether there is time left for one more try."""
        return time.monotonic() < self._end

    def command(self, *words: object, hook: Hook | None = None, real: bool = False, out: str = "") -> Command:
        """Begin `convscope …` in this trial's folder."""
        self._commands += 1
        said = [self.folder / f".said{self._commands}{name}" for name in ("out", "err")]
        return Command([str(word) for word in words], self.folder, Path(out) if out else said[0], said[1], hook, real)

    def photos(self, count: int = 200) -> Path:
        """A folder of small random JPEGs in three classes."""
        folder = self.folder / f"photos{count}"
        for i in range(0 if folder.is_dir() else count):
            file = folder / f"class {i % 3}" / f"{i:03}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(jpeg(i))
        return folder
