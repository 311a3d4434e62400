# SPDX-License-Identifier: MIT
"""Connections that change their protocol (Upgrade, WebSocket) and become tunnels."""

import signal
import socket
import ssl
import threading
import time
import zlib

import pytest

from bulk import BLOCK, ENVIRONMENT, GROWTH, LARGE, MIB, Sender, read_sum, steady, sum_of
from tls import Authority, TlsClient, cut, say_goodbye, secure, serving, trusting
from upstream import Ended, close, finish_sending, read_head, read_request, repeat, reset, wait_for
from wire import request_bytes, response_bytes

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: x\r\n\r\n")
OK = response_bytes(200, b"hello")
ASK = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "y"}


def echo(conn):
    """Sends back what comes until the peer has ended, and says goodbye."""
    try:
        while True:
            conn.sock.sendall(conn.unread)
            conn.unread = b""
            conn._more()
    except Ended:
        conn.sock.sendall(b"bye")
        raise


ECHO = [read_head, SWITCH, echo]


def note_end(into):
    """A step: appends what comes next, which is b"" for an end, or the exception."""

    def step(conn):
        try:
            into.append(conn.sock.recv(100))
        except OSError as problem:
            into.append(problem)
        raise Ended

    return step


def upgrade(proxy, headers=ASK, timeout=20, more=b""):
    """A client that has changed to another protocol, and the head it got."""
    client = proxy.connect(timeout)
    client.send(request_bytes(headers=headers) + more)
    response = client.read_head()
    assert response.status == 101, response
    return client, response


def fields(head, name):
    """The values of a field of the request as the upstream got it."""
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return [value.strip() for key, _, value in lines if key.lower() == name]


# ---- the change


@pytest.mark.parametrize("cleanup", ["pooled", "inline", "deferred"])
def test_bytes_go_both_ways(gateway, upstream, cleanup):
    server = upstream(ECHO)
    proxy = gateway(server, cleanup=cleanup)
    client, response = upgrade(proxy)
    assert response.header_all("Connection") == ["Upgrade"]
    assert response.header_all("Upgrade") == ["websocket"]
    assert response.header("Sec-WebSocket-Accept") == "x"
    assert response.header("Content-Length") is None
    head = server.requests[0]
    assert fields(head, "connection") == ["Upgrade"] and fields(head, "upgrade") == ["websocket"]
    assert fields(head, "sec-websocket-key") == ["y"]
    for message in (b"a", b"HTTP/1.1 200 OK\r\n\r\n", b"\0\xff" * 50_000, request_bytes()):
        client.send(message)
        assert client.read_exactly(len(message)) == message
    client.finish_sending()
    assert client.read_to_end() == b"bye"
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, "none", 0)
    assert row["bytes_in"] > 100_000 and row["bytes_out"] > 100_000
    assert proxy.outcome() == (101, "none", ["none"])
    assert server.connections[0].over.wait(10)


def test_tunnels_are_counted(gateway, upstream):
    proxy = gateway(upstream(ECHO), admin="127.0.0.1:0")
    for _ in range(3):
        upgrade(proxy)
    assert proxy.metric("upgrades_total") == 3


def test_bytes_behind_the_heads(gateway, upstream):
    """Sent together with them: from the upstream, and from a client that does not wait."""
    server = upstream([read_head, SWITCH + b"first", echo])
    client, _ = upgrade(gateway(server), more=b"early")
    assert client.read_exactly(10) == b"firstearly"
    client.send(b"more")
    assert client.read_exactly(4) == b"more"


def test_messages_in_single_bytes(gateway, upstream):
    server = upstream([read_head, *(bytes([byte]) for byte in SWITCH), echo])
    client = gateway(server).connect()
    for byte in request_bytes(headers=ASK):
        client.send(bytes([byte]))
    assert client.read_head().status == 101
    for _ in range(50):
        client.send(b"x")
        assert client.read_exactly(1) == b"x"


def test_an_upgrade_that_is_declined(gateway, upstream):
    """RFC 9110 7.8: the server may go on as if it had not been asked."""
    server = upstream([repeat(read_request, OK)])
    client = gateway(server).connect()
    for _ in range(2):
        client.send(request_bytes(headers=ASK))
        response = client.read_response()
        assert (response.status, response.body) == (200, b"hello")
        assert response.header("Upgrade") is None and response.header("Connection") is None
    assert len(server.connections) == 1


