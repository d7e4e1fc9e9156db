"""Codes that a scan keeps besides its own statistics, in the same pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...base.pixels import Floats
from ...data.loading import Batch
from ..statistics.batch_summary import Histograms, Summary
from ..statistics.state import State
from .state import CodesState


class WithCodes:
    """A scan's state and that of codes, folded together; `first` is the column of each layer of the scan."""

    def __init__(self, state: State, codes: CodesState, first: Mapping[str, int]) -> None:
        self.state, self.codes = state, codes
        self._before = frozenset(state.shards)
        codes.layers = {
            name: (slice(first[name], first[name] + own.stop - own.start), positions)
            for name, (own, positions) in codes.layers.items()
        }

    @property
    def shards(self) -> set[int]:
        """The shards that the scan knows."""
        return self.state.shards

    @shards.setter
    def shards(self, shards: set[int]) -> None:
        self.state.shards = shards
        self.codes.shards |= shards - self._before  # whose codes nobody kept, where they are not in pieces

    @property
    def full(self) -> bool:
        """Whether so many codes are held that they must be written."""
        return self.codes.full

    @property
    def histograms(self) -> Histograms:
        """Those of the scan."""
        return self.state.histograms

    @property
    def looks(self) -> bool:
        """Whether the scan looks at maps itself."""
        return self.state.looks

    def look(self, maps: Floats, numbers: Sequence[int], column: int, units: int) -> None:
        """As the scan does."""
        self.state.look(maps, numbers, column, units)

    def fold(self, batches: Sequence[Batch], summary: Summary) -> None:
        """Fold some batches into both."""
        self.state.fold(batches, summary)
        self.codes.fold(batches, summary)
