# SPDX-License-Identifier: MIT
"""Faults on requests and responses inside the gateway: what each does, and the cause that is recorded."""

import time

import pytest

from test_proxy_faults import OK, SERVE, faulty, timed, touched
from test_proxy_tls import authority  # noqa: F401
from test_proxy_tls_upstream import local, serve, trust  # noqa: F401
from tls import serving
from upstream import read_request, repeat
from wire import request_bytes, response_bytes

ONCE = {"retry": {"attempts": 1}}
BODY = bytes(i * 7 % 251 for i in range(40000))
LONG = [repeat(read_request, response_bytes(200, BODY))]


def test_abort_answers_instead_of_the_upstream(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"name": "no", "kind": "abort", "status": 503,
                                     "match": {"path": "/no"}})
    client = proxy.connect()
    for path, status in (("/", 200), ("/no", 503), ("/", 200), ("/no", 503)):
        assert client.request("POST", path, body=b"x" * 1000).status == status
    assert len(server.connections) == 1
    assert [request.startswith(b"POST / ") for request in server.requests] == [True, True]
    rows = proxy.wait_records("request", 4)
    assert [row["cause"] for row in rows] == ["none", "fault_abort"] * 2
    tries = proxy.records("attempt")
    assert [row["outcome"] for row in tries] == ["none", "fault_abort"] * 2
    assert touched(tries) == [None, "no"] * 2


def test_an_abort_below_500_is_no_failure(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "abort", "status": 404})
    assert proxy.request().status == 404
    assert proxy.outcome() == (404, "none", ["none"])


def test_an_abort_over_tls(gateway, upstream, authority, local):  # noqa: F811
    server = upstream(serve(serving(local)))
    proxy = faulty(gateway, server, {"kind": "abort", "match": {"path": "/no"}},
                   upstream={"tls": trust(authority)})
    client = proxy.connect()
    assert [client.request(path=path).status for path in ("/", "/no", "/")] == [200, 503, 200]
    assert len(server.requests) == 2


def test_an_abort_may_be_tried_again(gateway, upstream):
    one, other = upstream(SERVE), upstream(SERVE)
    proxy = gateway(one, other, faults=[{"kind": "abort", "match": {"endpoint": one.address}}],
                    upstream={"retry": {"attempts": 2, "statuses": [503]}})
    client = proxy.connect()
    assert [client.request().status for _ in range(2)] == [200, 200]
    rows = proxy.wait_records("attempt", 3)
    assert sorted(row["outcome"] for row in rows) == ["fault_abort", "none", "none"]


def test_early_reply_does_not_read_the_body(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"kind": "early_reply", "status": 413})
    client = proxy.connect()
    client.send(request_bytes("POST", headers={"Content-Length": "1000000"}))
    assert client.read_response().status == 413
    assert not server.requests


@pytest.mark.parametrize("kind", ["delay_request", "delay_response"])
def test_delays(gateway, upstream, kind):
    proxy = faulty(gateway, upstream(SERVE), {"name": "late", "kind": kind, "delay": "50ms"},
                   access_log={"path": "access.log", "format": "envoy"})
    response, took = timed(proxy.connect())
    assert response.body == b"hello" and took >= 0.05
    assert touched(proxy.wait_records("attempt", 1)) == ["late"]
    assert proxy.stop() == 0
    assert " 200 DI " in (proxy.process.folder / "access.log").read_text()


def test_abort_in_the_access_log(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "abort"},
                   access_log={"path": "access.log", "format": "envoy"})
    assert proxy.request().status == 503
    assert proxy.stop() == 0
    assert " 503 FI " in (proxy.process.folder / "access.log").read_text()


@pytest.mark.parametrize("fault, outcome", [
    ({"kind": "empty_response"}, (502, "closed_before_response")),
    ({"kind": "empty_response", "reset": True}, (502, "reset_before_response")),
    ({"kind": "malformed_head"}, (502, "response_malformed")),
    ({"kind": "oversized_head"}, (502, "response_head_too_large")),
    ({"kind": "truncate", "bytes": 1000}, (200, "body_truncated")),
    ({"kind": "malformed_chunk", "bytes": 1000}, (200, "response_malformed")),
    ({"kind": "wrong_length", "difference": 10}, (200, "body_timeout")),
    ({"kind": "stall", "bytes": 1000}, (200, "body_timeout")),
])
def test_broken_responses_give_their_natural_causes(gateway, upstream, fault, outcome):
    stalls = outcome[1] == "body_timeout"
    proxy = faulty(gateway, upstream(LONG), {"name": "it", **fault},
                   upstream={**ONCE, "timeout": {"idle": "200ms"} if stalls else {}})
    client = proxy.connect()
    client.send(request_bytes())
    try:
        client.read_response()
    except (EOFError, ConnectionResetError, ValueError):
        pass
    assert proxy.outcome() == (*outcome, [outcome[1]])
    assert touched(proxy.records("attempt")) == ["it"]


def test_response_rate(gateway, upstream):
    proxy = faulty(gateway, upstream(LONG), {"kind": "response_rate", "rate": "200KB"})
    response, took = timed(proxy.connect())
    assert response.body == BODY and took >= 0.15


def test_edits(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server,
                   {"kind": "edit_request", "set": {"x-injected": "up"}, "remove": ["x-gone"]},
                   {"kind": "edit_response", "set": {"x-injected": "down"}})
    response = proxy.request(headers={"x-gone": "soon"})
    assert response.header("x-injected") == "down"
    assert b"x-injected: up" in server.requests[0].lower()
    assert b"x-gone" not in server.requests[0]
    assert touched(proxy.wait_records("attempt", 1)) == [
        "edit_request_upstream,edit_response_downstream"]


def test_messages_and_bytes_together(gateway, upstream):
    server = upstream(LONG)
    proxy = faulty(gateway, server,
                   {"name": "late", "kind": "delay_response", "delay": "20ms"},
                   {"name": "slow", "kind": "latency", "latency": "20ms", "stream": "both"})
    client = proxy.connect()
    for _ in range(5):
        response, took = timed(client)
        assert response.body == BODY and took >= 0.06
    assert len(server.connections) == 1
    assert set(touched(proxy.wait_records("attempt", 5))) == {"slow,late"}


def test_a_fault_that_is_gone_leaves_the_connection_working(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"kind": "delay_response", "delay": "1h"})
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    config = proxy.config
    config["faults"] = []
    proxy.reload(config)
    assert client.read_response().body == b"hello"
    start = time.monotonic()
    assert client.request().body == b"hello"
    assert time.monotonic() - start < 60
    assert len(server.connections) == 1


def test_pieces_of_any_size(gateway, upstream):
    def in_pieces(conn):
        for byte in OK:
            conn.sock.sendall(bytes([byte]))

    server = upstream([repeat(read_request, in_pieces)])
    proxy = faulty(gateway, server, {"kind": "edit_response", "set": {"x-it": "1"}})
    client = proxy.connect()
    for _ in range(3):
        response = client.request()
        assert (response.body, response.header("x-it")) == (b"hello", "1")
