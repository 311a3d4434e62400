# SPDX-License-Identifier: MIT
"""Forms of a request's target, limits of its size, expectations, dates."""

import re

import pytest

from upstream import close, read_head, read_request, repeat, reset
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT")


@pytest.mark.parametrize("target, line, host", [
    ("http://shop:81/a/b?c=d", b"GET /a/b?c=d HTTP/1.1\r\n", b"shop:81"),
    ("HTTP://shop", b"GET / HTTP/1.1\r\n", b"shop"),
    ("http://[::1]:81?c", b"GET /?c HTTP/1.1\r\n", b"[::1]:81"),
    ("https://shop/", b"GET / HTTP/1.1\r\n", b"shop"),
])
def test_a_target_in_absolute_form(gateway, upstream, target, line, host):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(b"GET %s HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n" % target.encode())
    assert client.read_response().status == 200
    assert server.requests[0].startswith(line)
    for name in (rb"host", rb"x-forwarded-host"):
        assert re.findall(rb"(?i)\r\n%s: ?([^\r]*)" % name, server.requests[0]) == [host]
    assert client.request().status == 200


def test_a_route_looks_at_the_host_of_an_absolute_form(start, upstream, connect):
    """Not at the Host field, which it replaces (RFC 9112 3.2.2)."""
    servers = {name: upstream([repeat(read_request, response_bytes(200, name.encode()))])
               for name in ("shop", "rest")}
    proxy = start("proxy", {
        "routes": [{"host": "shop", "upstream": "shop"}, {"upstream": "rest"}],
        "upstreams": {name: {"endpoints": [server.address]} for name, server in servers.items()}})
    client = connect(proxy.address)
    for target, host, body in (("http://shop:81/", "x", b"shop"), ("http://x/", "shop", b"rest")):
        client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert client.read_response().body == body


