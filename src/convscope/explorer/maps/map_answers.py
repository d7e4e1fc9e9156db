"""What a page asks about a map: where its images lie, who they are, what they look like, and what is near them.

A map is a kept result of `embed`, or an evolution that was given to the explorer. Its points are shown whatever else is
at hand; its images, its network and codes are looked for when they are asked for, and refused in a sentence.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob, ConvscopeError
from ...results.grid import arrange
from ..workspace.artifacts import derived, narrowed, plain
from ..workspace.frame import encode
from ..workspace.kept_map import KeptMap
from ..workspace.map_detail import CELLS
from ..workspace.map_messages import (
    AskMapAtlas,
    AskMapColors,
    AskMapGrid,
    AskMapIds,
    AskMapNeighbors,
    AskMapPicture,
    AskMapSearch,
    AskMapSelection,
    AtlasInfo,
    MapAtlas,
    MapFound,
    MapGrid,
    MapHeader,
    MapIds,
    MapInfo,
    MapNeighbors,
    MapPicture,
    Maps,
    MapSelection,
    OfMap,
    OfMapImage,
)
from ..workspace.messages import ImageInfo, Job
from .at_hand import image_of, images_of, opened
from .colors import colorings, colors_of_points
from .near import near
from .thumbnails import SIZES, atlas_page, page_count, webp_of

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace


def maps_at_hand(workspace: Workspace, jobs: Sequence[Job]) -> Maps:
    """The maps at hand: those given to the explorer, then those of jobs."""
    given = [
        MapInfo(
            digest=digest,
            technique=kept.technique,
            title=f"{kept.technique} of {kept.layer}",
            network=str(kept.told["network"]),
            layer=kept.layer,
        )
        for digest, kept in ((digest, opened(workspace, digest)) for digest in workspace.given)
    ]
    made = [
        MapInfo(
            digest=job.artifact,
            technique=job.technique,
            title=job.title,
            network=job.network,
            layer=job.subjects.get("layer", ""),
        )
        for job in jobs
        if job.technique == "embed" and (job.state == "done" or job.partial)
    ]
    return Maps(maps=(*given, *made))


def map_header(workspace: Workspace, ask: OfMap) -> bytes:
    """A MapHeader frame; raises UnknownResult where no such result is kept, BadKnob where it is no map."""
    kept = opened(workspace, ask.digest)
    order, levels = kept.detail
    told = MapHeader(
        digest=ask.digest,
        technique=kept.technique,
        network=str(kept.told["network"]),
        offered=workspace.named(kept.network),
        layer=kept.layer,
        method=str(kept.evidence.get("method", "t-sne")),
        metric=kept.metric,
        images=len(kept.ids),
        dims=kept.values.shape[2],
        snapshots=tuple(kept.told.get("names", [str(kept.told["network"])])),
        classes=kept.classes,
        levels=levels,
        quality=kept.told.get("quality", {}),
        control=plain(kept.told.get("control", {})),
        evidence=plain(kept.evidence),
        python="" if kept.request is None else kept.request.python(),
        colorings=colorings(workspace, kept),
        atlas=_atlas(workspace, kept),
    )
    motion = {} if kept.displacement is None else {"displacement": narrowed(kept.displacement)}
    places = {"classes": kept.labels, "order": narrowed(order), "slots": narrowed(kept.slots)}
    return encode(told, {"points": kept.values, **places, **motion})


def map_grid(workspace: Workspace, ask: AskMapGrid) -> bytes:
    """A MapGrid frame, kept once it is made; raises BadKnob for a map in three dimensions."""
    kept = opened(workspace, ask.digest)
    points = kept.snapshot(ask.snapshot)
    place = derived(kept.digest, "grid", str(ask.snapshot % len(kept.values)))
    data = workspace.store.get(place, "cells")
    cells = _loaded(data) if data is not None else narrowed(arrange(points))
    if data is None:
        workspace.store.put(place, "cells", _saved(cells))
    rows, columns = (cells.max(axis=0, initial=-1) + 1).tolist()
    return encode(MapGrid(rows=rows, columns=columns), {"cells": cells})


def map_ids(workspace: Workspace, ask: AskMapIds) -> MapIds:
    """Who some images are; raises BadKnob for numbers of none."""
    kept = opened(workspace, ask.digest)
    kept.check(*ask.numbers)
    return MapIds(ids=tuple(kept.ids[one] for one in ask.numbers), classes=tuple(map(kept.label, ask.numbers)))


def map_search(workspace: Workspace, ask: AskMapSearch) -> bytes:
    """A MapFound frame: images whose id or class is the text, then those that begin with it, then all that hold it."""
    kept, text = opened(workspace, ask.digest), ask.text.casefold()
    of_class = np.array([*(_rank(name, text) for name in kept.classes), 3], np.int64)  # label -1 is the last
    ranks = np.minimum(np.array([_rank(id, text) for id in kept.ids], np.int64), of_class[kept.labels])
    found = np.flatnonzero(ranks < 3)
    numbers = found[np.argsort(ranks[found], kind="stable")][: ask.limit]
    return encode(MapFound(count=len(found)), {"numbers": narrowed(numbers)})


def map_colors(workspace: Workspace, ask: AskMapColors) -> bytes:
    """A MapColors frame; raises BadKnob and others for what is not at hand."""
    told, arrays = colors_of_points(workspace, opened(workspace, ask.digest), ask)
    return encode(told, {name: narrowed(array) for name, array in arrays.items()})


def map_atlas(workspace: Workspace, ask: AskMapAtlas) -> bytes:
    """A MapAtlas frame; raises BadKnob for a page or an atlas there is not, BadSource where images are not at hand."""
    kept = opened(workspace, ask.digest)
    if ask.atlas != kept.atlas:
        raise BadKnob("These thumbnails are of another map, which was made anew since. Open the map again.")
    data, missing = atlas_page(workspace, kept, ask.size, ask.page)
    return encode(MapAtlas(page=ask.page, size=ask.size, missing=tuple(missing)), {"webp": _bytes(data)})


def map_picture(workspace: Workspace, ask: AskMapPicture) -> bytes:
    """A MapPicture frame; raises BadKnob, and what reading the image does."""
    kept = opened(workspace, ask.digest)
    kept.check(ask.number)
    own = image_of(workspace, kept, ask.number)
    height, width = own.size
    told = MapPicture(
        number=ask.number, id=kept.ids[ask.number], label=kept.label(ask.number), width=width, height=height
    )
    return encode(told, {"webp": _bytes(webp_of(own, ask.side))})


def map_image(workspace: Workspace, ask: OfMapImage) -> ImageInfo:
    """Have an image of a map at hand; raises BadKnob, and what reading it does."""
    kept = opened(workspace, ask.digest)
    kept.check(ask.number)
    return workspace.pictures.open(images_of(workspace, kept), [kept.ids[ask.number]])[0]


def map_neighbors(workspace: Workspace, ask: AskMapNeighbors) -> MapNeighbors:
    """The images near one; raises BadKnob for a number of none."""
    return near(workspace, opened(workspace, ask.digest), ask)


def map_selection(workspace: Workspace, ask: AskMapSelection) -> MapSelection:
    """A text that stands for some images; raises BadKnob for numbers of none."""
    kept = opened(workspace, ask.digest)
    numbers = sorted(set(ask.numbers))
    kept.check(*numbers)
    source = kept.source if workspace.unusual(kept.source) else ""
    chosen = workspace.select([kept.ids[number] for number in numbers])
    return MapSelection(selection=chosen, images=len(numbers), source=source)


def _atlas(workspace: Workspace, kept: KeptMap) -> AtlasInfo:
    refused = ""
    try:
        images_of(workspace, kept)
    except ConvscopeError as error:
        refused = str(error)
    return AtlasInfo(digest=kept.atlas, pages=page_count(kept), cells=CELLS, sizes=SIZES, refused=refused)


def _rank(text: str, sought: str) -> int:
    """0 where a text is what is sought, 1 where it begins with it, 2 where it holds it, 3 where it does not."""
    own = text.casefold()
    if sought not in own:
        return 3
    return 0 if own == sought else 1 if own.startswith(sought) else 2


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _saved(array: NDArray[np.int32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _loaded(data: bytes) -> NDArray[np.int32]:
    found: NDArray[np.int32] = np.load(io.BytesIO(data), allow_pickle=False)
    return found
