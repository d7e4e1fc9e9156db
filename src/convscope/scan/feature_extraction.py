"""The codes of images: what a layer holds of each, over a whole collection, in one pass that cannot be lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base.errors import BadKnob, BadScan, UnknownLayer
from ..base.files import made
from ..contract import knobs
from ..data.open import open_source
from ..network.layers.layers import Layer
from ..network.network import Network
from .codes.beside import WithCodes
from .codes.files import as_batch, is_codes
from .codes.pieces import Pieces
from .codes.pooling import check_pool
from .codes.result import Codes, check_any, held_codes, open_codes
from .codes.state import CodeRows, CodesState
from .engine import run_scan
from .job import ScanJob, check_part
from .pass_knobs import ClassNames, Compile, Engine, LaneBatch, Seconds, Workers, check_is_network
from .selection import Selection, select
from .statistics.state import State


class CodesJob(ScanJob):
    """A scan's job that keeps codes."""

    state: ClassVar[type[Any]] = CodesState

    @classmethod
    def held_maps(cls, net: Network, selection: Selection) -> Iterable[Layer]:
        """All layers, so that the codes of one are the same whichever others are asked for beside it."""
        table = net.layers  # which is looked through anew each time it is asked for
        return [table[name] for name in table]


@knobs.checked
def codes(
    net: Network,
    source: Any,
    layer: str,
    output: str | Path | None = None,
    *,
    pool: Annotated[
        str, Field(description="mean or max over the places of a map, or one place y,x", min_length=1)
    ] = "mean",
    labels: ClassNames = "source",
    compile: Compile = False,
    batch_size: LaneBatch = "auto",
    workers: Workers = "auto",
    engine: Engine = "inline",
    shard: Annotated[
        str,
        Field(description="i/n: do part i of n, counted from 0; then the same call without a shard puts them together"),
    ] = "0/1",
    checkpoint: Seconds = 60.0,
) -> Codes:
    """Have the code of every image of a collection: the activations of a layer, one number a channel.

    Donahue et al. 2014, "DeCAF"; Sharif Razavian et al. 2014, "CNN features off-the-shelf". `source` is what a scan
    takes; `layer` one layer, or several with commas between them; `output` a folder for `codes.parquet`, from which
    the same call goes on after an interruption, and where codes that are there already are not made again. Codes are
    float32, as the layer puts them out. Raises BadSource for images that cannot be used, BadScan where the folder
    holds other codes, BadKnob for a place outside of a map, CannotWrite, and UnknownLayer.
    """
    check_is_network(net)
    part, of = check_part(shard)
    if of > 1 and (output is None or engine == "ray"):
        raise BadKnob(
            "shard needs an output folder where the parts meet, and engine=inline. Give output=…, or no shard."
        )
    check_pool(pool, select(net, layer).layers)
    asked: dict[str, Any] = {"pool": pool, "compile": compile, "batch_size": batch_size}
    job = CodesJob.of(net, open_source(source), layer, labels, predictions="no", positions=0, **asked)
    who = None if engine == "ray" else workers
    if output is None:
        held = CodesState.empty(job.ledger)
        _run(job, held, lambda _: None, slice(None), checkpoint, who)
        return _held(job, held)
    folder = Path(output)
    if is_codes(folder):
        return _same(job, open_codes(folder), batch_size == "auto")
    with made(folder), made(folder / "pieces"):
        pieces = Pieces(folder, job.ledger, f"{part}-of-{of}")
        _run(job, pieces.begun(), pieces.save, slice(part, None, of), checkpoint, who, folder / "pieces" / "tasks")
        return pieces.finished().with_source(job.source)


def beside_scan(job: ScanJob, layers: str, state: State, path: Path) -> tuple[WithCodes, Callable[[WithCodes], None]]:
    """A scan's state that keeps the codes of some of its layers as well, and how both are saved.

    The state of the scan is saved at `path`, whose name is that of its part. Raises UnknownLayer for a layer that is
    not scanned.
    """
    own = {name: job.selection.same.get(name, name) for name in select(job.net, layers).seen}
    missing = [name for name, first in own.items() if first not in job.selection.first]
    if missing:
        raise UnknownLayer(
            f"codes must be of layers that are scanned, not of {missing[0]}. Add it to layers, or say all."
        )
    ledger = replace(
        job.ledger,
        layers=tuple(row for row in job.ledger.layers if row[0] in own.values()),
        same={name: first for name, first in own.items() if name != first},
        knobs=_knobs(job.ledger.knobs),
        predicted=(),
        truths=(),
    )
    pieces = Pieces(path.parents[1], ledger, path.stem)

    def save(both: WithCodes) -> None:
        pieces.save(both.codes)  # first: codes that no scan knows of are folded again, others would be missing
        both.state.save(path)

    return WithCodes(state, pieces.begun(), job.selection.first), save


def _knobs(scan: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs of codes that a scan keeps besides."""
    kept = {name: scan[name] for name in ("compile", "batch_size", "random", "labels")}
    return {**kept, "pool": "mean", "predictions": "no", "positions": 0}


def merge_codes(folder: Path) -> None:
    """Put the pieces in a folder together, if there are any: what `merge_scans` does for codes kept besides.

    Raises BadScan where shards are missing.
    """
    first = next((folder / "pieces").glob("*.safetensors"), None)
    if first is None:
        return
    found = Pieces(folder, CodesState.load(first).ledger, "merged").finished()
    if "partial" in found.evidence:
        raise BadScan(
            f"{folder / 'pieces'} lacks codes: {found.evidence['partial']}. Finish the parts of the scan first."
        )


def _run(
    job: CodesJob,
    state: CodesState,
    save: Callable[[CodesState], None],
    part: slice,
    checkpoint: float,
    workers: int | Literal["auto"] | None,
    tasks: Path | None = None,
) -> None:
    """One pass, by processes that decode, or by the tasks of a cluster where `workers` is None."""
    if workers is None:
        from .ray_engine import run_on_ray

        run_on_ray(job, state, save, tasks, checkpoint)
    else:
        run_scan(job, state, job.shards[part], save, job.decoders(workers), checkpoint)


def _held(job: CodesJob, state: CodesState) -> Codes:
    rows = CodeRows.joined(state.rows, state.widths)
    refused = [(id, reason) for _, _, id, _, reason in sorted(state.refused)]
    found = held_codes(job.ledger, [as_batch(rows, job.ledger)], refused, len(state.shards))
    check_any(found)
    return found.with_source(job.source)


def _same(job: CodesJob, found: Codes, any_batch: bool) -> Codes:
    """Codes that are there already, if those that were asked for are among them."""
    wanted = [layer for layer, _, _ in job.ledger.layers]
    if not set(wanted) <= set(found.layers):
        raise BadScan(
            f"{found.folder} holds codes of {', '.join(found.layers)}, not of {', '.join(wanted)}. Use another folder."
        )
    found = found.only(wanted)
    there, here = found.ledger, job.ledger
    if any_batch:
        size = {"batch_size": there.knobs.get("batch_size")}
        here = replace(here, knobs={**here.knobs, **size}, shards=there.shards)
    differences = here.differences(there)
    if differences:
        raise BadScan(
            f"{found.folder} holds other codes: {'; '.join(differences)}. Use another folder, or delete this one."
        )
    return found.with_source(job.source)
