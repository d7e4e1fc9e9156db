"""A job: one scan to be done, in words that every process and machine understands alike."""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from ..base.errors import BadKnob, BadScan, BadSource, CannotExport, UnknownUnit, nearest
from ..base.unit import find_label
from ..data.source import Shard, Source
from ..graph.neuron_windows import layer_fields
from ..network.isolation.parts import unwrap
from ..network.isolation.running import dtype_of
from ..network.layers.layers import Layer
from ..network.network import Network
from .capture import Capture, probed
from .selection import Selection, select
from .statistics.manifest import Manifest, versions
from .statistics.state import State

SHARD = 64  # images; a multiple of every batch size that is chosen
_MAP = 24 << 20  # bytes of a batch's largest map: more leave the processor's cache, and cost a page fault each

Labels = Literal["source", "network", "none"]


@dataclass(frozen=True, eq=False)
class ScanJob:
    """A network, a source, and the ledger that says how to scan it; `renumbered` turns labels into the ledger's."""

    net: Network
    source: Source
    selection: Selection
    ledger: Manifest
    shards: tuple[Shard, ...]
    capture: Capture
    renumbered: tuple[int, ...] = ()
    state: ClassVar[type[Any]] = State  # what its images are folded into

    @classmethod
    def of(cls, net: Network, source: Source, layers: str, labels: Labels, **knobs: Any) -> Self:
        """The job for some knobs; raises what `select` raises, and BadSource for labels that do not fit."""
        classes, renumbered = renumbered_classes(net, source, labels)  # first, since it takes no time
        selection = select(net, layers, knobs["predictions"])
        wanted = (
            lane_batch_size(cls.held_maps(net, selection), net)
            if knobs["batch_size"] == "auto"
            else knobs["batch_size"]
        )
        capture, found = probed(net, selection, wanted, knobs["positions"], knobs["compile"])
        knobs |= _found(capture, found)
        shards = tuple(source.shards(max(1, SHARD // knobs["batch_size"]) * knobs["batch_size"]))
        if not shards:
            raise BadSource("There must be at least one image to scan, not none. Name a folder with images.")
        described = net.describe()
        ledger = Manifest(
            net.name,
            described["digest"],
            _plain(net.preprocessing.describe()),
            source.digest,
            len(shards),
            classes,
            tuple((layer.name, layer.kind, tuple(layer.shape)) for layer in selection.layers),
            dict(selection.same),
            {**knobs, "labels": labels},
            versions(),
            _named(net) if selection.scored else (),
            _truths(net, source, labels) if selection.scored else (),
            {"net": {k: v for k, v in described.items() if k != "digest"}, "source": source.describe()},
        )
        return cls(net, source, selection, ledger, shards, capture, renumbered)

    @classmethod
    def held_maps(cls, net: Network, selection: Selection) -> Iterable[Layer]:
        """The layers whose maps a lane should have room for in its cache."""
        return selection.layers

    def parcel(self) -> tuple[Any, ...]:
        """What another process makes the same job of, by `unpacked`; it can be pickled if network and source can."""
        net = copy.copy(self.net).with_module(unwrap(self.net.module))
        return type(self), net, self.source, self.selection, self.ledger, self.shards, self.renumbered

    def loaded(self, path: Path) -> Any:
        """The state that lies at `path`; raises BadScan where it is of another scan."""
        state = self.state.load(path)
        differences = self.ledger.differences(state.ledger)
        if differences:
            raise BadScan(
                f"{path} is of another scan: {'; '.join(differences)}. "
                "Use another folder, or delete this one to scan anew."
            )
        state.ledger = self.ledger  # which knows where network and images are now
        return state

    def decoders(self, wanted: int | Literal["auto"]) -> int:
        """How many processes decode images: one a core, at most four; none where there is little to decode."""
        if wanted != "auto":
            return wanted
        return min(4, os.cpu_count() or 1) if len(self.shards) > 1 else 0

    def begin(self) -> State:
        """A state before the first image."""
        state = State.empty(self.ledger)
        state.fields = _fields(self.net, self.selection)
        return state


def unpack_job(
    kind: type[ScanJob], net: Network, source: Source, selection: Selection, ledger: Manifest, *more: Any
) -> ScanJob:
    """The job of a parcel; how the network is run is found out again.

    Raises BadScan where this machine sees other images, or runs the network differently.
    """
    knobs = ledger.knobs
    capture, found = probed(net, selection, knobs["batch_size"], knobs["positions"], knobs["compile"])
    here = replace(ledger, source=source.digest, versions=versions(), knobs={**knobs, **_found(capture, found)})
    differences = here.differences(ledger)
    if differences:
        raise BadScan(
            f"A worker of this scan differs from where it began: {'; '.join(differences)}. "
            "Give every machine the same images, at the same path, and the same packages."
        )
    shards, renumbered = more
    return kind(net, source, selection, ledger, shards, capture, renumbered)


def _found(capture: Capture, more: dict[str, Any]) -> dict[str, Any]:
    return {"batch_size": capture.batch_size, "compile": capture.plan is not None, **more}


def lane_batch_size(layers: Iterable[Layer], net: Network) -> int:
    """How many images a lane takes at once: a power of two for which the largest map stays in the cache."""
    largest = max(math.prod(layer.shape) for layer in layers) * dtype_of(net.module).itemsize
    return 1 << min(5, int(math.log2(max(1, _MAP / largest))))


def _fields(net: Network, selection: Selection) -> dict[str, Any]:
    """For each layer, which rows and columns of the input each row and column of its maps can see."""
    maps = [layer.name for layer in selection.layers if len(layer.shape) == 3]
    try:
        found = layer_fields(net, maps)
    except CannotExport:
        found = {}  # a window that is too large misleads nobody
    height, width = net.preprocessing.size
    told = {}
    for layer in selection.layers:
        tall, wide = layer.shape[1:] or (1, 1)
        field = found.get(layer.name)
        told[layer.name] = {
            "rows": [[0, height]] * tall if field is None else field.rows.tolist(),
            "columns": [[0, width]] * wide if field is None else field.columns.tolist(),
            "status": "whole input" if field is None else field.status,
        }
    return told


def renumbered_classes(net: Network, source: Source, labels: Labels) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names of the classes, and for each label of the source its class; raises BadSource where they do not fit."""
    if labels == "none" or (labels == "source" and not source.classes):
        return (), (-1,) * len(source.classes)
    if labels == "source":
        return source.classes, tuple(range(len(source.classes)))
    if not source.classes:
        raise BadSource("labels=network needs images in class folders or with labels, and these have none.")
    return _named(net), tuple(_class_of(net, name) for name in source.classes)


def _named(net: Network) -> tuple[str, ...]:
    return tuple(net.label(index) for index in range(net.layers["logits"].units))


def _class_of(net: Network, name: str) -> int:
    """The network's class that a folder stands for: by its label, or by a number it begins with, as in 0281_tabby."""
    count = net.layers["logits"].units if net.classifies else 0
    number = re.match(r"\d+(?=_|$)", name)
    if number and int(number[0]) < count:
        return int(number[0])
    try:
        return find_label(name, net.labels)
    except UnknownUnit:
        raise BadSource(
            f"The class {name!r} of these images is none of the {count} classes of {net.name}."
            f"{nearest(name, net.labels)} Use labels=source to keep the classes of the images, or labels=none."
        ) from None


def _truths(net: Network, source: Source, labels: Labels) -> tuple[int, ...]:
    """For each class of the ledger the network's, -1 for one that is none of them.

    Bare numbers are taken for the network's only where all of them are there: others may count from 1, or other things.
    """
    count = net.layers["logits"].units
    if labels == "network":
        return tuple(range(count))
    names = source.classes if labels == "source" else ()
    counted = {int(name) for name in names if name.isdecimal()} == set(range(count))
    return tuple(_match(net, name, counted or not name.isdecimal()) for name in names)


def _match(net: Network, name: str, numbered: bool) -> int:
    try:
        return _class_of(net, name) if numbered else find_label(name, net.labels)
    except (BadSource, UnknownUnit):
        return -1


def _plain(described: dict[str, object]) -> dict[str, Any]:
    """As it is after a round trip through JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in described.items()}


def check_part(part: str) -> tuple[int, int]:
    """The two numbers of a part such as 2/8: this one, counted from 0 as ranks are, and how many there are."""
    words = _rank() if part == "auto" else part.strip()
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", words)
    number, of = (int(found[1]), int(found[2])) if found else (1, 0)
    if number >= of:
        raise BadKnob(f"shard must be i/n with i from 0 to n - 1, such as 0/4, not {words!r}.")
    return number, of


def _rank() -> str:
    """Rank and size as torchrun and SLURM tell them."""
    for rank, size in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if rank in os.environ and size in os.environ:
            return f"{os.environ[rank]}/{os.environ[size]}"
    raise BadKnob("shard=auto needs RANK and WORLD_SIZE (torchrun) or SLURM_PROCID and SLURM_NTASKS. Give i/n instead.")
