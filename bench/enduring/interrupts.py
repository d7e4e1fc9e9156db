"""Ctrl-C at any moment: the user's module, its hooks, modes and gradients, and the random numbers are as before."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any

import numpy as np
import torch
from torch import nn

import convscope as cs
from convscope.catalog.catalog import CATALOG

from .common import SMALL, Count, Row, Trial
from .folders import digest, jpeg, listing
from .processes import until
from .small import network, worn

QUICK: dict[str, dict[str, Any]] = {  # knobs of techniques that take their time with the defaults
    "smoothgrad": {"samples": 2},
    "vargrad": {"samples": 2},
    "integrated_gradients": {"steps": 2, "limit": 3},
    "occlusion": {"size": 16, "stride": 8},
    "rise": {"samples": 4},
    "perturbation_mask": {"steps": 2},
    "insertion_deletion": {"steps": 2},
    "sanity_check": {"layers": 1},
    "maximize": {"steps": 2, "size": 32},
    "sheet": {"steps": 2, "size": 32, "channels": 2},
    "invert": {"steps": 2},
    "dream": {"octaves": 1, "steps": 2, "size": 32},
    "style": {"steps": 2, "size": 32, "content_layers": "second", "style_layers": "conv"},
    "compare": {"methods": "saliency,gradcam", "steps": 2},
}
Work = Callable[[cs.Network], Any]


def techniques(trial: Trial, unit: str = "logits:1", layer: str = "second") -> dict[str, Work]:
    """A scan, and then every technique of the catalog, quick, about one picture."""
    folder, photos = trial.folder / "scan", trial.photos(3)
    first, second = (cs.open_image(jpeg(seed)) for seed in (1, 2))
    given = {"image": first, "unit": unit, "layer": layer, "content": first, "style": second}
    scanned: Work = lambda net: cs.scan(net, photos, folder, layers=layer)  # noqa: E731
    found: dict[str, Work] = {}
    for entry in CATALOG:
        subjects = {name: given.get(name) for name in entry.subjects[1:]}
        if "scan" in subjects:
            subjects |= {"scan": folder, "unit": f"{layer}:1"} if "unit" in subjects else {"scan": folder}
        found[entry.name] = partial(_asked, entry.function, subjects, QUICK.get(entry.name, {}))
    return {"scan": scanned, **found}


def _asked(function: Any, subjects: dict[str, Any], knobs: dict[str, Any], net: cs.Network) -> Any:
    return function(net, *subjects.values(), **knobs).values


def about(module: nn.Module) -> dict[str, Any]:
    """All that a user could notice of a module, and of PyTorch, by what it is called."""
    parts, weights = dict(module.named_modules()), dict(module.named_parameters())
    tensors = {**weights, **dict(module.named_buffers())}
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_parameters")
    return {
        "numbers": {name: digest(tensor.detach().numpy().tobytes()) for name, tensor in tensors.items()},
        "identity": {name: (id(tensor), tensor.data_ptr()) for name, tensor in tensors.items()},
        "requires_grad": {name: weight.requires_grad for name, weight in weights.items()},
        ".grad": {n: None if w.grad is None else digest(w.grad.numpy().tobytes()) for n, w in weights.items()},
        "modes": {name: part.training for name, part in parts.items()},
        "hooks": {(name, kind): [*vars(part)[kind]] for name, part in parts.items() for kind in kinds},
        "attributes": {name: [*vars(part)] for name, part in parts.items()},
        "random numbers": digest((torch.get_rng_state().tolist(), random.getstate(), np.random.get_state())),  # noqa: NPY002
        "modes of torch": (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.get_num_threads()),
    }


def unlike(before: dict[str, Any], module: nn.Module) -> str:
    """What of a module is not as it was."""
    return ", ".join(name for name, now in about(module).items() if now != before[name])


class Timer:
    """Ctrl-C after a random time, as the signal itself or raised by the handler of a timer."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self.fired = rng, False
        signal.signal(signal.SIGALRM, self._fire)

    def _fire(self, *_: object) -> None:
        self.fired = True
        if self._rng.random() < 0.5:
            signal.raise_signal(signal.SIGINT)
        else:
            raise KeyboardInterrupt

    def measure(self, work: Callable[[], object]) -> float:
        """How long the work lasts, in seconds."""
        return timeit(work, number=1)

    def set(self, lasts: float) -> None:
        """Interrupt what is begun now, within the time it lasts."""
        signal.setitimer(signal.ITIMER_REAL, max(1e-6, self._rng.random() * lasts))

    def stop(self) -> None:
        """Interrupt no more."""
        signal.setitimer(signal.ITIMER_REAL, 0)


