"""SQL over the tables of a scan, by DuckDB: one query that reads these tables, and can reach nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import chain, count
from typing import Any

import pyarrow as pa

from ...base.errors import BadKnob

_THREADS = 4  # at most
_SEALED = {
    "enable_external_access": "false",  # no files, no network, no extensions
    "python_enable_replacements": "false",  # no variable of Python is a table
    "temp_directory": "",  # what does not fit into memory is refused, not written into the working directory
    "memory_limit": "4GB",
    "lock_configuration": "true",  # and no query changes any of this
}


def run_query(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    """The rows of one SELECT; raises BadKnob for anything else, which is never run, with DuckDB's own words."""
    import duckdb

    must = f"query must be one SQL query over {', '.join(tables)}"
    threads = str(min(_THREADS, os.cpu_count() or 1))
    with duckdb.connect(config={**_SEALED, "threads": threads}) as connection:
        try:
            sql.encode()
            statements = connection.extract_statements(sql)
            found = _found([statement.type.name for statement in statements])
            if found:
                raise BadKnob(f"{must}, which is a SELECT, not {found}. Ask for rows, such as: select * from units")
            for name, table in tables.items():
                connection.register(name, table)
            rows = connection.sql(statements[0]).to_arrow_table()
        except (duckdb.Error, pa.ArrowException, UnicodeEncodeError) as error:
            raise BadKnob(f"{must}: {error}") from None
    return rows.rename_columns(_different(rows.column_names))


def values(rows: pa.Table) -> list[list[Any]]:
    """The rows of a table as values of Python; raises BadKnob for one that Python has not."""
    try:
        return [list(row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)]
    except (OverflowError, ValueError) as error:  # the date infinity
        raise BadKnob(f"query must give values that can be shown: {error}. Cast them to text.") from error


def _different(names: list[str]) -> list[str]:
    """Names of columns, of which those that were there before get a number, as in DuckDB's own tables."""
    found: list[str] = []
    for name in names:
        spelled = chain([name], (f"{name}_{number}" for number in count(1)))
        found.append(next(one for one in spelled if one not in found))
    return found


def _found(kinds: list[str]) -> str:
    """What a query is, by the kinds of its statements, if it is no SELECT."""
    match kinds:
        case ["SELECT"]:
            return ""
        case []:
            return "nothing"
        case ["MULTI"]:
            return "a PIVOT that does not name its columns with IN (…)"
        case [kind]:
            return f"the statement {kind}"
    return f"{len(kinds)} statements"
