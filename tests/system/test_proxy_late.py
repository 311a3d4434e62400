# SPDX-License-Identifier: MIT
"""What a timeout hides: tries that were given up are listened to, and their records say how late the
response really was, or for how long none came."""

import threading

import pytest

from test_proxy_tls import authority  # noqa: F401
from tls import secure, serving
from upstream import close, finish_sending, read_request, reset, wait_for
from waiting import wait_until
from wire import response_bytes

OK = response_bytes(200, b"hello")
MS = 1_000_000
ADMIN = {"address": "127.0.0.1:0"}


def listening(window="30s", response="150ms", **more):
    return {"timeout": {"response": response}, "late": {"window": window}, **more}


@pytest.fixture
def later():
    """An event for which scripts wait; it is set at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def only_attempt(proxy):
    return proxy.wait_records("attempt", 1)[0]


def assert_let_go(server, connection=0):
    conn = server.wait_connections(connection + 1)[connection]
    assert conn.over.wait(10) and conn.closed_by_peer


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 O"])
def test_how_late_it_came(gateway, upstream, later, before):
    """Interim responses, and pieces of a head, are not the response."""
    rest = OK[len(before):] if before and OK.startswith(before) else OK
    server = upstream([read_request, before, wait_for(later), rest])
    proxy = gateway(server, upstream=listening())
    assert proxy.request().status == 504
    assert proxy.only_request()["cause"] == "response_timeout"
    assert proxy.records("attempt") == []  # not all is known of it
    assert not later.wait(0.3)
    later.set()
    row = only_attempt(proxy)
    assert row["outcome"] == "response_timeout"
    assert row["late_ns"] == row["listened_ns"] >= 300 * MS
    assert_let_go(server)


def test_what_the_backend_says_of_the_time_it_took(gateway, upstream, later):
    """What the timeout hid: was it the lock, or the work?"""
    said = response_bytes(200, b"hello", {"Server-Timing": "queue;dur=250, work;dur=1.5"})
    proxy = gateway(upstream([read_request, wait_for(later), said]), upstream=listening())
    assert proxy.request().status == 504
    later.set()
    row = only_attempt(proxy)
    assert (row["backend_queue_ns"], row["backend_work_ns"]) == (250 * MS, 3 * MS // 2)
    assert "status" not in row or row["status"] in (0, None)  # the client got none of it


def test_the_real_latency_is_that_of_the_endpoint(gateway, upstream):
    """What the client waited and what it would have waited more: what it would have taken."""
    pause = threading.Event()
    server = upstream([read_request, lambda conn: pause.wait(0.8), OK])
    proxy = gateway(server, upstream=listening())
    assert proxy.request().status == 504
    row = only_attempt(proxy)
    assert row["late_ns"] > 0
    assert proxy.only_request()["total_ns"] + row["late_ns"] >= 790 * MS


def test_nothing_came(gateway, upstream):
    server = upstream([read_request])
    proxy = gateway(server, upstream=listening("250ms"))
    assert proxy.request().status == 504
    row = only_attempt(proxy)
    assert "late_ns" not in row and row["listened_ns"] >= 250 * MS
    assert_let_go(server)


@pytest.mark.parametrize("end", [close, reset, finish_sending])
def test_the_endpoint_gives_up_as_well(gateway, upstream, later, end):
    server = upstream([read_request, wait_for(later), end])
    proxy = gateway(server, upstream=listening())
    assert proxy.request().status == 504
    later.set()
    row = only_attempt(proxy)
    assert "late_ns" not in row and row["listened_ns"] >= 0


@pytest.mark.parametrize("answer", [b"what is this\r\n\r\n", b"x" * 5000])
def test_what_is_no_response_is_an_answer(gateway, upstream, later, answer):
    server = upstream([read_request, wait_for(later), answer])
    proxy = gateway(server, upstream=listening(late={"window": "30s", "bytes": "4KiB"}))
    assert proxy.request().status == 504
    later.set()
    assert only_attempt(proxy)["late_ns"] > 0


def test_as_many_as_may_be(gateway, upstream, later):
    server = upstream(*[[read_request, wait_for(later), OK]] * 2)
    proxy = gateway(server, admin=ADMIN,
                    upstream=listening(late={"window": "30s", "connections": 1}))
    for _ in range(2):
        assert proxy.request().status == 504
    row = only_attempt(proxy)  # the one too many
    assert "listened_ns" not in row
    assert proxy.metric("late_listened_total") == 1
    assert proxy.metric("late_refused_total") == 1
    later.set()
    assert sorted("late_ns" in row for row in proxy.wait_records("attempt", 2)) == [False, True]


def test_its_place_is_free(gateway, upstream, later):
    """The limit on connections is for those that carry requests."""
    server = upstream([read_request, wait_for(later), OK], [read_request, OK])
    proxy = gateway(server, upstream=listening(connections={"max": 1, "queue": 0}))
    client = proxy.connect()
    assert client.request().status == 504
    assert client.request().body == b"hello"
    later.set()
    rows = proxy.wait_records("attempt", 2)
    assert ["late_ns" in row for row in rows] == [True, False]


def test_each_try_that_is_given_up(gateway, upstream, later):
    server = upstream([read_request, wait_for(later), OK], [read_request, OK])
    proxy = gateway(server, upstream=listening(
        retry={"attempts": 2, "on": ["response_timeout"], "budget": "100%"}))
    assert proxy.request().status == 200
    later.set()
    first, second = proxy.wait_records("attempt", 2)
    assert first["late_ns"] > 0 and first["retried"] == 1
    assert "listened_ns" not in second


def test_the_total_timeout(gateway, upstream, later):
    server = upstream([read_request, wait_for(later), OK])
    proxy = gateway(server, upstream={"timeout": {"total": "150ms", "response": "30s"},
                                      "late": {"window": "30s"}})
    assert proxy.request().status == 504
    later.set()
    row = only_attempt(proxy)
    assert row["outcome"] == "total_timeout" and row["late_ns"] > 0


def test_the_client_has_gone(gateway, upstream, later):
    """Its timeout was shorter than the gateway's: the outer one hides as much."""
    server = upstream([read_request, wait_for(later), OK])
    proxy = gateway(server, upstream=listening(response="30s"))
    client = proxy.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait_connections(1)
    wait_until(lambda: server.connections[0].requests)
    client.close()
    assert proxy.only_request()["cause"] == "client_abort"
    later.set()
    row = only_attempt(proxy)
    assert row["outcome"] == "client_abort" and row["late_ns"] > 0


