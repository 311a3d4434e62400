# SPDX-License-Identifier: MIT
"""Hedging: when a request is sent a second time, which answer the client gets, and what is written
down about the others."""

import threading
import time

import pytest

from upstream import close, read_request, repeat, reset, wait_for
from waiting import wait_until
from wire import response_bytes

FAST = response_bytes(200, b"fast")
SLOW = response_bytes(200, b"slow")
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def gate():
    """An event the scripts wait for; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def slow(upstream, gate):
    """An endpoint that answers when the gate is open."""
    return upstream([repeat(read_request, wait_for(gate), SLOW)])


@pytest.fixture
def fast(upstream):
    return upstream([repeat(read_request, FAST)])


def hedged(**options):
    return {"hedge": {"delay": "30ms", "budget": "100%", **options}}


def tries(proxy, count):
    return [(row["number"], row["endpoint"], row["outcome"])
            for row in proxy.wait_records("attempt", count)]


def test_the_second_try_wins(gateway, slow, fast, gate):
    proxy = gateway(slow, fast, admin="127.0.0.1:0", upstream=hedged())
    response = proxy.request()
    assert (response.status, response.body) == (200, b"fast")
    assert tries(proxy, 2) == [(1, slow.address, "hedge_lost"), (2, fast.address, "none")]
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["attempts"]) == (200, "none", 2)
    gate.set()
    assert slow.connections[0].over.wait(20) and slow.connections[0].closed_by_peer
    figures = proxy.metrics()
    assert [figures[f"hedges_{name}total"] for name in ("", "won_", "lost_")] == [1, 1, 1]
    # The tries were under way at the same time.
    first, second = proxy.records("attempt")
    assert second["started_ns"] - first["started_ns"] >= 30_000_000


def test_the_first_try_wins(gateway, upstream, slow, gate):
    first_gate = threading.Event()
    first = upstream([repeat(read_request, wait_for(first_gate), FAST)])
    proxy = gateway(first, slow, upstream=hedged())
    client = proxy.connect()
    client.send(GET)
    slow.wait_requests(1)
    first_gate.set()
    assert client.read_response().body == b"fast"
    assert tries(proxy, 2) == [(1, first.address, "none"), (2, slow.address, "hedge_lost")]
    # The connection of the winner is used again.
    assert client.request().status == 200
    assert len(first.connections) == 1 or len(slow.connections) >= 1


def test_quick_answers_are_not_hedged(gateway, fast, upstream):
    other = upstream([repeat(read_request, FAST)])
    proxy = gateway(fast, other, upstream=hedged(delay="1h"))
    client = proxy.connect()
    assert [client.request().status for _ in range(5)] == [200] * 5
    assert len(proxy.wait_records("attempt", 5)) == 5


@pytest.mark.parametrize("ending, outcome", [(close, "closed_before_response"),
                                             (reset, "reset_before_response"),
                                             (b"garbage\r\n\r\n", "response_malformed")])
def test_a_try_that_fails_leaves_the_other(gateway, upstream, ending, outcome):
    """Whichever fails, the other goes on; no retry is needed."""
    first_gate, second_gate = threading.Event(), threading.Event()
    first = upstream([read_request, wait_for(first_gate), ending])
    second = upstream([read_request, wait_for(second_gate), FAST])
    proxy = gateway(first, second, upstream={**hedged(), "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(GET)
    second.wait_requests(1)
    first_gate.set()
    proxy.wait_records("attempt", 1)
    second_gate.set()
    assert client.read_response().body == b"fast"
    assert tries(proxy, 2) == [(1, first.address, outcome), (2, second.address, "none")]


def test_a_hedge_that_fails_leaves_the_first(gateway, upstream, slow, gate):
    second = upstream([read_request, close])
    proxy = gateway(slow, second, upstream={**hedged(), "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(GET)
    proxy.wait_records("attempt", 1)
    gate.set()
    assert client.read_response().body == b"slow"
    assert tries(proxy, 2) == [(1, slow.address, "none"),
                               (2, second.address, "closed_before_response")]


def test_a_hedge_that_cannot_connect_leaves_the_first(gateway, slow, gate, refused_address):
    proxy = gateway(slow, refused_address, upstream={**hedged(), "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(GET)
    proxy.wait_records("attempt", 1)
    gate.set()
    assert client.read_response().body == b"slow"
    assert [outcome for *_, outcome in tries(proxy, 2)] == ["none", "connect_refused"]


def test_both_time_out(gateway, slow, upstream, gate):
    second = upstream([read_request, wait_for(gate)])
    proxy = gateway(slow, second, upstream={**hedged(), "timeout": {"response": "300ms"},
                                            "retry": {"attempts": 1}})
    assert proxy.request().status == 504
    assert [outcome for *_, outcome in tries(proxy, 2)] == ["response_timeout"] * 2
    assert proxy.only_request()["cause"] == "response_timeout"


def test_a_client_that_leaves_ends_both(gateway, slow, upstream, gate):
    second = upstream([read_request, wait_for(gate)])
    proxy = gateway(slow, second, upstream=hedged())
    client = proxy.connect()
    client.send(GET)
    second.wait_requests(1)
    client.close()
    assert [outcome for *_, outcome in tries(proxy, 2)] == ["client_abort"] * 2
    gate.set()


@pytest.mark.parametrize("method, body", [("POST", b"x"), ("PATCH", None), ("PUT", b"x" * 2000)])
def test_what_may_not_be_sent_twice_is_not(gateway, slow, fast, gate, method, body):
    proxy = gateway(slow, fast, admin="127.0.0.1:0", upstream=hedged(delay="1ms", body="1KiB"))
    client = proxy.connect()
    client.send(b"%s / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (
        method.encode(), len(body or b""), body or b""))
    slow.wait_requests(1)
    # A later request that is hedged shows that this one's delay has passed, too.
    other = proxy.connect()
    wait_until(lambda: other.request().status == 200 and proxy.metrics()["hedges_total"] >= 1,
               20, "a hedge")
    gate.set()
    assert client.read_response().body == b"slow"
    rows = [row for row in proxy.records("request") if row["method"] == method]
    assert [row["attempts"] for row in rows] == [1]


def test_a_small_body_is_sent_twice(gateway, slow, fast):
    proxy = gateway(slow, fast, upstream=hedged())
    assert proxy.request("PUT", body=b"small").body == b"fast"
    assert [request.endswith(b"small") for server in (slow, fast)
            for request in server.wait_requests(1)] == [True, True]


@pytest.mark.parametrize("budget, hedges", [("0%", 0), ("1%", 10)])
def test_the_budget(gateway, slow, fast, gate, budget, hedges):
    proxy = gateway(slow, fast, admin="127.0.0.1:0", upstream=hedged(budget=budget))
    clients = [proxy.connect() for _ in range(24)]
    for client in clients:
        client.send(GET)
    wait_until(lambda: proxy.metrics()["hedges_denied_total"] >= 2, 20, "hedges denied")
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 24
    assert proxy.metrics()["hedges_total"] == hedges


def test_the_budget_bears_a_burst(gateway, upstream, gate):
    """It is a share of the requests of the last seconds: as many may be hedged as have come, though
    all at once."""
    quick = [True]

    def serve(conn):
        if not quick:
            wait_for(gate)(conn)
        conn.sock.sendall(FAST)

    servers = [upstream([repeat(read_request, serve)]) for _ in range(2)]
    proxy = gateway(*servers, admin="127.0.0.1:0", upstream=hedged(delay="300ms", budget="100%"))
    client = proxy.connect()
    assert {client.request().status for _ in range(40)} == {200}
    quick.clear()
    clients = [proxy.connect() for _ in range(40)]
    for client in clients:
        client.send(GET)
    wait_until(lambda: proxy.metrics()["hedges_total"] >= 40, 20, "as many hedges")
    assert proxy.metrics()["hedges_denied_total"] == 0


def test_several_hedges(gateway, upstream, slow, fast, gate):
    other = upstream([read_request, wait_for(gate)])
    proxy = gateway(slow, other, fast, upstream={**hedged(max=2), "connections": {"idle": 0}})
    assert proxy.request().body == b"fast"
    got = tries(proxy, 3)
    assert sorted(outcome for *_, outcome in got) == ["hedge_lost", "hedge_lost", "none"]


def test_after_a_quantile(gateway, upstream, gate):
    """Nothing is hedged before enough was seen; then whatever takes longer than most is."""
    first = upstream([repeat(read_request, FAST)] * 1)
    stuck = threading.Event()
    second = upstream([*([read_request, FAST] * 15), repeat(read_request, wait_for(stuck), SLOW)])
    proxy = gateway(first, second, admin="127.0.0.1:0", upstream={"hedge": {
        "quantile": "90%", "minimum": 30, "window": "1h", "budget": "100%"}})
    client = proxy.connect()
    for _ in range(30):
        assert client.request().status == 200
    before = proxy.metrics()["hedges_total"]
    assert before == 0
    for _ in range(4):
        assert client.request().body == b"fast"
    assert proxy.metrics()["hedges_total"] >= 1
    stuck.set()


def test_a_quantile_of_too_few_is_none(gateway, upstream):
    quick, stuck = upstream([repeat(read_request, FAST)]), threading.Event()
    late = upstream([*([read_request, FAST] * 10), repeat(read_request, wait_for(stuck), SLOW)])
    proxy = gateway(quick, late, admin="127.0.0.1:0", upstream={"hedge": {
        "quantile": "90%", "minimum": 30, "window": "1h", "budget": "100%"}})
    client = proxy.connect()
    for _ in range(20):
        assert client.request().status == 200
    clients = [proxy.connect() for _ in range(2)]
    for client in clients:
        client.send(GET)
    late.wait_requests(11)
    time.sleep(0.5)  # far more than the quick ones took
    stuck.set()
    assert {client.read_response().body for client in clients} == {b"fast", b"slow"}
    assert proxy.metrics()["hedges_total"] == 0


def route(path, **hedge):
    return {"path": path, "upstream": "app", **({"hedge": hedge} if hedge else {})}


def endpoints_tried(proxy, path):
    """How many tries requests of that path took."""
    return [row["attempts"] for row in proxy.records("request") if row["path"] == path]


def test_a_route_switches_it_off(gateway, slow, fast, gate):
    """The others of the same upstream go on being hedged."""
    proxy = gateway(slow, fast, upstream=hedged(delay="1ms"),
                    routes=[route("/"), route("/once", max=0)])
    once = proxy.connect()
    once.send(GET.replace(b"/ ", b"/once ", 1))
    slow.wait_requests(1)
    # Each of these, begun later, meets the slow endpoint and is hedged: at least every other one.
    assert [proxy.request().body for _ in range(4)] == [b"fast"] * 4
    gate.set()
    assert once.read_response().body == b"slow"
    assert max(row["attempts"] for row in proxy.wait_records("request", 5)) == 2
    assert endpoints_tried(proxy, "/once") == [1]


def test_a_route_switches_it_on(gateway, slow, fast, gate):
    proxy = gateway(slow, fast, upstream={"hedge": {"delay": "1h", "budget": "100%"}},
                    routes=[route("/"), {**route("/soon"), "hedge": "1ms"}])
    first = proxy.connect()
    first.send(GET)
    slow.wait_requests(1)
    while not slow.requests[1:]:
        assert proxy.request(path="/soon").body == b"fast"
    gate.set()
    assert first.read_response().body == b"slow"
    assert endpoints_tried(proxy, "/") == [1]
    assert 2 in endpoints_tried(proxy, "/soon")


def test_a_route_hedges_where_the_upstream_does_not(gateway, slow, fast):
    proxy = gateway(slow, fast, routes=[route("/", delay="30ms", budget="100%")])
    assert proxy.request().body == b"fast"
    assert [outcome for *_, outcome in tries(proxy, 2)] == ["hedge_lost", "none"]


def test_what_the_route_does_not_say_is_the_upstreams(gateway, slow, fast, gate):
    """Its delay, and the limit on bodies."""
    proxy = gateway(slow, fast, upstream=hedged(delay="1ms", body="0"),
                    routes=[route("/"), route("/bodies", body="1KiB")])
    held = proxy.connect()
    held.send(GET.replace(b"GET /", b"PUT /").replace(b"\r\n\r\n",
                                                     b"\r\nContent-Length: 1\r\n\r\nx"))
    slow.wait_requests(1)
    while not slow.requests[1:]:
        assert proxy.request("PUT", "/bodies", body=b"x").body == b"fast"
    gate.set()
    assert held.read_response().body == b"slow"
    assert endpoints_tried(proxy, "/") == [1]
    assert 2 in endpoints_tried(proxy, "/bodies")


def test_routes_share_the_budget(gateway, slow, fast, gate):
    """What one route has used up is not there for another: it is one upstream that bears it."""
    proxy = gateway(slow, fast, admin="127.0.0.1:0", upstream=hedged(delay="1ms", budget="1%"),
                    routes=[route("/"), route("/a", delay="2ms"), route("/b", delay="3ms")])
    clients = [proxy.connect() for _ in range(36)]
    for number, client in enumerate(clients):
        client.send(GET.replace(b"/ ", (b"/ ", b"/a ", b"/b ")[number % 3], 1))
    wait_until(lambda: proxy.metrics()["hedges_denied_total"] >= 4, 20, "hedges denied")
    gate.set()
    assert [client.read_response().status for client in clients] == [200] * 36
    assert proxy.metrics()["hedges_total"] == 10


def test_a_routes_quantile_is_of_its_own_responses(gateway, upstream, gate):
    """Another route's responses are not enough to know what is slow on this one."""
    stuck = [repeat(read_request, wait_for(gate), SLOW)]
    first = upstream([repeat(read_request, FAST)])
    second = upstream([*([read_request, FAST] * 20), *stuck], stuck)
    proxy = gateway(first, second, admin="127.0.0.1:0", upstream={"hedge": {
        "quantile": "90%", "minimum": 40, "window": "1h", "budget": "100%"}},
                    routes=[route("/"), route("/own", minimum=40)])
    client, own = proxy.connect(), proxy.connect()
    assert [client.request().status for _ in range(40)] == [200] * 40
    assert own.request(path="/own").body == b"fast"
    own.send(GET.replace(b"/ ", b"/own ", 1))
    second.wait_requests(21)
    assert [client.request().body for _ in range(4)] == [b"fast"] * 4
    assert proxy.metrics()["hedges_total"] >= 1
    gate.set()
    assert own.read_response().body == b"slow"
    assert endpoints_tried(proxy, "/own") == [1, 1]


