# SPDX-License-Identifier: MIT
"""Why something failed reaches the operator: once in the log, however often it happens, and in the
answer."""

import ssl

import pytest

from test_proxy_tls import authority, local, secured  # noqa: F401
from tls import TlsClient, trusting
from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes

SERVE = [repeat(read_request, response_bytes(200, b"hello"))]
ONCE = {"retry": {"attempts": 1}}


def lines(proxy, text):
    return [line for line in proxy.process.log().splitlines() if text in line]


def test_why_a_connection_cannot_be_made(gateway, upstream, tmp_path):
    folder = tmp_path / "f"
    folder.write_text("no folder")
    proxy = gateway(f"unix:{folder}/s", upstream=ONCE)
    for _ in range(20):
        response = proxy.request()
        assert response.status == 502
        assert response.header("Proxy-Status").endswith('details="connect_failed: Not a directory"')
    first, *more = lines(proxy, "Not a directory")
    assert f"unix:{folder}/s: cannot connect (connect_failed): Not a directory" in first
    assert len(more) <= 1, "one a minute"
    folder.unlink()
    folder.mkdir()
    upstream(SERVE, address=f"unix:{folder}/s")
    assert proxy.request().status == 200
    over, = lines(proxy, "connecting works again")
    assert more or "(19 more were left out)" in over


def test_each_cause_has_its_line(gateway, tmp_path):
    path = tmp_path / "f" / "s"
    proxy = gateway(f"unix:{path}", upstream=ONCE)
    assert proxy.request().status == 502
    path.parent.write_text("no folder")
    assert proxy.request().status == 502
    assert len(lines(proxy, "(connect_refused): No such file")) == 1
    assert len(lines(proxy, "(connect_failed): Not a directory")) == 1


def test_a_connection_that_is_not_made_in_time(gateway, unanswered_address):
    proxy = gateway(unanswered_address, upstream={**ONCE, "timeout": {"connect": "20ms"}})
    response = proxy.request()
    assert response.status == 504
    assert response.header("Proxy-Status").endswith('details="connect_timeout"')
    assert len(lines(proxy, "cannot connect (connect_timeout): ")) == 1


def test_why_a_clients_handshake_failed(secured, authority):  # noqa: F811
    proxy = secured(tls={"min_version": "1.3"})
    for _ in range(3):
        with pytest.raises(ssl.SSLError):
            TlsClient(proxy.address, trusting(authority, version=ssl.TLSVersion.TLSv1_2))
    line = proxy.process.wait_log("the TLS handshake with the client 127.0.0.1")
    assert "unsupported protocol" in line, line
    wait_until(lambda: proxy.metric("client_tls_failed_total") == 3, 20, "all are counted")


def test_limits_that_are_reached_are_said_once(gateway, upstream):
    proxy = gateway(upstream(SERVE), routes=[
        {"path": "/", "upstream": "app", "name": "main", "rate_limit": {"rate": "1/h", "burst": 1}}])
    statuses = [proxy.request().status for _ in range(20)]
    assert statuses.count(429) >= 15
    said = lines(proxy, "the rate limit is reached")
    assert len(said) == 1 and "main: " in said[0], said


def test_a_retry_budget_that_is_spent_is_said(gateway, upstream):
    busy = upstream([repeat(read_request, response_bytes(503))])
    proxy = gateway(busy, upstream={"retry": {"attempts": 2, "statuses": [503], "budget": "0%"}})
    for _ in range(20):
        assert proxy.request().status == 503
    said, = lines(proxy, "the retry budget is spent")
    assert " app: " in said