class Calls:
    """Ctrl-C at a random call or return from C, where Python looks for signals: so short moments come up, too."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._seen, self.fired = rng, 0, False

    def measure(self, work: Callable[[], object]) -> float:
        """How many calls the work makes."""
        self.set(float("inf"))
        work()
        self.stop()
        return self._seen

    def set(self, lasts: float) -> None:
        """Interrupt what is begun now, at one of as many calls as it makes."""
        self._seen, last = 0, lasts if lasts == float("inf") else self._rng.randrange(int(lasts))

        def see(_frame: object, event: str, _about: object) -> None:
            if event in ("call", "c_return"):
                self._seen += 1
                if self._seen > last:
                    sys.setprofile(None)
                    self.fired = True
                    signal.raise_signal(signal.SIGINT)

        sys.setprofile(see)

    def stop(self) -> None:
        """Interrupt no more."""
        sys.setprofile(None)


def interrupted(work: Callable[[], object], by: Timer | Calls, lasts: float) -> bool:
    """Whether the work was interrupted; C code makes other errors of that now and then."""
    by.fired = False
    try:
        try:
            by.set(lasts)
            work()
        finally:
            by.stop()
    except KeyboardInterrupt:
        return True
    except Exception:
        if not by.fired:
            raise
        return True
    return False


def tortured(trial: Trial, kind: type[Timer] | type[Calls], most: int) -> Count:
    """Interrupt all techniques in turn, on a module in the middle of its training."""
    by, asked = kind(trial.rng), techniques(trial)
    net, before = fresh(trial)
    wanted = {name: work(net) for name, work in asked.items()}  # the first time takes longer
    timed = {name: timeit(partial(work, net), number=1) for name, work in asked.items()}
    quick = sorted(timed, key=lambda name: timed[name])[: len(timed) - 5]
    lasts = {name: by.measure(partial(asked[name], net)) for name in quick}
    while trial.going() and trial.count.tried < most:
        name = trial.rng.choice(quick)
        if not interrupted(partial(asked[name], net), by, lasts[name]):
            continue
        wrong = unlike(before, net.module)
        if trial.count.tried % 20 == 19 and name != "scan" and not np.array_equal(asked[name](net), wanted[name]):
            wrong += " and the values"
        if not trial.check(not wrong, f"{name}: {wrong} changed"):
            net, before = fresh(trial)
    return trial.count


def fresh(trial: Trial) -> tuple[cs.Network, dict[str, Any]]:
    """A network that nothing has happened to, and all about its module."""
    module = worn(trial.rng.choice(("train", "eval", "mixed")))
    return network(module), about(module)


def processes(trial: Trial) -> Count:
    """SIGINT and SIGTERM to real commands, 0.1 to 6 seconds after their start: one line at most, no leftovers."""
    photo = trial.photos() / "class 0" / "000.jpg"
    commands = (
        ("saliency", SMALL, photo, "logits:1", "-o", "x.png"),
        ("scan", SMALL, trial.photos(), "-o", "out"),
        ("maximize", SMALL, "logits:1", "--steps", 100_000, "-o", "m.png"),
        ("layers", "lite0"),
        ("explore", SMALL, "--no-open", "--store", "store"),
        ("report", "lite0", "sample:cat", "-o", "r.html"),
    )
    for turn in range(22):
        if not trial.going():
            break
        before = listing(trial.folder)
        words, number = commands[turn % len(commands)], (signal.SIGINT, signal.SIGTERM)[turn // len(commands) % 2]
        begun = trial.command(*words, real=True)
        until(lambda begun=begun: not begun.running(), trial.rng.choice((0.1, 0.3, 6 * trial.rng.random())))  # type: ignore[misc]
        if not begun.running():
            continue
        begun.kill(number)
        ended = begun.end()
        if "Traceback" in ended.err and "convscope" not in ended.err:
            continue  # Python itself had not begun yet
        fine = (0, 130) if number == signal.SIGINT else (0, 130, 143, -signal.SIGTERM)
        ok = ended.code in fine and ended.said.count("\n") == 0
        trial.check(ok, f"{words[0]}, {signal.Signals(number).name}: {ended}")
        over = [one for one in listing(trial.folder) if one not in before and not one.startswith(("out", "store"))]
        over = [one for one in over if not whole(trial.folder / one)]  # done just before
        trial.check(ended.code == 0 or not over, f"{words[0]} leaves {over and over[0]}")
        for one in over:
            (trial.folder / one).unlink()
    return trial.count


def whole(path: Path) -> bool:
    """Whether a file is a picture that can be read to its end."""
    try:
        return path.suffix == ".png" and bool(cs.open_image(path))
    except cs.ConvscopeError:
        return False


ROWS = (
    Row("interrupts.timer", "Ctrl-C at random moments of all techniques", 90, lambda t: tortured(t, Timer, 1200)),
    Row("interrupts.calls", "Ctrl-C at random calls of all techniques", 75, lambda t: tortured(t, Calls, 800)),
    Row("interrupts.processes", "SIGINT and SIGTERM to commands, 0.1 to 6 s after their start", 75, processes),
)
