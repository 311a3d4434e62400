# SPDX-License-Identifier: MIT
"""Circuit breakers: when an upstream is left alone, and how it is tried again."""

import threading
import time

import pytest

from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

pytestmark = pytest.mark.threads  # a breaker is one for all workers

ADMIN = {"address": "127.0.0.1:0"}


class Service:
    """A script that answers as the test says."""

    def __init__(self, status=500):
        self.status = status
        self.gate = None

    def script(self):
        return [repeat(read_request, self._answer)]

    def _answer(self, conn):
        if self.gate:
            wait_for(self.gate)(conn)
        conn.sock.sendall(response_bytes(self.status, b"answer"))


def breaker(**keys):
    return {"breaker": {"open_for": "5m", "window": "10m", **keys}, "retry": {"attempts": 1}}


def states(proxy):
    return [row["state_kind"] for row in proxy.records("state")]


def statuses(proxy, count):
    """Of requests on connections of their own: workers take turns."""
    return [proxy.request().status for _ in range(count)]


# ---- what opens it


@pytest.mark.parametrize("workers", [1, 2])
def test_error_ratio(gateway, upstream, workers):
    service = Service(200)
    server = upstream(service.script())
    proxy = gateway(server, workers=workers, admin=ADMIN,
                    upstream=breaker(error_ratio="50%", minimum=6))
    assert statuses(proxy, 4) == [200] * 4
    # A call is counted when its try is over, which may be after its client has the answer.
    proxy.wait_records("attempt", 4)
    service.status = 500
    assert statuses(proxy, 4) == [500] * 4
    proxy.wait_records("attempt", 8)
    assert statuses(proxy, 4) == [503] * 4
    assert len(server.requests) == 8
    (row,) = proxy.records("state")
    assert (row["state_kind"], row["subject"], row["value"]) == ("breaker_opened", "app", 4)
    refused = proxy.wait_records("request", 12)[-1]
    assert (refused["cause"], refused["attempts"]) == ("breaker_open", 0)
    figures = proxy.metrics()
    assert figures['breaker_state{upstream="app"}'] == 1
    assert figures["breaker_openings_total"] == 1
    assert figures['failures_total{cause="breaker_open"}'] == 4
    assert "4 of 8 calls failed" in proxy.process.log()


def test_error_count(gateway, refused_address):
    proxy = gateway(refused_address, upstream=breaker(error_count=3))
    assert statuses(proxy, 5) == [502] * 3 + [503] * 2


def test_what_is_long_ago_does_not_count(gateway, refused_address):
    proxy = gateway(refused_address, upstream=breaker(error_count=2, window="100ms"))
    for _ in range(4):
        assert proxy.request().status == 502
        time.sleep(0.3)


def test_slow_ratio(gateway, upstream):
    server = upstream([repeat(read_request, lambda conn: time.sleep(0.3), response_bytes(200))])
    proxy = gateway(server, upstream=breaker(slow_ratio="50%", slow_call="200ms", minimum=3))
    assert statuses(proxy, 5) == [200] * 3 + [503] * 2
    assert "3 of 3 calls were slow" in proxy.process.log()


def test_clients_that_do_not_wait_say_that_it_is_slow(gateway, upstream):
    gate = threading.Event()
    server = upstream([repeat(read_request, wait_for(gate), response_bytes(200))])
    proxy = gateway(server, upstream=breaker(slow_ratio="50%", slow_call="50ms", minimum=2,
                                             error_ratio="1%"))
    for number in range(2):
        client = proxy.connect()
        client.send(request_bytes())
        server.wait_requests(number + 1)
        time.sleep(0.2)
        client.close()
        proxy.wait_records("request", number + 1)
    assert proxy.request().status == 503
    gate.set()


@pytest.mark.parametrize("status", [200, 404])
def test_what_does_not_open_it(gateway, upstream, status):
    proxy = gateway(upstream(Service(status).script()), upstream=breaker(
        error_ratio="1%", error_count=1, minimum=1, slow_ratio="1%", slow_call="1m"))
    assert statuses(proxy, 10) == [status] * 10
    assert states(proxy) == []


def test_what_counts(gateway, upstream):
    proxy = gateway(upstream(Service(500).script()), upstream=breaker(
        error_count=1, counts=["connect"]))
    assert statuses(proxy, 5) == [500] * 5


# ---- half open


def half_open(gateway, upstream, service, **keys):
    """A breaker that three failures have opened, for a short time."""
    server = upstream(service.script())
    proxy = gateway(server, upstream=breaker(
        **{"error_ratio": "100%", "minimum": 3, "open_for": "100ms", **keys}))
    client = proxy.connect()
    assert [client.request().status for _ in range(3)] == [500] * 3
    return proxy, client, server


