# SPDX-License-Identifier: MIT
"""`tailgate chaos`: what faults on HTTP messages do, as both sides of a link see it."""

import math
import statistics
import threading
import time

import pytest

from links import Api, echo, is_silent, receive, receive_all, round_trip
from upstream import close, finish_sending, read_bytes, read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

# For how long nothing must happen where something is held up.
HELD_UP = 0.3
# So late that only a fault that was not lifted explains it.
PATIENCE = 20
TEXT = bytes(range(65, 91)) * 40
PLAIN = response_bytes(200, TEXT)
CHUNKED = (b"HTTP/1.1 200 Text\r\nTransfer-Encoding: chunked\r\n\r\n" +
           b"".join(b"%x\r\n%s\r\n" % (26, TEXT[:26]) for _ in range(40)) + b"0\r\n\r\n")
GET = request_bytes()


@pytest.fixture
def chaos(start):
    return Api(start("chaos", {"seed": 7}))


@pytest.fixture
def link(chaos, upstream, connect):
    """link(steps...) -> a function that connects through a link to an upstream that plays them; by
    default it answers each request with PLAIN."""

    def make(*script, **options):
        server = upstream(list(script) or [repeat(read_request, PLAIN)])
        address = chaos.link("link", server.address, **options)
        return server, lambda: connect(address, PATIENCE)

    return make


def assert_still_usable(client):
    response = client.request()
    assert (response.status, response.body) == (200, TEXT)


# ---- without a touch


UNTOUCHED = [
    b"".join([request_bytes(path="/1"), request_bytes("POST", "/2", body=b"x" * 100),
              request_bytes("POST", "/3", {"Transfer-Encoding": "chunked"}) +
              b"3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", request_bytes("HEAD", "/4"),
              request_bytes(path="/5")]),
    b"\x16\x03\x01 no http at all",
    b"lower case",
    b"GET / HTTP/1.1\r\nno end",
]


@pytest.mark.parametrize("data", UNTOUCHED, ids=["requests", "binary", "text", "half"])
@pytest.mark.parametrize("split", [1, 7, 4096])
def test_bytes_that_no_fault_touches_pass_as_they_are(link, chaos, data, split):
    _, dial = link(read_bytes(len(data)), PLAIN, CHUNKED, finish_sending)
    chaos.toxic("link", "abort", match={"path": "/elsewhere"})
    client = dial().sock
    for at in range(0, len(data), split):
        client.sendall(data[at:at + split])
    client.shutdown(1)
    assert receive_all(client) == PLAIN + CHUNKED


def test_what_comes_up_is_what_was_sent(link, chaos):
    server, dial = link(repeat(read_request, PLAIN))
    chaos.toxic("link", "abort", match={"path": "/elsewhere"})
    client = dial()
    sent = [request_bytes("POST", "/x", {"X-Case": "Kept"}, b"body"), request_bytes(path="/y")]
    client.send(b"".join(sent))
    assert client.read_response().body == client.read_response().body == TEXT
    assert server.requests == sent
    assert chaos.metric("tailgate_link_requests_total", link="link") == 2


def test_other_protocols_pass(link, chaos):
    _, dial = link(echo)
    chaos.toxic("link", "abort")
    client = dial().sock
    for _ in range(3):
        round_trip(client, b"ping\n")


def test_a_tunnel_passes(link, chaos):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    _, dial = link(read_request, switch, echo)
    chaos.toxic("link", "abort", match={"exact": "/"})
    client = dial()
    client.send(request_bytes(path="/chat", headers={"Connection": "upgrade", "Upgrade": "x"}))
    assert client.read_response().status == 101
    round_trip(client.sock, GET)


# ---- delays


def distance_from(low, high, delays):
    """Kolmogorov-Smirnov's, from the uniform distribution."""
    count = len(delays)
    below = [min(max((delay - low) / (high - low), 0), 1) for delay in sorted(delays)]
    return max(max(abs(p - i / count), abs(p - (i + 1) / count)) for i, p in enumerate(below))


@pytest.mark.parametrize("kind", ["delay_request", "delay_response"])
def test_delays_are_distributed_as_asked(link, chaos, kind):
    arrived, answered = [], []

    def note(times):
        return lambda conn: times.append(time.monotonic())

    _, dial = link(repeat(read_request, note(arrived), note(answered), PLAIN))
    client = dial()

    def measure(count):
        """How long requests were on their way up, and responses on their way down."""
        del arrived[:], answered[:]
        sent, received = [], []
        for _ in range(count):
            sent.append(time.monotonic())
            client.request()
            received.append(time.monotonic())
        ways = ([b - a for a, b in zip(sent, arrived)],
                [b - a for a, b in zip(answered, received)])
        return ways if kind == "delay_request" else ways[::-1]

    plain = statistics.median(measure(20)[0])
    chaos.toxic("link", kind, {"delay": "uniform(20ms,120ms)"})
    delayed, other = measure(60)
    assert min(delayed) >= 0.02 > min(other), "one direction is late, the other is not"
    # At 0.1 %, and 5 ms of a busy machine.
    distance = distance_from(0.02, 0.12, [delay - plain for delay in delayed])
    assert distance < 1.95 / math.sqrt(60) + 0.05, delayed


