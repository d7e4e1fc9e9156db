"""The network as attacks see it: a function of the pixels of pictures of one size, a few of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.model import Found, Model
from ...adversarial.viewing import ViewingMap
from ...base.errors import ForwardFailed
from ...base.image import Image
from ...execution.features import FeatureExtractor
from ...network.batch_size import chunks, fitting_batch_size
from ...network.layers.probabilities import Scores
from ...network.network import Network
from .question import AttackQuestion

_PIXELS = 1 << 22  # of pictures that are attacked together, at most


class Run:
    """The logits of pictures as large as one, twice: without bytes on the way, and exactly as of a file.

    The first is for slopes, with norms folded in; `extractor` reads it.
    """

    def __init__(self, extractor: FeatureExtractor, like: Image) -> None:
        self.net, self.extractor = extractor.net, extractor
        self.view = ViewingMap.of(self.net.preprocessing, like.size, like.view, extractor.device, extractor.dtype)
        self.smooth, self.exact = Model(self._folded), Model(self._exact)

    @property
    def passes(self) -> dict[str, int]:
        """How many pictures went forward and backward."""
        both = self.smooth, self.exact
        return {"forward": sum(each.forward for each in both), "backward": sum(each.backward for each in both)}

    def preview(self) -> NDArray[np.float32] | None:
        """The first of the pictures that were looked at last, (1, 3, H, W)."""
        last = self.exact.passes.last if self.smooth.passes.last is None else self.smooth.passes.last
        return None if last is None else last[:1].float().numpy(force=True)

    def _folded(self, x: Tensor) -> Tensor:
        return self._logarithms(self.extractor.prepared(self.view(x))["logits"])

    def _exact(self, x: Tensor) -> Tensor:
        return self._logarithms(self.net.read(self.view(x, rounded=True), "logits")["logits"])

    def _logarithms(self, logits: Tensor) -> Tensor:
        logits = logits.double() if logits.itemsize > 4 else logits.float()
        if not torch.isfinite(logits).all():
            raise ForwardFailed(f"{self.net.name} put out class scores that are not finite on the way of the attack.")
        own = self.net.scores
        return logits if own in (Scores.SOFTMAX, Scores.SIGMOID) else own.logarithms(logits)


@dataclass
class Attempt:
    """One picture of a run, its `row`: what is asked of it, `exact`, its model, and how the attack went.

    `history` are the leads on the way; `flat` says that no gradient came back.
    """

    question: AttackQuestion
    run: Run | None = None
    row: int = 0
    history: tuple[float, ...] = ()
    flat: bool = False

    @classmethod
    def after(cls, question: AttackQuestion, run: Run, row: int, found: Found) -> Attempt:
        """Of a row of what was found."""
        leads = torch.stack(found.history)[:, row].tolist() if found.history else []
        return cls(question, run, row, tuple(lead for lead in leads if lead == lead), bool(found.flat[row]))

    @property
    def exact(self) -> Model:
        """The network as of a file, whose passes are counted for this picture."""
        assert self.run is not None
        return self.run.exact.rows(torch.tensor([self.row]))

    @property
    def passes(self) -> dict[str, int]:
        """How often this picture went forward and backward."""
        both = [] if self.run is None else [self.run.smooth.passes, self.run.exact.passes]
        return {
            "forward": sum(each.forward[self.row] for each in both),
            "backward": sum(each.backward[self.row] for each in both),
        }


def goal_of(questions: Sequence[AttackQuestion], kappa: float) -> Goal:
    """The goal of several attacks, a row each: all have a target, or none has."""
    each = [question.goal(kappa) for question in questions]
    return Goal(torch.cat([one.classes for one in each]), each[0].targeted, kappa)


def batches_of(net: Network, questions: Sequence[AttackQuestion], batch_size: int | Literal["auto"]) -> list[list[int]]:
    """The numbers of those that go together: pictures of one size, as many as fit."""
    groups: dict[tuple[tuple[int, int], bool], list[int]] = {}
    for number, question in enumerate(questions):
        groups.setdefault((question.picture.size, question.picture.view), []).append(number)
    found = list[list[int]]()
    for ((height, width), _), numbers in groups.items():
        fitting = fitting_batch_size(net, "logits", batch_size, backward=True) if len(numbers) > 1 else 1
        size = max(1, min(fitting, _PIXELS // (height * width)))
        found += [[numbers[i] for i in part] for part in chunks(len(numbers), size)]
    return found