def test_good_probes_close_it(gateway, upstream):
    service = Service()
    proxy, client, _ = half_open(gateway, upstream, service, probes=2)
    service.status = 200
    wait_until(lambda: client.request().status == 200, 10, "a probe")
    assert [client.request().status for _ in range(5)] == [200] * 5
    assert states(proxy) == ["breaker_opened", "breaker_half_open", "breaker_closed"]


def test_bad_probes_open_it_again(gateway, upstream):
    proxy, client, server = half_open(gateway, upstream, Service(), probes=1)
    wait_until(lambda: client.request().status == 500, 10, "a probe")
    assert states(proxy)[:3] == ["breaker_opened", "breaker_half_open", "breaker_opened"]
    assert len(server.requests) == 4


def test_no_more_than_the_probes_are_let_through(gateway, upstream):
    service = Service()
    proxy, client, server = half_open(gateway, upstream, service, probes=2)
    service.gate = threading.Event()
    service.status = 200
    held = []

    def probes():
        """A request is either held by the upstream or refused."""
        other = proxy.connect()
        other.send(request_bytes())
        other.sock.settimeout(0.05)
        try:
            assert other.read_response().status == 503
        except TimeoutError:
            other.sock.settimeout(20)
            held.append(other)
        return len(server.requests) == 5

    wait_until(probes, 20, "two probes")
    assert client.request().status == 503
    assert len(server.requests) == 5
    service.gate.set()
    assert {other.read_response().status for other in held} <= {200, 503}
    wait_until(lambda: "breaker_closed" in states(proxy), 10, "it is closed")
    assert client.request().status == 200


def test_a_probe_that_nobody_waits_for_gives_its_place_back(gateway, upstream):
    service = Service()
    proxy, client, server = half_open(gateway, upstream, service, probes=1)
    service.gate = threading.Event()
    wait_until(lambda: send_probe(proxy, server, 4), 20, "a probe")
    service.gate.set()
    service.gate, service.status = None, 200
    wait_until(lambda: client.request().status == 200, 10, "another probe")


def send_probe(proxy, server, count):
    """Sends a request and leaves as soon as the upstream has it; False when it was refused."""
    client = proxy.connect()
    client.send(request_bytes())
    wait_until(lambda: len(server.requests) >= count or is_answered(client), 10, "either")
    client.close()
    return len(server.requests) >= count


def is_answered(client):
    client.sock.settimeout(0.01)
    try:
        return client.read_response().status == 503
    except TimeoutError:
        return False


# ---- retries and queues


def test_no_retry_through_an_open_breaker(gateway, upstream):
    server = upstream(Service(503).script())
    proxy = gateway(server, upstream={**breaker(error_count=1), "retry": {
        "attempts": 5, "statuses": [503]}})
    response = proxy.request()
    assert (response.status, response.body) == (503, b"answer")  # the upstream's own
    assert proxy.only_request()["attempts"] == 1


def test_those_that_wait_are_refused(gateway, upstream):
    service = Service()
    service.gate = threading.Event()
    server = upstream(service.script())
    proxy = gateway(server, upstream={**breaker(error_count=1), "connections": {"max": 1}})
    clients = [proxy.connect() for _ in range(4)]
    for client in clients:
        client.send(request_bytes())
    server.wait_requests(1)
    wait_until(lambda: "pool_exhausted" in states(proxy), 10, "requests wait")
    service.gate.set()
    assert sorted(client.read_response().status for client in clients) == [500, 503, 503, 503]
    assert len(server.requests) == 1


# ---- reload


def test_a_reload_does_not_close_it(gateway, refused_address):
    proxy = gateway(refused_address, admin=ADMIN, upstream=breaker(error_count=2))
    client = proxy.connect()
    assert [client.request().status for _ in range(3)] == [502, 502, 503]
    proxy.reload(proxy.config)
    assert client.request().status == 503
    without = {**proxy.config, "upstreams": {"app": {
        key: value for key, value in proxy.config["upstreams"]["app"].items()
        if key != "breaker"}}}
    proxy.reload(without)
    assert client.request().status == 502
    assert proxy.metrics()['breaker_state{upstream="app"}'] == 0


# ---- configuration


@pytest.mark.parametrize("keys, message", [
    ({"window": "5s"}, 'a breaker needs "error_ratio", "error_count" or "slow_ratio"'),
    ({"slow_call": "1s", "error_count": 1}, '"slow_ratio" must say how many'),
    ({"error_ratio": "120%"}, "error_ratio"),
    ({"error_count": 1, "counts": ["4xx"]}, "4xx"),
])
def test_what_is_refused(command, write_config, keys, message):
    done = command("check", write_config({
        "listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": ["127.0.0.1:9"], "breaker": keys}}}))
    assert done.returncode == 2 and message in done.stderr + done.stdout
