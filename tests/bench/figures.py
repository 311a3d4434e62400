# SPDX-License-Identifier: MIT
"""From turns to figures: medians, ratios within a round, and the tables."""

import dataclasses
import statistics

import scenarios


@dataclasses.dataclass
class Figure:
    """A row of the result: a ratio or a size, what was aimed at, and whether it was reached."""
    scenario: str
    what: str
    value: float
    lowest: float
    highest: float
    aim: float | None = None
    unit: str = ""

    @property
    def verdict(self):
        if self.aim is None:
            return ""
        return "yes" if abs(self.value) <= self.aim else "no"

    def cells(self):
        aim = "" if self.aim is None else f"{self.aim:g}{self.unit}"
        return (self.scenario, self.what, f"{self.value:.2f}{self.unit}",
                f"{self.lowest:.2f}–{self.highest:.2f}", aim, self.verdict)

    def as_json(self):
        return {**dataclasses.asdict(self), "holds": self.verdict != "no"}


def median(turns, key):
    return statistics.median(turn[key] for turn in turns)


def better_peer(scenario, turns, key):
    return min((name for name in scenario.peers if name in turns), key=lambda name: median(turns[name], key))


def ratio(turns, key, subject, base):
    """The median of the ratios of each round, the lowest and the highest: what made the machine
    slower in a round made it slower for both."""
    ratios = [one[key] / other[key] for one, other in zip(turns[subject], turns[base])]
    return statistics.median(ratios), min(ratios), max(ratios)


def cost_figures(scenario, turns):
    for aim in scenario.aims:
        if aim.base != scenarios.BETTER and aim.base not in turns:
            continue  # it is not installed
        base = better_peer(scenario, turns, "cpu_us") if aim.base == scenarios.BETTER else aim.base
        yield Figure(scenario.title, f"CPU a request: {aim.subject} / {base}",
                     *ratio(turns, "cpu_us", aim.subject, base), aim.limit)


def latency_figure(scenario, turns):
    base = better_peer(scenario, turns, "p99_us")
    return Figure(scenario.title, f"p99 at half rate: {scenarios.TAILGATE} / {base}",
                  *ratio(turns, "p99_us", scenarios.TAILGATE, base), 1.0)


def delay_figures(delay, wanted_ms, turns):
    """`turns` by candidate, with and without the fault, and of the backend itself."""
    for name in turns["with"]:
        for key, limit in (("p50_us", delay.median_off_ms), ("p99_us", delay.p99_off_ms)):
            off = [(slow[key] - idle[key]) / 1000 - wanted_ms
                   for slow, idle in zip(turns["with"][name], turns["without"][name])]
            off.sort(key=abs)
            yield Figure(delay.title, f"{name}: {key[:3]} beyond the {wanted_ms} ms",
                         statistics.median(off), min(off), max(off),
                         limit if name == scenarios.LINK else None, " ms")
    added = {name: [(idle["p50_us"] - direct["p50_us"]) / 1000
                    for idle, direct in zip(its, turns["direct"])]
             for name, its in turns["without"].items()}
    for name, its in added.items():
        aim = statistics.median(added.get(scenarios.TOXIPROXY, [0])) * delay.idle_share
        yield Figure("a link without faults", f"{name}: p50 beyond that of no link",
                     statistics.median(its), min(its), max(its),
                     round(aim, 3) if name == scenarios.LINK and aim else None, " ms")


def memory_figure(memory, sizes):
    kib = [size / scenarios.KIB for size in sizes]
    return Figure(memory.title, "user memory of each", statistics.median(kib), min(kib), max(kib),
                  memory.limit, " KiB")


def table(heads, rows, right_from=1):
    marks = ["---" if column < right_from else "---:" for column in range(len(heads))]
    lines = [heads, marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary_table(figures):
    return table(("scenario", "figure", "median", "lowest–highest", "aim", "reached"),
                 [figure.cells() for figure in figures], right_from=2)


def cost_table(scenario, turns):
    peered = any(name in turns for name in scenario.peers)
    base = better_peer(scenario, turns, "cpu_us") if peered else scenario.others[0]
    rows = []
    for name, its in turns.items():
        costs = [turn["cpu_us"] for turn in its]
        rows.append((name, f"{median(its, 'rps'):.0f}", f"{median(its, 'cpu_us'):.2f}",
                     f"{min(costs):.2f}–{max(costs):.2f}",
                     f"{ratio(turns, 'cpu_us', name, base)[0]:.2f}",
                     str(sum(turn["errors"] for turn in its))))
    return table(("candidate", "requests/s", "CPU µs/request", "lowest–highest", f"to {base}",
                  "errors"), rows)


def latency_table(rate, turns):
    rows = [(name, *(f"{median(its, key):.0f}" for key in ("p50_us", "p90_us", "p99_us")),
             str(sum(turn["errors"] for turn in its))) for name, its in turns.items()]
    return table((f"at {rate:.0f} requests/s", "p50 µs", "p90 µs", "p99 µs", "errors"), rows)


def memory_table(sizes):
    rows = [(name, *(f"{pick(its):.0f}" for pick in (statistics.median, min, max)))
            for name, its in sizes.items()]
    return table(("candidate", "bytes a client", "lowest", "highest"), rows)
