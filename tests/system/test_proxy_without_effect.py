# SPDX-License-Identifier: MIT
"""Keys that would change nothing beside the others are refused: the message has place and reason."""

import pytest

ENDPOINT = "127.0.0.1:9"


def upstream(**keys):
    return {"upstreams": {"app": {"endpoints": [ENDPOINT], **keys}}}


def listener(**keys):
    return {"listeners": [{"address": "127.0.0.1:0", **keys}]}


def route(**keys):
    return {"routes": [{"upstream": "app", **keys}]}


def elsewhere(**keys):
    return {"routes": [{"path": "/old", "redirect": "/new", **keys}, {"upstream": "app"}]}


def check(command, write_config, options):
    config = {"listeners": ["127.0.0.1:0"], **route(), **upstream(), **options}
    return command("check", write_config(config))


TLS = {"certificate": "a.pem", "key": "a.key"}
NO_WAY = "has no effect on a route that leads to no upstream"


@pytest.mark.parametrize("options, message", [
    (upstream(health={"passive": {"consecutive": 3, "window": "5s"}}),
     '"window" has no effect without "failure_share"'),
    (upstream(health={"passive": {"consecutive": 3, "minimum": 5}}),
     '"minimum" has no effect without "failure_share"'),
    (upstream(health={"passive": {"eject_for": "5s"}}), '"eject_for" has no effect without'),
    (upstream(health={"passive": {"consecutive": 3, "counts": []}}),
     '"counts" has no effect when it names nothing'),
    (upstream(health={"panic_threshold": "50%"}), '"panic_threshold" has no effect without'),
    (upstream(health={"slow_start": "5s"}), '"slow_start" has no effect without'),
    (upstream(health={"active": {"kind": "http", "statuses": []}}), '"statuses" is empty'),
    (upstream(breaker={"error_count": 3, "minimum": 5}), '"minimum" has no effect without'),
    (upstream(breaker={"slow_ratio": "50%", "counts": ["5xx"]}), '"counts" has no effect without'),
    (upstream(breaker={"error_count": 3, "counts": []}), '"counts" is empty'),
    (upstream(concurrency={"limit": 5, "queue": 5, "max_wait": "0s"}),
     '"queue" has no effect when "max_wait" is 0s'),
    (upstream(connections={"max": 0, "queue": 5}), '"queue" has no effect when "max" is 0'),
    (upstream(connections={"idle": 0, "idle_timeout": "5s"}),
     '"idle_timeout" has no effect when "idle" is 0'),
    (upstream(connections={"idle": 5, "idle_timeout": "0s"}),
     '"idle" has no effect when "idle_timeout" is 0s'),
    (upstream(endpoints=["127.0.0.1:0"]), "there is no port 0"),
    (route(methods=["get"]), 'no request has the method "get"'),
    (route(methods=["CONNECT"]), 'no route takes "CONNECT"'),
    (route(rate_limit={"rate": "1/s", "mode": "queue", "max_wait": "0s"}), "nothing is queued"),
    (route(request_headers={"set": {"Host": "a b"}}), '"a b" cannot be the value of a Host field'),
    (elsewhere(timeout={"response": "1s"}), f'"timeout" {NO_WAY}'),
    (elsewhere(retry={"attempts": 2}), f'"retry" {NO_WAY}'),
    (elsewhere(hedge={"max": 0}), f'"hedge" {NO_WAY}'),
    (elsewhere(request_headers={"set": {"A": "b"}}), f'"request_headers" {NO_WAY}'),
    (elsewhere(upgrade=["websocket"]), f'"upgrade" {NO_WAY}'),
    (elsewhere(concurrency={"limit": 2}), f'"concurrency" {NO_WAY}'),
    (listener(timeout={"proxy_header": "1s"}), '"proxy_header" has no effect without'),
    (listener(address="unix:/tmp/x.sock", mode="0000"), "nobody can connect"),
    (listener(origin={"believe": "forwarded"}), '"believe" has no effect without "trusted"'),
    (listener(tls={**TLS, "min_version": "1.3", "ciphers": "ECDHE+AESGCM"}),
     '"ciphers" has no effect with "min_version" 1.3'),
])
def test_what_has_no_effect_is_refused(command, write_config, options, message):
    done = check(command, write_config, options)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert "config.json:" in done.stderr


@pytest.mark.parametrize("options", [
    upstream(health={"passive": {"consecutive": 3, "counts": [], "latency": "1s"}}),
    upstream(health={"passive": {"failure_share": "50%", "minimum": 5, "window": "5s"}}),
    upstream(health={"passive": {}, "active": {"kind": "tcp"}, "slow_start": "5s"}),
    upstream(breaker={}),
    upstream(breaker={"slow_ratio": "50%", "minimum": 5}),
    upstream(connections={"idle_timeout": "0s"}),
    upstream(connections={"max": 0, "idle": 0}),
    route(methods=["GET", "purge", "M-SEARCH"]),
    route(request_headers={"set": {"Host": "app.internal:8080"}}),
    elsewhere(rate_limit="5/s", response_headers={"set": {"A": "b"}}),
    listener(proxy_protocol="v2", timeout={"proxy_header": "1s"}),
])
def test_what_has_an_effect_is_not(command, write_config, options):
    done = check(command, write_config, options)
    assert done.returncode == 0, done.stderr