def test_a_delay_holds_an_interim_response_back_no_more_than_none(link, chaos):
    _, dial = link(read_request, b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN)
    chaos.toxic("link", "delay_response", {"delay": 300})
    client = dial()
    start = time.monotonic()
    client.send(GET)
    assert client.read_response(interim=True).status == 100
    assert client.read_response().status == 200
    assert time.monotonic() - start >= 0.3


def test_a_delayed_request_goes_on_when_the_fault_is_removed(link, chaos):
    _, dial = link()
    chaos.toxic("link", "delay_request", {"delay": "1h"}, name="slow")
    client = dial()
    client.send(GET)
    assert is_silent(client.sock, HELD_UP)
    chaos.remove("link", "slow")
    assert client.read_response().body == TEXT
    assert_still_usable(client)


def test_a_changed_delay_holds_for_what_waits(link, chaos):
    _, dial = link()
    chaos.toxic("link", "delay_response", {"delay": "1h"}, name="slow")
    client = dial()
    client.send(GET)
    assert is_silent(client.sock, HELD_UP)
    status, toxic = chaos.call("POST", "/proxies/link/toxics/slow", {"attributes": {"delay": 10}})
    assert (status, toxic["attributes"]["delay"]) == (200, 10)
    assert client.read_response().body == TEXT


# ---- replies from the link


def test_an_aborted_request_is_answered_and_the_connection_goes_on(link, chaos):
    server, dial = link()
    chaos.toxic("link", "abort", {"status": 418}, match={"methods": ["POST"]})
    client = dial()
    for body in (b"", b"x" * 100000):
        response = client.request("POST", "/", body=body)
        assert (response.status, response.header("Connection")) == (418, None)
    client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}) + b"1\r\na\r\n")
    assert is_silent(client.sock, HELD_UP), "it is answered when it is whole"
    client.send(b"0\r\n\r\n")
    assert client.read_response().status == 418
    assert_still_usable(client)
    assert server.requests == [GET]


def test_aborts_and_responses_keep_the_order_of_pipelined_requests(link, chaos):
    server, dial = link()
    chaos.toxic("link", "abort", match={"path": "/abort"})
    client = dial()
    paths = ["/a", "/abort", "/b", "/abort", "/abort", "/c"]
    client.send(b"".join(request_bytes(path=path) for path in paths))
    assert [client.read_response().status for _ in paths] == [200, 503, 200, 503, 503, 200]
    assert len(server.requests) == 3


@pytest.mark.parametrize("fields, method, closes", [
    ({}, "HEAD", False), ({"Connection": "close"}, "GET", True),
    ({"Expect": "100-continue", "Content-Length": "5"}, "POST", True)])
def test_an_abort_fits_its_request(link, chaos, fields, method, closes):
    server, dial = link()
    chaos.toxic("link", "abort", match={"headers": {"x-abort": {}}})
    client = dial()
    client.send(request_bytes(method, "/", {"X-Abort": "1", **fields}))
    response = client.read_response(method)
    assert (response.status, response.header("Connection")) == (503, "close" if closes else None)
    if closes:
        client.assert_closed()
    else:
        assert_still_usable(client)
    assert len(server.requests) == (0 if closes else 1)


def test_an_early_reply_does_not_read_the_body(link, chaos):
    server, dial = link()
    chaos.toxic("link", "early_reply", {"status": 413})
    client = dial()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst")
    response = client.read_response()
    assert (response.status, response.header("Connection")) == (413, "close")
    client.assert_closed()
    assert server.requests == []


# ---- responses


def ending(sock):
    """What comes, and whether a reset ends it."""
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        return data, True
    return data, False


@pytest.mark.parametrize("resets", [False, True])
def test_an_empty_response_is_an_end_or_a_reset(link, chaos, resets):
    server, dial = link()
    chaos.toxic("link", "empty_response", {"reset": resets})
    client = dial()
    client.send(GET)
    assert ending(client.sock) == (b"", resets)
    assert server.requests == [GET]


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("attributes, response, rest", [
    ({"bytes": 100}, PLAIN, TEXT[:100]),
    ({"body_share": 0.25}, PLAIN, TEXT[:260]),
    ({"body_share": 0.25, "bytes": 10}, PLAIN, TEXT[:270]),
    ({}, PLAIN, b""),
    ({"bytes": 30}, CHUNKED, b"1a\r\n" + TEXT[:26] + b"\r\n1a\r\n" + TEXT[:4]),
    ({"body_share": 0.05}, CHUNKED, b"1a\r\n" + TEXT[:26] + b"\r\n1a\r\n" + TEXT[:26]),
], ids=["bytes", "share", "both", "all", "chunked", "chunked share"])
def test_a_body_is_truncated(link, chaos, attributes, response, rest, resets):
    _, dial = link(repeat(read_request, response))
    chaos.toxic("link", "truncate", {**attributes, "reset": resets})
    client = dial()
    client.send(GET)
    head, _, _ = response.partition(b"\r\n\r\n")
    data, reset = ending(client.sock)
    assert reset == resets
    got, _, body = data.partition(b"\r\n\r\n")
    assert (got, body) == (head, rest)


