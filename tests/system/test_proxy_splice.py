# SPDX-License-Identifier: MIT
"""Long bodies of responses, which travel inside the kernel: what must be the same as for bodies
that are read and written, and what happens to the pipes they travel through."""

import os
import pathlib
import re
import resource
import socket
import threading

import pytest

from upstream import close, read_request, repeat, reset, wait_for
from waiting import wait_until
from wire import Client, request_bytes, response_bytes, split_address

KIB = 1024
BODY = os.urandom(700 * KIB)
# How many pipes a worker has at most.
PIPES = 64


def head(length):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def chunks(extension):
    return (chunk(BODY[:5]) + chunk(BODY[5:200 * KIB], extension) + chunk(BODY[200 * KIB:-1])
            + chunk(BODY[-1:]) + b"0\r\nSum: 7\r\n\r\n")


CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks(b";part=2"))


def pipe_ends(proxy):
    """Descriptors of the gateway that are ends of pipes."""
    folder = f"/proc/{proxy.process.pid}/fd"
    links = []
    for number in os.listdir(folder):
        try:
            links.append(os.readlink(f"{folder}/{number}"))
        except OSError:
            pass  # closed in the meantime
    return sum(1 for link in links if link.startswith("pipe:"))


def most_in_a_socket():
    """What waits at most in a socket for room at the other end: how far the kernel lets its buffer
    grow depends on what it has seen of earlier connections."""
    return int(pathlib.Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])


def read_what_comes(client):
    """Everything until the connection ends in whatever way."""
    data = client.pending
    try:
        while more := client.sock.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


class SlowClient(Client):
    """A client whose system takes no more than a few KiB that it does not read."""

    def __init__(self, address, timeout=60):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(timeout)
        self.sock.connect(split_address(address))
        self.pending = b""


@pytest.mark.parametrize("cleanup", ["pooled", "inline", "deferred"])
@pytest.mark.parametrize("answer", [(head(len(BODY)), BODY), CHUNKED], ids=["length", "chunked"])
def test_long_bodies_go_through_a_pipe_that_is_given_back(gateway, upstream, answer, cleanup):
    proxy = gateway(upstream([repeat(read_request, *answer)]), cleanup=cleanup)
    before = pipe_ends(proxy)
    client = proxy.connect()
    for _ in range(20):
        assert client.request().body == BODY
    assert pipe_ends(proxy) == before + 2
    rows = proxy.wait_records("request", 20)
    assert {row["cause"] for row in rows} == {"none"}
    assert all(len(BODY) < row["bytes_out"] < len(BODY) + KIB for row in rows)


def test_chunks_and_trailers_pass_as_they_came(gateway, upstream):
    client = gateway(upstream([repeat(read_request, *CHUNKED)])).connect()
    for _ in range(2):
        client.send(request_bytes())
        client.read_head()
        passed_on = chunks(b"")  # extensions are for this hop alone
        assert client.read_exactly(len(passed_on)) == passed_on


def test_a_1_0_client_gets_the_content_of_the_chunks(gateway, upstream):
    client = gateway(upstream([repeat(read_request, *CHUNKED)])).connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    client.read_head()
    assert client.read_to_end() == BODY


def test_what_stands_behind_the_body_is_nobodys_answer(gateway, upstream):
    wrong = response_bytes(200, b"not yours")
    server = upstream([read_request, head(len(BODY)), BODY + wrong],
                      [read_request, response_bytes(200, b"second")])
    client = gateway(server).connect()
    assert client.request().body == BODY
    assert client.request().body == b"second"
    assert server.connections[0].over.wait(10)


@pytest.mark.parametrize("status", [200, 204, 304])
def test_a_length_without_a_body_is_not_waited_for(gateway, upstream, status):
    method = "HEAD" if status == 200 else "GET"
    bare = b"HTTP/1.1 %d Text\r\nContent-Length: 1000000\r\n\r\n" % status
    long_one = (read_request, head(len(BODY)), BODY)
    server = upstream([*long_one, read_request, bare, *long_one])
    client = gateway(server).connect()
    assert client.request().body == BODY
    assert client.request(method).status == status
    assert client.request().body == BODY
    assert len(server.connections) == 1


