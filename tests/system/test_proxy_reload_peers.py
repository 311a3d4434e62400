# SPDX-License-Identifier: MIT
"""A reload that changes whom a gateway believes, what it says of its clients, and who may connect."""

import stat

import pytest

from test_proxy_protocol import GET, SERVE, V1, V2, fields, read_v1
from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes


def test_who_is_trusted_changes_for_clients_that_stay(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    headers = {"X-Forwarded-For": "203.0.113.9"}
    client.request(headers=headers)
    config = proxy.config
    config["listeners"][0]["origin"] = {"trusted": ["127.0.0.1"]}
    proxy.reload(config)
    client.request(headers=headers)
    assert [fields(request, "x-forwarded-for") for request in server.requests] == [
        ["127.0.0.1"], ["203.0.113.9, 127.0.0.1"]]
    assert [row["client"] for row in proxy.wait_records("request", 2)] == [
        "%s:%d" % client.sock.getsockname(), "203.0.113.9"]


def test_a_connection_without_a_header_is_not_used_where_one_is_wanted(gateway, upstream):
    server = upstream(SERVE, [read_v1, *SERVE])
    proxy = gateway(server)
    client = proxy.connect()
    client.request()
    config = proxy.config
    config["upstreams"]["app"]["proxy_protocol"] = "v1"
    proxy.reload(config)
    assert client.request().body == b"hello"
    first, second = server.connections
    assert first.over.wait(10) and first.closed_by_peer
    assert second.header == b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (
        client.sock.getsockname()[1], client.sock.getpeername()[1])


def test_a_clients_own_connection_survives_a_reload(gateway, upstream):
    server = upstream([read_v1, *SERVE])
    proxy = gateway(server, upstream={"proxy_protocol": "v1"})
    first, second = proxy.connect(), proxy.connect()
    for client in (first, second):
        client.request()
    proxy.reload(proxy.config)
    for client in (first, second):
        assert client.request().body == b"hello"
    assert [len(conn.requests) for conn in server.connections] == [2, 2]
    first.close()
    assert server.connections[0].over.wait(10)
    assert second.request().body == b"hello"


@pytest.mark.parametrize("after", ["off", "v2"])
def test_a_header_that_is_under_way_counts_as_it_was_asked_for(gateway, upstream, after):
    proxy = gateway(upstream(SERVE), listener={"proxy_protocol": "v1"})
    client = proxy.connect()
    client.send(V1[:20])
    config = proxy.config
    config["listeners"][0]["proxy_protocol"] = after
    proxy.reload(config)
    client.send(V1[20:] + GET)
    assert client.read_response().body == b"hello"
    other = proxy.connect()
    other.send((V2 if after == "v2" else b"") + GET)
    assert other.read_response().body == b"hello"
    rows = proxy.wait_records("request", 2)
    assert rows[0]["client"] == "203.0.113.9:4711"


def test_permissions_change_on_a_path_that_stays(gateway, upstream, tmp_path):
    server = upstream([repeat(read_request, response_bytes(200, b"hello"))])
    path = tmp_path / "in.sock"
    proxy = gateway(server, workers=2, listener={"address": f"unix:{path}", "mode": "0600"})
    config = proxy.config
    for mode in (0o666, 0o640):
        config["listeners"][0]["mode"] = "%04o" % mode
        proxy.reload(config)
        wait_until(lambda mode=mode: stat.S_IMODE(path.stat().st_mode) == mode)
        assert proxy.request().status == 200
