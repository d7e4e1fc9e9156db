"""Embedded databases: what went wrong is told with advice that does no harm."""

from pathlib import Path

import pytest

from convscope.base.database import Database
from convscope.base.errors import BadStore, CannotWrite

SCHEMA = "CREATE TABLE parts (data BLOB)"


def test_a_full_disk_is_no_reason_to_delete_what_is_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite", SCHEMA)
    database.read("PRAGMA max_page_count=8")  # a disk with room for eight pages
    with (
        pytest.raises(BadStore, match=r"is full\)\. Make room, or .* or name another folder\.") as full,
        database.change() as it,
    ):
        it.execute("INSERT INTO parts VALUES (?)", [bytes(1 << 20)])
    assert "Delete" not in str(full.value)
    assert database.read("SELECT count(*) FROM parts") == [(0,)]
    database.close()


def test_a_folder_in_its_place_is_no_reason_either(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").mkdir()
    with pytest.raises(BadStore, match=r"unable to open database file\)\. Make room, or let it"):
        Database(tmp_path / "a.sqlite", SCHEMA)


def test_what_is_damaged_may_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"junk" * 500)
    with pytest.raises(BadStore, match="Delete it to begin anew"):
        Database(tmp_path / "a.sqlite", SCHEMA)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotWrite, match="cannot be made"):
        Database(tmp_path / name / "a.sqlite", SCHEMA)
