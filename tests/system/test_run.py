# SPDX-License-Identifier: MIT
"""`tailgate run` and `tailgate report`: whole experiments, small ones, and what goes wrong in them."""

import json
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

from experiments import (latest, no_report_in_logs, pid_of, processes_of, query, summary_of,
                         wait_for_load)
from waiting import wait_until

BACKEND = {
    "cleanup": "deferred",
    "resources": {"lock": {"slots": 1}},
    "handlers": {"/orders": {"steps": [
        {"acquire": "lock"}, {"io": "200us"}, {"release": "lock"},
        {"respond": {"status": 200, "body": "1KiB"}}, {"io": "1ms"}]}},
}
EXPERIMENT = {
    "name": "small", "seed": 7,
    "backends": {"orders": {"instances": 2, "config": BACKEND}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"]}}},
    "load": {"rate": "100/s", "warmup": "200ms", "duration": "1s", "connections": 32,
             "requests": [{"GET": "/orders", "weight": 3}, {"POST": "/orders", "body": "3KiB"}]},
    "faults": [{"name": "gc", "on": "@orders/0", "pause": "uniform(20ms,60ms)", "every": "300ms",
                "from": "100ms"}],
    "variants": {"/backends/orders/config/cleanup": ["deferred", "inline"]},
    "expect": ["gateway_failures < 50%", "inline: p90 < 5s"],
}
SUMMARY_KEYS = {"name", "seed", "variants", "expect", "records_dropped", "load_lag_ms"}
VARIANT_KEYS = {"label", "values", "requests", "throughput_rps", "latency_ms", "statuses",
                "gateway_failures", "failure_rate", "causes"}


def changed(**keys):
    return {**EXPERIMENT, **keys}


def loaded(**keys):
    return changed(load={**EXPERIMENT["load"], **keys})


def test_whole_run(run, command, tmp_path):
    done = run(changed(rounds=2))
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path)
    no_report_in_logs(folder)
    summary = summary_of(folder)
    assert SUMMARY_KEYS <= summary.keys()
    assert summary["complete"] is True and summary["problem"] is None
    assert summary["records_dropped"] == 0
    assert [v["label"] for v in summary["variants"]] == ["deferred", "inline"]
    for variant in summary["variants"]:
        assert VARIANT_KEYS <= variant.keys()
        assert {"p50", "p90", "p99", "p999", "max"} <= variant["latency_ms"].keys()
        assert variant["requests"] > 100
    assert all(verdict["holds"] for verdict in summary["expect"])
    assert len(summary["expect"]) == 3  # one for each variant, and one for inline alone
    for text in ("strategy", "p99.9", "collections/s", "deferred", "inline", "holds",
                 "report.html", "summary.json"):
        assert text in done.stdout
    page = (folder / "report.html").read_text()
    assert "small" in page and len(page) > 50_000

    again = command("report", tmp_path / "runs" / "small")
    assert again.returncode == 0
    assert done.stdout.split("\nreport ")[0] == again.stdout.split("\nreport ")[0]
    assert not list(folder.glob("v*/records")), "the segments are in run.db now"


def test_counts_agree(run, tmp_path):
    assert run(EXPERIMENT).returncode == 0
    folder = latest(tmp_path)
    summary = summary_of(folder)
    assert summary["agreement"]["differences"] == []
    for number, variant in enumerate(summary["variants"]):
        where = f"variant = {number}"
        [(client,)] = query(folder, f"SELECT count(*) FROM client WHERE {where} AND NOT warmup")
        [(gateway,)] = query(
            folder, "SELECT count(*) FROM client c JOIN request r ON r.trace_id = c.trace_id"
                    " AND r.variant = c.variant AND r.round = c.round"
                    f" WHERE c.{where} AND NOT c.warmup")
        [(tally,)] = query(folder, f"SELECT sum(n) FROM tally WHERE {where} AND part = 'measured'"
                                   " AND what = 'done'")
        assert variant["requests"] == client == gateway == tally
        assert sum(variant["statuses"].values()) + sum(variant["client_errors"].values()) == client
        statuses = query(folder, "SELECT name, n FROM tally WHERE what = 'status'"
                                 f" AND part = 'measured' AND {where}")
        assert variant["statuses"] == dict(statuses)
    assert query(folder, "SELECT count(*) FROM client WHERE warmup")[0][0] > 0
    assert query(folder, "SELECT count(DISTINCT method) FROM request")[0][0] == 2


