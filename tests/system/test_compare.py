# SPDX-License-Identifier: MIT
"""`tailgate compare`: what it sees, what it does not claim to see, and what it refuses to say."""

import json
import pathlib
import sqlite3
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "fidelity"))
from synthetic import World, write_run  # noqa: E402

SINGLE = {"rounds": 4, "requests": 4000}


@pytest.fixture
def two_runs(tmp_path):
    """two_runs(a share, b share) -> the folders of two runs with single failures."""

    def make(a, b, world=World(single_failures=0, **SINGLE)):
        folders = [tmp_path / "a", tmp_path / "b"]
        write_run(folders, world, 1, [("baseline", 1, a), ("baseline", 1, b)])
        return folders

    return make


@pytest.fixture
def compare(command):
    """compare(...) -> what --json says; the exit status must be `status`."""

    def run(*arguments, status=0):
        done = command("compare", "--json", *arguments, timeout=120)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def change(folder, *statements):
    with sqlite3.connect(folder / "run.db") as db:
        for statement in statements:
            db.execute(statement)


def figure_of(comparison, name, **of):
    found = [figure for figure in comparison["comparisons"][0]["figures"]
             if figure["figure"] == name and
             {key: figure[key] for key in ("route", "cause") if key in figure} == of]
    assert len(found) == 1, (name, of)
    return found[0]


def test_the_same_twice(compare, two_runs):
    runs = two_runs(0.03, 0.03)
    pair = compare(*runs, "--fail-if-worse")["comparisons"][0]
    assert pair["verdict"] == "no difference seen" and pair["paired"]
    assert {figure["verdict"] for figure in pair["figures"]} <= {"no difference seen", "withheld"}
    rate = pair["figures"][0]
    assert rate["low"] < 0 < rate["high"] and "would have been" in rate["text"]


def test_a_run_and_itself(compare, two_runs):
    run, other = two_runs(0.03, 0.03)
    said = "nothing can differ"
    assert not any(said in note for note in compare(run, other)["notes"])
    comparison = compare(run, run)
    assert [note for note in comparison["notes"] if said in note] == comparison["notes"]
    for figure in comparison["comparisons"][0]["figures"]:
        assert figure["verdict"] in ("no difference seen", "withheld")
        assert figure["text"] == "the same" or figure["verdict"] == "withheld"
        if figure["verdict"] != "withheld":
            assert figure["low"] <= 0 <= figure["high"]


def test_more_failures_are_seen(command, compare, two_runs):
    a, b = two_runs(0.02, 0.07)
    found = compare(a, b, "--fail-if-worse", status=1)
    rate = figure_of(found, "failure rate")
    assert rate["verdict"] == "a is better"
    assert 0 < rate["low"] < 0.05 < rate["high"] < 0.1
    assert rate["text"].startswith("A fails less: ")
    assert found["comparisons"][0]["text"].startswith("A is better: it fails less: ")
    cause = figure_of(found, "share", cause="response_timeout")
    assert cause["verdict"] == "a is better"
    assert compare(b, a, "--fail-if-worse")["comparisons"][0]["verdict"] == "b is better"
    text = command("compare", a, b).stdout
    assert rate["text"] in text and "A  " in text
    markdown = command("compare", a, b, "--markdown").stdout
    assert "| failure rate |" in markdown and rate["text"] in markdown


def test_the_same_seed_gives_the_same_answer(compare, two_runs):
    runs = two_runs(0.02, 0.03)
    first = compare(*runs)
    assert compare(*runs) == first
    assert compare(*runs, "--seed", "2") != first


def test_slower_is_seen(compare, two_runs):
    a, b = two_runs(0.02, 0.02)
    change(b, "UPDATE client SET done_ns = done_ns + 5000000")
    found = compare(a, b)
    for name in ("p50", "p90"):
        figure = figure_of(found, name)
        assert figure["verdict"] == "a is better", figure
        assert figure["low"] < 5 < figure["high"]
    assert figure_of(found, "failure rate")["verdict"] == "no difference seen"


