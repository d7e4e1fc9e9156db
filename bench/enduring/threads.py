"""Threads, forks and copies: the same values as alone, and the module as it was."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import convscope as cs
from convscope.view.encode.png import png

from .common import Count, Row, Trial
from .folders import jpeg
from .interrupts import Work, about, techniques, unlike
from .processes import apart, until
from .small import MODES, build, network, worn

SLOW = ("scan", "insertion_deletion", "compare", "sanity_check")  # left out beside others
PATIENCE = 90.0  # seconds for what takes two alone


def beside(works: list[Callable[[], Any]], times: int = 2) -> list[Any] | None:
    """What each gives in a thread of its own, all begun at once, each a few times; None where they hang."""
    gate = threading.Barrier(len(works))
    found: list[list[Any]] = [[] for _ in works]

    def work(number: int) -> None:
        gate.wait()
        for _ in range(times):
            try:
                found[number].append(works[number]())
            except Exception as error:
                found[number].append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
    for thread in threads:
        thread.start()
    return found if until(lambda: not any(thread.is_alive() for thread in threads), PATIENCE) else None


def wrong(found: Any, wanted: Any) -> str:
    """What is wrong with a value beside the one that was computed alone."""
    if isinstance(found, BaseException):
        return type(found).__name__
    return "" if np.array_equal(found, wanted) else "other values"


def pairs(trial: Trial, shared: bool) -> Count:
    """Two techniques at once, on one Network, or on two Networks of one module; in train, eval and mixed modes."""
    asked = techniques(trial)
    asked["scan"](network(worn("eval")))
    names = [name for name in asked if name not in SLOW]
    alone = {name: asked[name](network(worn("eval"))) for name in names}  # a module is always run as in evaluation
    turn = 0
    while trial.going() and turn < 90:
        module, mode = worn(MODES[turn % 3]), MODES[turn % 3]
        before, one = about(module), network(module)
        nets = (one, one if shared else network(module))
        pair, turn = trial.rng.choices(names, k=2), turn + 1
        found = beside([partial(asked[name], net) for name, net in zip(pair, nets, strict=True)])
        if found is None:
            trial.check(False, f"{' and '.join(pair)}: neither ends")
            break
        odd = [
            f"{name}: {said}"
            for name, values in zip(pair, found, strict=True)
            for value in values
            if (said := wrong(value, alone[name]))
        ]
        odd += [f"module in {mode}: {said} changed"] if (said := unlike(before, module)) else []
        trial.check(not odd, odd[0] if odd else "")
    return trial.count


def maximized(trial: Trial) -> Count:
    """`maximize` of lite0 beside each of some others: the picture and their values are those alone."""
    net, photo = cs.load("lite0"), cs.open_image(jpeg(3))
    mine: Work = lambda net: cs.maximize(net, "logits:1", steps=3, size=64).images  # noqa: E731
    asked: dict[str, Work] = {
        "saliency": lambda net: cs.saliency(net, photo, "logits:1").values,
        "guided_backprop": lambda net: cs.guided_backprop(net, photo, "blocks.2:1").values,
        "gradcam": lambda net: cs.gradcam(net, photo, "logits:1").values,
        "activations": lambda net: cs.activations(net, photo, "blocks.1").values,
        "occlusion": lambda net: cs.occlusion(net, photo, "logits:1", size=112, stride=56).values,
        "maximize": lambda net: cs.maximize(net, "logits:2", steps=3, size=64).images,
    }
    alone, picture, before = {name: work(net) for name, work in asked.items()}, mine(net), about(net.module)
    for turn in range(18):
        name = [*asked][turn % len(asked)]
        if not trial.going():
            break
        found = beside([partial(mine, net), partial(asked[name], net)])
        if found is None:
            trial.check(False, f"maximize and {name}: neither ends")
            break
        odd = [f"maximize beside {name}: {said}" for value in found[0] if (said := wrong(value, picture))]
        odd += [f"{name}: {said}" for value in found[1] if (said := wrong(value, alone[name]))]
        odd += [f"module: {said} changed"] if (said := unlike(before, net.module)) else []
        trial.check(not odd, odd[0] if odd else "")
    return trial.count


def forks(trial: Trial) -> Count:
    """A process forked after use, on two threads, or while another thread works: right or refused, and never stuck."""
    torch.set_num_threads(2)
    torch.mm(torch.randn(600, 600), torch.randn(600, 600))  # now both are there
    asked: dict[str, tuple[cs.Network, Work]] = {
        "saliency of lite0": (cs.load("lite0"), lambda net: cs.saliency(net, jpeg(1), "logits:1").values),
        "activations of lite0": (cs.load("lite0"), lambda net: cs.activations(net, jpeg(1), "blocks.2").values),
        "saliency": (build(), lambda net: cs.saliency(net, jpeg(1), "logits:1").values),
        "predict": (build(), lambda net: net.predict(jpeg(1))),
        "a fresh network": (build(), lambda _net: cs.saliency(build(), jpeg(1), "logits:1").values),
    }
    for busy in (False, True):
        for name, (net, work) in asked.items():
            if not trial.going():
                return trial.count
            wanted, stop = work(net), threading.Event()
            thread = threading.Thread(target=_until_told, args=(partial(work, net), stop), daemon=True)
            if busy:
                thread.start()
            found = apart(partial(work, net), 25)
            stop.set()
            if busy:
                thread.join(PATIENCE)
            right = found.refused or (not found.wrong and np.array_equal(found.value, wanted))
            beside = " while a thread works" if busy else ""
            trial.check(right, f"{name}{beside}: {found.wrong or 'other values'} in a forked process")
    return trial.count


def _until_told(work: Callable[[], Any], stop: threading.Event) -> None:
    while not stop.is_set():
        work()


def copies(trial: Trial) -> Count:
    """Networks and results, pickled and deep-copied, after each technique and while a thread works: as the original."""
    asked, unit = techniques(trial), "logits:1"
    asked["scan"](build())
    wanted = _saliency(build())
    ways = {"pickle": lambda one: pickle.loads(pickle.dumps(one)), "deepcopy": copy.deepcopy}
    for name, work in asked.items():
        net = build()
        work(net)
        for way, make in ways.items():
            trial.check(*_copied(partial(make, net), wanted, f"{way} of a network after {name}", _saliency))
    for way, make in ways.items():
        for result in _results(build(), trial.folder / "scan"):
            try:
                right = png(make(result)) == png(result)
            except Exception as error:
                trial.check(False, f"{way} of a {type(result).__name__}: {type(error).__name__}")
            else:
                trial.check(right, f"{way} of a {type(result).__name__}: another picture")
        _meanwhile(trial, way, make)
    lite0, photo = cs.load("lite0"), cs.open_image(jpeg(1))
    planned = cs.occlusion(lite0, photo, unit, size=112, stride=56).values
    for way, make in ways.items():
        again: Work = lambda net: cs.occlusion(net, photo, unit, size=112, stride=56).values  # noqa: E731
        trial.check(*_copied(partial(make, lite0), planned, f"{way} of lite0 after occlusion", again))
    return trial.count


def _results(net: cs.Network, folder: Path) -> list[Any]:
    photo, unit, scan = cs.open_image(jpeg(1)), "logits:1", cs.open_scan(folder)
    found: list[Any] = [
        ask(net, photo, unit) for ask in (cs.saliency, cs.guided_backprop, cs.gradcam, cs.input_x_gradient)
    ]
    found += [cs.occlusion(net, photo, unit, size=16, stride=8), cs.rise(net, photo, unit, samples=4)]
    found += [cs.activations(net, photo, "second"), cs.weights(net, "conv"), cs.patches(net, scan, "second:1")]
    return [*found, cs.maximize(net, unit, steps=2, size=32), cs.invert(net, photo, "second", steps=2)]


def _copied(make: Callable[[], Any], wanted: Any, what: str, ask: Work) -> tuple[bool, str]:
    try:
        said = wrong(ask(make()), wanted)
    except Exception as error:
        said = type(error).__name__
    return not said, f"{what}: {said}"


def _meanwhile(trial: Trial, way: str, make: Callable[[Any], Any]) -> None:
    """Copies made at random moments of another thread's work are trainable as the original is."""
    module = worn("train")
    net, stop = network(module), threading.Event()
    facts, wanted = _facts(module), _saliency(net)
    thread = threading.Thread(
        target=_until_told, args=(lambda: cs.smoothgrad(net, jpeg(1), "logits:1"), stop), daemon=True
    )
    thread.start()
    try:
        for _ in range(12):
            stop.wait(0.1 * trial.rng.random())
            try:
                copied = make(net)
                said = wrong(_saliency(copied), wanted)
                said = said or ("" if _facts(copied.module) == facts else "frozen for good")
            except Exception as error:
                said = type(error).__name__
            trial.check(not said, f"{way} while a thread works: {said}")
    finally:
        stop.set()
        thread.join(PATIENCE)


def _saliency(net: cs.Network) -> Any:
    return cs.saliency(net, jpeg(1), "logits:1").values


def _facts(module: nn.Module) -> Any:
    parts = [part.training for part in module.modules()]
    return parts, [weight.requires_grad for weight in module.parameters()]


ROWS = (
    Row("threads.pairs", "two techniques at once on one network, in train, eval, mixed", 80, lambda t: pairs(t, True)),
    Row("threads.networks", "the same on two networks of one module", 45, lambda t: pairs(t, False)),
    Row("threads.maximize", "maximize beside others on lite0", 50, maximized),
    Row("threads.forks", "a process forked after use, and while a thread works", 60, forks),
    Row("threads.copies", "networks and results copied, also while a thread works", 45, copies),
)
