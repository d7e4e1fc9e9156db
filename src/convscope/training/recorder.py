"""A recorder of training: what every layer does, on as many steps as a small share of the time pays for."""

from __future__ import annotations

import atexit
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Literal, Self
from weakref import WeakSet

import torch
from torch import nn
from torch.optim import Optimizer

from ..base.errors import BadKnob
from ..base.version import VERSION
from ..network.network import Network
from .live.live import Live, Watched
from .looks import Looks
from .metrics import Metrics
from .notes import notes_of
from .snapshots import Snapshots
from .storage.record import sessions_of
from .storage.writer import Writer
from .watching.budget import Times, added, share_of
from .watching.optimizers import Optimizers, has_weights_of
from .watching.probe import Probe
from .watching.watched_layers import innermost, is_compiled, watched_layers

_RECORDED: WeakSet[nn.Module] = WeakSet()  # modules that a recorder is on


class Recorder:
    """Record the training of a module, in any loop: `with Recorder(module, optimizer, folder=…) as recorder:`.

    Optimizers tell their steps themselves, so nothing else need be called; `recorder.step(loss=loss, …)` after a step
    adds what the loop knows of it, and is the step where weights are changed without an optimizer. Training is, bit for
    bit, what it is without a recorder: gradients are those that the optimizer uses, accumulated and without the scale
    of AMP; passes of an evaluation do not count. Without an `optimizer`, every one that has weights of the module is
    heard; give them all where there are several, and where gradients are accumulated.

    Steps are looked at as often as half of `budget`, a share of the time, pays for by the recorder's own clocks, and
    less and less often; or at `every` so many. A look notes of each layer its channels' mean, mean square and share of
    zeros, the norms of weights, gradients and updates, and histograms of fixed samples. `probe`, a batch of images or a
    pair of it and their classes, is shown to the network before the first step, at steps 1, 2, 3, 4, 6, 8, 11, … and at
    the end, out of the other half: maps and their gradients of its first image, codes and answers of all.

    What is noted of step k is of the network as it enters that step, the k-th from 0. A module that `torch.compile`
    made is run once more, as it is written, on the batch of a step that is looked at. `folder` is read by
    `open_record`, also meanwhile; if it holds a record, this one goes on behind it, at step `start` where that is
    given: then what was recorded from there on before is superseded.

    `show` opens a page beside the loop, as `watch` does, until `close`: what the network makes of the probe as it
    learns, and, at the ends of steps, a pause, single steps, and learning rate, momentum and weight decay set anew.
    `steered` says whether pages may do that, also those of `convscope watch` in another process; left out, as `show`.
    Nothing but these commands is ever done, each is an event of the record, and without one the training is what it is
    without a page. A cs.Network is shown new pictures as well, as it prepares them.

    Nothing that happens later stops the training: what cannot be done is an event of the record, and a warning. Raises
    BadKnob for what cannot be recorded at all, such as a module that has a recorder, or a probe it cannot take, and
    CannotWrite for a folder that cannot be written to, or that another recorder writes to.
    """

    def __init__(
        self,
        module: nn.Module | Network,
        optimizer: Optimizer | Sequence[Optimizer] | None = None,
        *,
        folder: str | os.PathLike[str],
        probe: Any = None,
        budget: float = 0.02,
        every: int | Literal["auto"] = "auto",
        start: int | None = None,
        show: bool = False,
        steered: bool | None = None,
    ) -> None:
        net = module if isinstance(module, Network) else None
        module = module.module if isinstance(module, Network) else module
        given = _checked(module, optimizer, budget, every, start)
        self.folder, self._inner, shown = Path(folder), innermost(module), None if probe is None else Probe(probe)
        first = shown.look(self._inner, watched_layers(self._inner)) if shown is not None else None
        session, recorded = sessions_of(self.folder)
        self._first = self._step = recorded if start is None else start
        about: dict[str, Any] = {"session": session, "start": self._step, "budget": budget, "every": every}
        about |= _about(module, self._inner) | _about_probe(shown)
        about |= {"gradient_of": first.gradient_of, "codes_of": first.codes_of} if first else {}
        about["labels"] = [] if net is None else list(map(str, net.labels))
        self._writer = Writer(self.folder, about)
        self._notes, self._metrics = notes_of(self._writer, self._step), Metrics()
        self._looks = Looks(module, self._inner, self._notes, budget / 2, every)
        self._snapshots = Snapshots(self._inner, shown, first, self._notes, budget / 2)
        self._speaks = False  # whether the loop calls `step`
        self._row, self._told = dict[str, Any](), dict[str, Any]()
        self._ended, self._stepped, self._strange = False, set[int](), set[str]()
        self._closed, self._process = False, os.getpid()
        _RECORDED.add(self._inner)
        self._optimizers = Optimizers(self._inner, given, self._before_update, self._at_gradients, self._after_update)
        self.live = Live(self._watched(module, shown), show if steered is None else steered)
        self.network, self._page = net, None
        atexit.register(self.close)
        with self._notes.unharmed("the first step"):
            self._snapshots.note_pictures(self._step)
            self._begin()
            self._notes.write()  # so that who watches finds a record
        self._page = self._opened() if show else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Recorder of {type(self._inner).__name__}: {self._step} steps in {self.folder}>"

    @property
    def steps(self) -> int:
        """How many steps were taken, with those of earlier sessions: keep it with a checkpoint, for `start`."""
        return self._step

    @property
    def cost(self) -> float:
        """The share of the time since this was made that looks, snapshots and writing have taken so far.

        The larger one of those by the clock on the wall and by that of the processor.
        """
        budgets = self._looks.budget, self._snapshots.budget, self.live.budget
        return share_of(reduce(added, (budget.spent for budget in budgets)), budgets[0].passed)

    def step(self, **metrics: Any) -> None:
        """Say how a step went: losses and other numbers, or tensors of one; those of accumulated batches are averaged.

        Without an optimizer this is what ends a step.
        """
        if self._closed:
            return
        with self._notes.unharmed("metrics"):
            self._add_metrics(self._step - self._ended, metrics)
            if not self._ended and (self._stepped or not self._optimizers.known):
                self._end()
            self._ended = False
        self._speaks = True
        self.live.attend()

    def note(self, **metrics: Any) -> None:
        """Add numbers, or tensors of one, to the step that ended last, such as those of an evaluation behind it."""
        if not self._closed:
            with self._notes.unharmed("metrics"):
                self._add_metrics(max(self._first, self._step - 1), metrics)

    def _add_metrics(self, step: int, metrics: Mapping[str, Any]) -> None:
        self._metrics.add(step, metrics)
        for name, kind in self._metrics.refused.items():
            self._notes.once("metric", name, f"It must be a number, or a tensor of one, not {kind}; it is left out.")
        self._metrics.refused.clear()

    def close(self) -> None:
        """Show the probe once more, write what is kept, and take everything off the module; can be called twice."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self.live.control.close()
        with self._notes.unharmed("the end"):
            self._looks.remove()
            self._looks.arrive()
            self._write_row()
            self._snapshots.end(self._step, self._looks.layers)
            if self._step == self._first:
                why = "No optimizer with weights of the module made a step, and the loop told of none."
                self._notes.event("no steps", None, why)
        self._optimizers.remove()
        self._looks.remove()
        _RECORDED.discard(self._inner)
        atexit.unregister(self.close)
        with self._notes.unharmed("the end"):
            self._notes.write(last=True)
        self.live.close()
        self._writer.close()
        if self._page is not None:
            self._page.close()

    def _begin(self) -> None:
        """Begin a step: with a snapshot, if one is due, and with a look."""
        self._stepped.clear()
        self._notes.shared.step = self._step
        self._snapshots.begin(self._step, self._looks.layers)
        self._notes.spent()  # by what is no part of the step
        self._row = {"step": self._step, "session": self._writer.about["session"], "forwards": 0}
        self._row["sampled"] = self._looks.begin(self._step)
        self.live.begin(self._step, self._looks.layers, self._row["sampled"])

    def _before_update(self, optimizer: Optimizer) -> None:
        with self._notes.unharmed("a look at the weights"):
            if id(optimizer) in self._stepped:  # a new step, though not all optimizers were in the last one
                self._optimizers.forget(self._stepped)
                self._end()
            self._looks.before(optimizer)

    def _at_gradients(self, optimizer: Optimizer) -> None:
        with self._notes.unharmed("a look at the gradients"):
            self._looks.gradients(optimizer)
            self._snapshots.note_filters(self._step, self._looks.layers)
            self.live.gradients(self._looks.layers)

    def _after_update(self, optimizer: Optimizer) -> None:
        with self._notes.unharmed("a look at the weights"):
            self._looks.after(optimizer)
            self._stepped.add(id(optimizer))
            if self._stepped >= self._optimizers.known.keys():
                self._end()
                self._ended = True
        if self._ended and not self._speaks and self._step > self._first + 1:
            self.live.attend()  # the loop itself does not say when a step is over

    def _end(self) -> None:
        """End a step, and begin the next one; the row of the one before it is complete now."""
        self._row["forwards"] = self._looks.end(self._step)
        self._write_row()
        self._told = {**self._row, "time": time.time()}
        self._step += 1
        if self._writer.due:
            self._notes.write()
        (self._looks.budget.pay if self._row["sampled"] else self._looks.budget.pay_aside)(self._notes.spent())
        self._begin()

    def _watched(self, module: nn.Module, probe: Probe | None) -> Watched:
        return Watched(
            module=module,
            inner=self._inner,
            folder=self.folder,
            probe=probe,
            optimizers=lambda: list(self._optimizers.known.values()),
            event=self._notes.event,
            settle=self._write_row,
            pending=lambda: self._writer.pending,
            failing=lambda: self._writer.failing,
            write=self._notes.write,
            rested=self._rested,
        )

    def _rested(self, times: Times) -> None:
        for budget in (self._looks.budget, self._snapshots.budget):
            budget.rest(times)

    def _opened(self) -> Any:
        import convscope

        return convscope.watch(self, block=False)

    def _write_row(self) -> None:
        """Write down the last step that ended, with what the loop told of it."""
        told, self._told = self._told, {}
        if not told:
            return
        metrics = self._metrics.read(told["step"])
        for name, value in metrics.items():
            if not math.isfinite(value) and name not in self._strange:
                self._strange.add(name)
                self._notes.event("nonfinite", None, f"{name} is {value}.", told["step"])
        self._notes.add("steps", [{**told, **metrics}], 100)


def _checked(module: Any, optimizer: Any, budget: Any, every: Any, start: Any) -> list[Optimizer]:
    if not isinstance(module, nn.Module):
        raise BadKnob(f"module must be a torch.nn.Module, not {type(module).__name__}. Give the one that is trained.")
    given = [] if optimizer is None else [*optimizer] if isinstance(optimizer, Sequence) else [optimizer]
    for one in given:
        if not isinstance(one, Optimizer):
            raise BadKnob(f"optimizer must be a torch optimizer, or a list of them, not {type(one).__name__}.")
        if not has_weights_of(one, module):
            raise BadKnob(f"optimizer must have weights of the module, and this {type(one).__name__} has none of them.")
    if not isinstance(budget, int | float) or not 0 < budget <= 1:
        raise BadKnob(f"budget must be a share of the time, above 0 and at most 1, not {budget!r}.")
    if every != "auto" and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
        raise BadKnob(f"every must be 'auto' or a number of steps, at least 1, not {every!r}.")
    if start is not None and (isinstance(start, bool) or not isinstance(start, int) or start < 0):
        raise BadKnob(f"start must be the number of a step, at least 0, not {start!r}.")
    if innermost(module) in _RECORDED:
        raise BadKnob("module must have one recorder at a time, and it has another one. Close that one first.")
    return given


def _weights(layers: dict[str, nn.Module]) -> Iterator[tuple[str, nn.Parameter]]:
    for name, part in layers.items():
        weight = getattr(part, "weight", None)
        if isinstance(weight, nn.Parameter) and not isinstance(weight, nn.UninitializedParameter):
            yield name, weight


def _about_probe(shown: Probe | None) -> dict[str, Any]:
    """The shape of the probe, and the class of each image, where there is a number for each."""
    if shown is None:
        return {"probe": None, "classes": None}
    classes = shown.targets if shown.targets is not None and shown.targets.ndim == 1 else None
    return {"probe": list(shown.images.shape), "classes": None if classes is None else classes.tolist()}


def _about(module: nn.Module, inner: nn.Module) -> dict[str, Any]:
    """What a record says of the module, its layers, and how they are watched."""
    layers = watched_layers(inner)
    how = "once more, as it is written: it is compiled" if is_compiled(module) else "by hooks"
    kinds = {name: type(part).__name__ for name, part in layers.items()}
    return {
        "module": type(inner).__name__,
        "layers": kinds,
        "shapes": {name: list(weight.shape) for name, weight in _weights(layers)},
        "watched": how,
        "torch": str(torch.__version__),
        "version": VERSION,
    }
