# SPDX-License-Identifier: MIT
"""The PROXY protocol: read from clients, and sent to endpoints."""

import socket
import struct

import pytest

from gateway import established_to
from tls import Authority, secure, serving, trusting
from upstream import close, read_request, repeat
from waiting import wait_until
from wire import dial, request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
GET = request_bytes()

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
INET, INET6, UNIX, UNSPECIFIED = 0x11, 0x21, 0x31, 0x00
V1 = b"PROXY TCP4 203.0.113.9 198.51.100.2 4711 443\r\n"


def block(command, family, body=b""):
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body)) + body


def ends(source="203.0.113.9", destination="198.51.100.2", ports=(4711, 443)):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    return (socket.inet_pton(family, source) + socket.inet_pton(family, destination)
            + struct.pack("!HH", *ports))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_checksum(broken=0):
    plain = block(PROXY, INET, ends() + b"\x03\0\x04" + bytes(4))
    return plain[:-4] + struct.pack("!I", crc32c(plain) ^ broken)


V2 = block(PROXY, INET, ends())


def fields(request, name):
    lines = request.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(": ") for line in lines)
    return [value for key, _, value in pairs if key.lower() == name]


@pytest.fixture
def greeted(gateway, upstream):
    """greeted("v1", ...) -> a gateway that asks for a header, and its upstream."""

    def launch(versions="any", listener=None, **options):
        server = upstream(SERVE)
        return gateway(server, listener={"proxy_protocol": versions, **(listener or {})},
                       admin={"address": "127.0.0.1:0"}, **options), server

    return launch


# ---- from clients


