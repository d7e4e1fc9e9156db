"""Snapshots: the first layer's filters and what the network makes of the probe, at steps further and further apart."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..base.errors import BadKnob
from .live.live_look import few
from .notes import Notes
from .storage.tables import packed_array
from .watching.budget import Budget, added, is_snapshot
from .watching.probe import Probe, Snapshot
from .watching.watched_layers import first_filters
from .watching.weight_pictures import shown_weights

_BYTES = ("maps", "map_gradients", "weights", "weight_gradients", "pictures")
_KINDS = dict.fromkeys(_BYTES, "int8") | {"codes": "float16"}  # the rest: float32


class Snapshots:
    """Takes snapshots of a module while the budget lasts; `first` is that of before the first step."""

    def __init__(
        self, module: nn.Module, probe: Probe | None, first: Snapshot | None, notes: Notes, share: float
    ) -> None:
        self._module, self._probe, self._notes, self._found = module, probe, notes, first
        self.budget = Budget(share)
        self._last, self._waiting = -1, False

    def note_pictures(self, step: int) -> None:
        """Note once what a page shows of the probe: its first pictures."""
        shown = few(self._probe)
        if shown is not None:
            self._add(step, "pictures", None, shown.images)

    def begin(self, step: int, layers: dict[str, nn.Module]) -> None:
        """Take a snapshot of a step that begins, if one is due."""
        self._waiting = False
        if is_snapshot(step, self._last) and (self._last < 0 or self.budget.allows()):
            self.take(step, layers)
            self._waiting = True

    def take(self, step: int, layers: dict[str, nn.Module]) -> None:
        """Show the probe to the module as it is."""
        if step == self._last:
            return
        paid, began = self._last >= 0, self.budget.clock()
        self._last = step
        if self._probe is not None:
            self._look(step, layers)
        if paid:
            self.budget.pay(added(self.budget.clock(), began, -1))

    def note_filters(self, step: int, layers: dict[str, nn.Module]) -> None:
        """Note filters and their gradients as they are before an update, once for each snapshot."""
        if self._waiting:
            self._note_filters(step, layers, gradients=True)
            for name, weights, grads in shown_weights(layers):
                self._add(step, "weights", name, weights)
                if grads is not None:
                    self._add(step, "weight_gradients", name, grads)

    def end(self, step: int, layers: dict[str, nn.Module]) -> None:
        """Take the last snapshot, behind the last step, with the filters that it left."""
        self.take(step, layers)
        self._note_filters(step, layers, gradients=False)

    def _note_filters(self, step: int, layers: dict[str, nn.Module], gradients: bool) -> None:
        self._waiting, first = False, first_filters(layers)
        if first is None:
            return
        layer, weight = first
        self._add(step, "filters", layer, weight)
        if gradients and weight.grad is not None:
            self._add(step, "filter_gradients", layer, weight.grad)

    def _look(self, step: int, layers: dict[str, nn.Module]) -> None:
        assert self._probe is not None
        try:
            found = self._found or self._probe.look(self._module, layers)
        except BadKnob as error:
            self._notes.event("probe", None, f"{error} Nothing more is noted of it.")
            self._probe = None
            return
        self._found = None
        self._add(step, "codes", None, found.codes)
        self._add(step, "answers", None, found.answers)
        for layer, maps in found.maps.items():
            self._add(step, "maps", layer, maps)
        for layer, gradients in found.gradients.items():
            self._add(step, "map_gradients", layer, gradients)

    def _add(self, step: int, what: str, layer: str | None, values: Tensor) -> None:
        packed: dict[str, Any] = packed_array(values.detach().float().cpu().numpy(), _KINDS.get(what, "float32"))
        self._notes.add("snapshots", [{"step": step, "what": what, "layer": layer, **packed}], len(packed["values"]))
