# SPDX-License-Identifier: MIT
"""Faults inside the gateway: what each does to the gateway's connections to its upstream, and what the
records say of it."""

import threading
import time

import pytest

from test_proxy_tls import authority  # noqa: F401
from test_proxy_tls_upstream import local, serve, trust  # noqa: F401
from upstream import close, read_bytes, read_head, read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
LATENCY = {"name": "slow", "kind": "latency", "latency": "40ms"}
BIG = bytes(i * 31 % 251 for i in range(65521)) * 8


def faulty(gateway, server, *faults, **options):
    return gateway(server, faults=list(faults), seed=7, **options)


def timed(client, *arguments, **options):
    start = time.monotonic()
    response = client.request(*arguments, **options)
    return response, time.monotonic() - start


def touched(rows):
    return [row.get("faults") for row in rows]


# ---- latency, and what is known of it


@pytest.mark.parametrize("per", ["connection", "request"])
def test_latency_delays_every_response(gateway, upstream, per):
    proxy = faulty(gateway, upstream(SERVE), {**LATENCY, "per": per})
    client = proxy.connect()
    for _ in range(5):
        response, took = timed(client)
        assert response.body == b"hello" and took >= 0.04
    rows = proxy.wait_records("attempt", 5)
    assert touched(rows) == ["slow"] * 5
    assert all(row["wait_ns"] >= 40e6 for row in rows)
    assert touched(proxy.wait_records("request", 5)) == ["slow"] * 5
    lines = wait_until(proxy.access_lines, what="the access log's lines")
    assert lines[0]["faults"] == "slow"


@pytest.mark.parametrize("stream, parts", [("upstream", 1), ("downstream", 1), ("both", 2)])
def test_either_direction(gateway, upstream, stream, parts):
    proxy = faulty(gateway, upstream(SERVE), {**LATENCY, "stream": stream})
    _, took = timed(proxy.connect())
    assert took >= 0.04 * parts


def test_a_tls_upstream(gateway, upstream, authority, local):  # noqa: F811
    from tls import serving
    server = upstream(serve(serving(local)))
    proxy = faulty(gateway, server, {**LATENCY, "stream": "both"},
                   upstream={"tls": trust(authority)})
    client = proxy.connect()
    for size in (0, 100, 300000):
        response, took = timed(client, "POST", body=b"x" * size)
        assert response.body == b"hello" and took >= 0.08
    assert len(server.connections) == 1
    assert touched(proxy.wait_records("attempt", 3)) == ["slow"] * 3


def test_fault_records_say_what_was_injected(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {**LATENCY, "per": "request"})
    client = proxy.connect()
    for _ in range(3):
        client.request()
    wait_until(lambda: len(proxy.records("fault")) == 3, what="three touches")
    for row in proxy.records("fault"):
        assert (row["name"], row["target"], row["fault_kind"]) == ("slow", server.address, "latency")
        assert row["ended_ns"] - row["started_ns"] >= 40e6


def test_records_of_requests_have_their_trace_ids(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {**LATENCY, "per": "request"},
                   {"name": "link", "kind": "noop"})
    proxy.request()
    attempt = proxy.wait_records("attempt", 1)[0]
    rows = {row["name"]: row for row in proxy.wait_records("fault", 2 if proxy.stop() == 0 else 0)}
    assert rows["slow"]["trace_id"] == attempt["trace_id"]
    assert "trace_id" not in rows["link"]


def test_metrics(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {**LATENCY, "per": "request"},
                   {"name": "later", "kind": "noop", "from": "1h"}, admin={"address": "127.0.0.1:0"})
    for _ in range(3):
        proxy.request()
    wait_until(lambda: len(proxy.records("fault")) == 3, what="the last is let go")
    found = {name: value for name, value in proxy.metrics().items() if name.startswith("fault_")}
    assert found == {
        'fault_on{fault="slow",kind="latency"}': 1, 'fault_on{fault="later",kind="noop"}': 0,
        'fault_touched_total{fault="slow",kind="latency"}': 3,
        'fault_touched_total{fault="later",kind="noop"}': 0,
        'fault_active{fault="slow",kind="latency"}': 0,
        'fault_active{fault="later",kind="noop"}': 0, "fault_fields_refused_total": 0}


def test_without_a_match_nothing_is_touched(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE),
                   {**LATENCY, "latency": "1h", "per": "request", "match": {"path": "/other"}})
    assert proxy.request().body == b"hello"
    assert "faults" not in proxy.wait_records("attempt", 1)[0]