@pytest.mark.parametrize("cleanup", ["inline", "deferred", "pooled"])
@pytest.mark.threads
def test_many_at_once(gateway, upstream, cleanup):
    """Connections, permits and memory come back, whoever wins."""
    servers = [upstream([repeat(read_request, FAST)]) for _ in range(2)]
    proxy = gateway(*servers, workers=2, cleanup=cleanup,
                    upstream={**hedged(delay="1ms", max=2), "concurrency": {"limit": 8}})
    clients = [proxy.connect() for _ in range(8)]
    for _ in range(20):
        for client in clients:
            client.send(GET)
        assert [client.read_response().status for client in clients] == [200] * 8
    rows = proxy.wait_records("request", 160)
    assert len(proxy.records("attempt")) == sum(row["attempts"] for row in rows)


@pytest.mark.parametrize("hedge, route_hedge, message", [
    ({}, None, "exactly one of"),
    ({"delay": "1s", "quantile": "90%"}, None, "exactly one of"),
    ({"delay": "1s", "minimum": 5}, None, "are for \"quantile\""),
    (None, {"budget": "1%"}, "exactly one of"),
    ("1s", {"delay": "1s", "quantile": "90%"}, "exactly one of"),
    ("1s", {"minimum": 5}, "are for \"quantile\""),
    ({"quantile": "90%"}, {"delay": "1s", "window": "1s"}, "are for \"quantile\""),
])
def test_what_makes_no_sense_is_refused(command, write_config, hedge, route_hedge, message):
    done = command("check", checked(write_config, hedge, route_hedge))
    assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("hedge, route_hedge", [
    ({"max": 0}, "1s"), ("1s", {"max": 0}), ({"max": 0, "quantile": "90%"}, {"max": 2}),
    (None, {"max": 0}), ({"quantile": "90%", "window": "1s"}, "1s"), ("1s", {"quantile": "90%"}),
])
def test_what_makes_sense_together(command, write_config, hedge, route_hedge):
    assert command("check", checked(write_config, hedge, route_hedge)).returncode == 0


def checked(write_config, hedge, route_hedge):
    where = {"path": "/", "upstream": "app"}
    app = {"endpoints": ["127.0.0.1:9"]}
    if hedge is not None:
        app["hedge"] = hedge
    if route_hedge is not None:
        where["hedge"] = route_hedge
    return write_config({"listeners": ["127.0.0.1:0"], "routes": [where],
                         "upstreams": {"app": app}}, "proxy.json")
