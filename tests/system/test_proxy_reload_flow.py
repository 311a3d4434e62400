# SPDX-License-Identifier: MIT
"""What limits of flow have counted goes on when the configuration is read again: a reload lets no
burst pass."""

import threading
import time

import pytest

from load import Load
from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

ADMIN = {"address": "127.0.0.1:0"}
ANSWER = response_bytes(200, b"x")
ANSWERING = [repeat(read_request, ANSWER)]


@pytest.fixture
def release():
    """An event the scripts wait for; set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def limited(**limit):
    return [{"path": "/", "upstream": "app", "name": "all", "rate_limit": limit}]


# ---- rates


@pytest.mark.parametrize("per", [{}, {"per": "client"}, {"per": "header", "name": "X-Key"}])
def test_fifty_reloads_let_no_more_pass_than_the_rate(gateway, upstream, per):
    """So slow a rate that no turn comes while the test runs."""
    proxy = gateway(upstream(ANSWERING), routes=limited(rate="1/h", burst=10, **per))
    config = proxy.config
    client = proxy.connect()
    got = []
    for _ in range(50):
        got.append(client.request(headers=[("X-Key", "a")]).status)
        proxy.reload(config)
    assert got == [200] * 10 + [429] * 40
    states = [row["state_kind"] for row in proxy.records("state")]
    # Once, unless a second passes between two requests.
    assert 1 <= states.count("rate_limiting_begun") < 20


@pytest.mark.threads
def test_a_rate_holds_under_load_and_reloads(gateway, upstream):
    proxy = gateway(upstream(ANSWERING), workers=2, routes=limited(rate="50/s", burst=5))
    started = time.monotonic()
    with Load(proxy.address, allowed=(200, 429)) as load:
        for _ in range(50):
            proxy.reload(proxy.config)
            load.wait_more()
    lasted = time.monotonic() - started
    assert load.failures == []
    passed = [row for row in proxy.records("request") if row["status"] == 200]
    assert 5 <= len(passed) <= 5 + 50 * lasted + 1


def test_what_is_left_is_left_under_another_burst_and_rate(gateway, upstream):
    proxy = gateway(upstream(ANSWERING), routes=limited(rate="1/h", burst=10))
    client = proxy.connect()

    def passed(count):
        return [client.request().status for _ in range(count)].count(200)

    assert passed(4) == 4
    proxy.reload({**proxy.config, "routes": limited(rate="2/h", burst=8)})
    assert passed(2) == 2
    proxy.reload({**proxy.config, "routes": limited(rate="1/h", burst=100)})
    assert passed(6) == 4
    proxy.reload({**proxy.config, "routes": limited(rate="1/h", burst=3)})
    assert passed(2) == 0


def test_keys_keep_what_they_have_left_in_a_table_of_another_size(gateway, upstream):
    limit = {"rate": "1/h", "burst": 2, "per": "header", "name": "X-Key"}
    proxy = gateway(upstream(ANSWERING), routes=limited(**limit, keys=100))
    client = proxy.connect()

    def statuses(key, count):
        return [client.request(headers=[("X-Key", key)]).status for _ in range(count)]

    assert statuses("a", 1) + statuses("b", 2) == [200] * 3
    proxy.reload({**proxy.config, "routes": limited(**limit, keys=1000)})
    assert statuses("a", 2) + statuses("b", 1) + statuses("c", 2) == [200, 429, 429, 200, 200]


def test_another_route_or_key_begins_afresh(gateway, upstream):
    proxy = gateway(upstream(ANSWERING), routes=limited(rate="1/h", burst=1))
    client = proxy.connect()
    assert [client.request().status for _ in range(2)] == [200, 429]
    proxy.reload({**proxy.config, "routes": limited(rate="1/h", burst=1, per="client")})
    assert [client.request().status for _ in range(2)] == [200, 429]
    proxy.reload({**proxy.config, "routes": [{**limited(rate="1/h", burst=1, per="client")[0],
                                              "name": "other"}]})
    assert [client.request().status for _ in range(2)] == [200, 429]


# ---- requests under way


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2])
def test_a_concurrency_limit_holds_across_reloads(gateway, upstream, workers, release):
    server = upstream([repeat(read_request, wait_for(release), ANSWER)])
    proxy = gateway(server, workers=workers, admin=ADMIN,
                    upstream={"concurrency": {"limit": 2}})
    clients = [proxy.connect() for _ in range(2)]
    for client in clients:
        client.send(request_bytes())
    server.wait_requests(2)
    for _ in range(10):
        proxy.reload(proxy.config)
        assert proxy.request().status == 503
    assert proxy.metrics()['concurrency_in_flight{upstream="app"}'] == 2
    release.set()
    assert [client.read_response().status for client in clients] == [200] * 2
    # What they had taken came back, once each.
    wait_until(lambda: proxy.metrics()['concurrency_in_flight{upstream="app"}'] == 0, 20, "both back")
    assert proxy.request().status == 200


def test_a_routes_limit_goes_on_where_routes_come_and_go(gateway, upstream, release):
    server = upstream([repeat(read_request, wait_for(release), ANSWER)])
    route = {"path": "/a", "upstream": "app", "concurrency": {"limit": 1}}
    proxy = gateway(server, routes=[route, {"path": "/b", "upstream": "app"}])
    client = proxy.connect()
    client.send(request_bytes(path="/a"))
    server.wait_requests(1)
    proxy.reload({**proxy.config, "routes": [
        {"path": "/0", "upstream": "app", "concurrency": {"limit": 5}}, route]})
    assert proxy.request(path="/a").status == 503
    release.set()
    assert client.read_response().status == 200
    wait_until(lambda: proxy.request(path="/a").status == 200, 20, "the permit")


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2])
def test_who_waits_from_before_gets_what_one_from_after_gives_back(gateway, upstream, workers,
                                                                  release):
    """Requests of several configurations wait for the permit of a first one."""
    server = upstream([repeat(read_request, wait_for(release), ANSWER)])
    proxy = gateway(server, workers=workers, admin=ADMIN,
                    upstream={"concurrency": {"limit": 1, "queue": 10, "max_wait": "1h"}})
    clients = []
    for i in range(6):
        clients.append(proxy.connect())
        clients[-1].send(request_bytes(path=f"/{i}"))
        if i == 0:
            server.wait_requests(1)
        wait_until(lambda: proxy.metrics()["concurrency_held_total"] == i, 20, f"{i} wait")
        proxy.reload(proxy.config)
    assert len(server.requests) == 1
    release.set()
    assert [client.read_response().status for client in clients] == [200] * 6
    wait_until(lambda: proxy.metrics()['concurrency_in_flight{upstream="app"}'] == 0, 20, "all back")
    assert proxy.metrics()['concurrency_waiting{upstream="app"}'] == 0


def test_a_higher_limit_lets_go_on_who_waits(gateway, upstream, release):
    server = upstream([repeat(read_request, wait_for(release), ANSWER)])
    limit = {"limit": 1, "queue": 1, "max_wait": "1h"}
    proxy = gateway(server, admin=ADMIN, upstream={"concurrency": limit})
    clients = [proxy.connect() for _ in range(2)]
    clients[0].send(request_bytes())
    server.wait_requests(1)
    clients[1].send(request_bytes())
    wait_until(lambda: proxy.metrics()["concurrency_held_total"] == 1, 20, "it waits")
    config = proxy.config
    config["upstreams"]["app"]["concurrency"] = {**limit, "limit": 2}
    proxy.reload(config)
    server.wait_requests(2)
    release.set()
    assert [client.read_response().status for client in clients] == [200] * 2


def test_a_limit_that_comes_and_goes(gateway, upstream):
    """Requests keep what they go by, and memory comes back in whatever order they end."""
    proxy = gateway(upstream(ANSWERING), upstream={"concurrency": {"limit": 1}})
    config = proxy.config
    without = proxy.config
    del without["upstreams"]["app"]["concurrency"]
    client = proxy.connect()
    for _ in range(3):
        for each in (without, config):
            assert client.request().status == 200
            proxy.reload(each)
    assert client.request().status == 200


def test_what_an_adaptive_limit_has_learnt_goes_on(gateway, upstream):
    proxy = gateway(upstream(ANSWERING), admin=ADMIN, upstream={"concurrency": {
        "limit": 1, "adaptive": True, "min": 1, "window": "1ms", "tolerance": "1000%",
        "smoothing": "100%"}})
    client = proxy.connect()

    def limit():
        assert client.request().status == 200
        return proxy.metrics()['concurrency_limit{upstream="app"}']

    wait_until(lambda: limit() > 1, 60, "a higher limit")
    proxy.reload(proxy.config)
    assert proxy.metrics()['concurrency_limit{upstream="app"}'] > 1


# ---- hedging


@pytest.mark.parametrize("own", [{}, {"hedge": {"budget": "99%"}}])
def test_a_quantile_goes_on(gateway, upstream, release, own):
    """What has been seen before the reload tells what is slow behind it."""
    fast = [repeat(read_request, ANSWER)]
    stuck = [repeat(read_request, wait_for(release), response_bytes(200, b"late"))]
    first, second = upstream(fast), upstream([*([read_request, ANSWER] * 20), *stuck], stuck)
    proxy = gateway(first, second, admin=ADMIN, routes=[{"path": "/", "upstream": "app", **own}],
                    upstream={"hedge": {"quantile": "90%", "minimum": 40, "window": "1h",
                                        "budget": "100%"}})
    client = proxy.connect()
    assert [client.request().status for _ in range(40)] == [200] * 40
    proxy.reload(proxy.config)
    assert [client.request().body for _ in range(4)] == [b"x"] * 4
    assert proxy.metrics()["hedges_total"] >= 1