def test_what_stands_before_a_reset_arrives(link, chaos):
    body = bytes(range(256)) * (16 << 10)
    _, dial = link(repeat(read_request, response_bytes(200, body)))
    chaos.toxic("link", "truncate", {"bytes": "3MiB", "reset": True})
    client = dial()
    client.send(GET)
    time.sleep(0.2)  # the link is done long before the client begins to read
    data, reset = ending(client.sock)
    assert data.partition(b"\r\n\r\n")[2] == body[:3 << 20] and reset


def test_a_shorter_body_passes_whole(link, chaos):
    _, dial = link()
    chaos.toxic("link", "truncate", {"bytes": len(TEXT)})
    client = dial()
    assert_still_usable(client)
    assert_still_usable(client)


def test_a_response_stands_still_until_its_fault_is_removed(link, chaos):
    _, dial = link()
    chaos.toxic("link", "stall", {"bytes": 100}, name="still")
    client = dial()
    client.send(GET)
    part = len(PLAIN) - len(TEXT) + 100
    assert receive(client.sock, part) == PLAIN[:part]
    assert is_silent(client.sock, HELD_UP)
    chaos.remove("link", "still")
    assert receive(client.sock, len(TEXT) - 100) == TEXT[100:]
    assert_still_usable(client)


def test_a_response_stands_still_for_a_while(link, chaos):
    _, dial = link()
    chaos.toxic("link", "stall", {"bytes": 100, "hold": "400ms"})
    client = dial()
    start = time.monotonic()
    assert_still_usable(client)
    assert 0.4 <= time.monotonic() - start < PATIENCE


def test_who_gives_up_on_a_stall_ends_it_for_the_upstream(link, chaos):
    server, dial = link()
    chaos.toxic("link", "stall")
    client = dial()
    client.send(GET)
    receive(client.sock, len(PLAIN) - len(TEXT))
    client.close()
    wait_until(lambda: server.connections[0].closed_by_peer, what="the upstream sees the end")
    wait_until(lambda: chaos.metric("tailgate_link_connections", link="link") == 0,
               what="the link forgets the connection")


def test_a_body_comes_at_its_rate(link, chaos):
    _, dial = link()
    chaos.toxic("link", "response_rate", {"rate": "2000B"}, name="rate")
    client = dial()
    start = time.monotonic()
    client.send(GET)
    client.read_head()
    assert receive(client.sock, len(TEXT) - len(client.pending))
    assert 0.5 <= time.monotonic() - start < PATIENCE
    client.pending = b""
    chaos.call("POST", "/proxies/link/toxics/rate", {"attributes": {"rate": "1B"}})
    client.send(GET)
    client.read_head()
    chaos.remove("link", "rate")
    assert len(client.pending) + len(receive(client.sock, len(TEXT) - len(client.pending))) == \
        len(TEXT)
    client.pending = b""
    assert_still_usable(client)


def test_a_chunk_is_malformed(link, chaos):
    _, dial = link(repeat(read_request, CHUNKED))
    chaos.toxic("link", "malformed_chunk", {"bytes": 26})
    client = dial()
    client.send(GET)
    data, reset = ending(client.sock)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head + b"\r\n\r\n" == CHUNKED[:len(head) + 4] and not reset
    assert body.startswith(b"1a\r\n" + TEXT[:26] + b"\r\nno size\r\n" + TEXT[:26])


