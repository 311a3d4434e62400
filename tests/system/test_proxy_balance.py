# SPDX-License-Identifier: MIT
"""Which endpoint a request goes to, by every rule of balance."""

import collections
import threading
import time

import pytest

from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

RULES = ["round_robin", "random", "two_choices", "least_requests", "peak_ewma",
         "shortest_response", "consistent_hash"]


def answering(name):
    return [repeat(read_request, response_bytes(200, name.encode()))]


def behind(gateway, upstream, balance, names="abc", weights=None, **options):
    """A gateway in front of endpoints that answer with their names."""
    servers = {name: upstream(answering(name)) for name in names}
    endpoints = [{"address": servers[name].address, "weight": (weights or {}).get(name, 1)}
                 for name in names]
    upstream_keys = {"balance": balance, **options.pop("upstream", {})}
    return gateway(*endpoints, upstream=upstream_keys, **options), servers


def answers(client, count, **request):
    return "".join(client.request(**request).body.decode() for _ in range(count))


def send_until_held(proxy, holding, other):
    """Sends requests until one stays with the endpoint that holds it; gives its client."""
    sent = 0
    while not holding.requests:
        client = proxy.connect()
        client.send(request_bytes())
        sent += 1
        wait_until(lambda: len(holding.requests) + len(other.requests) == sent, 20, "a request")
    return client


# ---- every rule


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_passes_over_one_that_is_down(gateway, upstream, refused_address, rule):
    server = upstream(answering("up"))
    proxy = gateway(refused_address, server, workers=2, upstream={
        "balance": rule, "retry": {"attempts": 2, "budget": "100%"}})
    client = proxy.connect()
    assert {client.request().body for _ in range(20)} == {b"up"}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_waits_when_all_are_at_their_limit(gateway, upstream, rule):
    gate = threading.Event()
    servers = [upstream([repeat(read_request, wait_for(gate), response_bytes(200, b"done"))])
               for _ in range(2)]
    proxy = gateway(*servers, upstream={"balance": rule, "connections": {"max": 1}})
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(request_bytes())
    for server in servers:
        server.wait_requests(1)
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 6
    assert [len(server.connections) for server in servers] == [1, 1]


# ---- in turn, at random, by the busy


def test_round_robin_is_smooth(gateway, upstream):
    proxy, _ = behind(gateway, upstream, "round_robin", weights={"a": 5})
    assert answers(proxy.connect(), 14) == "aabacaa" * 2


def test_random_follows_weights(gateway, upstream):
    proxy, _ = behind(gateway, upstream, "random", "ab", weights={"a": 3}, seed=5)
    counts = collections.Counter(answers(proxy.connect(), 400))
    assert 50 <= counts["b"] <= 150  # 100; six standard deviations are 52


@pytest.mark.parametrize("rule", ["least_requests", "two_choices"])
def test_the_busy_is_left_alone(gateway, upstream, rule):
    gate = threading.Event()
    busy = upstream([repeat(read_request, wait_for(gate), response_bytes(200, b"busy"))])
    free = upstream(answering("free"))
    proxy = gateway(busy, free, upstream={"balance": rule})
    held = send_until_held(proxy, busy, free)
    client = proxy.connect()
    assert {client.request().body for _ in range(30)} == {b"free"}
    gate.set()
    assert held.read_response().body == b"busy"
    assert len(busy.requests) == 1


@pytest.mark.parametrize("rule", ["least_requests", "two_choices"])
def test_the_heavier_is_busier(gateway, upstream, rule):
    gate = threading.Event()
    servers = [upstream([repeat(read_request, wait_for(gate), response_bytes(200, b"done"))])
               for _ in range(2)]
    proxy = gateway({"address": servers[0].address, "weight": 3}, servers[1],
                    upstream={"balance": rule})
    clients = [proxy.connect() for _ in range(8)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: sum(len(server.requests) for server in servers) == 8, 20, "all requests")
    assert [len(server.requests) for server in servers] == [6, 2]
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 8


@pytest.mark.parametrize("rule", ["peak_ewma", "shortest_response"])
def test_the_failing_is_left_alone(gateway, upstream, refused_address, rule):
    server = upstream(answering("up"))
    proxy = gateway(refused_address, server, upstream={
        "balance": rule, "retry": {"attempts": 1}})
    client = proxy.connect()
    statuses = [client.request().status for _ in range(40)]
    # It fails fast, and that does not count as a short response, however long the others take.
    assert statuses.count(502) <= 4
    assert statuses.count(502) + statuses.count(200) == 40


@pytest.mark.parametrize("rule", ["peak_ewma", "shortest_response"])
def test_the_slow_is_left_alone(gateway, upstream, rule):
    gate = threading.Event()
    slow = upstream([repeat(read_request, wait_for(gate), response_bytes(200, b"slow"))])
    fast = upstream(answering("fast"))
    proxy = gateway(slow, fast, upstream={"balance": rule})
    held = send_until_held(proxy, slow, fast)
    client = proxy.connect()
    # It takes as long as thousands of fast ones, or a busy machine's worst.
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert client.request().body == b"fast"
    gate.set()
    assert held.read_response().body == b"slow"
    assert {client.request().body for _ in range(10)} == {b"fast"}