def test_options_of_a_whole_server(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    for target in ("*", "http://shop"):
        client.send(b"OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
        assert client.read_response().status == 200
    assert all(request.startswith(b"OPTIONS * HTTP/1.1\r\n") for request in server.requests)


@pytest.mark.parametrize("method, status", [("OPTIONS", 200), ("TRACE", 405)])
def test_a_request_that_is_forwarded_no_more(gateway, upstream, method, status):
    """RFC 9110 7.6.2: the gateway answers as if it were meant."""
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    for target in ("*" if method == "OPTIONS" else "/", "/a"):
        response = client.request(method, target, headers={"Max-Forwards": "0"})
        assert response.status == status and "GET" in response.header("Allow")
    assert not server.connections
    assert {row["cause"] for row in proxy.wait_records("request", 2)} == {"none"}


@pytest.mark.parametrize("method, given, passed_on", [
    ("OPTIONS", "1", b"0"), ("TRACE", "10", b"9"), ("GET", "0", b"0"), ("OPTIONS", "x", b"x"),
    ("OPTIONS", "99999999999999999999", b"99999999999999999999")])
def test_forwards_are_counted(gateway, upstream, method, given, passed_on):
    server = upstream(SERVE)
    assert gateway(server).request(method, headers={"Max-Forwards": given}).status == 200
    assert re.findall(rb"(?i)\r\nmax-forwards: ?([^\r]*)", server.requests[0]) == [passed_on]


@pytest.mark.parametrize("line", ["GET *", "GET ftp://a/", "GET http:///x", "GET http://:80/",
                                  "GET http://user@a/", "GET http://a,b/", "GET /a#b", "GET a:80"])
def test_a_wrong_target(gateway, upstream, line):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert client.read_response().status == 400
    client.assert_closed()
    assert not server.requests


@pytest.mark.parametrize("target", ["a:443", "/"])
def test_connect_is_refused(gateway, upstream, target):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(f"CONNECT {target} HTTP/1.1\r\nHost: a:443\r\n\r\n".encode() + request_bytes())
    response = client.read_response()
    assert response.status == 501 and b"CONNECT" in response.body
    client.assert_closed()
    assert not server.requests
    assert proxy.only_request()["cause"] == "request_denied"


@pytest.mark.parametrize("ending, whole", [(close, True), (reset, False)])
def test_a_response_ended_by_close_is_chunked_for_a_1_1_client(gateway, upstream, ending, whole):
    server = upstream([read_request, b"HTTP/1.0 200 OK\r\n\r\nall ", b"of it" * 10000, ending], SERVE)
    client = gateway(server).connect()
    client.send(request_bytes())
    if not whole:
        with pytest.raises((ConnectionError, EOFError)):
            client.read_response()
        return
    response = client.read_response()
    assert response.header("Transfer-Encoding") == "chunked"
    assert response.header("Connection") is None
    assert response.body == b"all " + b"of it" * 10000
    assert client.request().body == b"hello"


def test_dates(gateway, upstream, refused_address):
    server = upstream([read_request, OK, read_request,
                       response_bytes(200, b"", {"Date": "its own"})])
    client = gateway(server).connect()
    assert DATE.fullmatch(client.request().header("Date"))
    assert client.request().header_all("Date") == ["its own"]
    assert DATE.fullmatch(gateway(refused_address).request().header("Date"))


def test_dates_of_answers_without_an_upstream(start, connect):
    proxy = start("proxy", {
        "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}},
        "routes": [{"exact": "/moved", "redirect": "/x"},
                   {"path": "/", "respond": {"status": 200, "body": "hello"}}]})
    client = connect(proxy.address)
    for path in ("/", "/moved"):
        assert DATE.fullmatch(client.request(path=path).header("Date"))


def test_a_date_that_the_configuration_removes(start, upstream, connect):
    server = upstream(SERVE)
    proxy = start("proxy", {
        "upstreams": {"app": {"endpoints": [server.address]}},
        "routes": [{"upstream": "app", "response_headers": {"remove": ["Date"]}}]})
    assert connect(proxy.address).request().header("Date") is None


@pytest.mark.parametrize("limits, raw, status", [
    ({"target": "100"}, request_bytes(path="/" + "x" * 100), 414),
    ({"request_head": "1KiB"}, b"GET /" + b"x" * 3000, 414),
    ({"fields": 3}, request_bytes(headers=[("X", "y")] * 3), 431),
    ({}, request_bytes(headers=[("X", "y")] * 200), 431),
    ({"request_body": "4"}, request_bytes("POST", body=b"12345"), 413),
    ({"request_body": "4"}, request_bytes("POST", headers={"Transfer-Encoding": "chunked"},
                                          body=b"3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"), 413),
], ids=["target", "target without end", "fields", "too many fields", "length", "chunks"])
def test_limits(gateway, upstream, limits, raw, status):
    server = upstream(SERVE)
    proxy = gateway(server, limits=limits)
    client = proxy.connect()
    client.send(raw)
    assert client.read_response().status == status
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (status, "request_too_large")
    assert not server.requests


def test_limits_of_one_listener(start, upstream, connect):
    """What it says nothing of is as the proxy has it."""
    server = upstream(SERVE)
    proxy = start("proxy", {
        "listeners": [{"address": "127.0.0.1:0"},
                      {"address": "127.0.0.1:0", "limits": {"request_body": "4"}}],
        "upstreams": {"app": {"endpoints": [server.address]}},
        "routes": [{"upstream": "app"}],
        "limits": {"target": "100", "request_body": "8"}})
    for address, most in zip(proxy.addresses, (8, 4)):
        assert connect(address).request("POST", body=b"x" * most).status == 200
        assert connect(address).request("POST", body=b"x" * (most + 1)).status == 413
        assert connect(address).request(path="/" + "x" * 100).status == 414


def test_limits_follow_a_reload(gateway, upstream):
    proxy = gateway(upstream(SERVE))
    fields = {f"X-{i}": "y" for i in range(10)}
    assert proxy.request(headers=fields).status == 200
    proxy.reload({**proxy.config, "limits": {"fields": 5}})
    assert proxy.request(headers=fields).status == 431


def test_at_the_limits(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server, limits={"target": "100", "fields": 3, "request_body": "5"}).connect()
    assert client.request(path="/" + "x" * 99).status == 200
    assert client.request("POST", headers={"X": "y"}, body=b"hello").status == 200
    client.send(request_bytes("POST", headers={"Transfer-Encoding": "chunked"})
                + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX: much longer than five\r\n\r\n")
    assert client.read_response().status == 200
    assert len(server.requests) == 3


def test_a_body_beyond_the_limit_of_a_route_without_an_upstream(start, connect):
    proxy = start("proxy", {
        "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}},
        "routes": [{"path": "/", "respond": {"status": 200}}], "limits": {"request_body": "4"}})
    chunked = request_bytes("POST", headers={"Transfer-Encoding": "chunked"})
    client = connect(proxy.address)
    client.send(chunked + b"5\r\nhello\r\n0\r\n\r\n" + request_bytes())
    assert client.read_response().status == 413
    client.assert_closed()


def test_a_chunked_body_that_grows_beyond_the_limit(gateway, upstream):
    server = upstream([read_head, read_request])
    proxy = gateway(server, limits={"request_body": "4"})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Transfer-Encoding": "chunked"}, body=b"3\r\n123\r\n"))
    server.wait_requests(1)
    client.send(b"2\r\n45\r\n0\r\n\r\n")
    assert client.read_response().status == 413
    client.assert_closed()
    assert server.connections[0].over.wait(10)


def test_a_client_that_is_told_to_go_on_and_does_not(gateway, upstream):
    """From the 100 on it is the client who is waited for."""
    server = upstream([read_head, b"HTTP/1.1 100 Continue\r\n\r\n"])
    proxy = gateway(server, listener={"timeout": {"body": "200ms"}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Expect": "100-continue", "Content-Length": "5"}))
    assert client.read_response(interim=True).status == 100
    assert client.read_response().status == 408
    assert proxy.only_request()["cause"] == "client_timeout"


def test_an_old_client_expects_nothing(gateway, upstream):
    """RFC 9110 10.1.1: an expectation in a 1.0 request is ignored."""
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    assert client.read_response(interim=True).status == 200
    assert b"expect" not in server.requests[0].lower()


def test_a_stalled_100_is_the_upstreams_fault(gateway, upstream):
    server = upstream([read_head])
    proxy = gateway(server, upstream={"timeout": {"response": "200ms"}})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Expect": "100-continue", "Content-Length": "5"}))
    assert client.read_response().status == 504
    assert proxy.only_request()["cause"] == "response_timeout"
