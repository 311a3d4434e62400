# SPDX-License-Identifier: MIT
"""Experiments whose gateway is another program: its template and command, its log, and the matrix of
what each gateway made of the same faults."""

import json
import os
import pathlib
import re
import shutil
import signal
import stat

import pytest

from experiments import latest, no_report_in_logs, processes_of, query, summary_of, wait_for_load
from waiting import wait_until

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "configs/gateways"
LOAD = {"rate": "60/s", "arrivals": "constant", "warmup": "100ms", "duration": "1s", "timeout": "20s",
        "connections": 64, "requests": [{"GET": "/orders"}]}


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def read(name):
    text = (FOLDER / name).read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def gateway(label, config="matrix.json"):
    """A gateway as the shipped experiment has it, with patience for a busy machine."""
    [value] = [each["value"] for each in read(config)["variants"]["/gateway"]
               if each["label"] == label]
    if "values" in value:
        value["values"].update(connect_timeout="10s", response_timeout="10s")
        value["template"] = str(FOLDER / value["template"])
    else:
        value["upstreams"]["orders"]["timeout"] = {"connect": "10s", "response": "10s"}
    return value


def experiment(gateway_config, fault=None, **keys):
    faults = [{"name": "it", "on": "@orders", **fault}] if fault else []
    return {"name": "small", "seed": 7,
            "backends": {"orders": {"instances": 2, "config": {"handlers": {
                "/orders": {"steps": [{"respond": {"status": 200, "body": "8KiB"}}]}}}}},
            "gateway": gateway_config, "load": LOAD, "faults": faults, **keys}


def script(folder, text, name="gateway.sh"):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


# Of the 60 requests measured; a busy machine lets some go by before a fault is there.
MOST = 30


def failures_of(folder, variant=0):
    return summary_of(folder)["variants"][variant]["gateway"]["failures"]


def main_failure(folder, variant=0):
    """How most of the requests ended; a few may have met the moment in which the fault began."""
    most, *others = failures_of(folder, variant)
    assert most["count"] > MOST and sum(each["count"] for each in others) < 10, others
    return most


# ---- the template

