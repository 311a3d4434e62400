# SPDX-License-Identifier: MIT
"""Requests that two servers might read in two ways: refused, and nothing of them is passed on."""

import time

import pytest

from upstream import read_head, read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

SERVE = [repeat(read_request, response_bytes(200, b"hello"))]
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

CHUNKED = b"Transfer-Encoding: chunked\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

REFUSED = {
    # two lengths
    "length and coding": POST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\nX",
    "coding and length": POST + CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\nX",
    "lengths that differ": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "lengths that agree": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    # lengths that are none
    "plus": POST + b"Content-Length: +5\r\n\r\nhello",
    "minus": POST + b"Content-Length: -5\r\n\r\nhello",
    "hex": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "space inside": POST + b"Content-Length: 1 0\r\n\r\nhello",
    "no length": POST + b"Content-Length:\r\n\r\n",
    "overflow": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    # codings
    "unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two coding fields": POST + CHUNKED + b"Transfer-encoding: x\r\n\r\n0\r\n\r\n",
    "empty element": POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    # names
    "space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "no name": GET + b": x\r\n\r\n",
    "no colon": GET + b"X-Y\r\n\r\n",
    "control in a name": GET + b"X\x01Y: z\r\n\r\n",
    # lines
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "one bare line feed": GET + b"X: y\nZ: w\r\n\r\n",
    "bare carriage return": GET + b"X: y\rZ: w\r\n\r\n",
    "folded": GET + b"X: y\r\n z\r\n\r\n",
    "folded length": POST + b"Content-Length:\r\n 5\r\n\r\nhello",
    "folded first": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "nul": GET + b"X: a\0b\r\n\r\n",
    "nul in a long value": GET + b"X: a long value \0 for a field\r\n\r\n",
    "carriage return in a long value": GET + b"X: a long value \r for a field\r\n\r\n",
    "line feed in a long value": GET + b"X: a long value \n for a field\r\n\r\n",
    "delete in a long value": GET + b"X: a long value \x7f for a field\r\n\r\n",
    # the request line and Host
    "no method": b"/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 1.x": b"GET / HTTP/1.x\r\nHost: a\r\n\r\n",
    "host without a name": b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
    "host with two ports": b"GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n",
    "port that is none": b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
    "bracket without its other": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "authority without a name": b"GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "nul in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: b\r\n\r\n",
    "host list": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "not a path": b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    # chunks
    "chunk size plus": POST + CHUNKED + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk size minus": POST + CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "chunk size 0x": POST + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size overflow": POST + CHUNKED + b"\r\nffffffffffffffff\r\nhello",
    "chunk size of 17 digits": POST + CHUNKED + b"\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk size and line feed": POST + CHUNKED + b"\r\n5\nhello\r\n0\r\n\r\n",
    "chunk extension and line feed": POST + CHUNKED + b"\r\n5;a\nhello\r\n0\r\n\r\n",
    "endless chunk extension": POST + CHUNKED + b"\r\n5;" + b"x" * 9000 + b"\r\nhello\r\n0\r\n\r\n",
    "no line end behind a chunk": POST + CHUNKED + b"\r\n5\r\nhelloxx0\r\n\r\n",
    "line feed behind a chunk": POST + CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n",
    # trailers
    "trailer and space": POST + CHUNKED + b"\r\n0\r\nX : y\r\n\r\n",
    "trailer and line feed": POST + CHUNKED + b"\r\n0\r\nX: y\nZ: w\r\n\r\n",
    "folded trailer": POST + CHUNKED + b"\r\n0\r\nX: y\r\n z\r\n\r\n",
    "nul in a trailer": POST + CHUNKED + b"\r\n0\r\nX: \0\r\n\r\n",
    "trailer without a name": POST + CHUNKED + b"\r\n0\r\n: y\r\n\r\n",
    "length as a trailer": POST + CHUNKED + b"\r\n0\r\ncontent-Length: 5\r\n\r\nhello",
    "coding as a trailer": POST + CHUNKED + b"\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "cookie as a trailer": POST + CHUNKED + b"\r\n0\r\nCookie: a=b\r\n\r\n",
    "length as CGI reads it": POST + CHUNKED + b"\r\n0\r\nContent_Length: 5\r\n\r\n",
    "host as a trailer": POST + CHUNKED + b"\r\n0\r\nX: y\r\nHost: b\r\n\r\n",
    "endless trailers": POST + CHUNKED + b"\r\n0\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(gateway, upstream, raw):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(raw + SECOND)
    response = client.read_response()
    assert (response.status, response.header("Connection")) == (400, "close")
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (400, "request_malformed")
    assert not server.requests
    assert proxy.request().body == b"hello"
    assert len(server.requests) == 1


@pytest.mark.parametrize("raw", [b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
                                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_another_version(gateway, upstream, raw):
    proxy = gateway(upstream(SERVE))
    client = proxy.connect()
    client.send(raw)
    assert client.read_response().status == 505
    client.assert_closed()
    assert proxy.only_request()["cause"] == "request_malformed"


def test_a_later_minor_version_is_read_as_1_1(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    for _ in range(2):  # it is kept
        client.send(b"GET / HTTP/1.2\r\nHost: a\r\n\r\n")
        assert client.read_response().status == 200
    assert server.requests[0].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["length and coding", "folded", "space before the colon",
                                  "chunk size plus", "length as a trailer"])
def test_refused_byte_by_byte(gateway, upstream, name):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    try:
        for i in range(len(REFUSED[name])):
            client.send(REFUSED[name][i:i + 1])
    except ConnectionError:
        pass
    assert client.read_response().status == 400
    assert not server.requests


def test_what_came_before_is_still_answered(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(request_bytes() * 2 + REFUSED["folded"] + SECOND)
    assert [client.read_response().status for _ in range(3)] == [200, 200, 400]
    client.assert_closed()
    assert len(server.requests) == 2


@pytest.mark.parametrize("wrong", [b"+5\r\nhello\r\n", b"0x5\r\n", b"5 5\r\n", b"\r\n", b"5\nhi"])
def test_a_chunk_that_breaks_while_it_is_passed_on(gateway, upstream, wrong):
    """The upstream has begun to read it: it must see that the request was cut."""
    server = upstream([read_head, lambda conn: conn.read_until(b"first"), read_request], SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(POST + CHUNKED + b"\r\n5\r\nfirst\r\n")
    server.wait_requests(1)
    client.send(wrong + b"0\r\n\r\n" + SECOND)
    assert client.read_response().status == 400
    client.assert_closed()
    assert server.connections[0].over.wait(10)
    assert len(server.requests) == 1
    assert b"0\r\n\r\n" not in server.connections[0].unread
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (400, "request_malformed")
    assert proxy.request().body == b"hello"


@pytest.mark.parametrize("raw", [GET + b"X: " + b"y" * 5000 + b"\r\n\r\n", b"G" * 5000,
                                 GET + b"X: y\r\n" * 1000], ids=["whole", "no line", "many"])
def test_a_head_beyond_the_limit(gateway, upstream, raw):
    server = upstream(SERVE)
    proxy = gateway(server, limits={"request_head": "2KiB"})
    client = proxy.connect()
    client.send(raw)
    assert client.read_response().status == 431
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (431, "request_too_large")
    assert not server.connections


def test_too_many_fields(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    assert proxy.request(headers=[("X", "y")] * 126).status == 200
    assert proxy.request(headers=[("X", "y")] * 200).status == 431


def test_empty_lines_before_a_request(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    for _ in range(2):
        client.send(b"\r\n" + request_bytes() + b"\r\n")
        assert client.read_response().status == 200
    for byte in b"\r\n\r\n" + request_bytes():
        client.send(bytes([byte]))
        time.sleep(0.002)  # so that most of them are read alone
    assert client.read_response().status == 200


def test_the_answer_is_not_lost_when_the_client_goes_on_sending(gateway, upstream):
    """A close with bytes unread would be a reset that overtakes the answer."""
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(REFUSED["length and coding"])
    for _ in range(20):
        try:
            client.send(b"x" * 50_000)
        except ConnectionError:
            break
    assert client.read_response().status == 400


@pytest.mark.parametrize("value", [b"chunked", b"CHUNKED", b" \t chunked \t"])
def test_spaces_and_case_of_the_coding(gateway, upstream, value):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(POST + b"Transfer-Encoding:" + value + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert client.read_response().status == 200
    assert server.requests[0].endswith(b"hello")


def test_what_looks_like_a_request_inside_a_body(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.request("POST", body=SECOND)
    client.send(POST + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(SECOND), SECOND))
    assert client.read_response().status == 200
    assert len(server.requests) == 2
    assert all(request.endswith(SECOND) for request in server.requests)


def test_a_body_of_a_get(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(GET + b"Content-Length: %d\r\n\r\n%s" % (len(SECOND), SECOND) + request_bytes())
    assert [client.read_response().status for _ in range(2)] == [200, 200]
    wait_until(lambda: len(server.requests) == 2)
    assert b"/smuggled" not in server.requests[1]