@pytest.mark.parametrize("ending", [close, reset])
def test_a_body_cut_short_ends_in_no_good_order(gateway, upstream, ending):
    sent = threading.Event()
    server = upstream([read_request, head(len(BODY)), BODY[:300 * KIB], wait_for(sent), ending])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    client.read_head()
    assert client.read_exactly(300 * KIB) == BODY[:300 * KIB]
    sent.set()
    with pytest.raises(ConnectionResetError):
        client.read_exactly(1)
    assert proxy.outcome() == (200, "body_truncated", ["body_truncated"])
    assert proxy.only_request()["cut_short"]


def test_a_body_that_stops_is_delivered_so_far_and_then_times_out(gateway, upstream):
    never = threading.Event()
    server = upstream([read_request, head(len(BODY)), BODY[:300 * KIB], wait_for(never)])
    proxy = gateway(server, upstream={"timeout": {"idle": "500ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    assert BODY[:300 * KIB].startswith(read_what_comes(client)[:300 * KIB])
    assert proxy.outcome() == (200, "body_timeout", ["body_timeout"])
    never.set()


def test_a_client_that_leaves_takes_no_others_bytes_along(gateway, upstream):
    long_one = [repeat(read_request, head(16 * len(BODY)), *[BODY] * 16)]
    server = upstream(long_one)
    proxy = gateway(server, upstream={"connections": {"idle_timeout": "60s"}})
    for leave in ("close", "reset"):
        client = SlowClient(proxy.address)
        client.send(request_bytes())
        client.read_head()
        client.read_exactly(100 * KIB)
        getattr(client, leave)()
    client = proxy.connect()
    for _ in range(3):
        assert client.request().body == BODY * 16
    for conn in server.connections[:2]:
        assert conn.over.wait(30), "the attempt of a client that left goes on"
    causes = [row["cause"] for row in proxy.wait_records("request", 5)]
    assert sorted(causes) == ["client_abort"] * 2 + ["none"] * 3


def test_more_slow_clients_than_pipes(gateway, upstream):
    count, long_body = PIPES + 6, BODY * (most_in_a_socket() // len(BODY) + 2)
    server = upstream([repeat(read_request, head(len(long_body)), long_body)])
    proxy = gateway(server, listener={"timeout": {"send": "120s"}})
    before = pipe_ends(proxy)
    clients = [SlowClient(proxy.address) for _ in range(count)]
    try:
        for client in clients:
            client.send(request_bytes())
        for client in clients:
            assert client.read_head().status == 200
        wait_until(lambda: before + 2 < pipe_ends(proxy), timeout=30, what="several have a pipe")
        assert pipe_ends(proxy) <= before + 2 * PIPES
        for client in clients:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
            assert client.read_exactly(len(long_body)) == long_body
    finally:
        for client in clients:
            client.close()
    assert {row["cause"] for row in proxy.wait_records("request", count)} == {"none"}
    assert pipe_ends(proxy) <= before + 2 * PIPES


def test_without_descriptors_bodies_are_copied(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"short"),
                       repeat(read_request, head(len(BODY)), BODY)])
    proxy = gateway(server)
    pid = proxy.process.pid
    before = pipe_ends(proxy)
    client = proxy.connect()
    assert client.request().body == b"short"
    highest = max(map(int, os.listdir(f"/proc/{pid}/fd")))
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_now = {int(number) for number in os.listdir(f"/proc/{pid}/fd")}
    lowest_free = next(number for number in range(highest + 2) if number not in open_now)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, hard))
    for _ in range(3):
        assert client.request().body == BODY
    assert pipe_ends(proxy) == before
    assert not re.search(r"\berror\b", proxy.process.log())
