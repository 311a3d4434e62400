# SPDX-License-Identifier: MIT
"""TLS with clients."""

import base64
import socket
import ssl
import threading
import zlib

import pytest

from test_proxy_streaming import (BLOCK, ENVIRONMENT, GROWTH, MIB, Sender, head, read_sum, steady,
                                  sum_of)
from tls import Authority, TlsClient, trusting
from upstream import close, read_head, read_request, repeat, wait_for
from waiting import wait_until
from wire import Client, request_bytes, reset_socket, response_bytes, split_address

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "a")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger") / "s", "Stranger")


@pytest.fixture(scope="module")
def local(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture
def secured(gateway, upstream, local):
    """secured(key=...) -> Gateway that speaks TLS, in front of an upstream that says hello."""

    def launch(server=None, pair=local, tls=(), **options):
        listener = {"tls": {**pair.config(), **dict(tls)}, **options.pop("listener", {})}
        return gateway(server or upstream(SERVE), listener=listener,
                       admin={"address": "127.0.0.1:0"}, **options)

    return launch


def hello(client):
    response = client.request()
    assert (response.status, response.body) == (200, b"hello")


# ---- what is agreed on


@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_termination(secured, authority, version, kind):
    proxy = secured(pair=authority.issue("localhost", kind=kind))
    with TlsClient(proxy.address, trusting(authority, version=version)) as client:
        assert client.sock.version() == {V1_2: "TLSv1.2", V1_3: "TLSv1.3"}[version]
        hello(client)
    assert proxy.metric("client_tls_handshakes_total") == 1
    assert proxy.metric("client_tls_failed_total") == 0
    assert proxy.only_request()["cause"] == "none"


def test_old_versions_are_refused(secured, authority):
    proxy = secured(tls={"min_version": "1.3"})
    with pytest.raises(ssl.SSLError, match="protocol version"):
        TlsClient(proxy.address, trusting(authority, version=V1_2))
    with TlsClient(proxy.address, trusting(authority)) as client:
        hello(client)
    assert proxy.metric("client_tls_failed_total") == 1


def test_versions_before_1_2_are_refused_by_default(secured, authority):
    proxy = secured()
    context = trusting(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="protocol version"):
        TlsClient(proxy.address, context)


def test_ciphers_are_those_of_the_configuration(secured, authority):
    proxy = secured(tls={"ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305",
                         "ciphersuites": "TLS_CHACHA20_POLY1305_SHA256"})
    for version, name in ((V1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
                          (V1_3, "TLS_CHACHA20_POLY1305_SHA256")):
        with TlsClient(proxy.address, trusting(authority, version=version)) as client:
            assert client.sock.cipher()[0] == name
    context = trusting(authority, version=V1_2)
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError, match="handshake failure"):
        TlsClient(proxy.address, context)


@pytest.mark.parametrize("offer, agreed", [
    (["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (None, None),
    (["http/1.0"], "http/1.0"), (["http/1.0", "http/1.1"], "http/1.1")])
def test_alpn(secured, authority, offer, agreed):
    with TlsClient(secured().address, trusting(authority, alpn=offer)) as client:
        assert client.sock.selected_alpn_protocol() == agreed
        hello(client)


def test_a_client_that_does_not_speak_http_1_1_is_refused(secured, authority):
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        TlsClient(secured().address, trusting(authority, alpn=["h2"]))


def test_certificates_by_server_name(secured, authority, local):
    further = [authority.issue("a.test"), authority.issue("*.b.test", "b.test", kind="rsa")]
    proxy = secured(tls={"certificates": [pair.config() for pair in further]})

    def shown(name, version):
        context = trusting(authority, version=version)
        context.check_hostname = False
        with TlsClient(proxy.address, context, name) as client:
            hello(client)
            return client.shown()

    for version in (V1_2, V1_3):
        assert shown("a.test", version) == {"a.test"}
        assert shown("A.Test", version) == {"a.test"}
        assert shown("x.b.test", version) == {"*.b.test", "b.test"}
        assert shown("b.test", version) == {"*.b.test", "b.test"}
        for other in (None, "localhost", "x.a.test", "x.y.b.test", "c.test", "test"):
            assert shown(other, version) == {"localhost", "127.0.0.1"}, other


# ---- client certificates


def test_a_client_certificate_is_required(secured, authority, stranger):
    proxy = secured(tls={"client_certificate": "required", "client_ca": authority.certificate})
    with TlsClient(proxy.address, trusting(authority, authority.issue("client"))) as client:
        hello(client)
    for pair, alert in ((None, "certificate required"), (stranger.issue("client"), "unknown ca"),
                        (authority.issue("client", days=-1), "certificate expired")):
        with pytest.raises(ssl.SSLError, match=alert):
            with TlsClient(proxy.address, trusting(authority, pair, version=V1_3)) as client:
                client.request()  # TLS 1.3 tells a client after its handshake
        with pytest.raises(ssl.SSLError, match="alert"):
            TlsClient(proxy.address, trusting(authority, pair, version=V1_2))
    wait_until(lambda: proxy.metric("client_tls_failed_total") == 6, 10, "6 counted failures")
    assert proxy.only_request()["status"] == 200


def test_a_client_certificate_is_optional(secured, authority, stranger):
    proxy = secured(tls={"client_certificate": "optional", "client_ca": authority.certificate})
    for pair in (None, authority.issue("client")):
        with TlsClient(proxy.address, trusting(authority, pair)) as client:
            hello(client)
    with pytest.raises(ssl.SSLError, match="unknown ca"):
        with TlsClient(proxy.address, trusting(authority, stranger.issue("client"))) as client:
            client.request()


def told(upstream, *names):
    """What the last request told of a certificate."""
    lines = upstream.requests[-1].decode("latin-1").split("\r\n")
    fields = [line.split(": ", 1) for line in lines if ": " in line]
    return [value for name, value in fields if name.lower() in [other.lower() for other in names]]


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_the_upstream_is_told_of_the_certificate(secured, upstream, authority, version):
    server = upstream(SERVE)
    proxy = secured(server, tls={
        "client_certificate": "optional", "client_ca": authority.certificate,
        "subject_field": "X-Client-Subject", "certificate_field": "Client-Cert"})
    pair = authority.issue("alice")
    lie = {"x-client-subject": "CN=mallory", "CLIENT-CERT": ":bWFsbG9yeQ==:"}
    context, session = trusting(authority, pair, version=version), None
    der = ssl.PEM_cert_to_DER_cert(open(pair.certificate).read())
    for _ in range(2):  # a resumed session brings the certificate with it
        with TlsClient(proxy.address, context, session=session) as client:
            for _ in range(2):
                assert client.request(headers=lie).status == 200
                assert told(server, "X-Client-Subject") == ["CN=alice"]
                [value] = told(server, "Client-Cert")
                assert value == ":" + base64.b64encode(der).decode() + ":"
            session = client.sock.session
    with TlsClient(proxy.address, trusting(authority)) as client:
        assert client.request(headers=lie).status == 200
        assert told(server, "X-Client-Subject", "Client-Cert") == []
    assert proxy.metric("client_tls_resumed_total") == 1


def test_nobody_tells_of_a_certificate_through_another_listener(gateway, upstream, authority):
    server = upstream(SERVE)
    tls = {**authority.issue("localhost").config(),
           "client_certificate": "optional", "client_ca": authority.certificate,
           "subject_field": "X-Client-Subject", "certificate_field": "Client-Cert"}
    proxy = gateway(server, listeners=["127.0.0.1:0", {"address": "127.0.0.1:0", "tls": tls}])
    client = proxy.connect()  # to the first, which knows of no certificates
    for name in ("X-Client-Subject", "x-CLIENT-subject", "X_Client_Subject", "client-cert"):
        assert client.request(headers={name: "CN=admin"}).status == 200
        assert told(server, name) == []
    assert client.request(headers={"X-Client-Subjects": "1"}).status == 200
    assert told(server, "X-Client-Subjects") == ["1"]
    assert client.request(headers={"Client-Cert-Chain": ":x:"}).status == 200  # RFC 9440 2.4
    assert told(server, "Client-Cert-Chain") == []
    for name in (b"X-Client-Subject", b"x_client_subject", b"Client-Cert"):
        client = proxy.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"0\r\n" + name + b": CN=admin\r\n\r\n")
        assert client.read_response().status == 400


def test_a_subject_cannot_write_fields(secured, upstream, authority):
    server = upstream(SERVE)
    proxy = secured(server, tls={
        "client_certificate": "required", "client_ca": authority.certificate,
        "subject_field": "X-Client-Subject"})
    pair = authority.issue("b.test", subject="/CN=a\r\nX-Role: admin/O=\u00c4, B")
    with TlsClient(proxy.address, trusting(authority, pair)) as client:
        assert client.request().status == 200
    assert told(server, "X-Role") == []
    [value] = told(server, "X-Client-Subject")
    assert value == "O=\\C3\\84\\, B,CN=a\\0D\\0AX-Role: admin"


# ---- resets


def test_a_reset_behind_what_was_sent_is_noticed(secured, upstream, authority):
    """Bytes and a reset come in one event; the kernel tells of the reset once."""
    gone = threading.Event()

    def read_to_the_end(conn):
        try:
            while conn.sock.recv(65536):
                pass
        except OSError:
            pass
        gone.set()

    proxy = secured(upstream([read_to_the_end]))
    client = TlsClient(proxy.address, trusting(authority))
    client.send(request_bytes("PUT", headers=[("Content-Length", "100000")]))
    wait_until(lambda: proxy.metric("requests_total") == 1, 20, "the request has been taken")
    with proxy.paused():
        client.send(b"x" * 30000)
        reset_socket(client.sock)
    assert gone.wait(20), "the upstream waits for a client that has gone"
    assert proxy.only_request()["cause"] == "client_abort"


# ---- sessions


@pytest.mark.threads
@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize("ask", ["none", "required"])
@pytest.mark.parametrize("workers", [1, 2])
def test_sessions_are_resumed(secured, authority, version, ask, workers):
    tls = {"client_certificate": ask, "client_ca": authority.certificate} if ask != "none" else {}
    context = trusting(authority, authority.issue("client"), version=version)
    proxy = secured(tls=tls, workers=workers)
    session = None
    for number in range(6):
        with TlsClient(proxy.address, context, session=session) as client:
            assert client.sock.session_reused == (number > 0)
            hello(client)
            session = client.sock.session
    assert proxy.metric("client_tls_handshakes_total") == 6
    assert proxy.metric("client_tls_resumed_total") == 5


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_sessions_are_not_resumed_without_tickets(secured, authority, version):
    context = trusting(authority, version=version)
    proxy = secured(tls={"tickets": False})
    session = None
    for _ in range(2):
        with TlsClient(proxy.address, context, session=session) as client:
            assert not client.sock.session_reused
            hello(client)
            session = client.sock.session
    assert proxy.metric("client_tls_resumed_total") == 0


# ---- HTTP on top of it


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_keep_alive_and_pipelining(secured, authority, version):
    proxy = secured()
    with TlsClient(proxy.address, trusting(authority, version=version)) as client:
        for _ in range(50):
            hello(client)
        client.send(b"".join(request_bytes(path=f"/{i}") for i in range(200)))
        for _ in range(200):
            assert client.read_response().body == b"hello"
    rows = proxy.wait_records("request", 250)
    assert [row["path"] for row in rows[50:]] == [f"/{i}" for i in range(200)]
    assert proxy.metric("client_tls_handshakes_total") == 1


def test_a_request_in_single_bytes(secured, authority):
    with TlsClient(secured().address, trusting(authority)) as client:
        for byte in request_bytes("POST", body=b"body"):
            client.send(bytes([byte]))
        assert client.read_response().body == b"hello"


class Splitter:
    """Between a client and the gateway: passes the client's bytes on one by one."""

    def __init__(self, address):
        self._far = socket.create_connection(split_address(address), 20)
        self._far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._up, daemon=True).start()

    def _up(self):
        near, _ = self._listener.accept()
        threading.Thread(target=self._down, args=(near,), daemon=True).start()
        try:
            while data := near.recv(65536):
                for byte in data:
                    self._far.sendall(bytes([byte]))
            self._far.shutdown(socket.SHUT_WR)
        except OSError:
            near.close()  # one side has gone, and with it the need for this

    def _down(self, near):
        try:
            while data := self._far.recv(65536):
                near.sendall(data)
            near.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client has gone


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_records_in_single_bytes(secured, authority, version):
    proxy = secured()
    splitter = Splitter(proxy.address)
    with TlsClient(splitter.address, trusting(authority, version=version)) as client:
        hello(client)
        assert client.request("POST", body=b"x" * 1000).status == 200


def test_the_end_is_said_in_good_order(secured, authority):
    with TlsClient(secured().address, trusting(authority)) as client:
        client.send(request_bytes(headers={"Connection": "close"}))
        assert client.read_response().body == b"hello"
        assert client.read_to_end() == b""  # without close_notify this is an exception


def test_an_idle_client_is_told_goodbye(secured, authority):
    proxy = secured(listener={"timeout": {"idle": "2s"}})
    with TlsClient(proxy.address, trusting(authority)) as client:
        hello(client)
        assert client.read_to_end() == b""


def test_a_truncated_response_is_visible(secured, upstream, authority):
    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", close])
    proxy = secured(server)
    with TlsClient(proxy.address, trusting(authority)) as client:
        client.send(request_bytes())
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            client.read_response()
    assert proxy.only_request()["cause"] == "body_truncated"


def test_a_client_that_leaves_ends_its_request(secured, upstream, authority):
    server = upstream([read_request, wait_for(threading.Event(), 30)])
    proxy = secured(server)
    client = TlsClient(proxy.address, trusting(authority))
    client.send(request_bytes())
    server.wait_requests(1)
    client.close()
    assert proxy.only_request()["status"] == 499


# ---- bodies


def body_sum(client, count):
    """The checksum of a response's body of so many blocks."""
    assert client.read_head().status == 200
    pending, client.pending = client.pending, b""
    return read_sum(client.sock, count * MIB, pending)


def test_large_bodies_both_ways(secured, upstream, authority):
    count = 48

    def take(conn):
        total = 0
        for _ in range(count):
            total = zlib.crc32(conn.read_exactly(MIB), total)
        assert total == sum_of(count)

    server = upstream([read_head, take, head(count, False), Sender(count)])
    proxy = secured(server, environment=ENVIRONMENT)
    before = proxy.resident()
    with TlsClient(proxy.address, trusting(authority), timeout=60) as client:
        client.send(request_bytes("POST", headers=[("Content-Length", str(count * MIB))]))
        for _ in range(count):
            client.send(BLOCK)
        assert body_sum(client, count) == sum_of(count)
    assert proxy.resident() - before < GROWTH
    assert proxy.only_request()["cause"] == "none"


def test_nothing_is_read_for_a_client_that_does_not_read(secured, upstream, authority):
    count = 64
    sender = Sender(count)
    proxy = secured(upstream([read_request, head(count, False), sender]), environment=ENVIRONMENT,
                    listener={"timeout": {"send": "0s"}}, upstream={"timeout": {"idle": "0s"}})
    before = proxy.resident()
    with TlsClient(proxy.address, trusting(authority), timeout=60) as client:
        client.send(request_bytes())
        assert steady(lambda: sender.sent) < count * MIB // 2
        assert proxy.resident() - before < GROWTH
        assert body_sum(client, count) == sum_of(count)


def test_nothing_is_read_for_an_upstream_that_does_not_read(secured, upstream, authority):
    count, going_on, got = 64, threading.Event(), []

    def take(conn):
        total = 0
        for _ in range(count):
            total = zlib.crc32(conn.read_exactly(MIB), total)
        got.append(total)

    server = upstream([read_head, wait_for(going_on, 60), take, OK])
    proxy = secured(server, environment=ENVIRONMENT, listener={"timeout": {"body": "0s"}},
                    upstream={"timeout": {"idle": "0s"}})
    before, sent = proxy.resident(), [0]
    with TlsClient(proxy.address, trusting(authority), timeout=60) as client:

        def push():
            client.send(request_bytes("POST", headers=[("Content-Length", str(count * MIB))]))
            for _ in range(count * 16):
                client.send(BLOCK[:MIB // 16])
                sent[0] += MIB // 16

        # The body's blocks are not those of sum_of: each is the first sixteenth, sixteen times.
        pusher = threading.Thread(target=push, daemon=True)
        pusher.start()
        assert steady(lambda: sent[0]) < count * MIB // 2
        assert proxy.resident() - before < GROWTH
        going_on.set()
        pusher.join(60)
        assert client.read_response().body == b"hello"
    assert got == [zlib.crc32(BLOCK[:MIB // 16] * 16 * count)]


# ---- what is no TLS


@pytest.mark.parametrize("bytes_sent", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 300, b"\x16\x03\x01\xff\xff" + b"\x01" * 400,
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x01\x00\x02\x02\x28"])
def test_what_is_no_tls_is_refused(secured, authority, bytes_sent):
    proxy = secured()
    with Client(proxy.address) as client:
        client.send(bytes_sent)
        client.finish_sending()
        answer = b""
        try:
            answer = client.read_to_end()
        except ConnectionResetError:
            pass
        assert b"HTTP/1" not in answer
    wait_until(lambda: proxy.metric("client_tls_failed_total") == 1, 10, "a counted failure")
    with TlsClient(proxy.address, trusting(authority)) as client:
        hello(client)
    assert len(proxy.records("request")) == 1


def test_a_handshake_that_stalls_ends_in_time(secured, authority):
    proxy = secured(listener={"timeout": {"head": "3s"}})
    with Client(proxy.address) as client:
        client.send(b"\x16\x03\x01")
        client.assert_closed()
    with Client(proxy.address) as silent:
        silent.assert_closed()
    assert proxy.metric("client_tls_failed_total") == 2
    with TlsClient(proxy.address, trusting(authority)) as client:
        hello(client)


@pytest.mark.threads
def test_many_connections_come_and_go(secured, authority):
    proxy = secured(workers=2)
    context = trusting(authority)
    for leave in ("close", "reset") * 20:
        client = TlsClient(proxy.address, context)
        hello(client)
        getattr(client, leave)()
    assert proxy.metric("client_tls_handshakes_total") == 40
    assert proxy.stop() == 0
