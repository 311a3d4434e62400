# SPDX-License-Identifier: MIT
"""The backend's HTTP server: framing, pipelining, keep-alive, bad input, bad behaviour."""

import contextlib
import os
import time

import pytest

from waiting import wait_until
from wire import request_bytes


def handler(*steps):
    return {"steps": list(steps)}


CONFIG = {"handlers": {
    "/five": handler({"respond": {"status": 200, "body": "5B"}}),
    "/a": handler({"io": "20ms"}, {"respond": {"status": 201}}),
    "/b": handler({"respond": {"status": 202}}),
    "/nothing": handler(),
    "/big": handler({"respond": {"body": "3MiB"}}),
    "/chunked": handler({"respond": {"body": "100000", "chunked": True}}),
    "/headers": handler({"respond": {"status": 299, "headers": {"X-One": "1", "X-Two": "b c"}}}),
    "/prefix/": handler({"respond": {"status": 203}}),
    "/close": handler({"fail": "close"}, {"respond": {}}),
    "/reset": handler({"fail": "reset"}, {"respond": {}}),
    "/garbage": handler({"fail": "garbage"}, {"respond": {}}),
    "/truncate": handler({"fail": "truncate"}, {"respond": {"body": "100KiB"}}),
    "/truncate-chunked": handler({"fail": "truncate"}, {"respond": {"body": "100KiB", "chunked": True}}),
    "/never": handler({"fail": {"how": "close", "share": "0%"}}, {"respond": {}}),
}}


@pytest.fixture
def backend(start):
    return start("backend", CONFIG)


@pytest.fixture
def client(backend, connect):
    return connect(backend.address)


def test_responses_follow_the_configuration(client):
    response = client.request(path="/five")
    assert (response.status, response.body) == (200, b"xxxxx")
    assert response.header("Date").endswith(" GMT")
    assert client.request(path="/nothing").status == 204
    assert client.request(path="/headers").header("X-Two") == "b c"
    assert client.request(path="/headers?query=1").status == 299
    assert client.request(path="/prefix/deep").status == 203
    assert client.request(path="http://host/a?x").status == 201
    assert client.request(path="/never").status == 200
    assert client.request(path="/unknown").status == 404


def test_bodies_arrive_whole(client):
    assert client.request(path="/big").body == b"x" * (3 << 20)
    response = client.request(path="/chunked")
    assert response.header("Transfer-Encoding") == "chunked"
    assert response.header("Content-Length") is None
    assert response.body == b"x" * 100000


def test_a_body_is_streamed_with_back_pressure(start, connect):
    backend = start("backend", {"handlers": {
        "/": handler({"respond": {"body": "256MiB"}}),
        "/chunked": handler({"respond": {"body": "256MiB", "chunked": True}})}})
    for path in ("/", "/chunked"):
        slow = connect(backend.address)
        slow.send(request_bytes(path=path))
        slow.read_head()
        status = open(f"/proc/{backend.pid}/statm").read().split()
        assert int(status[1]) * 4096 < 200 << 20
        assert connect(backend.address).request("HEAD").status == 200


def test_head_has_no_body(client):
    response = client.request("HEAD", "/big")
    assert response.header("Content-Length") == str(3 << 20)
    assert client.request("HEAD", "/chunked").status == 200
    assert client.request(path="/five").body == b"xxxxx"


@pytest.mark.parametrize("path, status", [("/five", 200), ("/a", 201)])
def test_request_bodies_are_read_and_discarded(client, path, status):
    assert client.request("POST", path, body=b"b" * 300000).status == status
    client.send(request_bytes("POST", path, {"Transfer-Encoding": "chunked"}))
    for _ in range(3):
        client.send(b"5;x=y\r\nhello\r\n")
    client.send(b"0\r\nTrailer: x\r\n\r\n")
    assert client.read_response().status == status
    assert client.request(path=path).status == status


def test_a_body_in_small_pieces(client):
    for byte in request_bytes("POST", "/five", body=b"hello"):
        client.send(bytes([byte]))
    assert client.read_response().status == 200


def test_empty_lines_before_a_request_are_skipped(client):
    for byte in b"\r\n\r\n" + request_bytes(path="/five"):
        client.send(bytes([byte]))
    assert client.read_response().status == 200
    client.send(b"\r\n" + request_bytes(path="/a"))
    assert client.read_response().status == 201


def test_continue_is_sent_when_it_is_waited_for(client):
    head = request_bytes("POST", "/five", {"Expect": "100-continue", "Content-Length": "5"})
    client.send(head)
    assert client.read_response(interim=True).status == 100
    client.send(b"hello")
    assert client.read_response().status == 200


def test_pipelined_requests_are_answered_in_order(client):
    paths = ["/a", "/b", "/five", "/b", "/a"] * 20
    client.send(b"".join(request_bytes(path=path) for path in paths))
    expected = {"/a": 201, "/b": 202, "/five": 200}
    assert [client.read_response().status for _ in paths] == [expected[path] for path in paths]


