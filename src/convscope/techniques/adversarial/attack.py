"""One attack from question to file: found on the way the picture is opened, put on the lattice, written, read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...adversarial.goal import Goal
from ...adversarial.lattice import ByteLattice, Stepped, looked_at, repaired
from ...adversarial.model import Found, Model, euclidean_distance, largest_magnitude
from ...base.image import Image
from ...base.progress import Work, stage
from ...execution.features import looking
from ...network.backward.gradient import VANISHED
from ...network.isolation.alone import QUIET
from ...network.isolation.parts import unwrap
from ...network.layers.probabilities import Scores
from ...network.network import Network
from ...results.adversarial import Adversarial, Ranked
from ..differences.behind import AttackedNetwork
from ..visualization.validation import judges_named
from .knobs import AttackKnobs
from .question import AttackQuestion, ranked
from .run import Attempt, Run, batches_of, goal_of
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


@overload
def attacked(net: Network, image: Image, asked: AttackKnobs, plan: AttackPlan) -> Adversarial: ...


@overload
def attacked(net: Network, image: list[Image], asked: AttackKnobs, plan: AttackPlan) -> list[Adversarial]: ...


def attacked(
    net: Network, image: Image | list[Image], asked: AttackKnobs, plan: AttackPlan
) -> Adversarial | list[Adversarial]:
    """Attack a picture as it will be opened, and report what its file does; see the techniques.

    Several go together, those of one size in one pass, each as it would alone but for roundings. A picture that is
    wrong before is not attacked. Cancelled, a result holds the best so far.
    """
    if isinstance(image, Image):
        return attacked(net, [image], asked, plan)[0]
    judges, lossy = judges_named(asked.judges), read_format(asked.format)
    questions = [AttackQuestion.of(net, picture, asked.target, asked.label) for picture in image]
    going = [number for number, question in enumerate(questions) if not question.wrong_before]
    parts = batches_of(net, [questions[number] for number in going], asked.batch_size)
    made = {number: _untouched(question) for number, question in enumerate(questions) if question.wrong_before}
    for count, part in enumerate(parts):
        numbers = [going[i] for i in part]
        with stage(count, len(parts)):
            together = _together(net, [questions[number] for number in numbers], asked, plan)
        for number, (attempt, pixels, evidence) in zip(numbers, together, strict=True):
            told = {**(plan.told or {}), **_tried(attempt.question, pixels, asked.seed, judges, lossy)}
            made[number] = _answer(attempt, pixels, {**evidence, **told})
    return [made[number] for number in range(len(questions))]


def _untouched(question: AttackQuestion) -> Adversarial:
    return _answer(Attempt(question), question.picture.pixels, {"wrong_before": question.wrong_before})


def _together(
    net: Network, questions: Sequence[AttackQuestion], asked: AttackKnobs, plan: AttackPlan
) -> list[tuple[Attempt, NDArray[np.uint8], dict[str, Any]]]:
    """The bytes of attacked pictures of one size, and how they were found."""
    clean = torch.cat([question.clean() for question in questions])
    goal = goal_of(questions, asked.kappa)
    with looking(net, ["logits"], "fp32") as extractor:
        run = Run(extractor, questions[0].picture)
        work = Work(range(plan.steps), run.preview)
        found = plan.find(run.smooth, clean / 255, goal, work)
        found.pixels = torch.where(run.view.looked_at, found.pixels, clean / 255)  # what begins by chance does so there
        made = []
        for row, question in enumerate(questions):
            attempt, own = Attempt.after(question, run, row, found), slice(row, row + 1)
            pixels, evidence = _on_lattice(attempt, goal.rows(own), found.rows(own), clean[own], asked.lattice, plan)
            if work.cancelled:
                evidence["partial"] = f"cancelled after {work.done} of {plan.steps} steps: the best so far"
            made.append((attempt, pixels, evidence))
    return made


def _on_lattice(
    attempt: Attempt, goal: Goal, found: Found, clean: Tensor, lattice: bool, plan: AttackPlan
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    grid = ByteLattice(clean, plan.most, plan.length) if lattice else ByteLattice(clean)
    evidence: dict[str, Any] = {"before_rounding": _measured(found, clean / 255)}
    if not lattice or attempt.flat:
        stepped = looked_at(attempt.exact, grid, goal, grid.kept(found.pixels * 255 - clean))
        return _bytes(clean, stepped.steps), evidence
    stepped = _settled(attempt, grid, goal, found.pixels, plan.settle)
    attempt.history += (stepped.lead,)
    return _bytes(clean, stepped.steps), {**evidence, "rounds_after_rounding": stepped.rounds}


def _tried(
    question: AttackQuestion,
    pixels: NDArray[np.uint8],
    seed: int,
    judges: list[Network],
    lossy: tuple[str, int] | None,
) -> dict[str, Any]:
    """What becomes of the file, beside random changes of the same size."""
    picture = question.picture
    file = written(changed(picture, pixels))
    others = [changed(picture, each) for each in control(picture.pixels, pixels, seed)]
    told = {**against_control(question, others), **tried(question, file, lossy)}
    return {**told, **judged_by(judges, picture, file, others)}


def _settled(attempt: Attempt, grid: ByteLattice, goal: Goal, x: Tensor, settle: Stepper) -> Stepped:
    """Whole steps whose file does what was wanted; asked for a little more where it does by a rounding too little."""
    stepped = settle(attempt.exact, grid, goal, x)
    question = attempt.question
    top = abs(question.before[0][3])
    for surer in (_SURER, 10 * _SURER):
        picture = changed(question.picture, _bytes(grid.clean, stepped.steps))
        if not stepped.reached or question.fooled(question.net.predict(picture, 1)[0][1]):
            break
        stepped = settle(attempt.exact, grid, replace(goal, kappa=goal.kappa + surer * top), x)
    return stepped


def _measured(found: Found, clean: Tensor) -> dict[str, Any]:
    """What was found before it was rounded to bytes."""
    change = found.pixels - clean
    return {"reached": bool(found.reached[0]), "l2": float(euclidean_distance(found.pixels, clean)[0]),
            "linf": float(largest_magnitude(change)[0])}  # fmt: skip


def _bytes(clean: Tensor, steps: Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = (clean + steps)[0].movedim(0, -1).round().to(torch.uint8).contiguous().numpy(force=True)
    return found


def _answer(attempt: Attempt, pixels: NDArray[np.uint8], evidence: dict[str, Any]) -> Adversarial:
    """The result, with what the file is taken for when it is read again."""
    question, picture = attempt.question, attempt.question.picture
    after = ranked(question.net, written(changed(picture, pixels)))
    success = not question.wrong_before and question.fooled(after[0][1])
    evidence = {"file": _of_the_file(success, after[0], question), **evidence}
    notes = {"notice": " ".join(question.net.notices)} if question.net.notices else {}
    return Adversarial(
        values=(pixels.astype(np.int16) - picture.pixels).astype(np.float32), unit=question.unit,
        network=question.net.name,
        evidence={**evidence, **_flags(attempt, success), **question.net.preprocessing.told(picture), **notes},
        image=pixels, clean=picture.pixels, success=success, label=after[0][0], before=question.before[0][0],
        target="" if question.target is None else question.net.label(question.target),
        norms=norms(picture.pixels, pixels), passes=attempt.passes, history=np.array(attempt.history, np.float32),
        top_before=question.before, top_after=after, view=picture.view, profile=picture.profile,
        behind=AttackedNetwork(question.net),
    )  # fmt: skip


def _of_the_file(success: bool, found: Ranked, question: AttackQuestion) -> str:
    """What became of the file, in words."""
    word = "fooled" if success else "not fooled"
    return f"{word}: {question.before[0][0]} ({question.before[0][2]:.3g}) → {found[0]} ({found[2]:.3g}), read again"


def _flags(attempt: Attempt, success: bool) -> dict[str, Any]:
    """Signs that a failure says more about the gradients than about the network (Carlini et al. 2019)."""
    question, leads = attempt.question, attempt.history
    flags = {
        "random_output": unwrap(question.net.module) not in QUIET,
        "zero_gradient": attempt.flat,
        "softmax_inside": question.net.scores in (Scores.OWN, Scores.EACH),
        "too_few_steps": not success and len(leads) > 1 and max(leads) in leads[-2:] and leads[-1] > leads[0],
    }
    told: dict[str, Any] = {"flags": flags}
    if attempt.flat:
        told["vanished"] = f"nothing moved, as {VANISHED}"
    if any(flags.values()) and not success and not question.wrong_before:
        names = " and ".join(name.replace("_", " ") for name, on in flags.items() if on)
        told["masked"] = f"not fooled, which proves nothing: {names}"
    return told
