# SPDX-License-Identifier: MIT
"""What an upstream does wrong, and what becomes of it: a 502 with its cause, or a visible cut."""

import socket
import threading

import pytest

from upstream import close, finish_sending, read_head, read_request, repeat, reset
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
ONCE = {"retry": {"attempts": 1}}


def assert_cut(client):
    with pytest.raises((EOFError, ConnectionResetError)):
        client._read_body(client.read_head())


# ---- no response


@pytest.mark.parametrize("attempts", [1, 3])
def test_refused(gateway, refused_address, attempts):
    proxy = gateway(refused_address, upstream={"retry": {"attempts": attempts}})
    response = proxy.request()
    assert response.status == 502
    assert "connection_refused" in response.header("Proxy-Status")
    assert proxy.outcome() == (502, "connect_refused", ["connect_refused"] * attempts)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_is_tried_on_another_endpoint(gateway, upstream, refused_address, method):
    """Nothing was sent, so it is safe for any method."""
    server = upstream(SERVE)
    proxy = gateway(refused_address, server)
    client = proxy.connect()
    for _ in range(4):
        assert client.request(method, body=b"x" * 10).status == 200
    rows = proxy.wait_records("request", 4)
    assert all(row["cause"] == "none" for row in rows)
    assert sorted(row["attempts"] for row in rows) == [1, 1, 2, 2]


def test_another_failure_to_connect_is_tried_on_another_endpoint(gateway, upstream, tmp_path):
    (tmp_path / "file").touch()
    proxy = gateway(f"unix:{tmp_path}/file/socket", upstream(SERVE))
    assert proxy.request("POST", body=b"x").status == 200
    assert proxy.outcome() == (200, "none", ["connect_failed", "none"])


def test_retry_on_nothing(gateway, refused_address):
    proxy = gateway(refused_address, upstream={"retry": {"attempts": 5, "on": []}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "connect_refused", ["connect_refused"])


@pytest.mark.parametrize("script, cause", [
    ([read_request, close], "closed_before_response"),
    ([read_request, reset], "reset_before_response"),
    ([read_request, finish_sending], "closed_before_response"),
    ([close], "closed_before_response"),
])
def test_a_fresh_connection_that_ends_without_an_answer(gateway, upstream, script, cause):
    server = upstream(script)
    proxy = gateway(server, upstream={"retry": {"attempts": 3}})
    assert proxy.request().status == 502
    status, recorded, outcomes = proxy.outcome()
    assert status == 502 and len(server.connections) == 1 == len(outcomes)
    # A close with the request unread is a reset to the other side.
    assert recorded == cause or (script == [close] and recorded == "reset_before_response")
    assert outcomes == [recorded]


# ---- what is not a response

HEAD = b"HTTP/1.1 200 OK\r\n"
CODED = HEAD + b"Transfer-Encoding: chunked\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize("raw", [
    b"nonsense\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n",
    b"\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 0200 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: +5\r\n\r\nhello",
    HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    HEAD + b"Content-Length: 1 0\r\n\r\nhello",
    HEAD + b"Content-Length:\r\n\r\n",
    HEAD + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    CODED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    CODED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
    HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"X : y\r\nContent-Length: 0\r\n\r\n",
    HEAD + b"X: y\r\n z\r\nContent-Length: 0\r\n\r\n",
    HEAD + b"X: \0\r\nContent-Length: 0\r\n\r\n",
    HEAD + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b" X: y\r\n" + EMPTY,
    HEAD + b": y\r\n" + EMPTY,
    HEAD + b"X-Y\r\n" + EMPTY,
    HEAD + b"X\x01Y: z\r\n" + EMPTY,
    HEAD + b"X: y\nZ: w\r\n" + EMPTY,
    HEAD + b"X: y\rZ: w\r\n" + EMPTY,
    HEAD + b"Content-Length:\r\n 5\r\n\r\nhello",
    CODED + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
    CODED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    CODED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    CODED + b"\r\nffffffffffffffff\r\nhello",
    CODED + b"\r\n00000000000000005\r\nhello",
    CODED + b"\r\n5\nhello\r\n0\r\n\r\n",
    CODED + b"\r\n5;a\nhello\r\n0\r\n\r\n",
    CODED + b"\r\n0\r\nX : y\r\n\r\n",
    CODED + b"\r\n0\r\nX: y\nZ: w\r\n\r\n",
    CODED + b"\r\n0\r\nContent-length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n",
])
def test_malformed(gateway, upstream, raw):
    server = upstream([read_request, raw], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    response = client.request()
    assert response.status == 502 and "http_protocol_error" in response.header("Proxy-Status")
    assert proxy.outcome() == (502, "response_malformed", ["response_malformed"])
    assert server.connections[0].over.wait(10)
    assert client.request().body == b"hello", "the client's connection is of no use any more"


def test_half_a_head(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Le", finish_sending])
    proxy = gateway(server)
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "response_malformed", ["response_malformed"])


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000 + b"\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
                                 b"y" * 300_000], ids=["whole", "endless", "no head"])
