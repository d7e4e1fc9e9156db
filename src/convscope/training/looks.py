"""Looks at steps of training: hooks for one step at a time, and what they found, read a step later."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.optim import Optimizer

from .health import Health
from .notes import Notes
from .statistics.channel_statistics import compile_kernels
from .statistics.weight_statistics import WeightStatistics
from .step_look import StepLook
from .watching.budget import Budget, least_gap
from .watching.forwards import Forwards
from .watching.watched_layers import own_weights, watched_layers


class Looks:
    """Looks at some steps of the training of a module; `layers` are its layers as they are now."""

    layers: dict[str, nn.Module]

    def __init__(
        self, module: nn.Module, inner: nn.Module, notes: Notes, share: float, every: int | Literal["auto"]
    ) -> None:
        self._module, self._inner, self._notes, self._every = module, inner, notes, every
        self.budget, self._health = Budget(share), Health()
        self._last, self._silent = -1, 0
        self._forwards: Forwards | None = None
        self._arriving: StepLook | None = None
        compile_kernels()
        self._watch(watched_layers(inner))

    def begin(self, step: int) -> bool:
        """StepLook at the step that begins, if that is due; says whether."""
        if not self._due(step) or self._notes.broken:
            return False
        self._refresh()
        self._weights.begin()
        self._forwards = Forwards(self._module, self._inner, self.layers, self._notes.unharmed)
        self._last = step
        return True

    def before(self, optimizer: Optimizer) -> None:
        """StepLook at weights before an optimizer changes them."""
        if self._forwards is not None:
            self._weights.before(optimizer)

    def gradients(self, optimizer: Optimizer) -> None:
        """Look at the gradients that it uses."""
        if self._forwards is not None:
            self._weights.gradients(optimizer)

    def after(self, optimizer: Optimizer) -> None:
        """StepLook at them after it."""
        if self._forwards is not None:
            self._weights.after(optimizer)

    def end(self, step: int) -> int:
        """End a step: what was found is on its way, that of the step before has arrived; gives how many passes."""
        self.arrive()
        forwards = self.remove()
        if forwards is None:
            return 0
        self._notice(forwards)
        self._arriving = StepLook(step, forwards, self._weights, self._sizes)
        self._refresh()
        return forwards.calls

    def arrive(self) -> None:
        """Write down what was on its way, and judge it."""
        arriving, self._arriving = self._arriving, None
        if arriving is not None:
            rows, judged = arriving.read()
            self._notes.add("layers", rows, sum(12 * len(row.get("mean", ())) + 6144 for row in rows))
            for event in self._health.look(arriving.step, judged):
                self._notes.noted(event)

    def remove(self) -> Forwards | None:
        """Take all hooks off; gives what they had found."""
        forwards, self._forwards = self._forwards, None
        if forwards is not None:
            forwards.remove()
        return forwards

    def _due(self, step: int) -> bool:
        if self._every != "auto":
            return step % self._every == 0
        return self._last < 0 or (step - self._last >= least_gap(step) and self.budget.allows())

    def _watch(self, layers: dict[str, nn.Module]) -> None:
        weights = own_weights(layers)
        self.layers, self._weights = layers, WeightStatistics(weights)
        self._sizes = {name: sum(w.numel() for w in own) for name, own in weights.items()}
        self._known = {name: (part, *map(id, weights.get(name, ()))) for name, part in layers.items()}

    def _refresh(self) -> None:
        """Find the layers anew where parts of the module, or weights, were replaced."""
        before = self._known
        layers = watched_layers(self._inner)
        weights = own_weights(layers)
        now = {name: (part, *map(id, weights.get(name, ()))) for name, part in layers.items()}
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            why = f"Parts of the module, or their weights, are others than before: {', '.join(changed[:5])}."
            self._notes.event("replaced", changed[0], why)
            self._watch(layers)

    def _notice(self, forwards: Forwards) -> None:
        for name in forwards.uneven:
            why = "It puts out several widths in one pass; calls of the first width are counted."
            self._notes.once("uneven", name, why)
        self._silent = 0 if forwards.sums else self._silent + 1
        if self._silent == 2:
            why = "The module is not run in training. Record the one that is: the compiled one, or the copy."
            self._notes.once("silent", None, why)
