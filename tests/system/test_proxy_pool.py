# SPDX-License-Identifier: MIT
"""Connections to an upstream: their limit, the queue before it, and when they are given back."""

import socket
import threading

import pytest

from gateway import established_to
from upstream import close, read_request, repeat, reset, wait_for
from waiting import wait_until
from wire import Client, request_bytes, response_bytes, split_address

pytestmark = pytest.mark.threads  # the limit and the queue are shared between workers

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]


class Gate:
    """A step that holds every request until the test opens it, and counts those inside."""

    def __init__(self):
        self.opened = threading.Event()
        self._lock = threading.Lock()
        self.inside = self.most = 0

    def __call__(self, conn):
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            assert self.opened.wait(60)
        finally:
            with self._lock:
                self.inside -= 1


def wait_idle(server, count):
    """Until so many connections to the server are open; they are the idle ones when all is done."""
    wait_until(lambda: established_to(server.address) == count, 10, f"{count} open connections")


# ---- the limit


@pytest.mark.parametrize("workers", [1, 2])
def test_the_limit_is_exact(gateway, upstream, workers):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, workers=workers, admin={"address": "127.0.0.1:0"}, upstream={
        "connections": {"max": 4}, "timeout": {"queue": "60s", "response": "60s"}})
    clients = [proxy.connect(60) for _ in range(40)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: gate.inside == 4, 20, "4 requests at the upstream")
    wait_until(lambda: proxy.metric("queued_total") == 36, 20, "the others wait")
    assert established_to(server.address) == 4
    gate.opened.set()
    assert [client.read_response().status for client in clients] == [200] * 40
    assert gate.most <= 4 and established_to(server.address) <= 4
    rows = proxy.wait_records("request", 40)
    assert {row["worker"] for row in rows} == set(range(workers))
    assert sum(row["queue_ns"] > 0 for row in rows) >= 36
    rows = wait_until(lambda: (rows := proxy.records("state")) and len(rows) > 1 and rows, 20,
                      "the pool is available")
    assert [row["state_kind"] for row in rows] == ["pool_exhausted", "pool_available"]
    assert rows[1]["value"] == 36


def test_the_limit_is_per_endpoint(gateway, upstream):
    gates = [Gate(), Gate()]
    servers = [upstream([repeat(read_request, gate, OK)]) for gate in gates]
    proxy = gateway(*servers, upstream={"connections": {"max": 2}})
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(request_bytes())
    for gate in gates:
        wait_until(lambda: gate.inside == 2, 10, "2 requests at each endpoint")
        gate.opened.set()
    assert [client.read_response().status for client in clients] == [200] * 6


def test_a_limit_holds_through_failures(gateway, upstream):
    """Closed, reset and refused connections must give their place back, once."""
    bad = [[read_request, close], [read_request, reset], [close],
           [read_request, b"nonsense\r\n\r\n"],
           [read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close]]
    gate = Gate()
    server = upstream(*bad * 3, [repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"max": 2}, "retry": {"attempts": 1}})
    for _ in range(15):
        with Client(proxy.address, 20) as client:
            client.send(request_bytes())
            try:
                client.read_response()
            except (EOFError, ConnectionError):
                pass
    wait_until(lambda: len(server.connections) == 15 and established_to(server.address) == 0)
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: gate.inside == 2, 10, "2 requests at the upstream")
    assert established_to(server.address) == 2
    gate.opened.set()
    assert [client.read_response().status for client in clients] == [200] * 6


def test_refused_connections_give_their_place_back(gateway, refused_address):
    proxy = gateway(refused_address, upstream={"connections": {"max": 1}})
    client = proxy.connect()
    assert [client.request().status for _ in range(5)] == [502] * 5


def test_a_worker_does_not_starve_the_others(gateway, upstream):
    """The only connection may lie idle in the worker that a request does not come to."""
    server = upstream(SERVE)
    proxy = gateway(server, workers=2, upstream={"connections": {"max": 1, "idle_timeout": "60s"},
                                                 "timeout": {"queue": "5s"}})
    clients = [proxy.connect() for _ in range(16)]
    for client in clients * 2:
        assert client.request().status == 200
    rows = proxy.wait_records("request", 32)
    assert {row["worker"] for row in rows} == {0, 1}
    assert max(row["queue_ns"] for row in rows) < 2_000_000_000


# ---- the queue


def test_first_come_first_served(gateway, upstream):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"max": 1}, "timeout": {"queue": "30s"}})
    clients = []
    for i in range(6):
        clients.append(proxy.connect())
        clients[-1].send(request_bytes(path=f"/{i}"))
        assert proxy.refused() == 400
    gate.opened.set()
    for client in clients:
        assert client.read_response().status == 200
    assert [request.split(b" ")[1] for request in server.requests] == [b"/%d" % i for i in range(6)]


def test_queue_full(gateway, upstream):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"max": 1, "queue": 2},
                                      "timeout": {"queue": "30s"}})
    clients = [proxy.connect() for _ in range(3)]
    for client in clients:
        client.send(request_bytes())
        assert proxy.refused() == 400
    response = proxy.request()
    assert response.status == 503 and b"queue_full" in response.body
    gate.opened.set()
    assert [client.read_response().status for client in clients] == [200] * 3
    rows = [row for row in proxy.records("request") if row["cause"] == "queue_full"]
    assert [(row["status"], row["attempts"]) for row in rows] == [(503, 0)]
    changes = [(row["state_kind"], row["subject"], row["value"]) for row in proxy.records("state")]
    assert ("queue_shed", "app", 2) in changes


