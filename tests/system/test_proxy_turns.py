# SPDX-License-Identifier: MIT
"""Who sends without a pause does not keep a worker for itself: others have their turn meanwhile.

Everything is in the sockets before the gateway may look: what one client has to do is much, and the
other's request comes behind it. It must not be answered after all of it."""

import socket
import threading

import pytest

from upstream import read_head, read_request, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

CHUNKED = {"Transfer-Encoding": "chunked"}
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"1\r\n!\r\n0\r\n\r\n"

# So much is kept by the kernel for who does not look; the gateway has more than a turn with it.
AMOUNT = 360_000

# A body before that, which teaches the kernel to take in much at once.
LONG = 16 << 20


def much(piece):
    return piece * (AMOUNT // len(piece))


# Nothing of it is passed on but a byte now and then.
EXTENSIONS = much(b"1;" + b"e" * 8000 + b"\r\na\r\n")

# What a greedy client sends. The gateway answers its last bytes by itself: a request that goes
# nowhere, or a chunk that is none.
FROM_CLIENT = {
    "empty lines": much(b"\r\n") + request_bytes(path="/greedy"),
    "chunk extensions": request_bytes("POST", "/greedy", CHUNKED) + EXTENSIONS + b"none",
}

# Answered by the gateway itself.
OWN = [{"exact": path, "respond": {"status": 200, "body": "!"}} for path in ("/own", "/modest")]
GREEDY = {"exact": "/greedy", "respond": {"status": 404}}


def make_room(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AMOUNT)


def begin(gateway, server, routes=()):
    """A gateway of one worker, a connection that will be greedy and one that will not."""
    proxy = gateway(server, routes=[*OWN, *routes, {"path": "/", "upstream": "app"}])
    greedy, modest = proxy.connect(60), proxy.connect(60)
    for client in greedy, modest:
        assert client.request(path="/own").status == 200
    make_room(greedy.sock)
    return proxy, greedy, modest


def assert_not_last(proxy):
    """Of the requests in the order in which they ended."""
    def both():
        paths = [line["path"] for line in proxy.access_lines()]
        return {"/greedy", "/modest"} <= {*paths} and paths

    paths = wait_until(both, 60, "both requests to end")
    assert paths.index("/modest") < paths.index("/greedy")


@pytest.mark.parametrize("what", FROM_CLIENT)
def test_a_client_that_sends_without_a_pause(gateway, upstream, what):
    routes = [] if "chunk" in what else [GREEDY]
    server = upstream([read_request, response_bytes(200), read_head])
    proxy, greedy, modest = begin(gateway, server, routes)
    assert greedy.request("POST", body=b"x" * LONG).status == 200
    with proxy.paused():
        greedy.send(FROM_CLIENT[what])
        modest.send(request_bytes(path="/modest"))
    assert modest.read_response().status == 200
    assert_not_last(proxy)


def test_an_upstream_that_sends_without_a_pause(gateway, upstream):
    asked, go, sent = threading.Event(), threading.Event(), threading.Event()
    server = upstream([
        read_head, response_bytes(200, b"x" * LONG), read_head,
        lambda conn: make_room(conn.sock), lambda conn: asked.set(), wait_for(go),
        CHUNKED_HEAD + EXTENSIONS + LAST, lambda conn: sent.set()])
    proxy, greedy, modest = begin(gateway, server)
    assert greedy.request().status == 200
    greedy.send(request_bytes(path="/greedy"))
    assert asked.wait(20)
    with proxy.paused():
        go.set()
        assert sent.wait(20)
        modest.send(request_bytes(path="/modest"))
    assert modest.read_response().status == 200
    assert greedy.read_response().body.endswith(b"!")
    assert_not_last(proxy)


def test_pipelined_requests_wait_for_their_turn(gateway, upstream):
    """What was read of them already is not lost, and no news from the socket is needed for it."""
    proxy, greedy, modest = begin(gateway, upstream([]), [GREEDY])
    with proxy.paused():
        greedy.send(request_bytes(path="/own") * 500 + request_bytes(path="/greedy"))
        modest.send(request_bytes(path="/modest"))
    assert modest.read_response().status == 200
    assert [greedy.read_response().body for _ in range(500)] == [b"!"] * 500
    assert_not_last(proxy)


@pytest.mark.parametrize("stale", [
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 5\r\n\r\nstale",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"])
def test_what_came_before_a_request_is_not_its_answer(gateway, upstream, stale):
    """Both are there when the gateway looks, the request first, and a connection to reuse."""
    go, sent = threading.Event(), threading.Event()
    server = upstream([read_request, response_bytes(200, b"first"), wait_for(go), stale,
                       lambda conn: sent.set()],
                      [read_request, response_bytes(200, b"fresh")])
    proxy = gateway(server)
    client = proxy.connect()
    assert client.request().body == b"first"
    with proxy.paused():
        client.send(request_bytes("POST", body=b"x"))
        go.set()
        assert sent.wait(20)
    response = client.read_response()
    assert (response.status, response.body) == (200, b"fresh")