NAMED = {
    "v1": (V1, "203.0.113.9:4711"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::9 ::1 4711 443\r\n", "[2001:db8::9]:4711"),
    "v2": (V2, "203.0.113.9:4711"),
    "v2 IPv6": (block(PROXY, INET6, ends("2001:db8::9", "::1")), "[2001:db8::9]:4711"),
    "v2 unix": (block(PROXY, UNIX, b"/run/a.sock".ljust(108, b"\0") * 2), "unix:"),
    "v2 TLVs": (block(PROXY, INET, ends() + b"\x02\0\x03a.b\x20\0\x05\1\0\0\0\0"),
                "203.0.113.9:4711"),
    "v2 largest": (block(PROXY, INET, ends() + b"\x04\xff\xf0" + bytes(65520)),
                   "203.0.113.9:4711"),
    "v2 checksum": (with_checksum(), "203.0.113.9:4711"),
}
UNNAMED = {
    "v1": b"PROXY UNKNOWN\r\n",
    "v1 of 107 bytes": b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    "v2 unspecified": block(PROXY, UNSPECIFIED),
    "v2 LOCAL": block(LOCAL, UNSPECIFIED),
    "v2 LOCAL with addresses": block(LOCAL, INET, ends()),
    "v2 LOCAL of an unknown family": block(LOCAL, 0xff, b"abc"),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_header_names_the_client(greeted, case):
    header, client_address = NAMED[case]
    proxy, server = greeted()
    client = proxy.connect()
    client.send(header + GET + GET)
    assert [client.read_response().body for _ in range(2)] == [b"hello"] * 2
    assert {row["client"] for row in proxy.wait_records("request", 2)} == {client_address}
    address = client_address.rpartition(":")[0].strip("[]")
    for request in server.requests:
        assert fields(request, "x-forwarded-for") == ([] if address == "unix" else [address])
        assert fields(request, "x-forwarded-port") == ([] if address == "unix" else ["443"])
    assert proxy.metric("proxy_headers_total") == 1


@pytest.mark.parametrize("case", UNNAMED)
def test_a_header_may_name_nobody(greeted, case):
    header = UNNAMED[case]
    proxy, server = greeted()
    client = proxy.connect()
    client.send(header + GET)
    assert client.read_response().body == b"hello"
    assert proxy.only_request()["client"] == "%s:%d" % client.sock.getsockname()
    assert fields(server.requests[0], "x-forwarded-for") == ["127.0.0.1"]
    assert fields(server.requests[0], "x-forwarded-port") == [
        proxy.address.rpartition(":")[2]]


@pytest.mark.parametrize("header", [V1, V2, with_checksum()], ids=["v1", "v2", "checksum"])
def test_a_header_may_come_in_pieces(greeted, header):
    proxy, _ = greeted()
    client, other = proxy.connect(), proxy.connect()
    client.send(header[:10])
    other.send(V1 + GET)
    assert other.read_response().status == 200  # the ten bytes have been read when it comes
    for byte in header[10:] + GET:
        client.send(bytes([byte]))
    assert client.read_response().body == b"hello"
    assert {row["client"] for row in proxy.wait_records("request", 2)} == {"203.0.113.9:4711"}


WRONG = {
    "nothing": ("any", GET),
    "nearly a signature": ("any", b"\r\n\r\n\r\n" + GET),
    "v2 for v1": ("v1", V2 + GET),
    "v1 for v2": ("v2", V1 + GET),
    "v1 port": ("v1", b"PROXY TCP4 203.0.113.9 198.51.100.2 4711 65536\r\n" + GET),
    "v1 bare LF": ("v1", b"PROXY TCP4 203.0.113.9 198.51.100.2 4711 443\n" + GET),
    "v1 of 108 bytes": ("v1", b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n" + GET),
    "v1 without end": ("v1", b"PROXY UNKNOWN " + b"x" * 93),
    "v2 too short": ("v2", block(PROXY, INET, ends()[:-1]) + GET),
    "v2 family": ("v2", block(PROXY, 0x41, ends()) + GET),
    "v2 command": ("v2", block(0x22, INET, ends()) + GET),
    "v2 version": ("v2", block(0x11, INET, ends()) + GET),
    "v2 TLV": ("v2", block(PROXY, INET, ends() + b"\x04\0\x02x") + GET),
    "v2 checksum": ("v2", with_checksum(broken=1) + GET),
}


@pytest.mark.parametrize("case", WRONG)
def test_without_a_right_header_a_connection_is_closed(greeted, case):
    versions, sent = WRONG[case]
    proxy, server = greeted(versions, {"timeout": {"proxy_header": "1h"}})
    for _ in range(2):
        client = proxy.connect()
        client.send(sent)
        client.assert_closed()
    assert proxy.records("request") == [] and server.requests == []
    assert proxy.metric("proxy_headers_refused_total") == 2
    lines = [line for line in proxy.process.log().splitlines() if "was closed:" in line]
    assert len(lines) == 1 and "PROXY" in lines[0]


def test_a_header_that_breaks_off(greeted):
    proxy, _ = greeted()
    client = proxy.connect()
    client.send(V2[:-1])
    client.finish_sending()
    client.assert_closed()
    assert proxy.metric("proxy_headers_refused_total") == 1


def test_who_only_looks_whether_anybody_listens_is_no_failure(greeted):
    proxy, _ = greeted()
    client = proxy.connect()
    client.finish_sending()
    client.assert_closed()
    assert proxy.metric("proxy_headers_refused_total") == 0


@pytest.mark.parametrize("sent", [b"", V1[:-1], V2[:-1]], ids=["nothing", "v1", "v2"])
def test_a_header_has_its_own_timeout(greeted, sent):
    proxy, _ = greeted(listener={"timeout": {"proxy_header": "100ms"}})
    client = proxy.connect()
    client.send(sent)
    client.assert_closed()
    assert proxy.metric("proxy_headers_refused_total") == 1


def test_behind_a_header_the_idle_timeout_holds(greeted):
    proxy, _ = greeted(listener={"timeout": {"proxy_header": "20s", "idle": "100ms"}})
    client = proxy.connect()
    client.send(V1)
    client.assert_closed()
    assert proxy.metric("proxy_headers_refused_total") == 0


def test_a_header_comes_before_tls(greeted, tmp_path):
    authority = Authority(tmp_path / "authority")
    proxy, server = greeted(listener={"tls": authority.issue("localhost").config()})
    sock = dial(proxy.address, 20)
    sock.sendall(V2)
    with trusting(authority).wrap_socket(sock, server_hostname="localhost") as secured:
        secured.sendall(GET)
        assert secured.recv(65536).startswith(b"HTTP/1.1 200")
    assert proxy.only_request()["client"] == "203.0.113.9:4711"
    assert fields(server.requests[0], "x-forwarded-proto") == ["https"]


def test_trust_is_in_whom_the_header_names(greeted):
    forwarded = request_bytes(headers={"X-Forwarded-For": "192.0.2.1"})
    proxy, _ = greeted(listener={"origin": {"trusted": ["203.0.113.9"]}})
    for header in (V1, V1.replace(b"113.9", b"113.8")):
        client = proxy.connect()
        client.send(header + forwarded)
        client.read_response()
    rows = proxy.wait_records("request", 2)
    assert [row["client"] for row in rows] == ["192.0.2.1", "203.0.113.8:4711"]


def test_a_draining_gateway_waits_for_no_header(greeted):
    proxy, _ = greeted(listener={"timeout": {"proxy_header": "60s"}})
    client = proxy.connect()
    client.send(V1[:10])
    assert proxy.stop() == 0
    client.assert_closed()


# ---- to endpoints


def read_v1(conn):
    conn.header = conn.read_until(b"\r\n")


def read_v2(conn):
    fixed = conn.read_exactly(16)
    conn.header = fixed + conn.read_exactly(struct.unpack("!H", fixed[14:])[0])


@pytest.fixture
def announced(gateway, upstream):
    """announced("v1", ...) -> a gateway that sends a header, and the endpoint that reads it."""

    def launch(version, script=(repeat(read_request, OK),), **options):
        server = upstream([read_v1 if version == "v1" else read_v2, *script])
        keys = {"proxy_protocol": version, **options.pop("upstream", {})}
        return gateway(server, upstream=keys, **options), server

    return launch


def numbers(client):
    return client.sock.getsockname()[1], client.sock.getpeername()[1]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_endpoint_is_told_the_client(announced, version):
    proxy, server = announced(version)
    client = proxy.connect()
    assert client.request().body == b"hello"
    ports = numbers(client)
    expected = {"v1": b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % ports,
                "v2": block(PROXY, INET, ends("127.0.0.1", "127.0.0.1", ports))}
    assert server.connections[0].header == expected[version]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_endpoint_is_told_an_ipv6_client(announced, version):
    proxy, server = announced(version, listener={"address": "[::1]:0"})
    client = proxy.connect()
    client.request()
    ports = numbers(client)
    expected = {"v1": b"PROXY TCP6 ::1 ::1 %d %d\r\n" % ports,
                "v2": block(PROXY, INET6, ends("::1", "::1", ports))}
    assert server.connections[0].header == expected[version]


@pytest.mark.parametrize("version, expected", [
    ("v1", b"PROXY UNKNOWN\r\n"), ("v2", block(PROXY, UNSPECIFIED))])
def test_a_client_on_a_unix_socket_is_unknown(announced, tmp_path, version, expected):
    proxy, server = announced(version, listener={"address": f"unix:{tmp_path}/in.sock"})
    assert proxy.request().body == b"hello"
    assert server.connections[0].header == expected


def test_what_a_client_said_is_passed_on(announced):
    proxy, server = announced("v1", listener={"proxy_protocol": "v2"})
    client = proxy.connect()
    client.send(V2 + GET)
    assert client.read_response().body == b"hello"
    assert server.connections[0].header == V1


def test_a_header_does_not_follow_from_what_a_request_claims(announced):
    proxy, server = announced("v1", listener={"origin": {"trusted": ["127.0.0.0/8"]}})
    client = proxy.connect()
    client.request(headers={"X-Forwarded-For": "203.0.113.9"})
    assert server.connections[0].header == (
        b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % numbers(client))


@pytest.mark.parametrize("cleanup", ["inline", "deferred", "pooled"])
def test_a_connection_is_used_again_by_its_client_alone(announced, cleanup):
    proxy, server = announced("v2", cleanup=cleanup)
    clients = [proxy.connect() for _ in range(3)]
    for _ in range(3):
        for client in clients:
            assert client.request().body == b"hello"
    assert [len(conn.requests) for conn in server.connections] == [3, 3, 3]
    assert [struct.unpack("!HH", conn.header[24:])[0] for conn in server.connections] == [
        numbers(client)[0] for client in clients]


def test_a_connection_is_closed_with_its_client(announced):
    proxy, server = announced("v1", upstream={"connections": {"idle_timeout": "1h"}})
    first, second = proxy.connect(), proxy.connect()
    first.request()
    second.request()
    first.close()
    assert server.connections[0].over.wait(10) and server.connections[0].closed_by_peer
    assert second.request().body == b"hello"
    assert len(server.connections) == 2 and not server.connections[1].over.is_set()


def test_idle_connections_of_others_make_room(announced):
    proxy, server = announced("v1", upstream={"connections": {"max": 2}})
    clients = [proxy.connect() for _ in range(6)]
    for client in clients + clients:
        assert client.request().body == b"hello"
    assert established_to(server.address) <= 2
    assert all(f" {numbers(clients[i % 6])[0]} ".encode() in conn.header
               for i, conn in enumerate(server.connections))


@pytest.mark.threads
def test_clients_of_two_workers_share_a_limit(announced):
    proxy, server = announced("v2", workers=2, upstream={"connections": {"max": 3}})
    clients = [proxy.connect() for _ in range(16)]
    for _ in range(4):
        for client in clients:
            client.send(GET)
        assert [client.read_response().body for client in clients] == [b"hello"] * 16
    ports = {numbers(client)[0] for client in clients}
    assert {struct.unpack("!HH", conn.header[24:])[0] for conn in server.connections} == ports
    for client in clients:
        client.close()
    wait_until(lambda: established_to(server.address) == 0)


def test_a_retry_begins_with_a_header_too(gateway, upstream):
    server = upstream([read_v1, read_request, OK, close], [read_v1, *SERVE])
    proxy = gateway(server, upstream={"proxy_protocol": "v1", "connections": {"idle_timeout": "10m"}})
    client = proxy.connect()
    assert client.request().body == b"hello"
    assert client.request().body == b"hello"
    first, second = server.wait_connections(2)
    assert first.header == second.header


def test_a_header_goes_before_tls_to_an_endpoint(gateway, upstream, tmp_path):
    authority = Authority(tmp_path / "authority")
    server = upstream([read_v2_plain, secure(serving(authority.issue("127.0.0.1"))), *SERVE])
    proxy = gateway(server, upstream={"proxy_protocol": "v2",
                                      "tls": {"ca": authority.certificate}})
    client = proxy.connect()
    assert client.request().body == b"hello"
    assert server.connections[0].header == (
        block(PROXY, INET, ends("127.0.0.1", "127.0.0.1", numbers(client))))


@pytest.mark.parametrize("version, expected", [
    ("v1", b"PROXY UNKNOWN\r\n"), ("v2", block(LOCAL, UNSPECIFIED))], ids=["v1", "v2"])
def test_a_health_check_is_the_gateways_own(announced, version, expected):
    check = {"kind": "http", "interval": "50ms", "timeout": "20s"}
    _, server = announced(version, upstream={"health": {"active": check}})
    server.wait_requests(1)
    assert server.connections[0].header == expected


def read_v2_plain(conn):
    """As read_v2, without a byte of what follows."""
    conn.header = conn.sock.recv(28, socket.MSG_WAITALL)


# ---- the configuration


def test_unknown_versions_are_refused(command, write_config):
    path = write_config({"listeners": [{"address": "127.0.0.1:0", "proxy_protocol": "v3"}],
                         "routes": [{"upstream": "app"}],
                         "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}})
    done = command("check", path)
    assert done.returncode == 2 and '(expected "off", "v1", "v2" or "any"' in done.stderr
    path = write_config({"listeners": ["127.0.0.1:0"], "routes": [{"upstream": "app"}],
                         "upstreams": {"app": {"endpoints": ["127.0.0.1:1"],
                                               "proxy_protocol": "any"}}})
    done = command("check", path)
    assert done.returncode == 2 and '(expected "off", "v1" or "v2"' in done.stderr
