# SPDX-License-Identifier: MIT
"""What a link of `tailgate chaos` costs, and how exact its delays are, beside Toxiproxy where that is
installed and beside the relay that does nothing but pass bytes on."""

import dataclasses

from scenarios import KIB, LINK, RELAY, TOXIPROXY, Aim, Scenario

DIRECT = "backend"  # without anything between
DELAY_MS = 20


@dataclasses.dataclass(frozen=True)
class Delay:
    """A fault of DELAY_MS on every response: how much later they come than over the same link without
    it, at a rate at which nobody is busy. And what a link without faults adds to no link at all."""
    name: str
    title: str
    scenario: Scenario
    rate: int
    connections: int = 64  # so many that nobody waits for one: 4 are busy on average
    median_off_ms: float = 0.1
    p99_off_ms: float = 0.5
    idle_share: float = 0.5  # of what Toxiproxy adds


SCENARIOS = (
    Scenario("link", "a link without faults, small response", 128,
             (Aim(TOXIPROXY, 0.75, LINK), Aim(RELAY, None, LINK)), (RELAY,), peers=(TOXIPROXY,),
             subject=LINK, latency=False),
    Scenario("link-64k", "a link without faults, 64 KiB response", 64 * KIB,
             (Aim(TOXIPROXY, 0.5, LINK), Aim(RELAY, None, LINK)), (RELAY,), connections=32,
             peers=(TOXIPROXY,), subject=LINK, latency=False),
)

DELAY = Delay("link-delay", f"a link with {DELAY_MS} ms of latency", SCENARIOS[0], rate=200)
