"""Everything at hand while the explorer runs: networks, images, the scan, and whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadScan, UnknownNetwork, nearest
from ...base.image import Image
from ...data.source import Source
from ...network.layer_choice import first_layer
from ...network.network import Network
from ...scan.result import Scan
from ...store import Store
from .images import ImageLibrary
from .kept_graph import Inputs, kept_graph
from .lru_cache import LRUCache
from .messages import LayerInfo, NetworkInfo, ScanInfo
from .network_lock import NetworkLock
from .python_line import loading

_ACTIVATIONS, _SEEN, _ANSWERS, _THUMBS = 64 << 20, 16 << 20, 16 << 20, 48 << 20  # bytes kept in memory


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network and how its layers hang together."""

    net: Network
    inputs: Inputs
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
                inputs=self.inputs[row.name],
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
    somebody else has in their hands, and may change.
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
        self.activations: LRUCache[NDArray[np.float32]] = LRUCache(_ACTIVATIONS, lambda values: values.nbytes)
        self.seen: LRUCache[NDArray[np.uint8]] = LRUCache(_SEEN, lambda pixels: pixels.nbytes)
        self.answers: LRUCache[bytes] = LRUCache(_ANSWERS, len)
        self.thumbs: LRUCache[NDArray[np.uint8]] = LRUCache(_THUMBS, lambda pixels: pixels.nbytes)
        self._load = dict(networks)
        self._loading = {name: threading.Lock() for name in networks}
        self._loaded: dict[str, Loaded] = {}

    def begin(self) -> None:
        """Read the images and load the first network; whoever asks for them before waits. Raises what goes wrong."""
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(self.pictures.begin)
            self.loaded(self.networks[0])
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
