"""What the points of a map can be colored by: what is at hand, or is read within five seconds and then kept."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from ...base.errors import BadKnob, ConvscopeError
from ...base.progress import listening
from ...network.network import Network
from ...scan import scan
from ...scan.codes.result import Codes
from ...scan.result import Scan
from ..answers.answers import at_once
from ..workspace.artifacts import derived
from ..workspace.kept_map import KeptMap
from ..workspace.map_messages import AskMapColors, ColoringInfo, MapColors
from .at_hand import check_few, codes_for, images_of, layers_at_hand, network_of

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

Codes32 = NDArray[np.int32]
Arrays = dict[str, NDArray[Any]]
_SPLITS = ("train", "training", "val", "valid", "validation", "test", "dev", "holdout")  # as folders are called
_SCAN = "Scan the images at hand, with logits among the layers"
_PART, _READ = "predictions", "one forward for each image"


def colors_of_points(workspace: Workspace, kept: KeptMap, ask: AskMapColors) -> tuple[MapColors, Arrays]:
    """The colors of the points; raises BadKnob, and what reading does, for what is not at hand."""
    if ask.by == "unit":
        return _of_unit(workspace, kept, ask)
    if ask.by == "split":
        return _coded(ask, *_of_split(kept), "the folders of the images")
    names, predicted, wrong, about = _predictions(workspace, kept)
    if ask.by == "prediction":
        return _coded(ask, names, predicted, about)
    if (wrong < 0).all():
        raise BadKnob(_UNJUDGED)
    return _coded(ask, ("right", "wrong"), wrong, about)


def colorings(workspace: Workspace, kept: KeptMap) -> tuple[ColoringInfo, ...]:
    """What can be colored by, as far as that is known without reading images."""
    layers = layers_at_hand(workspace, kept)
    read, predicted = _refusal(lambda: _can_read(workspace, kept)), _refusal(lambda: _can_predict(workspace, kept))
    none = "" if kept.classes else "These images have no classes. Keep them in a folder for each class."
    return (
        ColoringInfo(by="class", refused=none),
        ColoringInfo(by="prediction", refused=predicted),
        ColoringInfo(by="error", refused=none or predicted),
        ColoringInfo(by="split", refused=_refusal(lambda: _of_split(kept))),
        ColoringInfo(by="unit", refused="" if layers else read, layers=layers),
    )


_UNJUDGED = (
    "The classes of the images must be those of the network to tell errors, and none is. Name the folders as it does."
)


def _refusal(ask: Callable[[], object]) -> str:
    try:
        ask()
    except ConvscopeError as error:
        return str(error)
    return ""


def _can_read(workspace: Workspace, kept: KeptMap) -> None:
    check_few(kept, "Codes", "Make the map again as a job, or scan with codes=all")
    network_of(workspace, kept)
    images_of(workspace, kept)


def _can_predict(workspace: Workspace, kept: KeptMap) -> None:
    if _scan_at_hand(workspace, kept) is None and _PART not in workspace.store.names(_place(kept)):
        _check_classifies(network_of(workspace, kept))
        check_few(kept, "Predictions", _SCAN)
        images_of(workspace, kept)


def _check_classifies(net: Network) -> None:
    if not net.classifies:
        raise BadKnob(f"The network must classify to have predictions, and {net.name} does not. Color by a unit.")


def _coded(ask: AskMapColors, names: Sequence[str], codes: Codes32, about: str) -> tuple[MapColors, Arrays]:
    unknown = int((codes < 0).sum())
    return MapColors(by=ask.by, names=tuple(names), unknown=unknown, about=about), {"codes": codes}


def _numbered(values: Sequence[str | None]) -> tuple[tuple[str, ...], Codes32]:
    """The names that occur, in order, and the number of each value's, -1 of None."""
    names = tuple(sorted({value for value in values if value is not None}))
    numbers = {name: number for number, name in enumerate(names)}
    return names, np.array([-1 if value is None else numbers[value] for value in values], np.int32)


def _of_split(kept: KeptMap) -> tuple[tuple[str, ...], Codes32]:
    """The first folder on each image's path that is called as a split is; raises BadKnob where none is."""
    names, codes = _numbered([_split(id) for id in kept.ids])
    if not names:
        raise BadKnob("The images must lie in folders such as train and test to be told apart by them, and do not.")
    return names, codes


