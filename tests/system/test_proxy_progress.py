# SPDX-License-Identifier: MIT
"""A timeout is put off by what it waits for, and by nothing else that happens meanwhile."""

import socket
import threading

import pytest

from tls import Authority, TlsClient, trusting
from upstream import Ended, read_head, read_request, wait_for
from wire import request_bytes, response_bytes

PROGRESS = b"HTTP/1.1 102 Processing\r\n\r\n"

# More than a gateway takes for an upstream on a Unix socket that does not read, and less than its
# client's socket can hold beside that.
BLOCKS = 320_000


@pytest.fixture
def never():
    """An event that is set when the test ends, so that no script waits for longer."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def dripping(never):
    """dripping(client, bytes): sends them again and again, a short while apart, in the background,
    until the connection or the test ends."""
    threads = []

    def drip(client, data):
        while not never.wait(0.05):
            try:
                client.send(data)
            except OSError:
                return

    def begin(client, data):
        threads.append(threading.Thread(target=drip, args=(client, data), daemon=True))
        threads[-1].start()

    yield begin
    never.set()
    for thread in threads:
        thread.join(20)


def trickling(data):
    """A step that sends the bytes again and again until the connection ends."""

    def trickle(conn):
        while not conn.over.wait(0.05):
            try:
                conn.sock.sendall(data)
            except OSError:
                raise Ended

    return trickle


def test_what_a_client_sends_ahead_is_no_response(gateway, upstream, never, dripping):
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                       wait_for(never)])
    proxy = gateway(server, upstream={"timeout": {"idle": "300ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    dripping(client, b"G")
    with pytest.raises((EOFError, ConnectionResetError)):
        client.read_exactly(9)
    assert proxy.only_request()["cause"] == "body_timeout"


def test_what_a_client_sends_is_not_yet_taken(gateway, upstream, never, dripping, tmp_path):
    server = upstream([read_head, wait_for(never)], address=f"unix:{tmp_path}/up.sock")
    proxy = gateway(server, upstream={"timeout": {"idle": "300ms"}, "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Content-Length": "900000000"}) + b"x" * BLOCKS)
    dripping(client, b"x")
    assert client.read_response().status == 504
    assert proxy.only_request()["cause"] == "send_timeout"


def test_what_an_upstream_says_is_no_body_of_the_client(gateway, upstream):
    server = upstream([read_head, trickling(PROGRESS)])
    proxy = gateway(server, listener={"timeout": {"body": "300ms"}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Content-Length": "100"}) + b"abc")
    assert client.read_response().status == 408
    assert proxy.only_request()["cause"] == "client_timeout"


def test_progress_is_no_word_that_a_client_waits_for(gateway, upstream):
    server = upstream([read_head, trickling(PROGRESS)])
    proxy = gateway(server, upstream={"timeout": {"response": "300ms"}, "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Content-Length": "3", "Expect": "100-continue"}))
    assert client.read_response().status == 504
    assert proxy.only_request()["cause"] == "response_timeout"


def test_a_body_that_flows_both_ways_is_progress(gateway, upstream):
    """The response waits for the upload, which takes longer than each may stand still."""
    server = upstream([read_head, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                       lambda conn: conn.read_exactly(30), b"2\r\nok\r\n0\r\n\r\n"])
    proxy = gateway(server, upstream={"timeout": {"idle": "3s"}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Content-Length": "30"}))
    assert client.read_head().status == 200
    pause = threading.Event()
    for _ in range(30):
        client.send(b"x")
        pause.wait(0.15)
    assert client.read_exactly(len(b"2\r\nok\r\n")) == b"2\r\nok\r\n"


def test_a_slow_reader_of_progress_does_not_end_the_wait(gateway, upstream, never, tmp_path):
    """The response's timeout stands still while the client does not read, and then goes on."""
    full = threading.Event()

    def fill(conn):
        interim = b"HTTP/1.1 102 Processing\r\nX: " + b"a" * 1000 + b"\r\n\r\n"
        conn.sock.settimeout(2)
        try:
            for _ in range(20_000):
                conn.sock.sendall(interim)
        except socket.timeout:
            pass
        full.set()

    server = upstream([read_request, fill, wait_for(never)], address=f"unix:{tmp_path}/up.sock")
    proxy = gateway(server, listener={"address": f"unix:{tmp_path}/in.sock"},
                    upstream={"timeout": {"response": "1s"}, "retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(request_bytes())
    assert full.wait(60)
    assert client.read_response().status == 504
    assert proxy.only_request()["cause"] == "response_timeout"


@pytest.mark.parametrize("served", [0, 1])
def test_empty_lines_are_no_request(gateway, upstream, dripping, served):
    server = upstream([read_request, response_bytes(200, b"hello")])
    proxy = gateway(server, listener={"timeout": {"idle": "400ms", "head": "400ms"}})
    client = proxy.connect()
    for _ in range(served):
        assert client.request().status == 200
    dripping(client, b"\r\n")
    client.assert_closed()


def test_empty_lines_over_tls_are_no_request(gateway, upstream, tmp_path):
    server = upstream([read_request, response_bytes(200, b"hello")])
    authority = Authority(tmp_path / "authority")
    listener = {"tls": authority.issue("localhost").config(),
                "timeout": {"idle": "400ms"}}
    proxy = gateway(server, listener=listener)
    client = TlsClient(proxy.address, trusting(authority))
    pause = threading.Event()
    with client, pytest.raises(OSError):
        for _ in range(400):
            client.send(b"\r\n")
            pause.wait(0.05)
