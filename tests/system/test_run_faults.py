# SPDX-License-Identifier: MIT
"""The faults of an experiment: each kind done to its target, seen from outside and in run.db."""

import json
import os
import pathlib
import signal

import pytest

from experiments import latest, no_report_in_logs, pid_of, processes_of, query, summary_of
from waiting import wait_until

# A service that answers at once, so that whatever takes long or fails is the fault's doing.
EXPERIMENT = {
    "name": "small", "seed": 7,
    "backends": {"orders": {"instances": 1, "config": {
        "handlers": {"/orders": {"steps": [{"respond": {"status": 200, "body": "1KiB"}}]}}}}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"],
                                         "timeout": {"response": "30s", "connect": "30s"}}}},
    "load": {"rate": "100/s", "arrivals": "constant", "warmup": "100ms", "duration": "1s",
             "timeout": "60s", "connections": 64, "requests": [{"GET": "/orders"}]},
}


def faulty(*faults, instances=1, load=(), **keys):
    named = [{"name": "it", "on": "@orders", **fault} for fault in faults]
    backends = {"orders": {**EXPERIMENT["backends"]["orders"], "instances": instances}}
    return {**EXPERIMENT, "backends": backends, "faults": named,
            "load": {**EXPERIMENT["load"], **dict(load)}, **keys}


