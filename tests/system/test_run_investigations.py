# SPDX-License-Identifier: MIT
"""Investigations: tiny versions of those in configs/investigations, and what they say of themselves."""

import json
import pathlib
import re
import signal

import pytest

from experiments import latest, no_report_in_logs, query, summary_of
from waiting import wait_until

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "configs/investigations"
NAMES = ["keepalive-race", "metastability", "pause-map", "timeout-ladder"]


def read(name):
    text = (FOLDER / f"{name}.json").read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def smaller(name, **load):
    """The experiment without its expectations, as `small`, with a smaller load."""
    experiment = {**read(name), "name": "small", "expect": []}
    return {**experiment, "load": {**experiment["load"], **load}}


def cells_of(finding):
    """How many variants the table speaks of: a row is one, but of the map, where a column is a pause."""
    rows = finding["table"]["rows"]
    return len(rows) if finding["name"] != "pause_map" else sum(len(row) - 2 for row in rows)


def found(run, tmp_path, experiment):
    done = run(experiment)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path).resolve()
    no_report_in_logs(folder)
    finding = summary_of(folder)["investigation"]
    assert finding["question"] in done.stdout
    assert (finding["answer"] is None) != (finding["withheld"] is None)
    assert (finding["answer"] or finding["withheld"]) in done.stdout
    assert cells_of(finding) == len(summary_of(folder)["variants"])
    assert all(len(row) == len(finding["table"]["columns"]) for row in finding["table"]["rows"])
    return folder, finding


def test_each_file_says_how_it_is_run_and_has_a_page():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == NAMES
    for name in NAMES:
        experiment = read(name)
        assert experiment["name"] == name
        assert experiment["investigate"] == name.replace("-", "_")
        text = (FOLDER / f"{name}.json").read_text()
        assert f"tailgate run configs/investigations/{name}.json" in text
        assert f"docs/{name}.md" in text and (FOLDER.parents[1] / f"docs/{name}.md").exists()


def test_the_race_is_found_by_idle_age(run, command, tmp_path):
    experiment = smaller("keepalive-race", duration="3s")
    experiment["variants"] = {
        "/gateway/upstreams/orders/connections/idle_timeout": ["20ms", "4s"]}
    folder, finding = found(run, tmp_path, experiment)
    data = finding["data"]
    assert sum(row[2] for row in data["classes"]) == data["reuses"] > 100
    assert sum(row[3] for row in data["classes"]) == data["lost"]
    [(lost,)] = query(folder, "SELECT count(*) FROM attempt WHERE outcome = 'reused_closed'")
    assert data["lost"] == lost
    if finding["answer"]:  # a machine that stands still itself may lose any connection
        assert 0 < data["safe_ms"] < data["first_lost_ms"]
    markdown = command("report", folder, "--format", "markdown").stdout
    assert "#### " + finding["question"] in markdown
    assert json.dumps(finding["question"]) in (folder / "report.html").read_text()


