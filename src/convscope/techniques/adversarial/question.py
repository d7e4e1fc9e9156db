"""What is asked of an attack: a picture, what a network takes it for, and what it is to be taken for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...adversarial.goal import Goal
from ...base.errors import BadKnob, UnknownUnit
from ...base.image import Image
from ...base.unit import Unit, parse
from ...network.isolation.running import device_of, dtype_of
from ...network.network import Network
from ...network.prediction import check_predicts
from ...results.adversarial import Ranked

_TOP = 5


@dataclass(frozen=True, eq=False)
class AttackQuestion:
    """A network, a picture, the `own` class, and the `target`, or None for any other class.

    `before` are the most probable classes of the picture as it is.
    """

    net: Network
    picture: Image
    own: int
    target: int | None
    before: tuple[Ranked, ...]

    @classmethod
    def of(cls, net: Network, picture: Image, target: str, label: str) -> AttackQuestion:
        """Raises BadKnob for classes there are not, or that leave nothing to do, UnknownUnit without any classes."""
        check_predicts(net, _TOP)
        net.check_trained(["logits"])
        if net.layers["logits"].units < 2:
            raise BadKnob(
                f"net must have two classes or more, not one: {net.name} gives a single score, so there is no other "
                "class to be taken for. Wrap it in a module that puts out two."
            )
        before = ranked(net, picture)
        own = class_of(net, "label", label) if label else before[0][1]
        wanted = class_of(net, "target", target) if target else None
        if wanted == own:
            raise BadKnob(f"target must be another class than the picture's own, {net.label(own)!r}. Name another.")
        return cls(net, picture, own, wanted, before)

    @property
    def wrong_before(self) -> str:
        """That the network takes the picture for another class than the label before any attack; else nothing."""
        found = self.before[0]
        if found[1] == self.own:
            return ""
        return f"wrong before: taken for {found[0]}, not {self.net.label(self.own)}, with nothing changed; not attacked"

    @property
    def unit(self) -> Unit:
        """The class that it is about: the target, or its own."""
        return Unit("logits", self.own if self.target is None else self.target)

    def goal(self, kappa: float) -> Goal:
        """The goal of an attack, of one row."""
        named = torch.tensor([self.own if self.target is None else self.target], device=device_of(self.net.module))
        return Goal(named, self.target is not None, kappa)

    def fooled(self, found: int) -> bool:
        """Whether a class is what was wanted."""
        return found != self.own if self.target is None else found == self.target

    def clean(self) -> Tensor:
        """The bytes of the picture, (1, 3, H, W), as floats of the network's kind, at least single ones."""
        kind = dtype_of(self.net.module)
        bytes = torch.from_numpy(self.picture.pixels.copy()).movedim(-1, 0)[None]
        return bytes.to(device_of(self.net.module), torch.float64 if kind == torch.float64 else torch.float32)


def class_of(net: Network, knob: str, text: str) -> int:
    """The number of a class that a knob names; raises BadKnob."""
    try:
        return net.unit(parse(f"logits:{text}", net.labels)).channel or 0
    except UnknownUnit as error:
        raise BadKnob(f"{knob} must be the number or label of a class, not {text!r}. {error}") from None


def ranked(net: Network, picture: Image) -> tuple[Ranked, ...]:
    """The most probable classes of a picture as `predict` has them, and their logits."""
    with torch.no_grad():
        logits = net.read(net.prepare(picture), "logits")["logits"][0]
    return tuple((label, number, chance, float(logits[number])) for label, number, chance in net.predict(picture, _TOP))
