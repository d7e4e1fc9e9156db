"""One attack from question to file: found on the way the picture is opened, put on the lattice, written, read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.lattice import ByteLattice, Stepped, looked_at, repaired
from ...adversarial.model import Found, Model, euclidean_distance, largest_magnitude
from ...adversarial.viewing import ViewingMap
from ...base.errors import ForwardFailed
from ...base.image import Image
from ...base.progress import Work
from ...network.backward.gradient import VANISHED, many_passes
from ...network.isolation.alone import QUIET
from ...network.isolation.parts import unwrap
from ...network.isolation.running import device_of, dtype_of
from ...network.layers.probabilities import Scores
from ...network.network import Network
from ...results.adversarial import Adversarial, Ranked
from ..differences.behind import AttackedNetwork
from ..visualization.validation import judges_named
from .knobs import AttackKnobs
from .question import AttackQuestion, ranked
from .trial import against_control, changed, control, judged_by, norms, read_format, tried, written

_SURER = 1e-3  # of the largest logit: the lead that is asked for where a file's own was lost to roundings
Finder = Callable[[Model, Tensor, Goal, Iterable[int]], Found]
Stepper = Callable[[Model, ByteLattice, Goal, Tensor], Stepped]


@dataclass(frozen=True)
class AttackPlan:
    """How an attack goes: it is found in pixels, in so many steps, then put on the lattice of whole steps.

    `most` and `length` bound the steps; `told` is evidence of its own.
    """

    find: Finder
    steps: int
    settle: Stepper = repaired
    most: int = 255
    length: float = torch.inf
    told: dict[str, Any] | None = None


def attacked(net: Network, picture: Image, asked: AttackKnobs, plan: AttackPlan) -> Adversarial:
    """Attack a picture as it will be opened, and report what its file does; see the techniques.

    A picture that is wrong before is not attacked. Cancelled, the result holds the best so far.
    """
    judges, lossy = judges_named(asked.judges), read_format(asked.format)
    question = AttackQuestion.of(net, picture, asked.target, asked.label)
    if question.wrong_before:
        return _answer(question, picture.pixels, Run(question), {"wrong_before": question.wrong_before})
    run = Run(question)
    with many_passes(net):
        work = Work(range(plan.steps), run.preview)
        pixels, evidence = _attack(run, question.goal(asked.kappa), asked.lattice, plan, work)
    file = written(changed(picture, pixels))
    others = [changed(picture, each) for each in control(picture.pixels, pixels, asked.seed)]
    evidence |= {**(plan.told or {}), **against_control(question, others), **tried(question, file, lossy)}
    evidence |= judged_by(judges, picture, file, others)
    if work.cancelled:
        evidence["partial"] = f"cancelled after {work.done} of {plan.steps} steps: the best so far"
    return _answer(question, pixels, run, evidence)


class Run:
    """The network as a function of the picture's pixels, twice: without bytes on the way, and exactly as in a file."""

    def __init__(self, question: AttackQuestion) -> None:
        self.net, self.question = question.net, question
        device, dtype = device_of(self.net.module), dtype_of(self.net.module)
        self.view = ViewingMap.of(self.net.preprocessing, question.picture.size, question.picture.view, device, dtype)
        self.smooth, self.exact = Model(self._scores), Model(lambda x: self._scores(x, rounded=True))
        self.history = list[float]()
        self.flat = False

    @property
    def passes(self) -> dict[str, int]:
        """How many pictures went forward and backward."""
        return {
            "forward": self.smooth.forward + self.exact.forward,
            "backward": self.smooth.backward + self.exact.backward,
        }

    def preview(self) -> NDArray[np.float32] | None:
        """The picture that was looked at last, (1, 3, H, W)."""
        last = self.smooth.last if self.smooth.last is not None else self.exact.last
        return None if last is None else last[:1].float().numpy(force=True)

    def _scores(self, x: Tensor, rounded: bool = False) -> Tensor:
        logits = self.net.read(self.view(x, rounded), "logits")["logits"]
        logits = logits.double() if logits.itemsize > 4 else logits.float()
        if not torch.isfinite(logits).all():
            raise ForwardFailed(f"{self.net.name} put out class scores that are not finite on the way of the attack.")
        own = self.net.scores
        return logits if own in (Scores.SOFTMAX, Scores.SIGMOID) else own.logarithms(logits)


