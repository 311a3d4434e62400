# SPDX-License-Identifier: MIT
"""Every timeout: what the client gets, what is recorded, and that the upstream is let go."""

import threading
import time

import pytest

from upstream import Ended, close, read_head, read_request, wait_for
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
MS = 1_000_000


@pytest.fixture
def never():
    """An event that is set when the test ends, so that no script waits for longer."""
    event = threading.Event()
    yield event
    event.set()


def assert_let_go(server, connection=0):
    """It may not have been accepted yet when the gateway gives it up."""
    conn = server.wait_connections(connection + 1)[connection]
    assert conn.over.wait(10) and conn.closed_by_peer


def assert_cut(client):
    """What follows the head ends in a way that no client takes for the end of the body."""
    with pytest.raises((EOFError, ConnectionResetError)):
        client._read_body(client.read_head())


# ---- before the response's head


@pytest.mark.parametrize("attempts", [1, 2])
def test_connect(gateway, unanswered_address, attempts):
    proxy = gateway(unanswered_address, upstream={
        "timeout": {"connect": "150ms"}, "retry": {"attempts": attempts}})
    response = proxy.request()
    assert response.status == 504
    row = proxy.only_request()
    assert (row["cause"], row["attempts"]) == ("connect_timeout", attempts)
    assert row["total_ns"] >= attempts * 150 * MS
    outcomes = [attempt["outcome"] for attempt in proxy.records("attempt")]
    assert outcomes == ["connect_timeout"] * attempts


def test_response(gateway, upstream, never):
    server = upstream([read_request])
    proxy = gateway(server, upstream={"timeout": {"response": "150ms"}})
    client = proxy.connect()
    response = client.request()
    assert response.status == 504 and response.header("Connection") is None
    assert "http_response_timeout" in response.header("Proxy-Status")
    assert_let_go(server)
    row = proxy.only_request()
    assert (row["cause"], row["attempts"], row["cut_short"]) == ("response_timeout", 1, 0)
    assert row["total_ns"] >= 150 * MS and row["status"] == 504


def test_half_a_head_is_no_response(gateway, upstream):
    """Bytes that trickle in must not put the timeout off."""
    def trickle(conn):
        while not conn.over.wait(0.02):
            try:
                conn.sock.sendall(b"X: y\r\n")
            except OSError:
                raise Ended

    server = upstream([read_request, b"HTTP/1.1 200 OK\r\n", trickle])
    proxy = gateway(server, upstream={"timeout": {"response": "200ms", "idle": "100ms"}})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "response_timeout", ["response_timeout"])


def test_1xx_is_no_response(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.1 100 Continue\r\n\r\n"])
    proxy = gateway(server, upstream={"timeout": {"response": "150ms"}})
    assert proxy.request().status == 504
    assert_let_go(server)


def test_the_client_stays_connected_after_a_timeout(gateway, upstream):
    server = upstream([read_request], [read_request, OK])
    client = gateway(server, upstream={"timeout": {"response": "100ms"}}).connect()
    assert client.request().status == 504
    assert client.request().body == b"hello"
    assert len(server.connections) == 2


def test_total_before_the_head(gateway, upstream):
    server = upstream([read_request])
    proxy = gateway(server, upstream={"timeout": {"total": "150ms", "response": "30s"}})
    assert proxy.request().status == 504
    assert_let_go(server)
    row = proxy.only_request()
    assert row["cause"] == "total_timeout" and row["total_ns"] >= 150 * MS


def test_total_while_connecting(gateway, unanswered_address):
    proxy = gateway(unanswered_address, upstream={
        "timeout": {"total": "150ms", "connect": "30s"}, "retry": {"attempts": 4}})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "total_timeout", ["total_timeout"])


@pytest.mark.parametrize("timeout, cause", [("response", "response_timeout"),
                                            ("total", "total_timeout")])
def test_timeout_status(gateway, upstream, timeout, cause):
    """For those who must mimic a gateway that says 502; the cause stays what it was."""
    server = upstream([read_request])
    proxy = gateway(server, timeout_status=502, upstream={"timeout": {timeout: "100ms"}})
    response = proxy.request()
    assert response.status == 502 and cause.encode() in response.body
    assert proxy.outcome() == (502, cause, [cause])


