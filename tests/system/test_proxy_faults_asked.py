# SPDX-License-Identifier: MIT
"""Faults that requests ask for by header fields: the grammar, who is heard, and the caps."""

import threading
import time

import pytest

from test_proxy_faults import SERVE, timed, touched
from test_proxy_faults_admin import Admin
from test_proxy_tunnel import ASK as UPGRADE
from test_proxy_tunnel import SWITCH, upgrade
from upstream import read_request, repeat, wait_for
from wire import request_bytes, response_bytes

TRUSTED = {"trusted": ["127.0.0.0/8"]}
ADMIN = {"address": "127.0.0.1:0"}


def asking(gateway, server, **options):
    return gateway(server, fault_headers={**TRUSTED, **options}, admin=ADMIN, seed=7)


def ask(kind, value=""):
    return {f"X-Tailgate-Fault-{kind}": value}


@pytest.mark.parametrize("headers, status", [
    (ask("Abort", "418"), 418),
    (ask("abort", " 503 ; share=100% "), 503),
    (ask("abort"), 503),
    (ask("Early-Reply", "status=429"), 429),
    (ask("early_reply", "429"), 429),
    (ask("empty-response"), 502),
    (ask("empty-response", "reset=true"), 502),
    (ask("Reset-Peer", "0s"), 502),
    ({"x-envoy-fault-abort-request": "504"}, 504),
    ({"x-envoy-fault-abort-request": "504", "x-envoy-fault-abort-request-percentage": "100"}, 504),
])
def test_asking_for_an_end(gateway, upstream, headers, status):
    server = upstream(SERVE)
    proxy = asking(gateway, server)
    assert proxy.request(headers=headers).status == status
    rows = proxy.wait_records("attempt", proxy.only_request()["attempts"])
    assert all(row["faults"] == "requested" for row in rows) and rows
    assert proxy.request().status == 200
    assert proxy.metric("fault_fields_refused_total") == 0


@pytest.mark.parametrize("headers", [
    ask("latency", "50ms"), ask("Latency", "latency=50ms; jitter=0ms"),
    ask("delay-request", "50ms"), ask("delay-response", "delay=50ms"),
    {"x-envoy-fault-delay-request": "50"},
])
def test_asking_for_time(gateway, upstream, headers):
    server = upstream(SERVE)
    proxy = asking(gateway, server)
    response, took = timed(proxy.connect(), headers=headers)
    assert response.body == b"hello" and took >= 0.05
    assert b"fault" not in server.requests[0].lower()
    assert touched(proxy.wait_records("attempt", 1)) == ["requested"]


def test_asking_for_a_rate(gateway, upstream):
    body = b"x" * 40960
    proxy = asking(gateway, upstream([repeat(read_request, response_bytes(200, body))]))
    response, took = timed(proxy.connect(), headers={"x-envoy-fault-throughput-response": "200"})
    assert response.body == body and took >= 0.15


def test_a_delay_and_then_an_abort(gateway, upstream):
    proxy = asking(gateway, upstream(SERVE))
    response, took = timed(proxy.connect(), headers={"x-envoy-fault-delay-request": "50",
                                                     "x-envoy-fault-abort-request": "500"})
    assert response.status == 500 and took >= 0.05
    rows = proxy.wait_records("attempt", 1)
    assert (rows[0]["outcome"], rows[0]["faults"]) == ("fault_abort", "requested")


@pytest.mark.parametrize("headers", [
    ask("nonsense"), ask("abort", "abc"), ask("abort", "600"), ask("abort", "503; share=200%"),
    ask("abort", "what=1"), ask("latency", "-1ms"), ask("latency", "exponential(1ms)"),
    ask("latency"), ask("idle-close", "1ms"), ask("refuse"), ask("edit-request"),
    {"x-envoy-fault-abort-request": "99"}, {"x-envoy-fault-abort-request": "5e2"},
    {"x-envoy-fault-delay-request": "-5"}, {"x-envoy-fault-nonsense": "1"},
    {"x-envoy-fault-abort-request": "503", "x-envoy-fault-abort-request-percentage": "all"},
])
def test_what_is_wrong_is_not_injected_but_counted_and_logged(gateway, upstream, headers):
    server = upstream(SERVE)
    proxy = asking(gateway, server)
    assert proxy.request(headers=headers).status == 200
    assert "faults" not in proxy.wait_records("attempt", 1)[0]
    assert proxy.metric("fault_fields_refused_total") == 1
    assert "asks for a fault and gets none" in proxy.process.log()
    assert b"fault" not in server.requests[0].lower()


def test_no_more_than_eight_for_a_request(gateway, upstream):
    proxy = asking(gateway, upstream(SERVE))
    headers = [("X-Tailgate-Fault-Latency", "1us")] * 10
    assert proxy.request(headers=headers).status == 200
    assert proxy.metric("fault_fields_refused_total") == 2


def test_who_is_not_trusted_is_not_heard(gateway, upstream):
    server = upstream(SERVE)
    proxy = asking(gateway, server, trusted=["10.0.0.0/8"])
    assert proxy.request(headers=ask("abort")).status == 200
    assert proxy.metric("fault_fields_refused_total") == 1
    assert b"fault" not in server.requests[0].lower()