def test_by_route(compare, two_runs):
    a, b = two_runs(0.02, 0.02)
    for run in (a, b):
        change(run, "UPDATE request SET route = '/slow' WHERE rowid % 2",
               "UPDATE request SET route = '/rare' WHERE rowid % 100 = 0")
    change(b, "UPDATE client SET done_ns = done_ns + 5000000 WHERE rowid % 2")
    found = compare(a, b)
    assert figure_of(found, "p50", route="/slow")["verdict"] == "a is better"
    assert figure_of(found, "p50", route="/")["verdict"] == "no difference seen"
    assert found["comparisons"][0]["left_out"] == 1  # /rare


@pytest.mark.parametrize("statement, said", [
    ("INSERT INTO meta VALUES ('problem', 'the gateway died')", "A was cut short (the gateway died)"),
    ("UPDATE round SET complete = 0 WHERE round = 1", "A was cut short"),
    ("UPDATE meta SET value = '12' WHERE key = 'records_dropped'", "12 records of A"),
    ("UPDATE client SET lag_ns = 30000000 WHERE rowid % 20 = 0", "generator of A was itself late"),
    ("DELETE FROM client", "nothing was measured of A"),
    ("DELETE FROM client WHERE rowid = 5", "different arrivals"),
])
def test_nothing_is_said_of(compare, two_runs, statement, said):
    a, b = two_runs(0.02, 0.07)
    change(a, statement)
    pair = compare(a, b, "--fail-if-worse", status=1)["comparisons"][0]
    assert pair["verdict"] == "withheld" and said in pair["text"], pair["text"]
    assert pair["figures"] == []


def test_different_loads(compare, two_runs):
    a, b = two_runs(0.02, 0.07)
    for run, rate in ((a, "500/s"), (b, "505/s")):
        change(run, f"""UPDATE meta SET value = '{{"load": {{"rate": "{rate}"}}}}'
                        WHERE key = 'experiment'""")
    change(b, "UPDATE client SET intended_ns = intended_ns + 1000, done_ns = done_ns + 1000")
    pair = compare(a, b)["comparisons"][0]
    assert '/load/rate: "500/s" and "505/s"' in pair["text"]
    assert pair["differences"] == [{"where": "/load/rate", "a": '"500/s"', "b": '"505/s"'}]
    found = compare(a, b, "--unpaired")
    assert figure_of(found, "failure rate")["verdict"] == "a is better"
    assert not found["comparisons"][0]["paired"] and "not the same" in found["notes"][-1]
    throughput = figure_of(found, "throughput")
    assert throughput["verdict"] == "withheld" and "different rates" in throughput["text"]


def test_values_that_differ_are_shown_in_short(command, compare, two_runs):
    a, b = two_runs(0.02, 0.07)
    for run, letter in ((a, "a"), (b, "b")):
        paths = [{"GET": "/" + letter * 30 + "é" * 90}] * (1 if run == a else 2)
        load = {"rate": "5/s" if run == a else "6/s", "requests": paths, "warmup": letter,
                "timeout": letter, "duration": letter}
        change(run, f"""UPDATE meta SET value = '{json.dumps({"load": load}, ensure_ascii=False)}'
                        WHERE key = 'experiment'""")
    change(b, "UPDATE client SET intended_ns = intended_ns + 1000, done_ns = done_ns + 1000")
    text = compare(a, b)["comparisons"][0]["text"]
    assert "; and 2 more); --unpaired" in text and len(text) < 400
    assert '[{"GET":"/aaaaaaaaaaaaaaaaaaaaaaaaaa... and [{"GET":"/b' in text
    assert 'differs  /load/requests: A [{"GET":"/' + "a" * 30 + "é" * 8 + "..., B [" in \
        command("compare", a, b).stdout


TALLIED = ("CREATE TABLE tally (variant, round, part, what, n)",
           "INSERT INTO tally SELECT variant, round, 'measured', 'done', count(*) FROM client "
           "GROUP BY variant, round")
TRIED = ("ALTER TABLE request ADD attempts DEFAULT 1", "ALTER TABLE variant ADD other DEFAULT 0",
         "CREATE TABLE attempt AS SELECT variant, round FROM request")


