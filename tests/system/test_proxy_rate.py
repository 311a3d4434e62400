# SPDX-License-Identifier: MIT
"""Rate limits: what is let through, refused and held back, by route, client and header field."""

import time

import pytest

from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes

ANSWER = [repeat(read_request, response_bytes(200, b"ok"))]


def limited(limit, **route):
    return [{"path": "/", "upstream": "app", "name": "all", "rate_limit": limit, **route}]


def statuses(client, count, **options):
    return [client.request(**options).status for _ in range(count)]


def test_what_is_above_the_rate_is_refused(gateway, upstream):
    server = upstream(ANSWER)
    # So slow that no turn comes while the test runs.
    proxy = gateway(server, routes=limited({"rate": "1/h", "burst": 3}))
    client = proxy.connect()
    assert statuses(client, 3) == [200] * 3
    refused = client.request("POST", body=b"small")
    assert refused.status == 429 and refused.header("Connection") is None
    assert 3000 < int(refused.header("Retry-After")) <= 3600
    assert "rate_limited" in refused.header("Proxy-Status")
    assert client.request().status == 429, "the connection goes on"
    rows = proxy.wait_records("request", 5)
    assert [row["cause"] for row in rows] == ["none"] * 3 + ["rate_limited"] * 2
    assert [row["attempts"] for row in rows] == [1, 1, 1, 0, 0]
    assert len(server.requests) == 3
    state = proxy.records("state")[0]
    assert (state["state_kind"], state["subject"]) == ("rate_limiting_begun", "all")


def test_the_status_is_configured(gateway, upstream):
    proxy = gateway(upstream(ANSWER),
                    routes=limited({"rate": "1/h", "burst": 1, "status": 503}))
    client = proxy.connect()
    assert statuses(client, 2) == [200, 503]


def test_tokens_come_back(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=limited({"rate": "20/s", "burst": 1}))
    client = proxy.connect()
    wait_until(lambda: client.request().status == 429, 20, "a refusal")
    wait_until(lambda: client.request().status == 200, 20, "another turn")


def test_a_route_without_upstream_is_limited(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=[
        {"path": "/", "respond": {"status": 200, "body": "x"},
         "rate_limit": {"rate": "1/h", "burst": 2}}])
    assert statuses(proxy.connect(), 3) == [200, 200, 429]


@pytest.mark.threads
def test_workers_share_a_limit(gateway, upstream):
    proxy = gateway(upstream(ANSWER), workers=4,
                    routes=limited({"rate": "1/h", "burst": 10}))
    got = [status for _ in range(16) for status in statuses(proxy.connect(), 2)]
    assert sorted(got) == [200] * 10 + [429] * 22


def test_each_value_of_a_header_has_its_own(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=limited(
        {"rate": "1/h", "burst": 2, "per": "header", "name": "X-Key"}))
    client = proxy.connect()
    for key in ("a", "b"):
        assert statuses(client, 3, headers=[("x-key", key)]) == [200, 200, 429]
    assert statuses(client, 3) == [200, 200, 429], "those without it count as one"


def test_each_client_has_its_own(gateway, upstream):
    proxy = gateway(upstream(ANSWER), listener={"origin": {"trusted": ["127.0.0.0/8"]}}, routes=limited(
        {"rate": "1/h", "burst": 1, "per": "client"}))
    client = proxy.connect()
    for address in ("192.0.2.1", "192.0.2.2"):
        assert statuses(client, 2, headers=[("X-Forwarded-For", address)]) == [200, 429]
    # Addresses of one IPv6 network are one client.
    got = [client.request(headers=[("X-Forwarded-For", f"2001:db8::{i}")]).status
           for i in (1, 2)]
    assert got == [200, 429]


def test_keys_beyond_the_table_share_one_limit_and_are_counted(gateway, upstream):
    proxy = gateway(upstream(ANSWER), admin="127.0.0.1:0", routes=limited(
        {"rate": "1/h", "burst": 1, "per": "header", "name": "X-Key", "keys": 1}))
    client = proxy.connect()
    got = [client.request(headers=[("X-Key", str(i))]).status for i in range(6)]
    assert got == [200] * 3 + [429] * 3, "two places, and one for the rest"
    assert proxy.metrics()["rate_key_overflows_total"] == 4


def test_a_queue_spaces_requests_evenly(gateway, upstream):
    server = upstream(ANSWER)
    proxy = gateway(server, admin="127.0.0.1:0", routes=limited(
        {"rate": "20/s", "mode": "queue", "max_wait": "1m"}))
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert [client.read_response().status for client in clients] == [200] * 6
    rows = proxy.wait_records("request", 6)
    tries = sorted(row["started_ns"] for row in proxy.records("attempt"))
    # Timers have milliseconds, so that one gap may be a little shorter than 50 ms.
    assert tries[-1] - tries[0] >= 5 * 50_000_000 - 5_000_000
    assert max(row["queue_ns"] for row in rows) > 0
    assert proxy.metrics()["rate_held_total"] >= 1