def test_a_head_beyond_the_limit(gateway, upstream, raw):
    server = upstream([read_request, raw])
    proxy = gateway(server, limits={"response_head": "2KiB"})
    response = proxy.request()
    assert response.status == 502
    assert "http_response_header_section_size" in response.header("Proxy-Status")
    assert proxy.outcome() == (502, "response_head_too_large", ["response_head_too_large"])


def test_a_large_head_within_the_limit(gateway, upstream):
    fields = [(f"X-{i}", "y" * 500) for i in range(100)]
    server = upstream([repeat(read_request, response_bytes(200, b"hello", fields))])
    client = gateway(server).connect()
    for _ in range(3):
        response = client.request()
        assert response.body == b"hello" and len(response.headers) >= 101


def test_too_many_fields(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"", [("X", "y")] * 200)])
    proxy = gateway(server)
    assert proxy.request().status == 502
    assert proxy.outcome()[1] == "response_head_too_large"


# ---- a body that ends too soon

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("end", [close, finish_sending, reset])
@pytest.mark.parametrize("raw", [
    LENGTH, LENGTH + b"part", CHUNKED, CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"ff\r\nhello",
    CHUNKED + b"5\r\nhello\r\n0\r\n", CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n"])
def test_truncated(gateway, upstream, raw, end):
    server = upstream([read_request, raw, end], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    if end is reset and not _head_has_come(client):
        assert proxy.outcome() == (502, "reset_before_response", ["reset_before_response"])
        return
    assert_cut(client)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "body_truncated", 1)
    assert proxy.request().body == b"hello"


def _head_has_come(client):
    """Leaves the head unread; false when the upstream's reset was faster than it."""
    return client.sock.recv(65536, socket.MSG_PEEK).startswith(b"HTTP/1.1 200 OK")


def test_a_reset_is_no_end_of_a_body_that_ends_with_the_connection(gateway, upstream):
    """A clean close would pass for the end: the client must see a reset."""
    seen = threading.Event()
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\n\r\npart",
                       lambda conn: seen.wait(20), reset])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    assert client.read_exactly(7) == b"4\r\npart"
    seen.set()
    with pytest.raises(ConnectionResetError):
        client.read_to_end()
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "body_truncated", 1)


@pytest.mark.parametrize("wrong", [
    b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"5\nhello\r\n", b"\r\n", b"5\r\nhello!\r\n",
    b"5\r\nhelloxx", b"5\r\nhello\n", b"5;" + b"x" * 9000 + b"\r\nhello\r\n",
    b"fffffffffffffffff\r\n", b"0\r\n :\r\n\r\n"])
def test_a_broken_chunk(gateway, upstream, wrong):
    """Behind content that the client has: it is cut off, and never gets a last chunk."""
    seen = threading.Event()
    server = upstream([read_request, CHUNKED + b"2\r\nok\r\n", lambda conn: seen.wait(20), wrong,
                       b"0\r\n\r\n"], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    assert client.read_exactly(7) == b"2\r\nok\r\n"
    seen.set()
    try:
        rest = client.read_to_end()
    except ConnectionResetError:
        rest = client.pending
    assert not rest.endswith(b"0\r\n\r\n")
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (200, "response_malformed", 1)
    assert server.connections[0].over.wait(10)
    assert proxy.request().body == b"hello"


def test_a_broken_chunk_right_behind_the_head(gateway, upstream):
    """Nothing has been sent yet, so the client can still be told."""
    server = upstream([read_request, CHUNKED + b"+5\r\nhello\r\n"])
    proxy = gateway(server)
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "response_malformed", ["response_malformed"])


# ---- bytes nobody asked for