@pytest.mark.parametrize("lose, said", [
    ("DELETE FROM client WHERE rowid % 10 = 0", "requests that the load generator counted"),
    ("DELETE FROM request WHERE rowid % 10 = 0", "requests that the gateway answered"),
    ("DELETE FROM attempt WHERE rowid % 2 = 0", "tries that the gateway made"),
])
def test_records_that_are_not_whole(compare, two_runs, lose, said):
    runs = two_runs(0.02, 0.07)
    for run in runs:
        change(run, *TALLIED, *TRIED)
    assert not any("not whole" in note for note in compare(*runs)["notes"])
    for run in runs:  # the same of both, so that their arrivals stay the same
        change(run, lose)
    pair = compare(*runs, "--fail-if-worse", status=1)["comparisons"][0]
    assert pair["verdict"] == "withheld" and said in pair["text"], pair["text"]
    assert "records of A are not whole" in pair["text"] and pair["figures"] == []


def test_a_few_records_that_are_missing(compare, two_runs):
    a, b = two_runs(0.02, 0.07)
    change(b, "DELETE FROM request WHERE rowid % 500 = 0")
    found = compare(a, b)
    assert figure_of(found, "failure rate")["verdict"] == "a is better"
    [note] = [note for note in found["notes"] if "not whole" in note]
    assert "records of B (baseline)" in note and "requests that the gateway answered" in note


def test_a_side_without_rounds(command, two_runs):
    a, b = two_runs(0.02, 0.07)
    change(b, "DELETE FROM round")
    text = command("compare", a, b).stdout
    assert "nothing was measured of B" in text and "0 requests in 0 rounds" in text.splitlines()[1]
    assert " requests in 4 rounds" in text.splitlines()[0]


def test_labels_in_markdown(command, tmp_path):
    label = 'a"b<c>&|x'
    write_run([tmp_path / "run"], World(single_failures=0, rounds=1, requests=500), 1,
              [(label, 1, 0.02), ("b", 1, 0.02)])
    change(tmp_path / "run", "DELETE FROM request WHERE rowid = 5")
    markdown = command("compare", tmp_path / "run", "--markdown").stdout
    assert label not in markdown and markdown.count('a"b\\<c>&\\|x') == 2


def test_too_few_failures(compare, two_runs):
    a, b = two_runs(0.02, 0.02)
    for run in (a, b):
        change(run, "UPDATE request SET status = 200, cause = 'none'")
    assert "none on either side" in figure_of(compare(a, b), "failure rate")["text"]
    change(a, "UPDATE request SET status = 504, cause = 'response_timeout' WHERE rowid < 8")
    found = compare(a, b)
    assert "only 7 in all" in figure_of(found, "failure rate")["text"]
    assert "slower than that" in figure_of(found, "p99.9")["text"]
    assert "low" not in figure_of(found, "p99.9")


def test_one_stretch_of_failures(compare, two_runs):
    a, b = two_runs(0, 0)
    change(a, "UPDATE request SET status = 504, cause = 'response_timeout' WHERE rowid < 60")
    rate = figure_of(compare(a, b), "failure rate")
    assert rate["verdict"] in ("no difference seen", "withheld"), rate


def test_latencies_that_were_not_waited_for(compare, two_runs):
    a, b = two_runs(0.02, 0.02)
    change(a, "UPDATE client SET error = 'timeout', status = 0 WHERE rowid % 50 = 0")
    found = compare(a, b)
    assert "given up" in figure_of(found, "p99")["text"]
    assert figure_of(found, "p50")["verdict"] == "no difference seen"
    assert figure_of(found, "unanswered")["verdict"] == "b is better"


def test_a_generator_that_is_late(compare, two_runs):
    a, b = two_runs(0.02, 0.02)
    change(a, "UPDATE client SET lag_ns = 2000000 WHERE rowid % 20 = 0")
    found = compare(a, b)
    assert "itself late" in figure_of(found, "p99")["text"]
    assert figure_of(found, "p50")["verdict"] == "no difference seen"


def test_two_clocks(command, two_runs):
    a, b = two_runs(0.02, 0.02)
    change(a, "UPDATE client SET done_ns = intended_ns - 1 WHERE rowid < 4")
    done = command("compare", a, b)
    assert done.returncode == 2 and "two clocks" in done.stderr and "3 requests" in done.stderr


