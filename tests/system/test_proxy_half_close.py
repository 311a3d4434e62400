# SPDX-License-Identifier: MIT
"""Clients that shut their sending side down behind a request: they have left, or still wait for the
answer, as the listener says."""

import socket
import threading

import pytest

from tls import Authority, TlsClient, trusting
from upstream import read_request, repeat, wait_for
from wire import Client, request_bytes, response_bytes

OK = response_bytes(200, b"hello")
ALLOW = {"half_close": "allow"}


@pytest.fixture
def go_on():
    """An event the scripts wait for; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def slow(upstream, go_on):
    """Answers when the test says so."""
    return upstream([repeat(read_request, wait_for(go_on), OK)])


@pytest.mark.parametrize("when", ["at once", "later"])
@pytest.mark.parametrize("listener", [{}, {"half_close": "abort"}])
def test_it_has_left(gateway, slow, listener, when):
    proxy = gateway(slow, listener=listener)
    client = proxy.connect()
    client.send(request_bytes())
    if when == "later":
        slow.wait_requests(1)
    client.finish_sending()
    assert proxy.outcome() == (499, "client_abort", ["client_abort"])
    client.assert_closed()


@pytest.mark.parametrize("when", ["at once", "later"])
def test_it_waits_for_the_answer(gateway, slow, go_on, when):
    proxy = gateway(slow, listener=ALLOW)
    client = proxy.connect()
    client.send(request_bytes())
    if when == "later":
        slow.wait_requests(1)
    client.finish_sending()
    # With one worker, the end has been seen when another client's answer has come.
    assert proxy.refused() == 400
    slow.wait_requests(1)
    go_on.set()
    assert client.read_response().body == b"hello"
    client.assert_closed()
    rows = proxy.wait_records("request", 2)
    assert [row["cause"] for row in rows if row["attempts"]] == ["none"]


def test_before_the_request_was_read(gateway, slow, go_on):
    """Request and end are found together."""
    proxy = gateway(slow, listener=ALLOW)
    with proxy.paused():
        client = proxy.connect()
        client.send(request_bytes())
        client.finish_sending()
    go_on.set()
    assert client.read_response().body == b"hello"
    client.assert_closed()


def test_requests_behind_one_another(gateway, upstream):
    proxy = gateway(upstream([repeat(read_request, OK)]), listener=ALLOW)
    client = proxy.connect()
    client.send(request_bytes() * 3)
    client.finish_sending()
    assert [client.read_response().body for _ in range(3)] == [b"hello"] * 3
    client.assert_closed()


def test_http_1_0(gateway, slow, go_on):
    proxy = gateway(slow, listener=ALLOW)
    client = proxy.connect()
    client.send(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
    client.finish_sending()
    slow.wait_requests(1)
    go_on.set()
    assert client.read_to_end().endswith(b"\r\n\r\nhello")


def test_a_large_response(gateway, upstream):
    body = bytes(range(256)) * 4096 * 4
    proxy = gateway(upstream([read_request, response_bytes(200, body)]), listener=ALLOW)
    client = proxy.connect()
    client.send(request_bytes())
    client.finish_sending()
    assert client.read_response().body == body


def test_while_it_waits_for_a_connection(gateway, upstream, go_on):
    server = upstream([repeat(read_request, wait_for(go_on), OK)])
    proxy = gateway(server, listener=ALLOW, upstream={"connections": {"max": 1}})
    first, second = proxy.connect(), proxy.connect()
    first.send(request_bytes())
    server.wait_requests(1)
    second.send(request_bytes())
    second.finish_sending()
    assert proxy.refused() == 400
    go_on.set()
    assert [client.read_response().status for client in (first, second)] == [200, 200]


@pytest.mark.parametrize("half_closed", [False, True])
def test_a_reset_is_still_an_abort(gateway, slow, go_on, half_closed):
    proxy = gateway(slow, listener=ALLOW)
    client = proxy.connect()
    client.send(request_bytes())
    slow.wait_requests(1)
    if half_closed:
        client.finish_sending()
        assert proxy.refused() == 400
    client.reset()
    rows = proxy.wait_records("request", 1 + half_closed)
    assert (rows[0]["status"], rows[0]["cause"]) == (499, "client_abort")
    go_on.set()
    assert slow.connections[0].over.wait(20) and slow.connections[0].closed_by_peer


def test_half_a_body_is_still_an_abort(gateway, slow):
    proxy = gateway(slow, listener=ALLOW)
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
    client.finish_sending()
    assert proxy.only_request()["cause"] == "client_abort"


@pytest.mark.parametrize("leave, cause", [("close", "client_abort"), ("finish_sending", "none")])
def test_a_unix_socket(gateway, slow, go_on, tmp_path, leave, cause):
    """Whoever has closed it reads no more either, and is known to."""
    proxy = gateway(slow, listener={**ALLOW, "address": f"unix:{tmp_path}/socket"})
    with Client(f"unix:{tmp_path}/socket") as client:
        client.send(request_bytes())
        slow.wait_requests(1)
        getattr(client, leave)()
        if leave == "close":
            assert proxy.only_request()["cause"] == cause
        go_on.set()
        if leave != "close":
            assert client.read_response().body == b"hello"
    assert proxy.only_request()["cause"] == cause


def test_tls(gateway, slow, go_on, tmp_path):
    """Both the goodbye and the end of the connection behind it."""
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("localhost")
    proxy = gateway(slow, listener={**ALLOW, "tls": pair.config()})
    with TlsClient(proxy.address, trusting(authority)) as client:
        client.send(request_bytes())
        slow.wait_requests(1)
        socket.socket.shutdown(client.sock, socket.SHUT_WR)  # its own ends TLS for reading, too
        go_on.set()
        assert client.read_response().body == b"hello"


def test_each_listener_says_for_itself(gateway, slow, go_on):
    proxy = gateway(slow, listeners=[{"address": "127.0.0.1:0"},
                                     {"address": "127.0.0.1:0", **ALLOW}])
    strict, lenient = (Client(address, 20) for address in proxy.process.addresses)
    with strict, lenient:
        for client in (strict, lenient):
            client.send(request_bytes())
        slow.wait_requests(2)
        for client in (strict, lenient):
            client.finish_sending()
        strict.assert_closed()
        go_on.set()
        assert lenient.read_response().body == b"hello"
