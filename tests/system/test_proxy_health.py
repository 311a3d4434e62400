# SPDX-License-Identifier: MIT
"""Endpoints that fail are left out: judged by their requests, and by health checks."""

import socket
import threading
import time

import pytest

from test_proxy_tls import authority, stranger  # noqa: F401
from tls import secure, serving
from upstream import close, read_request, repeat, wait_for
from waiting import wait_until
from wire import response_bytes

pytestmark = pytest.mark.threads  # what is known of an endpoint is shared between workers

OK = response_bytes(200, b"up")
SERVE = [repeat(read_request, OK)]
FAIL = [repeat(read_request, response_bytes(500, b"failed"))]


def passive(**keys):
    return {"health": {"passive": keys}, "retry": {"attempts": 1}}


def statuses(proxy, count):
    """Of requests on connections of their own: workers take turns."""
    return [proxy.request().status for _ in range(count)]


def transitions(proxy):
    return [(row["state_kind"], row["subject"]) for row in proxy.records("state")]


# ---- what counts as a failure


@pytest.mark.parametrize("workers", [1, 2])
def test_failures_in_a_row(gateway, upstream, refused_address, workers):
    server = upstream(SERVE)
    proxy = gateway(refused_address, server, workers=workers, admin={"address": "127.0.0.1:0"},
                    upstream=passive(consecutive=3, eject_for="5m"))
    answered = statuses(proxy, 40)
    assert answered.count(502) == 3 and answered.count(200) == 37
    assert transitions(proxy) == [("endpoint_ejected", refused_address)]
    assert proxy.records("state")[0]["value"] == 3
    figures = proxy.metrics()
    fit = 'endpoint_fit{upstream="app",endpoint="%s"}'
    assert figures[fit % refused_address] == 0 and figures[fit % server.address] == 1
    assert figures["ejections_total"] == 1


def test_a_success_begins_the_row_anew(gateway, upstream):
    flaky = upstream([repeat(read_request, OK, read_request, response_bytes(500))])
    proxy = gateway(flaky, upstream=passive(consecutive=2, counts=["5xx"], eject_for="5m",
                                            max_ejected="100%"))
    client = proxy.connect()
    assert [client.request().status for _ in range(12)] == [200, 500] * 6
    assert transitions(proxy) == []


def held(gate):
    return [read_request, wait_for(gate)]


@pytest.mark.parametrize("kind, script, status", [
    ("5xx", lambda gate: FAIL, 500),
    ("closed", lambda gate: [read_request, close], 502),
    ("invalid", lambda gate: [read_request, b"garbage\r\n\r\n"], 502),
    ("timeout", held, 504),
])
@pytest.mark.parametrize("counts", [True, False])
def test_what_counts(gateway, upstream, kind, script, status, counts):
    gate = threading.Event()
    bad = upstream(script(gate))
    keys = passive(consecutive=1, eject_for="5m", counts=[kind if counts else "connect"])
    if kind == "timeout":
        keys["timeout"] = {"response": "1500ms"}
        keys["health"]["passive"]["consecutive"] = 2
    good = upstream(SERVE)
    proxy = gateway(bad, good, upstream=keys)
    client = proxy.connect()
    failed = [client.request().status for _ in range(10)].count(status)
    gate.set()
    if counts:
        assert failed == keys["health"]["passive"]["consecutive"]
        assert transitions(proxy) == [("endpoint_ejected", bad.address)]
    else:
        assert failed == 5 and transitions(proxy) == []


def test_a_client_that_leaves_is_no_failure(gateway, upstream):
    gate = threading.Event()
    server = upstream([repeat(read_request, wait_for(gate), OK)])
    proxy = gateway(server, upstream={"health": {
        "passive": {"consecutive": 1, "max_ejected": "100%", "eject_for": "5m"}}})
    client = proxy.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_requests(1)
    client.close()
    proxy.wait_records("request", 1)
    gate.set()
    assert proxy.request().status == 200
    assert transitions(proxy) == []


def test_share_of_failures(gateway, upstream):
    flaky = upstream([repeat(read_request, OK, read_request, response_bytes(500))])
    good = upstream(SERVE)
    proxy = gateway(flaky, good, upstream=passive(
        failure_share="40%", minimum=10, window="1h", counts=["5xx"], eject_for="5m"))
    client = proxy.connect()
    answered = [client.request().status for _ in range(60)]
    assert answered.count(500) == 5  # of its first ten
    (row,) = proxy.records("state")
    assert (row["state_kind"], row["subject"], row["value"]) == (
        "endpoint_ejected", flaky.address, 5)
    assert "5 of 10 requests failed" in proxy.process.log()


