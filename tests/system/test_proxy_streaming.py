# SPDX-License-Identifier: MIT
"""Bodies pass through in pieces, in both directions, as fast as the slower side takes them."""

import threading
import zlib

import pytest

from bulk import BLOCK, ENVIRONMENT, GROWTH, LARGE, MIB, Sender, read_sum, steady, sum_of
from upstream import close, read_head, read_request, repeat, wait_for
from wire import request_bytes, response_bytes


def head(count, chunked):
    field = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (count * MIB)
    return b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n"


@pytest.mark.parametrize("cleanup", ["pooled", "inline", "deferred"])
def test_a_large_response(gateway, upstream, cleanup):
    count = LARGE // MIB
    server = upstream([repeat(read_request, head(count, False), Sender(count))])
    proxy = gateway(server, cleanup=cleanup, environment=ENVIRONMENT)
    client = proxy.connect(60)
    before = proxy.resident()
    client.send(request_bytes())
    response = client.read_head()
    assert response.status == 200
    pending, client.pending = client.pending, b""
    assert read_sum(client.sock, LARGE, pending) == sum_of(count)
    assert proxy.resident() - before < GROWTH
    row = proxy.only_request()
    assert row["bytes_out"] > LARGE and row["cause"] == "none"


def test_a_large_chunked_response(gateway, upstream):
    count = 64
    server = upstream([read_request, head(count, True), Sender(count, True)])
    proxy = gateway(server, environment=ENVIRONMENT)
    before = proxy.resident()
    response = proxy.request()
    assert zlib.crc32(response.body) == sum_of(count)
    assert proxy.resident() - before < GROWTH


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request(gateway, upstream, chunked):
    count = LARGE // MIB
    got = []

    def take(conn):
        total, left = 0, count
        while left:
            if chunked:
                assert conn.read_until(b"\r\n") == b"100000\r\n"
            total = zlib.crc32(conn.read_exactly(MIB), total)
            if chunked:
                conn.read_exactly(2)
            left -= 1
        if chunked:
            assert conn.read_exactly(5) == b"0\r\n\r\n"
        got.append(total)

    server = upstream([read_head, take, response_bytes(200, b"done")])
    proxy = gateway(server, environment=ENVIRONMENT)
    client = proxy.connect(60)
    before = proxy.resident()
    length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(LARGE))
    client.send(request_bytes("POST", headers=[length]))
    for _ in range(count):
        client.send(b"%x\r\n%s\r\n" % (MIB, BLOCK) if chunked else BLOCK)
    if chunked:
        client.send(b"0\r\n\r\n")
    assert client.read_response().body == b"done"
    assert got == [sum_of(count)]
    assert proxy.resident() - before < GROWTH
    assert proxy.only_request()["bytes_in"] > LARGE