@pytest.fixture
def injected(run, tmp_path):
    """injected(experiment) -> the folder of its run, which has to have gone well."""

    def whole(experiment, *arguments):
        done = run(experiment, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        folder = latest(tmp_path).resolve()
        no_report_in_logs(folder)
        assert processes_of(tmp_path) == []
        return folder

    return whole


def faults_of(folder):
    """(process, target, kind, planned at, planned for, really for, lateness) of each, in ns."""
    return query(folder, """
        SELECT f.process, f.target, f.kind, f.planned_at_ns, f.planned_for_ns,
               f.ended_ns - f.started_ns, f.started_ns - r.epoch_ns - f.planned_at_ns
        FROM fault f JOIN round r ON r.variant = f.variant AND r.round = f.round
        ORDER BY f.variant, f.round, f.name, f.target, f.ordinal""")


def causes_of(folder, variant=0):
    return summary_of(folder)["variants"][variant]["causes"]


# ---- processes that stand still

@pytest.mark.parametrize("target, kind, instances", [
    ("@orders", "stop", 1), ("gateway", "stop", 1), ("gateway", "pause", 1), ("@orders/1", "stop", 2),
])
def test_a_stopped_process_answers_nobody(injected, target, kind, instances):
    folder = injected(faulty({"kind": kind, "on": target, "lasting": "300ms", "from": "200ms"},
                             instances=instances, load={"duration": "2s"}))
    [(process, name, recorded, at, planned, real, late)] = faults_of(folder)
    assert (process, recorded, at, planned) == ("lab", kind, 200_000_000, 300_000_000)
    assert name == target.strip("@").replace("/", "-") if "/" in target or "@" not in target \
        else name == "orders-0"
    assert real >= planned and late >= 0
    # What was sent a while behind the beginning (a thread runs on until it takes note) is answered
    # after the end.
    on_it = "" if instances == 1 else f"AND a.endpoint = '{address_of(folder, 'orders-1')}'"
    early, sent = query(folder, f"""
        SELECT sum(c.done_ns < f.ended_ns), count(*) FROM client c
        JOIN fault f ON f.variant = c.variant
        LEFT JOIN attempt a ON a.trace_id = c.trace_id
        WHERE c.sent_ns BETWEEN f.started_ns + 20000000 AND f.ended_ns {on_it}""")[0]
    assert sent > 0 and early == 0


def address_of(folder, process):
    """Where a backend listened: it says so in its log."""
    log = (folder / f"v0-r0/{process}.log").read_text()
    return next(line for line in log.splitlines() if " ready " in line).split(" ready ")[1].strip()


def test_a_pause_of_a_backend_is_its_own(injected):
    folder = injected(faulty({"pause": "100ms", "from": "300ms"}))
    [(process, target, kind, *_)] = faults_of(folder)
    assert (process, target, kind) == ("orders-0", "orders-0", "pause")
    assert query(folder, "SELECT count(*) FROM pause WHERE kind = 'injected'") == [(1,)]


def test_pauses_by_quantiles_and_from_a_file(injected, tmp_path):
    (tmp_path / "lengths.csv").write_text("30ms\n10ms\n")
    folder = injected(faulty(
        {"name": "quantiles", "every": "300ms",
         "pause": {"quantiles": {"p50": "10ms", "p99": "40ms"}}},
        {"name": "file", "pause": {"replay": "lengths.csv"}, "every": "300ms", "from": "150ms"},
        {"name": "stops", "kind": "stop", "lasting": {"replay": "lengths.csv"}, "every": "300ms"}))
    lengths = query(folder, "SELECT name, planned_for_ns / 1000000 FROM fault ORDER BY name, ordinal")
    assert [ms for name, ms in lengths if name == "file"][:2] == [30, 10]
    assert [ms for name, ms in lengths if name == "stops"][:2] == [30, 10]
    assert {"quantiles", "file", "stops"} == {name for name, _ in lengths}


def test_a_stop_ends_with_the_load(injected):
    folder = injected(faulty({"kind": "stop", "on": "@orders", "lasting": "1h", "from": "900ms"}))
    [(_, _, _, at, planned, real, _)] = faults_of(folder)
    assert planned == 3600 * 10**9 and real < 3600 * 10**9
    assert query(folder, "SELECT count(*) FROM client WHERE error <> 'none'") == [(0,)]


@pytest.mark.parametrize("kind", ["descriptors", "stop_accepting"])
def test_what_a_backend_does_to_itself_alone(injected, kind):
    folder = injected(faulty({"kind": kind, "from": "300ms", "lasting": "400ms"},
                             gateway=with_upstream(connections={"max_requests": 1})))
    [(process, target, kind_done, at, planned, real, _)] = faults_of(folder)
    assert (process, target, kind_done) == ("orders-0", "orders-0", kind)
    assert (at, planned) == (300_000_000, 400_000_000) and real >= 0.2e9
    # New connections have waited for its end, and nothing is lost.
    assert query(folder, "SELECT max(done_ns - intended_ns) > 150000000 FROM client") == [(1,)]
    assert causes_of(folder) == {}


# ---- processes that end and come back

@pytest.mark.parametrize("kind", ["kill", "term"])
def test_a_backend_comes_back_at_its_address(injected, kind):
    folder = injected(faulty({"kind": kind, "from": "200ms", "restart_after": "200ms"},
                             load={"duration": "4s", "rate": "50/s"}))
    [(process, target, recorded, at, planned, real, _)] = faults_of(folder)
    assert (process, target, recorded) == ("lab", "orders-0", kind)
    assert (at, planned) == (200_000_000, 200_000_000) and real >= planned
    assert causes_of(folder).get("connect_refused", 0) > 0
    before, after = query(folder, """
        SELECT sum(c.sent_ns < f.started_ns AND c.status = 200),
               sum(c.sent_ns > f.ended_ns AND c.status = 200) FROM client c
        JOIN fault f ON f.variant = c.variant""")[0]
    assert before > 0 and after > 0
    log = (folder / "v0-r0/orders-0.log").read_text()
    assert ("stopping" in log[:log.rindex(" ready ")]) == (kind == "term")


def test_a_gateway_comes_back_at_its_address(injected):
    folder = injected(faulty({"kind": "kill", "on": "gateway", "from": "200ms",
                              "restart_after": "100ms"}, load={"duration": "4s"}))
    errors = summary_of(folder)["variants"][0]["client_errors"]
    assert errors.get("connect", 0) > 0
    assert query(folder, """SELECT count(*) > 0 FROM client c JOIN fault f ON f.variant = c.variant
                            WHERE c.sent_ns > f.ended_ns AND c.status = 200""") == [(1,)]


def test_the_watchdog_gives_up(run, tmp_path):
    done = run(faulty({"kind": "kill", "every": "200ms", "restart_after": "10ms",
                       "restarts": 1, "within": "1h"}, load={"duration": "4s"}))
    assert done.returncode == 0, done.stderr
    assert 'the fault "it" ended orders-0, which did not come back' in done.stdout
    folder = latest(tmp_path)
    first, last = faults_of(folder)
    assert first[5] is not None and last[5] is None
    assert query(folder, "SELECT process, kind, subject, value FROM state WHERE kind LIKE 'rest%'"
                 ) == [("lab", "restarts_given_up", "orders-0", 1)]
    assert causes_of(folder)["connect_refused"] > 0


def test_a_process_that_is_to_stay_away(injected):
    folder = injected(faulty({"kind": "kill", "from": "500ms", "restart": False}))
    [row] = faults_of(folder)
    assert row[5] is None
    assert (folder / "v0-r0/orders-0.log").read_text().count(" ready") <= 1
    assert query(folder, "SELECT count(*) FROM state WHERE kind = 'restarts_given_up'") == [(0,)]


def test_pauses_from_before_its_time_are_not_made_up_for(injected):
    folder = injected(faulty(
        {"name": "gc", "pause": "1ms", "every": "100ms"},
        {"name": "crash", "kind": "kill", "from": "550ms", "restart_after": "1ms"}))
    assert query(folder, "SELECT max(n) FROM (SELECT count(*) AS n FROM fault WHERE name = 'gc'"
                         " GROUP BY ordinal)") == [(1,)]


# ---- descriptors

def test_a_gateway_without_descriptors_cannot_connect(injected):
    folder = injected(faulty({"kind": "descriptors", "on": "gateway", "from": "300ms",
                              "lasting": "400ms"},
                             gateway=with_upstream(connections={"idle": 0})))
    [(process, _, kind, *_)] = faults_of(folder)
    assert (process, kind) == ("lab", "descriptors")
    inside, after = query(folder, f"""
        SELECT sum(c.status = 200 AND c.done_ns < f.ended_ns), (
            SELECT count(*) FROM client c WHERE c.sent_ns > f.ended_ns AND c.status = 200)
        FROM client c JOIN fault f ON c.sent_ns BETWEEN f.started_ns + 20000000 AND f.ended_ns""")[0]
    assert inside == 0 and after > 0
    causes = causes_of(folder)
    assert causes == {"descriptors_exhausted": sum(causes.values())}


# ---- a neighbour

def children_of(pid):
    try:
        return [int(word) for word in
                pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cpu_ticks(pid):
    user, system = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def bound_children(pid):
    found = []
    for child in children_of(pid):
        try:
            if len(os.sched_getaffinity(child)) == 1:
                found.append(child)
        except OSError:
            continue
    return found


@pytest.mark.skipif(os.cpu_count() < 2, reason="with one core every process is bound to it")
def test_a_neighbour_takes_cpu_time(launch, tmp_path):
    run = launch(faulty({"kind": "steal_cpu", "on": "gateway", "steal": "60%", "lasting": "30s"},
                        load={"duration": "60s"}))
    [neighbour] = wait_until(lambda: bound_children(run.pid), 60, "there is a neighbour")
    wait_until(lambda: cpu_ticks(neighbour) > 20, 60, "it uses the CPU")
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 3
    assert not pathlib.Path(f"/proc/{neighbour}").exists()
    folder = latest(tmp_path)
    assert [row[:3] for row in faults_of(folder)] == [("lab", "gateway", "steal_cpu")]


# ---- links

def test_a_link_before_one_of_two_instances(injected):
    folder = injected(faulty({"kind": "latency", "on": "@orders/1", "latency": "50ms"}, instances=2))
    assert {(row[0], row[1], row[2]) for row in faults_of(folder)} == {
        ("links", "orders-1", "latency")}
    direct = address_of(folder, "orders-0")
    rows = query(folder, "SELECT a.endpoint, min(a.wait_ns) FROM attempt a, round r"
                 " WHERE a.started_ns - r.epoch_ns BETWEEN 100000000 AND 900000000"
                 " GROUP BY a.endpoint ORDER BY 2")
    assert len(rows) == 2 and rows[0][0] == direct
    assert rows[1][1] >= 49_000_000


def test_times_count_from_the_start_of_the_measured_load(injected):
    folder = injected(faulty({"kind": "latency", "latency": "80ms", "from": "400ms",
                              "until": "800ms"}, load={"warmup": "500ms"}))
    slow = query(folder, """
        SELECT (c.sent_ns - r.epoch_ns) / 1000000 FROM client c, round r
        WHERE c.done_ns - c.sent_ns >= 80000000 ORDER BY 1""")
    assert len([ms for ms, in slow if 400 <= ms < 800]) > 10
    inside = query(folder, """
        SELECT min(c.done_ns - c.sent_ns) FROM client c, round r
        WHERE c.sent_ns - r.epoch_ns BETWEEN 500000000 AND 700000000""")
    assert inside[0][0] >= 79_000_000


def test_a_link_that_refuses(injected):
    folder = injected(faulty({"kind": "refuse", "from": "300ms"},
                             gateway=with_upstream(connections={"max_requests": 1})))
    causes = causes_of(folder)
    # Who was connected and not accepted yet, as it began, was reset.
    assert causes.keys() <= {"connect_refused", "reset_before_response"}
    assert causes["connect_refused"] > 0.5 * sum(causes.values())
    assert faults_of(folder)[0][:3] == ("links", "orders-0", "refuse")


def with_upstream(**keys):
    gateway = EXPERIMENT["gateway"]
    return {**gateway, "upstreams": {"orders": {**gateway["upstreams"]["orders"], **keys}}}


# ---- in the gateway

def test_a_fault_in_the_gateway_for_one_endpoint(injected):
    folder = injected(faulty({"kind": "reset_peer", "on": "gateway", "from": "200ms",
                              "match": {"endpoint": "@orders/1"}}, instances=2,
                             gateway=with_upstream(connections={"idle": 0})))
    rows = query(folder, """
        SELECT e.process, a.faults, a.outcome, count(*) FROM attempt a
        JOIN endpoint e ON e.address = a.endpoint GROUP BY 1, 2, 3 ORDER BY 1, 2""")
    assert {row[:3] for row in rows} == {("orders-0", None, "none"), ("orders-1", None, "none"),
                                         ("orders-1", "it", "reset_before_response")}
    [fault] = summary_of(folder)["variants"][0]["faults"]
    assert (fault["by"], fault["target"], fault["touched"]) == ("gateway", "orders-1", rows[2][3])


def touched_requests(folder, variant):
    """The arrivals whose request failed by the fault, those of the first moments left out."""
    return {ordinal for ordinal, in query(folder, f"""
        SELECT ordinal FROM client WHERE variant = {variant} AND ordinal >= 20
        AND status <> 200""")}


@pytest.mark.parametrize("fault", [{"kind": "reset_peer", "on": "gateway", "per": "request"},
                                   {"kind": "abort", "on": "@orders"}])
def test_one_seed_faults_the_same_requests(injected, fault):
    """Whatever the variant, the workers, the connections, the order and the instance."""
    experiment = faulty({**fault, "share": "20%", "until": "1h"}, instances=2,
                        gateway={**with_upstream(connections={"idle": 0}), "workers": 2},
                        variants={"/gateway/cleanup": ["inline", "deferred"]},
                        load={"warmup": "0s", "rate": "200/s"})
    one, other, seed = [injected(experiment, *arguments) for arguments in ((), (), ("--seed", "8"))]
    touched = touched_requests(one, 0)
    assert 15 < len(touched) < 70
    assert touched_requests(one, 1) == touched
    assert touched_requests(other, 0) == touched_requests(other, 1) == touched
    assert touched_requests(seed, 0) != touched


# ---- what is said about them

def test_summary_table_and_page_say_what_was_injected(run, tmp_path):
    done = run(faulty({"name": "halt", "kind": "stop", "lasting": "50ms", "every": "300ms",
                       "count": 2},
                      {"name": "slow", "kind": "latency", "latency": "1ms"},
                      {"name": "never", "kind": "latency", "latency": "1ms", "share": "0%"}))
    assert done.returncode == 0, done.stderr
    [variant] = summary_of(latest(tmp_path))["variants"]
    halt, slow, never = variant["faults"]
    rows = query(latest(tmp_path), "SELECT name, count(*) FROM fault GROUP BY name ORDER BY name")
    assert rows == [("halt", 2), ("slow", slow["touched"])] and slow["touched"] > 0
    assert (halt["kind"], halt["target"], halt["by"], halt["touched"], halt["unit"]) == (
        "stop", "orders-0", "lab", 2, "times")
    assert halt["late_ms"] >= 0 and 0 <= halt["first_s"] < halt["last_s"]
    assert (slow["kind"], slow["target"], slow["by"], slow["unit"]) == (
        "latency", "orders-0", "links", "connections")
    assert never["touched"] == 0
    assert "halt (stop on orders-0): baseline 2 times" in done.stdout
    assert f"slow (latency on orders-0): baseline {slow['touched']} connection" in done.stdout
    assert 'the fault "never" touched nothing' in done.stdout
    page = (latest(tmp_path) / "report.html").read_text()
    assert '"unit":"connections"' in page and '"kind":"stop"' in page


# ---- variants and seeds

def test_a_variant_may_switch_a_fault_off(injected):
    folder = injected(faulty({"kind": "latency", "latency": "40ms"},
                             {"name": "still", "on": "gateway", "pause": "20ms"},
                             variants={"/faults/0/enabled": [True, False],
                                       "/faults/1/pause": ["20ms", "40ms"]}))
    kinds = query(folder, "SELECT DISTINCT variant, kind, planned_for_ns / 1000000 FROM fault"
                          " WHERE kind = 'pause' ORDER BY 1")
    assert kinds == [(0, "pause", 20), (1, "pause", 40), (2, "pause", 20), (3, "pause", 40)]
    slowed = query(folder, "SELECT DISTINCT variant FROM fault WHERE kind = 'latency' ORDER BY 1")
    assert slowed == [(0,), (1,)]
    fastest = query(folder, """
        SELECT min(c.done_ns - c.sent_ns) FROM client c
        JOIN round r ON r.variant = c.variant
        WHERE c.sent_ns - r.epoch_ns BETWEEN 100000000 AND 900000000 GROUP BY c.variant ORDER BY c.variant""")
    assert fastest[0][0] >= 39_000_000 > fastest[2][0]


def planned(folder):
    """What was planned of each, by its name, target and ordinal."""
    return {row[:5]: row[5:] for row in query(folder, """
        SELECT variant, round, name, target, ordinal, planned_at_ns, planned_for_ns FROM fault
        WHERE process = 'lab'""")}


def touched(folder):
    """The connections of a link that a fault touched."""
    return {row for row in query(folder, "SELECT round, target, ordinal FROM fault"
                                         " WHERE process = 'links'")}


def test_one_seed_gives_one_schedule(injected):
    experiment = faulty(
        {"name": "stops", "kind": "stop", "lasting": "uniform(1ms,20ms)",
         "every": "exponential(60ms)"},
        {"name": "crash", "kind": "kill", "on": "@orders/1", "restart_after": "uniform(1ms,50ms)",
         "every": "400ms"},
        {"name": "slow", "kind": "latency", "latency": "1ms", "share": "30%"},
        instances=2, rounds=2, gateway=with_upstream(connections={"max_requests": 1}))
    folders = [injected(experiment, *arguments) for arguments in ((), (), ("--seed", "8"))]
    one, other, seed = map(planned, folders)
    # A machine that is busy may come to fewer of them before the load ends, never to others.
    both = one.keys() & other.keys()
    assert len(both) > 20
    assert all(one[key] == other[key] for key in both)
    assert any(one[key] != seed[key] for key in one.keys() & seed.keys())
    rounds = [{key[2:]: value for key, value in one.items() if key[1] == number} for number in (0, 1)]
    assert any(rounds[0][key] != rounds[1][key] for key in rounds[0].keys() & rounds[1].keys())
    links = [touched(folder) for folder in folders]
    seen = min(max(ordinal for *_, ordinal in each) for each in links)
    # The first ones came about when the fault began, the last may be open still.
    first, again, not_again = [{row for row in each if 15 < row[2] <= seen // 2} for each in links]
    assert len(first) > 5
    assert first == again != not_again


# ---- whatever happens, nothing is left

def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_stopped_process_is_left_behind(launch, tmp_path, end):
    run = launch(faulty({"kind": "stop", "lasting": "1h"}, load={"duration": "60s"}))
    victim = wait_until(lambda: pid_of("orders-0", tmp_path / "runs"), 60, "a backend runs")
    wait_until(lambda: state_of(victim) == "T", 60, "it is stopped")
    run.send_signal(end)
    run.wait(60)
    wait_until(lambda: processes_of(tmp_path) == [], 30, "every process is gone")
    if end == signal.SIGINT:
        assert [row[2] for row in faults_of(latest(tmp_path))] == ["stop"]


def test_a_failing_run_leaves_no_stopped_process(launch, tmp_path):
    run = launch(faulty({"kind": "stop", "lasting": "1h"}, load={"duration": "60s"}))
    victim = wait_until(lambda: pid_of("orders-0", tmp_path / "runs"), 60, "a backend runs")
    wait_until(lambda: state_of(victim) == "T", 60, "it is stopped")
    os.kill(pid_of("gateway", tmp_path / "runs"), signal.SIGKILL)
    assert run.wait(60) == 3
    assert "gateway (pid" in run.log() and processes_of(tmp_path) == []


# ---- what cannot be

BAD = {
    "no name": ({"name": None, "pause": "1ms"}, 'lacks "name"'),
    "no target": ({"on": None, "pause": "1ms"}, 'lacks "on"'),
    "nothing to be on": ({"on": "orders", "pause": "1ms"}, '"@GROUP"'),
    "unknown group": ({"on": "@order", "kind": "latency", "latency": "1ms"}, '"@orders"'),
    "instance out of range": ({"on": "@orders/1", "kind": "kill"}, "1 instance"),
    "unknown kind": ({"kind": "stopp"}, '"stop"'),
    "no length": ({}, "lacks the length"),
    "two lengths": ({"pause": "1ms", "lasting": "1ms"}, "one of them"),
    "a pause that is none": ({"kind": "stop", "pause": "1ms"}, '"lasting"'),
    "no parameter": ({"kind": "latency"}, 'lacks "latency"'),
    "negative": ({"kind": "latency", "latency": "-1ms"}, "length of time"),
    "an endpoint out of range": (
        {"on": "gateway", "kind": "noop", "match": {"endpoint": "@orders/3"}}, "1 instance"),
    "an endpoint of nobody": (
        {"on": "gateway", "kind": "noop", "match": {"endpoint": "@order"}}, '"@orders"'),
    "what a gateway cannot": ({"on": "gateway", "kind": "reset_peer", "per": "request",
                               "match": {"route": "/none"}}, "no such route"),
    "share above one": ({"kind": "latency", "latency": "1ms", "share": "101%"}, "share"),
    "another kind's parameter": ({"kind": "kill", "cores": 1}, "no parameter of kill"),
    "a share of a process": ({"kind": "stop", "share": "50%"}, "whole process"),
    "a stream of a process": ({"kind": "stop", "stream": "both"}, "whole process"),
    "a length of a kill": ({"kind": "kill", "lasting": "1s"}, "happens at once"),
    "until before from": ({"kind": "kill", "from": "500ms", "until": "400ms"}, "does not come after"),
    "after the end": ({"kind": "latency", "latency": "1ms", "from": "1s"}, "load has ended"),
    "never ends, begins again": ({"kind": "stop", "every": "1s"}, 'needs "lasting"'),
    "too many cores": ({"kind": "steal_cpu", "cores": 1024}, "this machine has"),
    "not of a gateway": ({"on": "gateway", "kind": "stop_accepting"}, "only a backend does"),
    "unknown key": ({"kind": "kill", "restart_afer": "1s"}, "restart_after"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_faults(run, command, tmp_path, case):
    keys, expected = BAD[case]
    [fault] = faulty(keys)["faults"]
    experiment = faulty()
    experiment["faults"] = [{key: value for key, value in fault.items() if value is not None}]
    done = run(json.dumps(experiment, indent=1))
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and expected in lines[0], done.stderr
    path, line, column, _ = lines[0].split(":", 3)
    text = (tmp_path / "experiment.json").read_text().splitlines()
    first = next(i for i, each in enumerate(text, 1) if '"faults"' in each)
    assert path.endswith("experiment.json") and int(line) >= first and int(column) > 0
    assert not (tmp_path / "runs").exists(), "nothing was started"
    check = command("check", tmp_path / "experiment.json")
    assert check.returncode == 2 and check.stderr == done.stderr


def test_what_is_done_to_processes_is_refused_on_a_link(command, write_config):
    path = write_config({"links": {"a": {"listen": "127.0.0.1:0", "upstream": "127.0.0.1:1",
                                         "faults": [{"kind": "stop"}]}}}, "chaos.json")
    done = command("check", path)
    assert done.returncode == 2 and "done to a process" in done.stderr


# ---- each kind, on a link of its own

FRESH = {"connections": {"idle": 0}}
# What each needs, and what comes of it: a cause, or a least latency, or neither.
ON_LINKS = {
    "latency": ({"latency": "60ms"}, 60),
    "bandwidth": ({"rate": "20KiB"}, 60),
    "slow_close": ({"delay": "10ms"}, None),
    "timeout": ({"timeout": "5ms"}, "closed_before_response"),
    "reset_peer": ({"timeout": "5ms"}, "reset_before_response"),
    "slicer": ({"average_size": "1KiB", "delay": "40ms"}, 60),
    "limit_data": ({"bytes": "1KiB"}, "body_truncated"),
    # Whether the head still seems to end somewhere is a matter of luck.
    "corrupt": ({"corruption": "100%"}, "response_timeout response_malformed"),
    "blackhole": ({}, "response_timeout"),
    # On a slow machine a connection is idle for as long before its first response.
    "idle_close": ({"idle": "20ms"},
                   "none closed_before_response reset_before_response reused_closed"),
    "half_open": ({"idle": "0s"}, "response_timeout"),
    "refuse": ({}, "connect_refused"),
    "accept_delay": ({"delay": "1m"}, "response_timeout"),
    "noop": ({}, None),
    "delay_request": ({"delay": "60ms"}, 60),
    "delay_response": ({"delay": "60ms"}, 60),
    "abort": ({"status": 503}, "upstream_status"),
    "empty_response": ({}, "closed_before_response"),
    "early_reply": ({"status": 503}, "upstream_status"),
    "truncate": ({"body_share": "50%"}, "body_truncated"),
    "stall": ({"hold": "60ms"}, 60),
    "malformed_chunk": ({}, "response_malformed body_truncated"),
    "malformed_head": ({}, "response_malformed"),
    "oversized_head": ({}, "response_head_too_large"),
    "wrong_length": ({"difference": -10}, None),
    "response_rate": ({"rate": "20KiB"}, 60),
    "edit_request": ({"set": {"X-Fault": "it"}}, None),
    "edit_response": ({"set": {"X-Fault": "it"}}, None),
}


def names(kind):
    return kind.replace("_", "-")


def zoo():
    """An experiment with a backend, a route and a link for each kind."""
    respond = {"respond": {"status": 200, "body": "4KiB"}}
    timeout = {"connect": "30s", "response": "1500ms", "idle": "30s"}
    return {
        "name": "small", "seed": 7,
        "backends": {names(kind): {"config": {"handlers": {f"/{kind}": {"steps": [respond]}}}}
                     for kind in ON_LINKS},
        "gateway": {
            "workers": 1,
            "routes": [{"path": f"/{kind}", "upstream": names(kind)} for kind in ON_LINKS],
            "upstreams": {names(kind): {"endpoints": [f"@{names(kind)}"], "timeout": timeout,
                                        **(FRESH if kind != "idle_close" else {})}
                          for kind in ON_LINKS}},
        "load": {"rate": "280/s", "warmup": "100ms", "duration": "3s", "timeout": "60s",
                 "connections": 256, "requests": [{"GET": f"/{kind}"} for kind in ON_LINKS]},
        "faults": [{"name": kind, "on": f"@{names(kind)}", "kind": kind, **keys}
                   for kind, (keys, _) in ON_LINKS.items()],
    }


def test_each_kind_on_a_link(injected):
    folder = injected(zoo())
    touched = {fault["kind"]: fault["touched"]
               for fault in summary_of(folder)["variants"][0]["faults"]}
    assert touched.keys() == ON_LINKS.keys() and all(touched.values()), touched
    for kind, (_, expected) in ON_LINKS.items():
        rows = query(folder, f"""
            SELECT r.cause, (c.done_ns - c.sent_ns) / 1000000 FROM client c
            JOIN round d ON c.sent_ns - d.epoch_ns BETWEEN 300000000 AND 1200000000
            JOIN request r ON r.trace_id = c.trace_id WHERE c.path = '/{kind}'""")
        assert rows, kind
        if isinstance(expected, str):
            assert {cause for cause, _ in rows} <= {*expected.split()}, kind
        else:
            assert {cause for cause, _ in rows} == {"none"}, kind
            assert min(ms for _, ms in rows) >= (expected or 0) - 1, kind


def test_what_timeouts_hide(injected):
    """The gateway listens on: each try that met a pause says how late it really was."""
    gateway = {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
               "upstreams": {"orders": {"endpoints": ["@orders"],
                                        "timeout": {"response": "150ms"}}}}
    folder = injected(faulty({"kind": "stop", "lasting": "700ms", "from": "200ms"},
                             load={"duration": "2s"}, gateway=gateway))
    rows = query(folder, "SELECT late_ns, listened_ns FROM attempt "
                         "WHERE outcome = 'response_timeout'")
    assert rows and all(late == listened for late, listened in rows)
    assert all(0 < late < 30e9 for late, _ in rows)