def test_an_upgrade_that_is_demanded(gateway, upstream):
    """RFC 9110 15.5.22: a 426 says to which protocol."""
    server = upstream([repeat(read_request, response_bytes(
        426, b"", {"Upgrade": "websocket", "Connection": "Upgrade"}))])
    response = gateway(server).request()
    assert response.status == 426
    assert response.header("Upgrade") == "websocket" and response.header("Connection") == "Upgrade"


@pytest.mark.parametrize("allowed, asked, offered", [
    (None, "websocket", ["websocket"]),
    (None, "WebSocket", ["websocket"]),
    (None, "h2c", []),
    (None, "h2c, websocket", ["websocket"]),
    (None, "websockets", []),
    (None, "websocket/13", []),
    ([], "websocket", []),
    (["foo/2", "websocket"], "websocket, bar, FOO/2", ["foo/2, websocket"]),
])
def test_protocols_that_are_offered(gateway, upstream, allowed, asked, offered):
    server = upstream([repeat(read_request, OK)])
    route = {"upstream": "app", **({} if allowed is None else {"upgrade": allowed})}
    proxy = gateway(server, routes=[route])
    assert proxy.request(headers={"Connection": "upgrade", "Upgrade": asked}).status == 200
    assert fields(server.requests[0], "upgrade") == offered
    assert fields(server.requests[0], "connection") == ["Upgrade"] * len(offered)


@pytest.mark.parametrize("raw", [
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Content-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
], ids=["not named by Connection", "HTTP/1.0", "a body", "chunks"])
def test_an_upgrade_that_is_not_offered(gateway, upstream, raw):
    server = upstream([repeat(read_request, OK)])
    client = gateway(server).connect()
    client.send(raw)
    assert client.read_response().status == 200
    assert not fields(server.requests[0], "upgrade")
    assert not fields(server.requests[0], "connection")


@pytest.mark.parametrize("headers, answer", [
    ({}, SWITCH),
    ({"Connection": "Upgrade", "Upgrade": "h2c"}, SWITCH),
    (ASK, SWITCH.replace(b"websocket", b"h2c")),
    (ASK, b"HTTP/1.1 101 x\r\n\r\n"),
    (ASK, SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0")),
], ids=["nobody asked", "not offered", "another protocol", "no protocol", "HTTP/1.0"])
def test_a_change_that_must_not_be(gateway, upstream, headers, answer):
    server = upstream([read_request, answer])
    proxy = gateway(server)
    assert proxy.request(headers=headers).status == 502
    assert proxy.outcome() == (502, "response_malformed", ["response_malformed"])
    assert server.connections[0].over.wait(10)


# ---- the end


def test_a_client_that_ends_first(gateway, upstream):
    server = upstream([read_head, SWITCH, lambda conn: conn.read_until(b"last"), echo])
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    client.send(b"last")
    client.finish_sending()
    assert client.read_to_end() == b"bye"
    assert proxy.outcome() == (101, "none", ["none"])


def test_an_upstream_that_ends_first(gateway, upstream):
    got = []
    server = upstream([read_head, SWITCH + b"last", finish_sending,
                       lambda conn: got.append(conn.read_exactly(5))])
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    assert client.read_to_end() == b"last"
    client.send(b"after")
    client.finish_sending()
    assert proxy.outcome() == (101, "none", ["none"])
    assert got == [b"after"] and server.connections[0].over.wait(10)


@pytest.mark.parametrize("when", ["idle", "sending"])
def test_an_upstream_that_resets(gateway, upstream, when):
    go_on = threading.Event()
    server = upstream([read_head, SWITCH, wait_for(go_on), b"part" * (when == "sending"), reset])
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    go_on.set()
    with pytest.raises(ConnectionResetError):
        client.read_to_end()
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, "tunnel_reset", 1)
    assert proxy.outcome() == (101, "tunnel_reset", ["tunnel_reset"])


def test_a_client_that_resets(gateway, upstream):
    """The upstream must not take that for an end."""
    ended = []
    server = upstream([read_head, SWITCH, note_end(ended)])
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    client.reset()
    assert server.connections[0].over.wait(10)
    assert isinstance(ended[0], ConnectionResetError)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, "client_abort", 1)


def test_an_upstream_that_closes_while_the_client_goes_on(gateway, upstream):
    server = upstream([read_head, SWITCH, close])
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    try:
        for _ in range(100_000):
            client.send(b"x" * 1000)
    except ConnectionError:
        pass
    row = proxy.only_request()
    # Closed with bytes unread it is a reset.
    assert (row["status"], row["cause"]) in ((101, "none"), (101, "tunnel_reset"))


# ---- time


