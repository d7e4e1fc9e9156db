"""A map as the store keeps it: its points, who they are, and what was asked; its images are elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import Floats, Ints
from ...contract.request import Request
from .artifacts import derived
from .map_detail import atlas_slots, nested_order

PARTS = ("json", "npz")  # of a kept result, which together are all of a map


@dataclass(frozen=True, eq=False)
class KeptMap:
    """The points of n images in t networks, `values` (t, n, dims), and the summary of the result they are of."""

    digest: str
    values: Floats
    displacement: Floats | None
    told: Mapping[str, Any]

    @property
    def ids(self) -> list[str]:
        """The id of each image."""
        found: list[str] = self.told["ids"]
        return found

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in order."""
        return tuple(sorted({name for name in self.told["classes"] if name is not None}))

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """The number of each image's class, -1 without, (n,)."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(name, -1) for name in self.told["classes"]], np.int32)

    @property
    def evidence(self) -> dict[str, Any]:
        """That of the result."""
        found: dict[str, Any] = self.told["evidence"]
        return found

    @property
    def technique(self) -> str:
        """What made it: embed, or evolution."""
        return "evolution" if "names" in self.told else "embed"

    @property
    def layer(self) -> str:
        """The layer it is a map of."""
        return str(self.told["unit"])

    @property
    def metric(self) -> str:
        """That of the codes: l2 or cosine."""
        return str(self.evidence.get("metric", "l2"))

    @cached_property
    def request(self) -> Request | None:
        """What was asked; None of an evolution, which is no technique."""
        asked = self.told["request"]
        return None if asked is None else Request.from_json(json.dumps(asked))

    @property
    def network(self) -> str:
        """The digest of its network, of an evolution the last one's."""
        return self._described("net") if self.request else str(self.evidence["digests"][-1])

    @property
    def source(self) -> str:
        """The digest of its images, or of codes of them."""
        return self._described("source") if self.request else str(self.evidence.get("source", ""))

    @cached_property
    def detail(self) -> tuple[Ints, tuple[int, ...]]:
        """The order in which images are drawn, and how many there are of each level, as of `nested_order`."""
        return nested_order(self.values[-1])

    @cached_property
    def slots(self) -> Ints:
        """The place of each image in the atlases, (n,)."""
        return atlas_slots(self.values[-1], self.detail[0])

    @cached_property
    def atlas(self) -> str:
        """The digest of the images in the order of their slots."""
        return derived(self.source, "atlas", *np.array(self.ids, object)[np.argsort(self.slots)].tolist())

    def label(self, number: int) -> str:
        """The class of an image, empty without."""
        return self.told["classes"][number] or ""

    def snapshot(self, number: int) -> Floats:
        """One of its maps, (n, dims), -1 the last; raises BadKnob where there is none."""
        if number >= len(self.values):
            raise BadKnob(f"snapshot must be from 0 to {len(self.values) - 1}, or -1 for the last, not {number}.")
        return np.asarray(self.values[number])

    def check(self, *numbers: int) -> None:
        """Raise BadKnob for numbers of no images."""
        wrong = next((number for number in numbers if not 0 <= number < len(self.ids)), None)
        if wrong is not None:
            raise BadKnob(f"An image of this map must be a number from 0 to {len(self.ids) - 1}, not {wrong}.")

    def _described(self, name: str) -> str:
        assert self.request is not None
        return str(self.request.subjects[name].get("digest", ""))


def kept_map(digest: str, parts: Mapping[str, bytes]) -> KeptMap:
    """The map that two parts of a result hold; raises BadKnob for a result of another kind, or points that are NaN."""
    told = json.loads(parts["json"])
    if not isinstance(told, dict) or "ids" not in told or not ("quality" in told or "control" in told):
        made = f"a result of {told.get('technique')}" if isinstance(told, dict) else "this"
        raise BadKnob(f"A map must be a result of embed or an evolution, not {made}. Make one: embed.")
    with np.load(io.BytesIO(parts["npz"]), allow_pickle=False) as arrays:
        values, displacement = arrays["values"].astype(np.float32), arrays.get("displacement")
    if not np.isfinite(values).all():
        raise BadKnob("The points of a map must be finite, and those of this one are not. Make it again.")
    return KeptMap(digest, values if values.ndim == 3 else values[None], displacement, told)


def digest_of_parts(parts: Mapping[str, bytes]) -> str:
    """SHA-256 of what `kept_map` is made of, for a map that nobody asked for by a request."""
    return hashlib.sha256(b"".join(parts[name] for name in PARTS)).hexdigest()
