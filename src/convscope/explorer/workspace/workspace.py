"""Everything at hand while the explorer runs: networks, images, the scan, and whose turn it is."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob, BadScan, BadSource, UnknownNetwork, nearest
from ...base.image import Image
from ...contract.result import Result
from ...data.open import open_source
from ...data.source import Source
from ...network.layer_choice import first_layer
from ...network.network import Network
from ...representation.embedding.behind import Representation
from ...scan.codes.result import Codes
from ...scan.result import Scan
from ...store import Store
from .images import ImageLibrary
from .kept_graph import Wiring, kept_graph
from .kept_map import PARTS, KeptMap, digest_of_parts, kept_map
from .lru_cache import LRUCache
from .messages import LayerInfo, NetworkInfo, ScanInfo
from .network_lock import NetworkLock
from .python_line import loading

_ACTIVATIONS, _SEEN, _ANSWERS, _THUMBS = 64 << 20, 16 << 20, 16 << 20, 48 << 20  # bytes kept in memory
_MAPS = 400_000  # images whose places on maps are kept in memory, with their ids some hundred bytes each


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network and how its layers hang together."""

    net: Network
    wiring: Wiring
    name: str

    @cached_property
    def info(self) -> NetworkInfo:
        """What the page is told of it."""
        net, size = self.net, self.net.preprocessing.size
        rows = [
            LayerInfo(
                name=row.name,
                kind=row.kind,
                shape=row.shape,
                units=row.units,
                map=len(row.shape) == 3,
                inputs=self.wiring.inputs[row.name],
            )
            for row in net.layers.values()
        ]
        return NetworkInfo(
            name=self.name,
            title=net.name,
            size=size,
            channels=net.preprocessing.channels,
            classifies=net.classifies,
            labels=net.labels,
            layers=tuple(rows),
            start=first_layer(net),
            python=loading(net),
            digest=net.digest,
        )


