"""The files of tables: a flipped bit is noticed or harmless, and older tables stand until new ones are whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import convscope as cs
from convscope.base.errors import BadScan, CannotWrite
from convscope.scan.job import ScanJob
from convscope.scan.scan import merge_scans
from convscope.scan.tables import parquet
from convscope.scan.tables.parquet import Tables

from ..test_scan_refusals import KNOBS, network

FLIPS = 60  # bits of each file, and of the end of each, where the words of the format are


@pytest.fixture(scope="module")
def pictures() -> list[tuple[np.ndarray, str]]:
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), f"class {i % 2}") for i in range(11)]


@pytest.fixture(scope="module")
def scanned(pictures, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scanned")
    cs.scan(network(), pictures, folder / "out", **KNOBS)
    return folder / "out"


@pytest.fixture
def out(scanned, tmp_path) -> Path:
    """A copy of the scan, to be broken."""
    return Path(shutil.copytree(scanned, tmp_path / "out"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def damage(file: Path) -> None:
    """Flip a bit at the end of the last page of the first column."""
    column, data = pq.read_metadata(file).row_group(0).column(0), bytearray(file.read_bytes())
    start = column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset
    data[start + column.total_compressed_size - 1] ^= 4
    file.write_bytes(data)


def full(monkeypatch, after: int) -> None:
    """A disk that has room for so many tables more."""
    write, left = pq.write_table, [after]

    def refuse(table, place, **how):
        left[0] -= 1
        write(table, place, **how)
        if left[0] < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", refuse)


def test_a_flipped_bit_anywhere_is_noticed_or_changes_no_number(out, scanned):
    rng, noticed, tried = np.random.default_rng(0), 0, 0
    whole = {name: Tables(scanned)(name) for name in Tables(scanned).names}
    assert len(whole) == 8
    for name, table in whole.items():
        file = out / f"{name}.parquet"
        data = file.read_bytes()
        ends = [rng.integers(0, 8 * len(data), FLIPS), rng.integers(8 * max(0, len(data) - 2000), 8 * len(data), FLIPS)]
        for at in np.concatenate(ends).tolist():
            broken = bytearray(data)
            broken[at >> 3] ^= 1 << (at & 7)
            file.write_bytes(broken)
            tried += 1
            try:
                assert Tables(out)(name).equals(table) and name == "run", f"bit {at} of {name}"
            except BadScan as error:
                noticed += 1
                assert str(file) in str(error) and str(error).endswith(
                    "Merge the parts of its scan again, or scan again."
                )
        file.write_bytes(data)
    assert tried == 8 * 2 * FLIPS and noticed > 0.9 * tried


@pytest.mark.parametrize("name", ["units", "top", "run"])
def test_a_damaged_table_is_refused_by_every_way_in(out, name):
    damage(out / f"{name}.parquet")
    ways = {
        "units": lambda found: found.statistics("conv:0"),
        "top": lambda found: found.top("conv:0"),
        "run": lambda found: found.evidence,
    }
    for ask in (ways[name], lambda found: found.query("select 1")):
        with pytest.raises(BadScan, match=rf"{name}\.parquet .*Merge the parts of its scan again"):
            ask(cs.open_scan(out))


def test_pages_have_checksums_that_other_programs_can_verify(out):
    for file in sorted(out.glob("*.parquet")):
        damage(file)
        with pytest.raises(OSError, match="CRC"):
            pq.read_table(file, page_checksum_verification=True)


def test_a_table_of_another_scan_is_refused(out, pictures, tmp_path):
    cs.scan(network(), pictures[::-1], tmp_path / "other", **KNOBS)
    shutil.copy(tmp_path / "other" / "top.parquet", out)
    with pytest.raises(BadScan, match=r"top\.parquet is damaged, or of another scan than run\.parquet beside it"):
        cs.open_scan(out).top("conv:0")


@pytest.mark.parametrize("column", ["images", "network", "ledger"])
def test_a_number_of_the_run_that_is_another_is_noticed_by_itself(out, column):
    run = pq.read_table(out / "run.parquet")
    other = pa.array([12 if column == "images" else "other"], run.schema.field(column).type)
    place = run.column_names.index(column)
    pq.write_table(run.set_column(place, run.schema.field(column), other), out / "run.parquet")
    with pytest.raises(BadScan, match=r"run\.parquet is damaged"):
        cs.open_scan(out)


def test_a_scan_that_was_written_without_checksums_still_opens(out, scanned):
    wanted = cs.open_scan(scanned)
    for name in wanted.names:
        pq.write_table(wanted.table(name), out / f"{name}.parquet")
    found = cs.open_scan(out)
    assert found.names == wanted.names and found.digest == wanted.digest
    assert all(found.table(name).equals(wanted.table(name)) for name in wanted.names)
    found.save(out)
    assert Tables(out)._sums and cs.open_scan(out).table("units").equals(wanted.table("units"))


def test_tables_of_an_older_scan_go_where_the_new_one_has_none(out, pictures):
    assert (out / "classes.parquet").exists()
    found = cs.scan(network(), [picture for picture, _ in pictures], **KNOBS)
    found.save(out)
    assert not (out / "classes.parquet").exists() and cs.open_scan(out).names == found.names


@pytest.mark.parametrize("after", [0, 3, 7])
def test_a_full_disk_leaves_the_tables_of_a_finished_scan(out, pictures, monkeypatch, after):
    before = bytes_of(out)
    full(monkeypatch, after)
    with pytest.raises(
        CannotWrite, match=r"\.parquet could not be written: No space left on device\. Nothing was left"
    ):
        cs.scan(network(), pictures, out, **KNOBS)
    assert bytes_of(out) == before and cs.open_scan(out).evidence["images"] == 11


@pytest.mark.parametrize("after", [0, 3, 7])
def test_a_merge_on_a_full_disk_leaves_nothing(out, tmp_path, monkeypatch, after):
    full(monkeypatch, after)
    with pytest.raises(CannotWrite, match="Nothing was left behind"):
        merge_scans([out], tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, of 8 MB; `disk("ro")` makes it read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = lambda *words: subprocess.run(["mount", *words, str(place)], capture_output=True, check=False).returncode  # noqa: E731
    if sys.platform != "linux" or mount("-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        pytest.skip("mounting a disk needs Linux, and leave to do so")
    try:
        yield lambda how: place if not mount("-o", f"remount,{how}") else pytest.skip("a disk cannot be mounted anew")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_merge_on_a_read_only_disk_says_so(out, disk):
    place = disk("rw")
    shutil.copytree(out / "parts", place / "parts")
    disk("ro")
    for output, words in ((None, "Nothing can be written in"), (place / "new", "The folder .*new cannot be made")):
        with pytest.raises(CannotWrite, match=f"{words}.*: Read-only file system"):
            merge_scans([place], output)


def test_a_merge_on_a_disk_that_is_really_full_leaves_nothing(out, disk):
    place = disk("size=16k")
    with pytest.raises(CannotWrite, match=r"No space left on device\. Nothing was left behind"):
        merge_scans([out], place / "new")
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be forked")
@pytest.mark.parametrize("name", ["units", "top", "run"])
def test_a_table_write_that_is_killed_leaves_the_old_tables_and_its_rests_are_swept(out, pictures, monkeypatch, name):
    before = bytes_of(out)
    found = cs.open_scan(out)
    child = os.fork()
    if not child:
        write = parquet._write
        number = list(found.names).index(name)
        seen: list[Path] = []

        def die(table, place):
            seen.append(place)
            write(table, place)
            if len(seen) > number:
                os._exit(9)

        parquet._write = die
        try:
            found.save(out)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = set(bytes_of(out)) - set(before)
    assert left and {n: bytes_of(out)[n] for n in before} == before
    monkeypatch.setattr(ScanJob, "begin", lambda self: pytest.fail("began anew"))
    cs.scan(network(), pictures, out, **KNOBS)
    assert bytes_of(out) == before


@pytest.mark.parametrize("name", ["run", "units", "top", "layers", "images"])
def test_a_foreign_table_is_refused_by_what_it_lacks(out, name):
    """Without checksums, as earlier versions wrote them, nothing else says that a table is none of ours."""
    found = cs.open_scan(out)
    whole = {name: found.table(name) for name in found.names}
    for table in whole:
        pq.write_table(whole[table], out / f"{table}.parquet")
    pq.write_table(pa.table({"box": [1]}), out / f"{name}.parquet")
    with pytest.raises(BadScan, match=rf"{name}.parquet is no such table of a scan: it has no column \w+\. Merge"):
        cs.open_scan(out).table(name)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_a_folder_whose_name_is_no_utf8_holds_a_scan(out):
    moved = out.rename(out.with_name(os.fsdecode(b"caf\xe9")))
    found = cs.open_scan(moved)
    found.save(moved)
    assert cs.open_scan(moved).table("units").equals(found.table("units"))
