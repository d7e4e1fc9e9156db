"""The explorer: killed amid its jobs, shared by two, kept busy and kept waiting. All on 127.0.0.1."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .common import SMALL, Count, Row, Trial
from .folders import jpeg
from .processes import AGO, environment, until


class Explorer:
    """A server on a store, and whoever has its token; `files` it may have open. Without a `link` it was refused."""

    def __init__(self, store: Path, network: str = SMALL, files: int = 0) -> None:
        self.log = store.with_suffix(f".{time.monotonic_ns()}.log")
        words = [sys.executable, "-m", "convscope", "explore", network, "--no-open", "--port", "0"]
        limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # noqa: E731
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                [*words, "--store", str(store)],
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

    def call(self, path: str, body: Any = None, seconds: float = AGO, name: str = "") -> bytes:
        """An answer; a body in bytes is an upload. Raises OSError."""
        kind = "octet-stream" if isinstance(body, bytes) else "json"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": f"application/{kind}", "X-Name": name}
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


def ready(at: Explorer, ids: list[str]) -> str:
    """Wait until jobs are done; what is wrong, if each is not there once, or its picture cannot be read."""
    if not until(lambda: all(at.jobs().get(id) not in ("queued", "running") for id in ids)):
        return f"a job is not done after {AGO:.0f} s"
    rows = at.ask("jobs")["jobs"]
    listed = {job["id"]: job for job in rows}
    if len(listed) != len(rows):
        return "a job is there twice"
    odd = [listed.get(id, {"state": "lost", "error": ""}) for id in ids if listed.get(id, {}).get("state") != "done"]
    if odd:
        return f"a job is {odd[0]['state']}: {odd[0]['error']}"
    return "" if all(picture(at, id) for id in ids) else "a picture cannot be read"


def picture(at: Explorer, id: str) -> bool:
    """Whether the picture of a job is there."""
    try:
        return at.call(f"artifacts/{id}.png").startswith(b"\x89PNG")
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
        wrong = ready(at, ids)
        trial.check(not wrong, wrong)
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
        frame = json.loads(first.call("images", jpeg(1000 + turn), name="camera"))["id"]  # which only the queue keeps
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
        uploads = [at.ask("images", jpeg(n))["id"] for n in range(8) for at in both[n % len(both) :][:1]]
        for at in both[:: trial.rng.choice((1, -1))]:
            at.kill(trial.rng.choice((9, signal.SIGTERM)))
        again = Explorer(store)
        states, listed = again.jobs(), {image["id"] for image in again.ask("session")["images"]}
        for id in waiting:
            trial.check(id in states, "a queued job is not there any more")
        for id in uploads:
            trial.check(id in listed, "an upload is not listed any more")
        again.ask("cancel", {"id": waiting[0]})
        wrong = ready(again, waiting[1:2])
        trial.check(not wrong, f"a frame of the camera that waits: {wrong}")
        again.kill()
    return trial.count


ROWS = (
    Row("explorer.killed", "killed amid queued jobs, and started again", 80, killed),
    Row("explorer.ended", "SIGTERM and SIGINT while a job runs", 60, ended),
    Row("explorer.shared", "two on one store", 60, shared),
)
