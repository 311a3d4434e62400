#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stalls seen from outside, beside the pauses that there really were.

    stalls.py --model MODEL                  a made-up service: seconds for hours of traffic
    stalls.py --tailgate TAILGATE            experiments whose backends record their own pauses
    stalls.py --tailgate T --model M --json FILE --only TEXT --seeds N

A pause counts as due when it is at least three times as long as the endpoint's median latency and at
least ten requests were in flight on the endpoint in it; a stall counts as large by the same measure.
Recall is the share of the pauses due that were found, precision the share of the large stalls in which
a pause lies. The scenarios under "strange" have requests that wait for one another, where a long wait
is a stall to whoever stands outside: they are shown, and not judged."""

import argparse
import json
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

AIM = 0.95

# What is passed to the model (stalls_model.c); "judged" ones count for the aim.
MODELS = {
    "exponential": dict(service="exponential(20ms)", rate=1000, pause="60..400"),
    "at a low rate": dict(service="exponential(20ms)", rate=150, pause="60..400", seconds=120),
    "constant": dict(service="20ms", rate=600, pause="60..400"),
    "normal": dict(service="normal(20ms,3ms)", rate=600, pause="60..400"),
    "uniform": dict(service="uniform(1ms,40ms)", rate=600, pause="60..400"),
    "lognormal": dict(service="lognormal(p50=5ms,p99=100ms)", rate=1500, pause="15..300"),
    "heavy lognormal": dict(service="lognormal(p50=2ms,p99=200ms)", rate=2000, pause="6..200"),
    "pareto": dict(service="pareto(5ms,1.3)", rate=1500, pause="25..300"),
    "fast": dict(service="lognormal(p50=1ms,p99=8ms)", rate=4000, pause="4..80",
                 every="exponential(500ms)"),
    "without pauses": dict(service="lognormal(p50=5ms,p99=100ms)", rate=1500, seconds=60),
    "without, at a low rate": dict(service="exponential(20ms)", rate=30, seconds=300),
    "timeouts": dict(service="exponential(20ms)", rate=1000, timeout="100ms", pause="60..400"),
    "pauses of seconds": dict(service="exponential(20ms)", rate=500, timeout="500ms",
                              pause="500..3000", every="exponential(5s)", seconds=120),
    "frequent": dict(service="exponential(10ms)", rate=1000, pause="30..100",
                     every="exponential(150ms)"),
    "one thread": dict(service="exponential(1ms)", slots=1, rate=700, pause="20..200",
                       every="exponential(2s)"),
    "eight slots": dict(service="exponential(10ms)", slots=8, rate=600, pause="60..400",
                        every="exponential(2s)"),
    "slower for a while": dict(service="exponential(10ms)", rate=1000, slow_from=.4, slow_to=.6,
                               slow_by=10, pause="60..400", every="exponential(2s)", seconds=60),
    "clients that wait": dict(service="exponential(20ms)", clients=32, pause="60..400"),
    "four endpoints": dict(service="exponential(20ms)", endpoints=4, rate=3000, pause="60..400",
                           every="exponential(2s)"),
    "the gateway freezes": dict(service="exponential(20ms)", endpoints=2, rate=1500,
                                frozen_every=3, frozen=.2),
    "with one endpoint": dict(service="exponential(20ms)", rate=700, frozen_every=3, frozen=.2),
    "both freeze": dict(service="exponential(20ms)", endpoints=2, rate=1500, frozen_every=3,
                        frozen=.2, pause="60..400", every="exponential(2s)"),
    "strange: a lock": dict(service="lognormal(p50=1ms,p99=40ms)", slots=1, rate=150, seconds=60),
    "strange: one thread": dict(service="lognormal(p50=1ms,p99=8ms)", slots=1, rate=400,
                                pause="30..300", every="exponential(2s)", seconds=60),
    "strange: batches": dict(service="exponential(5ms)", batch="20ms", rate=1000,
                             pause="60..400", every="exponential(2s)"),
    "strange: suddenly slower": dict(service="normal(10ms,1ms)", rate=200, slow_from=.4,
                                     slow_to=.6, slow_by=20, seconds=60),
}


def model_arguments(scenario, seed):
    values = {"every": "exponential(1s)", **scenario, "seed": seed}
    least, most = values.pop("pause", "0..0").split("..")
    if most == "0":
        del values["every"]
    else:
        values["length"] = f"uniform({least}ms,{most}ms)"
    return [f"{key}={value}" for key, value in values.items()]


def run_model(model, scenario, seed):
    return json.loads(subprocess.check_output([model, *model_arguments(scenario, seed)]))


# ---- experiments

def experiment(name, io, rate, pause, every, instances=1, duration="12s", timeout="2s", **more):
    config = {"handlers": {"/orders": {"steps": [
        {"io": io}, {"respond": {"status": 200, "body": more.get("body", "1KiB")}}]}}}
    fault = {"name": "pause", "on": "@orders", "pause": pause, "every": every, "from": "500ms",
             "kind": more.get("kind", "pause")}
    if fault["kind"] == "stop":
        fault["lasting"] = fault.pop("pause")
    return {
        "name": name, "seed": more.get("seed", 1),
        "backends": {"orders": {"instances": instances, "config": config}},
        "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                    "upstreams": {"orders": {"endpoints": ["@orders"],
                                             "timeout": {"response": timeout},
                                             "connections": {"max": 1024, "idle": 512}}}},
        "load": {"rate": rate, "warmup": "500ms", "duration": duration, "connections": 512,
                 "requests": [{"GET": "/orders"}]},
        "faults": [fault],
    }


EXPERIMENTS = [
    experiment("exponential", "exponential(20ms)", "500/s", "uniform(60ms,300ms)",
               "exponential(700ms)"),
    experiment("low-rate", "exponential(20ms)", "200/s", "uniform(80ms,300ms)",
               "exponential(700ms)"),
    experiment("constant", "20ms", "500/s", "uniform(60ms,300ms)", "exponential(700ms)"),
    experiment("lognormal", "lognormal(p50=10ms,p99=150ms)", "600/s", "uniform(30ms,250ms)",
               "exponential(700ms)"),
    experiment("uniform", "uniform(2ms,40ms)", "600/s", "uniform(70ms,250ms)",
               "exponential(700ms)"),
    experiment("two-endpoints", "exponential(20ms)", "800/s", "uniform(60ms,300ms)",
               "exponential(900ms)", instances=2),
    experiment("timeouts", "exponential(20ms)", "500/s", "uniform(200ms,600ms)",
               "exponential(1s)", timeout="150ms"),
    experiment("stopped-by-a-signal", "exponential(20ms)", "500/s", "uniform(80ms,300ms)",
               "exponential(700ms)", kind="stop"),
    experiment("bodies", "exponential(20ms)", "300/s", "uniform(80ms,300ms)",
               "exponential(700ms)", body="256KiB"),
]

TRUTH = """
    SELECT DISTINCT e.address, f.started_ns, f.ended_ns FROM fault f
    JOIN endpoint e ON e.variant = f.variant AND e.round = f.round AND e.process = f.target
    WHERE f.started_ns NOT NULL AND f.ended_ns NOT NULL"""
ATTEMPTS = """
    SELECT endpoint, started_ns, started_ns + total_ns, wait_ns FROM attempt"""
STALLS = """
    SELECT endpoint, began_ns, ended_ns, held, scope FROM stall ORDER BY began_ns"""


def overlaps(a, b):
    """The larger part of one of them lies in the other."""
    common = min(a[1], b[1]) - max(a[0], b[0])
    return 2 * common > min(a[1] - a[0], b[1] - b[0])


def judge_database(path):
    """What the model prints, of a run."""
    with sqlite3.connect(path) as db:
        truth, attempts, stalls = (db.execute(sql).fetchall() for sql in (TRUTH, ATTEMPTS, STALLS))
    medians, found = {}, {"requests": len(attempts), "pauses": len(truth), "due": 0,
                          "due_found": 0, "begin_ms": [], "length_ms": [], "found": len(stalls),
                          "found_true": 0, "large": 0, "large_true": 0, "missed": [], "wrong": []}
    for endpoint in {row[0] for row in attempts}:
        medians[endpoint] = statistics.median(
            row[3] for row in attempts if row[0] == endpoint and row[3] is not None)
    for endpoint, began, ended in truth:
        held = sum(row[0] == endpoint and row[1] < ended and row[2] > began for row in attempts)
        if ended - began < 3 * medians.get(endpoint, 0) or held < 10:
            continue
        found["due"] += 1
        match = next((row for row in stalls
                      if row[0] == endpoint and overlaps(row[1:3], (began, ended))), None)
        if match:
            found["due_found"] += 1
            found["begin_ms"].append((match[1] - began) / 1e6)
            found["length_ms"].append((match[2] - match[1] - ended + began) / 1e6)
        else:
            found["missed"].append([(ended - began) / 1e6, held])
    for endpoint, began, ended, held, scope in stalls:
        found[scope] = found.get(scope, 0) + 1
        right = any(row[0] == endpoint and overlaps(row[1:3], (began, ended)) for row in truth)
        large = scope != "gateway" and held >= 10 and ended - began >= 3 * medians[endpoint]
        found["found_true"] += right
        found["large"] += large
        found["large_true"] += large and right
        if large and not right:
            found["wrong"].append([(ended - began) / 1e6, held, scope])
    found["median_ms"] = statistics.median(medians.values()) / 1e6 if medians else 0
    return found


def run_experiment(tailgate, spec, seed):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tailgate-fidelity-"))
    try:
        path = folder / "experiment.json"
        path.write_text(json.dumps({**spec, "seed": seed}))
        subprocess.run([tailgate, "run", str(path), "--output", str(folder / "runs")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return judge_database(folder / "runs" / spec["name"] / "latest" / "run.db")
    finally:
        shutil.rmtree(folder)


# ---- the table

COUNTS = ("requests", "pauses", "due", "due_found", "found", "found_true", "large", "large_true")


def add_up(results):
    total = {key: sum(result[key] for result in results) for key in COUNTS}
    for key in ("begin_ms", "length_ms", "missed", "wrong"):
        total[key] = [value for result in results for value in result.get(key, [])]
    for key in ("endpoint", "common", "gateway", "unclear"):
        total[key] = sum(result.get(key, 0) for result in results)
    return total


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def error(values):
    """The median, and what 95 % of the errors do not exceed, either way."""
    if not values:
        return "-"
    worst = sorted(map(abs, values))[int(0.95 * (len(values) - 1))]
    return f"{statistics.median(values):+.1f} ({worst:.1f})"


def print_row(name, total):
    scopes = ", ".join(f"{key} {total[key]}" for key in ("endpoint", "common", "gateway", "unclear")
                       if total[key])
    print(f"{name:28} {total['requests']:9} {total['due']:5} "
          f"{share(total['due_found'], total['due']):>8} {total['large']:6} "
          f"{share(total['large_true'], total['large']):>9} {error(total['begin_ms']):>13} "
          f"{error(total['length_ms']):>13}  {scopes}", flush=True)


def print_head(title):
    print(f"\n{title:28} {'requests':>9} {'due':>5} {'recall':>8} {'large':>6} {'precision':>9} "
          f"{'begin, ms':>13} {'length, ms':>13}  what stood still")


def judge(title, scenarios, run, seeds):
    """Prints a row for each; returns the totals of those that are judged."""
    print_head(title)
    judged, rows = [], {}
    for name, scenario in scenarios:
        total = add_up([run(scenario, seed) for seed in range(1, seeds + 1)])
        rows[name] = total
        print_row(name, total)
        for kind in ("missed", "wrong"):
            for what in total[kind]:
                print(f"    {kind}: {what}")
        if not name.startswith("strange"):
            judged.append(total)
    if judged:
        rows["all that are judged"] = add_up(judged)
        print_row("all that are judged", rows["all that are judged"])
    return rows


def holds(rows):
    total = rows.get("all that are judged")
    return total is None or (total["due_found"] >= AIM * total["due"]
                             and total["large_true"] >= AIM * total["large"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="the program stalls_model")
    parser.add_argument("--tailgate", help="the program tailgate")
    parser.add_argument("--only", default="", help="scenarios with that in their name")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each scenario")
    parser.add_argument("--json", help="writes the counts there")
    options = parser.parse_args()
    results = {}
    if options.model:
        chosen = [item for item in MODELS.items() if options.only in item[0]]
        results["model"] = judge("made-up", chosen,
                                 lambda spec, seed: run_model(options.model, spec, seed),
                                 options.seeds)
    if options.tailgate:
        tailgate = str(pathlib.Path(options.tailgate).resolve())
        chosen = [(spec["name"], spec) for spec in EXPERIMENTS if options.only in spec["name"]]
        results["experiments"] = judge("experiments", chosen,
                                       lambda spec, seed: run_experiment(tailgate, spec, seed),
                                       options.seeds)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    return 0 if all(holds(rows) for rows in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
