# SPDX-License-Identifier: MIT
"""What is measured: one row per scenario. A new scenario is a new row, with a Setup when the
candidates have to be configured for it."""

import dataclasses

KIB = 1024
MIB = 1024 * KIB

BETTER = "the better peer"
PEERS = ("nginx", "HAProxy")
TAILGATE = "Tailgate"
NO_RECORDS = "Tailgate without records"
FAULTS = "Tailgate with faults"
RELAY = "relay"
TOXIPROXY = "Toxiproxy"
LINK = "Tailgate, link"


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a scenario adds to the configurations (servers.py)."""
    nginx_listen: str = ""  # behind `listen ADDRESS`
    nginx_server: str = ""  # lines of the server
    haproxy_bind: str = ""  # behind `bind ADDRESS`
    haproxy_front: str = ""  # lines of the frontend
    tailgate: dict = dataclasses.field(default_factory=dict)  # keys of the proxy
    tailgate_listener: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Aim:
    """`subject` costs at most `limit` times what `base` costs; no limit: it is only stated."""
    base: str
    limit: float | None = None
    subject: str = TAILGATE


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    size: int  # bytes of a response's body
    aims: tuple
    others: tuple = ()  # candidates beside the peers and the subject
    peers: tuple = PEERS
    subject: str = TAILGATE
    connections: int = 64
    new_connections: bool = False  # one for each request
    scheme: str = "http"
    setup: Setup = Setup()
    latency: bool = True  # p99 at half of the saturated rate as well

    @property
    def candidates(self):
        return (*self.peers, self.subject, *self.others)


@dataclasses.dataclass(frozen=True)
class Memory:
    """Idle clients that are held, each after a request."""
    scenario: Scenario
    clients: int
    limit: float | None = None  # KiB for each; None: it is only stated

    @property
    def title(self):
        return f"{self.clients} {self.scenario.title}"


SCENARIOS = (
    Scenario("keep-alive", "keep-alive, small response", 128,
             (Aim(BETTER, 0.90), Aim(RELAY)), (RELAY,)),
    Scenario("new-connection", "new connection per request", 128,
             (Aim(BETTER, 0.90), Aim("relay, pooled")), ("relay, pooled",), new_connections=True),
    Scenario("64k", "64 KiB response", 64 * KIB,
             (Aim(BETTER, 0.85), Aim(RELAY), Aim("relay, splice")), (RELAY, "relay, splice"),
             connections=32),
    Scenario("1m", "1 MiB response", MIB,
             (Aim(BETTER, 0.85), Aim(RELAY), Aim("relay, splice")), (RELAY, "relay, splice"),
             connections=16),
    Scenario("recording", "recording on against off, keep-alive", 128,
             (Aim(NO_RECORDS, 1.03),), (NO_RECORDS,), latency=False),
    Scenario("faults", "faults of which none matches against none, keep-alive", 128,
             (Aim(TAILGATE, 1.01, subject=FAULTS),), (FAULTS,), peers=(), latency=False),
    Scenario("cleanup", "cleanup strategies, keep-alive", 128,
             (Aim("Tailgate, inline"), Aim("Tailgate, inline", subject="Tailgate, deferred")),
             ("Tailgate, inline", "Tailgate, deferred"), latency=False),
    Scenario("access-log", "keep-alive, everybody writes an access log", 128, (Aim(BETTER),),
             setup=Setup(
                 nginx_server="access_log {folder}/access.log combined buffer=64k flush=1s;",
                 haproxy_front="log stdout format raw local0\n    option httplog",
                 tailgate={"access_log": "{folder}/tailgate-access.log"}), latency=False),
)

MEMORY = Memory(Scenario("memory", "idle keep-alive clients", 128, ()), 9000, 1.0)