@pytest.mark.parametrize("template, message", [
    ("a\n  b {lisen}\n", "own.cfg:2:5: there is no placeholder {lisen} (did you mean {listen}?)"),
    ("{@order}", "own.cfg:1:1: there is no placeholder {@order}"),
    ("\n{@orders/2}", "own.cfg:2:1: \"orders\" has no instance of that number"),
])
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_wrong_placeholder_is_refused_before_anything_starts(command, write_config, tmp_path, verb,
                                                               template, message):
    (tmp_path / "own.cfg").write_text(template)
    config = experiment({"command": ["true", "{config}"], "template": "own.cfg"})
    done = command(verb, write_config(config))
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("change, message", [
    ({"template": "absent.cfg"}, "expected a template beside the experiment"),
    ({"comand": ["x"]}, "comand"),
    ({"command": []}, "command"),
    ({"command": ["x", "{nothing}"]}, "there is no placeholder {nothing}"),
    ({"command": ["x", "{@orders}"]}, "this stands for more than one address"),
    ({"command": ["x", "-f", "a/{config}"]}, "{config} stands for the file that is made from"),
    ({"values": {"run": "x"}}, "\"run\" cannot name a placeholder"),
    ({"log": {"format": "apache"}}, "apache"),
])
def test_a_wrong_gateway_is_refused_with_its_place(command, write_config, change, message):
    path = write_config(experiment({"command": ["true"], **change}))
    done = command("check", path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:") and message in done.stderr


def test_faults_need_a_way_and_a_gateway_that_can_do_them(command, write_config):
    refused = {"kind": "refuse"}
    done = command("check", write_config(experiment({"command": ["true", "{@orders/0}"]},
                                                    {**refused, "on": "@orders/1"})))
    assert done.returncode == 2 and "expected its template to hold {@orders/1}" in done.stderr
    done = command("check", write_config(experiment({"command": ["true", "{@orders/0}"]},
                                                    {**refused, "on": "gateway"})))
    assert done.returncode == 2 and "takes no fault of the kind refuse itself" in done.stderr


# ---- the command

def test_a_program_that_is_not_installed_is_named(run, tmp_path):
    done = run(experiment({"command": ["no-such-gateway"]}))
    assert done.returncode == 3
    assert 'the gateway "no-such-gateway" is not installed' in done.stderr
    assert not (tmp_path / "runs").exists()


def test_one_that_is_optional_is_left_out_and_named(run, tmp_path):
    config = experiment({}, variants={"/gateway": [gateway("tailgate"), {
        "command": ["no-such-gateway"], "optional": True}]}, expect=["gateway_failures == 0"])
    done = run(config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'left out, as "no-such-gateway"' in done.stdout
    [variant] = summary_of(latest(tmp_path))["variants"]
    assert variant["label"] == "tailgate" and variant["requests"] == 60


def test_one_that_dies_leaves_its_last_words(run, tmp_path):
    script(tmp_path, "echo the key is missing >&2; exit 4\n")
    done = run(experiment({"command": ["./gateway.sh"]}))
    assert done.returncode == 3
    assert "ended before it accepted a connection" in done.stderr
    assert "ended with status 4; its last lines: the key is missing" in done.stderr
    assert processes_of(tmp_path) == []


def test_one_that_never_listens_is_given_up_and_killed(run, tmp_path):
    script(tmp_path, "trap '' TERM\necho waiting for better days\nwhile :; do sleep 0.1; done\n")
    done = run(experiment({"command": ["./gateway.sh"], "ready": "300ms"}))
    assert done.returncode == 3
    assert "did not accept connections at 127.0.0.1:" in done.stderr
    assert "its last lines: waiting for better days" in done.stderr
    assert processes_of(tmp_path) == []


def test_words_go_to_it_without_a_shell(run, tmp_path):
    script(tmp_path, 'for word; do echo "<$word>"; done; exit 1\n')
    done = run(experiment({"command": ["./gateway.sh", "a b", "$HOME", "{@orders/1.name}", "{listen}",
                                       "{own}"], "values": {"own": "; echo no"}}))
    assert done.returncode == 3
    log = next((tmp_path / "runs/small").glob("*/v0-r0/gateway.log")).read_text()
    assert re.fullmatch(r"<a b>\n<\$HOME>\n<orders-1>\n<127.0.0.1:\d+>\n<; echo no>\n", log)


# ---- real ones

@pytest.fixture
def ran(run, tmp_path):
    """ran(experiment) -> the folder of its run, which has to have gone well."""

    def whole(config):
        done = run(config)
        assert done.returncode == 0, done.stdout + done.stderr
        assert processes_of(tmp_path) == []
        assert "do not agree" not in done.stdout, done.stdout
        no_report_in_logs(latest(tmp_path))
        return latest(tmp_path).resolve()

    return whole


# What each of them says of a fault: status, cause, words.
REFUSED = {"nginx": ("502", "connect_refused", "Connection refused"),
           "haproxy": ("503", "connect_refused or connect_failed or tls_failed", "SC")}
CUT = {"nginx": ("200, truncated", "body_truncated", "prematurely closed"),
       "haproxy": ("200, truncated", "body_truncated", "SD")}


@pytest.mark.parametrize("label", [pytest.param(name, marks=needs(name)) for name in REFUSED])
def test_every_request_is_joined_with_its_log_line(ran, label):
    folder = ran(experiment(gateway(label), {"kind": "refuse"}))
    failure = main_failure(folder)
    seen, cause, words = REFUSED[label]
    # HAProxy closes now and then without an answer and without a line.
    most_lost = 6 if label == "haproxy" else 0
    assert (failure["seen"], failure["cause"]) == (seen, cause)
    assert failure["unlogged"] <= most_lost
    count = failure["count"]
    assert count == failure["tried_again"] and words in failure["says"]
    recorded = cause if " or " not in cause else "unknown"
    [variant] = summary_of(folder)["variants"]
    failed = sum(each["count"] for each in failures_of(folder))
    assert variant["causes"][recorded] >= count and variant["gateway_failures"] == failed
    assert variant["statuses"][seen] >= count
    [(lines, requests, odd)] = query(folder, "SELECT lines, requests, not_understood "
                                             "FROM gateway_log_file")
    assert 66 - most_lost <= requests <= 66 and odd == 0 and lines >= requests  # and the warm-up's
    [(served,)] = query(folder, "SELECT count(*) FROM served")
    assert served <= 66 - count


@pytest.mark.parametrize("label", [pytest.param(name, marks=needs(name)) for name in CUT])
def test_a_body_that_is_cut_short_is_a_failure(ran, label):
    folder = ran(experiment(gateway(label), {"kind": "truncate", "bytes": "2KiB"}))
    failure = main_failure(folder)
    seen, cause, words = CUT[label]
    assert (failure["seen"], failure["cause"]) == (seen, cause)
    assert words in failure["says"]
    assert summary_of(folder)["variants"][0]["gateway_failures"] == failure["count"]
    assert query(folder, "SELECT count(*), sum(attempts) FROM request") == [(66, 66)]
    assert query(folder, "SELECT count(*), count(DISTINCT trace_id) FROM served") == [(66, 66)]
    backends = summary_of(folder)["variants"][0]["gateway"]["backends"]
    assert sum(each["served"] for each in backends.values()) == 60
    assert '"gateway":{"tries"' in (folder / "report.html").read_text()


@needs("haproxy")
@needs("nginx")
def test_one_experiment_compares_gateways_under_the_same_faults(ran, command, tmp_path):
    names = ["tailgate", "nginx", "haproxy"]
    fault = {"name": "it", "on": "@orders", "kind": "malformed_head"}
    folder = ran(experiment({}, variants={
        "/faults": [{"label": "none", "value": []}, {"label": "bad", "value": [fault]}],
        "/gateway": [{"label": name, "value": gateway(name)} for name in names]}))
    variants = summary_of(folder)["variants"]
    assert [each["label"] for each in variants] == \
        [f"{case}, {name}" for case in ("none", "bad") for name in names]
    for each in variants:
        case, name = each["label"].split(", ")
        matrix = each["gateway"]
        assert (matrix["name"], matrix["case"]) == (name, case)
        if case == "none":
            assert matrix["failures"] == [] and each["statuses"] == {"200": 60}
            assert matrix["tried_again"] == {"GET": 0} and matrix["tries"] == 60
        else:
            failure = max(matrix["failures"], key=lambda each: each["count"])
            assert (failure["seen"], failure["unlogged"]) == ("502", 0)
            assert failure["count"] > MOST
            assert failure["cause"].startswith("response_malformed")
    # The same arrivals for all.
    moments = query(folder, "SELECT count(DISTINCT c.intended_ns - r.epoch_ns) FROM client c "
                            "JOIN round r ON r.variant = c.variant GROUP BY c.ordinal")
    assert set(moments) == {(1,)}
    text = command("report", folder).stdout
    assert "what each gateway made of it" in text and "PH" in text
    markdown = command("report", folder, "--format", "markdown").stdout
    assert re.search(r"\n\| bad \| tailgate \| 502 \| \d+ \| response_malformed \|", markdown)


@needs("haproxy")
def test_what_is_lost_without_a_log_line_is_counted(ran, tmp_path):
    """HAProxy closes a client's connection without a word when a further request on it was not
    answered, and logs nothing."""
    config = experiment(gateway("haproxy"), {"kind": "empty_response"})
    config["load"] = {**LOAD, "connections": 1, "requests": [{"POST": "/orders", "body": "10B"}]}
    folder = ran(config)
    failures = failures_of(folder)
    lost = [each for each in failures if each["unlogged"]]
    logged = [each for each in failures if not each["unlogged"]]
    assert [(each["seen"], each["cause"]) for each in lost] == [("closed", "unknown")] or not lost
    assert logged and all(each["says"] == "SH" for each in logged)
    assert sum(each["count"] for each in failures) > MOST


@needs("haproxy")
def test_a_log_that_says_nothing_of_requests_loses_all_of_them(ran, tmp_path):
    own = gateway("haproxy")
    text = (FOLDER / "haproxy.cfg").read_text().replace("log-format", "# log-format")
    (tmp_path / "quiet.cfg").write_text(text)
    folder = ran(experiment({**own, "template": str(tmp_path / "quiet.cfg")}, {"kind": "refuse"}))
    failure = main_failure(folder)
    assert (failure["seen"], failure["cause"]) == ("503", "unknown")
    assert failure["unlogged"] == failure["count"]
    assert any("has no line about a request" in note for note in summary_of(folder)["notes"])


@pytest.mark.parametrize("label", [pytest.param(each, marks=needs(each))
                                   for each in ("nginx", "haproxy")])
def test_a_client_that_leaves_first_is_no_failure_of_the_gateway(ran, label):
    """HAProxy does not look whether it is still there: it logs a 504 of its own behind that."""
    own = gateway(label)
    own["values"]["response_timeout"] = "1s"
    hanging = {"handlers": {"/orders": {"steps": [{"io": "60s"}, {"respond": {}}]}}}
    folder = ran(experiment(own, load={**LOAD, "timeout": "500ms"},
                            backends={"orders": {"instances": 2, "config": hanging}}))
    [(sent,)] = query(folder, "SELECT count(*) FROM client WHERE sent_ns IS NOT NULL AND NOT warmup")
    [variant] = summary_of(folder)["variants"]
    assert sent > MOST and variant["client_errors"] == {"timeout": variant["requests"]}
    assert variant["causes"] == {"client_abort": sent} and variant["failure_rate"] == 0
    assert {each["cause"] for each in failures_of(folder)} == {"client_abort"}
    assert query(folder, "SELECT DISTINCT status FROM request") == [(499,)]


@needs("nginx")
def test_what_held_a_request_is_known_by_who_served_it(ran):
    """nginx does not record its tries; the backend says that the request was with it."""
    pause = {"kind": "pause", "on": "@orders/0", "pause": "2s", "from": "1s"}
    folder = ran(experiment(gateway("nginx"), pause, load={**LOAD, "duration": "4s"}))
    slowest = query(folder, "SELECT DISTINCT class, name, target, injected_ns > 0 FROM blame"
                            " WHERE part = 'slow' AND latency_ns > 1000000000")
    assert slowest == [("injected", "it", "orders-0", 1)]


@needs("haproxy")
def test_a_log_that_does_not_exist_is_named(ran):
    own = {**gateway("haproxy"), "log": {"format": "haproxy", "file": "nope.log"}}
    folder = ran(experiment(own, {"kind": "refuse"}))
    assert main_failure(folder)["cause"] == "unknown"
    [note] = [note for note in summary_of(folder)["notes"] if "the gateway's log" in note]
    assert "(nope.log) does not exist" in note


@needs("nginx")
def test_lines_that_are_not_understood_are_shown(ran, tmp_path, command):
    own = gateway("nginx")
    text = (FOLDER / "nginx.conf").read_text().replace("status=$status ", "status=x$status ")
    (tmp_path / "odd.conf").write_text(text)
    folder = ran(experiment({**own, "template": str(tmp_path / "odd.conf")}))
    log = summary_of(folder)["variants"][0]["gateway"]["log"]
    assert (log["requests"], log["not_understood"]) == (0, 66)
    assert "status=x200" in log["example"]
    assert "66 of 66 log lines about requests are not understood, as: tailgate trace=" in \
        command("report", folder).stdout


@needs("nginx")
def test_what_was_rendered_and_logged_stays_with_the_run(ran):
    folder = ran(experiment(gateway("nginx")))
    text = (folder / "v0-r0/gateway/nginx.conf").read_text()
    assert len(re.findall(r"^ +server 127\.0\.0\.1:\d+ max_fails=0 ", text, re.M)) == 2
    assert "{listen}" not in text and f"pid {folder}/v0-r0/gateway/nginx.pid;" in text
    assert (folder / "v0-r0/gateway/requests.log").read_text().count("tailgate trace=") == 66


@needs("nginx")
def test_a_gateway_of_several_processes_is_paused_and_measured_as_one(ran):
    folder = ran(experiment(gateway("nginx"), {"kind": "stop", "on": "gateway", "from": "200ms",
                                               "lasting": "300ms"}))
    # What was sent a while behind its beginning is answered after its end.
    [(early,)] = query(folder, """SELECT count(*) FROM client c JOIN fault f
        WHERE c.sent_ns BETWEEN f.started_ns + 50000000 AND f.ended_ns AND c.done_ns < f.ended_ns""")
    assert early == 0
    assert summary_of(folder)["machine"]["cpu_s"]["gateway"] >= 0


@pytest.mark.parametrize("label", [pytest.param(name, marks=needs(name)) for name in REFUSED])
def test_no_gateway_outlives_the_run_that_is_killed(launch, tmp_path, label):
    config = experiment(gateway(label))
    config["load"] = {**LOAD, "duration": "60s"}
    run = launch(config)
    wait_for_load(latest(tmp_path))
    assert processes_of(tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    wait_until(lambda: processes_of(tmp_path) == [], 60, "everything has ended")


@needs("haproxy")
def test_a_gateway_that_is_killed_is_started_again_at_its_address(ran):
    config = experiment(gateway("haproxy"), {"kind": "kill", "on": "gateway", "from": "300ms",
                                             "restart_after": "50ms"})
    config["load"] = {**LOAD, "duration": "3s"}
    folder = ran(config)
    [(ended,)] = query(folder, "SELECT ended_ns FROM fault WHERE ended_ns > started_ns")
    assert query(folder, f"SELECT count(*) FROM client WHERE status = 200 AND sent_ns > {ended}")[0][0]


def test_a_run_of_which_nothing_is_left_is_no_success(run):
    done = run(experiment({"command": ["no-such-gateway"], "optional": True}))
    assert done.returncode == 3 and "nothing else is left to be run" in done.stderr


@needs("haproxy")
@needs("nginx")
def test_the_experiment_that_is_shipped_gives_its_matrix(command, tmp_path):
    done = command("run", FOLDER / "all-down.json", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path, "gateways-all-down")
    gateways = [each["gateway"] for each in summary_of(folder)["variants"]]
    assert [each["name"] for each in gateways][:3] == ["tailgate", "nginx", "haproxy"]
    for each, status in zip(gateways, ["503", "502", "503"]):
        assert status in {failure["seen"] for failure in each["failures"]
                          if failure["cause"] == "no_endpoint"}, each
    left_out = 'left out, as "all down, envoy"' in done.stdout
    assert left_out == (shutil.which("envoy") is None)


def test_the_template_for_envoy_is_filled_in(run, tmp_path):
    """Envoy itself is seldom there; what it would read is looked at."""
    script(tmp_path, "exit 1\n", "envoy")
    own = gateway("envoy")
    done = run(experiment({**own, "command": ["./envoy", *own["command"][1:]]}))
    assert done.returncode == 3 and "ended before it accepted" in done.stderr
    text = next((tmp_path / "runs/small").glob("*/v0-r0/gateway/envoy.yaml")).read_text()
    assert len(re.findall(r'socket_address: { address: "127.0.0.1", port_value: \d+ }', text)) == 3
    assert "{@" not in text and "{listen" not in text
