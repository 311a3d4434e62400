# SPDX-License-Identifier: MIT
"""Limits on the requests under way: who is refused, who waits, and that each permit comes back."""

import threading
import time

import pytest

from upstream import close, read_request, repeat, wait_for
from waiting import wait_until
from wire import Client, response_bytes

OK = response_bytes(200, b"ok")
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def gate():
    """An event the scripts wait for; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def limited(limit, **options):
    return {"concurrency": {"limit": limit, **options}}


def states(proxy):
    return [(row["state_kind"], row["subject"], row["value"]) for row in proxy.records("state")]


def test_what_is_beyond_the_limit_is_shed(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream=limited(2))
    clients = [proxy.connect() for _ in range(2)]
    for client in clients:
        client.send(GET)
    server.wait_requests(2)
    for _ in range(3):
        refused = proxy.request()
        assert refused.status == 503 and "shed" in refused.header("Proxy-Status")
    gate.set()
    assert [client.read_response().status for client in clients] == [200, 200]
    assert proxy.request().status == 200
    rows = proxy.wait_records("request", 6)
    assert sorted(row["cause"] for row in rows) == ["none"] * 3 + ["shed"] * 3
    assert [row["attempts"] for row in rows if row["cause"] == "shed"] == [0] * 3
    assert states(proxy)[:1] == [("shedding_begun", "app", 2)]
    assert [kind for kind, *_ in states(proxy)].count("shedding_begun") == 1


def test_the_end_of_shedding_is_written_down(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream=limited(1))
    client = proxy.connect()
    client.send(GET)
    server.wait_requests(1)
    assert proxy.request().status == 503
    gate.set()
    assert client.read_response().status == 200
    # A second without a refusal ends it, at the next request that is let through.
    wait_until(lambda: time.sleep(1.1) or client.request().status == 200 and
               len(states(proxy)) > 1, 60, "the end")
    assert states(proxy) == [("shedding_begun", "app", 1), ("shedding_ended", "app", 1)]


def test_every_way_out_gives_the_permit_back(gateway, upstream, gate):
    server = upstream([read_request, close], [read_request, wait_for(gate)],
                      [repeat(read_request, OK)])
    proxy = gateway(server, upstream={**limited(1), "timeout": {"response": "200ms"},
                                      "retry": {"attempts": 1}})
    assert proxy.request().status == 502
    assert proxy.request().status == 504
    client = proxy.connect()
    assert [client.request().status for _ in range(3)] == [200] * 3


def test_a_client_that_leaves_gives_it_back(gateway, upstream, gate):
    server = upstream([read_request, wait_for(gate)], [repeat(read_request, OK)])
    proxy = gateway(server, upstream=limited(1))
    client = proxy.connect()
    client.send(GET)
    server.wait_requests(1)
    assert proxy.request().status == 503
    client.close()
    wait_until(lambda: proxy.request().status == 200, 20, "the permit")


def test_requests_may_wait(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, admin="127.0.0.1:0", upstream=limited(1, queue=1, max_wait="1h"))
    first, second = proxy.connect(), proxy.connect()
    first.send(GET)
    server.wait_requests(1)
    second.send(GET)
    proxy.refused()  # all that was sent before has been read
    assert proxy.request().status == 503
    figures = proxy.metrics()
    assert figures['concurrency_limit{upstream="app"}'] == 1
    assert figures['concurrency_in_flight{upstream="app"}'] == 1
    gate.set()
    assert [client.read_response().status for client in (first, second)] == [200, 200]
    assert proxy.metrics()["concurrency_held_total"] == 1
    assert max(row["queue_ns"] for row in proxy.wait_records("request", 4)) > 0


def test_waiting_has_an_end(gateway, upstream, gate):
    server = upstream([read_request, wait_for(gate), OK])
    proxy = gateway(server, upstream=limited(1, queue=10, max_wait="150ms"))
    first = proxy.connect()
    first.send(GET)
    server.wait_requests(1)
    assert proxy.request().status == 503
    row = proxy.wait_records("request", 1)[0]
    assert row["cause"] == "shed" and row["queue_ns"] >= 150_000_000


def test_who_leaves_the_queue_makes_room(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream=limited(1, queue=1, max_wait="1h"))
    first, second = proxy.connect(), proxy.connect()
    first.send(GET)
    server.wait_requests(1)
    second.send(GET)
    proxy.refused()
    second.close()
    proxy.wait_records("request", 2)
    third = proxy.connect()
    third.send(GET)
    proxy.refused()
    gate.set()
    assert [client.read_response().status for client in (first, third)] == [200, 200]


def test_a_routes_own_limit_stands_in_place_of_the_upstreams(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream=limited(1), routes=[
        {"path": "/", "upstream": "app"},
        {"path": "/own", "upstream": "app", "concurrency": {"limit": 2}}])
    clients = [proxy.connect() for _ in range(3)]
    for client, path in zip(clients, (b"/", b"/own", b"/own")):
        client.send(GET.replace(b"/ ", path + b" "))
    server.wait_requests(3)
    assert [proxy.request(path=path).status for path in ("/", "/own")] == [503, 503]
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 3


@pytest.mark.threads
def test_workers_share_the_limit(gateway, upstream, gate):
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, workers=4, upstream=limited(4, queue=4, max_wait="1h"))
    clients = [proxy.connect() for _ in range(16)]
    for client in clients:
        client.send(GET)
    proxy.wait_records("request", 8)
    assert len(server.wait_requests(4)) == 4
    gate.set()
    got = sorted(client.read_response().status for client in clients)
    assert got == [200] * 8 + [503] * 8


def test_an_adaptive_limit_rises_under_load(gateway, upstream):
    server = upstream([repeat(read_request, OK)])
    proxy = gateway(server, admin="127.0.0.1:0", upstream=limited(
        1, adaptive=True, min=1, window="1ms", tolerance="1000%"))
    client = proxy.connect()

    def limit():
        assert client.request().status == 200
        return proxy.metrics()['concurrency_limit{upstream="app"}']

    wait_until(lambda: limit() > 1, 60, "a higher limit")
    wait_until(lambda: any(kind == "concurrency_limit" for kind, *_ in states(proxy)) or
               limit() is None, 60, "a record of it")


def test_an_adaptive_limit_falls_when_requests_take_longer(gateway, upstream):
    """And stays between its bounds."""
    pause = [0]
    server = upstream([repeat(read_request, lambda conn: time.sleep(pause[0]), OK)])
    proxy = gateway(server, admin="127.0.0.1:0", upstream=limited(
        32, adaptive=True, min=16, max=32, window="1ms", memory="1h", tolerance="500%",
        smoothing="100%"))
    clients = [proxy.connect() for _ in range(32)]

    def limit():
        for client in clients:
            client.send(GET)
        assert {client.read_response().status for client in clients} <= {200, 503}
        now = proxy.metrics()['concurrency_limit{upstream="app"}']
        assert 16 <= now <= 32
        return now

    for _ in range(3):
        limit()
    wait_until(lambda: limit() == 32, 60, "all of it while requests are fast")
    pause[0] = 3
    wait_until(lambda: limit() == 16, 60, "the least while they are slow")


def test_a_probe_lets_few_through_and_finds_the_baseline(gateway, upstream, gate):
    server = upstream([read_request, wait_for(gate), repeat(OK, read_request)],
                      [repeat(read_request, OK)])
    proxy = gateway(server, admin="127.0.0.1:0", upstream=limited(
        20, adaptive=True, baseline="probe",
        probe={"limit": 1, "requests": 10, "every": "1h", "longest": "10m"}))

    def limit():
        return proxy.metrics()['concurrency_limit{upstream="app"}']

    first = proxy.connect()
    first.send(GET)
    server.wait_requests(1)
    assert limit() == 1
    assert proxy.request().status == 503, "while the probe lasts"
    gate.set()
    assert first.read_response().status == 200
    for _ in range(9):
        assert proxy.request().status == 200
    wait_until(lambda: limit() >= 20, 20, "the limit is back")
    probed = [value for kind, subject, value in states(proxy) if kind == "concurrency_baseline"]
    assert len(probed) == 1
    slowest = max(row["total_ns"] for row in proxy.records("request"))
    assert 0 < probed[0] <= slowest


def test_each_limit_has_figures_of_its_own(gateway, upstream):
    """Routes may have one name, and that of an upstream."""
    limit = {"concurrency": {"limit": 3}}
    proxy = gateway(upstream([repeat(read_request, OK)]), admin="127.0.0.1:0", upstream=limited(2),
                    routes=[{"name": "app", "path": "/a", "upstream": "app", **limit},
                            {"name": "app", "path": "/b", "upstream": "app", **limit},
                            {"name": "other", "path": "/", "upstream": "app", **limit}])
    assert proxy.request().status == 200
    address = proxy.process.wait_log("/metrics on").split()[-1]
    with Client(address) as client:
        lines = client.request(path="/metrics").body.decode().splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(set(series)) == len(series)
    assert [line for line in lines if line.startswith("tailgate_concurrency_limit{")] == [
        'tailgate_concurrency_limit{upstream="app"} 2',
        'tailgate_concurrency_limit{route="app",place="1"} 3',
        'tailgate_concurrency_limit{route="app",place="2"} 3',
        'tailgate_concurrency_limit{route="other"} 3']


@pytest.mark.parametrize("limit, message", [
    ({"adaptive": True}, "limit"),
    ({"limit": 5, "baseline": "probe"}, "expected \"adaptive\": true"),
    ({"limit": 5, "adaptive": True, "probe": {}}, "expected \"baseline\": \"probe\""),
    ({"limit": 5, "adaptive": True, "baseline": "probe", "memory": "1s"},
     "expected \"baseline\": \"average\""),
    ({"limit": 5, "adaptive": True, "baseline": "probe", "probe": {"every": "1ms"}}, "every"),
    ({"limit": 5, "min": 3}, "expected \"adaptive\": true"),
    ({"limit": 2, "adaptive": True}, "expected 4 to 1000"),
    ({"limit": 5, "max_wait": "1s"}, "which has no room"),
])
def test_what_makes_no_sense_is_refused(command, write_config, limit, message):
    path = write_config({"listeners": ["127.0.0.1:0"],
                         "routes": [{"path": "/", "upstream": "app"}], "upstreams": {
                             "app": {"endpoints": ["127.0.0.1:9"], "concurrency": limit}}},
                        "proxy.json")
    done = command("check", path)
    assert done.returncode == 2 and message in done.stderr
