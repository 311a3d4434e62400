# SPDX-License-Identifier: MIT
"""An experiment's pauses that are taken from the log of another program."""

import re

import pytest

from experiments import query
from test_run_faults import faulty, injected  # noqa: F401

# What a Go program and a JVM say of their collections, and lines of milliseconds.
LOGS = {
    "go.log": "gc 1 @0.200s 2%: 20+1.2+10 ms clock, 0.1+0.2/0.3/0.4+0.5 ms cpu, 4->4->0 MB\n",
    "jvm.log": "[0.230s][info][gc] GC(0) Pause Young (Normal) 24M->4M(256M) 30.000ms\n",
    "offsets.csv": "200,30\n",
}


@pytest.mark.parametrize("log", LOGS)
def test_pauses_of_a_log_happen_again(injected, tmp_path, log):
    """On a backend, which makes them itself, and on any process by SIGSTOP."""
    (tmp_path / log).write_text(LOGS[log])
    folder = injected(faulty(
        {"name": "own", "replay": log, "from": "100ms"},
        {"name": "signals", "kind": "stop", "replay": log, "scale": "200%", "from": "600ms"},
        {"name": "gateway", "on": "gateway", "replay": log}))
    planned = {}
    for name, at, length in query(folder, """SELECT name, planned_at_ns / 1000000,
            planned_for_ns / 1000000 FROM fault ORDER BY name, ordinal"""):
        planned.setdefault(name, []).append((at, length))
    parts = [(200, 20), (221, 10)] if log == "go.log" else [(200, 30)]
    assert planned["own"] == [(at + 100, length) for at, length in parts]
    assert planned["gateway"] == parts
    assert planned["signals"][0] == (800, 2 * parts[0][1])
    real = dict(query(folder, "SELECT name, sum(ended_ns - started_ns) FROM fault GROUP BY name"))
    assert real["own"] >= 29e6 and real["gateway"] >= 29e6 and real["signals"] >= 58e6
    assert query(folder, "SELECT count(*) FROM pause WHERE kind = 'injected'")[0][0] == len(parts)


@pytest.mark.parametrize("fault, says", [
    ({"replay": "none.csv"}, r"cannot replay .*No such file"),
    ({"replay": "good.csv", "pause": "1ms"}, '"pause" cannot stand beside "replay"'),
    ({"kind": "stop", "replay": "good.csv", "every": "1s"}, '"every" cannot stand beside "replay"'),
    ({"kind": "kill", "replay": "good.csv"}, '"replay" is about pauses'),
    ({"pause": "1ms", "loop": True}, '"loop" is about a file'),
    ({"replay": "bad.csv"}, r"bad\.csv:1:1: this says nothing"),
])
def test_logs_that_cannot_be_replayed(command, write_config, tmp_path, fault, says):
    (tmp_path / "good.csv").write_text("200,30\n")
    (tmp_path / "bad.csv").write_text("apples\n")
    done = command("check", write_config(faulty(fault), "experiment.json"))
    assert done.returncode == 2 and re.search(says, done.stderr), done.stderr