# ---- by a key


def by_header(**more):
    return {"rule": "consistent_hash", "by": "header", "name": "X-User", **more}


@pytest.mark.threads
@pytest.mark.parametrize("table", ["ring", "maglev"])
def test_a_header_keeps_its_endpoint(gateway, upstream, table):
    proxy, _ = behind(gateway, upstream, by_header(table=table), "abcd", workers=2)
    homes = {}
    for user in range(40):
        # Connections of their own: workers agree.
        homes[user] = {proxy.request(headers={"x-user": f"user-{user}"}).body for _ in range(3)}
    assert all(len(home) == 1 for home in homes.values())
    assert len(set.union(*homes.values())) > 1


@pytest.mark.parametrize("table", ["ring", "maglev"])
def test_the_heavier_is_home_to_more(gateway, upstream, table):
    proxy, _ = behind(gateway, upstream, by_header(table=table), "abcd", weights={"a": 9})
    client = proxy.connect()
    homes = "".join(answers(client, 1, headers={"X-User": f"user-{user}"}) for user in range(200))
    # 150 expected, give or take what the ring is uneven; 50 if weights did not count.
    assert homes.count("a") > 100


def test_a_cookie_keeps_its_endpoint(gateway, upstream):
    proxy, _ = behind(gateway, upstream, {"rule": "consistent_hash", "by": "cookie",
                                          "name": "sid"}, "abcd")
    client = proxy.connect()
    assert len(set(answers(client, 20, headers={"Cookie": "theme=dark; sid=1a"}))) == 1
    assert len(set(answers(client, 60, headers={"Cookie": "theme=dark; xsid=1a"}))) > 1


def test_a_path_keeps_its_endpoint(gateway, upstream):
    proxy, _ = behind(gateway, upstream, {"rule": "consistent_hash", "by": "path"}, "abcd")
    client = proxy.connect()
    homes = {n: {client.request(path=f"/item/{n}?try={i}").body for i in range(3)}
             for n in range(40)}
    assert all(len(home) == 1 for home in homes.values())
    assert len(set.union(*homes.values())) > 1


def test_a_client_keeps_its_endpoint(gateway, upstream):
    proxy, _ = behind(gateway, upstream, "consistent_hash", "abcd", workers=2)
    assert len({proxy.request().body for _ in range(20)}) == 1


def test_keys_of_one_that_is_down_go_to_another(gateway, upstream, refused_address):
    servers = {name: upstream(answering(name)) for name in "ab"}
    proxy = gateway(refused_address, *servers.values(), upstream={
        "balance": by_header(), "retry": {"attempts": 2, "budget": "100%"}})
    client = proxy.connect()
    for user in range(40):
        fields = {"X-User": f"user-{user}"}
        assert {client.request(headers=fields).body for _ in range(2)} in ({b"a"}, {b"b"})


def test_bounded_load(gateway, upstream):
    gate = threading.Event()
    servers = [upstream([repeat(read_request, wait_for(gate), response_bytes(200, b"done"))])
               for _ in range(2)]
    proxy = gateway(*servers, upstream={"balance": by_header(bound="125%")})
    clients = [proxy.connect() for _ in range(20)]
    for client in clients:
        client.send(request_bytes(headers={"X-User": "everybody"}))
    wait_until(lambda: sum(len(server.requests) for server in servers) == 20, 20, "all requests")
    # An even part of 20 is 10, and a quarter more is 13 at the most.
    assert sorted(len(server.requests) for server in servers) in ([7, 13], [8, 12])
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 20


# ---- what is shown and refused


def test_metrics_by_endpoint(gateway, upstream):
    proxy, servers = behind(gateway, upstream, "round_robin", "ab", weights={"a": 3},
                            workers=2, admin={"address": "127.0.0.1:0"})
    answers(proxy.connect(), 8)
    figures = proxy.metrics()
    label = {name: 'upstream="app",endpoint="%s"' % server.address
             for name, server in servers.items()}
    assert figures["endpoint_attempts_total{%s}" % label["a"]] == 6
    assert figures["endpoint_attempts_total{%s}" % label["b"]] == 2
    assert figures["endpoint_connections{%s}" % label["a"]] == 1


@pytest.mark.parametrize("balance, message", [
    ("rownd_robin", "rownd_robin"),
    ({"rule": "random", "by": "path"}, '"by" is for the rule consistent_hash, not for random'),
    ({"rule": "consistent_hash", "by": "header"}, 'a hash by header has to have a "name"'),
    ({"rule": "consistent_hash", "by": "path", "name": "x"}, 'a hash by path has no "name"'),
    ({"rule": "consistent_hash", "by": "header", "name": "a b"}, '"a b" cannot be the name'),
    ({"rule": "consistent_hash", "bound": "50%"}, '"bound" must be 100% or more'),
])
def test_what_is_refused(command, write_config, balance, message):
    done = command("check", write_config({
        "listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": ["127.0.0.1:9"], "balance": balance}}}))
    assert done.returncode == 2 and message in done.stderr + done.stdout
