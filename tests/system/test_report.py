# SPDX-License-Identifier: MIT
"""`tailgate report`: a result as text, JSON, JUnit XML and Markdown, from a summary made up here."""

import json
import xml.etree.ElementTree

import pytest

LATENCY = {"mean": 2, "p50": 1.5, "p90": 4, "p99": 20.2, "p999": 300, "max": 400}
VARIANT = {"label": "deferred | 2s", "values": {}, "requests": 1000, "throughput_rps": 99.6,
           "latency_ms": LATENCY, "statuses": {"200": 980, "504": 20}, "client_errors": {},
           "gateway_failures": 20, "failure_rate": 0.02, "causes": {"response_timeout": 20},
           "collections_per_s": 0}
SUMMARY = {
    "name": "made & up", "seed": 7, "started": "2026-11-23T08:00:00Z", "complete": True,
    "problem": None, "axis": "cleanup", "variants": [VARIANT],
    "expect": [{"text": "p99 < 10ms", "variant": "deferred | 2s", "value": 20.25,
                "shown": "20.2ms", "holds": False},
               {"text": "failure_rate < 5%", "variant": "deferred | 2s", "value": 0.02,
                "shown": "2%", "holds": True}],
    "notes": ["the machine was \x07 <busy>"],
}


@pytest.fixture
def report(command, tmp_path):
    """report(format, key=...) -> the output; the keys change the summary."""

    def run(form, **changes):
        (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, **changes}))
        done = command("report", tmp_path, "--format", form)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_junit(report):
    root = xml.etree.ElementTree.fromstring(report("junit"))
    assert root.tag == "testsuites"
    suite = root.find("testsuite")
    assert suite.attrib["name"] == "made & up"
    assert [suite.attrib[key] for key in ("tests", "failures", "errors")] == ["2", "1", "0"]
    falls_short, holds = suite.findall("testcase")
    assert falls_short.attrib["name"] == "deferred | 2s: p99 < 10ms"
    assert falls_short.find("failure").attrib["message"] == "it was 20.2ms"
    assert holds.find("failure") is None
    assert "<busy>" in suite.find("system-err").text


def test_junit_of_a_run_that_was_cut_short(report):
    text = report("junit", complete=False, problem="the gateway died", expect=[])
    suite = xml.etree.ElementTree.fromstring(text).find("testsuite")
    assert [suite.attrib[key] for key in ("tests", "failures", "errors")] == ["1", "0", "1"]
    assert suite.find("testcase/error").attrib["message"] == "the gateway died"


def test_markdown(report):
    lines = report("markdown").splitlines()
    assert "### made & up" in lines
    row = next(line for line in lines if line.startswith("| deferred \\| 2s |"))
    assert "20.2ms" in row and "2.00%" in row and "response_timeout 20" in row
    assert "1 of 2 expectations hold." in lines
    assert any(line.startswith("| **falls short** |") for line in lines)
    assert "cut short" in report("markdown", complete=False, problem="a full disk")


def test_json_is_the_summary(report):
    assert json.loads(report("json")) == SUMMARY


def test_text_is_the_table(command, report):
    assert report("text").splitlines()[0].startswith("cleanup")


def test_unknown_format(command, tmp_path):
    done = command("report", tmp_path, "--format", "xml")
    assert done.returncode == 2 and "junit" in done.stderr
