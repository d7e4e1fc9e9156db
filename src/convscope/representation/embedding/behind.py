"""What a map was made of: it places other images, and tells which units are behind a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.image import Image
from ...base.pixels import Floats, Ints
from ...network.network import Network
from ...results.embedding import Embedding
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ..separation.peaks import peak_codes
from ..separation.selection import selected_images
from ..separation.separate import separate
from ..separation.table import separation_table
from .placement import place
from .points import Metric, in_metric, row_blocks
from .principal import PrincipalAxes
from .tsne import PointMap

_PERPLEXITY = 5.0  # of images that are placed, on a map of enough of them
_MOST = 4 << 30  # bytes of codes that are held at once


@dataclass(frozen=True, eq=False)
class Representation:
    """The codes of images in a layer of a network, and what was done to them before a map was made."""

    net: Network
    codes: Codes
    layer: str
    metric: Metric
    axes: PrincipalAxes
    method: str

    def components(self, codes: Floats, names: Sequence[str] | None = None) -> Floats:
        """Codes (n, d) as the components (n, k) that maps are made of; `names` are those of the images."""
        return self.axes.project(in_metric(codes.astype(np.float64), self.metric, names), names)

    def image(self, id: str) -> Image:
        """The image of an id; raises BadImage and BadSource."""
        return self.codes.source.open(id)

    def distances(self, pairs: Ints) -> Floats:
        """How far the codes of pairs of images (m, 2) are apart, (m,), some pairs at a time.

        Raises BadKnob where the codes are more than can be held.
        """
        width = self.codes.width(self.layer)
        if 4 * len(self.codes) * width > _MOST:
            raise BadKnob(f"Codes must be few enough to be held, not those of {len(self.codes)} images. Take a part.")
        codes, found = self.codes.of(self.layer), np.zeros(len(pairs), np.float32)
        for block in row_blocks(len(pairs), width):
            first, second = (in_metric(codes[side].astype(np.float64), self.metric) for side in pairs[block].T)
            squares = np.square(first - second).sum(axis=1)
            found[block] = squares / 2 if self.metric == "cosine" else np.sqrt(squares)
        return found

    def place(self, embedding: Embedding, images: Any) -> Floats:
        """Where other images lie on the map, (m, dims); raises BadKnob for a map by UMAP."""
        if self.method == "umap":
            raise BadKnob("New images can be placed on a map by tsne or pca, not by umap. Make it with method='tsne'.")
        knobs = self.codes.ledger.knobs
        same = {name: knobs[name] for name in ("pool", "compile", "batch_size")}
        new = codes_of(self.net, images, self.layer, labels="none", **same)
        own, others = self.components(self.codes.of(self.layer)), self.components(new.of(self.layer), new.ids)
        if self.method == "tsne":
            perplexity = min(_PERPLEXITY, len(own) / 3)
            return place(own, PointMap(embedding.points), others, perplexity=perplexity, names=new.ids).coordinates
        dims = embedding.points.shape[1]
        middle = (own[:, :dims].max(axis=0) + own[:, :dims].min(axis=0)) / 2
        return np.asarray(others[:, :dims] - middle, np.float32)

    def selected(self, embedding: Embedding, selection: Any) -> NDArray[np.bool_]:
        """A selection as a mask, (n,)."""
        return selected_images(embedding.table, selection)

    def units(self, chosen: NDArray[np.bool_], layers: str) -> pa.Table:
        """The units that tell chosen images from the others, by their peaks in all `layers`.

        One row a unit, the best first, and one with `channel` null for the direction that was sought where no unit is
        enough.
        """
        codes = peak_codes(self.net, self.codes.source, layers)
        if codes.ids != self.codes.ids:
            raise BadKnob("The images must be those the map was made of, but some have changed. Make it again.")
        return separation_table(separate({name: codes.of(name) for name in codes.layers}, chosen, codes.ids))
