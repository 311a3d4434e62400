#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long the analysis of a large run takes, and how much memory.

    large.py [--tailgate PATH] [--timer PATH] [--requests N] [--keep FOLDER]

A short run is made and its records are repeated, one after the other, until there are enough; then everything that
`tailgate run` does behind the last round is done again (findings, summary, report page), and the run is compared with
itself as two variants. Needs about 600 bytes of disk for each request and a machine with nothing else to do."""
import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

DURATION_S = 40
EXPERIMENT = {
    "name": "large", "seed": 7,
    "backends": {"orders": {"instances": 4, "config": {"handlers": {"/orders": {"steps": [
        {"io": "lognormal(p50=4ms,p99=60ms)"}, {"respond": {"status": 200, "body": "1KiB"}}]}}}}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"], "timeout": {"response": "150ms"},
                                         "retry": {"attempts": 2}}}},
    "load": {"rate": "1500/s", "warmup": "1s", "duration": f"{DURATION_S}s", "connections": 512,
             "requests": [{"GET": "/orders"}]},
    "faults": [{"name": "gc", "on": "@orders", "pause": "lognormal(p50=110ms,p99=350ms)", "every": "exponential(2s)",
                "from": "100ms"}],
}
FINDINGS = ("stall", "blame", "finding_note")
MOMENTS = {"started_ns", "ended_ns", "at_ns", "intended_ns", "sent_ns", "first_byte_ns", "done_ns"}
RECORDS = ("request", "attempt", "fault", "pause", "state", "client")


def column_of_copy(table, name, requests, span):
    """A column of the k-th copy: later by k rounds, with trace ids of its own."""
    if name in MOMENTS and table != "round":
        return f"CASE WHEN {name} > 0 THEN {name} + k * {span} ELSE {name} END"
    if name == "trace_id":
        return "CASE WHEN length(trace_id) > 4 THEN printf('%04x', k) || substr(trace_id, 5) ELSE trace_id END"
    if name == "ordinal" and table == "client":
        return f"ordinal + k * {requests}"
    return f'"{name}"'


def repeat_table(database, table, copies, requests, span):
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    columns = ",".join(column_of_copy(table, name, requests, span) for name in names)
    database.execute(f"CREATE TEMP TABLE once AS SELECT * FROM {table}")
    database.execute(f"INSERT INTO {table} WITH RECURSIVE copy(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copy "
                     f"WHERE k < {copies - 1}) SELECT {columns} FROM copy, once")
    database.execute("DROP TABLE once")


def grow(path, wanted):
    """Repeats what was recorded until there are `wanted` requests; the number of copies."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    for table in FINDINGS:
        database.execute(f"DROP TABLE IF EXISTS {table}")
    indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        database.execute(f'DROP INDEX "{name}"')
    requests, = database.execute("SELECT count(*) FROM client").fetchone()
    first, last = database.execute("SELECT started_ns, ended_ns FROM round").fetchone()
    copies = -(-wanted // requests)
    span = last - first
    for table in RECORDS:
        repeat_table(database, table, copies, requests, span)
    database.execute("UPDATE round SET ended_ns = ended_ns + ?, duration_ns = duration_ns + ?",
                     2 * ((copies - 1) * span,))
    database.execute("UPDATE tally SET n = n * ?", (copies,))
    for _, sql in indexes:
        database.execute(sql)
    database.commit()
    return copies, (copies - 1) * span / 1e9


def halve(path):
    """Makes two variants of the one: a request in two belongs to the second, which pairs with the first."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = OFF")
    middle, = database.execute("SELECT epoch_ns + duration_ns / 2 FROM round").fetchone()
    database.execute("UPDATE round SET duration_ns = duration_ns / 2")
    database.execute("INSERT INTO round SELECT 1, round, epoch_ns + duration_ns, started_ns, ended_ns, warmup_ns, "
                     "duration_ns, complete, busy_share FROM round")
    database.execute("INSERT INTO variant (variant, label, vals) VALUES (1, 'second', '{}')")
    database.execute("UPDATE client SET variant = 1 WHERE intended_ns >= ?", (middle,))
    for table in "request", "attempt":
        database.execute(f"UPDATE {table} SET variant = 1 "
                         "WHERE trace_id IN (SELECT trace_id FROM client WHERE variant = 1)")
    database.execute("DELETE FROM tally")  # which compare would miss half of the records by
    database.execute("INSERT INTO tally SELECT variant, round, 'measured', 'done', '', count(*) FROM client "
                     "WHERE NOT warmup GROUP BY variant, round")
    database.commit()


def timed(what, command):
    """Whether it ran to its end. What it has to say is on stderr; its results interest nobody."""
    start = time.monotonic()
    child = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    print(f"{what}: {time.monotonic() - start:.2f} s, {used.ru_utime + used.ru_stime:.2f} s of CPU, "
          f"at most {used.ru_maxrss / 1024:.0f} MiB"
          + (f" (exit status {child.returncode})" if child.returncode else ""), flush=True)
    return child.returncode == 0


def make(options, folder):
    experiment = folder / "experiment.json"
    experiment.write_text(json.dumps(EXPERIMENT))
    subprocess.run([options.tailgate, "run", experiment, "--output", folder / "runs"], check=False,
                   stdout=subprocess.DEVNULL)
    run = (folder / "runs/large/latest").resolve()
    copies, longer = grow(run / "run.db", options.requests)
    load = {**EXPERIMENT["load"], "duration": f"{int(DURATION_S + longer)}s"}
    (run / "experiment.json").write_text(json.dumps({**EXPERIMENT, "load": load}))
    print(f"{copies} copies, {(run / 'run.db').stat().st_size / 2**20:.0f} MiB", flush=True)
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tailgate", type=pathlib.Path, default="./tailgate")
    parser.add_argument("--timer", type=pathlib.Path,
                        help="beside TAILGATE, in tests/fidelity/large_time, unless given")
    parser.add_argument("--requests", type=int, default=5_000_000)
    parser.add_argument("--keep", type=pathlib.Path, help="make the run in this folder and leave it there")
    options = parser.parse_args()
    timer = options.timer or options.tailgate.resolve().parent / "tests/fidelity/large_time"
    if not timer.exists():
        parser.error(f"{timer} does not exist: make tests/fidelity/large_time")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run = make(options, folder)
        done = timed("findings, summary and page", [timer, run])
        done &= timed("what if", [options.tailgate, "whatif", run])
        halve(run / "run.db")
        done &= timed("compare", [options.tailgate, "compare", run, "--a", "baseline", "--b", "second",
                                  "--unpaired"])
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