def test_latency(gateway, upstream):
    slow = upstream([repeat(read_request, lambda conn: time.sleep(2.5), OK)])
    good = upstream(SERVE)
    proxy = gateway(slow, good, upstream=passive(consecutive=1, latency="2s", eject_for="5m"))
    client = proxy.connect()
    assert [client.request().status for _ in range(10)] == [200] * 10
    assert len(slow.requests) == 1
    assert transitions(proxy) == [("endpoint_ejected", slow.address)]
    assert "the last one: slower than passive.latency" in proxy.process.log()


# ---- back again


def test_restored(gateway, upstream):
    """Its first connection fails, and the others are served."""
    server = upstream([read_request, close], SERVE)
    good = upstream(SERVE)
    proxy = gateway(server, good, upstream=passive(consecutive=1, eject_for="100ms"))
    client = proxy.connect()
    assert sorted(client.request().status for _ in range(2)) == [200, 502]
    wait_until(lambda: client.request().status == 200 and len(server.requests) > 1, 20,
               "a request to the endpoint that was restored")
    assert transitions(proxy) == [
        ("endpoint_ejected", server.address), ("endpoint_restored", server.address)]
    assert proxy.records("state")[1]["value"] == 100  # milliseconds


def test_restored_without_requests(gateway, upstream, refused_address):
    proxy = gateway(refused_address, upstream(SERVE),
                    upstream=passive(consecutive=1, eject_for="50ms"))
    client = proxy.connect()
    for _ in range(2):
        client.request()
    wait_until(lambda: len(proxy.records("state")) == 2, 20, "it is restored")


def test_repeated_ejections_last_longer(gateway, upstream, refused_address):
    proxy = gateway(refused_address, upstream(SERVE), upstream=passive(
        consecutive=1, eject_for="200ms", eject_longest="500ms"))
    client = proxy.connect()

    def ejections():
        client.request()
        return [line.rpartition("ejected for ")[2].split(" s:")[0]
                for line in proxy.process.log().splitlines() if "ejected for" in line]

    lengths = wait_until(lambda: len(done := ejections()) >= 3 and done, 30, "three ejections")
    assert lengths[:3] == ["0.200", "0.400", "0.500"]


def test_slow_start(gateway, upstream):
    server = upstream([read_request, close], SERVE)
    good = upstream(SERVE)
    keys = passive(consecutive=1, eject_for="50ms")
    keys["health"]["slow_start"] = "1h"
    proxy = gateway(server, good, upstream=keys, seed=3)
    client = proxy.connect()
    for _ in range(2):
        client.request()
    wait_until(lambda: len(proxy.records("state")) == 2, 20, "it is restored")
    before = len(server.requests)
    for _ in range(200):
        assert client.request().status == 200
    # A tenth of its turns; 100 would be all.
    assert 1 <= len(server.requests) - before <= 30


# ---- how many


def test_the_cap(gateway, upstream, refused_addresses):
    down = refused_addresses(3)
    proxy = gateway(*down, upstream(SERVE), admin={"address": "127.0.0.1:0"}, upstream={
        **passive(consecutive=1, eject_for="5m"), "balance": "round_robin"})
    client = proxy.connect()
    answered = [client.request().status for _ in range(22)]
    # Two of four may be ejected; the third stays in the turn.
    assert answered[4:].count(502) == 9
    assert len(transitions(proxy)) == 2
    assert proxy.metrics()["ejections_denied_total"] >= 9


def all_down(gateway, addresses, threshold, eject_for="5m"):
    return gateway(*addresses, admin={"address": "127.0.0.1:0"}, upstream={
        "retry": {"attempts": 1},
        "health": {"passive": {"consecutive": 1, "eject_for": eject_for, "max_ejected": "100%"},
                   "panic_threshold": threshold}})


def test_no_endpoint_is_left(gateway, refused_addresses):
    proxy = all_down(gateway, refused_addresses(2), "0%")
    client = proxy.connect()
    assert [client.request().status for _ in range(4)] == [502, 502, 503, 503]
    row = proxy.wait_records("request", 4)[-1]
    assert (row["cause"], row["attempts"]) == ("no_endpoint", 0)
    assert [kind for kind, _ in transitions(proxy)] == ["endpoint_ejected"] * 2


def test_panic(gateway, refused_addresses):
    proxy = all_down(gateway, refused_addresses(2), "50%")
    client = proxy.connect()
    assert [client.request().status for _ in range(4)] == [502] * 4
    assert [kind for kind, _ in transitions(proxy)] == [
        "endpoint_ejected", "endpoint_ejected", "panic_begun"]
    assert proxy.metrics()["panics_total"] == 1


