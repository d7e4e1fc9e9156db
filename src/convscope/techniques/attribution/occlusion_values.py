"""What was measured with parts of an image hidden: the unit's value and the class scores, window by window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...execution.incremental import PatchGroup
from ...execution.occluded import OccludedInputs
from ...network.backward.gradient import check_finite
from ...network.layers.probabilities import Scores
from ...results.occlusion import Occlusion, spread_over_pixels
from .target import AttributionTarget, array


class OcclusionValues:
    """The unit's value and the class scores for every window, as far as they are known; NaN for the others."""

    def __init__(
        self, question: AttributionTarget, hiding: OccludedInputs, patch: tuple[int, int], correct: int
    ) -> None:
        self.question, self.hiding, self.patch, self.correct = question, hiding, patch, correct
        clean = question.net.read(question.x, *hiding.layers)
        self.value = float(self._values(clean)[0])
        scores = "logits" in hiding.layers and question.net.classifies
        self.clean = array(clean["logits"][0]) if scores else np.zeros(0, np.float32)
        shape = len(hiding.rows.low), len(hiding.columns.low)
        self.units = np.full(shape, np.nan)
        self.logits = np.full((*shape, len(self.clean)), np.nan)

    def put(self, group: PatchGroup, tensors: Mapping[str, Tensor]) -> None:
        """Note what was found for a group of positions."""
        self.units[group.y, group.x] = self._values(tensors)
        if len(self.clean):
            self.logits[group.y, group.x] = tensors["logits"].double().numpy(force=True)

    def difference(self, group: PatchGroup) -> tuple[float, float]:
        """The largest difference to whole inputs at some positions, and the same as a share of the largest value."""
        units, logits = self.units[group.y, group.x], self.logits[group.y, group.x]
        single = [self.hiding.densely(PatchGroup(group.y[[i]], group.x[[i]])) for i in range(len(group.y))]
        wanted = np.concatenate([self._values(found) for found in single])
        apart, high = np.abs(units - wanted).max(), np.abs(wanted).max()
        if len(self.clean):
            scores = np.stack([found["logits"][0].double().numpy(force=True) for found in single])
            return float(apart), float(np.abs(logits - scores).max() / max(np.abs(scores).max(), 1e-30))
        return float(apart), float(apart / max(high, 1e-30))

    def map(self) -> NDArray[np.float32]:
        """The mean drop at each pixel so far."""
        hiding = self.hiding
        drops = self.value - self.units
        return spread_over_pixels(drops, hiding.rows.low, hiding.columns.low, self.patch, self.question.seen.shape[:2])

    def result(self, evidence: dict[str, Any]) -> Occlusion:
        """The result so far."""
        return self.question.answer(
            Occlusion,
            self.map(),
            self.value,
            {**evidence, **self._classes()},
            size=self.patch,
            tops=self.hiding.rows.low,
            lefts=self.hiding.columns.low,
            unit_values=self.units.astype(np.float32),
            logits=self.logits.astype(np.float32),
            clean=self.clean,
            correct=self.correct,
            scores=_SCORES[self.question.net.scores],
        )

    def _classes(self) -> dict[str, Any]:
        """The correct class, and how many windows make which class the most probable one, the most frequent first."""
        if not len(self.clean):
            return {}
        reached = np.isfinite(self.logits).all(2)
        classes, counts = np.unique(self.logits[reached].argmax(1), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        name = self.question.net.label
        found = zip(classes[order].tolist(), counts[order].tolist(), strict=True)
        rows = [{"class": index, "label": name(index), "windows": count} for index, count in found]
        return {"correct": name(self.correct), "most_probable": rows}

    def _values(self, tensors: Mapping[str, Tensor]) -> NDArray[np.float64]:
        net, unit = self.question.net, self.question.unit
        values = net.summed(tensors, unit)
        check_finite(net, unit, values)
        found: NDArray[np.float64] = values.double().numpy(force=True)
        return found


_SCORES: dict[Scores, Literal["softmax", "sigmoid", "own"]] = {
    Scores.SOFTMAX: "softmax", Scores.SIGMOID: "sigmoid", Scores.OWN: "own", Scores.EACH: "own",
}  # fmt: skip