def test_rounds_that_only_one_has(compare, two_runs):
    a, b = two_runs(0.02, 0.07)
    for table in ("round", "client", "request"):
        change(a, f"DELETE FROM {table} WHERE round = 3")
    pair = compare(a, b)["comparisons"][0]
    assert pair["rounds"] == 3 and pair["a_requests"] == pair["b_requests"]
    assert pair["figures"][0]["verdict"] == "a is better"


@pytest.fixture
def three_variants(tmp_path):
    folder = tmp_path / "run"
    write_run([folder], World(single_failures=0, **SINGLE), 1,
              [("inline", 1, 0.02), ("deferred", 1, 0.08), ("pooled", 1, 0.02)])
    return folder


def test_variants_of_a_run(compare, three_variants):
    pair = compare(three_variants, "--a", "inline", "--b", "deferred")["comparisons"][0]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("inline", "deferred", "a is better")


def test_every_variant_of_two_runs(compare, three_variants):
    pairs = compare(three_variants, three_variants)["comparisons"]
    assert [pair["a"] for pair in pairs] == ["inline", "deferred", "pooled"]
    assert [pair["b"] for pair in pairs] == ["inline", "deferred", "pooled"]


@pytest.mark.parametrize("arguments, said", [
    ([], '"inline", "deferred", "pooled"'),
    (["--a", "inline"], "--b LABEL"),
    (["--a", "inlin", "--b", "deferred"], 'nearest known one: "inline"'),
    (["--a", "inline", "--b", "deferred", "--json", "--markdown"], "exclude each other"),
])
def test_wrong_labels(command, three_variants, arguments, said):
    done = command("compare", three_variants, *arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_no_run(command, tmp_path):
    done = command("compare", tmp_path, tmp_path)
    assert done.returncode == 2 and "there is no run in it" in done.stderr


@pytest.mark.parametrize("arguments", [("compare",), ("whatif", "--at", "response=1s")])
def test_a_run_that_did_not_end(command, tmp_path, arguments):
    """What a killed laboratory leaves behind: a database without tables."""
    sqlite3.connect(tmp_path / "run.db").execute("VACUUM").connection.close()
    verb, *options = arguments
    runs = [tmp_path, tmp_path] if verb == "compare" else [tmp_path]
    done = command(verb, *runs, *options)
    assert done.returncode == 2 and "was killed meanwhile" in done.stderr, done.stderr


def test_what_is_no_database(command, tmp_path):
    (tmp_path / "run.db").write_text("this is not a database, and it is long enough to be one")
    assert command("compare", tmp_path, tmp_path).returncode == 3


def test_a_run_that_was(command, compare, write_config, tmp_path):
    """The figures are those of the run's own summary."""
    experiment = {
        "name": "short", "seed": 3,
        "backends": {"orders": {"config": {"handlers": {"/orders": {"steps": [
            {"io": "uniform(1ms,9ms)"}, {"respond": {"status": 200}}]}}}}},
        "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                    "upstreams": {"orders": {"endpoints": ["@orders"]}}},
        "load": {"rate": "150/s", "warmup": "100ms", "duration": "1s", "connections": 32,
                 "requests": [{"GET": "/orders"}]},
        "variants": {"/gateway/upstreams/orders/timeout": [{"response": "3ms"},
                                                           {"response": "30s"}]},
        "rounds": 2,
    }
    done = command("run", "--output", tmp_path / "runs", write_config(experiment, "e.json"),
                   timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "runs" / "short"
    change(run / "latest", "UPDATE client SET lag_ns = 0")  # a busy machine makes nothing comparable
    pair = compare(run)["comparisons"][0]
    summary = json.loads((run / "latest" / "summary.json").read_text())["variants"]
    for side, variant in zip("ab", summary):
        assert pair[side] == variant["label"] and pair["paired"]
        assert pair[f"{side}_requests"] == variant["requests"]
        assert pair["figures"][0][side] == pytest.approx(variant["failure_rate"])
        assert pair["figures"][1][side] == pytest.approx(variant["latency_ms"]["p50"], rel=0.01)
    assert pair["differences"][0]["where"] == "/gateway/upstreams/orders/timeout/response"
