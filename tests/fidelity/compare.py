#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether `tailgate compare` is right: how often it sees a difference where there is none, and how
often one that is there. README.md says how to read it.

    compare.py [--tailgate PATH] [--repeat N] [synthetic | real | power]
"""

import argparse
import copy
import json
import math
import pathlib
import subprocess
import sys
import tempfile

from synthetic import World, write_run

def compare(tailgate, arguments):
    done = subprocess.run([tailgate, "compare", "--json", *map(str, arguments)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout)["comparisons"][0]


def seen(comparison):
    return [figure for figure in comparison["figures"] if figure["verdict"].endswith("is better")]


def name_of(figure):
    return " ".join(filter(None, [figure["figure"], figure.get("route"), figure.get("cause")]))


class Tally:
    def __init__(self):
        self.trials = self.any = self.rate = self.withheld = self.covered = self.judged = 0
        self.figures, self.widths = {}, []

    def take(self, comparison, truth):
        self.trials += 1
        found = seen(comparison)
        self.any += bool(found)
        for figure in found:
            self.figures[name_of(figure)] = self.figures.get(name_of(figure), 0) + 1
        rate = next(iter(comparison["figures"]), {"verdict": "withheld"})
        self.rate += rate["verdict"] == "a is better"
        if rate["verdict"] == "withheld":
            self.withheld += 1
        else:
            self.judged += 1
            self.covered += rate["low"] <= truth <= rate["high"]
            self.widths.append((rate["high"] - rate["low"]) / 2)

    def line(self, name, truth):
        width = sorted(self.widths)[len(self.widths) // 2] * 100 if self.widths else math.nan
        what = f"{self.rate} of {self.trials} seen" if truth else \
            f"{self.any} of {self.trials} see any difference"
        print(f"{name:44s} {what:34s} interval -+{width:.2f} points holds the truth in "
              f"{self.covered} of {self.judged}; withheld {self.withheld}; {self.figures}",
              flush=True)


def synthetic(tailgate, repeat, only):
    paused = dict(pause_every=0.5)
    worlds = {
        "four rounds, variants": (World(**paused), 1),
        "four rounds, two runs": (World(run_jitter=0.01, **paused), 2),
        "one round, two runs": (World(rounds=1, run_jitter=0.01, **paused), 2),
        "two rounds, variants": (World(rounds=2, **paused), 1),
        "four rounds, no round like another": (World(jitter=0.1, **paused), 1),
        "ten rounds, rare pauses": (World(rounds=10, pause_every=2), 1),
        "four rounds, each its own pauses": (World(own_pauses=True, **paused), 1),
        "four rounds, failures one by one": (World(single_failures=0.02), 1),
    }
    for name, (world, runs) in worlds.items():
        if only and only not in name:
            continue
        single = world.single_failures
        for truth in (0.0, 0.01):
            other = world.timeout_for(truth) if truth and single is None else world.timeout
            sides = [("a", world.timeout, single),
                     ("b", other, single + truth if single is not None else None)]
            tally = Tally()
            for seed in range(repeat):
                with tempfile.TemporaryDirectory() as folder:
                    folders = [pathlib.Path(folder) / side for side in "ab"[:runs]]
                    write_run(folders, world, seed, sides)
                    tally.take(compare(tailgate, folders if runs == 2 else
                                       [folders[0], "--a", "a", "--b", "b"]), truth)
            tally.line(f"{name}, {'1 point' if truth else 'the same'}", truth)


BACKEND = {
    "cleanup": "inline",
    "handlers": {"/orders": {"steps": [{"io": "lognormal(p50=2ms,p99=8ms)"},
                                       {"respond": {"status": 200, "body": "1KiB"}}]}},
}
EXPERIMENT = {
    "name": "fidelity", "seed": 7,
    "backends": {"orders": {"instances": 2, "config": BACKEND}},
    "gateway": {"workers": 1, "routes": [{"path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"],
                                         "timeout": {"response": "100ms"}}}},
    "load": {"rate": "300/s", "warmup": "300ms", "duration": "3s", "connections": 256,
             "requests": [{"GET": "/orders"}]},
    "faults": [{"name": "gc", "on": "@orders", "pause": "lognormal(p50=110ms,p99=250ms)",
                "every": "uniform(200ms,500ms)", "from": "100ms"}],
    "variants": {"/backends/orders/config/keepalive_timeout": ["60s", "61s"]},
    "rounds": 3,
}


def run(tailgate, folder, experiment, number):
    done = folder / f"runs{number}" / experiment["name"]
    if (done / "latest" / "summary.json").exists():
        return done  # of an earlier measurement that was kept
    path = folder / f"experiment{number}.json"
    path.write_text(json.dumps(experiment))
    ran = subprocess.run([tailgate, "run", "--output", folder / f"runs{number}", path],
                         capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        sys.exit(ran.stdout + ran.stderr)
    return done


def real(tailgate, repeat, keep):
    """Runs of a few seconds. Their two variants are the same but for a timeout nothing reaches, and
    so are any two runs that follow each other. Repeats until `repeat` pairs of variants could be
    compared, or three times as often."""
    variants, runs = Tally(), Tally()
    with tempfile.TemporaryDirectory() as name:
        folder, last = pathlib.Path(keep or name).resolve(), None
        for number in range(3 * repeat):
            if variants.judged >= repeat:
                break
            experiment = copy.deepcopy(EXPERIMENT)
            experiment["seed"] = 7 + number // 2
            now = run(tailgate, folder, experiment, number)
            variants.take(compare(tailgate, [now, "--a", "60s", "--b", "61s"]), 0)
            if number % 2 == 1:
                runs.take(compare(tailgate, [last, now, "--a", "60s", "--b", "60s"]), 0)
            last = now
            print(number + 1, variants.judged, variants.any, runs.judged, runs.any,
                  variants.figures, runs.figures, file=sys.stderr)
    variants.line("real, variants of one run", 0)
    runs.line("real, two runs", 0)


def power(tailgate, repeat, keep):
    """Runs of which one variant loses one request in a hundred more, among 30,000 each."""
    for name, pauses in (("one by one", []), ("beside pauses", EXPERIMENT["faults"])):
        experiment = copy.deepcopy(EXPERIMENT)
        experiment["name"] = "fidelity-" + name.split()[0]
        experiment["faults"] = [{"name": "lost", "on": "@orders", "kind": "empty_response"}, *pauses]
        experiment["variants"] = {"/faults/0/share": ["1%", "2%"]}
        experiment["gateway"]["upstreams"]["orders"]["retry"] = {"attempts": 1}
        experiment["load"] |= {"rate": "2000/s", "duration": "3750ms", "connections": 1024}
        experiment["rounds"] = 4
        tally = Tally()
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(keep or scratch).resolve()
            for number in range(3 * repeat):
                if tally.judged >= repeat:
                    break
                experiment["seed"] = 7 + number
                now = run(tailgate, folder, experiment, number)
                tally.take(compare(tailgate, [now, "--a", "1%", "--b", "2%"]), 0.01)
                print(number + 1, tally.judged, tally.rate, file=sys.stderr)
        tally.line(f"real, 1 point, {name}", 0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tailgate", default="./tailgate")
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--only", default="", help="the synthetic worlds with this in their name")
    parser.add_argument("--keep", help="a folder for the real runs, to compare them again")
    parser.add_argument("mode", nargs="?", choices=["synthetic", "real", "power"],
                        default="synthetic")
    options = parser.parse_args()
    if options.mode == "real":
        real(options.tailgate, options.repeat, options.keep)
    elif options.mode == "power":
        power(options.tailgate, options.repeat, options.keep)
    else:
        synthetic(options.tailgate, options.repeat, options.only)


if __name__ == "__main__":
    main()