def schedule_of(folder):
    arrivals = query(folder, """
        SELECT c.variant, c.round, c.ordinal, c.intended_ns - r.epoch_ns, c.method, c.path,
               c.trace_id
        FROM client c JOIN round r ON r.variant = c.variant AND r.round = c.round
        ORDER BY 1, 2, 3""")
    pauses = query(folder, """
        SELECT variant, round, process, name, ordinal, planned_at_ns, planned_for_ns
        FROM fault ORDER BY 1, 2, 3, 4, 5""")
    return arrivals, pauses


def test_one_seed_gives_one_schedule(run, tmp_path):
    short = {**changed(rounds=2), "load": {**EXPERIMENT["load"], "duration": "500ms"}}
    schedules = []
    for arguments in ((), (), ("--seed", "8")):
        assert run(short, *arguments).returncode == 0
        schedules.append(schedule_of(latest(tmp_path)))
    arrivals, pauses = schedules[0]
    assert len(arrivals) > 50 and len(pauses) > 4
    assert schedules[0] == schedules[1]
    assert schedules[0][0] != schedules[2][0] and schedules[0][1] != schedules[2][1]
    # Every variant of a round has the same, and rounds differ.
    of = lambda rows, variant, number: [row[2:] for row in rows if row[:2] == (variant, number)]
    for rows in schedules[0]:
        assert of(rows, 0, 0) == of(rows, 1, 0)
        assert of(rows, 0, 0) != of(rows, 0, 1)


def test_faults_are_injected_where_they_are_aimed(run, tmp_path):
    assert run(EXPERIMENT).returncode == 0
    rows = query(latest(tmp_path), """
        SELECT DISTINCT f.process, p.kind, p.name FROM fault f
        JOIN pause p ON p.variant = f.variant AND p.process = f.process""")
    assert rows == [("orders-0", "injected", "gc")]


def test_expectation_that_falls_short(run, tmp_path):
    done = run(changed(expect=["p50 < 1ns", "gateway_failures < 50%"]))
    assert done.returncode == 1
    assert "falls short" in done.stdout
    verdicts = summary_of(latest(tmp_path))["expect"]
    assert [v["holds"] for v in verdicts] == [False, False, True, True]


def test_an_expectation_of_one_variant_against_another(run, tmp_path):
    done = run(changed(expect=["inline: p50 < 1000 * deferred", "p50 < 0.001 * deferred",
                               "requests <= inline"]))
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = summary_of(latest(tmp_path))["expect"]
    assert [(v["variant"], v["holds"]) for v in verdicts] == [
        ("inline", True), ("inline", False), ("deferred", True)]
    assert verdicts[0]["limit"] > verdicts[0]["value"] and " against " in verdicts[0]["shown"]


def test_an_expectation_of_one_route(run, command, tmp_path):
    gateway = {**EXPERIMENT["gateway"],
               "routes": [{"path": "/fast", "upstream": "orders"},
                          {"path": "/slow", "upstream": "orders"},
                          {"name": "idle", "exact": "/none", "upstream": "orders"}]}
    handlers = {path: {"steps": [{"io": io}, {"respond": {}}]}
                for path, io in (("/fast", "0s"), ("/slow", "30ms"))}
    done = run({**loaded(requests=[{"GET": "/fast"}, {"GET": "/slow"}]), "gateway": gateway,
                "variants": {}, "faults": [],
                "backends": {"orders": {"config": {"handlers": handlers}}},
                "expect": ["p50 on /slow >= 30ms", "p50 on /fast >= 10s",
                           "requests on /slow > 5", "p50 on idle < 1ms", "share(response_timeout) < 5%"]})
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = summary_of(latest(tmp_path))["expect"]
    assert [v["holds"] for v in verdicts] == [True, False, True, False, False]
    assert [(v["value"], v["shown"]) for v in verdicts[3:]] == [
        (None, "no request was measured on idle"), (None, "no request failed")]
    assert "p50 on idle < 1ms  (no request was measured on idle)" in done.stdout
    junit = command("report", latest(tmp_path), "--format", "junit").stdout
    assert 'message="no request was measured on idle"' in junit
    assert 'message="no request failed"' in junit


