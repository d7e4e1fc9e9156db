"""Learning rate, momentum and weight decay of the parameter groups of optimizers: as they are, and set anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...base.errors import BadKnob
from .commands import Setting

_KEYS: dict[Setting, str] = {"learning_rate": "lr", "momentum": "momentum", "weight_decay": "weight_decay"}
_BELOW = {"momentum": 1.0}  # which numbers a setting must be below; all are at least 0


def groups_of(optimizers: Iterable[Optimizer]) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
    """All parameter groups, numbered in this order."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            yield optimizer, group


def group_settings(optimizers: Iterable[Optimizer]) -> list[dict[str, Any]]:
    """What each group is: its optimizer, how many weights, and its settings, None for one that it does not have."""
    found = []
    for optimizer, group in groups_of(optimizers):
        weights = sum(weight.numel() for weight in group["params"])
        values: dict[str, Any] = {name: setting(group, name) for name in _KEYS}
        found.append({"optimizer": type(optimizer).__name__, "weights": weights, **values})
    return found


def setting(group: dict[str, Any], name: Setting) -> float | None:
    """A setting of a group; the momentum of Adam and its kin is the first of their betas."""
    if name == "momentum" and "momentum" not in group and "betas" in group:
        return float(group["betas"][0])
    value = group.get(_KEYS[name])
    return None if value is None else float(value)


def put_setting(group: dict[str, Any], name: Setting, value: float, kind: str = "optimizer") -> None:
    """Set it, from the next update on; raises BadKnob for what the group does not have, and for a wrong value."""
    words = name.replace("_", " ")
    if setting(group, name) is None:
        raise BadKnob(f"A setting must be one that the optimizer has, and {kind} has no {words}.")
    below = _BELOW.get(name)
    if value < 0 or (below is not None and value >= below):
        bounds = "at least 0" if below is None else f"at least 0 and below {below:g}"
        raise BadKnob(f"The {words} must be {bounds}, not {value:g}.")
    if name == "momentum" and group.get("nesterov") and value == 0:
        raise BadKnob("The momentum must be above 0, not 0: Nesterov's method has some.")
    _put(group, name, value)


def _put(group: dict[str, Any], name: Setting, value: float) -> None:
    key = _KEYS[name]
    if key not in group:
        group["betas"] = (value, *group["betas"][1:])
    elif isinstance(group[key], Tensor):  # of an optimizer that can be captured
        group[key].fill_(value)
    else:
        group[key] = value