# ---- every other kind


def test_bandwidth(gateway, upstream):
    body = b"z" * 50000
    proxy = faulty(gateway, upstream([repeat(read_request, response_bytes(200, body))]),
                   {"kind": "bandwidth", "rate": "250KB", "per": "request"})
    response, took = timed(proxy.connect())
    assert response.body == body and took >= 0.19
    assert touched(proxy.wait_records("attempt", 1)) == ["bandwidth_downstream"]


def test_slicer(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE),
                   {"kind": "slicer", "average_size": 10, "delay": "5ms"})
    response, took = timed(proxy.connect())
    assert response.body == b"hello" and took >= 0.02


def test_timeout_loses_bytes_until_it_closes(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "timeout", "timeout": "50ms", "per": "request"},
                   upstream={"retry": {"attempts": 1}})
    response, took = timed(proxy.connect())
    assert response.status == 502 and took >= 0.05
    assert proxy.outcome() == (502, "closed_before_response", ["closed_before_response"])


def test_reset_peer(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"kind": "reset_peer", "per": "request"},
                   upstream={"retry": {"attempts": 1}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "reset_before_response", ["reset_before_response"])
    wait_until(lambda: server.connections[0].over.is_set(), what="the upstream's side is over")


def test_limit_data_truncates_the_body(gateway, upstream):
    proxy = faulty(gateway, upstream([repeat(read_request, response_bytes(200, b"x" * 5000))]),
                   {"kind": "limit_data", "bytes": 1000, "per": "request"})
    client = proxy.connect()
    client.send(request_bytes())
    head = client.read_head()
    assert head.status == 200 and len(client.pending) < 1000
    with pytest.raises((EOFError, ConnectionResetError)):
        client.read_exactly(5000)
    assert proxy.outcome() == (200, "body_truncated", ["body_truncated"])


def test_corrupt(gateway, upstream):
    """So few bytes that, with this seed, none is in the head."""
    proxy = faulty(gateway, upstream([repeat(read_request, response_bytes(200, b"\0" * 200000))]),
                   {"kind": "corrupt", "corruption": "0.01%", "per": "request",
                    "match": {"headers": {"x-spoil": "yes"}}})
    client = proxy.connect()
    assert client.request().body.count(b"\0") == 200000
    spoilt = client.request(headers={"x-spoil": "yes"}).body
    assert 5 <= len(spoilt) - spoilt.count(b"\0") <= 50
    assert client.request().body.count(b"\0") == 200000


def test_blackhole(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"kind": "blackhole", "stream": "downstream", "per": "request"},
                   upstream={"timeout": {"response": "100ms"}, "retry": {"attempts": 1}})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "response_timeout", ["response_timeout"])
    assert len(server.requests) == 1


def test_slow_close(gateway, upstream):
    untold = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
    proxy = faulty(gateway, upstream([read_request, untold, close]),
                   {"kind": "slow_close", "delay": "80ms"})
    response, took = timed(proxy.connect())
    assert response.body == b"hello" and took >= 0.08


def test_idle_close_is_the_keepalive_race(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"kind": "idle_close", "idle": "1s"})
    client = proxy.connect()
    assert client.request().body == b"hello"
    wait_until(lambda: server.connections[0].over.is_set(), what="the idle connection is closed")
    assert client.request().body == b"hello"
    rows = proxy.wait_records("attempt", 2)
    assert [row["connection_requests"] for row in rows] == [0, 0]


def test_half_open_connections_time_out(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server,
                   {"name": "stale", "kind": "half_open", "idle": "1s", "first": 1},
                   upstream={"timeout": {"response": "3s"}, "connections": {"idle_timeout": "60s"},
                             "retry": {"attempts": 1}})
    client = proxy.connect()
    assert client.request().body == b"hello"
    time.sleep(1.5)  # the fault itself counts idle time
    assert client.request().status == 504
    assert client.request().body == b"hello"
    assert [row["outcome"] for row in proxy.wait_records("attempt", 3)] == [
        "none", "response_timeout", "none"]
    assert touched(proxy.records("attempt")) == ["stale", "stale", None]


def test_refuse_needs_no_closed_port(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, {"name": "shut", "kind": "refuse"},
                   upstream={"retry": {"attempts": 2}})
    assert proxy.request().status == 502
    assert proxy.outcome() == (502, "connect_refused", ["connect_refused"] * 2)
    assert touched(proxy.records("attempt")) == ["shut", "shut"]
    assert not server.connections


