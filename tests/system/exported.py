# SPDX-License-Identifier: MIT
"""What a process has recorded, as `tailgate export` has it."""

import contextlib
import sqlite3


def exported(command, records, table):
    """The rows of one table, as dictionaries."""
    output = records.parent / f"{records.name}.db"
    done = command("export", records, "-o", output)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(output)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(f"SELECT * FROM {table}")]
    output.unlink()
    return rows
