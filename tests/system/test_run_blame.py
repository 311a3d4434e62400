# SPDX-License-Identifier: MIT
"""What a run says is behind its failures, and the stalls that can be seen from outside."""

import json

import pytest

from experiments import latest, no_report_in_logs, query, summary_of

# A service that answers at once but for one long pause, in which every request times out.
EXPERIMENT = {
    "name": "small", "seed": 7,
    "backends": {"orders": {"config": {"handlers": {"/orders": {"steps": [
        {"io": "5ms"}, {"respond": {"status": 200, "body": "1KiB"}}]}}}}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"],
                                         "timeout": {"response": "1s", "connect": "30s"}}}},
    "load": {"rate": "60/s", "arrivals": "constant", "warmup": "500ms", "duration": "6s",
             "timeout": "60s", "connections": 256, "requests": [{"GET": "/orders"}]},
    "faults": [{"name": "still", "on": "@orders", "pause": "3s", "from": "1s", "until": "5s"}],
}


@pytest.fixture
def blamed(run, tmp_path):
    """The folder of the run, and what it printed."""
    done = run(EXPERIMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path).resolve()
    no_report_in_logs(folder)
    return folder, done.stdout


def test_every_failure_is_blamed_on_one_thing(blamed):
    folder, printed = blamed
    [variant] = summary_of(folder)["variants"]
    failures = variant["gateway_failures"]
    assert failures > 20
    assert query(folder, "SELECT count(*), count(DISTINCT trace_id) FROM blame"
                         " WHERE part = 'failed'") == [(failures, failures)]
    assert query(folder, "SELECT count(*) FROM blame WHERE class IS NULL OR verdict IS NULL"
                         " OR chain NOT LIKE '%' || iif(part = 'slow', 'slow', cause)") == [(0,)]
    blame = variant["blame"]
    assert blame["total"]["failed"] == failures == sum(row["count"] for row in blame["failed"])
    assert not any("have been blamed" in note for note in summary_of(folder)["notes"])
    assert "what is behind the failures" in printed
    most = blame["failed"][0]
    lines = [line.split() for line in printed.splitlines()]
    row = lines.index([most["class"], most["name"], str(most["count"]), *(
        str(sum(item["count"] for item in blame["slow"] if item["name"] == most["name"])),)])
    assert " ".join(lines[row + 1]) == "as in: " + most["example"]
    judged = query(folder, "SELECT total(would_succeed IS 1), total(would_succeed IS 0) FROM blame"
                           " WHERE part = 'failed' AND name = 'still'")
    assert [(most["would_succeed"], most["would_fail"])] == judged
    page = (folder / "report.html").read_text()
    assert json.dumps(blame["failed"][0]["example"])[1:-1] in page

    # A busy machine may add failures of its own, but not many.
    most = blame["failed"][0]
    assert (most["class"], most["name"]) == ("injected", "still")
    assert most["count"] > failures / 2
    [(cause, kind, target, overlap)] = query(folder, """
        SELECT DISTINCT cause, kind, target, injected_ns > 0 FROM blame
        WHERE name = 'still' AND part = 'failed' AND NOT aftermath""")
    assert (cause, kind, target, overlap) == ("response_timeout", "pause", "orders-0", 1)


def test_the_pause_is_seen_from_outside(blamed):
    folder, _ = blamed
    assert query(folder, """
        SELECT count(*) FROM stall s
        JOIN endpoint e ON e.address = s.endpoint JOIN pause p ON p.process = e.process
        WHERE s.held > 10 AND s.confidence > 0.99
          AND min(s.ended_ns, p.ended_ns) - max(s.began_ns, p.started_ns) > 2000000000""") == [(1,)]


def test_a_run_without_failures_blames_nothing(run, tmp_path):
    quiet = {**EXPERIMENT, "faults": [], "load": {**EXPERIMENT["load"], "duration": "1s"}}
    upstream = {"endpoints": ["@orders"], "timeout": {"response": "60s", "connect": "60s"}}
    quiet["gateway"] = {**EXPERIMENT["gateway"], "upstreams": {"orders": upstream}}
    done = run(quiet)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path).resolve()
    assert query(folder, "SELECT count(*) FROM blame WHERE part = 'failed'") == [(0,)]
    assert summary_of(folder)["variants"][0]["blame"]["failed"] == []
    assert "what is behind the failures" not in done.stdout


def test_the_example_is_one_of_the_commonest(run, tmp_path):
    """A few requests are refused a connection; the many behind them find no endpoint."""
    shut = {"name": "shut", "on": "@orders", "kind": "refuse", "from": "0s", "until": "30s"}
    upstream = {"endpoints": ["@orders"], "retry": {"attempts": 1},
                "health": {"passive": {"consecutive": 2, "max_ejected": "100%",
                                       "eject_for": "30s"}, "panic_threshold": "0%"}}
    done = run({**EXPERIMENT, "faults": [shut],
                "load": {**EXPERIMENT["load"], "warmup": "0s", "duration": "1s"},
                "gateway": {**EXPERIMENT["gateway"], "upstreams": {"orders": upstream}}})
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path).resolve()
    causes = dict(query(folder, "SELECT cause, count(*) FROM blame WHERE name = 'shut' GROUP BY 1"))
    assert causes["no_endpoint"] > causes["connect_refused"] > 0
    [row] = [row for row in summary_of(folder)["variants"][0]["blame"]["failed"]
             if row["name"] == "shut"]
    assert row["count"] == sum(causes.values()) and "no_endpoint" in row["example"]