def test_more_than_the_response(gateway, upstream):
    """They must not become the answer to somebody else's request."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    server = upstream([read_request, OK + evil], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    assert client.request().body == b"hello"
    for _ in range(3):
        assert client.request().body == b"hello"
    assert len(server.connections) == 2


@pytest.mark.parametrize("size", [65536, 131072, 16384, 49152])
def test_more_than_the_response_where_a_read_ends(gateway, upstream, size):
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %05d0\r\n\r\n"
    body = b"x" * (size - len(head % 0))
    body = body[:len(body) // 10 * 10]
    pad = size - len(head % 0) - len(body)
    raw = (head % (len(body) // 10)).replace(b" OK", b" OK" + b"!" * pad) + body
    assert len(raw) == size
    server = upstream([read_request, raw + evil], SERVE)
    client = gateway(server).connect()
    assert client.request().body == body
    for _ in range(3):
        assert client.request().body == b"hello"


# ---- the keep-alive race


RACE_ENDS = [close, reset, finish_sending]


@pytest.mark.parametrize("end", RACE_ENDS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_reused_connection_that_closes_is_retried(gateway, upstream, end, method):
    server = upstream([read_request, OK, read_head, end], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.request()
    assert client.request(method).status == 200
    assert len(server.connections) == 2
    first, second = proxy.wait_records("request", 2)
    assert (second["cause"], second["attempts"]) == ("none", 2)
    tries = proxy.wait_records("attempt", 3)
    assert [row["outcome"] for row in tries] == ["none", "reused_closed", "none"]
    assert [row["retried"] for row in tries] == [0, 1, 0]
    assert [row["connection_requests"] for row in tries] == [0, 1, 0]


@pytest.mark.parametrize("end", RACE_ENDS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_have_been_done_is_not_sent_twice(gateway, upstream, end, method):
    server = upstream([read_request, OK, read_head, end], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.request()
    assert client.request(method, body=b"pay").status == 502
    assert len(server.connections) == 1
    row = proxy.wait_records("request", 2)[1]
    assert (row["cause"], row["attempts"]) == ("reused_closed", 1)


@pytest.mark.parametrize("retry", [{"attempts": 1}, {"attempts": 2, "on": ["connect"]}])
def test_a_reused_connection_that_closes_without_retries(gateway, upstream, retry):
    server = upstream([read_request, OK, read_head, close], SERVE)
    proxy = gateway(server, upstream={"retry": retry})
    client = proxy.connect()
    client.request()
    assert client.request().status == 502
    assert proxy.wait_records("request", 2)[1]["cause"] == "reused_closed"


def test_a_retry_sends_the_body_again(gateway, upstream):
    server = upstream([read_request, OK, read_head, close], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.request()
    body = bytes(range(256)) * 100
    assert client.request("PUT", "/x", body=body).status == 200
    assert server.connections[1].requests[0].endswith(b"\r\n\r\n" + body)


def test_a_retry_does_not_take_another_old_connection(gateway, upstream):
    """Connections that were idle as long have most likely been closed as well."""
    both = threading.Barrier(2)
    race = [read_request, lambda conn: both.wait(20), OK, read_head, close]
    server = upstream(race, race, SERVE)
    proxy = gateway(server)
    clients = [proxy.connect() for _ in range(2)]
    for client in clients:
        client.send(request_bytes())
    for client in clients:
        client.read_response()
    assert clients[0].request().status == 200
    assert len(server.connections) == 3
    assert len(proxy.wait_records("attempt", 4)) == 4


def test_a_fresh_connection_that_closes_after_a_reused_one_is_the_end(gateway, upstream):
    server = upstream([read_request, OK, read_head, close], [read_head, close])
    proxy = gateway(server, upstream={"retry": {"attempts": 5}})
    client = proxy.connect()
    client.request()
    assert client.request().status == 502
    row = proxy.wait_records("request", 2)[1]
    assert (row["cause"], row["attempts"]) == ("closed_before_response", 2)


def test_a_response_that_has_begun_is_not_retried(gateway, upstream):
    server = upstream([read_request, OK, read_head, b"HTTP/1.1 200", close], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.request()
    assert client.request().status == 502
    assert len(server.connections) == 1


def closing(gateway, upstream, budget):
    return gateway(upstream([read_request, close]), upstream={
        "retry": {"attempts": 2, "on": ["closed"], "budget": budget}})


@pytest.mark.parametrize("budget, retried", [("1%", 10), ("0%", 0)])
def test_the_budget_ends_retries(gateway, upstream, budget, retried):
    """With a small share, the reserve of 10 is all there is; with none there is no reserve either."""
    proxy = closing(gateway, upstream, budget)
    client = proxy.connect()
    for _ in range(15):
        assert client.request().status == 502
    rows = proxy.wait_records("request", 15)
    assert [row["attempts"] for row in rows] == [2] * retried + [1] * (15 - retried)


def test_what_was_never_sent_needs_no_budget(gateway, refused_address):
    """Another try after a failed connect adds no load to anybody; the number of tries holds."""
    proxy = gateway(refused_address, admin="127.0.0.1:0",
                    upstream={"retry": {"attempts": 2, "budget": "0%"}})
    client = proxy.connect()
    for _ in range(15):
        assert client.request().status == 502
    assert {row["attempts"] for row in proxy.wait_records("request", 15)} == {2}
    assert proxy.metrics()["retries_denied_total"] == 0


def test_the_budget_is_a_share_of_requests(gateway, upstream):
    proxy = closing(gateway, upstream, "50%")
    client = proxy.connect()
    for _ in range(60):
        client.request()
    retried = sum(row["attempts"] == 2 for row in proxy.wait_records("request", 60))
    assert 35 <= retried <= 41


# ---- the upstream's own


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_an_upstreams_own_5xx_is_passed_on(gateway, upstream, status):
    server = upstream([repeat(read_request, response_bytes(status, b"mine"))])
    proxy = gateway(server)
    response = proxy.request()
    assert (response.status, response.body) == (status, b"mine")
    assert response.header("Proxy-Status") is None
    assert proxy.outcome() == (status, "upstream_status", ["upstream_status"])
    assert proxy.request().status == status and len(server.connections) == 1
