# SPDX-License-Identifier: MIT
"""The Go service of configs/article: its tests and benchmarks as claims, measured.

Its claims stand in service/claims.tsv. What one measures is the name of a test, or figures of
`go test -bench`, by unit and benchmark: "ns/op[Lock/deferred] / ns/op[Lock/explicit] - 1". Each
benchmark runs several times, in turns with the others: the value is the middle one.
"""

import csv
import os
import re
import shutil
import statistics
import subprocess
import sys

ROUNDS = 5
LONGEST_S = 600
FIGURE = re.compile(r"\s*([\w/]+)\[([^]]+)\]\s*")
RESULT = re.compile(r"^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$")


def missing():
    """Why there is nothing to run, or None."""
    if shutil.which("go") is None:
        return "go is not installed: what is about Go is left out (Debian: apt-get install golang-go)"
    return None


def go(folder, *words, timeout=LONGEST_S):
    """Offline, and without looking at a configuration of Go's own."""
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GO111MODULE": "on",
                   "GOTOOLCHAIN": "local"}
    return subprocess.run(["go", *words], cwd=folder, env=environment, capture_output=True,
                          text=True, timeout=timeout, check=False)


def parse_results(output):
    """{"Lock/deferred": {"ns/op": 5.5, ...}} of what `go test -bench` prints."""
    found = {}
    for line in output.splitlines():
        match = RESULT.match(line)
        if match:
            words = match.group(2).split()
            found[match.group(1)] = {unit: float(value) for value, unit in zip(words[::2], words[1::2])}
    return found


def run_benchmarks(folder):
    """One parse_results for each round; [] and why on stderr when they do not run."""
    rounds = []
    for number in range(ROUNDS):
        print(f"go test -bench, {number + 1} of {ROUNDS} ...", file=sys.stderr, flush=True)
        done = go(folder, "test", "-run", "^$", "-bench", ".", "-benchtime", "200ms")
        if done.returncode != 0:
            print(done.stdout + done.stderr, file=sys.stderr)
            return []
        rounds.append(parse_results(done.stdout))
    return rounds


def run_tests(folder):
    """{"TestName": "PASS", "FAIL" or "SKIP"}"""
    done = go(folder, "test", "-v", "-run", "Test", "-count", "1")
    return dict(reversed(pair) for pair in re.findall(r"^--- (\w+): (\w+)", done.stdout, re.MULTILINE))


def parse_measure(text):
    """([(unit, benchmark), ...], form) of "A", "A / B" or "A / B - 1"."""
    figures, at = [], 0
    while (match := FIGURE.match(text, at)) and len(figures) < 2:
        figures.append(match.groups())
        at = match.end()
        if text[at:at + 1] == "/" and len(figures) == 1:
            at += 1
    rest = text[at:].replace(" ", "")
    form = {(1, ""): "figure", (2, ""): "ratio", (2, "-1"): "change"}.get((len(figures), rest))
    if form is None:
        raise ValueError(f"{text!r} measures nothing (expected UNIT[BENCHMARK], A / B or A / B - 1)")
    return figures, form


def holds(value, condition):
    comparison, limit = condition.split()
    limit = float(limit[:-1]) / 100 if limit.endswith("%") else float(limit)
    return value > limit if comparison == ">" else value < limit


def amount(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def shown(value, form, unit):
    return {"change": f"{value * 100:+.1f} %", "ratio": f"{value:.2f} times"}.get(
        form, f"{amount(value)} {unit}")


def withheld(claim, reason):
    return {**claim, "verdict": "withheld", "shown": "", "range": "", "reason": reason}


def judge_test(claim, tests):
    outcome = tests.get(claim["measure"], "SKIP")
    if outcome == "SKIP":
        return withheld(claim, "the test could not be run here")
    passed = outcome == "PASS"
    bears_out = passed == (claim["holds"] == "passes")
    return {**claim, "verdict": "holds" if bears_out else "does not hold", "range": "",
            "shown": f"{claim['measure']} {'passes' if passed else 'fails'}", "reason": ""}


def judge_figures(claim, rounds):
    figures, form = parse_measure(claim["measure"])
    readings = []
    for results in rounds:
        values = [results.get(name, {}).get(unit) for unit, name in figures]
        if None in values:
            return withheld(claim, "the benchmark said nothing of it")
        if form != "figure" and values[1] == 0:
            return withheld(claim, "there is nothing to divide by: it was 0 there")
        value = values[0] if form == "figure" else values[0] / values[1] - (form == "change")
        readings.append((value, values))
    if not readings:
        return withheld(claim, "the benchmarks could not be run")
    value = statistics.median(reading[0] for reading in readings)
    sides = min(readings, key=lambda reading: abs(reading[0] - value))[1]
    bearing_out = sum(holds(reading[0], claim["holds"]) for reading in readings)
    verdict = {0: "does not hold", len(readings): "holds"}.get(bearing_out, "rounds differ")
    unit, low, high = figures[0][0], min(readings)[0], max(readings)[0]
    against = " against ".join(f"{amount(side)} {unit}" for side in sides)
    return {**claim, "verdict": verdict, "shown": f"{shown(value, form, unit)} ({against})",
            "range": f"{shown(low, form, unit)} to {shown(high, form, unit)}", "reason": ""}


def read_claims(folder):
    with open(folder / "claims.tsv", encoding="utf-8") as lines:
        claims = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [{**claim, "text": claim.pop("claim")} for claim in claims]


def measure(folder):
    """The claims of the service's folder, measured."""
    tests, rounds = run_tests(folder), run_benchmarks(folder)
    return [judge_test(claim, tests) if claim["measure"].startswith("Test") else
            judge_figures(claim, rounds) for claim in read_claims(folder)]


def build(folder):
    """Builds the service in its folder; whether that went well."""
    done = go(folder, "build", "-o", "service", ".")
    if done.returncode != 0:
        print(f"the Go service cannot be built: {done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0
