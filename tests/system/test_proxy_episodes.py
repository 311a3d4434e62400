# SPDX-License-Identifier: MIT
"""What refuses many requests in a row is written down twice: when it begins and when it has ended."""

import threading

import pytest

from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"ok")
BUSY = response_bytes(503, b"busy")
COUNT = 25

# What refuses requests while one is under way, if that is needed; the kinds of the two records.
REFUSALS = [
    ({"upstream": {"connections": {"max": 1, "queue": 0}}}, "queue_shed", "queue_shed_ended"),
    ({"upstream": {"concurrency": {"limit": 1}}}, "shedding_begun", "shedding_ended"),
    ({"routes": [{"name": "app", "upstream": "app", "rate_limit": {"rate": "1/h", "burst": 1}}]},
     "rate_limiting_begun", "rate_limiting_ended"),
]


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


def states(proxy, kind):
    return [row for row in proxy.records("state") if row["state_kind"] == kind]


def assert_pairs(proxy, begun, ended, events):
    """One pair, unless the machine was so slow that a second passed between two requests."""
    counted = lambda: sum(row["value"] for row in states(proxy, ended))  # noqa: E731
    wait_until(lambda: counted() == events, 20, f"{events} events in {ended}")
    first, last = states(proxy, begun), states(proxy, ended)
    assert len(first) == len(last) < events / 2
    assert {row["subject"] for row in first + last} == {"app"}
    for before, after in zip(first, last):
        assert before["at_ns"] <= after["at_ns"]


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("options, begun, ended", REFUSALS)
def test_refusals(gateway, upstream, gate, workers, options, begun, ended):
    server = upstream([read_request, wait_for(gate), OK])
    proxy = gateway(server, workers=workers, **options)
    first = proxy.connect()
    first.send(request_bytes())
    server.wait_requests(1)
    assert {proxy.request().status for _ in range(COUNT)} <= {503, 429}
    # No further request comes, and the first one is still there.
    assert_pairs(proxy, begun, ended, COUNT)


def test_retries(gateway, upstream):
    proxy = gateway(upstream([repeat(read_request, BUSY)]), upstream={
        "retry": {"statuses": [503], "budget": "0%"}})
    client = proxy.connect()
    assert {client.request().status for _ in range(COUNT)} == {503}
    assert_pairs(proxy, "retries_exhausted", "retries_available", COUNT)


def test_hedges(gateway, upstream, gate):
    slow = upstream([read_request, wait_for(gate), OK])
    proxy = gateway(slow, admin="127.0.0.1:0", upstream={
        "hedge": {"delay": "20ms", "budget": "0%"}})
    clients = [proxy.connect() for _ in range(COUNT)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: proxy.metrics()["hedges_denied_total"] == COUNT, 20, "hedges denied")
    assert_pairs(proxy, "hedges_exhausted", "hedges_available", COUNT)
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * COUNT


def test_a_queue(gateway, upstream, gate):
    """Each request finds the pool exhausted, and leaves it available."""
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream={"connections": {"max": 1}})
    clients = [proxy.connect() for _ in range(3)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: states(proxy, "pool_exhausted"), 20, "requests wait")
    gate.set()
    for client in clients:
        assert client.read_response().status == 200
    for _ in range(COUNT):
        for client in clients:
            client.send(request_bytes())
        assert [client.read_response().status for client in clients] == [200] * 3
    wait_until(lambda: len(states(proxy, "pool_available")) == len(states(proxy, "pool_exhausted")),
               20, "the pool is available")
    assert len(states(proxy, "pool_exhausted")) < COUNT / 2


def test_the_end_of_the_gateway_ends_it(gateway, upstream):
    options, begun, ended = REFUSALS[2]
    proxy = gateway(upstream([repeat(read_request, OK)]), **options)
    client = proxy.connect()
    assert [client.request().status for _ in range(3)] == [200, 429, 429]
    assert proxy.stop() == 0
    assert sum(row["value"] for row in states(proxy, ended)) == 2
    assert len(states(proxy, begun)) == len(states(proxy, ended))
