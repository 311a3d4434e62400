#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Blame, beside the faults that were really injected.

    blame.py --tailgate TAILGATE [--only TEXT] [--seeds N] [--json FILE]

Each experiment has faults of which is known, for each failure (of the gateway, or for its clients
alone), which one was behind it: by where it failed, by how, or because there is but one. The aim is
that 99 % of the failures are blamed on that one. The experiments of configs/faults/ are run as they
are; those with several faults stand below."""

import argparse
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

AIM = 0.99
FAULTS = pathlib.Path(__file__).resolve().parents[2] / "configs" / "faults"

# Without a fault in them: they fail by what they are.
WITHOUT = {"dns-failed", "rate-limited", "upstream-status", "wrong-protocol"}


def experiment(name, faults, instances=1, io="exponential(10ms)", rate="300/s", duration="8s",
               upstream=(), backend=(), load=()):
    config = {"handlers": {"/orders": {"steps": [
        {"io": io}, {"respond": {"status": 200, "body": "1KiB"}}]}}, **dict(backend)}
    return {
        "name": name,
        "backends": {"orders": {"instances": instances, "config": config}},
        "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                    "upstreams": {"orders": {"endpoints": ["@orders"],
                                             "timeout": {"response": "150ms", "connect": "2s"},
                                             "retry": {"attempts": 1}, **dict(upstream)}}},
        "load": {"rate": rate, "warmup": "500ms", "duration": duration, "connections": 256,
                 "requests": [{"GET": "/orders"}], **dict(load)},
        "faults": faults,
    }


def pause(name, on="@orders", length="300ms", every="1s", start="500ms", **more):
    return {"name": name, "on": on, "kind": "pause", "pause": length, "every": every,
            "from": start, **more}


def beside_another(spec, faults):
    """The experiment with a second upstream, of one endpoint that is ejected when it fails."""
    service = {"config": {"handlers": {"/stock": {"steps": [
        {"io": "exponential(5ms)"}, {"respond": {"status": 200, "body": "1KiB"}}]}}}}
    spec["backends"]["stock"] = service
    spec["gateway"]["routes"] = [{"path": "/orders", "upstream": "orders"},
                                 {"path": "/stock", "upstream": "stock"}]
    spec["gateway"]["upstreams"]["stock"] = {
        "endpoints": ["@stock"], "connections": {"idle": 0}, "retry": {"attempts": 1},
        "health": {"passive": {"consecutive": 3, "eject_for": "1500ms", "max_ejected": "100%"},
                   "panic_threshold": "0%"}}
    spec["load"]["requests"] = [{"GET": "/orders"}, {"GET": "/stock"}]
    return {**spec, "faults": spec["faults"] + faults}


# The experiment, and SQL for the fault, or the class, that is to blame for a row of blame `b` and its
# last try `a`.
SEVERAL = [
    (experiment("two-places", [pause("one", "@orders/0"), pause("two", "@orders/1", start="900ms")],
                instances=2),
     "SELECT iif(process = 'orders-0', 'one', 'two') FROM endpoint WHERE address = a.endpoint"),
    (experiment("slow-and-pauses", [
        {"name": "slow", "on": "@orders", "kind": "latency", "latency": "exponential(5ms)"},
        pause("gc")]), "'gc'"),
    (experiment("by-turns", [pause("early", every="2s"), pause("late", every="2s", start="1500ms")]),
     """SELECT name FROM fault WHERE started_ns <= b.ended_ns
        ORDER BY started_ns DESC LIMIT 1"""),
    (experiment("pauses-and-resets", [
        pause("gc"),
        {"name": "reset", "on": "@orders", "kind": "reset_peer", "share": "20%"}],
        upstream={"connections": {"idle": 0}}),
     "iif(b.cause = 'response_timeout', 'gc', 'reset')"),
    (experiment("ejected", [pause("gc", "@orders/0", every="3s", length="400ms")], instances=1,
                upstream={"health": {"passive": {"consecutive": 3, "eject_for": "1s",
                                                 "max_ejected": "100%"},
                                     "panic_threshold": "0%"}}), "'gc'"),
    (experiment("queued", [pause("gc", length="400ms")],
                upstream={"connections": {"max": 16, "queue": 32},
                          "timeout": {"response": "2s", "queue": "100ms"}}), "'gc'"),
    (experiment("killed", [{"name": "crash", "on": "@orders", "kind": "kill", "from": "1s",
                            "every": "3s", "restart_after": "200ms"}]), "'crash'"),
    (experiment("stopped", [{"name": "stop", "on": "@orders", "kind": "stop", "lasting": "300ms",
                             "every": "1s", "from": "500ms"}]), "'stop'"),
    (experiment("one-thread", [pause("gc", length="300ms")], rate="150/s",
                backend={"handlers": {"/orders": {"steps": [
                    {"cpu": "exponential(1ms)"},
                    {"respond": {"status": 200, "body": "1KiB"}}]}}}), "'gc'"),
    (experiment("impatient-clients", [pause("gc", length="300ms")], load={"timeout": "140ms"}),
     "'gc'"),
    (experiment("gateway-killed", [{"name": "crash", "on": "gateway", "kind": "kill", "from": "1s",
                                    "every": "3s", "restart_after": "200ms"}]), "'crash'"),
    (experiment("gateway-stopped", [{"name": "halt", "on": "gateway", "kind": "stop",
                                     "lasting": "600ms", "every": "2s", "from": "1s"}],
                load={"timeout": "400ms"}), "'halt'"),
    (experiment("few-connections", [], io="20ms", load={"connections": 4, "timeout": "400ms"}),
     "'client'"),
    (beside_another(experiment("two-upstreams", [pause("gc", "@orders/0", length="200ms")],
                               instances=3, upstream={
        "health": {"passive": {"consecutive": 3, "eject_for": "400ms", "max_ejected": "60%"},
                   "panic_threshold": "0%"}}),
        [{"name": "shut", "on": "@stock", "kind": "refuse", "from": "1s", "lasting": "100ms",
          "every": "3s"}]),
     "SELECT iif(upstream = 'stock', 'shut', 'gc') FROM request WHERE trace_id = b.trace_id"),
    (experiment("breaker-and-delays", [{"name": "net", "on": "@orders", "kind": "delay_response",
                                        "delay": "200ms", "from": "2s", "lasting": "1s"}],
                upstream={"breaker": {"error_ratio": "30%", "minimum": 20, "open_for": "500ms"}}),
     "'net'"),
    (experiment("closes-of-its-own", [pause("gc", "@orders/0", length="200ms")], instances=2,
                upstream={"connections": {"idle": 0}},
                backend={"handlers": {"/orders": {"steps": [
                    {"io": "exponential(3ms)"}, {"fail": {"how": "close", "share": "5%"}},
                    {"respond": {"status": 200, "body": "1KiB"}}]}}}),
     "iif(b.cause = 'response_timeout', 'gc', 'backend')"),
    (experiment("retried-elsewhere", [
        pause("gc", "@orders/0"),
        {"name": "cut", "on": "@orders/1", "kind": "empty_response", "share": "30%"}],
        instances=2, upstream={"connections": {"idle": 0},
                               "retry": {"attempts": 2, "budget": "100%", "on": ["closed"]}}),
     "iif(b.cause = 'response_timeout', 'gc', 'cut')"),
]

# The fault's name beside that which was blamed; each failed request once.
ROWS = """
    SELECT b.class, b.name, ({truth}), b.cause, b.verdict FROM blame b
    LEFT JOIN attempt a ON a.trace_id = b.trace_id AND a.variant = b.variant AND a.round = b.round
        AND a.number = (SELECT max(number) FROM attempt m WHERE m.trace_id = b.trace_id
                        AND m.variant = b.variant AND m.round = b.round)
    WHERE b.part <> 'slow'"""
FAILURES = """
    SELECT count(*) FROM client c LEFT JOIN request r ON r.trace_id = c.trace_id
        AND r.variant = c.variant AND r.round = c.round
    WHERE NOT c.warmup AND (c.error <> 'none' OR r.status BETWEEN 502 AND 504
        OR (r.cut_short AND r.cause NOT IN
            ('client_abort', 'client_timeout', 'client_truncated')))"""


def read_jsonc(path):
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "",
                  path.read_text(), flags=re.S)
    return json.loads(text)


def single_faults():
    """Experiments with one fault, in which every failure is its doing."""
    for path in sorted(FAULTS.glob("*.json")):
        spec = read_jsonc(path)
        if path.stem not in WITHOUT and len(spec.get("faults", [])) == 1:
            yield spec, "'%s'" % spec["faults"][0]["name"]


def run(tailgate, spec, truth, seed):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tailgate-fidelity-"))
    try:
        path = folder / "experiment.json"
        path.write_text(json.dumps({**spec, "seed": seed}))
        for name in FAULTS.iterdir():  # certificates and the like
            if name.suffix != ".json":
                shutil.copy(name, folder)
        done = subprocess.run([tailgate, "run", str(path), "--output", str(folder / "runs")],
                              capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{spec['name']}: {done.stderr}")
        with sqlite3.connect(folder / "runs" / spec["name"] / "latest" / "run.db") as db:
            return (db.execute(ROWS.format(truth=truth)).fetchall(),
                    db.execute(FAILURES).fetchone()[0])
    finally:
        shutil.rmtree(folder)


def judge(tailgate, spec, truth, seeds):
    total = {"failures": 0, "right": 0, "counted": 0, "wrong": {}}
    for seed in range(1, seeds + 1):
        rows, counted = run(tailgate, spec, truth, seed)
        total["failures"] += len(rows)
        total["counted"] += counted
        for kind, name, wanted, cause, verdict in rows:
            if (name if kind == "injected" else kind) == wanted:
                total["right"] += 1
                continue
            key = f"{cause}: {kind} {name}, not {wanted}"
            total["wrong"].setdefault(key, [0, verdict])[0] += 1
    return total


def show(name, total):
    share = f"{100 * total['right'] / total['failures']:.2f} %" if total["failures"] else "-"
    print(f"{name:28} {total['failures']:8} {share:>9}"
          f"{'' if total['failures'] == total['counted'] else '  counted otherwise: %d' % total['counted']}",
          flush=True)
    for key, (count, verdict) in sorted(total["wrong"].items(), key=lambda item: -item[1][0]):
        print(f"    {count} x {key}\n        {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tailgate", required=True, help="the program tailgate")
    parser.add_argument("--only", default="", help="experiments with that in their name")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each")
    parser.add_argument("--json", help="writes the counts there")
    options = parser.parse_args()
    tailgate = str(pathlib.Path(options.tailgate).resolve())
    print(f"{'experiment':28} {'failures':>8} {'right':>9}")
    results = {}
    for spec, truth in [*single_faults(), *SEVERAL]:
        if options.only in spec["name"]:
            results[spec["name"]] = judge(tailgate, spec, truth, options.seeds)
            show(spec["name"], results[spec["name"]])
    failures, right, counted = (sum(total[key] for total in results.values())
                                for key in ("failures", "right", "counted"))
    show("all", {"failures": failures, "right": right, "counted": counted, "wrong": {}})
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    return 0 if failures == counted and right >= AIM * failures else 1


if __name__ == "__main__":
    sys.exit(main())
