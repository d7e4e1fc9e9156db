"""Queries: one SELECT, which reads the tables it is given and changes nothing, and all else before it is run."""

import os

import pyarrow as pa
import pytest

from convscope.base.errors import BadKnob
from convscope.scan.tables import sql as sql_module
from convscope.scan.tables.sql import run_query, values

TABLES = {"units": pa.table({"layer": ["a", "a", "b"], "dead": [True, False, True]})}


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select layer from units where dead", [{"layer": "a"}, {"layer": "b"}]),
        ("with gone as (select * from units where dead) select count(*) as n from gone;", [{"n": 2}]),
        ("-- how many?\nfrom units select count(*) as n", [{"n": 3}]),
        ("values (7)", [{"col0": 7}]),
        ("select * from units where false", []),
        ("select count(*) as n from units a, range(4) r", [{"n": 12}]),
    ],
)
def test_a_select_gives_its_rows(sql, rows):
    assert run_query(sql, TABLES).to_pylist() == rows


def test_tables_can_be_described():
    assert [row["column_name"] for row in run_query("describe units", TABLES).to_pylist()] == ["layer", "dead"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "not nothing"),
        (" ; -- nothing", "not nothing"),
        ("select 1; select 2", "not 2 statements"),
        ("create table t as select 1", "not the statement CREATE"),
        ("copy units to 'x.csv'", "not the statement COPY"),
        ("set threads = 64", "not the statement SET"),
        ("pragma version", "not the statement PRAGMA"),
        ("call duckdb_settings()", "not the statement CALL"),
        ("explain select 1", "not the statement EXPLAIN"),
        ("pivot units on layer using count(*)", "PIVOT"),
    ],
)
def test_all_else_is_refused_before_it_is_run(sql, words, monkeypatch):
    import duckdb

    class Parsed:
        """A connection that parses, and can run nothing."""

        def __init__(self, **_: object) -> None:
            self._real = real()

        def __enter__(self) -> "Parsed":
            return self

        def __exit__(self, *_: object) -> None:
            self._real.close()

        def extract_statements(self, sql: str) -> object:
            return self._real.extract_statements(sql)

    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", Parsed)
    with pytest.raises(BadKnob, match=r"query must be one SQL query over units, which is a SELECT, not .*") as refused:
        run_query(sql, TABLES)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "sql",
    ["selekt 1", "select nothing from units", "select $1", "\0", "select '\ud800'", "(" * 5000, "select * from t"],
)
def test_what_cannot_be_run_is_told_in_one_error(sql):
    t = pa.table({"secret": [1]})  # a variable of Python is no table
    assert t.num_rows
    with pytest.raises(BadKnob, match="query must be one SQL query over units: "):
        run_query(sql, TABLES)


def test_the_database_is_sealed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["enable_external_access", "lock_configuration", "threads", "memory_limit", "temp_directory"]
    (row,) = run_query(f"select {', '.join(f'''current_setting('{n}') as {n}''' for n in names)}", TABLES).to_pylist()
    assert (row["enable_external_access"], row["lock_configuration"], row["temp_directory"]) == (False, True, "")
    assert row["threads"] <= min(4, os.cpu_count() or 1) and row["memory_limit"] == "3.7 GiB"
    with pytest.raises(BadKnob, match="locked"):
        run_query("select * from enable_profiling()", TABLES)
    monkeypatch.setitem(sql_module._SEALED, "memory_limit", "50MB")
    with pytest.raises(BadKnob, match="Out of Memory"):  # and nothing is written to make room
        run_query("select list(i) from range(1_000_000_000) t(i)", TABLES)
    assert not list(tmp_path.iterdir())


def test_columns_of_one_name_are_told_apart():
    found = run_query("select 1 as a, 2 as a, 3 as a_1, 4 as b", TABLES)
    assert found.column_names == ["a", "a_1", "a_1_1", "b"] and values(found) == [[1, 2, 3, 4]]


def test_a_value_that_python_has_not_is_refused():
    with pytest.raises(BadKnob, match="can be shown"):
        values(run_query("select 'infinity'::date", TABLES))