def test_the_first_are_refused_and_others_recover(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "refuse", "first": 2},
                   upstream={"retry": {"attempts": 3}})
    assert proxy.request().body == b"hello"
    rows = proxy.wait_records("attempt", 3)
    assert [row["outcome"] for row in rows] == ["connect_refused", "connect_refused", "none"]
    assert touched(rows) == ["refuse_both", "refuse_both", None]


def test_accept_delay_is_time_to_connect(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "accept_delay", "delay": "60ms"})
    client = proxy.connect()
    for _ in range(2):
        assert client.request().body == b"hello"
    rows = proxy.wait_records("attempt", 2)
    assert rows[0]["connect_ns"] >= 60e6 and rows[0]["faults"] == "accept_delay_both"
    assert "connect_ns" not in rows[1] and "faults" not in rows[1]


def test_accept_delay_may_be_longer_than_the_patience(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "accept_delay", "delay": "1h"},
                   upstream={"timeout": {"connect": "50ms"}, "retry": {"attempts": 1}})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "connect_timeout", ["connect_timeout"])
    assert touched(proxy.records("attempt")) == ["accept_delay_both"]


def test_noop(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "noop"})
    assert proxy.request().body == b"hello"
    assert touched(proxy.wait_records("attempt", 1)) == ["noop_downstream"]


# ---- whom


def test_matching_by_method_path_and_field(gateway, upstream):
    proxy = faulty(
        gateway, upstream(SERVE),
        {"name": "posts", "kind": "latency", "latency": "1ms", "per": "request",
         "match": {"methods": ["POST"]}},
        {"name": "below", "kind": "latency", "latency": "1ms", "per": "request",
         "match": {"path": "/a"}},
        {"name": "field", "kind": "latency", "latency": "1ms", "per": "request",
         "match": {"headers": {"x-user": {"prefix": "test-"}}}})
    client = proxy.connect()
    client.request("GET", "/")
    client.request("POST", "/", body=b"x")
    client.request("GET", "/a/b")
    client.request("GET", "/ab")
    client.request("POST", "/a", headers={"x-user": "test-1"}, body=b"x")
    assert touched(proxy.wait_records("attempt", 5)) == [
        None, "posts", "below", None, "posts,below,field"]


def test_matching_by_route_upstream_and_endpoint(gateway, upstream):
    one, other = upstream(SERVE), upstream(SERVE)
    proxy = gateway(one, other, faults=[
        {"name": "endpoint", "kind": "noop", "match": {"endpoint": other.address}},
        {"name": "upstream", "kind": "noop", "match": {"upstream": "second"}},
        {"name": "route", "kind": "latency", "latency": "1ms", "per": "request",
         "match": {"route": "/second"}}],
        routes=[{"path": "/second", "upstream": "second"}, {"path": "/", "upstream": "app"}],
        upstreams={"app": {"endpoints": [one.address, other.address]},
                   "second": {"endpoints": [one.address]}})
    client = proxy.connect()
    for path in ("/", "/", "/second"):
        client.request(path=path)
    rows = proxy.wait_records("attempt", 3)
    assert {(row["upstream"], row["endpoint"], row.get("faults")) for row in rows} == {
        ("app", one.address, None), ("app", other.address, "endpoint"),
        ("second", one.address, "upstream,route")}