def _attack(
    run: Run, goal: Goal, lattice: bool, plan: AttackPlan, work: Work[int]
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The bytes of the attacked picture, and how they were found."""
    clean = run.question.clean()
    found = plan.find(run.smooth, clean / 255, goal, work)
    found.pixels = torch.where(
        run.view.looked_at, found.pixels, clean / 255
    )  # what begins by chance does so everywhere
    run.history, run.flat = [float(lead[0]) for lead in found.history], bool(found.flat[0])
    grid = ByteLattice(clean, plan.most, plan.length) if lattice else ByteLattice(clean)
    evidence: dict[str, Any] = {"before_rounding": _measured(found, clean / 255)}
    if not lattice or run.flat:
        stepped = looked_at(run.exact, grid, goal, grid.kept(found.pixels * 255 - clean))
        return _bytes(clean, stepped.steps), evidence
    stepped = _settled(run, grid, goal, found.pixels, plan.settle)
    run.history.append(stepped.lead)
    return _bytes(clean, stepped.steps), {**evidence, "rounds_after_rounding": stepped.rounds}


def _settled(run: Run, grid: ByteLattice, goal: Goal, x: Tensor, settle: Stepper) -> Stepped:
    """Whole steps whose file does what was wanted; asked for a little more where it does by a rounding too little."""
    stepped = settle(run.exact, grid, goal, x)
    top = abs(run.question.before[0][3])
    for surer in (_SURER, 10 * _SURER):
        picture = changed(run.question.picture, _bytes(grid.clean, stepped.steps))
        if not stepped.reached or run.question.fooled(run.net.predict(picture, 1)[0][1]):
            break
        stepped = settle(run.exact, grid, replace(goal, kappa=goal.kappa + surer * top), x)
    return stepped


def _measured(found: Found, clean: Tensor) -> dict[str, Any]:
    """What was found before it was rounded to bytes."""
    change = found.pixels - clean
    return {"reached": bool(found.reached[0]), "l2": float(euclidean_distance(found.pixels, clean)[0]),
            "linf": float(largest_magnitude(change)[0])}  # fmt: skip


def _bytes(clean: Tensor, steps: Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = (clean + steps)[0].movedim(0, -1).round().to(torch.uint8).contiguous().numpy(force=True)
    return found


def _answer(question: AttackQuestion, pixels: NDArray[np.uint8], run: Run, evidence: dict[str, Any]) -> Adversarial:
    """The result, with what the file is taken for when it is read again."""
    picture = question.picture
    after = ranked(question.net, written(changed(picture, pixels)))
    success = not question.wrong_before and question.fooled(after[0][1])
    evidence = {"file": _of_the_file(success, after[0], question), **evidence}
    notes = {"notice": " ".join(question.net.notices)} if question.net.notices else {}
    return Adversarial(
        values=(pixels.astype(np.int16) - picture.pixels).astype(np.float32), unit=question.unit,
        network=question.net.name,
        evidence={**evidence, **_flags(question, run, success), **question.net.preprocessing.told(picture), **notes},
        image=pixels, clean=picture.pixels, success=success, label=after[0][0], before=question.before[0][0],
        target="" if question.target is None else question.net.label(question.target),
        norms=norms(picture.pixels, pixels), passes=run.passes, history=np.array(run.history, np.float32),
        top_before=question.before, top_after=after, view=picture.view, profile=picture.profile,
        behind=AttackedNetwork(question.net),
    )  # fmt: skip


def _of_the_file(success: bool, found: Ranked, question: AttackQuestion) -> str:
    """What became of the file, in words."""
    word = "fooled" if success else "not fooled"
    return f"{word}: {question.before[0][0]} ({question.before[0][2]:.3g}) → {found[0]} ({found[2]:.3g}), read again"


def _flags(question: AttackQuestion, run: Run, success: bool) -> dict[str, Any]:
    """Signs that a failure says more about the gradients than about the network (Carlini et al. 2019)."""
    leads = run.history
    flags = {
        "random_output": unwrap(question.net.module) not in QUIET,
        "zero_gradient": run.flat,
        "softmax_inside": question.net.scores in (Scores.OWN, Scores.EACH),
        "too_few_steps": not success and len(leads) > 1 and max(leads) in leads[-2:] and leads[-1] > leads[0],
    }
    told: dict[str, Any] = {"flags": flags}
    if run.flat:
        told["vanished"] = f"nothing moved, as {VANISHED}"
    if any(flags.values()) and not success and not question.wrong_before:
        names = " and ".join(name.replace("_", " ") for name, on in flags.items() if on)
        told["masked"] = f"not fooled, which proves nothing: {names}"
    return told