def test_an_expectation_of_nothing_does_not_hold(run, tmp_path):
    done = run({**loaded(rate="0.01/s", warmup="0s"), "variants": {}, "faults": [],
                "expect": ["gateway_failures < 1%", "p99 < 1s"]})
    assert done.returncode == 1
    assert "nothing was measured" in done.stdout
    verdicts = summary_of(latest(tmp_path))["expect"]
    assert [v["holds"] for v in verdicts] == [False, False]
    assert {(v["value"], v["shown"]) for v in verdicts} == {(None, "no request was measured")}
    assert "baseline  not measured\n" in done.stdout
    assert "none of its expectations can hold" in done.stdout
    [variant] = summary_of(latest(tmp_path))["variants"]
    latency = variant["latency_ms"]
    assert latency.pop("at_least") == [] and set(latency.values()) == {None}
    assert variant["throughput_rps"] is variant["failure_rate"] is None


def test_figures_that_the_data_do_not_carry_are_withheld(run, command, tmp_path):
    """Of some hundred requests there is no p99.9, and of those that were given up no time."""
    handlers = {path: {"steps": [{"io": io}, {"respond": {}}]}
                for path, io in (("/fast", "0s"), ("/slow", "60s"))}
    expect = ["p99.9 < 1h", "p95 < 1h", "p95 > 400ms", "p95 < 400ms", "p50 < 1h",
              "p50 on /slow < 1h", "client_failures > 10"]
    done = run({**loaded(timeout="500ms", connections=256,
                         requests=[{"GET": "/fast", "weight": 3}, {"GET": "/slow"}]),
                "gateway": {**EXPERIMENT["gateway"],
                            "routes": [{"path": path, "upstream": "orders"} for path in handlers]},
                "variants": {}, "faults": [], "expect": expect,
                "backends": {"orders": {"config": {"handlers": handlers}}}})
    assert done.returncode == 1, done.stdout + done.stderr
    summary = summary_of(latest(tmp_path))
    found = [(v["holds"], v["withheld"], v["value"] is None) for v in summary["expect"]]
    assert found == [(False, True, True), (False, True, True), (True, False, False),
                     (False, False, False), (True, False, False), (False, True, True),
                     (True, False, False)]
    assert "withheld     baseline: p99.9 < 1h  (" in done.stdout
    assert "requests are too few for p99.9: it takes 1000 (measure longer)" in done.stdout
    assert "falls short  baseline: p95 < 400ms  (>= " in done.stdout
    assert "a longer load.timeout tells) on /slow" in done.stdout
    latency = summary["variants"][0]["latency_ms"]
    assert latency["p999"] is None and "p95" in latency["at_least"]
    assert "p50" not in latency["at_least"] and latency["p50"] < latency["p95"]

    markdown = command("report", latest(tmp_path), "--format", "markdown").stdout
    assert "| **withheld** | baseline | p95 \\< 1h |" in markdown and "| >= " in markdown
    junit = command("report", latest(tmp_path), "--format", "junit").stdout
    assert 'failures="4"' in junit and 'message="it was &gt;= ' in junit
    assert "it was " not in junit.split("are too few for p99.9")[0]
    assert '"at_least":["p90_ms"' in (latest(tmp_path) / "report.html").read_text()


def test_a_load_that_misses_the_handlers_is_said(run):
    done = run({**loaded(requests=[{"GET": "/order"}]), "variants": {}, "faults": [], "expect": []})
    assert "warning: in baseline, " in done.stdout and "answered by a 4xx" in done.stdout
    assert "free connection" not in done.stdout


def test_a_wait_for_a_connection_of_the_generator_is_said(run, tmp_path):
    slow = {**BACKEND, "handlers": {"/orders": {"steps": [{"io": "50ms"}, {"respond": {}}]}}}
    done = run({**loaded(connections=1), "variants": {}, "faults": [], "expect": [],
                "backends": {"orders": {"config": slow}}})
    assert "free connection of the load generator" in done.stdout
    assert "4xx" not in done.stdout and "can hold" not in done.stdout
    assert summary_of(latest(tmp_path))["agreement"]["differences"] == []


