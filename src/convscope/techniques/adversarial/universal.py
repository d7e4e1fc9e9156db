"""One change for all pictures: made from half of a collection, and tried on the other half."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.projected_steps import Ball
from ...base.errors import BadImage, BadKnob, BadSource
from ...base.image import Image
from ...base.progress import Work
from ...base.unit import Unit
from ...contract.technique import technique
from ...data.source import Source
from ...execution.features import looking
from ...network.batch_size import fitting_batch_size
from ...network.network import Network
from ...network.prediction import check_predicts
from ...results.adversarial import Universal
from ...scan.codes.result import Codes
from ...scan.subject import SourceSubject
from ..common_knobs import BatchSize, Seed
from .knobs import Eps, ball_of
from .run import Run

_SHARD, _KAPPA = 1024, 5.0  # of the listing; and the lead beyond which a picture counts no more
_Z = 1.96  # 95 %


@technique(source=SourceSubject())
def universal(
    net: Network,
    source: Source,
    *,
    eps: Eps = "10/255",
    rounds: Annotated[int, Field(ge=1, le=1000, description="times that all training pictures are gone through")] = 10,
    images: Annotated[int, Field(ge=4, le=1_000_000, description="pictures that are used at most")] = 1000,
    batch_size: BatchSize = "auto",
    seed: Seed = 0,
) -> Universal:
    """Find one change that fools a network on most pictures of a collection.

    Moosavi-Dezfooli, Fawzi, Fawzi and Frossard 2017, "Universal adversarial perturbations", by signed steps on the mean
    lead of another class, each picture's clamped, instead of their loop over pictures. It is made from every second
    picture, in whole steps of at most ε; `rate` is of the others, with its 95 % interval, and `control_rate` what
    random signs of the same size do there. It is of what the network takes: pictures are resized and cropped first.
    Raises BadSource for fewer than four pictures. Cancelled, the result is of the rounds that were done.
    """
    if isinstance(source, Codes):
        raise BadKnob("source must be images, not codes. Name the collection they were made of.")
    check_predicts(net, 1)
    ball = ball_of(eps, "linf", True)
    seen, skipped = _seen(net, source, images)
    with looking(net, ["logits"], "fp32") as extractor:
        run = Run(extractor, Image(seen[0], view=True))
        batch = fitting_batch_size(net, "logits", batch_size, backward=True)
        trial = _Trial(run, seen, batch)
        work = Work(range(rounds))
        change = _raised(trial, ball, work, seed)
        steps = (255 * change).round()
        rng = np.random.default_rng(seed)
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], steps.shape)).to(steps)
        training, fooled, chance = (
            trial.changed(rows, by / 255) for rows, by in ((0, steps), (1, steps), (1, steps.abs() * signs))
        )
    interval = wilson(int(fooled.sum()), len(fooled))
    told = f"{fooled.mean():.3g} of {len(fooled)} held-out pictures ({interval[0]:.3g} to {interval[1]:.3g})"
    evidence = {
        "fooled": f"{told}; random signs {chance.mean():.3g}; those it was made from {training.mean():.3g}",
        "eps": ball.radius, "pictures": len(seen), "skipped": skipped, "rounds": work.done, **run.passes,
        "flags": {"zero_gradient": not steps.any().item()}, **work.evidence,
    }  # fmt: skip
    return Universal(
        values=steps[0].movedim(0, -1).float().contiguous().numpy(force=True), unit=Unit("logits"), network=net.name,
        evidence=evidence, rate=float(fooled.mean()), interval=interval,
        held_out=len(fooled), training_rate=float(training.mean()), control_rate=float(chance.mean()),
    )  # fmt: skip


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, `count` of `of` (Wilson 1927): it stays within 0 and 1, also of none and of all."""
    share, z2 = count / of, _Z**2
    middle, half = share + z2 / (2 * of), _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max(0.0, (middle - half) / (1 + z2 / of)), min(1.0, (middle + half) / (1 + z2 / of))


class _Trial:
    """Pictures as the network takes them, in two halves, and the classes it takes them for."""

    def __init__(self, run: Run, seen: NDArray[np.uint8], batch: int) -> None:
        self.run, self.batch = run, batch
        wide = torch.promote_types(run.extractor.dtype, torch.float32)
        self.like = torch.zeros(1, 3, *seen.shape[1:3], dtype=wide, device=run.extractor.device)
        self.seen = seen
        self.own = torch.cat([run.exact.logits(x).argmax(1) for _, x in self.batches(np.arange(len(seen)))])

    def batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        """Numbers and pixels of pictures, (n, 3, H, W) from 0 to 1."""
        for first in range(0, len(rows), self.batch):
            part = rows[first : first + self.batch]
            yield torch.from_numpy(part), torch.from_numpy(self.seen[part]).movedim(-1, 1).to(self.like) / 255

    def half(self, which: int) -> NDArray[np.int64]:
        """The numbers of the pictures it is made from, 0, or of those held out, 1."""
        return np.arange(which, len(self.seen), 2)

    def changed(self, which: int, change: Tensor) -> NDArray[np.bool_]:
        """Which pictures of a half are taken for another class with a change."""
        found = [
            self.run.exact.logits((x + change).clamp(0, 1)).argmax(1) != self.own[rows.to(self.own.device)]
            for rows, x in self.batches(self.half(which))
        ]
        return np.asarray(torch.cat(found).numpy(force=True))


def _raised(trial: _Trial, ball: Ball, rounds: Work[int], seed: int) -> Tensor:
    """The change after some rounds, by steps along the sign of the mean gradient, ever smaller ones."""
    rng = np.random.default_rng(seed)
    nothing = torch.zeros_like(trial.like)
    change, grey = nothing.clone(), nothing + 0.5
    for number in rounds:
        size = ball.radius / 4 * (1 - number / len(rounds.items))
        for rows, x in trial.batches(rng.permutation(trial.half(0))):
            goal = Goal(trial.own[rows.to(trial.own.device)], kappa=_KAPPA)
            logits, slope = trial.run.smooth.lead((x + change).clamp(0, 1), goal)
            total = slope[~goal.reached(logits)].sum(0, keepdim=True)
            change = ball.project(grey + change + size * total.sign(), grey) - grey
    return change


def _seen(net: Network, source: Source, most: int) -> tuple[NDArray[np.uint8], int]:
    """What the network is given of the pictures, (n, H, W, 3), and how many could not be read."""
    found, skipped = list[NDArray[np.uint8]](), 0
    for shard in source.shards(_SHARD):
        for entry in source.entries(shard)[: most - len(found)]:
            try:
                found.append(net.see(source.image(entry)))
            except BadImage:
                skipped += 1
    if len(found) < 4:
        raise BadSource(
            f"source must hold four pictures or more that can be read, not {len(found)}. Name a larger one."
        )
    return np.stack(found), skipped
