# SPDX-License-Identifier: MIT
"""When a connection to an endpoint has carried its last request."""

import time

import pytest

from upstream import read_request, repeat
from wire import response_bytes


def serving(fields=()):
    return [repeat(read_request, response_bytes(200, b"hello", fields))]


def carried(server):
    """Requests by connection."""
    return [len(conn.requests) for conn in server.connections]


def send(proxy, count, wait=0):
    client = proxy.connect()
    for number in range(count):
        if number:
            time.sleep(wait)
        assert client.request().status == 200


def connections(**keys):
    return {"connections": keys}


@pytest.mark.parametrize("cleanup", ["inline", "deferred", "pooled"])
def test_requests(gateway, upstream, cleanup):
    server = upstream(serving())
    proxy = gateway(server, upstream=connections(max_requests=3), cleanup=cleanup,
                    admin={"address": "127.0.0.1:0"})
    send(proxy, 7)
    assert carried(server) == [3, 3, 1]
    assert proxy.metrics()["upstream_connections_spent_total"] == 2


@pytest.mark.parametrize("max_age, opened", [("300ms", 3), ("1h", 1), ("0s", 1)])
def test_age(gateway, upstream, max_age, opened):
    server = upstream(serving())
    proxy = gateway(server, upstream=connections(max_age=max_age, idle_timeout="1h"))
    send(proxy, 3, 0.4)
    assert len(server.connections) == opened


@pytest.mark.parametrize("said, margin, opened", [
    ("timeout=1", "700ms", 3),     # used for 300 ms
    ("timeout=600", "700ms", 1),
    ("timeout=0", "0s", 3),
    ("timeout=5, max=1", "0s", 2),
    ("max=0", "0s", 3),
    ("nonsense", "0s", 1),
])
@pytest.mark.parametrize("cleanup", ["deferred", "pooled"])
def test_what_the_endpoint_says(gateway, upstream, said, margin, opened, cleanup):
    server = upstream(serving({"Keep-Alive": said}) if said != "timeout=5, max=1" else
                      [read_request, response_bytes(200, b"", {"Keep-Alive": "max=1"}),
                       read_request, response_bytes(200, b"", {"Keep-Alive": "max=0"})])
    proxy = gateway(server, cleanup=cleanup, upstream=connections(
        keepalive_margin=margin, idle_timeout="1h"))
    send(proxy, 3, 0.4)
    assert len(server.connections) == opened
