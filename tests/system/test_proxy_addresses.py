# SPDX-License-Identifier: MIT
"""Unix sockets and IPv6, towards clients and towards endpoints."""

import os
import socket
import stat

import pytest

from upstream import read_request, repeat
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]


# ---- both ways


def addresses(kind, folder):
    return {"unix": f"unix:{folder}/x.sock", "IPv6": "[::1]:0", "IPv4": "127.0.0.1:0"}[kind]


@pytest.mark.parametrize("inside", ["unix", "IPv6", "IPv4"])
@pytest.mark.parametrize("outside", ["unix", "IPv6"])
def test_requests_travel_from_any_to_any(gateway, upstream, tmp_path, outside, inside):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    server = upstream(SERVE, address=addresses(inside, tmp_path / "in"))
    proxy = gateway(server, workers=2, upstream={"connections": {"idle": 64}},
                    listener={"address": addresses(outside, tmp_path / "out")})
    clients = [proxy.connect() for _ in range(4)]
    body = os.urandom(300000)
    for client in clients + clients:
        assert client.request("POST", body=body).body == b"hello"
    assert all(request.endswith(body) for request in server.requests)
    rows = proxy.wait_records("request", 8)
    expected = {"unix:"} if outside == "unix" else {
        "[::1]:%d" % client.sock.getsockname()[1] for client in clients}
    assert {row["client"] for row in rows} == expected
    assert {row["endpoint"] for row in proxy.records("attempt")} == {server.address}


def test_an_ipv4_client_of_an_ipv6_listener_is_an_ipv4_client(gateway, upstream):
    proxy = gateway(upstream(SERVE), listener={"address": "[::]:0"})
    port = int(proxy.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(request_bytes())
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert proxy.only_request()["client"] == "127.0.0.1:%d" % client.getsockname()[1]


@pytest.mark.parametrize("kind, host", [("unix", b"localhost"), ("IPv6", b"[::1]:")])
def test_the_host_for_a_request_that_names_none(gateway, upstream, tmp_path, kind, host):
    server = upstream(SERVE, address=addresses(kind, tmp_path))
    client = gateway(server).connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.read_response().status == 200
    assert b"\r\nHost: " + host in server.requests[0]


# ---- paths


@pytest.mark.parametrize("mode, expected", [("0660", 0o660), ("0606", 0o606), ("777", 0o777)])
def test_permissions_of_a_path(gateway, upstream, tmp_path, mode, expected):
    proxy = gateway(upstream(SERVE), workers=2,
                    listener={"address": f"unix:{tmp_path}/in.sock", "mode": mode})
    assert stat.S_IMODE((tmp_path / "in.sock").stat().st_mode) == expected
    assert proxy.request().status == 200
    assert proxy.stop() == 0
    assert not (tmp_path / "in.sock").exists()


@pytest.mark.parametrize("listener, message", [
    ({"address": "127.0.0.1:0", "mode": "0660"}, '"mode" is for Unix sockets'),
    ({"address": "unix:/tmp/x", "mode": "0668"}, '"0668" are no permissions'),
    ({"address": "unix:/tmp/x", "mode": "66"}, '"66" are no permissions'),
    ({"address": "unix:/tmp/x", "mode": "1777"}, '"1777" are no permissions'),
    ({"address": "unix:/tmp/x", "mode": "u=rw"}, '"u=rw" are no permissions'),
    ({"address": "unix:/tmp/" + "x" * 108}, "address"),
    ({"address": "unix:relative"}, "address"),
    ({"address": "::1:80"}, "address"),
    ({"address": "[::1%lo]:80"}, "address"),
])
def test_a_wrong_address_is_refused(command, write_config, listener, message):
    path = write_config({"listeners": [listener], "routes": [{"upstream": "app"}],
                         "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}})
    done = command("check", path)
    assert done.returncode == 2 and message in done.stderr


def refused(start, address):
    proxy = start("proxy", {"listeners": [address], "routes": [{"upstream": "app"}],
                            "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}}, ready=False)
    assert proxy.wait() == 3
    return proxy.log()


def test_an_address_that_cannot_be_had(start, tmp_path):
    assert "its folder is not there" in refused(start, f"unix:{tmp_path}/none/in.sock")
    assert "no interface of this machine" in refused(start, "192.0.2.1:0")
    (tmp_path / "notes").write_text("mine")
    assert "something else is there" in refused(start, f"unix:{tmp_path}/notes")
    assert (tmp_path / "notes").read_text() == "mine"


def test_an_endpoint_that_is_not_there(gateway, upstream, tmp_path):
    server = upstream(SERVE)
    proxy = gateway(f"unix:{tmp_path}/none.sock", server)
    assert [proxy.request().status for _ in range(2)] == [200, 200]
    outcomes = [row["outcome"] for row in proxy.records("attempt")]
    assert "connect_refused" in outcomes and set(outcomes) == {"connect_refused", "none"}


def test_an_endpoint_that_nobody_listens_at(gateway, tmp_path):
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(f"{tmp_path}/deaf.sock")
        proxy = gateway(f"unix:{tmp_path}/deaf.sock", upstream={"retry": {"attempts": 1}})
        assert proxy.request().status == 502
    assert proxy.outcome() == (502, "connect_refused", ["connect_refused"])


def test_an_endpoint_whose_backlog_is_full(gateway, tmp_path):
    """Connecting to a path fails at once where TCP would wait."""
    path = f"{tmp_path}/full.sock"
    fillers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(path)
        proxy = gateway(f"unix:{path}", upstream={"retry": {"attempts": 1}})
        assert proxy.request().status == 502
        assert proxy.outcome() == (502, "connect_failed", ["connect_failed"])
    for filler in fillers:
        filler.close()