def test_a_bad_request_behind_good_ones(client):
    client.send(request_bytes(path="/a") + b"bad\r\n\r\n")
    assert client.read_response().status == 201
    assert client.read_response().status == 400
    client.assert_closed()


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
])
def test_malformed_requests_get_400_and_the_connection_is_closed(backend, client, connect, data):
    client.send(data + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    response = client.read_response()
    assert response.status == 400
    assert response.header("Connection") == "close"
    client.assert_closed()
    assert connect(backend.address).request(path="/five").status == 200


def test_a_head_too_large_gets_431(backend, client, connect):
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20))
    assert client.read_response().status == 431
    client.assert_closed()
    assert connect(backend.address).request(path="/five").status == 200


def test_http_1_0(backend, client, connect):
    client.send(b"GET /five HTTP/1.0\r\n\r\n")
    assert client.read_response().header("Connection") == "close"
    client.assert_closed()

    client = connect(backend.address)
    client.send(b"GET /five HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert client.read_response().header("Connection") == "keep-alive"
    # There are no chunks in HTTP/1.0: the end of the connection ends the body.
    client.send(b"GET /chunked HTTP/1.0\r\n\r\n")
    response = client.read_response()
    assert response.header("Transfer-Encoding") is None
    assert response.body == b"x" * 100000


# ---- connections


def test_an_idle_connection_is_closed_at_the_timeout(start, connect):
    backend = start("backend", {**CONFIG, "keepalive_timeout": "400ms"})
    client = connect(backend.address)
    for _ in range(3):
        last = time.monotonic()
        client.request(path="/five")
    client.assert_closed()
    assert 0.39 < time.monotonic() - last < 15


def test_without_keep_alive_each_response_closes(start, connect):
    backend = start("backend", {**CONFIG, "keepalive_timeout": "0s"})
    client = connect(backend.address)
    assert client.request(path="/five").header("Connection") == "close"
    client.assert_closed()


def test_idle_connections_close_together_after_a_pause(start, connect):
    backend = start("backend", {**CONFIG, "keepalive_timeout": "500ms",
                                "pauses": [{"from": "1s", "duration": "1500ms"}]})
    clients = [connect(backend.address) for _ in range(5)]
    # In use until the pause, which one of them meets with a request.
    longest = 0
    while longest < 1:
        client = clients[0]
        clients.append(clients.pop(0))
        began = time.monotonic()
        client.request(path="/five")
        longest = time.monotonic() - began
    # By now the others have been idle for too long: their timers were due in the pause, and have
    # been served when the next request is.
    assert client.request(path="/five").status == 200
    for other in clients:
        if other is not client:
            other.sock.setblocking(False)
            assert other.sock.recv(1) == b""


def test_a_limit_of_connections_leaves_others_waiting(start, connect):
    backend = start("backend", {**CONFIG, "max_connections": 1})
    first = connect(backend.address)
    assert first.request(path="/five").status == 200
    second = connect(backend.address)
    second.send(request_bytes(path="/five"))
    second.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        second.read_response()
    second.sock.settimeout(10)
    first.close()
    assert second.read_response().status == 200


def test_no_descriptor_for_a_connection_is_said_and_got_over(start, connect):
    backend = start("backend", {**CONFIG, "descriptor_limit": 32})
    clients = [connect(backend.address) for _ in range(40)]
    backend.wait_log("no descriptor left for a connection")
    for client in clients:
        client.close()
    assert connect(backend.address).request(path="/five").status == 200


# ---- misbehaving


def test_fail_close_sends_nothing(client):
    client.send(request_bytes(path="/close"))
    assert client.read_to_end() == b""


def test_fail_reset(client):
    client.send(request_bytes(path="/reset"))
    with pytest.raises(ConnectionResetError):
        client.read_to_end()


def test_fail_garbage(client):
    client.send(request_bytes(path="/garbage"))
    data = client.read_to_end()
    assert data and not data.startswith(b"HTTP")


def test_fail_truncate_ends_in_the_middle(backend, client, connect):
    client.send(request_bytes(path="/truncate"))
    response = client.read_head()
    assert response.header("Content-Length") == str(100 << 10)
    assert len(client.read_to_end()) == 50 << 10

    client = connect(backend.address)
    client.send(request_bytes(path="/truncate-chunked"))
    assert client.read_head().status == 200
    data = client.read_to_end()
    assert len(data) > 50 << 10 and not data.endswith(b"0\r\n\r\n")


def test_clients_that_go_away_are_let_go(backend, connect):
    before = sockets(backend)
    for _ in range(20):
        client = connect(backend.address)
        client.send(request_bytes(path="/a") + b"GET /b HT")
        client.reset()
        client = connect(backend.address)
        client.send(request_bytes(path="/big"))
        client.read_exactly(1000)
        client.close()
    wait_until(lambda: sockets(backend) == before, what="no connection is left")
    assert connect(backend.address).request(path="/five").status == 200


def sockets(backend):
    """How many sockets it has open, for connections and otherwise."""
    links = []
    for name in os.listdir(f"/proc/{backend.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{backend.pid}/fd/{name}"))
    return sum(link.startswith("socket:") for link in links)
