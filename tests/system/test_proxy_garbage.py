# SPDX-License-Identifier: MIT
"""Random bytes from both sides, the same ones each time: never a crash, a leak or a mix-up."""

import random
import re

import pytest

from upstream import Ended, close, read_head, reset
from wire import Client, request_bytes, response_bytes

PIECES = [
    b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"HEAD / HTTP/1.0\r\n", b"Host: a\r\n", b"\r\n",
    b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n", b"Content-Length: 999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n", b"hello",
    b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 304 x\r\n", b"HTTP/1.1 500\r\n", b"Server-Timing: work;dur=1\r\n",
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", b"X: y\r\n",
]


def nonsense(rng):
    """Mostly words of HTTP in any order, sometimes with a byte changed."""
    data = bytearray(b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12))))
    for _ in range(rng.choice((0, 0, 1, 3))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def say(rng, send):
    """The bytes in one piece or several."""
    data = nonsense(rng)
    cut = rng.randrange(len(data) + 1)
    send(data[:cut])
    send(data[cut:])


def echo_id(conn, more=b""):
    """Answers with the X-Request-Id of the request, as the upstream saw it."""
    found = re.search(rb"\r\nX-Request-Id: ([^\r]*)", conn.requests[-1], re.I)
    conn.sock.sendall(response_bytes(200, found[1] if found else b"none") + more)


def serve_all(conn):
    """Answers every head it sees; bodies are not its business."""
    while True:
        read_head(conn)
        echo_id(conn)


@pytest.mark.parametrize("seed", range(3))
def test_a_client_that_talks_nonsense(gateway, upstream, seed):
    rng = random.Random(seed)
    proxy = gateway(upstream([serve_all]), workers=2, listener={"timeout": {"body": "200ms"}})
    for _ in range(150):
        with Client(proxy.address, 10) as client:
            try:
                say(rng, client.send)
                if rng.random() < 0.5:
                    client.finish_sending()
                if rng.random() < 0.5:
                    client.sock.settimeout(0.05)
                    client.read_head()
            except (OSError, EOFError, ValueError):
                pass
            if rng.random() < 0.2:
                client.reset()
    for i in range(5):
        response = proxy.request(headers={"X-Request-Id": f"good-{i}"})
        assert (response.status, response.body) == (200, b"good-%d" % i)
    assert proxy.stop() == 0
    for row in proxy.records("request"):
        assert row["cause"] in ("none", "request_malformed", "client_abort", "client_timeout",
                                "reused_closed", "response_timeout", "drain_timeout"), row


@pytest.mark.parametrize("seed", range(3))
def test_an_upstream_that_talks_nonsense(gateway, upstream, seed):
    rng = random.Random(1000 + seed)

    def babble(conn):
        while True:
            read_head(conn)
            try:
                if rng.random() < 0.4:
                    echo_id(conn)
                    continue
                say(rng, conn.sock.sendall)
                if rng.random() < 0.5:
                    rng.choice((close, reset))(conn)
            except OSError:
                raise Ended

    proxy = gateway(upstream([babble]), workers=2, upstream={
        "timeout": {"response": "100ms", "idle": "100ms"}})
    client = proxy.connect()
    for i in range(150):
        client.send(request_bytes(rng.choice(("GET", "HEAD", "POST")),
                                  headers={"X-Request-Id": f"mine-{i}"}))
        try:
            head = client.read_head()
            while 100 <= head.status < 200:
                head = client.read_head()
            assert 200 <= head.status <= 999
        except (EOFError, ConnectionError):
            pass
        # What stands behind a head is nonsense by design: begin anew.
        client.close()
        client = proxy.connect()
    assert proxy.stop() == 0
    rows = proxy.records("request")
    assert len(rows) == 150
    for row in rows:
        assert row["cause"] in ("none", "upstream_status", "response_malformed", "body_truncated",
                                "closed_before_response", "reset_before_response", "reused_closed",
                                "response_timeout", "body_timeout", "client_abort"), row


@pytest.mark.parametrize("seed", range(3))
def test_answers_never_reach_another_client(gateway, upstream, seed):
    """Well-formed answers among the nonsense carry the id of their own request."""
    rng = random.Random(2000 + seed)
    bad = [lambda conn: conn.sock.sendall(b"nonsense\r\n\r\n"), close, reset,
           lambda conn: conn.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")]

    def mostly_right(conn):
        while True:
            read_head(conn)
            try:
                if rng.random() < 0.7:
                    echo_id(conn)
                elif rng.random() < 0.5:
                    echo_id(conn, response_bytes(200, b"nobody asked"))
                else:
                    rng.choice(bad)(conn)
            except OSError:
                raise Ended

    proxy = gateway(upstream([mostly_right]), workers=2, upstream={
        "timeout": {"response": "200ms", "idle": "200ms"}})
    clients = {}
    right = 0
    for i in range(300):
        key = rng.randrange(8)
        client = clients.get(key) or proxy.connect()
        clients[key] = client
        try:
            response = client.request(headers={"X-Request-Id": f"id-{i}"})
        except (EOFError, ConnectionError):
            del clients[key]
            continue
        if response.status == 200:
            assert response.body == b"id-%d" % i
            right += 1
    assert right > 150
    assert proxy.stop() == 0
