# SPDX-License-Identifier: MIT
"""Clients that go away before they have their answer: 499, and the upstream is let go."""

import threading

import pytest

from upstream import Ended, read_head, read_request, repeat, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
LEAVE = pytest.mark.parametrize("leave", ["close", "reset"])


def assert_let_go(server):
    assert server.connections[0].over.wait(10) and server.connections[0].closed_by_peer


@LEAVE
def test_while_the_upstream_thinks(gateway, upstream, leave):
    server = upstream([read_request])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    getattr(client, leave)()
    assert_let_go(server)
    assert proxy.outcome() == (499, "client_abort", ["client_abort"])


@LEAVE
def test_with_a_pipelined_request_behind(gateway, upstream, leave):
    """What stands unread before the end must not hide it, nor be begun."""
    server = upstream([read_request], [repeat(read_request, OK)])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes(path="/first"))
    server.wait_requests(1)
    client.send(request_bytes(path="/second"))
    getattr(client, leave)()
    assert_let_go(server)
    assert proxy.outcome()[:2] == (499, "client_abort")
    assert proxy.request(path="/other").status == 200
    assert b"/second" not in b"".join(server.requests)


@LEAVE
def test_while_connecting(gateway, unanswered_address, leave):
    proxy = gateway(unanswered_address, upstream={"timeout": {"connect": "60s"}})
    client = proxy.connect()
    client.send(request_bytes())
    # The only worker has answered a later client, so it has read what this one sent.
    assert proxy.refused() == 400
    getattr(client, leave)()
    rows = proxy.wait_records("request", 2)
    assert [(row["status"], row["cause"]) for row in rows] == [(499, "client_abort"),
                                                               (400, "request_malformed")]
    assert [row["outcome"] for row in proxy.records("attempt")] == ["client_abort"]


@LEAVE
def test_while_it_sends_its_body(gateway, upstream, leave):
    server = upstream([read_head, read_request])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf")
    server.wait_requests(1)
    getattr(client, leave)()
    assert_let_go(server)
    assert len(server.requests) == 1
    assert proxy.outcome() == (499, "client_abort", ["client_abort"])


@LEAVE
def test_before_its_head_is_complete(gateway, upstream, leave):
    """No request was read, so none is recorded."""
    server = upstream([repeat(read_request, OK)])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"GET / HTTP/1.1\r\nHost")
    getattr(client, leave)()
    assert proxy.request().status == 200
    assert proxy.only_request()["status"] == 200
    assert proxy.process.stop(timeout=5) == 0, "it waits for the rest of the head"


@LEAVE
def test_while_the_body_comes(gateway, upstream, leave):
    def flood(conn):
        try:
            while True:
                conn.sock.sendall(b"x" * 65536)
        except OSError:
            raise Ended

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"
    server = upstream([read_request, head, flood])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    getattr(client, leave)()
    assert server.connections[0].over.wait(10)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "client_abort", 1)


@LEAVE
def test_while_the_body_stands_still(gateway, upstream, leave):
    """Nothing is written to it, so only its own close tells."""
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
    proxy = gateway(server, upstream={"timeout": {"idle": "60s"}})
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200 and client.read_exactly(4) == b"half"
    getattr(client, leave)()
    assert_let_go(server)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "client_abort", 1)


def test_an_abort_is_not_retried(gateway, upstream):
    server = upstream([read_request, OK, read_head], [repeat(read_request, OK)])
    proxy = gateway(server)
    client = proxy.connect()
    assert client.request().status == 200
    client.send(request_bytes())
    server.wait_requests(2)
    client.close()
    assert_let_go(server)
    assert proxy.wait_records("request", 2)[1]["attempts"] == 1
    assert len(server.connections) == 1


@LEAVE
def test_before_the_request_was_read(gateway, upstream, leave):
    """No event tells of a client that left while its request still stood in the socket."""
    go_on = threading.Event()
    server = upstream([read_request, wait_for(go_on, 60), OK])
    proxy = gateway(server, upstream={"connections": {"max": 1}})
    holder = proxy.connect()
    holder.send(request_bytes(path="/holds"))
    server.wait_requests(1)
    with proxy.paused():
        for _ in range(4):
            client = proxy.connect()
            client.send(request_bytes(path="/leaves"))
            getattr(client, leave)()
    rows = proxy.wait_records("request", 4)
    assert [(row["path"], row["cause"]) for row in rows] == [("/leaves", "client_abort")] * 4
    go_on.set()
    assert holder.read_response().status == 200
    assert len(server.requests) == 1


def test_many_at_once(gateway, upstream):
    go_on = threading.Event()
    server = upstream([read_request, wait_for(go_on, 60), OK])
    proxy = gateway(server, workers=2, upstream={"connections": {"max": 8}},
                    admin={"address": "127.0.0.1:0"})
    clients = [proxy.connect() for _ in range(40)]
    for client in clients:
        client.send(request_bytes())
    # A reset takes back what was sent and has not been read.
    wait_until(lambda: proxy.metric("requests_total") == 40, 20)
    wait_until(lambda: len(server.requests) == 8)
    for i, client in enumerate(clients):
        client.reset() if i % 2 else client.close()
    wait_until(lambda: len(proxy.records("request")) == 40, 20)
    go_on.set()
    assert {row["status"] for row in proxy.records("request")} <= {499}
    assert proxy.stop() == 0
