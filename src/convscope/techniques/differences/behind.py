"""What an adversarial example can be asked of the network it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base.image import Image
from ...base.unit import Unit, Valued
from ...network.network import Network
from ...results.adversarial import Adversarial
from ...results.flipped_units import FlippedUnits
from ...results.margin_path import MarginPath
from ...scan.result import open_scan
from .flipped_units import units_between
from .margin_path import path_between


@dataclass(frozen=True, eq=False)
class AttackedNetwork:
    """The network that was attacked: what the change does inside it."""

    net: Network

    def units(self, found: Adversarial, scan: Any = None) -> FlippedUnits:
        """As `flipped_units`, with what that does without being asked; `scan` may be in memory."""
        known = None if scan is None else open_scan(scan)
        return self.net.settled(lambda: units_between(self.net, _clean(found), found.file, known))

    def path(self, found: Adversarial) -> MarginPath:
        """As `margin_path`, from the class that was to the target, or else to the one that is."""
        return self.net.settled(lambda: path_between(self.net, _clean(found), found.file, self._followed(found)))

    def _followed(self, found: Adversarial) -> str | Valued:
        old, new = (top[0][1] for top in (found.top_before, found.top_after))
        if found.target and isinstance(found.unit, Unit):
            new = found.unit.channel or 0
        return "auto" if new == old else Unit("logits", new) - Unit("logits", old)


def _clean(found: Adversarial) -> Image:
    return Image(found.clean, profile=found.profile, view=found.view)
