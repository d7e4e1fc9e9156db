"""The scan itself: one pass over the images, whole or in parts, and the putting together of parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..base.errors import BadKnob, BadScan, BadSource
from ..base.files import check_writable, made, sweep
from ..base.paths import is_file, is_folder
from ..contract import knobs
from ..data.open import open_source
from ..network.network import Network
from .engine import resume, run_scan
from .feature_extraction import beside_scan, merge_codes
from .feature_extraction import codes as extract_codes
from .job import ScanJob, check_part
from .pass_knobs import ClassNames, Compile, Engine, LaneBatch, Seconds, Workers, check_is_network
from .result import Scan, in_memory, open_scan
from .selection import Wish
from .statistics.state import State, merged
from .tables.parquet import file_of
from .tables.tables import NAMES, tables

_PARTS = "parts"


@knobs.checked
def scan(
    net: Network,
    source: Any,
    output: str | Path | None = None,
    *,
    layers: Annotated[
        str,
        Field(description="all, convolutions, or names separated by commas, in which * stands for any text"),
        knobs.Several(","),
    ] = "all",
    top: Annotated[int, Field(ge=1, le=10_000, description="entries to keep of every unit")] = 100,
    per_image: Annotated[int, Field(ge=1, le=1000, description="how many of them may come from one image")] = 1,
    sample: Annotated[
        int, Field(ge=1, le=100_000, description="images drawn at random, for examples at quantiles and duplicates")
    ] = 256,
    positions: Annotated[
        int, Field(ge=0, description="positions of a map that histograms count, on a lattice; 0 for all")
    ] = 16,
    labels: ClassNames = "source",
    predictions: Annotated[
        Wish,
        Field(description="keep the five most probable classes of every image; auto: if logits are among the layers"),
    ] = "auto",
    duplicates: Annotated[
        float, Field(ge=0, le=1, description="find pairs of units whose peaks correlate at least so much; 0 for none")
    ] = 0.0,
    codes: Annotated[
        str,
        Field(description="layers, with commas between them, whose codes are kept besides for maps; none if empty"),
        knobs.Several(","),
    ] = "",
    compile: Compile = False,
    batch_size: LaneBatch = "auto",
    workers: Workers = "auto",
    engine: Engine = "inline",
    shard: Annotated[
        str, Field(description="i/n: do part i of n, counted from 0, and merge later; auto: rank and size of the job")
    ] = "0/1",
    checkpoint: Seconds = 60.0,
) -> Scan:
    """Find what drives every unit over a collection of images, in one pass.

    Zeiler and Fergus 2013; Yosinski et al. 2015; Bau et al. 2017, "Network dissection". `source` is a folder, zip or
    tar shards, a data set object or a list of images; `output` a folder for Parquet tables and checkpoints, from which
    the same call goes on after an interruption. A unit fires where its activation is above zero, and is dead if none
    was above 1e-5 of its layer's largest; entries are ordered by value, image and position, so that parts can be merged
    in any order. With `codes`, those of some layers lie in the output folder too, where `cs.codes` finds them. Raises
    BadSource for images that cannot be used, BadScan where the folder holds another scan, CannotWrite, and
    UnknownLayer.
    """
    check_is_network(net)
    part, of = check_part(shard)
    if of > 1 and output is None:
        raise BadKnob("A scan in parts needs an output folder, where the parts meet. Give output=…, or -o DIR.")
    if codes and output is None:
        raise BadKnob("codes need an output folder to be kept in. Give output=…, or -o DIR, or leave codes out.")
    if of > 1 and engine == "ray":
        raise BadKnob("shard must be 0/1 with engine=ray, which shares the work out itself. Leave shard out.")
    measured: dict[str, Any] = {"top": top, "per_image": per_image, "sample": sample, "positions": positions}
    measured |= {"predictions": predictions, "duplicates": duplicates, "compile": compile, "batch_size": batch_size}
    with ExitStack() as stack:
        path = None if output is None else stack.enter_context(_part(Path(output), part, of))
        job = ScanJob.of(net, open_source(source), layers, labels, **measured)
        state = resume(job, path)
        save: Callable[[State], None] = (lambda _: None) if path is None else (lambda state: state.save(path))
        if engine == "ray":
            from .ray_engine import run_on_ray

            run_on_ray(job, state, save, None if path is None else path.parent / "tasks", checkpoint)
        elif codes and path is not None:
            stack.enter_context(made(path.parents[1] / "pieces"))
            both, save_both = beside_scan(job, codes, state, path)
            run_scan(job, both, job.shards[part::of], save_both, job.decoders(workers), checkpoint)
        else:
            run_scan(job, state, job.shards[part::of], save, job.decoders(workers), checkpoint)
        found = _finished(state, job, path)
        if codes and "partial" not in found.evidence:
            same: dict[str, Any] = {name: job.ledger.knobs[name] for name in ("labels", "compile", "batch_size")}
            extract_codes(net, job.source, codes, output, **same, engine=engine, workers=workers)
        return found


def merge_scans(parts: Sequence[str | Path], output: str | Path | None = None) -> Scan:
    """Put the parts of a scan together: folders, or files of parts; tables go to `output`, or the first folder.

    Raises BadScan where a part is missing or damaged, of another scan, or holds a shard that another holds too.
    """
    files = [file for part in parts for file in _files(Path(part))]
    folder = Path(output) if output is not None else _first_folder(parts)
    state = merged(State.load(file) for file in files)
    missing = sorted(set(range(state.ledger.shards)) - state.shards)
    if missing:
        raise BadScan(
            f"{len(missing)} of {state.ledger.shards} shards are missing, the first is {missing[0]}. Finish the parts "
            f"that hold them: the same `convscope scan` again goes on where it stopped."
        )
    _check_any(state)
    in_memory(tables(state)).save(folder)
    merge_codes(folder)
    return open_scan(folder)


def _finished(state: State, job: ScanJob, path: Path | None) -> Scan:
    """The scan of what is done so far; its tables are written once all is."""
    whole = len(state.shards) == len(job.shards)
    if whole and not state.images.seen and path is not None:
        path.unlink(missing_ok=True)  # nothing to go on from
    if whole:
        _check_any(state)
    folder = None if path is None else path.parents[1]
    found = in_memory(tables(state), job.source, folder)
    if folder is not None and whole:
        found.save(folder)
    return found


def _check_any(state: State) -> None:
    """Only of a whole scan: all images of one part may well be unusable."""
    if not state.images.seen:
        _, name, _, reason = min(state.images.refused)
        raise BadSource(
            f"None of {len(state.images.refused)} files could be read as an image. The first: {name}: {reason} "
            "Name a folder, zip or tar of images."
        )


@contextmanager
def _part(folder: Path, part: int, of: int) -> Iterator[Path]:
    """The file of a part in the output folder, which is made, found writable, and goes again if nothing comes into it.

    Raises BadScan for a folder that was begun in another number of parts.
    """
    with made(folder), made(folder / _PARTS):
        path = folder / _PARTS / f"{part}-of-{of}.safetensors"
        check_writable(path)
        others = [file.name for file in _parts(folder) if not file.stem.endswith(f"-of-{of}")]
        if others:
            raise BadScan(
                f"{folder} was begun in another number of parts ({others[0]}), not in {of}. "
                "Go on as it was begun, or use another folder."
            )
        for file in (path, *(file_of(folder, name) for name in NAMES)):
            sweep(file)
        yield path


def _parts(folder: Path) -> list[Path]:
    return sorted((folder / _PARTS).glob("*.safetensors"))


def _files(part: Path) -> Iterable[Path]:
    if is_file(part):
        return [part]
    found = _parts(part)
    if not found:
        raise BadScan(f"{part} holds no part of a scan. Give the folder that `convscope scan -o` wrote to.")
    return found


def _first_folder(parts: Sequence[str | Path]) -> Path:
    folder = Path(parts[0]) if parts else Path()
    if not is_folder(folder):
        raise BadKnob("output must name a folder for the tables where only files are merged. Give output=…, or -o DIR.")
    return folder