def test_the_end_of_panic(gateway, refused_addresses):
    proxy = all_down(gateway, refused_addresses(2), "50%", "3s")
    client = proxy.connect()
    assert [client.request().status for _ in range(2)] == [502] * 2
    wait_until(lambda: len(transitions(proxy)) == 6, 30, "both are restored")
    # The first that is restored is enough.
    assert [(kind, subject) for kind, subject in transitions(proxy) if "panic" in kind] == [
        ("panic_begun", "app"), ("panic_ended", "app")]
    assert "1 of 2 endpoints are fit: only those are used" in proxy.process.log()


def test_a_retry_goes_to_one_that_is_fit(gateway, upstream, refused_address):
    server = upstream(SERVE)
    proxy = gateway(refused_address, server, upstream={
        "retry": {"attempts": 2, "budget": "100%"},
        "health": {"passive": {"consecutive": 1, "eject_for": "5m"}}})
    client = proxy.connect()
    assert [client.request().status for _ in range(20)] == [200] * 20
    rows = proxy.wait_records("request", 20)
    assert sum(row["attempts"] for row in rows) == 21


def test_an_ejected_endpoint_is_the_last_resort(gateway, upstream, refused_address):
    """As in a restart of one server after the other: the first still counts as ejected, but is back
    when the second goes, which cannot be ejected as well."""
    first = upstream([read_request, close], SERVE)
    proxy = gateway(first, refused_address, admin={"address": "127.0.0.1:0"}, upstream={
        "retry": {"attempts": 3, "on": ["connect", "closed"]},
        "health": {"passive": {"consecutive": 1, "eject_for": "5m"}}})
    client = proxy.connect()
    methods = ["GET"] + ["POST", "GET"] * 15
    assert [client.request(method).status for method in methods] == [200] * 31
    assert transitions(proxy) == [("endpoint_ejected", first.address)]
    rows = proxy.wait_records("request", 31)
    assert [row["attempts"] for row in rows] == [3] + [2] * 30
    assert proxy.metrics()["last_resorts_total"] == 31


# ---- health checks


class Endpoint:
    """A script whose health the test decides."""

    def __init__(self):
        self.answer = response_bytes(200, b"healthy")
        self.checks = []

    def script(self):
        return [repeat(self._serve)]

    def _serve(self, conn):
        read_request(conn)
        request = conn.requests[-1]
        if b" /health" in request:
            conn.requests.pop()
            self.checks.append(request)
            conn.sock.sendall(self.answer)
        else:
            conn.sock.sendall(OK)


def active(kind="http", **keys):
    if kind == "http":
        keys = {"path": "/health", **keys}
    return {"health": {"panic_threshold": "0%", "active": {
        "kind": kind, "interval": "30ms", "timeout": "60s", **keys}}}


@pytest.mark.parametrize("workers", [1, 2])
def test_down_and_up(gateway, upstream, workers):
    sick, well = Endpoint(), Endpoint()
    servers = [upstream(endpoint.script()) for endpoint in (sick, well)]
    sick.answer = response_bytes(503)
    proxy = gateway(*servers, workers=workers, admin={"address": "127.0.0.1:0"},
                    upstream=active(rise=2, fall=3))
    assert "3 health checks in a row failed, the last: status 503" in proxy.process.wait_log(
        "down:")
    before = len(servers[0].requests)
    assert statuses(proxy, 20) == [200] * 20
    assert len(servers[0].requests) == before
    sick.answer = response_bytes(204)
    assert "2 health checks in a row succeeded" in proxy.process.wait_log("up:")
    assert statuses(proxy, 20) == [200] * 20
    assert len(servers[0].requests) > before
    assert transitions(proxy) == [
        ("endpoint_down", servers[0].address), ("endpoint_up", servers[0].address)]
    assert [row["value"] for row in proxy.records("state")] == [3, 2]
    figures = proxy.metrics()
    assert figures["health_check_failures_total"] >= 3
    assert figures["health_checks_total"] >= figures["health_check_failures_total"] + 2


def test_none_is_left_by_the_checks(gateway, upstream):
    sick = Endpoint()
    sick.answer = response_bytes(500)
    proxy = gateway(upstream(sick.script()), upstream=active(fall=1))
    proxy.process.wait_log("down:")
    assert proxy.request().status == 503
    assert proxy.only_request()["cause"] == "no_endpoint"


def test_the_question(gateway, upstream):
    endpoint = Endpoint()
    server = upstream(endpoint.script())
    gateway(server, upstream=active(path="/health?deep=1", host="app.example.com"))
    wait_until(lambda: endpoint.checks, 10, "a health check")
    head = endpoint.checks[0].decode()
    assert head.startswith("GET /health?deep=1 HTTP/1.1\r\nHost: app.example.com\r\n")


