"""SQL over the tables of a scan, by DuckDB: one query that reads these tables, and can reach nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pyarrow as pa

from ..base.errors import BadKnob

_THREADS = 4  # at most
_SEALED = {
    "enable_external_access": "false",  # no files, no network, no extensions
    "python_enable_replacements": "false",  # no variable of Python is a table
    "temp_directory": "",  # what does not fit into memory is refused, not written into the working directory
    "memory_limit": "4GB",
    "lock_configuration": "true",  # and no query changes any of this
}


def ask(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
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
            return connection.sql(statements[0]).to_arrow_table()
        except (duckdb.Error, pa.ArrowException, UnicodeEncodeError) as error:
            raise BadKnob(f"{must}: {error}") from None


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