# What has no length is copied; what has goes through a pipe.
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_client_that_does_not_read_stops_the_upstream(gateway, upstream, version):
    count = LARGE // MIB
    sender = Sender(count)
    server = upstream([read_request, head(count, False) if version == "1.1" else
                       b"HTTP/1.0 200 OK\r\n\r\n", sender, close])
    proxy = gateway(server, environment=ENVIRONMENT)
    client = proxy.connect(60)
    before = proxy.resident()
    client.send(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    assert client.read_head().status == 200
    stopped_at = steady(lambda: sender.sent)
    assert stopped_at < 64 * MIB, "the upstream's bytes went somewhere"
    assert proxy.resident() - before < GROWTH
    pending, client.pending = client.pending, b""
    assert read_sum(client.sock, LARGE, pending) == sum_of(count)
    assert proxy.only_request()["cause"] == "none"


def test_an_upstream_that_does_not_read_stops_the_client(gateway, upstream):
    count = LARGE // MIB
    go_on = threading.Event()
    got = []
    server = upstream([read_head, wait_for(go_on, 60),
                       lambda conn: got.append(read_sum(conn.sock, LARGE, conn.unread)),
                       response_bytes(200, b"done")])
    proxy = gateway(server, environment=ENVIRONMENT)
    client = proxy.connect(60)
    before = proxy.resident()
    client.send(request_bytes("POST", headers={"Content-Length": LARGE}))
    # The same sender, on the client's side.
    sender = Sender(count)
    thread = threading.Thread(target=sender, args=(client,))
    thread.start()
    stopped_at = steady(lambda: sender.sent)
    assert stopped_at < 64 * MIB
    assert proxy.resident() - before < GROWTH
    go_on.set()
    assert client.read_response().body == b"done"
    thread.join()
    assert got == [sum_of(count)]


def test_many_slow_clients(gateway, upstream):
    """Each holds back a bounded amount, however much there is for it."""
    count = 64
    server = upstream([repeat(read_request, head(count, False), Sender(count))])
    proxy = gateway(server, environment=ENVIRONMENT)
    before = proxy.resident()
    clients = [proxy.connect(60) for _ in range(32)]
    for client in clients:
        client.send(request_bytes())
        assert client.read_head().status == 200
    steady(proxy.resident)
    assert proxy.resident() - before < GROWTH
    pending, clients[5].pending = clients[5].pending, b""
    assert read_sum(clients[5].sock, count * MIB, pending) == sum_of(count)


def test_idle_clients_hold_no_buffers(gateway, upstream):
    server = upstream([repeat(read_request, response_bytes(200, b"x"))])
    proxy = gateway(server, environment=ENVIRONMENT)

    def connect(count):
        clients = [proxy.connect() for _ in range(count)]
        for client in clients:
            assert client.request().status == 200
        return proxy.resident()

    before = connect(50)
    # A buffer takes a page at the least, a client without one less than a quarter of that.
    assert connect(500) - before < 500 * 2500


# ---- nothing is held back that could be passed on


@pytest.mark.parametrize("first, last, chunked", [(b"first", b"last!", False),
                                                  (b"5\r\nfirst\r\n", b"0\r\n\r\n", True),
                                                  (b"a\r\nfirst", b"last!\r\n0\r\n\r\n", True)])
def test_the_first_bytes_of_a_response_do_not_wait_for_the_last(gateway, upstream, first, last,
                                                               chunked):
    begun, seen = threading.Event(), threading.Event()
    field = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 10"
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n",
                       wait_for(begun), first, wait_for(seen), last])
    client = gateway(server).connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    begun.set()
    assert client.read_exactly(len(first)) == first
    seen.set()
    assert client.read_exactly(len(last)) == last


def test_the_head_of_a_response_does_not_wait_for_its_body(gateway, upstream):
    seen = threading.Event()
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                       wait_for(seen), b"hello"])
    client = gateway(server).connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    seen.set()
    assert client.read_exactly(5) == b"hello"


def test_the_first_bytes_of_a_request_do_not_wait_for_the_last(gateway, upstream):
    server = upstream([read_head, lambda conn: conn.requests.append(conn.read_exactly(5)),
                       lambda conn: conn.requests.append(conn.read_exactly(5)),
                       response_bytes(200, b"done")])
    client = gateway(server).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
    server.wait_requests(1)
    client.send(b"first")
    server.wait_requests(2)
    client.send(b"last!")
    assert client.read_response().body == b"done"


def test_both_directions_at_once(gateway, upstream):
    """An upstream that answers while it reads: each byte comes back before the next is sent."""
    def echo(conn):
        for _ in range(100):
            conn.sock.sendall(b"1\r\n" + conn.read_exactly(1) + b"\r\n")
        conn.sock.sendall(b"0\r\n\r\n")

    server = upstream([read_head, head(0, True), echo, read_request, response_bytes(200, b"next")])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
    assert client.read_head().status == 200
    for i in range(100):
        client.send(bytes([i]))
        assert client.read_exactly(6) == b"1\r\n" + bytes([i]) + b"\r\n"
    assert client.read_exactly(5) == b"0\r\n\r\n"
    assert proxy.only_request()["cause"] == "none"


def test_sizes_around_the_buffers(gateway, upstream):
    """Bodies that end at, before and behind every buffer's end."""
    sizes = [size + step for size in (0, 4096, 16384, 32768, 65536, 131072, 262144)
             for step in (-200, -100, -1, 0, 1, 100) if size + step >= 0]
    body = BLOCK[:300_000]

    def answer(conn):
        size = int(conn.requests[-1].split(b" ")[1][1:])
        assert conn.requests[-1].endswith(b"\r\n\r\n" + body[:size])
        conn.sock.sendall(response_bytes(200, body[:size]))

    server = upstream([repeat(read_request, answer)])
    client = gateway(server).connect()
    for size in sizes:
        response = client.request("PUT", f"/{size}", body=body[:size])
        assert response.body == body[:size]
    assert len(server.connections) <= 3