def test_a_pause_that_outlasts_the_load(run, tmp_path):
    done = run({**loaded(timeout="500ms", warmup="0s"), "variants": {}, "rounds": 2, "expect": [],
                "faults": [{"name": "out", "on": "@orders", "pause": "60s", "from": "300ms"}]})
    assert done.returncode == 0, done.stderr
    assert summary_of(latest(tmp_path))["complete"]
    assert query(latest(tmp_path), "SELECT count(*) FROM pause") == [(4,)]


def test_labels_of_any_kind_keep_the_table_in_shape(run, tmp_path):
    names = ["é" * 70 + "1", "é" * 70 + "2", "\x1b[31mred\nline"]
    done = run({**loaded(duration="200ms", warmup="0s"), "expect": [],
                "variants": {"/faults/0/name": names}})
    assert done.returncode == 0, done.stderr
    title, *rows = done.stdout.splitlines()[:4]
    assert [row.split()[0] for row in rows] == [names[0], names[1], "?[31mred?line"]
    assert {len(row) for row in rows} == {len(title)}
    assert "\x1b" not in done.stdout


def test_timeouts_count_in_every_percentile(run, tmp_path):
    slow = {**BACKEND, "handlers": {"/orders": {"steps": [{"io": "5s"}, {"respond": {}}]}}}
    done = run({**loaded(timeout="300ms", duration="500ms", rate="40/s"),
                "backends": {"orders": {"config": slow}}, "faults": [], "variants": {},
                "expect": ["p50 >= 299ms", "client_errors > 90%"]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "timeout" in done.stdout
    [variant] = summary_of(latest(tmp_path))["variants"]
    assert variant["client_errors"] == {"timeout": variant["requests"]}
    assert variant["latency_ms"]["p50"] == pytest.approx(300, rel=0.01)
    assert query(latest(tmp_path), "SELECT DISTINCT done_ns - intended_ns FROM client") == [
        (300_000_000,)]


def test_failures_have_causes(run, tmp_path):
    slow = {**BACKEND, "handlers": {"/orders": {"steps": [{"io": "2s"}, {"respond": {}}]}}}
    gateway = {**EXPERIMENT["gateway"], "upstreams": {
        "orders": {"endpoints": ["@orders"], "timeout": {"response": "100ms"}}}}
    done = run({**loaded(duration="500ms", rate="40/s"), "gateway": gateway, "faults": [],
                "backends": {"orders": {"config": slow}}, "variants": {},
                "expect": ["gateway_failures == 100%", "504 == 100%", "response_timeout == 100%"]})
    assert done.returncode == 0, done.stdout + done.stderr
    [variant] = summary_of(latest(tmp_path))["variants"]
    assert variant["causes"] == {"response_timeout": variant["requests"]}
    assert variant["statuses"] == {"504": variant["requests"]}
    assert "what helps" in done.stdout


def test_interrupt_keeps_what_was_recorded(launch, tmp_path):
    run = launch(loaded(duration="60s"))
    folder = latest(tmp_path)
    wait_for_load(folder)
    wait_until(lambda: "p99" in run.log(), 30, "a progress line of the measured load")
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 3
    assert "interrupted by Ctrl-C" in run.log()
    assert processes_of(tmp_path) == []
    no_report_in_logs(folder)
    summary = summary_of(folder)
    assert summary["complete"] is False and "interrupted" in summary["problem"]
    assert summary["variants"][0]["requests"] > 0 and summary["expect"] == []
    assert summary["agreement"]["tally"] == summary["agreement"]["client_rows"]
    assert "cut short" in run.output()
    assert re.search(r"\ninline +not measured\n", run.output())
    assert (folder / "report.html").exists()


def test_what_an_interrupt_leaves_open_is_not_measured(launch, tmp_path):
    slow = {"handlers": {"/slow": {"steps": [{"io": "90s"}, {"respond": {}}]},
                         "/orders": {"steps": [{"respond": {}}]}}}
    run = launch({**loaded(duration="60s", timeout="80s",
                           requests=[{"GET": "/orders", "weight": 9}, {"GET": "/slow"}]),
                  "backends": {"orders": {"instances": 2, "config": slow}},
                  "variants": {}, "faults": [], "expect": []})
    folder = latest(tmp_path)
    wait_for_load(folder)
    wait_until(lambda: run.log().count("p99") > 1, 30, "progress lines of the measured load")
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 3
    [(unfinished,)] = query(folder, "SELECT count(*) FROM client"
                            " WHERE error = 'unfinished' AND NOT warmup")
    summary = summary_of(folder)
    [variant] = summary["variants"]
    assert unfinished > 0 and variant["requests"] > 0
    assert variant["client_errors"] == {} and variant["client_failures"] == 0
    assert variant["causes"] == {} and variant["failure_rate"] == 0
    assert summary["agreement"]["differences"] == []
    assert summary["agreement"]["tally"] == variant["requests"]
    [note] = [note for note in summary["notes"] if "under way" in note]
    assert note.startswith(f"in baseline, {unfinished} request")
    assert "what is behind the failures" not in run.output()


def test_killed_lab_leaves_no_process(launch, tmp_path):
    run = launch(loaded(duration="60s"))
    wait_for_load(latest(tmp_path))
    assert len(processes_of(tmp_path)) >= 4  # two backends, the gateway, the generator
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_until(lambda: processes_of(tmp_path) == [], 10, "every process is gone")


@pytest.mark.parametrize("victim", ["orders-1", "gateway"])
def test_process_that_dies(launch, tmp_path, victim):
    run = launch(loaded(duration="60s"))
    wait_for_load(latest(tmp_path))
    os.kill(pid_of(victim, tmp_path / "runs"), signal.SIGKILL)
    assert run.wait(60) == 3
    assert f"{victim} (pid" in run.log() and "killed by signal 9" in run.log()
    assert processes_of(tmp_path) == []
    summary = summary_of(latest(tmp_path))
    assert summary["complete"] is False and victim in summary["problem"]


def test_port_taken(run, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        gateway = {**EXPERIMENT["gateway"], "listeners": [address]}
        done = run(changed(gateway=gateway))
    assert done.returncode == 3
    assert "gateway (pid" in done.stderr and address in done.stderr
    assert processes_of(tmp_path) == []
    assert summary_of(latest(tmp_path))["complete"] is False


def test_no_room_for_records(tailgate, tmp_path, write_config):
    """A limit on the size of files stands for a full disk: no segment of records can be made."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    path = write_config(EXPERIMENT, "experiment.json")
    done = subprocess.run([tailgate, "run", path], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, preexec_fn=limit, restore_signals=False)
    assert done.returncode == 3
    assert "records" in done.stderr and "orders-" in done.stderr, done.stderr
    assert processes_of(tmp_path) == []
    assert summary_of(latest(tmp_path))["complete"] is False


def test_no_room(run, tmp_path):
    """A file stands where the runs' folder should be."""
    (tmp_path / "runs").write_text("")
    done = run(EXPERIMENT)
    assert done.returncode == 3
    assert "runs" in done.stderr and done.stderr.count("\n") == 1


def backend_with(**keys):
    return {"orders": {"instances": 2, "config": {**BACKEND, **keys}}}


def upstream_with(**keys):
    return {**EXPERIMENT["gateway"], "upstreams": {"orders": {"endpoints": ["@orders"], **keys}}}


BAD = {
    "unknown key": (changed(wait="1s"), "wait"),
    "unknown load key": (loaded(warm="1s"), "warmup"),
    "no load": ({k: v for k, v in EXPERIMENT.items() if k != "load"}, "load"),
    "bad rate": (loaded(rate="100"), "rate"),
    "both methods": (loaded(requests=[{"GET": "/", "POST": "/"}]), "GET or a POST"),
    "not a path": (loaded(requests=[{"GET": "orders"}]), "begin with /"),
    "bad name": (changed(name="a/b"), "folder"),
    "unknown group in fault": (
        changed(faults=[{"name": "a", "on": "@order", "pause": "1ms"}]), '"@orders"'),
    "instance out of range": (
        changed(faults=[{"name": "a", "on": "@orders/2", "pause": "1ms"}]), "2 instances"),
    "fault after the end": (
        changed(faults=[{"name": "a", "on": "@orders", "pause": "1ms", "from": "3s"}]), "ended"),
    "bad pause": (changed(faults=[{"name": "a", "on": "@orders", "pause": "soon"}]), "soon"),
    "fault named twice": (
        changed(faults=[{"name": "a", "on": "@orders", "pause": "1ms"}] * 2), '"a"'),
    "backend's own key": (changed(backends=backend_with(cleanupp="inline")), "cleanup"),
    "backend's filled-in key": (changed(backends=backend_with(address="127.0.0.1:1")), "address"),
    "gateway's key": (changed(gateway=upstream_with(timeout={"respond": "1s"})), "response"),
    "gateway's filled-in key": (
        changed(gateway={**EXPERIMENT["gateway"], "record": "x"}), "record"),
    "unknown group in endpoint": (
        changed(gateway=upstream_with(endpoints=["@oders"])), '"@orders"'),
    "variant to nowhere": (changed(variants={"/backends/order/config/cleanup": ["inline"]}),
                           "nothing stands"),
    "variant of the seed": (changed(variants={"/seed": [1, 2]}), "cannot vary"),
    "variant without values": (changed(variants={"/load/rate": []}), "at least one"),
    "wrong value in a variant": (
        changed(variants={"/backends/orders/config/cleanup": ["inline", "inlined"]}), "inline"),
    "value twice": (
        changed(variants={"/backends/orders/config/cleanup": ["inline", "inline"]}), "already"),
    "unknown metric": (changed(expect=["p98 < 1ms"]), "p98"),
    "wrong unit": (changed(expect=["p99 < 5%"]), "duration"),
    "unknown variant": (changed(expect=["inlined: p99 < 5ms"]), '"inline"'),
    "unknown route": (changed(expect=["p99 on /zz < 5ms"]), 'no route "/zz" (known ones: "/")'),
    "unknown route of one variant": (
        changed(gateway={**EXPERIMENT["gateway"], "routes": [
            {"path": "/b", "methods": ["GET", "HEAD"], "upstream": "orders"},
            {"name": "all", "host": "a.example", "upstream": "orders"}]},
                expect=["inline: p99 on /b < 5ms"]), '(known ones: "GET,HEAD /b", "all")'),
    "unknown route in a claim": (
        changed(claims=[{"text": "it is fast", "claimed": "5 ms", "holds": "< 5ms",
                         "measure": "p99 on /zz [inline]"}]),
        'no route "/zz"'),
    "no operator": (changed(expect=["p99 5ms"]), "<"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_experiment(run, command, tmp_path, case):
    experiment, expected = BAD[case]
    done = run(experiment)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and expected in lines[0], done.stderr
    path, line, column, _ = lines[0].split(":", 3)
    assert path.endswith("experiment.json") and int(line) > 0 and int(column) > 0
    assert not (tmp_path / "runs").exists(), "nothing was started"
    check = command("check", tmp_path / "experiment.json")
    assert check.returncode == 2 and check.stderr == done.stderr


def test_place_of_a_substituted_value(run, tmp_path, write_config):
    """The message about a variant's value names the place where it is written."""
    text = json.dumps(changed(variants={"/backends/orders/config/cleanup": ["inline", "nonsense"]}),
                      indent=1)
    row = next(i for i, line in enumerate(text.splitlines(), 1) if "nonsense" in line)
    done = run(text)
    assert done.returncode == 2 and f"experiment.json:{row}:" in done.stderr


@pytest.mark.parametrize("arguments", [("--seed", "x"), ("--seed", "-1"), ("--speed", "1"), ()])
def test_bad_usage(command, arguments):
    done = command("run", *arguments)
    assert done.returncode == 2 and done.stdout == "" and "tailgate run --help" in done.stderr


def test_report_of_nothing(command, tmp_path):
    done = command("report", tmp_path)
    assert done.returncode == 2 and "no finished run" in done.stderr


def test_shipped_experiments_are_valid(command, root):
    paths = [root / "configs/quickstart.json", *sorted((root / "configs/experiments").glob("*.json"))]
    assert len(paths) >= 2
    done = command("check", *paths)
    assert done.returncode == 0, done.stderr
