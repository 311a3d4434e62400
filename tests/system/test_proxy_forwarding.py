# SPDX-License-Identifier: MIT
"""The gateway passes messages on as they are, save for what belongs to one hop."""

import re
import threading
import time

import pytest

from upstream import close, finish_sending, read_head, read_request, repeat, reset, wait_for
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]


def echo_path(conn):
    """Answers the last request with its own path."""
    path = conn.requests[-1].split(b" ")[1]
    conn.sock.sendall(response_bytes(200, path))


ECHO = [repeat(read_request, echo_path)]


def fields(request):
    """The fields of a request as the upstream got it, by lower-case name."""
    head = request.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in head)
    return {name.lower(): value.strip() for name, _, value in pairs}


# ---- connections


def test_both_sides_are_kept_alive(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    for _ in range(2):
        client = proxy.connect()
        for _ in range(3):
            response = client.request()
            assert (response.status, response.body) == (200, b"hello")
            assert response.header("Connection") is None
    assert len(server.connections) == 1 and len(server.requests) == 6
    rows = proxy.wait_records("attempt", 6)
    assert [row["connection_requests"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert {row["connection"] for row in rows} == {rows[0]["connection"]}


def test_a_client_that_says_close_is_closed_and_the_upstream_is_not(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    for _ in range(3):
        client = proxy.connect()
        response = client.request(headers={"Connection": "close"})
        assert response.header("Connection") == "close"
        client.assert_closed()
    assert len(server.connections) == 1
    assert all("connection" not in fields(request) for request in server.requests)


def test_an_upstream_that_says_close_is_closed_and_the_client_is_not(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"hello", {"Connection": "close"})])
    client = gateway(server).connect()
    for _ in range(3):
        response = client.request()
        assert response.status == 200 and response.header("Connection") is None
    assert len(server.connections) == 3
    assert all(conn.over.wait(10) and conn.closed_by_peer for conn in server.connections)


def named(upstream, *names):
    """Upstreams that answer with their name."""
    return [upstream([repeat(read_request, response_bytes(200, name))]) for name in names]


def test_round_robin(gateway, upstream):
    client = gateway(*named(upstream, b"a", b"b", b"c")).connect()
    order = b"".join(client.request().body for _ in range(9))
    assert order == order[:3] * 3 and set(order[:3]) == set(b"abc")


def test_round_robin_by_weight(gateway, upstream):
    heavy, light = named(upstream, b"H", b"L")
    client = gateway({"address": heavy.address, "weight": 3}, light).connect()
    order = b"".join(client.request().body for _ in range(8))
    assert order.count(b"H") == 6 and order.count(b"L") == 2
    assert b"LL" not in order


def test_pipelined_requests_are_answered_in_order(gateway, upstream):
    client = gateway(upstream(ECHO), upstream(ECHO)).connect()
    client.send(b"".join(request_bytes(path=f"/{i}") for i in range(20)))
    assert [client.read_response().body for _ in range(20)] == [b"/%d" % i for i in range(20)]


def test_a_pipelined_request_waits_for_the_one_before(gateway, upstream):
    answer = threading.Event()
    slow = upstream([read_request, wait_for(answer), response_bytes(200, b"first"), *SERVE])
    quick = upstream(SERVE)
    proxy = gateway(slow, quick)
    client = proxy.connect()
    client.send(request_bytes() + request_bytes(method="POST", body=b"x" * 1000) + request_bytes())
    slow.wait_requests(1)
    assert proxy.request().body == b"hello"
    assert quick.requests == [quick.requests[0]] and b"POST" not in quick.requests[0]
    answer.set()
    assert [client.read_response().body for _ in range(3)] == [b"first", b"hello", b"hello"]


# ---- messages without a body


@pytest.mark.parametrize("method, raw", [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n"),
])
def test_a_response_without_a_body(gateway, upstream, method, raw):
    server = upstream([read_request, raw, *SERVE])
    client = gateway(server).connect()
    response = client.request(method)
    assert response.status == int(raw.split()[1])
    length = re.search(rb"Content-Length: (\d+)", raw)
    assert response.header("Content-Length") == (length and length[1].decode())
    assert client.request().body == b"hello"
    assert len(server.connections) == 1


@pytest.mark.parametrize("field", [("Content-Length", "3"), ("Transfer-Encoding", "chunked")])
def test_a_length_of_nothing_is_not_passed_on(gateway, upstream, field):
    """RFC 9110 8.6, RFC 9112 6.1: neither in a 204 nor in an interim response."""
    line = b"%s: %s\r\n" % tuple(part.encode() for part in field)
    server = upstream([read_request, b"HTTP/1.1 103 Early Hints\r\n" + line + b"\r\n"
                       b"HTTP/1.1 204 No Content\r\n" + line + b"\r\n", *SERVE])
    client = gateway(server).connect()
    client.send(request_bytes())
    for status in (103, 204):
        response = client.read_response(interim=True)
        assert response.status == status and response.header(field[0]) is None
    assert client.request().body == b"hello"


def test_an_error_that_answers_head(gateway, refused_address):
    client = gateway(refused_address).connect()
    response = client.request("HEAD")
    assert response.status == 502 and int(response.header("Content-Length")) > 0
    assert client.request().status == 502


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 "])
def test_a_status_line_without_a_reason(gateway, upstream, line):
    """Many servers leave out the space before it, too."""
    server = upstream([read_request, line + b"\r\nContent-Length: 5\r\n\r\nhello"])
    client = gateway(server).connect()
    client.send(request_bytes())
    assert client.read_exactly(15) == b"HTTP/1.1 200 \r\n"  # it is never left out (RFC 9112 4)


# ---- 1xx


def test_expect_100_continue(gateway, upstream):
    server = upstream([read_head, b"HTTP/1.1 100 Continue\r\n\r\n",
                       lambda conn: conn.read_exactly(5), OK])
    client = gateway(server).connect()
    client.send(request_bytes("POST", headers={"Expect": "100-continue", "Content-Length": "5"}))
    assert client.read_response(interim=True).status == 100
    client.send(b"12345")
    assert client.read_response(interim=True).status == 200
    assert fields(server.requests[0])["expect"] == "100-continue"


def test_a_final_answer_to_expect_100_continue(gateway, upstream):
    server = upstream([read_head, response_bytes(417, b"no")])
    client = gateway(server).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    response = client.read_response(interim=True)
    assert (response.status, response.body) == (417, b"no")
    assert response.header("Connection") == "close"
    client.assert_closed()


def test_early_hints_are_passed_on(gateway, upstream):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    server = upstream([repeat(read_request, hints, hints, OK)])
    client = gateway(server).connect()
    for _ in range(2):
        client.send(request_bytes())
        first, second, last = (client.read_response(interim=True) for _ in range(3))
        assert (first.status, second.status, last.status) == (103, 103, 200)
        assert first.header("Link") == "<a>"


def test_a_client_that_does_not_wait_for_the_100(gateway, upstream):
    """RFC 9110 10.1.1: it may, and the upstream may leave the 100 out."""
    server = upstream([repeat(read_request, OK)])
    client = gateway(server).connect()
    for length in ({"Content-Length": "5"}, {"Transfer-Encoding": "chunked"}):
        body = b"12345" if "Content-Length" in length else b"5\r\n12345\r\n0\r\n\r\n"
        client.send(request_bytes("POST", headers={"Expect": "100-continue", **length}) + body)
        assert client.read_response(interim=True).status == 200
    assert [request[-5:] for request in server.requests] == [b"12345"] * 2


def test_a_100_that_nobody_waits_for(gateway, upstream):
    """RFC 9110 15.2: passed on all the same, as often as it comes."""
    server = upstream([repeat(read_request, b"HTTP/1.1 100 Continue\r\n\r\n" * 3, OK)])
    client = gateway(server).connect()
    client.send(request_bytes())
    assert [client.read_response(interim=True).status for _ in range(4)] == [100, 100, 100, 200]


def test_an_old_client_gets_no_1xx(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.1 103 Early Hints\r\n\r\n", OK])
    client = gateway(server).connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.read_response(interim=True).status == 200


# ---- HTTP/1.0


def test_an_http_1_0_client(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    response = client.read_response()
    assert response.status == 200 and response.body == b"hello"
    client.assert_closed()
    assert server.requests[0].startswith(b"GET / HTTP/1.1\r\n")
    assert fields(server.requests[0])["host"] == server.address  # 1.1 demands one, 1.0 does not


def test_an_http_1_0_client_that_names_a_host(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    client.send(b"GET / HTTP/1.0\r\nHost: shop\r\n\r\n")
    assert client.read_response().status == 200
    assert server.requests[0].lower().count(b"\r\nhost:") == 1
    assert fields(server.requests[0])["host"] == "shop"


def test_an_http_1_0_client_that_keeps_alive(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    for _ in range(2):
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        response = client.read_response()
        assert response.body == b"hello" and response.header("Connection").lower() == "keep-alive"


def test_an_http_1_0_client_gets_no_chunks(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                       b"5\r\nhello\r\n6;x=y\r\n world\r\n", b"0\r\nX: y\r\n\r\n", *SERVE])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    response = client.read_response()
    assert response.header("Transfer-Encoding") is None
    assert response.body == b"hello world"
    assert proxy.request().status == 200 and len(server.connections) == 1


def test_an_http_1_0_client_gets_no_chunks_either_way(gateway, upstream):
    """What ends by close ends by close for it too, and a cut is none."""
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\n\r\nall ", b"of it", close],
                      [read_request, b"HTTP/1.1 200 OK\r\n\r\npart", reset])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    response = client.read_head()
    assert response.header("Transfer-Encoding") is None
    assert response.header("Connection") == "close"
    assert client.read_to_end() == b"all of it"
    client = proxy.connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        client.read_to_end()


@pytest.mark.parametrize("field, connections", [(b"", 2), (b"Connection: keep-alive\r\n", 1)])
def test_an_http_1_0_upstream_that_keeps_alive_or_not(gateway, upstream, field, connections):
    answer = b"HTTP/1.0 200 OK\r\n" + field + b"Content-Length: 5\r\n\r\nhello"
    server = upstream([repeat(read_request, answer)])
    client = gateway(server).connect()
    for _ in range(2):
        response = client.request()
        assert (response.version, response.body) == ("HTTP/1.1", b"hello")
    assert len(server.connections) == connections


def test_an_http_1_0_upstream(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.0 200 OK\r\n\r\nall of it", close])
    proxy = gateway(server)
    response = proxy.request()
    assert (response.version, response.status, response.body) == ("HTTP/1.1", 200, b"all of it")
    assert response.header("Connection") is None  # the end is told by the chunks
    assert proxy.outcome() == (200, "none", ["none"])


# ---- chunks


def test_chunks_and_trailers_pass_in_both_directions(gateway, upstream):
    sent = b"5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 7\r\n\r\n"
    head = b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    server = upstream([read_head, lambda conn: conn.requests.append(conn.read_exactly(len(sent))),
                       b"HTTP/1.1 200 OK\r\n" + head + sent, *SERVE])
    client = gateway(server).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + sent)
    response = client.read_response()
    assert response.body == b"hello!" and response.trailers == [("X-Sum", "7")]
    got = fields(server.requests[0])
    assert got["transfer-encoding"] == "chunked" and got["trailer"] == "X-Sum"
    assert server.requests[1] == sent
    assert client.request().body == b"hello" and len(server.connections) == 1


EXTENDED = (b"5;a=b\r\nhello\r\n1 ; c=\"d;\" \t\r\n \r\n5;" + b"e" * 3000 + b"\r\nworld\r\n"
            b"0;last\r\nX-Sum: 7\r\n\r\n")


@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_chunk_extensions_are_dropped_in_both_directions(gateway, upstream, size):
    """RFC 9112 7.1.1: they are for one hop."""
    plain = b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n"
    pieces = [EXTENDED[i:i + size] for i in range(0, len(EXTENDED), size)]
    server = upstream([read_head,
                       lambda conn: conn.requests.append(conn.read_exactly(len(plain))),
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces, *SERVE])
    client = gateway(server).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in pieces:
        client.send(piece)
    assert client.read_head().status == 200
    assert client.read_exactly(len(plain)) == plain
    assert server.requests[1] == plain
    assert client.request().body == b"hello" and len(server.connections) == 1


@pytest.mark.parametrize("size", [1, 2, 7])
def test_messages_in_small_pieces(gateway, upstream, size):
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n")
    pieces = [raw[i:i + size] for i in range(0, len(raw), size)]
    server = upstream([repeat(read_request, *pieces)])
    client = gateway(server).connect()
    request = request_bytes("POST", "/piece", body=b"0123456789")
    for _ in range(2):
        for i in range(0, len(request), size):
            client.send(request[i:i + size])
        response = client.read_response()
        assert response.body == b"hello" and response.trailers == [("X", "y")]
    assert [got[-10:] for got in server.requests] == [b"0123456789"] * 2


# ---- fields


def test_fields_of_one_hop_are_removed_from_requests(gateway, upstream):
    server = upstream(SERVE)
    gateway(server).request(headers=[
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("connection", "x-other"),
        ("X-Other", "2"), ("Keep-Alive", "5"), ("Proxy-Connection", "close"), ("TE", "gzip"),
        ("Upgrade", "h2c"), ("X-Stays", "  spaced  "), ("Cookie", "a"), ("Cookie", "b")])
    request = server.requests[0]
    head = fields(request)
    assert not head.keys() & {"connection", "x-hop", "x-other", "keep-alive", "proxy-connection",
                              "te", "upgrade"}
    assert head["x-stays"] == "spaced" and head["host"] == "test"
    assert request.count(b"Cookie: ") == 2


@pytest.mark.parametrize("te", ["trailers", "gzip;q=0.5, Trailers"])
def test_whoever_takes_trailers_is_sent_them(gateway, upstream, te):
    """RFC 9110 10.1.4: the gateway passes trailers on, so it takes them if its client does."""
    server = upstream(SERVE)
    gateway(server).request(headers={"Connection": "TE", "TE": te})
    head = fields(server.requests[0])
    assert head["te"] == "trailers" and head["connection"] == "TE"


def test_fields_of_one_hop_are_removed_from_responses(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"x", [
        ("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("X-Stays", "1"),
        ("Set-Cookie", "a"), ("Set-Cookie", "b")])])
    response = gateway(server).request()
    for gone in ("Connection", "X-Hop", "Keep-Alive"):
        assert response.header(gone) is None
    assert response.header("X-Stays") == "1" and response.header_all("Set-Cookie") == ["a", "b"]


def test_connection_cannot_strip_what_frames_or_routes(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    proxy.request("POST", headers={"Connection": "Content-Length, Host"}, body=b"12345")
    assert fields(server.requests[0])["content-length"] == "5"
    assert fields(server.requests[0])["host"] == "test"


def test_every_byte_that_may_stand_in_a_field_is_passed_on(gateway, upstream):
    value = b"a\tb" + bytes(range(0x20, 0x7f)) + b"\t\t" + bytes(range(0x80, 0x100)) + b"c"
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nX-Back: " + value
                       + b"\r\nContent-Length: 0\r\n\r\n"])
    client = gateway(server).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-There: " + value + b"\r\n\r\n")
    assert client.read_response().header("X-Back").encode("latin-1") == value
    assert b"\r\nX-There: " + value + b"\r\n" in server.requests[0]


def test_the_target_is_passed_on_as_it_is(gateway, upstream):
    server = upstream(SERVE)
    client = gateway(server).connect()
    targets = ["/a//b/../c?d=%2F&e", "/" + "x" * 5000, "*"]
    for target in targets:
        client.request("OPTIONS", target)
    assert [request.split(b" ")[1].decode() for request in server.requests] == targets


def test_an_early_answer_to_an_unread_body(gateway, upstream):
    """The answer must reach a client that is still sending."""
    server = upstream([read_head, response_bytes(413, b"too much"), finish_sending])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100000)
    response = client.read_response()
    assert (response.status, response.body) == (413, b"too much")
    assert response.header("Connection") == "close"
    client.finish_sending()
    client.assert_closed()


@pytest.mark.parametrize("ending", [close, finish_sending, lambda conn: None],
                         ids=["close", "finish", "read on"])
def test_an_early_answer_to_a_client_that_sends_all_before_it_reads(gateway, upstream, ending):
    """More than the sockets hold: it is taken and thrown away, so that the answer arrives."""
    def read_some(conn):
        conn.read_exactly(1_000_000)

    server = upstream([read_head, read_some, response_bytes(403, b"no"), ending], SERVE)
    proxy = gateway(server, upstream={"retry": {"attempts": 1}})
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n")
    client.send(b"x" * 30_000_000)
    response = client.read_response()
    assert (response.status, response.body) == (403, b"no")
    row = proxy.only_request()
    assert (row["status"], row["cause"]) == (403, "none")
    assert proxy.request().body == b"hello" and len(server.connections) == 2


def test_a_client_that_goes_on_sending_is_borne_with(gateway, upstream):
    """For longer than one that has fallen silent. On a machine that stood still it starts again."""
    server = upstream([read_head, response_bytes(403, b"no"), finish_sending])
    proxy = gateway(server)
    for _ in range(10):
        longest, last, until = 0, time.monotonic(), time.monotonic() + 4
        try:
            client = proxy.connect()
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            while last < until:
                time.sleep(0.05)
                client.send(b"x" * 100)
                now = time.monotonic()
                longest, last = max(longest, now - last), now
            assert client.read_response().status == 403
            return
        except (ConnectionError, EOFError):
            assert longest > 1, f"cut while it was sending, with gaps of {longest} s"
    pytest.fail("the machine never had time")


# ---- routes


def test_the_longest_prefix_of_whole_segments_wins(start, upstream, connect):
    servers = {name: upstream([repeat(read_request, response_bytes(200, name.encode()))])
               for name in ("a", "ab", "rest")}
    proxy = start("proxy", {
        "routes": [{"path": "/a", "upstream": "a"}, {"path": "/a/b", "upstream": "ab"},
                   {"path": "/rest/", "upstream": "rest"}],
        "upstreams": {name: {"endpoints": [server.address]} for name, server in servers.items()}})
    client = connect(proxy.address)
    expected = {"/a": b"a", "/a/": b"a", "/a?x=/a/b": b"a", "/a/b": b"ab", "/a/b/c?d": b"ab",
                "/a/bc": b"a", "/rest/x": b"rest", "/ab": None, "/": None, "/rest": None}
    for path, body in expected.items():
        response = client.request(path=path)
        assert (response.status, path) == (200 if body else 404, path)
        assert not body or response.body == body


# ---- tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_trace_goes_on_with_a_span_of_its_own(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    proxy.request(headers={"Traceparent": f"00-{TRACE}-b7ad6b7169203331-00",
                           "X-Request-Id": "mine"})
    head = fields(server.requests[0])
    version, trace, span, flags = head["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")
    assert len(span) == 16 and span != "b7ad6b7169203331"
    assert head["x-request-id"] == "mine"
    assert proxy.only_request()["trace_id"] == TRACE
    assert proxy.records("attempt")[0]["trace_id"] == TRACE


@pytest.mark.parametrize("given", [None, "nonsense", f"00-{TRACE.upper()}-b7ad6b7169203331-01",
                                   "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_trace_is_begun_where_there_is_none(gateway, upstream, given):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    for _ in range(2):
        client.request(headers={"traceparent": given} if given else {})
    traces = [fields(request)["traceparent"].split("-")[1] for request in server.requests]
    assert len(set(traces)) == 2 and all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
    assert all(request.lower().count(b"traceparent") == 1 for request in server.requests)
    assert [fields(request)["x-request-id"] for request in server.requests] == traces
    assert [row["trace_id"] for row in proxy.wait_records("request", 2)] == traces