def test_timeout_status_of_connecting(gateway, unanswered_address):
    proxy = gateway(unanswered_address, timeout_status=502, upstream={
        "timeout": {"connect": "100ms"}, "retry": {"attempts": 1}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "connect_timeout", ["connect_timeout"])


# ---- behind it

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize("head, part", [(LENGTH, b"part"), (CHUNKED, b"5\r\nhello\r\n"),
                                        (CHUNKED, b"ff\r\nhello"), (UNTIL_CLOSE, b"part")])
def test_idle_in_the_body(gateway, upstream, head, part):
    server = upstream([read_request, head, part])
    proxy = gateway(server, upstream={"timeout": {"idle": "150ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    assert_cut(client)
    assert_let_go(server)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "body_timeout", 1)
    assert row["total_ns"] >= 150 * MS
    assert proxy.outcome()[2] == ["body_timeout"]


def test_idle_is_counted_from_the_last_bytes(gateway, upstream):
    """A body that keeps coming may take longer than the timeout between two reads."""
    later = threading.Event()
    pieces = [step for i in range(8) for step in (lambda conn: later.wait(0.1), b"piece%d" % i)]
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n", *pieces])
    proxy = gateway(server, upstream={"timeout": {"idle": "500ms"}})
    response = proxy.request()
    assert response.body == b"".join(b"piece%d" % i for i in range(8))
    assert proxy.only_request()["total_ns"] >= 800 * MS


@pytest.mark.parametrize("head, piece", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x"), (CHUNKED, b"1\r\nx\r\n")])
def test_total_in_the_body(gateway, upstream, head, piece):
    def drip(conn):
        while not conn.over.wait(0.01):
            try:
                conn.sock.sendall(piece)
            except OSError:
                raise Ended

    server = upstream([read_request, head, drip])
    proxy = gateway(server, upstream={"timeout": {"total": "200ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    assert_cut(client)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "total_timeout", 1)
    assert row["total_ns"] >= 200 * MS


@pytest.mark.parametrize("keys, cause, named", [
    ({"timeout": {"idle": "150ms"}}, "send_timeout", "connection_write_timeout"),
    ({"retry": {"per_try": "150ms"}}, "response_timeout", "http_response_timeout")])
def test_an_upstream_that_does_not_take_the_request(gateway, upstream, never, keys, cause, named):
    """The cause names the timeout that passed, and so does the advice that comes with it."""
    server = upstream([read_head, wait_for(never)])
    proxy = gateway(server, upstream=keys)
    client = proxy.connect()
    client.sock.settimeout(20)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
    block = b"x" * 1_000_000
    sender = threading.Thread(target=lambda: _send_until_closed(client, block), daemon=True)
    sender.start()
    response = client.read_response()
    assert response.status == 504 and named in response.header("Proxy-Status")
    assert proxy.outcome() == (504, cause, [cause])


def _send_until_closed(client, block):
    try:
        for _ in range(1000):
            client.sock.sendall(block)
    except OSError:
        pass


# ---- the queue


def test_queue(gateway, upstream, never):
    server = upstream([read_request, wait_for(never), OK])
    proxy = gateway(server, upstream={"timeout": {"queue": "150ms"}, "connections": {"max": 1}})
    first = proxy.connect()
    first.send(request_bytes())
    server.wait_requests(1)
    response = proxy.request()
    assert response.status == 503 and "connection_limit_reached" in response.header("Proxy-Status")
    row = proxy.only_request()
    assert (row["cause"], row["attempts"]) == ("queue_timeout", 0)
    assert row["queue_ns"] >= 150 * MS
    never.set()
    assert first.read_response().body == b"hello"
    assert len(server.connections) == 1 and len(server.requests) == 1


# ---- the client's


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_does_not_end(gateway, upstream, sent):
    server = upstream([close])
    proxy = gateway(server, listener={"timeout": {"head": "150ms"}})
    client = proxy.connect()
    client.send(sent)
    assert client.read_response().status == 408
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (408, "client_timeout")
    assert not server.connections


def test_a_head_that_comes_byte_by_byte(gateway, upstream):
    """The timeout is for the whole head: a byte now and then does not put it off."""
    server = upstream([close])
    proxy = gateway(server, listener={"timeout": {"head": "300ms"}})
    client = proxy.connect()
    client.sock.settimeout(0.02)
    deadline = time.monotonic() + 30
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    while not client.pending and time.monotonic() < deadline:
        try:
            client.send(b"x")
            client._more("the answer")
        except TimeoutError:
            pass
    assert client.pending, "every byte has put it off"
    client.sock.settimeout(20)
    assert client.read_response().status == 408
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (408, "client_timeout")
    assert row["read_ns"] >= 300 * MS and not server.connections


def test_a_body_that_does_not_come(gateway, upstream):
    server = upstream([read_request])
    proxy = gateway(server, listener={"timeout": {"body": "150ms"}})
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
    assert client.read_response().status == 408
    client.assert_closed()
    assert_let_go(server)
    assert not server.requests
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (408, "client_timeout")


def test_an_idle_client_is_closed_without_a_word(gateway, upstream):
    server = upstream([read_request, OK])
    proxy = gateway(server, listener={"timeout": {"idle": "150ms"}})
    silent, served = proxy.connect(), proxy.connect()
    assert served.request().status == 200
    silent.assert_closed()
    served.assert_closed()
    assert len(proxy.wait_records("request", 1)) == 1


def test_a_client_that_does_not_read(gateway, upstream):
    """Its upstream connection is not held for ever."""
    def flood(conn):
        try:
            while True:
                conn.sock.sendall(b"x" * 65536)
        except OSError:
            raise Ended

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"
    server = upstream([read_request, head, flood])
    proxy = gateway(server, listener={"timeout": {"send": "300ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "client_timeout", 1)
    assert server.connections[0].over.wait(10)