def test_over_tls(gateway, upstream, later, authority):  # noqa: F811
    context = serving(authority.issue("127.0.0.1"))
    server = upstream([secure(context), read_request, wait_for(later), OK])
    proxy = gateway(server, upstream=listening(tls={"ca": authority.certificate}))
    assert proxy.request().status == 504
    later.set()
    assert only_attempt(proxy)["late_ns"] > 0


def test_through_a_reload(gateway, upstream, later):
    server = upstream([read_request, wait_for(later), OK], [read_request, OK])
    proxy = gateway(server, upstream=listening())
    assert proxy.request().status == 504
    config = proxy.config
    config["upstreams"]["app"]["timeout"]["response"] = "20s"
    config["upstreams"]["app"]["late"]["window"] = "0s"
    proxy.reload(config)
    assert proxy.request().status == 200
    later.set()
    rows = proxy.wait_records("attempt", 2)
    assert ["late_ns" in row for row in rows] == [True, False]


def test_what_is_known_when_the_gateway_ends(gateway, upstream):
    server = upstream([read_request])
    proxy = gateway(server, upstream=listening())
    assert proxy.request().status == 504
    assert proxy.stop() == 0
    row = only_attempt(proxy)
    assert "late_ns" not in row and row["listened_ns"] >= 0
