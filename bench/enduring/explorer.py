"""The explorer: killed amid its jobs, shared by two, kept busy and kept waiting. All on 127.0.0.1."""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from .common import AGO, SMALL, Count, Row, Trial, environment, jpeg, until

QUIET = 20.0  # seconds within which silent sockets must be hung up on, and a user among them be served
MOST, GROWTH = 1.2, 1.05  # gigabytes in the end, and of those after two minutes


class Explorer:
    """A server on a store, and whoever has its token; `files` it may have open. Without a `link` it was refused."""

    def __init__(self, store: Path, network: str = SMALL, files: int = 0) -> None:
        self.log = store.with_suffix(f".{time.monotonic_ns()}.log")
        words = [sys.executable, "-m", "convscope", "explore", network, "--no-open", "--port", "0", "--store", store]
        limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # noqa: E731
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                words,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment(),
                preexec_fn=limit if files else None,
            )
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        self.base, _, self.token = self.link.partition("/#token=")
        self.port = int(self.base.rpartition(":")[2] or 0)
        self.network = network

    def call(self, path: str, body: Any = None, seconds: float = AGO) -> bytes:
        """An answer; a body in bytes is an upload. Raises OSError."""
        kind = "octet-stream" if isinstance(body, bytes) else "json"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": f"application/{kind}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.base}/api/{path}", data, headers), timeout=seconds
        ) as told:
            answer: bytes = told.read()
        return answer

    def ask(self, path: str, body: Any = None) -> Any:
        """The same, of JSON."""
        return json.loads(self.call(path, body))

    def submit(self, unit: str, steps: int, size: int = 32) -> str:
        """Queue a picture of a unit; the id of the job."""
        knobs = {"steps": steps, "size": size}
        asked = {"network": self.network, "technique": "maximize", "subjects": {"unit": unit}, "knobs": knobs}
        id: str = self.ask("submit", asked)["id"]
        return id

    def jobs(self) -> dict[str, str]:
        """The state of each job."""
        return {job["id"]: job["state"] for job in self.ask("jobs")["jobs"]}

    def kill(self, number: int = 9) -> int:
        """Send it a signal and wait for its end: the exit code, or 1000 where it does not come."""
        self.process.send_signal(number)
        if not until(lambda: self.process.poll() is not None, 40):
            self.process.kill()
        return self.process.wait()

    def said(self) -> str:
        """What it said on stderr."""
        return self.log.read_text()

    def memory(self) -> float:
        """Gigabytes it holds now."""
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[0]) / 2**20


def ready(at: Explorer, ids: list[str]) -> bool:
    """Wait until jobs are done; whether each is there once, and its picture can be read."""
    done = until(lambda: all(at.jobs().get(id) not in ("queued", "running") for id in ids), 60)
    listed = [job["id"] for job in at.ask("jobs")["jobs"]]
    return done and len(listed) == len(set(listed)) and all(picture(at, id) for id in ids)


def picture(at: Explorer, id: str) -> bool:
    """Whether a job is done and its picture there."""
    try:
        return at.jobs().get(id) == "done" and at.call(f"artifacts/{id}.png").startswith(b"\x89PNG")
    except urllib.error.HTTPError:
        return False


def killed(trial: Trial) -> Count:
    """Three jobs are queued, and the server is killed at a random moment and started again: all are done, once."""
    store = trial.folder / "store"
    for turn in range(8):
        if not trial.going():
            break
        at = Explorer(store)
        ids = [at.submit(f"second:{unit}", 300 + 10 * turn + unit) for unit in range(3)]
        time.sleep(3 * trial.rng.random())
        at.kill()
        at = Explorer(store)
        states = at.jobs()
        trial.check(set(ids) <= set(states), "a job is lost")
        trial.check(ready(at, ids), "a job is not done, or done twice")
        at.kill()
    return trial.count


def ended(trial: Trial) -> Count:
    """SIGTERM and SIGINT while a job runs: an end without a traceback, and the job is in the queue again."""
    for turn in range(6):
        if not trial.going():
            break
        number, at = (signal.SIGTERM, signal.SIGINT)[turn % 2], Explorer(trial.folder / "store")
        id = at.submit(f"second:{turn}", 4000)
        until(lambda at=at, id=id: at.jobs()[id] == "running")  # type: ignore[misc]
        time.sleep(0.5 * trial.rng.random())
        code, said = at.kill(number), at.said()
        trial.check(code in (0, 130, 143, -number) and "Traceback" not in said, f"exit {code}: {said[-80:]}")
        at = Explorer(trial.folder / "store")
        trial.check(at.jobs().get(id) in ("queued", "running"), "the job that ran is not queued again")
        at.ask("cancel", {"id": id})
        at.kill()
    return trial.count


def shared(trial: Trial) -> Count:
    """Two on one store: the second is refused, or what was asked of either is there when one of them starts again."""
    for turn in range(3):
        if not trial.going():
            break
        store = trial.folder / f"store{turn}"
        first = Explorer(store)
        frame = first.ask("images", jpeg(1000 + turn))["id"]
        waiting = [first.submit("second:0", 9000)]
        about = {
            "network": SMALL,
            "technique": "invert",
            "subjects": {"image": frame, "layer": "second"},
            "knobs": {"steps": 9},
        }
        waiting.append(first.ask("submit", about)["id"])
        second = Explorer(store)
        if not second.link:
            code, said = second.process.wait(), second.said()
            ok = code == 2 and said.startswith("Error: ") and said.count("\n") == 1
            trial.check(ok, f"the second ends with {code}: {said[-80:]}")
            both = [first]
        else:
            both = [first, second]
            waiting += [second.submit("second:1", 9001)]
        uploads = [at.ask("images", jpeg(100 * turn + n))["id"] for n in range(4) for at in both]
        for at in both[:: trial.rng.choice((1, -1))]:
            at.kill(trial.rng.choice((9, signal.SIGTERM)))
        again = Explorer(store)
        states, listed = again.jobs(), {image["id"] for image in again.ask("session")["images"]}
        for id in waiting:
            trial.check(id in states, "a queued job is not there any more")
        for id in uploads:
            trial.check(id in listed, "an upload is not listed any more")
        again.ask("cancel", {"id": waiting[0]})
        trial.check(ready(again, waiting[1:2]), "a job about an upload cannot be done any more")
        again.kill()
    return trial.count


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
        trial.check(served(at), f"a user among 300 silent sockets, 256 files: not served within {QUIET:.0f} s")
        trial.say(f"served after {time.monotonic() - began:.1f} s")
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
    Row("explorer.killed", "killed amid queued jobs, and started again", 120, killed),
    Row("explorer.ended", "SIGTERM and SIGINT while a job runs", 80, ended),
    Row("explorer.shared", "two on one store", 75, shared),
    Row("explorer.silent", "sockets that say nothing, or little", 75, silent),
    Row("explorer.load", "four readers of lite0, uploads and jobs", 30, load, loaded=True),
)
