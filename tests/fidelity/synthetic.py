# SPDX-License-Identifier: MIT
"""Databases as `tailgate run` writes them, of runs that never were: requests that meet pauses, with
a truth that is known. Only what the analysis reads is in them."""

import bisect
import itertools
import math
import random
import sqlite3

SECOND = 1_000_000_000
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE variant (variant INTEGER PRIMARY KEY, label TEXT, vals TEXT);
CREATE TABLE round (variant INTEGER, round INTEGER, epoch_ns INTEGER, started_ns INTEGER,
 ended_ns INTEGER, warmup_ns INTEGER, duration_ns INTEGER, complete INTEGER, busy_share REAL);
CREATE TABLE client (variant INTEGER, round INTEGER, trace_id TEXT, warmup INTEGER, method TEXT,
 path TEXT, intended_ns INTEGER, done_ns INTEGER, status INTEGER, error TEXT,
 lag_ns INTEGER);
CREATE TABLE request (variant INTEGER, round INTEGER, trace_id TEXT, route TEXT, status INTEGER,
 cause TEXT);
"""
RATE = 500.0


class World:
    """Rounds of requests that meet pauses. Two sides of a round have the same arrivals; unless
    `own_pauses` is set they have the same pauses, too. Beside these each has stalls of its own, and
    each round its own speed."""

    def __init__(self, rounds=4, requests=30000, pause_every=0.5, pause=(0.11, 0.6), timeout=0.15,
                 jitter=0.02, run_jitter=0.0, own_pauses=False, single_failures=None):
        self.rounds, self.requests, self.pause_every = rounds, requests, pause_every
        self.pause, self.timeout, self.jitter = pause, timeout, jitter
        self.run_jitter, self.own_pauses = run_jitter, own_pauses
        self.single_failures = single_failures  # a share, each by itself, in place of pauses
        self.duration = requests / rounds / RATE

    def draw_pauses(self, rng):
        at, pauses = 0.0, []
        while True:
            at += rng.expovariate(1 / self.pause_every)
            if at >= self.duration:
                return pauses
            length = self.pause[0] * math.exp(rng.gauss(0, self.pause[1]))
            pauses.append((at, at + length))
            at += length

    def timeout_for(self, more):
        """The timeout at which `more` of all requests fail beyond those that do so already."""
        rng = random.Random(1)
        lengths = [self.pause[0] * math.exp(rng.gauss(0, self.pause[1])) for _ in range(40000)]
        cycle = self.pause_every + sum(lengths) / len(lengths)

        def share(timeout):
            return sum(max(0, length - timeout) for length in lengths) / len(lengths) / cycle
        low, high, wanted = 0.0, self.timeout, share(self.timeout) + more
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if share(middle) > wanted else (low, middle)
        return low

    def arrivals(self, rng):
        at, moments = 0.0, []
        while True:
            at += rng.expovariate(RATE)
            if at >= self.duration:
                return moments
            moments.append(at)

    def side(self, rng, moments, pauses, speed, timeout, single):
        """(latency in seconds, failed) of each request."""
        stalls = [(at, at + 0.02 * rng.random()) for at in
                  sorted(rng.random() * self.duration for _ in range(int(self.duration)))]
        stops = sorted(pauses + stalls)
        starts = [stop[0] for stop in stops]
        ends = list(itertools.accumulate((stop[1] for stop in stops), max))
        for at in moments:
            base = 0.002 * speed * math.exp(rng.gauss(0, 0.5))
            index = bisect.bisect_right(starts, at) - 1
            wait = max(0, ends[index] - at) if index >= 0 else 0
            if single is not None:
                yield base + wait, rng.random() < single
            elif wait + base > timeout:
                yield timeout, True
            else:
                yield base + wait, False


def write_run(folder, world, seed, sides):
    """Runs in folders A and B, or variants of one in `folder`. `sides` are (label, timeout, single)."""
    databases = []
    for number, _ in enumerate(sides):
        if len(folder) > number:
            folder[number].mkdir(parents=True)
            db = sqlite3.connect(folder[number] / "run.db")
            db.executescript(TABLES)
            db.execute("PRAGMA synchronous = OFF")
            databases.append(db)
        fill(databases[-1], world, seed, sides[number], number, len(folder) > 1)
    for db in databases:
        db.commit()
        db.close()


def fill(db, world, seed, side, number, own_run):
    label, timeout, single = side
    variant = 0 if own_run else number
    own = random.Random(f"{seed} side {number}")
    run_speed = math.exp(own.gauss(0, world.run_jitter))
    db.execute("INSERT INTO variant (variant, label, vals) VALUES (?, ?, '{}')", (variant, label))
    if variant == 0:
        db.executemany("INSERT INTO meta VALUES (?, ?)",
                       [("name", "synthetic"), ("seed", str(seed)), ("started", "-"),
                        ("version", "-"), ("experiment", "{}"), ("records_dropped", "0")])
    for number in range(world.rounds):
        shared = random.Random(f"{seed} round {number}")
        moments = world.arrivals(shared)
        pauses = [] if world.single_failures is not None else world.draw_pauses(
            own if world.own_pauses else shared)
        speed = run_speed * math.exp(own.gauss(0, world.jitter))
        epoch = SECOND
        db.execute("INSERT INTO round VALUES (?, ?, ?, ?, ?, 0, ?, 1, 0.5)",
                   (variant, number, epoch, epoch, epoch, int(world.duration * SECOND)))
        clients, requests = [], []
        outcomes = world.side(own, moments, pauses, speed, timeout, single)
        for ordinal, (at, (latency, failed)) in enumerate(zip(moments, outcomes)):
            trace = f"{number + 1:016x}{ordinal + 1:016x}"
            intended = epoch + int(at * SECOND)
            status = 504 if failed else 200
            clients.append((variant, number, trace, 0, "GET", "/", intended,
                            intended + int(latency * SECOND), status, "none", 1000))
            requests.append((variant, number, trace, "/", status,
                             "response_timeout" if failed else "none"))
        db.executemany("INSERT INTO client VALUES (?,?,?,?,?,?,?,?,?,?,?)", clients)
        db.executemany("INSERT INTO request VALUES (?,?,?,?,?,?)", requests)