def test_a_queue_of_none(gateway, upstream):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"max": 1, "queue": 0}})
    client = proxy.connect()
    client.send(request_bytes())
    wait_until(lambda: gate.inside == 1)
    assert proxy.request().status == 503
    gate.opened.set()
    assert client.read_response().status == 200


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_the_queue(gateway, upstream, leave):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"max": 1}, "timeout": {"queue": "30s"}})
    first, leaver, last = (proxy.connect() for _ in range(3))
    for client in first, leaver, last:
        client.send(request_bytes(path=f"/{[first, leaver, last].index(client)}"))
        assert proxy.refused() == 400
    getattr(leaver, leave)()
    wait_until(lambda: [row for row in proxy.records("request") if row["status"] == 499], 10)
    gate.opened.set()
    assert first.read_response().status == last.read_response().status == 200
    assert [request.split(b" ")[1] for request in server.requests] == [b"/0", b"/2"]
    row = next(row for row in proxy.records("request") if row["status"] == 499)
    assert (row["cause"], row["attempts"], row["path"]) == ("client_abort", 0, "/1")


# ---- idle connections


def test_idle_connections_are_closed_after_their_time(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server, upstream={"connections": {"idle_timeout": "200ms"}})
    client = proxy.connect()
    assert client.request().status == 200
    assert server.connections[0].over.wait(10) and server.connections[0].closed_by_peer
    assert client.request().status == 200
    assert len(server.connections) == 2


def test_no_more_idle_connections_than_allowed(gateway, upstream):
    gate = Gate()
    server = upstream([repeat(read_request, gate, OK)])
    proxy = gateway(server, upstream={"connections": {"idle": 2, "idle_timeout": "60s"}})
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: gate.inside == 6)
    gate.opened.set()
    for client in clients:
        client.read_response()
    wait_idle(server, 2)


@pytest.mark.parametrize("keys", [{"idle": 0}, {"idle_timeout": "0s"}])
def test_no_reuse(gateway, upstream, keys):
    server = upstream(SERVE)
    client = gateway(server, upstream={"connections": keys}).connect()
    for _ in range(3):
        assert client.request().status == 200
    assert len(server.connections) == 3
    wait_idle(server, 0)


def test_an_idle_connection_that_the_upstream_closes_is_not_used(gateway, upstream):
    idle = threading.Event()
    server = upstream([read_request, OK, wait_for(idle), close], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    assert client.request().status == 200
    assert proxy.refused() == 400
    idle.set()
    wait_idle(server, 0)
    assert proxy.refused() == 400
    assert client.request("POST", body=b"x").status == 200
    assert [row["outcome"] for row in proxy.wait_records("attempt", 2)] == ["none", "none"]


# ---- when they are given back

SIZE = 400_000


def slow_client(proxy):
    """A client whose kernel takes next to nothing for it."""
    client = Client.__new__(Client)
    client.pending = b""
    client.sock = socket.socket()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sock.settimeout(30)
    client.sock.connect(split_address(proxy.address))
    return client


@pytest.mark.parametrize("cleanup", ["inline", "pooled", "deferred"])
def test_when_a_slow_client_gives_its_upstream_connection_back(gateway, upstream, cleanup):
    server = upstream([repeat(read_request, response_bytes(200, b"x" * SIZE))])
    proxy = gateway(server, cleanup=cleanup, upstream={
        "connections": {"max": 1}, "timeout": {"queue": "400ms"}})
    client = slow_client(proxy)
    client.send(request_bytes())
    server.wait_requests(1)
    if cleanup == "deferred":
        assert proxy.request().status == 503, "the connection is held until the client has it all"
        assert client.read_response().body == b"x" * SIZE
        wait_until(lambda: proxy.request().status == 200, 10, "the connection is given back")
    else:
        # It may take a moment until the last byte was read.
        wait_until(lambda: proxy.request().status == 200, 10, "the connection is given back")
        assert client.read_response().body == b"x" * SIZE
    assert len(server.connections) == 1
    client.close()


@pytest.mark.parametrize("cleanup", ["inline", "pooled", "deferred"])
def test_every_strategy_reuses_connections(gateway, upstream, cleanup):
    server = upstream(SERVE)
    proxy = gateway(server, cleanup=cleanup)
    client = proxy.connect()
    for _ in range(50):
        assert client.request("POST", body=b"x" * 100).body == b"hello"
    assert len(server.connections) == 1
    assert all(row["cleanup_ns"] >= 0 for row in proxy.wait_records("request", 50))


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("cleanup", ["inline", "pooled", "deferred"])
def test_a_client_that_leaves_with_an_answer_unread(gateway, upstream, cleanup, leave):
    server = upstream([repeat(read_request, response_bytes(200, b"x" * SIZE))])
    proxy = gateway(server, cleanup=cleanup, upstream={"connections": {"max": 1}})
    client = slow_client(proxy)
    client.send(request_bytes())
    assert client.sock.recv(10) == b"HTTP/1.1 2"
    getattr(client, leave)()
    assert proxy.request().status == 200
    assert proxy.stop() == 0