def _split(id: str) -> str | None:
    folders = id.replace("\\", "/").split("/")[:-1]
    return next((folder.lower() for folder in folders if folder.lower() in _SPLITS), None)


def _of_unit(workspace: Workspace, kept: KeptMap, ask: AskMapColors) -> tuple[MapColors, Arrays]:
    layer = ask.layer or kept.layer
    codes = codes_for(workspace, kept, layer)
    if ask.channel >= codes.width(layer):
        raise BadKnob(f"channel must be from 0 to {codes.width(layer) - 1} in {layer}, not {ask.channel}.")
    own = np.concatenate([block[:, ask.channel] for block in codes.blocks(layer)])
    values = _in_order(kept, codes.ids, own, np.nan)
    known = values[np.isfinite(values)]
    header = MapColors(
        by="unit",
        low=float(known.min()) if known.size else None,
        high=float(known.max()) if known.size else None,
        unknown=len(values) - known.size,
        about=_pooled(codes, f"{layer}:{ask.channel}"),
    )
    return header, {"values": values}


def _pooled(codes: Codes, unit: str) -> str:
    pool = str(codes.ledger.knobs["pool"])
    return f"{unit}, {f'{pool} over places' if pool in ('mean', 'max') else f'at {pool}'}"


def _in_order(kept: KeptMap, ids: Sequence[str], values: NDArray[Any], missing: float) -> NDArray[Any]:
    """Values of images, in the order of the map's."""
    if list(ids) == kept.ids:
        return values
    rows = {id: row for row, id in enumerate(ids)}
    found = np.array([rows.get(id, -1) for id in kept.ids], np.int64)
    return np.where(found < 0, values.dtype.type(missing), values[found])


def _predictions(workspace: Workspace, kept: KeptMap) -> tuple[tuple[str, ...], Codes32, Codes32, str]:
    """The classes that occur, which of them each image is taken for and whether that is wrong, and where from."""
    found, about = _scan_at_hand(workspace, kept), "the scan at hand"
    data = workspace.store.get(_place(kept), _PART) if found is None else None
    if data is None:
        if found is None:
            found, about = _quick_scan(workspace, kept), _READ
        names, predicted, wrong = _told(kept, found)
        if about == _READ:
            workspace.store.put(_place(kept), _PART, _packed(names, predicted, wrong))
        return names, predicted, wrong, about
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return tuple(arrays["names"].tolist()), arrays["predicted"], arrays["wrong"], _READ


def _place(kept: KeptMap) -> str:
    return derived(kept.network, _PART, kept.digest)


def _packed(names: Sequence[str], predicted: Codes32, wrong: Codes32) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, names=np.array(names, np.str_), predicted=predicted, wrong=wrong)
    return buffer.getvalue()


def _scan_at_hand(workspace: Workspace, kept: KeptMap) -> Scan | None:
    found = workspace.scan
    if found is None or (found.ledger.weights, found.ledger.source) != (kept.network, kept.source):
        return None
    return found if "predictions" in found.names else None


def _quick_scan(workspace: Workspace, kept: KeptMap) -> Scan:
    net, source = network_of(workspace, kept), images_of(workspace, kept)
    _check_classifies(net)
    check_few(kept, "Predictions", _SCAN)
    with workspace.turns.now(), listening(at_once(f"Predicting {len(kept.ids):,} images")):
        return scan.scan(net, source, layers="logits", predictions="yes", workers=0)


def _told(kept: KeptMap, found: Scan) -> tuple[tuple[str, ...], Codes32, Codes32]:
    """What a scan says of the images of a map."""
    rows = found.table("predictions")
    rows = rows.filter(pa.compute.equal(rows["rank"], 0))
    ids = rows["id"].to_pylist()
    names, predicted = _numbered(rows["predicted"].to_pylist())
    wrong = [-1 if correct is None else int(not correct) for correct in rows["correct"].to_pylist()]
    return names, _in_order(kept, ids, predicted, -1), _in_order(kept, ids, np.array(wrong, np.int32), -1)
