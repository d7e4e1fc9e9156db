"""What two parts of a scan must have in common to be put together: network, images and ways of measuring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...base.errors import BadScan, first_line
from ...base.plain import from_json
from ...base.version import VERSION

# what a field is called where two ledgers differ
_WORDS = {
    "weights": "the weights or the structure of the network",
    "preprocessing": "the preprocessing",
    "source": "the images",
    "classes": "the classes",
    "predicted": "the classes of the network",
    "truths": "which class of the network each class of the images is",
    "layers": "the choice of layers",
    "knobs": "the knobs",
    "versions": "the versions of convscope or PyTorch",
}


@dataclass(frozen=True)
class Manifest:
    """The hash of network and images, and everything else that the numbers of a scan depend on.

    `layers` are (name, kind, shape) in order of execution, `same` the layers that put out the same tensor as one of
    them. `predicted` are the classes of the network where predictions are kept, and `truths` the one that each of
    `classes` is, -1 for none. `reference` says where network and images can be loaded again; it may differ between
    parts.
    """

    network: str
    weights: str
    preprocessing: Mapping[str, Any]
    source: str
    shards: int
    classes: tuple[str, ...]
    layers: tuple[tuple[str, str, tuple[int, ...]], ...]
    same: Mapping[str, str]
    knobs: Mapping[str, Any]
    versions: Mapping[str, str]
    predicted: tuple[str, ...] = ()
    truths: tuple[int, ...] = ()
    reference: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    def differences(self, other: Manifest) -> list[str]:
        """What differs, in words; nothing where two parts belong together."""
        mine, theirs = self._compared(), other._compared()
        changed = [name for name in mine if mine[name] != theirs[name]]
        words = [f"{_WORDS[name]} ({_changes(mine[name], theirs[name])})" for name in changed if name in _WORDS]
        return words or ([f"{', '.join(changed)}"] if changed else [])

    def to_json(self) -> str:
        """JSON, the same for the same ledger."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The ledger a JSON text describes; raises BadScan where it describes none."""
        try:
            told = from_json(text, loose=True)
            layers = tuple((name, kind, tuple(shape)) for name, kind, shape in told.pop("layers"))
            told |= {name: tuple(told.get(name, ())) for name in ("classes", "predicted", "truths")}  # 0.1.0: the first
            return cls(layers=layers, **told)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadScan(f"What a scan tells of itself cannot be read ({first_line(error)}). Scan again.") from error

    def _compared(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.to_json())
        del told["reference"]
        return told


def versions() -> dict[str, str]:
    """The versions a scan's numbers depend on."""
    import torch

    return {"convscope": VERSION, "torch": torch.__version__}


def _changes(mine: Any, theirs: Any) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        keys = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
        return ", ".join(f"{key}: {_short(theirs.get(key))} is now {_short(mine.get(key))}" for key in keys)
    return f"{_short(theirs)} is now {_short(mine)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
