# SPDX-License-Identifier: MIT
"""`tailgate report`: a result as text, JSON, JUnit XML and Markdown, from a summary made up here."""

import json
import re
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


def test_junit_names_a_variant_once(report):
    """An expectation of one variant begins with its name."""
    expect = [{**SUMMARY["expect"][0], "text": "deferred | 2s: p99 < 10ms"}]
    suite = xml.etree.ElementTree.fromstring(report("junit", expect=expect)).find("testsuite")
    assert suite.find("testcase").attrib["name"] == "deferred | 2s: p99 < 10ms"


def test_warnings_are_escaped_in_markdown(report):
    failed = [{"class": "injected", "name": "gc", "count": 40, "example": "<none>"}]
    blame = {"failed": failed, "client": [], "slow": [], "notes": ["a | b"]}
    finding = {"question": "a|b?", "answer": "a<b", "table": {"columns": [], "rows": []}}
    text = report("markdown", notes=["nothing was measured of a<b|c"], investigation=finding,
                  variants=[{**VARIANT, "blame": blame}])
    for line in ("> nothing was measured of a\\<b\\|c", "> deferred \\| 2s: a \\| b",
                 "#### a\\|b?", "a\\<b"):
        assert f"\n{line}\n" in text, text
    assert "deferred \\| 2s, as in: \\<none>" in text


def test_a_percentile_among_requests_given_up_is_a_lower_bound(report):
    variants = [{**VARIANT, "latency_ms": {**LATENCY, "at_least": ["p99", "p999"]}}]
    row = report("text", variants=variants).splitlines()[1]
    assert re.search(r" 1\.5ms +>=20\.2ms +>=300ms ", row)
    assert "| >= 20.2ms | >= 300ms |" in report("markdown", variants=variants)


@pytest.mark.parametrize("requests, p99, p999", [(1000, "20.2ms", "300ms"), (999, "20.2ms", "-"),
                                                 (100, "20.2ms", "-"), (99, "-", "-")])
def test_percentiles_of_too_few_requests(report, requests, p99, p999):
    variants = [{**VARIANT, "requests": requests}]
    titles, row = (re.split("  +", line) for line in report("text", variants=variants).splitlines()[:2])
    assert (row[titles.index("p99")], row[titles.index("p99.9")]) == (p99, p999)
    row = next(line for line in report("markdown", variants=variants).splitlines()
               if line.startswith("| deferred"))
    assert f"| {p99} | {p999} |" in row


def test_what_clients_alone_saw_is_a_column(report):
    lost = {"failed": [], "slow": [], "notes": [],
            "client": [{"class": "injected", "name": "dies", "count": 40, "example": "no answer"}]}
    lines = report("text", variants=[{**VARIANT, "blame": lost}]).splitlines()
    at = next(i for i, line in enumerate(lines) if "clients alone" in line)
    assert lines[at + 1].split() == ["injected", "dies", "0", "40", "0"]
    assert "as in: no answer" in lines[at + 2]
    lines = report("markdown", variants=[{**VARIANT, "blame": lost}]).splitlines()
    assert "| deferred \\| 2s | injected dies | 0 | 40 | 0 |" in lines


def test_junit_of_a_run_that_was_cut_short(report):
    text = report("junit", complete=False, problem="the gateway died", expect=[])
    suite = xml.etree.ElementTree.fromstring(text).find("testsuite")
    assert [suite.attrib[key] for key in ("tests", "failures", "errors")] == ["1", "0", "1"]
    assert suite.find("testcase/error").attrib["message"] == "the gateway died"


ANSWERED = {**VARIANT, "client_failures": 500}
LOST = {**VARIANT, "label": "a & b", "client_failures": 501}
NOTHING = {**VARIANT, "label": "late", "requests": 0, "causes": {},
           "gateway": {"name": "nginx", "case": "refused", "failures": []}}


@pytest.mark.parametrize("variants, message", [
    ([VARIANT, ANSWERED], None),
    ([ANSWERED, LOST], "a & b: 501 of 1000 requests got no whole answer"),
    ([VARIANT, NOTHING], "late: nothing was measured")])
def test_junit_of_a_run_that_expects_nothing(report, variants, message):
    """The run itself is what is tested: none would pass for a good one."""
    text = report("junit", expect=[], variants=variants)
    suite = xml.etree.ElementTree.fromstring(text).find("testsuite")
    failures = str(int(message is not None))
    assert [suite.attrib[key] for key in ("tests", "failures", "errors")] == ["1", failures, "0"]
    [case] = suite.findall("testcase")
    assert case.attrib["name"] == "the run"
    assert [failure.attrib["message"] for failure in case] == ([message] if message else [])


def test_junit_says_why_nothing_was_compared(report):
    text = report("junit", expect=[{"text": "p50 on /b < 1ms", "variant": "x", "value": None,
                                    "shown": "no request was measured on /b", "holds": False}])
    failure = xml.etree.ElementTree.fromstring(text).find("testsuite/testcase/failure")
    assert failure.attrib["message"] == "no request was measured on /b"


def test_a_variant_that_never_ran_has_no_figures(report):
    variants = [{**VARIANT, "gateway": {**NOTHING["gateway"], "name": "envoy"}}, NOTHING]
    text = report("text", variants=variants, complete=False, problem="Ctrl-C")
    assert re.search(r"\nlate +not measured\n", text)
    assert "  nginx    not measured\n" in text and "  envoy    only answers\n" in text
    lines = report("markdown", variants=variants).splitlines()
    row = next(line for line in lines if line.startswith("| late |"))
    assert row.startswith("| late | not measured |") and "0s" not in row
    assert row.count("|") == lines[2].count("|")
    assert any("| nginx | not measured |" in line for line in lines)


def test_markdown_says_what_the_table_says(report):
    """Who got no answer, and what is behind the failures."""
    blame = {"failed": [{"class": "pause", "name": "gc|1", "count": 12, "example": "trace 1"}],
             "slow": [{"class": "pause", "name": "gc|1", "count": 3},
                      {"class": "queue", "name": "lock", "count": 7}],
             "notes": ["2 are left out"]}
    lines = report("markdown", variants=[{**VARIANT, "client_failure_rate": 0.125, "blame": blame}])
    lines = lines.splitlines()
    titles = lines[2].split(" | ")
    row = next(line for line in lines if line.startswith("| deferred \\| 2s |"))
    assert row.replace("\\|", "").split(" | ")[titles.index("no answer")] == "12.50%"
    at = next(i for i, line in enumerate(lines) if "what is behind the failures" in line)
    assert lines[at + 2:at + 4] == ["| deferred \\| 2s | pause gc\\|1 | 12 | 3 |",
                                    "| deferred \\| 2s | queue lock | 0 | 7 |"]
    assert "> deferred \\| 2s, as in: trace 1" in lines
    assert "> deferred \\| 2s: 2 are left out" in lines


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
