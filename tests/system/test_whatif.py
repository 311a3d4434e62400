# SPDX-License-Identifier: MIT
"""`tailgate whatif`: what a run would have been at other settings, and what is not said of it."""

import json
import re
import sqlite3
import subprocess

import pytest

from experiments import latest

EXPERIMENT = {
    "name": "small", "seed": 3,
    "backends": {"orders": {"instances": 2, "config": {"handlers": {"/orders": {"steps": [
        {"io": "2ms"}, {"respond": {"status": 200, "body": "1KiB"}}]}}}}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"],
                                         "timeout": {"response": "700ms"}}}},
    "load": {"rate": "120/s", "warmup": "0s", "duration": "4s", "timeout": "20s",
             "connections": 512, "requests": [{"GET": "/orders"}]},
    "faults": [{"name": "gc", "on": "@orders/0", "pause": "2500ms", "every": "60s",
                "from": "500ms"}],
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tailgate):
    """One run for all tests that only read it."""
    folder = tmp_path_factory.mktemp("whatif")
    path = folder / "small.json"
    path.write_text(json.dumps(EXPERIMENT))
    done = subprocess.run([tailgate, "run", path, "-o", folder / "runs"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return latest(folder)


def points(command, run, *words):
    done = command("whatif", run, "--json", *words)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    return result, {point["setting"]: point for point in result["points"]}


def test_other_timeouts(recorded, command):
    """Whoever came to the instance that stood still fails, unless it is waited for."""
    result, at = points(command, recorded, "--at",
                        "timeout.response=10s;retry.attempts=2,retry.per_try=600ms,"
                        "retry.budget=100%,retry.on+=response_timeout")
    as_it_is = at["as it is"]
    assert as_it_is["failures"] == pytest.approx(result["recorded"]["failures"], abs=12)
    assert as_it_is["failures"] > 50 and as_it_is["causes"].keys() == {"response_timeout"}
    assert at["timeout.response=10s"]["failures"] == 0
    assert at["timeout.response=10s"]["failure_rate_95"][1] > 0
    retried = next(point for name, point in at.items() if "per_try" in name)
    assert retried["failures"] < as_it_is["failures"] / 3 and retried["extra_load"] > 0.05


def test_the_cheapest(recorded, command):
    done = command("whatif", recorded, "--objective", "gateway_failures < 1%, p90 < 9s")
    assert done.returncode == 0, done.stderr
    assert "the cheapest that meets" in done.stdout and "<- cheapest" in done.stdout
    result, at = points(command, recorded, "--objective", "gateway_failures < 1%")
    best = at[result["cheapest"]["setting"]]
    assert best["meets"] and best["failure_rate"] < 0.01
    assert all(best["extra_load"] <= point["extra_load"] + 0.001
               for point in at.values() if point.get("meets"))
    none = command("whatif", recorded, "--objective", "p50 < 1us")
    assert none.returncode == 1 and "no setting that was looked at meets" in none.stdout
    table = command("whatif", recorded, "--markdown")
    assert table.returncode == 0 and "|---|" in table.stdout


def test_no_verdict_on_what_is_withheld(recorded, command):
    """Fewer than 1000 requests have no p99, and so nothing meets one."""
    words = ["--at", "timeout.response=10s", "--objective", "p99 < 300s"]
    for form in ([], ["--markdown"]):
        done = command("whatif", recorded, *words, *form)
        assert done.returncode == 1 and "(below 1000 requests)" in done.stdout
        assert "cannot be told: p99 needs 1000 requests" in done.stdout
        assert "cheapest" not in done.stdout and "meets;" not in done.stdout
    result, at = points(command, recorded, *words)
    assert result["cheapest"] is None
    for point in at.values():
        assert point["meets"] is None and point["meets_surely"] is False
        assert "cannot be told" in point["caveat"]
    _, at = points(command, recorded, "--objective", "p99 < 300s, gateway_failures < 0.1%",
                   "--at", "timeout.response=10s")
    assert at["as it is"]["meets"] is False and "caveat" not in at["as it is"]


def test_what_is_met_by_the_value_alone(recorded, command):
    words = ["--at", "timeout.response=10s", "--objective", "gateway_failures < 0.1%"]
    result, at = points(command, recorded, *words)
    point = at["timeout.response=10s"]
    assert point["failures"] == 0 and point["failure_rate_95"][1] > 0.001
    assert point["meets"] is True and point["meets_surely"] is False
    assert result["cheapest"]["setting"] == "timeout.response=10s"
    for form in ([], ["--markdown"]):
        done = command("whatif", recorded, *words, *form)
        row = next(line for line in done.stdout.splitlines() if "<- cheapest" in line)
        assert done.returncode == 0 and "may not: up to " in row
        assert "; it may not: up to " in done.stdout
    _, at = points(command, recorded, *words[:3], "gateway_failures < 99.9%")
    assert all(point["meets_surely"] and "caveat" not in point for point in at.values())


def test_clients_without_an_answer(recorded, command, tmp_path):
    folder = changed_copy(recorded, tmp_path, "UPDATE client SET error = 'reset' "
                          "WHERE ordinal % 16 = 3")
    with sqlite3.connect(folder / "run.db") as db:
        count, = db.execute("SELECT count(*) FROM client WHERE error = 'reset'").fetchone()
    assert count > 20
    done = command("whatif", folder, "--at", "timeout.response=10s")
    assert done.returncode == 0, done.stderr
    assert f" {count} not answered" in done.stdout.splitlines()[0]
    assert f"note: {count} requests of the run (6." in done.stdout
    assert "were not answered" in done.stdout
    result, _ = points(command, folder, "--at", "timeout.response=10s")
    assert result["recorded"]["unanswered"] == count
    assert " 0 not answered" in command("whatif", recorded).stdout


def test_settings_that_change_nothing(recorded, command):
    result, at = points(command, recorded, "--at", "timeout.response=700ms;timeout.response=0s;"
                        "timeout.response=700ms,retry.attempts=3;timeout.response=0s")
    assert any(note.startswith("timeout.response=700ms: that is the present setting")
               for note in result["notes"])
    assert any('"timeout.response=0s" is the same as another' in note
               for note in result["notes"])
    assert any("a timeout of 0s is for ever" in note for note in result["notes"])
    assert len(at) == 3 and at["timeout.response=0s"]["failures"] == 0


def test_what_is_withheld(recorded, command):
    _, at = points(command, recorded, "--at", "connections.idle_timeout=60s")
    assert "no connection was idle for so long" in at["connections.idle_timeout=1m"]["withheld"]


def changed_copy(recorded, tmp_path, sql):
    folder = tmp_path / "copy"
    folder.mkdir()
    with sqlite3.connect(recorded / "run.db") as source, \
            sqlite3.connect(folder / "run.db") as copy:
        source.backup(copy)
        copy.executescript(sql)
    return folder


def test_nobody_listened(recorded, command, tmp_path):
    folder = changed_copy(recorded, tmp_path, "UPDATE attempt SET late_ns=NULL, listened_ns=NULL")
    result, at = points(command, folder, "--at", "timeout.response=10s;timeout.response=300ms")
    assert "nobody listened for so long" in at["timeout.response=10s"]["withheld"]
    assert at["timeout.response=300ms"]["failures"] >= at["as it is"]["failures"] > 0
    assert any("late.window" in note for note in result["notes"])


def test_who_gives_up_is_no_success(recorded, command, tmp_path):
    """A response timeout beyond that of the clients turns failures into clients that give up."""
    folder = changed_copy(recorded, tmp_path, "UPDATE attempt SET late_ns=NULL, listened_ns=NULL")
    words = [folder, "--at", "timeout.response=1m", "--objective", "gateway_failures < 1%"]
    done = command("whatif", *words)
    assert done.returncode == 1 and "<- cheapest" not in done.stdout
    assert ("of the other 1 it cannot be told: nobody listened for so long" in done.stdout
            or "meets \"gateway_failures < 1%\" cannot be told" in done.stdout)
    result, at = points(command, *words)
    assert result["cheapest"] is None and at["timeout.response=1m"]["meets"] is None
    assert "nobody listened for so long" in at["timeout.response=1m"]["withheld"]


IMPATIENT = "UPDATE meta SET value = replace(value, '20s', '400ms') WHERE key = 'experiment'"


def test_what_is_cut_off_by_clients(recorded, command, tmp_path):
    """They left after 400 ms: nobody knows the slowest tenth, and they were not served."""
    folder = changed_copy(recorded, tmp_path, IMPATIENT)
    done = command("whatif", folder, "--at", "timeout.response=10s", "--objective", "p90 < 9s")
    assert done.returncode == 1 and "cheapest" not in done.stdout
    assert ("cannot be told: p90: more requests than that were given up, and how long they would "
            "have taken is not known") in done.stdout
    done = command("whatif", folder, "--at", "timeout.response=10s", "--objective", "mean < 9s")
    assert done.returncode == 1 and "cannot be told: mean: " in done.stdout
    words = [folder, "--at", "timeout.response=10s", "--objective", "gateway_failures < 1%"]
    result, at = points(command, *words)
    point = at["timeout.response=10s"]
    assert point["failures"] == 0 and point["gave_up"] > 48 and point["meets"] is False
    assert result["cheapest"] is None and "that clients gave up" in point["caveat"]


@pytest.mark.parametrize("sql, part", [
    ("UPDATE round SET duration_ns = 0", "were due outside of their round"),
    ("UPDATE round SET duration_ns = 1000", "were due outside of their round"),
    ("UPDATE round SET epoch_ns = 2 * epoch_ns", "were due outside of their round"),
    ("DELETE FROM attempt WHERE rowid % 2", "tries of the gateway have no record"),
    ("DELETE FROM request WHERE rowid % 10 = 3", "have no record of the gateway"),
    ("DELETE FROM client WHERE ordinal % 10 = 3", "that the load generator counted"),
])
def test_flawed_records(recorded, command, tmp_path, sql, part):
    folder = changed_copy(recorded, tmp_path, sql)
    words = [folder, "--at", "timeout.response=10s", "--objective", "gateway_failures < 99%"]
    result, at = points(command, *words)
    assert len(at) == 2 and all(part in point["withheld"] for point in at.values())
    assert part in result["recorded"]["withheld"] and result["cheapest"] is None
    assert any(part in note and "nothing is predicted" in note for note in result["notes"])
    done = command("whatif", *words)
    assert done.returncode == 1 and "cannot be told: " in done.stdout
    assert part not in command("whatif", recorded).stdout


def test_few_missing_records(recorded, command, tmp_path):
    folder = changed_copy(recorded, tmp_path, "DELETE FROM client WHERE ordinal IN (7, 100)")
    result, at = points(command, folder, "--at", "timeout.response=10s")
    assert any(note.startswith("2 of ") and "the figures lack them" in note
               for note in result["notes"])
    assert not any("withheld" in point for point in at.values())


def test_given_up_before_it_was_sent(recorded, command, tmp_path):
    """Whoever waits for a connection of the load generator may give up and be sent all the same."""
    folder = changed_copy(recorded, tmp_path, "UPDATE client SET error = 'timeout', sent_ns = "
                          "done_ns + 2000000 WHERE ordinal % 16 = 3")
    done = command("whatif", folder, "--at", "timeout.response=10s")
    assert done.returncode == 0, done.stderr
    assert "0% of the requests are given up by their clients, and really 6" in done.stdout


def test_those_that_lost_to_a_hedge(recorded, command, tmp_path):
    """They were not timed out, so that nobody had to listen for them."""
    folder = changed_copy(recorded, tmp_path, "UPDATE attempt SET outcome = 'hedge_lost', "
                          "late_ns = NULL, listened_ns = NULL WHERE outcome = 'response_timeout'")
    done = command("whatif", folder, "--at", "timeout.response=10s")
    assert done.returncode == 0, done.stderr
    assert "no late response was listened for" not in done.stdout
    assert "tries were left for a faster one" in done.stdout


def test_withheld_is_not_no(recorded, command, tmp_path):
    folder = changed_copy(recorded, tmp_path, "DELETE FROM client WHERE ordinal > 50")
    words = [folder, "--objective", "failure_rate < 50%"]
    done = command("whatif", *words)
    assert done.returncode == 1 and "no setting" not in done.stdout
    assert 'meets "failure_rate < 50%" cannot be told: too few requests' in done.stdout
    _, at = points(command, *words)
    assert all(point["meets"] is None and not point["meets_surely"] for point in at.values())


def test_plain_figures(recorded, command, tmp_path):
    """No exponents, and each end of an interval with its unit."""
    done = command("whatif", recorded, "--at", "timeout.response=10s")
    row = next(line for line in done.stdout.splitlines() if line.startswith("timeout.response=10s"))
    assert re.search(r" 0% \[0%, [0-9.]+%\] ", row) and "e+0" not in done.stdout
    (tmp_path / "run.db").write_text("no database" * 1000)
    done = command("whatif", tmp_path)
    assert done.returncode != 0 and "tailgate:" not in done.stderr and "run.db" in done.stderr


def test_runs_that_say_little(recorded, command, tmp_path):
    folder = changed_copy(
        recorded, tmp_path,
        "DELETE FROM client WHERE ordinal > 50; INSERT INTO meta VALUES ('problem', 'Ctrl-C');"
        "UPDATE meta SET value = 17 WHERE key = 'records_dropped';")
    result, at = points(command, folder)
    assert all("too few requests" in point["withheld"] for point in at.values())
    assert any("cut short (Ctrl-C)" in note for note in result["notes"])
    assert any("17 records" in note for note in result["notes"])


@pytest.mark.parametrize("sql, part", [
    ("DELETE FROM attempt", "no try of a request was recorded"),
    ("UPDATE client SET done_ns = intended_ns - 5", "two clocks"),
    ("UPDATE client SET sent_ns = done_ns + 5", "two clocks"),
    ("UPDATE client SET intended_ns = intended_ns + 5000000000, sent_ns = sent_ns + 5000000000, "
     "done_ns = done_ns + 5000000000", "did not wait for them: the records come from two clocks"),
    ("UPDATE attempt SET started_ns = 0 WHERE rowid % 3 = 0", "two clocks"),
    ("UPDATE attempt SET wait_ns = -5 WHERE rowid % 3 = 0", "two clocks"),
    ("UPDATE attempt SET wait_ns = 9223372036854775807 WHERE rowid % 3 = 0", "two clocks"),
    ("DELETE FROM meta WHERE key = 'experiment'", "what experiment"),
    ("INSERT INTO variant (variant, label, vals) VALUES (1, 'second', '{}')",
     'one of "baseline", "second"'),
])
def test_runs_that_say_nothing(recorded, command, tmp_path, sql, part):
    done = command("whatif", changed_copy(recorded, tmp_path, sql))
    assert done.returncode == 2 and part in done.stderr and not done.stdout


@pytest.mark.parametrize("words, part", [
    (["--objective", "p99 < 5"], "a duration"),
    (["--objective", "throughput > 5/s"], "not predicted"),
    (["--at", "timeout.respond=5s"], "timeout.response"),
    (["--at", "retry.on+=closed"], "expected retry.on+=response_timeout"),
    (["--objective", "client_failures < 1%"],
     "client_failures is not predicted, since the gateway alone is replayed (expected "
     "gateway_failures"),
    (["--objective", "client_failure_rate < 1%"], "not predicted"),
    (["--objective", "502 < 1%"], "a status is not predicted"),
    (["--objective", "client_abort < 1%"], "client_abort is not predicted"),
    (["--objective", "max < 1s"], "max is not predicted"),
    (["--objective", ""], "--objective"),
    (["--at", "retry.attempts=many"], "1 to 16"),
    (["--at", "retry.attempts=0"], "1 to 16"),
    (["--at", "retry.attempts=99999"], '--at: retry.attempts cannot be "99999"'),
    (["--at", "retry.budget=300%"], "0% to 100%"),
    (["--at", "retry.backoff=2h"], "0s to 1m"),
    (["--at", "timeout.response=-1s"], "a number and ns"),
    (["--at", "timeout.response=1s,timeout.response=2s"], "timeout.response is given twice"),
    (["--at", "timeout.response=1s;"], '"" sets nothing'),
    (["--at", ""], '--at: "" sets nothing'),
    (["--at", "retry.attempts=3," * 40], "too long"),
    (["--variant", "other"], "no such variant"),
    (["--upstream", "other"], "no upstream"),
    (["--json", "--markdown"], "exclude each other"),
])
def test_bad_words(recorded, command, words, part):
    done = command("whatif", recorded, *words)
    assert done.returncode == 2 and part in done.stderr


def test_proof(recorded, command, tmp_path):
    """Predicted beside measured, by the same machinery and the same pause."""
    done = command("whatif", recorded, "--at", "timeout.response=10s", "--prove", "--json", "-o",
                   tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [(proof["setting"], proof["same_seed"]) for proof in result["proofs"]] == [
        ("as it is", True), ("timeout.response=10s", True),
        ("as it is", False), ("timeout.response=10s", False)]
    for proof in result["proofs"]:
        assert proof["measured"]["requests"] > 300
        assert (proof["measured"]["failures"] > 50) == (proof["setting"] == "as it is")
    labels = {path.read_text().count('"label":\t"timeout.response=10s"')
              for path in tmp_path.rglob("experiment.json")}
    assert 1 in labels, "the proof's own runs are to name what is set in them"


def test_proof_of_what_names_a_file(run, command, tmp_path):
    """The proof runs from another folder than the experiment did."""
    (tmp_path / "io.csv").write_text("2ms\n3ms\n")
    experiment = json.loads(json.dumps(EXPERIMENT))
    experiment["backends"]["orders"]["config"]["handlers"]["/orders"]["steps"][0] = {
        "io": {"replay": "io.csv"}}
    experiment |= {"faults": [], "load": {**EXPERIMENT["load"], "duration": "3s", "rate": "400/s"}}
    done = run(experiment)
    assert done.returncode == 0, done.stderr
    done = command("whatif", latest(tmp_path), "--at", "timeout.response=10s", "--prove", "--json",
                   "-o", tmp_path / "proof", timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["proofs"]) == 4
    check_p99(result)


def check_p99(result):
    """The interval covers what the replay misses of the run itself, and each is judged by its own."""
    low, high = result["points"][0]["p99_ms_95"]
    assert low <= result["recorded"]["p99_ms"] <= high
    for proof in result["proofs"]:
        low, high = proof["predicted"]["p99_ms_95"]
        assert low < proof["predicted"]["p99_ms"] < high
        assert proof["p99_within"] == (low <= proof["measured"]["p99_ms"] <= high)