def test_no_other_timeout_holds_in_a_tunnel(gateway, upstream):
    server = upstream(ECHO)
    proxy = gateway(server, upstream={"timeout": {"idle": "100ms", "total": "2s"}},
                    listener={"timeout": {"body": "100ms", "send": "100ms", "idle": "100ms",
                                          "head": "5s"}})
    client, _ = upgrade(proxy)
    time.sleep(2.5)  # what is tested is that nothing happens
    client.send(b"still here")
    assert client.read_exactly(10) == b"still here"


@pytest.mark.parametrize("where", ["upstream", "route"])
def test_a_tunnel_in_which_nothing_happens(gateway, upstream, where):
    server = upstream(ECHO)
    timeout = {"timeout": {"tunnel": "200ms"}}
    proxy = gateway(server, upstream=timeout if where == "upstream" else {},
                    routes=[{"upstream": "app", **(timeout if where == "route" else {})}])
    client, _ = upgrade(proxy)
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, "tunnel_timeout", 1)
    assert row["total_ns"] >= 200_000_000
    assert server.connections[0].over.wait(10)


@pytest.mark.parametrize("speaks", ["client", "upstream"])
def test_one_side_that_speaks_keeps_a_tunnel_open(gateway, upstream, speaks):
    """The other one may be silent. On a machine that stands still for too long it starts again."""
    stop = threading.Event()

    def chatter(send):
        longest, begun, last = 0, time.monotonic(), time.monotonic()
        while last - begun < 3 and not stop.is_set():
            time.sleep(0.02)
            try:
                send(b"x")
            except OSError:
                return 99
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        return longest

    gaps = []
    script = [read_head, SWITCH]
    if speaks == "upstream":
        script.append(lambda conn: gaps.append(chatter(conn.sock.sendall)))
    script.append(b"end")
    server = upstream(script)
    proxy = gateway(server, upstream={"timeout": {"tunnel": "1s"}})
    for _ in range(10):
        client, _ = upgrade(proxy)
        try:
            if speaks == "client":
                gaps.append(chatter(client.send))
                assert client.read_exactly(3) == b"end"
            else:
                while not client.pending.endswith(b"end"):
                    client._more("the end")
            return
        except (ConnectionError, EOFError):
            client.close()
            assert gaps[-1] > 0.5 if speaks == "client" else True
    stop.set()
    pytest.fail(f"cut while one side was speaking, with gaps of {gaps}")


# ---- draining


def test_a_tunnel_may_end_while_draining(gateway, upstream):
    server = upstream(ECHO)
    proxy = gateway(server, drain="60s")
    client, _ = upgrade(proxy)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait_log("draining")
    client.send(b"hello")
    assert client.read_exactly(5) == b"hello"
    client.finish_sending()
    assert client.read_to_end() == b"bye"
    assert proxy.process.wait() == 0
    assert proxy.only_request()["cause"] == "none"


def test_a_tunnel_is_cut_at_the_drain_deadline(gateway, upstream):
    server = upstream(ECHO)
    proxy = gateway(server, drain="200ms")
    client, _ = upgrade(proxy)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait() == 0
    client.assert_closed()
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, "drain_timeout", 1)


def test_a_tunnel_outlives_a_reload(gateway, upstream):
    server = upstream(ECHO)
    proxy = gateway(server)
    client, _ = upgrade(proxy)
    for i in range(3):
        proxy.reload({**proxy.config, "limits": {"fields": 100 + i}})
        client.send(b"hello")
        assert client.read_exactly(5) == b"hello"
    client.finish_sending()
    assert client.read_to_end() == b"bye"
    assert proxy.only_request()["cause"] == "none"


# ---- bounded memory


def test_a_client_that_does_not_read_stops_the_upstream(gateway, upstream):
    """For longer than the listener's timeouts, which are for responses."""
    count = LARGE // MIB
    sender = Sender(count)
    server = upstream([read_head, SWITCH, sender])
    proxy = gateway(server, listener={"timeout": {"send": "200ms"}}, environment=ENVIRONMENT)
    before = proxy.resident()
    client, _ = upgrade(proxy, timeout=60)
    assert steady(lambda: sender.sent) < 64 * MIB
    assert proxy.resident() - before < GROWTH
    pending, client.pending = client.pending, b""
    assert read_sum(client.sock, LARGE, pending) == sum_of(count)


