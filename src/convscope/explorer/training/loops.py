"""The loop behind a record: one of this process, asked as it is, or one of another, by what it leaves in the folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from ...base.errors import BadJson, BadKnob
from ...base.files import is_held
from ...base.image import Image
from ...base.plain import from_json
from ...network.network import Network
from ...training.live.commands import Command
from ...training.live.live_look import LiveLook
from ...training.live.mailbox import FOLDER, LOOK, LOOP, WATCHED
from ...training.recorder import Recorder

Rows = dict[str, list[dict[str, Any]]]
_PATIENCE = 5.0  # seconds until a loop must have heard
_FRESH = 3.0  # seconds after which one that says nothing is looked after
_BREAK = 2.0  # seconds without a page that asks


class LoopAtHand(Protocol):
    """How a loop stands, the rows that are not in chunk `number` yet, its newest look, and what it is asked."""

    def state(self) -> Mapping[str, Any]: ...
    def rows(self, number: int) -> Rows: ...
    def look(self) -> LiveLook | None: ...
    def ask(self, command: Command) -> str: ...
    def untested(self) -> str: ...
    def test(self, image: Image) -> torch.Tensor: ...


class OwnLoop:
    """A loop of this process."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder, self._live = recorder, recorder.live

    def state(self) -> Mapping[str, Any]:
        """How it stands now."""
        self._live.touch()
        found = self._live.state()
        failing = found.pop("failing")
        return {
            **found,
            "age": 0.0,
            "said": f"{failing} The training goes on; new rows are kept in memory." * bool(failing),
        }

    def rows(self, number: int) -> Rows:
        """Those in memory."""
        at, kept = self._live.of.pending()
        return {name: [dict(row) for row in [*rows]] for name, rows in kept.items()} if at >= number else {}

    def look(self) -> LiveLook | None:
        """The newest."""
        return self._live.look

    def ask(self, command: Command) -> str:
        """Have it do something."""
        return self._live.steering.ask(command)

    def untested(self) -> str:
        """Why it is shown no new pictures."""
        if self._recorder.network is None:
            return "Give the recorder a cs.Network, which says how pictures are prepared, not a bare module."
        return ""

    def test(self, image: Image) -> torch.Tensor:
        """What the network puts out for a picture."""
        net = self._recorder.network
        assert isinstance(net, Network)
        return self._live.test(net.prepare(image))


class OtherLoop:
    """A loop of another process, or one that has ended."""

    def __init__(self, folder: Path) -> None:
        self._record, self._folder = folder, folder / FOLDER
        self._read: tuple[int, LiveLook] | None = None
        self._since = self._touched = float("-inf")  # since when it is asked without a break, and when it last was

    def state(self) -> Mapping[str, Any]:
        """How it stood when it last said so."""
        self._touch()
        try:
            found: dict[str, Any] = from_json((self._folder / LOOP).read_bytes())
            age = max(0.0, time.time() - float(found["time"]))
        except (OSError, BadJson, KeyError, TypeError, ValueError):
            found, age = {"state": "silent"}, None
        asked_long = time.monotonic() - self._since > _FRESH  # else it has not seen yet that somebody watches again
        if found["state"] != "ended" and (age is None or (age > _FRESH and asked_long)):
            found |= self._looked_after(found, age)
        return {"said": found.pop("failing", ""), **found, "age": age}

    def rows(self, number: int) -> Rows:
        """Those it has written aside."""
        found: Rows = {}
        with suppress(OSError):
            for line in (self._folder / f"rows-{number}.jsonl").read_text("utf-8").splitlines():
                with suppress(BadJson, KeyError):  # the last line may be half there
                    row = from_json(line)
                    found.setdefault(row.pop("table"), []).append(row)
        return found

    def look(self) -> LiveLook | None:
        """The newest that was written."""
        path = self._folder / LOOK
        with suppress(OSError, ValueError, KeyError):
            at = path.stat().st_mtime_ns
            if self._read is None or self._read[0] != at:
                self._read = at, LiveLook.unpacked(path.read_bytes())
        return self._read[1] if self._read is not None else None

    def ask(self, command: Command) -> str:
        """Leave a command, and wait for what becomes of it; raises BadKnob for what was refused."""
        state = self.state()
        refusal = state.get("refusal") or _ENDED * (state["state"] in ("ended", "silent"))
        if refusal:
            raise BadKnob(refusal)
        name = uuid.uuid4().hex
        try:
            beside = self._folder / f".command-{name}"
            beside.write_text(command.model_dump_json(), "utf-8")
            beside.rename(self._folder / f"command-{name}.json")
        except OSError as error:
            raise BadKnob(f"Nothing can be written in {self._folder}, so the loop cannot be asked: {error}.") from error
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(0.03)
            heard = self.state().get("heard", {}).get(name)
            if heard is not None and "refused" in heard:
                raise BadKnob(str(heard["refused"]))
            if heard is not None:
                return str(heard["told"])
        return "The loop has not come to the end of its step; it does so then."

    def untested(self) -> str:
        """Why it is shown no new pictures."""
        return "The network is in another process. Give its recorder show=True, and use the page that it opens."

    def test(self, image: Image) -> torch.Tensor:
        """Refused."""
        raise BadKnob(self.untested())

    def _touch(self) -> None:
        now = time.monotonic()
        self._since, self._touched = now if now - self._touched > _BREAK else self._since, now
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            (self._folder / WATCHED).touch()

    def _looked_after(self, found: Mapping[str, Any], age: float | None) -> dict[str, str]:
        """What is known of a loop that says nothing: whether somebody still has its record."""
        if not is_held(self._record / "writer.lock"):
            return {"state": "ended", "failing": "" if age is None else "It ended without a word: its process is gone."}
        told = "It is in a long step, or has not seen yet that somebody watches." if age is None else ""
        told = told or f"It has said nothing for {age:.0f} s: it is in a long step, stopped, or the disk is full."
        return {"state": found["state"] if found["state"] == "paused" else "silent", "failing": told}


_ENDED = "The training must be running to be asked anything, and it is not."


def loop_of(run: Path | Recorder) -> LoopAtHand:
    """The loop of a record's folder, or of a recorder of this process."""
    return OwnLoop(run) if isinstance(run, Recorder) else OtherLoop(run)