def test_a_full_queue_and_too_long_a_wait_are_told_apart(gateway, upstream):
    server = upstream(ANSWER)
    proxy = gateway(server, routes=[
        {"path": "/full", "upstream": "app",
         "rate_limit": {"rate": "1/h", "mode": "queue", "queue": 1, "max_wait": "10h"}},
        {"path": "/late", "upstream": "app",
         "rate_limit": {"rate": "1/h", "mode": "queue", "max_wait": "1s"}}])
    held, other = proxy.connect(), proxy.connect()
    assert other.request(path="/full").status == 200
    held.send(b"GET /full HTTP/1.1\r\nHost: h\r\n\r\n")
    proxy.refused()  # all that was sent before has been read
    full = other.request(path="/full")
    assert full.status == 429 and "rate_limited" in full.header("Proxy-Status")
    assert statuses(other, 1, path="/late") == [200]
    late = other.request(path="/late")
    assert late.status == 429 and "rate_wait_limit" in late.header("Proxy-Status")
    # Who leaves while it is held back ends as any other who leaves.
    held.close()
    wait_until(lambda: "client_abort" in [row["cause"] for row in proxy.records("request")],
               20, "the end of the request that was held back")


def test_what_is_held_back_ends_with_the_total_timeout(gateway, upstream):
    proxy = gateway(upstream(ANSWER), upstream={"timeout": {"total": "100ms"}}, routes=limited(
        {"rate": "1/h", "mode": "queue", "max_wait": "10h"}))
    client = proxy.connect()
    first = client.request()
    assert first.status in (200, 504)
    assert client.request().status == 504
    row = proxy.wait_records("request", 2)[1]
    assert (row["cause"], row["attempts"]) == ("total_timeout", 0)
    assert row["queue_ns"] >= 100_000_000


def test_a_cold_limit_lets_less_through(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=[
        {"path": "/cold", "upstream": "app",
         "rate_limit": {"rate": "10/h", "burst": 1, "mode": "warm_up", "cold": "10%",
                        "warm_up": "10m"}}])
    client = proxy.connect()
    assert statuses(client, 1, path="/cold") == [200]
    refused = client.request(path="/cold")
    assert refused.status == 429
    # An hour's tenth part at the full rate, an hour when it is cold.
    assert 1800 < int(refused.header("Retry-After")) <= 3600


def test_a_limit_warms_up_under_load(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=limited(
        {"rate": "20/s", "burst": 1, "mode": "warm_up", "cold": "10%", "warm_up": "3s"}))
    client = proxy.connect()
    for _ in range(25):
        wait_until(lambda: client.request().status == 200, 20, "a turn")
    tries = [row["started_ns"] for row in proxy.records("attempt")]
    gaps = [later - earlier for earlier, later in zip(tries, tries[1:])]
    # 500 ms when it is cold, 50 ms when it is warm.
    assert gaps[0] > 400_000_000 and min(gaps) < 250_000_000


def test_the_end_of_limiting_is_written_down(gateway, upstream):
    proxy = gateway(upstream(ANSWER), routes=limited({"rate": "2/s", "burst": 1}))
    client = proxy.connect()
    wait_until(lambda: client.request().status == 429, 20, "a refusal")
    # A second without a refusal ends it, at the next request that is let through.
    wait_until(lambda: time.sleep(1.1) or client.request().status == 200 and
               len(proxy.records("state")) > 1, 60, "the end")
    rows = [(row["state_kind"], row["subject"]) for row in proxy.records("state")]
    assert rows[:2] == [("rate_limiting_begun", "all"), ("rate_limiting_ended", "all")]
    assert proxy.records("state")[1]["value"] == 1


@pytest.mark.parametrize("limit, message", [
    ({"burst": 3}, "rate"),
    ({"rate": "1/s", "max_wait": "1s"}, "\"max_wait\" is for the mode queue, not for reject"),
    ({"rate": "1/s", "mode": "queue", "cold": "10%"}, "\"cold\" is for the mode warm_up"),
    ({"rate": "1/s", "per": "header"}, "expected both or neither"),
    ({"rate": "1/s", "name": "x"}, "expected both or neither"),
    ({"rate": "1/s", "keys": 5}, "\"keys\" is for"),
    ({"rate": "1/s", "per": "header", "name": "a b"}, "cannot be the name of a field"),
])
def test_what_makes_no_sense_is_refused(command, write_config, limit, message):
    path = write_config({"listeners": ["127.0.0.1:0"], "routes": limited(limit),
                         "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}}, "proxy.json")
    done = command("check", path)
    assert done.returncode == 2 and message in done.stderr


def test_no_queue_without_an_upstream(command, write_config):
    path = write_config({"listeners": ["127.0.0.1:0"], "routes": [
        {"respond": {"status": 204}, "rate_limit": {"rate": "1/s", "mode": "queue"}}],
        "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}}, "proxy.json")
    done = command("check", path)
    assert done.returncode == 2 and "cannot be queued" in done.stderr
