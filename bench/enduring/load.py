"""The explorer under load: readers for minutes, and sockets that say nothing. Users are served, and memory stays."""

from __future__ import annotations

import json
import random
import socket
import statistics
import threading
import time
from contextlib import suppress
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from .common import Count, Row, Trial
from .explorer import Explorer
from .folders import jpeg
from .processes import until

QUIET = 20.0  # seconds within which silent sockets must be hung up on, and a user among them be served
MOST, GROWTH = 1.2, 1.05  # gigabytes in the end, and of those after two minutes


def listener(at: Explorer, headers: dict[str, str] | None = None) -> ClientConnection:
    """A WebSocket that has not given its token."""
    return connect(f"ws://127.0.0.1:{at.port}/api/events", additional_headers=headers, proxy=None)


def silent(trial: Trial) -> Count:
    """Sockets that say nothing, half of a request, or a letter a second are hung up on; users and listeners are not."""
    at = Explorer(trial.folder / "store", files=256)
    at.call("session")
    with listener(at) as true:
        true.send(json.dumps({"token": at.token}))
        kinds = {"silent": b"", "half a request": b"GET /api/session HTTP/1.1\r\nHost: ", "slow": b"G"}
        talks = {name: [socket.create_connection(("127.0.0.1", at.port)) for _ in range(20)] for name in kinds}
        began = time.monotonic()
        for name, first in kinds.items():
            for talk in talks[name]:
                talk.sendall(first)
        while time.monotonic() < began + QUIET and any(any(alive(talk) for talk in each) for each in talks.values()):
            for talk in talks["slow"]:
                drip(talk)
            time.sleep(1)
        for name, each in talks.items():
            for talk in each:
                trial.check(not alive(talk), f"{name}: not hung up on within {QUIET:.0f} s")
                talk.close()
        at.submit("second:0", 2)
        trial.check(heard(true), "a listener with the token hears nothing after a while of silence")
    for turn in range(2):
        crowd = [socket.create_connection(("127.0.0.1", at.port)) for _ in range(300)]
        time.sleep(turn)
        began = time.monotonic()
        if trial.check(served(at), f"a user among 300 silent sockets, 256 files: not served within {QUIET:.0f} s"):
            trial.say(f"a user among them served after {time.monotonic() - began:.1f} s")
        for talk in crowd:
            talk.close()
        trial.check(until(lambda: served(at), 10), "a user after they have gone is not served")
    at.kill()
    return trial.count


def alive(talk: socket.socket) -> bool:
    """Whether the other side has not hung up."""
    talk.setblocking(False)
    try:
        while talk.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def drip(talk: socket.socket) -> None:
    """One more letter, where somebody listens."""
    with suppress(OSError):  # hung up on, as it should be
        talk.send(b"E")


def heard(talk: ClientConnection) -> bool:
    """Whether an event comes."""
    try:
        return bool(talk.recv(timeout=30))
    except (TimeoutError, WebSocketException):
        return False


def served(at: Explorer) -> bool:
    """Whether a user is answered."""
    try:
        return bool(at.call("jobs", seconds=QUIET))
    except OSError:
        return False


def load(trial: Trial) -> Count:
    """Four readers of lite0, uploads, and one job after another, for minutes: all answered, and memory on a plateau."""
    at, stop = Explorer(trial.folder / "store", "lite0"), threading.Event()
    session = at.ask("session")
    times: list[float] = []
    wrong: list[str] = []
    work = (at, session, stop, times, wrong)
    readers = [threading.Thread(target=_read, args=(*work, trial.rng.random()), daemon=True) for _ in range(4)]
    begun, memories = time.monotonic(), [at.memory()]
    for reader in readers:
        reader.start()
    while time.monotonic() < begun + 60 * trial.minutes:
        time.sleep(5)
        memories.append(at.memory())
        if "queued" not in at.jobs().values():
            at.submit(f"logits:{len(memories)}", 40, 96)
    stop.set()
    for reader in readers:
        reader.join()
    middle = memories[min(24, len(memories) // 2)]
    trial.count.tried, trial.count.survived = len(times) + len(wrong), len(times)
    trial.count.notes.update(wrong)
    last = statistics.median(memories[-3:])
    p95 = statistics.quantiles(times, n=20)[-1]
    shown = ", ".join(f"{gigabytes:.2f}" for gigabytes in memories[:: max(1, len(memories) // 8)])
    trial.say(f"{len(times)} calls, p95 {1000 * p95:.0f} ms; GB {shown}, {last:.2f}")
    trial.check(last <= GROWTH * middle, f"memory grows from {middle:.2f} to {last:.2f} GB")
    trial.check(last <= MOST, f"memory is {last:.2f} GB")
    at.kill()
    return trial.count


def _read(at: Explorer, session: Any, stop: threading.Event, times: list[float], wrong: list[str], seed: float) -> None:
    """A reader who looks at something else, a few times a second."""
    rng, images = random.Random(seed), [image["id"] for image in session["images"]]
    maps = [layer for layer in session["network"]["layers"] if layer["map"]]
    while not stop.wait(0.15 * rng.random()):
        layer, image, kind = rng.choice(maps), rng.choice(images[-30:]), rng.random()
        about = {"network": "lite0", "layer": layer["name"], "image": image}
        unit = f"logits:{rng.randrange(1000)}"
        gradient = {"network": "lite0", "technique": "guided_backprop", "subjects": {"image": image, "unit": unit}}
        began = time.monotonic()
        try:
            if kind < 0.5:
                at.call("look", about)
            elif kind < 0.75:
                at.call("unit", {**about, "channel": rng.randrange(layer["units"])})
            elif kind < 0.95:
                at.call("ask", gradient)
            else:
                images.append(at.ask("images", jpeg(rng.randrange(10**6)))["id"])
            times.append(time.monotonic() - began)
        except (OSError, ValueError) as error:
            wrong.append(f"a call fails: {error}")


ROWS = (
    Row("load.silent", "sockets that say nothing, or little, at the explorer", 70, silent),
    Row("load.readers", "four readers of lite0, uploads and jobs, for minutes", 30, load, loaded=True),
)