@pytest.mark.parametrize("statuses_wanted, answer, fit", [
    (None, response_bytes(302), True),
    (None, response_bytes(404), False),
    ([404, 418], response_bytes(418), True),
    ([404, 418], response_bytes(200), False),
    (None, b"HTTP/1.1 103 Early Hints\r\n\r\n" + response_bytes(200), True),
    (None, b"hello?\r\n\r\n", False),
])
def test_expected_statuses(gateway, upstream, statuses_wanted, answer, fit):
    endpoint = Endpoint()
    endpoint.answer = answer
    keys = {"statuses": statuses_wanted} if statuses_wanted else {}
    proxy = gateway(upstream(endpoint.script()), upstream=active(fall=2, **keys))
    if fit:
        wait_until(lambda: len(endpoint.checks) > 4, 20, "five health checks")
        assert transitions(proxy) == []
    else:
        proxy.process.wait_log("down: 2 health checks in a row failed")


def test_an_endpoint_that_does_not_answer(gateway, upstream):
    gate = threading.Event()
    proxy = gateway(upstream([read_request, wait_for(gate)]),
                    upstream=active(fall=2, timeout="50ms"))
    assert "no answer in time" in proxy.process.wait_log("down:")
    gate.set()
    assert proxy.stop() == 0


def test_tcp(gateway, upstream):
    server = upstream(SERVE)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % holder.getsockname()[1]
        proxy = gateway(address, server, upstream=active(kind="tcp", fall=2, rise=1))
        assert "Connection refused" in proxy.process.wait_log("down:")
        assert statuses(proxy, 10) == [200] * 10
        assert len(server.requests) == 10
        holder.listen(64)
        proxy.process.wait_log("up:")
    assert transitions(proxy)[:2] == [("endpoint_down", address), ("endpoint_up", address)]


@pytest.mark.parametrize("trusted", [True, False])
def test_tls(gateway, upstream, authority, stranger, trusted):  # noqa: F811
    endpoint = Endpoint()
    pair = (authority if trusted else stranger).issue("127.0.0.1")
    server = upstream([secure(serving(pair)), *endpoint.script()])
    proxy = gateway(server, upstream={**active(fall=2), "tls": {"ca": authority.certificate}})
    if trusted:
        wait_until(lambda: len(endpoint.checks) > 2, 20, "three health checks")
        assert proxy.request().status == 200
    else:
        assert "certificate" in proxy.process.wait_log("down:")
        assert proxy.request().status == 503


def test_one_worker_asks_for_all(gateway, upstream):
    endpoint = Endpoint()
    gateway(upstream(endpoint.script()), workers=4, upstream=active(interval="1h"))
    wait_until(lambda: endpoint.checks, 10, "a health check")
    time.sleep(1.2)  # each worker's first would come within a second
    assert len(endpoint.checks) == 1


def test_checks_go_on_while_an_endpoint_is_ejected(gateway, upstream):
    """A good answer does not end an ejection, and an ejection does not end the checks."""
    endpoint = Endpoint()
    server = upstream(endpoint.script())
    keys = active()
    keys["health"]["passive"] = {"consecutive": 1, "counts": ["5xx"], "eject_for": "5m"}
    keys["retry"] = {"attempts": 1}
    bad = upstream([repeat(read_request, response_bytes(500))])
    proxy = gateway(bad, server, upstream={**keys, "health": {
        **keys["health"], "active": {**keys["health"]["active"], "statuses": [200, 500]}}})
    wait_until(lambda: proxy.request().status == 500, 10, "a failure")
    asked = len(bad.requests)
    wait_until(lambda: len(bad.requests) > asked + 4, 20, "further checks")
    assert statuses(proxy, 6) == [200] * 6
    assert transitions(proxy) == [("endpoint_ejected", bad.address)]


# ---- configuration


@pytest.mark.parametrize("health, message", [
    ({"passive": {"latency": "1s"}}, '"latency" says what a failure is'),
    ({"passive": {"consecutive": 1, "eject_for": "10m"}}, '"eject_longest" must not be shorter'),
    ({"active": {"interval": "1s"}}, "kind"),
    ({"active": {"kind": "http", "path": "health"}}, '"path" must start with "/"'),
    ({"active": {"kind": "http", "host": "a b"}}, '"host" must hold no space'),
    ({"active": {"kind": "tcp", "path": "/health"}}, '"path" is for kind http'),
    ({"panic_threshold": "101%"}, "panic_threshold"),
])
def test_what_is_refused(command, write_config, health, message):
    done = command("check", write_config({
        "listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": ["127.0.0.1:9"], "health": health}}}))
    assert done.returncode == 2 and message in done.stderr + done.stdout