def test_nothing_is_said_of_a_race_that_was_not_seen(run, tmp_path):
    experiment = smaller("keepalive-race", duration="1s")
    experiment["backends"]["orders"]["config"]["keepalive_timeout"] = "60s"
    experiment["variants"] = {}
    _, finding = found(run, tmp_path, experiment)
    assert finding["answer"] is None
    assert "none of" in finding["withheld"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_was_cut_short_gives_no_answer(launch, tmp_path, name):
    """What was tried until then may be the half that says the opposite."""
    run = launch(smaller(name, duration="60s"))
    wait_until(lambda: "p99" in run.log(), 60, "a progress line of the measured load")
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 3
    finding = summary_of(latest(tmp_path))["investigation"]
    assert finding["answer"] is None and "cut short" in finding["withheld"]
    assert finding["withheld"] in run.output()


def test_the_ladder_counts_what_is_done_for_nobody(run, tmp_path):
    experiment = smaller("timeout-ladder", duration="2s", rate="40/s", timeout="30s")
    handler = experiment["backends"]["orders"]["config"]["handlers"]["/orders"]
    handler["steps"][1]["io"] = "1500ms"
    experiment["backends"]["orders"]["config"]["resources"]["connection"]["slots"] = 1000
    experiment["variants"] = {
        "/load/timeout": ["20s"],
        "/gateway/upstreams/orders/timeout/response": ["300ms", "10s"],
        "/backends/orders/config/handlers/~1orders/timeout": ["15s"]}
    folder, finding = found(run, tmp_path, experiment)
    hasty, patient = finding["data"]["rungs"]
    # The gateway gives up after a fifth of the work, and the backend does the rest.
    assert hasty["gateway"] > 50 and hasty["unheard"] > 0.4
    assert patient["answered"] > 50 and patient["unheard"] < 0.1
    assert query(folder, "SELECT count(*) > 100, sum(abandoned) > 50, sum(gave_up)"
                         " FROM served") == [(1, 1, 0)]


def test_the_ladder_that_is_named_is_the_one_that_answers_most(run, tmp_path):
    """Both are in order, and neither works for nobody: the hasty one, because it answers nobody."""
    experiment = smaller("timeout-ladder", duration="1500ms", rate="60/s")
    handler = experiment["backends"]["orders"]["config"]["handlers"]["/orders"]
    handler["steps"][1]["io"] = "200ms"
    experiment["backends"]["orders"]["config"]["resources"]["connection"]["slots"] = 1000
    experiment["variants"] = {
        "/load/timeout": ["30s"],
        "/gateway/upstreams/orders/timeout/response": ["25s"],
        "/backends/orders/config/handlers/~1orders/timeout": ["50ms", "20s"]}
    _, finding = found(run, tmp_path, experiment)
    hasty, patient = finding["data"]["rungs"]
    assert hasty["in_order"] and patient["in_order"]
    assert hasty["answered"] == 0 and patient["answered"] > 50
    [named] = re.findall(r"of these ladders (.*) answers most: ([0-9.]+) %", finding["answer"])
    assert named[0] == patient["order"] and float(named[1]) > 90


def test_a_handler_gives_up_at_its_timeout(run, tmp_path):
    experiment = smaller("timeout-ladder", duration="1s", rate="60/s")
    handler = experiment["backends"]["orders"]["config"]["handlers"]["/orders"]
    handler["steps"][1]["io"] = "20s"
    experiment["variants"] = {
        "/load/timeout": ["30s"],
        "/gateway/upstreams/orders/timeout/response": ["25s"],
        "/backends/orders/config/handlers/~1orders/timeout": ["200ms"]}
    folder, finding = found(run, tmp_path, experiment)
    [rung] = finding["data"]["rungs"]
    assert rung["in_order"] and rung["backend"] > 40 and rung["answered"] == 0
    assert query(folder, "SELECT count(*) FROM served WHERE NOT gave_up") == [(0,)]


def test_the_map_has_a_cell_for_each_variant(run, command, tmp_path):
    experiment = smaller("pause-map", duration="3s", rate="100/s")
    experiment["variants"] = {
        "/gateway/upstreams/orders/health": [{}],
        "/gateway/upstreams/orders/timeout/response": ["300ms", "30s"],
        "/faults/0/pause": ["1500ms"]}
    folder, finding = found(run, tmp_path, experiment)
    short, long = finding["data"]["cells"]
    assert (short["pause"], short["timeout"], short["health"]) == ("1500ms", "300ms", "off")
    assert short["lost"] > 0.1 and short["causes"]["response_timeout"] > 20
    assert long["lost"] == 0 and long["causes"] == {}
    assert "response_timeout" in finding["answer"]
    assert finding["table"]["columns"] == ["health", "timeout", "pause 1500ms"]
    assert finding["table"]["rows"] == [
        ["off", "300ms", f"{short['lost'] * 100:.1f}% lost, 504"], ["off", "30s", "none lost"]]
    text = command("report", folder, "--format", "text").stdout
    assert re.search(r"off +30s +none lost\n", text)
    assert "in each variant 1 time\n" in text


def test_a_service_comes_back_or_not(run, tmp_path):
    experiment = smaller("metastability", duration="7s", rate="40/s", timeout="3s")
    experiment["backends"]["orders"]["instances"] = 1
    config = experiment["backends"]["orders"]["config"]
    config["resources"]["cpu"]["slots"] = 8
    config["handlers"]["/orders"]["steps"][1]["io"] = "100ms"
    upstream = experiment["gateway"]["upstreams"]["orders"]
    upstream["timeout"]["response"] = "500ms"
    experiment["faults"][0].update(pause="1500ms", **{"from": "1500ms"})
    experiment["variants"] = {"/gateway/upstreams/orders/retry/budget": ["0%", "100%"]}
    _, finding = found(run, tmp_path, experiment)
    without, much = finding["data"]["variants"]
    for variant in (without, much):
        [one] = variant["rounds"]
        assert 1 < one["fault_from_s"] < 3 and one["fault_to_s"] - one["fault_from_s"] > 1.4
        assert sum(slot[0] for slot in one["slots"]) > 100
    tries = [sum(slot[2] for slot in variant["rounds"][0]["slots"]) for variant in (without, much)]
    assert tries[1] > tries[0]


@pytest.mark.parametrize("name, variants, message", [
    ("pause_map", {}, "needs variants of /faults/.../pause"),
    ("keepalive_race", {"/load/duration": ["1s"]}, "cannot tell what this one does"),
    ("keepalife_race", {}, "keepalive_race"),
])
def test_what_cannot_be_answered_is_refused(run, name, variants, message):
    experiment = smaller("keepalive-race")
    done = run({**experiment, "investigate": name, "variants": variants})
    assert done.returncode == 2
    assert message in done.stderr