def test_it_is_off_by_default(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    assert proxy.request(headers=ask("abort")).status == 200
    assert "faults" not in proxy.wait_records("attempt", 1)[0]


def test_caps(gateway, upstream):
    proxy = asking(gateway, upstream(SERVE), max_delay="30ms", max_share="0%")
    assert proxy.request(headers=ask("abort")).status == 200
    config = proxy.config
    config["fault_headers"]["max_share"] = "100%"
    proxy.reload(config)
    response, _ = timed(proxy.connect(), headers=ask("latency", "1h"))
    assert response.body == b"hello"


@pytest.mark.parametrize("headers", [
    ask("response-rate", "1"), ask("bandwidth", "1"), ask("delay-response", "1h"),
    ask("slicer", "average_size=64; delay=1h"), {"x-envoy-fault-throughput-response": "1"},
])
def test_nothing_goes_on_for_longer_than_it_may(gateway, upstream, headers):
    """What is asked for would take minutes, or hours."""
    body = b"x" * 131072
    proxy = asking(gateway, upstream([repeat(read_request, response_bytes(200, body))]),
                   max_time="300ms", max_delay="1h")
    response, took = timed(proxy.connect(), headers=headers)
    assert response.body == body and took >= 0.3
    assert touched(proxy.wait_records("attempt", 1)) == ["requested"]
    assert proxy.request().body == body


def test_a_blackhole_ends(gateway, upstream):
    """Nothing else would end it: the gateway waits for a response as long as it takes."""
    proxy = asking(gateway, upstream(SERVE, SERVE, SERVE), max_time="300ms")
    response, took = timed(proxy.connect(), headers=ask("blackhole"))
    assert response.status == 502 and took >= 0.3
    assert touched(proxy.wait_records("attempt", 1))[0] == "requested"
    assert proxy.request().status == 200


def test_all_faults_off_at_once(gateway, upstream):
    server = upstream(SERVE)
    admin = Admin(asking(gateway, server, max_time="1h", max_delay="1h"))
    client = admin.connect()
    client.send(request_bytes(headers=ask("delay-response", "1h")))
    server.wait_requests(1)
    assert admin.call("DELETE", "/faults")[0] == 204
    assert client.read_response().body == b"hello"
    assert admin.request(headers=ask("abort", "418")).status == 418  # asking goes on


@pytest.mark.parametrize("headers", [
    ask("bandwidth", "1000"), ask("slicer", "average_size=1024; delay=1h")])
def test_all_faults_off_at_once_on_what_was_upgraded(gateway, upstream, headers):
    """The bytes would take more than a quarter of an hour."""
    body = b"x" * (1 << 20)
    admin = Admin(asking(gateway, upstream([read_request, SWITCH, body]), max_time="1h",
                         max_delay="1h"))
    client, _ = upgrade(admin, headers={**UPGRADE, **headers})
    begun = time.monotonic()
    assert admin.call("DELETE", "/faults")[0] == 204
    while body and time.monotonic() < begun + 60:
        assert client.read_exactly(1 << 12) == b"x" * (1 << 12)
        body = body[1 << 12:]
    assert not body


def test_at_most_so_many_at_a_time(gateway, upstream):
    go = threading.Event()
    server = upstream([read_request, wait_for(go), response_bytes(200), repeat(read_request,
                                                                             response_bytes(200))],
                      SERVE)
    proxy = asking(gateway, server, max_active=1)
    first = proxy.connect()
    first.send(request_bytes(headers=ask("latency", "1us")))
    server.wait_requests(1)
    assert proxy.request(headers=ask("abort")).status == 200
    go.set()
    assert first.read_response().status == 200
    assert proxy.request(headers=ask("abort")).status == 503


@pytest.mark.parametrize("headers", [ask("delay-response", "600ms"), ask("latency", "600ms")])
def test_what_is_asked_for_lasts_until_the_late_answer(gateway, upstream, headers):
    proxy = gateway(upstream(SERVE), fault_headers=TRUSTED, admin=ADMIN,
                    upstream={"timeout": {"response": "100ms"}, "retry": {"attempts": 1},
                              "late": {"window": "30s"}})
    assert proxy.request(headers=headers).status == 504
    row = proxy.wait_records("attempt", 1)[0]
    assert (row["outcome"], row["faults"]) == ("response_timeout", "requested")
    assert row["late_ns"] >= 300e6
    assert proxy.request().status in (200, 504)


def test_a_share_is_drawn_by_trace_ids(gateway, upstream):
    proxy = asking(gateway, upstream(SERVE))
    client = proxy.connect()

    def run():
        return [client.request(headers={**ask("abort", "share=30%"),
                                        "traceparent": "00-%032x-%016x-01" % (i + 1, 1)}).status
                for i in range(100)]

    first = run()
    assert 15 <= first.count(503) <= 45
    assert run() == first


@pytest.mark.parametrize("value, says", [
    ({}, "trusted"), ({"trusted": []}, "trusted"), ({"trusted": ["me"]}, "is no network"),
    ({"trusted": ["127.0.0.1"], "max_share": "200%"}, "max_share"),
])
def test_what_is_impossible_is_refused(command, write_config, value, says):
    config = {"listeners": [{"address": "127.0.0.1:0"}],
              "routes": [{"path": "/", "upstream": "app"}],
              "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}, "fault_headers": value}
    done = command("check", write_config(config, "proxy.json"))
    assert done.returncode == 2 and "proxy.json:" in done.stderr and says in done.stderr
