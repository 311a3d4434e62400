# SPDX-License-Identifier: MIT
"""Backends of an experiment that are other programs, and the Go service of configs/article."""

import importlib.util
import os
import shutil
import sys

import pytest

from experiments import latest, no_report_in_logs, processes_of, query, summary_of

# A service in a few lines: it answers, and says what it did in Server-Timing.
SERVICE = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Server-Timing", "queue;dur=2.5, work;dur=1.5")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass

host, port = sys.argv[1].rsplit(":", 1)
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""
COMMAND = [sys.executable, "-u", "service.py", "{address}"]
EXPERIMENT = {
    "name": "small", "seed": 7,
    "backends": {"orders": {"command": COMMAND}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"]}}},
    "load": {"rate": "100/s", "warmup": "100ms", "duration": "1500ms", "timeout": "30s",
             "connections": 64, "requests": [{"GET": "/orders"}]},
}


@pytest.fixture
def command_of(tmp_path):
    path = tmp_path / "service.py"
    path.write_text(SERVICE)
    return [str(path) if word == "service.py" else word for word in COMMAND]


def with_backend(**backend):
    return {**EXPERIMENT, "backends": {"orders": backend}}


def test_a_program_is_a_backend(run, tmp_path, command_of):
    claims = [{"text": "t", "claimed": "2.5 ms", "measure": measure, "holds": holds} for measure, holds
              in (("backend_queue", "== 2500us"), ("backend_queue / backend_span", "> 0.6"),
                  ("backend_cpu", "> 1ns"))]
    done = run({**with_backend(command=command_of, instances=2), "claims": claims})
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path)
    no_report_in_logs(folder)
    summary = summary_of(folder)
    [variant] = summary["variants"]
    assert variant["statuses"] == {"200": variant["requests"]} and variant["requests"] > 100
    assert [claim["verdict"] for claim in summary["claims"]] == ["holds"] * 3
    assert query(folder, "SELECT count(DISTINCT endpoint) FROM attempt") == [(2,)]
    assert processes_of(tmp_path) == []


def test_a_program_is_killed_and_comes_back(run, tmp_path, command_of):
    done = run({**with_backend(command=command_of),
                "load": {**EXPERIMENT["load"], "rate": "50/s", "duration": "4s"},
                "faults": [{"name": "crash", "kind": "kill", "on": "@orders", "from": "300ms",
                            "restart_after": "300ms"}]})
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path)
    [variant] = summary_of(folder)["variants"]
    assert variant["gateway_failures"] > 0
    [fault] = variant["faults"]
    assert fault["touched"] == 1 and fault["unended"] == 0, "it listens at the same port again"
    [(after,)] = query(folder, "SELECT count(*) FROM client c JOIN fault f WHERE c.status = 200"
                               " AND c.intended_ns > f.ended_ns")
    assert after > 0
    assert processes_of(tmp_path) == []


def test_a_program_that_is_not_there(run, tmp_path):
    done = run(with_backend(command=["./no-such", "{address}"]))
    assert done.returncode == 3
    assert 'the backend "./no-such" is not installed' in done.stderr


def test_a_program_that_ends(run, tmp_path):
    done = run(with_backend(command=[sys.executable, "-c", "print('no luck')", "{address}"]))
    assert done.returncode == 3
    assert "orders-0 ended before it accepted a connection" in done.stderr
    assert "no luck" in done.stderr


@pytest.mark.parametrize("experiment, parts", [
    (with_backend(command=COMMAND, config={}), ('"config" or a "command"',)),
    (with_backend(instances=2), ('"config" or a "command"',)),
    (with_backend(command=["serve", "--port", "80"]), ("where to listen", "{address}")),
    ({**with_backend(command=COMMAND),
      "faults": [{"name": "gc", "on": "@orders", "pause": "10ms"}]}, ("another program", '"stop"')),
])
def test_a_program_that_cannot_be_one(run, experiment, parts):
    done = run(experiment)
    assert done.returncode == 2
    assert all(part in done.stderr for part in parts), done.stderr


# ---- the Go service

@pytest.fixture(scope="module")
def article_go(root):
    spec = importlib.util.spec_from_file_location("article_go", root / "scripts/article_go.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_claim_of_the_benchmarks(article_go):
    output = ("BenchmarkLock/deferred-2   100   9.0 ns/op   8 B/op\nBenchmarkLock/explicit-16 100  6.0 ns/op\n"
              "BenchmarkLock/none 100 0 ns/op\nPASS\n")
    rounds = [article_go.parse_results(output)] * 3
    claim = {"measure": "ns/op[Lock/deferred] / ns/op[Lock/explicit] - 1", "holds": "> 15%"}
    found = article_go.judge_figures(claim, rounds)
    assert found["verdict"] == "holds" and found["shown"] == "+50.0 % (9 ns/op against 6 ns/op)"
    nothing = article_go.judge_figures({**claim, "measure": "ns/op[Lock/deferred] / ns/op[Lock/none]"}, rounds)
    assert nothing["verdict"] == "withheld" and "divide" in nothing["reason"]
    absent = article_go.judge_figures({**claim, "measure": "ns/op[Other]"}, rounds)
    assert absent["verdict"] == "withheld"
    with pytest.raises(ValueError):
        article_go.parse_measure("ns/op[A] / ns/op[B] - 2")


def test_every_claim_of_the_service_can_be_read(article_go, root):
    for claim in article_go.read_claims(root / "configs/article/service"):
        assert claim["text"] and claim["section"] and claim["claimed"]
        if claim["measure"].startswith("Test"):
            assert claim["holds"] in ("passes", "fails")
        else:
            article_go.parse_measure(claim["measure"])
            article_go.holds(0, claim["holds"])


def test_the_go_service_is_a_backend(run, article_go, root, tmp_path, monkeypatch):
    if article_go.missing():
        pytest.skip(article_go.missing())
    if not os.environ.get("HOME") and not os.environ.get("GOCACHE"):
        monkeypatch.setenv("GOCACHE", str(tmp_path / "cache"))
    folder = tmp_path / "service"
    shutil.copytree(root / "configs/article/service", folder)
    assert article_go.build(folder)
    tests = article_go.run_tests(folder)
    assert tests["TestRecoveredPanicAndTheServiceGoesOn"] == "PASS"
    assert "FAIL" not in tests.values(), tests
    done = run({**with_backend(command=["service/service", "-listen", "{address}", "-cleanup", "deferred"]),
                "variants": {"/backends/orders/command/4": ["deferred", "explicit", "pooled"]},
                "load": {**EXPERIMENT["load"], "requests": [{"GET": "/orders"}, {"GET": "/panic"}]}})
    assert done.returncode == 0, done.stdout + done.stderr
    for variant in summary_of(latest(tmp_path))["variants"]:
        assert variant["label"] in ("deferred", "explicit", "pooled")
        assert set(variant["statuses"]) == {"200", "500"} and not variant["client_errors"]
    assert query(latest(tmp_path), "SELECT count(*) > 0 FROM attempt WHERE backend_lock_ns > 0") == [(1,)]
    assert processes_of(tmp_path) == []
