# SPDX-License-Identifier: MIT
"""What a run of an experiment leaves behind, and its processes."""

import json
import os
import pathlib
import sqlite3

from process import SANITIZER_REPORT
from waiting import wait_until


def latest(folder, name="small"):
    return pathlib.Path(folder) / "runs" / name / "latest"


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def query(folder, sql):
    with sqlite3.connect(folder / "run.db") as db:
        return db.execute(sql).fetchall()


def processes_of(folder):
    """The processes that have anything to do with a folder, by their command line or open files."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        if str(folder) in words or any(str(folder) in link for link in links):
            found.append(int(entry.name))
    return found


def no_report_in_logs(folder):
    for log in folder.glob("v*/*.log"):
        assert not SANITIZER_REPORT.search(log.read_text(errors="replace")), log


def wait_for_load(folder):
    """Until requests are being recorded: the load generator's log exists once it is started."""
    wait_until(lambda: list(folder.glob("v0-r0/load.log")), 60, "the load has begun")
    wait_until(lambda: any((folder / "v0-r0/records").glob("*load*")), 60, "it records")


def pid_of(name, folder):
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(str(folder)) and word.endswith(f"/{name}.json") for word in words):
            return int(entry.name)
    return None