def test_a_share_is_drawn_by_trace_ids(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE),
                   {"name": "some", "kind": "latency", "latency": "1us", "share": "30%",
                    "per": "request"}, workers=1)
    client = proxy.connect()
    for i in range(200):
        trace = "00-%032x-%016x-01" % (i // 2 + 1, 1)
        client.request(headers={"traceparent": trace})
    rows = proxy.wait_records("attempt", 200)
    names = touched(sorted(rows, key=lambda row: row["trace_id"]))
    assert names[::2] == names[1::2]
    assert 20 <= names.count("some") / 2 <= 40


@pytest.mark.threads
def test_at_most_so_many_at_a_time(gateway, upstream):
    go = threading.Event()

    def hold(conn):
        assert go.wait(30)

    server = upstream([read_head, hold, OK, repeat(read_request, OK)])
    proxy = faulty(gateway, server, {"name": "one", "kind": "latency", "latency": "1us",
                                     "per": "request", "max_active": 1}, workers=2)
    clients = [proxy.connect() for _ in range(3)]
    for client in clients:
        client.send(request_bytes())
    server.wait_requests(3)
    go.set()
    for client in clients:
        assert client.read_response().body == b"hello"
    assert sorted(touched(proxy.wait_records("attempt", 3)), key=str) == [None, None, "one"]


# ---- bodies, tunnels, further tries


def test_long_bodies_pass_unharmed(gateway, upstream):
    server = upstream([repeat(read_request, response_bytes(200, BIG))])
    proxy = faulty(gateway, server,
                   {"name": "slow", "kind": "latency", "latency": "2ms", "stream": "both",
                    "per": "request", "match": {"path": "/slow"}})
    client = proxy.connect()
    for path in ("/", "/slow", "/", "/slow"):
        response = client.request("POST", path, body=BIG)
        assert response.body == BIG
    assert [request.endswith(BIG) for request in server.requests] == [True] * 4
    assert len(server.connections) == 1
    assert touched(proxy.wait_records("attempt", 4)) == [None, "slow", None, "slow"]


UPGRADE = {"Upgrade": "echo", "Connection": "Upgrade"}
SWITCHING = b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"


def test_tunnels(gateway, upstream):
    server = upstream([read_head, SWITCHING, read_bytes(4), b"pong", close])
    proxy = faulty(gateway, server, {**LATENCY, "stream": "both"},
                   routes=[{"path": "/", "upstream": "app", "upgrade": ["echo"]}])
    client = proxy.connect()
    client.send(request_bytes(headers=UPGRADE))
    assert client.read_head().status == 101
    start = time.monotonic()
    client.send(b"ping")
    assert client.read_exactly(4) == b"pong"
    assert time.monotonic() - start >= 0.08
    client.finish_sending()
    assert client.read_to_end() == b""
    row = proxy.wait_records("attempt", 1)[0]
    assert (row["outcome"], row["faults"]) == ("none", "slow")


def test_a_retried_request_names_the_fault_on_the_try_it_touched(gateway, upstream):
    one, other = upstream(SERVE), upstream(SERVE)
    proxy = gateway(one, other, faults=[{"name": "bad", "kind": "reset_peer", "per": "request",
                                         "match": {"endpoint": one.address}}],
                    upstream={"retry": {"attempts": 2, "on": ["reset"]}})
    with proxy.connect() as client:
        for _ in range(2):
            assert client.request().body == b"hello"
    rows = proxy.wait_records("attempt", 3)
    assert {(row["endpoint"], row["outcome"], row.get("faults")) for row in rows} == {
        (one.address, "reset_before_response", "bad"), (other.address, "none", None)}
    assert sorted(touched(proxy.records("request")), key=str) == [None, "bad"]


def test_a_hedged_request_names_the_fault_on_each_try(gateway, upstream):
    servers = [upstream(SERVE) for _ in range(3)]
    proxy = gateway(*servers, faults=[{"name": "slow", "kind": "latency", "latency": "300ms",
                                       "per": "request", "match": {"endpoint": server.address}}
                                      | {"name": f"slow{i}"} for i, server in
                                      enumerate(servers[:2])],
                    upstream={"hedge": {"delay": "20ms", "max": 2}})
    assert proxy.request().body == b"hello"
    expected = {server.address: f"slow{i}" for i, server in enumerate(servers[:2])}
    rows = proxy.wait_records("attempt", proxy.only_request()["attempts"])
    assert [row.get("faults") for row in rows] == [expected.get(row["endpoint"]) for row in rows]
    assert proxy.only_request()["attempts"] > 1 or "faults" not in rows[0]


# ---- over time


def test_a_fault_comes_and_goes_while_connections_live(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE),
                   {"name": "slow", "kind": "latency", "latency": "1us",
                    "every": "60ms", "lasting": "30ms"})
    client = proxy.connect()
    seen = set()

    def both():
        assert client.request().body == b"hello"
        seen.update(touched(proxy.records("attempt")[-1:]))
        return seen == {None, "slow"}

    wait_until(both, 30, "requests with and without the fault")


def test_a_fault_that_ends_lets_go_of_what_it_held(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE),
                   {"kind": "latency", "latency": "1h", "until": "700ms"})
    client = proxy.connect()
    assert client.request().body == b"hello"
    assert client.request().body == b"hello"


def test_ttl_ends_it_by_itself(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "blackhole", "ttl": "300ms"},
                   upstream={"timeout": {"response": "200ms"}})
    wait_until(lambda: proxy.request().status == 200, 30, "the fault to be over")


# ---- reload


