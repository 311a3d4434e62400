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
        return "yes" if self.value <= self.aim else "no"

    def cells(self):
        aim = "" if self.aim is None else f"{self.aim:g}{self.unit}"
        return (self.scenario, self.what, f"{self.value:.2f}{self.unit}",
                f"{self.lowest:.2f}–{self.highest:.2f}", aim, self.verdict)

    def as_json(self):
        return {**dataclasses.asdict(self), "holds": self.verdict != "no"}


def median(turns, key):
    return statistics.median(turn[key] for turn in turns)


def better_peer(turns, key):
    return min(scenarios.PEERS, key=lambda name: median(turns[name], key))


def ratio(turns, key, subject, base):
    """The median of the ratios of each round, the lowest and the highest: what made the machine
    slower in a round made it slower for both."""
    ratios = [one[key] / other[key] for one, other in zip(turns[subject], turns[base])]
    return statistics.median(ratios), min(ratios), max(ratios)


def cost_figures(scenario, turns):
    for aim in scenario.aims:
        base = better_peer(turns, "cpu_us") if aim.base == scenarios.BETTER else aim.base
        yield Figure(scenario.title, f"CPU a request: {aim.subject} / {base}",
                     *ratio(turns, "cpu_us", aim.subject, base), aim.limit)


def latency_figure(scenario, turns):
    base = better_peer(turns, "p99_us")
    return Figure(scenario.title, f"p99 at half rate: {scenarios.TAILGATE} / {base}",
                  *ratio(turns, "p99_us", scenarios.TAILGATE, base), 1.0)


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


def cost_table(turns):
    base = better_peer(turns, "cpu_us")
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