def test_a_body_that_is_not_chunked_becomes_so_badly(link, chaos):
    _, dial = link()
    chaos.toxic("link", "malformed_chunk")
    client = dial()
    client.send(GET)
    assert ending(client.sock) == (b"HTTP/1.1 200 Text\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   b"no size\r\n" + TEXT, False)


def test_a_head_is_malformed(link, chaos):
    _, dial = link()
    chaos.toxic("link", "malformed_head")
    client = dial().sock
    client.sendall(GET)
    expected = PLAIN.replace(b"\r\n", b"\r\nthis line is no field\r\n", 1)
    assert receive(client, len(expected)) == expected


def test_a_head_is_oversized(link, chaos):
    _, dial = link()
    chaos.toxic("link", "oversized_head", {"size": "100KiB"})
    client = dial().sock
    client.sendall(GET)
    data = receive(client, 100 * 1024 + len(TEXT))
    head, _, body = data.partition(b"\r\n\r\n")
    assert len(head) + 4 == 100 * 1024 and body == TEXT
    assert head.startswith(PLAIN[:20])


@pytest.mark.parametrize("difference", [-40, 7, -100000])
def test_a_length_is_wrong(link, chaos, difference):
    _, dial = link()
    chaos.toxic("link", "wrong_length", {"difference": difference})
    client = dial()
    client.send(GET)
    length = max(len(TEXT) + difference, 0)
    assert client.read_head().header("Content-Length") == str(length)
    assert client.pending + receive(client.sock, len(TEXT) - len(client.pending)) == TEXT
    assert is_silent(client.sock, HELD_UP), "the connection stays as it is"


def test_fields_are_edited_in_both_directions(link, chaos):
    answer = response_bytes(200, b"ok", [("Server", "a"), ("X-Old", "1"), ("X-Old", "2")])
    server, dial = link(repeat(read_request, answer))
    chaos.toxic("link", "edit_request", {"set": {"Host": "other"}, "add": {"X-New": "1"},
                                         "remove": ["accept"]}, name="up")
    chaos.toxic("link", "edit_response", {"set": {"server": "b"}, "add": {"X-Old": "3"},
                                          "remove": ["x-old"]}, name="down")
    client = dial()
    response = client.request("POST", "/p", {"Accept": "*/*", "X-Kept": "yes"}, b"body")
    assert response.headers == [("Content-Length", "2"), ("server", "b"), ("X-Old", "3")]
    assert response.body == b"ok"
    assert server.requests == [b"POST /p HTTP/1.1\r\nX-Kept: yes\r\nContent-Length: 4\r\n"
                               b"Host: other\r\nX-New: 1\r\n\r\nbody"]


# ---- faults on bytes, for requests


def test_bytes_of_a_request_can_be_late(link, chaos):
    _, dial = link()
    chaos.toxic("link", "latency", {"latency": 300}, per="request", match={"path": "/slow"})
    client = dial()
    start = time.monotonic()
    client.request(path="/slow")
    slow = time.monotonic() - start
    assert slow >= 0.3
    times = []
    for _ in range(5):
        start = time.monotonic()
        client.request(path="/fast")
        times.append(time.monotonic() - start)
    assert min(times) < 0.3


def test_a_request_can_reset_its_connection(link, chaos):
    _, dial = link()
    chaos.toxic("link", "reset_peer", {"timeout": 50}, per="request", match={"path": "/reset"})
    client = dial()
    assert_still_usable(client)
    client.send(request_bytes(path="/reset"))
    assert ending(client.sock) == (b"", True)


def test_a_fault_changes_from_connections_to_requests(link, chaos):
    _, dial = link()
    chaos.toxic("link", "latency", {"latency": "1h"}, name="slow")
    client = dial()
    client.send(GET)
    assert is_silent(client.sock, HELD_UP)
    status, toxic = chaos.call("POST", "/proxies/link/toxics/slow",
                               {"per": "request", "match": {"path": "/slow"}})
    assert (status, toxic["per"], toxic["match"]) == (200, "request", {"path": "/slow"})
    assert client.read_response().body == TEXT
    assert_still_usable(client)
    client.send(request_bytes(path="/slow"))
    assert is_silent(client.sock, HELD_UP)
    chaos.remove("link", "slow")
    assert client.read_response().body == TEXT


def test_connections_that_are_open_are_followed_from_the_next_request_on(link, chaos):
    _, dial = link()
    client = dial()
    assert_still_usable(client)
    chaos.toxic("link", "abort", name="gone")
    assert client.request().status == 503
    chaos.remove("link", "gone")
    assert_still_usable(client)
    chaos.toxic("link", "abort")
    assert client.request().status == 503


def test_a_request_under_way_is_not_disturbed_by_a_new_fault(link, chaos):
    go = threading.Event()
    _, dial = link(repeat(read_request, lambda conn: go.wait(PATIENCE), PLAIN))
    client = dial()
    client.send(GET)
    wait_until(lambda: chaos.metric("toxiproxy_proxy_received_bytes_total", proxy="link",
                                    direction="upstream") > 0, what="the request is under way")
    chaos.toxic("link", "abort")
    go.set()
    assert client.read_response().body == TEXT
    assert client.request().status == 503


def test_an_upstream_that_closes_in_the_midst_closes(link, chaos):
    _, dial = link(read_request, PLAIN[:-100], close)
    chaos.toxic("link", "delay_response", {"delay": 1})
    client = dial()
    client.send(GET)
    assert receive_all(client.sock) == PLAIN[:-100]