@pytest.mark.threads
def test_reload_changes_faults_and_connections_go_on(gateway, upstream):
    server = upstream(SERVE)
    proxy = faulty(gateway, server, LATENCY, workers=2)
    client = proxy.connect()
    assert timed(client)[1] >= 0.04
    config = proxy.config
    config["faults"] = [{**LATENCY, "latency": "90ms"},
                        {"name": "new", "kind": "latency", "latency": "1us"}]
    proxy.reload(config)
    assert timed(client)[1] >= 0.09
    config["faults"] = []
    proxy.reload(config)
    assert client.request().body == b"hello"
    assert len(server.connections) == 1
    assert touched(proxy.wait_records("attempt", 3)) == ["slow", "slow,new", None]


def test_a_reload_that_is_refused_changes_nothing(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), LATENCY)
    config = proxy.config
    config["faults"] = [{**LATENCY, "latency": "-1ms"}]
    proxy.reload(config, refused="latency")
    config["faults"] = [{**LATENCY, "match": {"upstream": "nobody"}}]
    proxy.reload(config, refused="no such upstream")
    assert timed(proxy.connect())[1] >= 0.04


def test_what_was_counted_goes_on_through_a_reload(gateway, upstream):
    proxy = faulty(gateway, upstream(SERVE), {"kind": "refuse", "first": 2},
                   upstream={"retry": {"attempts": 1}})
    assert proxy.request().status == 502
    config = proxy.config
    config["timeout_status"] = 599
    proxy.reload(config)
    assert proxy.request().status == 502
    assert proxy.request().status == 200


@pytest.mark.parametrize("fault, says", [
    ({"kind": "nonsense"}, "kind"),
    ({"kind": "latency"}, "latency"),
    ({"kind": "latency", "latency": "1ms", "share": "150%"}, "share"),
    ({"kind": "noop", "from": "2s", "until": "1s"}, "until"),
    ({"kind": "noop", "match": {"endpoint": "127.0.0.1:1"}}, "no such endpoint"),
    ({"kind": "noop", "match": {"upstream": "other"}}, "no such upstream"),
    ({"kind": "latency", "latency": "1ms", "per": "request", "match": {"route": "nowhere"}},
     "no such route"),
    ({"kind": "noop", "match": {"methods": ["GET"]}}, "per"),
    ({"kind": "noop", "name": "a,b"}, "comma"),
])
def test_what_is_impossible_is_refused_with_its_place(command, write_config, fault, says):
    config = {"listeners": [{"address": "127.0.0.1:0"}],
              "routes": [{"path": "/", "upstream": "app"}],
              "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}, "faults": [fault]}
    done = command("check", write_config(config, "proxy.json"))
    assert done.returncode == 2
    assert "proxy.json:" in done.stderr and says in done.stderr


def test_two_of_one_name_and_too_many_are_refused(command, write_config):
    config = {"listeners": [{"address": "127.0.0.1:0"}],
              "routes": [{"path": "/", "upstream": "app"}],
              "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}}
    twice = command("check", write_config({**config, "faults": [LATENCY] * 2}, "proxy.json"))
    assert twice.returncode == 2 and "two faults are called" in twice.stderr
    many = [{"kind": "noop", "name": f"n{i}"} for i in range(65)]
    done = command("check", write_config({**config, "faults": many}, "proxy.json"))
    assert done.returncode == 2 and "more than 64" in done.stderr


# ---- the same seed


# So many that the kernel hardly gives them all to one worker.
CLIENTS = 30


@pytest.mark.threads
def test_one_seed_faults_the_same_requests_whatever_the_order(gateway, upstream):
    server = upstream(SERVE)

    def run():
        proxy = faulty(gateway, server, *(
            {"name": f"f{share}", "kind": "latency", "latency": "1us", "share": f"{share}%",
             "per": "request"} for share in (5, 20, 50)), workers=2)

        def load(numbers):
            with proxy.connect() as client:
                for i in numbers:
                    trace = "00-%032x-%016x-01" % (i + 1, 1)
                    assert client.request(headers={"traceparent": trace}).status == 200

        threads = [threading.Thread(target=load, args=(range(i, 600, CLIENTS),))
                   for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = proxy.wait_records("attempt", 600)
        assert len({row["worker"] for row in rows}) == 2
        return {(row["trace_id"], name) for row in rows
                for name in filter(None, row.get("faults", "").split(","))}

    first = run()
    assert 250 <= len(first) <= 650
    assert run() == first