class Workspace:
    """What requests are about. `networks` says how each network on offer is loaded, when it is first asked for.

    `source` is the text of `--images`, or empty, and `images` what it was opened as. `in_use` names the network that
    somebody else has in their hands, and may change; `given` are maps from them, by digest, `codes` those that were
    opened, by folder, `runs` the trainings that are watched. Whoever holds `drawing` decodes images by the thousand.
    """

    def __init__(
        self,
        networks: Mapping[str, Callable[[], Network]],
        store: Store,
        source: str = "",
        images: Source | None = None,
    ) -> None:
        self.store, self.source, self.turns = store, source, NetworkLock()
        self.pictures = ImageLibrary(store, images)
        self.in_use = ""
        self.scan: Scan | None = None
        self.scan_info: ScanInfo | None = None
        self.given: dict[str, Result] = {}
        self.runs: list[Any] = []
        self.codes: dict[Path, Codes] = {}
        self.drawing = threading.Lock()
        self.maps: LRUCache[KeptMap] = LRUCache(_MAPS, lambda kept: len(kept.ids))
        self.activations: LRUCache[NDArray[np.float32]] = LRUCache(_ACTIVATIONS, lambda values: values.nbytes)
        self.seen: LRUCache[NDArray[np.uint8]] = LRUCache(_SEEN, lambda pixels: pixels.nbytes)
        self.answers: LRUCache[bytes] = LRUCache(_ANSWERS, len)
        self.thumbs: LRUCache[NDArray[np.uint8]] = LRUCache(_THUMBS, lambda pixels: pixels.nbytes)
        self._load = dict(networks)
        self._loading = {name: threading.Lock() for name in networks}
        self._loaded: dict[str, Loaded] = {}
        self._sources: dict[str, Source] = {}

    def begin(self) -> None:
        """Read the images and load the first network; whoever asks for them before waits. Raises what goes wrong."""
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(self.pictures.begin)
            for first in self.networks[:1]:
                self.loaded(first)
            reading.result()

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the networks on offer, the one to begin with first."""
        return tuple(self._load)

    def loaded(self, name: str) -> Loaded:
        """A network and what is known of it, loaded now if it was not; raises UnknownNetwork, and what loading does."""
        if name not in self._load:
            there = f"There are {', '.join(self._load)}."
            raise UnknownNetwork(f"The explorer has no network {name!r}.{nearest(name, self._load)} {there}")
        with self._loading[name]:
            if name not in self._loaded:
                net = self._load[name]()
                with self.turns.now():
                    self._loaded[name] = Loaded(net, kept_graph(net, self.store), name)
                    net.layers.with_functions  # noqa: B018 (found in this turn: any address may ask for it later)
        return self._loaded[name]

    def network(self, name: str) -> Network:
        """The network of a name on offer; raises UnknownNetwork, and what loading it does."""
        return self.loaded(name).net

    def image(self, id: str) -> Image:
        """The image of an id; raises BadImage."""
        return self.pictures.image(id)

    def named(self, digest: str) -> str:
        """The name of the network that had this digest when it was loaded; empty where there is none."""
        return next((name for name, each in [*self._loaded.items()] if each.info.digest == digest), "")

    def source_of(self, digest: str) -> Source:
        """The images at hand with this digest; raises BadSource where these are others."""
        if digest not in self._sources:
            found = next((source for source in self._sources_at_hand() if source.digest == digest), None)
            if found is None:
                raise BadSource(
                    "Its images are not at hand. Start the explorer with them, as they were: --images FOLDER."
                )
            self._sources[digest] = found
        return self._sources[digest]

    def unusual(self, digest: str) -> bool:
        """Whether techniques look at other images than those of this digest, where none are named."""
        return bool(digest) and open_source(self.source or "samples").digest != digest

    def _sources_at_hand(self) -> Iterator[Source]:
        if self.pictures.source is not None:
            yield self.pictures.source
        with suppress(BadSource):
            yield open_source(self.source or "samples")
        if self.scan is not None:
            with suppress(BadSource, BadScan):
                yield self.scan.source
        for result in self.given.values():
            behind = getattr(result, "behind", None)
            if isinstance(behind, Representation):
                with suppress(BadSource, BadScan):
                    yield behind.codes.source

    def use_map(self, result: Result) -> str:
        """Have a map made elsewhere at hand, an embedding or an evolution, and say under which digest."""
        parts = {name: result.encoded(f".{name}") for name in PARTS}
        digest = digest_of_parts(parts) if result.request is None else result.request.digest
        kept_map(digest, parts)
        self.store.put_all(digest, parts)
        self.given[digest] = result
        return digest

    def select(self, ids: Sequence[str]) -> str:
        """Keep a selection of images, and give the text that stands for it."""
        told = json.dumps(list(ids)).encode()
        digest = hashlib.sha256(told).hexdigest()
        self.store.put(digest, "selection", told)
        return digest

    def selection(self, text: str) -> str | list[str]:
        """The ids of the images that a text from `select` stands for, or any other text as it is.

        Raises BadKnob for a selection that is kept no more.
        """
        if not re.fullmatch("[0-9a-f]{64}", text):
            return text
        told = self.store.get(text, "selection")
        if told is None:
            raise BadKnob(f"There is no selection {text[:12]} here any more. Select the images on the map again.")
        ids: list[str] = json.loads(told)
        return ids

    def scan_of(self, net: Network) -> Scan:
        """The scan at hand; raises BadScan where there is none, or it is of another network."""
        if self.scan is None:
            raise BadScan("This needs a scan, and none is at hand. Scan the images at hand first.")
        self.scan.check(net)
        return self.scan

    def use_scan(self, scan: Scan, folder: Path) -> ScanInfo:
        """Have this scan at hand; raises BadScan for one of none of the networks loaded so far."""
        digests = {each.net.digest for each in self._loaded.values()}
        if digests and scan.ledger.weights not in digests:
            raise BadScan(
                f"The scan in {folder} must be of {' or '.join(self._loaded)} as it is here, not of "
                f"{scan.ledger.network} with other weights or preprocessing. Explore that network, or scan this one."
            )
        layers = (*(name for name, _, _ in scan.ledger.layers), *scan.ledger.same)
        self.scan = scan
        self.scan_info = ScanInfo(folder=str(folder), images=int(scan.evidence["images"]), layers=layers)
        return self.scan_info
