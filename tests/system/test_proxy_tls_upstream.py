# SPDX-License-Identifier: MIT
"""TLS with endpoints: whom the gateway trusts, what it shows, and what becomes of failures."""

import threading
import zlib

import pytest

from test_proxy_streaming import (BLOCK, ENVIRONMENT, GROWTH, MIB, Sender, head, read_sum, steady,
                                  sum_of)
from test_proxy_tls import V1_2, V1_3, authority, stranger  # noqa: F401
from tls import TlsClient, cut, say_goodbye, secure, serving, trusting
from upstream import close, read_bytes, read_head, read_request, repeat, reset, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
LAST = response_bytes(200, b"hello", {"Connection": "close"})
ADMIN = {"address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def local(authority):  # noqa: F811
    return authority.issue("127.0.0.1")


def serve(context):
    return [secure(context), repeat(read_request, OK)]


def trust(authority, **more):  # noqa: F811
    return {"ca": authority.certificate, **more}


# ---- whom it trusts


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_verified_upstream(gateway, upstream, authority, local, version):  # noqa: F811
    server = upstream(serve(serving(local, version=version)))
    proxy = gateway(server, upstream={"tls": trust(authority)})
    client = proxy.connect()
    for _ in range(20):
        assert client.request().body == b"hello"
    assert len(server.connections) == 1
    assert server.connections[0].sock.selected_alpn_protocol() == "http/1.1"
    rows = proxy.wait_records("attempt", 20)
    first = rows[0]
    assert first["connect_ns"] > 0 and first["tls_ns"] > 0 and first["send_ns"] >= 0
    assert all("tls_ns" not in row or row["tls_ns"] is None for row in rows[1:])
    request = proxy.records("request")[0]
    assert request["tls_ns"] == first["tls_ns"]
    assert request["total_ns"] > request["connect_ns"] + request["tls_ns"]


def test_the_name_asked_for(gateway, upstream, authority):  # noqa: F811
    asked = []
    context = serving(authority.issue("orders.test"))
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    server = upstream(serve(context))
    named = gateway(server, upstream={"tls": trust(authority, server_name="orders.test")})
    assert named.request().body == b"hello"
    assert asked == ["orders.test"]


def test_the_host_of_the_address_is_asked_for(gateway, upstream, authority):  # noqa: F811
    asked = []
    context = serving(authority.issue("localhost", "127.0.0.1"))
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    server = upstream(serve(context))
    port = server.address.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1"):
        proxy = gateway(f"{host}:{port}", upstream={"tls": trust(authority)})
        assert proxy.request().body == b"hello"
    assert asked == ["localhost", None]  # an address is no server name


def refusing(gateway, upstream, pair, tls, **options):
    """The outcome of a request to an upstream that is not to be trusted, which never sees it."""
    server = upstream([secure(serving(pair, **options))])
    proxy = gateway(server, upstream={"tls": tls, "retry": {"attempts": 1}}, admin=ADMIN)
    response = proxy.request()
    assert response.status == 502 and "tls_protocol_error" in response.header("Proxy-Status")
    assert proxy.outcome() == (502, "tls_failed", ["tls_failed"])
    assert not server.requests and server.connections[0].over.wait(10)
    assert proxy.metric("upstream_tls_failed_total") == 1
    return proxy.process.wait_log("TLS handshake failed")


def test_a_wrong_name_is_refused(gateway, upstream, authority):  # noqa: F811
    pair = authority.issue("other.test")
    assert "IP address mismatch" in refusing(gateway, upstream, pair, trust(authority))
    assert "ostname mismatch" in refusing(gateway, upstream, pair,
                                          trust(authority, server_name="orders.test"))


def test_an_unknown_authority_is_refused(gateway, upstream, authority, local,  # noqa: F811
                                         stranger):  # noqa: F811
    assert "unable to get local issuer" in refusing(gateway, upstream, local, trust(stranger))
    # The system's authorities do not know it either.
    assert "unable to get local issuer" in refusing(gateway, upstream, local, {})


def test_an_expired_certificate_is_refused(gateway, upstream, authority):  # noqa: F811
    pair = authority.issue("127.0.0.1", days=-1)
    assert "expired" in refusing(gateway, upstream, pair, trust(authority))


def test_an_old_version_is_refused(gateway, upstream, authority, local):  # noqa: F811
    tls = trust(authority, min_version="1.3")
    assert "protocol version" in refusing(gateway, upstream, local, tls, version=V1_2)


def test_verification_can_be_turned_off(gateway, upstream, stranger):  # noqa: F811
    server = upstream(serve(serving(stranger.issue("other.test"))))
    assert gateway(server, upstream={"tls": {"verify": False}}).request().body == b"hello"


def test_a_failure_is_said_once_until_it_works_again(gateway, upstream, local,  # noqa: F811
                                                     authority, stranger):  # noqa: F811
    bad, good = serving(stranger.issue("127.0.0.1")), serving(local)
    server = upstream([secure(bad)], [secure(bad)], [secure(good), read_request, LAST],
                      [secure(bad)])
    proxy = gateway(server, upstream={"tls": trust(authority), "retry": {"attempts": 1}})
    assert [proxy.request().status for _ in range(4)] == [502, 502, 200, 502]
    # What comes again within a second may be left out.
    assert 1 <= proxy.process.log().count("TLS handshake failed") <= 2
    assert "the TLS handshake succeeds again (1 more were left out)" in proxy.process.log()


# ---- what it shows


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_mutual_tls(gateway, upstream, authority, local, version):  # noqa: F811
    server = upstream(serve(serving(local, authority, version)))
    shown = authority.issue("gateway.test")
    proxy = gateway(server, upstream={"tls": trust(authority, **shown.config())})
    assert proxy.request().body == b"hello"
    names = server.connections[0].sock.getpeercert()["subjectAltName"]
    assert names == (("DNS", "gateway.test"),)


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_mutual_tls_without_a_certificate(gateway, upstream, authority, local,  # noqa: F811
                                          version):
    server = upstream([secure(serving(local, authority, version))])
    proxy = gateway(server, upstream={"tls": trust(authority), "retry": {"attempts": 1}})
    response = proxy.request()
    assert response.status == 502
    assert proxy.outcome() == (502, "tls_failed", ["tls_failed"])
    line = proxy.process.wait_log("the TLS handshake failed (tls_failed): ")
    assert "alert" in line, line
    reason = line.partition("(tls_failed): ")[2]
    assert response.header("Proxy-Status").endswith(f'details="tls_failed: {reason}"')


# ---- sessions


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_sessions_are_resumed(gateway, upstream, authority, local, version):  # noqa: F811
    server = upstream([secure(serving(local, version=version)), read_request, LAST])
    proxy = gateway(server, upstream={"tls": trust(authority)}, admin=ADMIN)
    client = proxy.connect()
    for _ in range(5):
        assert client.request().body == b"hello"
    assert [conn.resumed for conn in server.connections] == [False] + [True] * 4
    assert proxy.metric("upstream_tls_handshakes_total") == 5
    assert proxy.metric("upstream_tls_resumed_total") == 4


# ---- failures and retries


def test_a_failed_handshake_is_retried_elsewhere(gateway, upstream, authority, local,  # noqa: F811
                                                 stranger):  # noqa: F811
    bad = upstream([secure(serving(stranger.issue("127.0.0.1")))])
    good = upstream(serve(serving(local)))
    proxy = gateway(bad, good, upstream={"tls": trust(authority)})
    assert proxy.request("POST", body=b"once").body == b"hello"
    assert proxy.outcome() == (200, "none", ["tls_failed", "none"])


def test_a_failed_handshake_is_not_retried_without_the_rule(gateway, upstream, authority,  # noqa: F811
                                                            local, stranger):  # noqa: F811
    bad = upstream([secure(serving(stranger.issue("127.0.0.1")))])
    good = upstream(serve(serving(local)))
    proxy = gateway(bad, good, upstream={"tls": trust(authority), "retry": {"on": []}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "tls_failed", ["tls_failed"])


@pytest.mark.parametrize("answer", [[read_bytes(5), close], [read_bytes(5), reset],
                                    [b"HTTP/1.1 400 Bad\r\n\r\n", close]])
def test_an_endpoint_without_tls(gateway, upstream, authority, answer):  # noqa: F811
    proxy = gateway(upstream(answer), upstream={"tls": trust(authority), "retry": {"attempts": 1}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "tls_failed", ["tls_failed"])


def test_a_handshake_that_stalls_is_a_connect_timeout(gateway, upstream, authority):  # noqa: F811
    server = upstream([wait_for(threading.Event(), 30)])
    proxy = gateway(server, upstream={"tls": trust(authority), "retry": {"attempts": 1},
                                      "timeout": {"connect": "1s"}})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "connect_timeout", ["connect_timeout"])
    attempt = proxy.records("attempt")[0]
    assert attempt["connect_ns"] > 0 and not attempt.get("tls_ns")


# ---- the end of a body


def until_close(ending):
    return [read_request, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", ending]


def test_a_body_that_ends_with_goodbye(gateway, upstream, authority, local):  # noqa: F811
    server = upstream([secure(serving(local)), *until_close(say_goodbye)])
    proxy = gateway(server, upstream={"tls": trust(authority)})
    assert proxy.request().body == b"to the end"
    assert proxy.only_request()["cause"] == "none"


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_body_cut_without_goodbye_is_visible(gateway, upstream, authority, local,  # noqa: F811
                                               version):
    server = upstream([secure(serving(local, version=version)), *until_close(cut)])
    proxy = gateway(server, upstream={"tls": trust(authority)})
    with pytest.raises(ConnectionResetError):
        proxy.request()
    row = proxy.only_request()
    assert (row["cause"], row["cut_short"]) == ("body_truncated", 1)


@pytest.mark.parametrize("length", [b"Content-Length: 50000\r\n", b""])
def test_a_reset_behind_the_body_is_noticed(gateway, upstream, authority, local,  # noqa: F811
                                            length):
    """Bytes and a reset come in one event; the kernel tells of the reset once."""
    go, done = threading.Event(), threading.Event()

    def break_off(conn):
        go.wait(30)
        conn.sock.sendall(b"x" * 20000)
        try:
            reset(conn)
        finally:
            done.set()

    server = upstream([secure(serving(local)), read_request,
                       b"HTTP/1.1 200 OK\r\n" + length + b"\r\nfirst", break_off])
    proxy = gateway(server, upstream={"tls": trust(authority)})
    client = proxy.connect()
    client.send(request_bytes())
    client.read_head()
    with proxy.paused():
        go.set()
        assert done.wait(30)
    with pytest.raises(ConnectionResetError):
        client.read_to_end()
    assert proxy.only_request()["cause"] == "body_truncated"


def test_a_complete_response_needs_no_goodbye(gateway, upstream, authority, local):  # noqa: F811
    server = upstream([secure(serving(local)), read_request, OK, cut])
    proxy = gateway(server, upstream={"tls": trust(authority)})
    client = proxy.connect()
    assert client.request().body == b"hello"
    assert server.connections[0].over.wait(10)
    assert client.request().body == b"hello"
    assert {row["cause"] for row in proxy.wait_records("request", 2)} == {"none"}


@pytest.mark.parametrize("ending", [cut, say_goodbye])
def test_an_end_before_the_response(gateway, upstream, authority, local, ending):  # noqa: F811
    server = upstream([secure(serving(local)), read_request, ending])
    proxy = gateway(server, upstream={"tls": trust(authority)})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "closed_before_response", ["closed_before_response"])


# ---- bodies, with TLS on both sides


def test_large_bodies_both_ways(gateway, upstream, authority, local):  # noqa: F811
    count = 48

    def take(conn):
        total = 0
        for _ in range(count * 16):
            total = zlib.crc32(conn.read_exactly(MIB // 16), total)
        assert total == sum_of(count)

    server = upstream([secure(serving(local)), read_head, take, head(count, False), Sender(count)])
    proxy = gateway(server, listener={"tls": authority.issue("localhost").config()},
                    upstream={"tls": trust(authority)}, environment=ENVIRONMENT)
    before = proxy.resident()
    with TlsClient(proxy.address, trusting(authority), timeout=60) as client:
        client.send(request_bytes("POST", headers=[("Content-Length", str(count * MIB))]))
        for _ in range(count):
            client.send(BLOCK)
        assert client.read_head().status == 200
        pending, client.pending = client.pending, b""
        assert read_sum(client.sock, count * MIB, pending) == sum_of(count)
    assert proxy.resident() - before < GROWTH
    assert proxy.only_request()["cause"] == "none"


def test_nothing_is_read_for_a_client_that_does_not_read(gateway, upstream, authority,  # noqa: F811
                                                         local):
    sender = Sender(64)
    server = upstream([secure(serving(local)), read_request, head(64, False), sender])
    proxy = gateway(server, upstream={"tls": trust(authority), "timeout": {"idle": "0s"}},
                    listener={"timeout": {"send": "0s"}}, environment=ENVIRONMENT)
    before = proxy.resident()
    client = proxy.connect(60)
    client.send(request_bytes())
    assert steady(lambda: sender.sent) < 32 * MIB
    assert proxy.resident() - before < GROWTH
    assert client.read_head().status == 200
    pending, client.pending = client.pending, b""
    assert read_sum(client.sock, 64 * MIB, pending) == sum_of(64)


def test_an_idle_connection_that_ends_is_noticed(gateway, upstream, authority, local):  # noqa: F811
    server = upstream([secure(serving(local)), read_request, OK, say_goodbye],
                      serve(serving(local)))
    proxy = gateway(server, upstream={"tls": trust(authority)})
    client = proxy.connect()
    assert client.request().body == b"hello"
    assert server.connections[0].over.wait(10)
    assert client.request().body == b"hello"
    wait_until(lambda: len(server.connections) == 2, 10)
    assert [row["outcome"] for row in proxy.wait_records("attempt", 2)] == ["none", "none"]