def test_an_upstream_that_does_not_read_stops_the_client(gateway, upstream):
    count = LARGE // MIB
    go_on = threading.Event()
    got = []
    server = upstream([read_head, SWITCH, wait_for(go_on, 60),
                       lambda conn: got.append(read_sum(conn.sock, LARGE, conn.unread)), b"done"])
    proxy = gateway(server, environment=ENVIRONMENT)
    before = proxy.resident()
    client, _ = upgrade(proxy, timeout=60)
    sender = Sender(count)
    thread = threading.Thread(target=sender, args=(client,))
    thread.start()
    assert steady(lambda: sender.sent) < 64 * MIB
    assert proxy.resident() - before < GROWTH
    go_on.set()
    assert client.read_exactly(4) == b"done"
    thread.join()
    assert got == [sum_of(count)]
    client.finish_sending()


def test_both_directions_at_once(gateway, upstream):
    """An echo of more than all the buffers on the way hold."""
    count = 64
    server = upstream(ECHO)
    client, _ = upgrade(gateway(server), timeout=60)
    thread = threading.Thread(target=Sender(count), args=(client,))
    thread.start()
    assert read_sum(client.sock, count * MIB) == zlib.crc32(BLOCK * count)
    thread.join()


# ---- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tunnels") / "ca")


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("localhost", "127.0.0.1")


def test_through_tls_on_both_sides(gateway, upstream, authority, pair):
    def echo_politely(conn):
        try:
            echo(conn)
        except Ended:
            say_goodbye(conn)

    server = upstream([secure(serving(pair)), read_head, SWITCH, echo_politely])
    proxy = gateway(server, listener={"tls": pair.config()},
                    upstream={"tls": {"ca": str(authority.certificate)}})
    with TlsClient(proxy.address, trusting(authority)) as client:
        client.send(request_bytes(headers=ASK))
        assert client.read_head().status == 101
        for message in (b"a", b"\0\xff" * 100_000):
            client.send(message)
            assert client.read_exactly(len(message)) == message
        client.say_goodbye()
        assert client.read_exactly(3) == b"bye"
        with pytest.raises(ssl.SSLZeroReturnError):  # the other side's goodbye
            client.sock.recv(1)
    assert proxy.outcome() == (101, "none", ["none"])


@pytest.mark.parametrize("end, seen, outcome", [
    (say_goodbye, b"last", (101, "none", ["none"])),
    (cut, None, (101, "tunnel_truncated", ["tunnel_truncated"])),
])
def test_how_an_upstreams_tls_ends(gateway, upstream, authority, pair, end, seen, outcome):
    """Without a close_notify its end is not passed on as one: whoever closed may be in between."""
    server = upstream([secure(serving(pair)), read_head, SWITCH + b"last",
                       lambda conn: conn.read_exactly(3), end])
    proxy = gateway(server, upstream={"tls": {"ca": str(authority.certificate)}})
    client, _ = upgrade(proxy)
    client.send(b"now")
    if seen:
        assert client.read_to_end() == seen
        client.finish_sending()
    else:
        with pytest.raises(ConnectionResetError):
            client.read_to_end()
    assert proxy.outcome() == outcome
    assert proxy.only_request()["cut_short"] == (seen is None)


def test_a_truncated_end_is_one_for_a_tls_client_too(gateway, upstream, authority, pair):
    server = upstream([secure(serving(pair)), read_head, SWITCH,
                       lambda conn: conn.read_exactly(3), cut])
    proxy = gateway(server, listener={"tls": pair.config()},
                    upstream={"tls": {"ca": str(authority.certificate)}})
    with TlsClient(proxy.address, trusting(authority)) as client:
        client.send(request_bytes(headers=ASK))
        assert client.read_head().status == 101
        client.send(b"now")
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            client.read_to_end()
    assert proxy.outcome()[1] == "tunnel_truncated"


@pytest.mark.parametrize("goodbye, cause", [(True, "none"), (False, "client_truncated")])
def test_how_a_clients_tls_ends(gateway, upstream, authority, pair, goodbye, cause):
    ended = []
    server = upstream([read_head, SWITCH, lambda conn: conn.read_exactly(4), note_end(ended)])
    proxy = gateway(server, listener={"tls": pair.config()})
    with TlsClient(proxy.address, trusting(authority)) as client:
        client.send(request_bytes(headers=ASK))
        assert client.read_head().status == 101
        client.send(b"last")
        if goodbye:
            client.say_goodbye()
        else:
            client.sock.shutdown(socket.SHUT_WR)
        assert server.connections[0].over.wait(20)
    assert ended[0] == b"" if goodbye else isinstance(ended[0], ConnectionResetError)
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["cut_short"]) == (101, cause, not goodbye)
