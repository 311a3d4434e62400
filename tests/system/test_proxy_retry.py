# SPDX-License-Identifier: MIT
"""Which tries are followed by another, where that one goes, and what is never sent twice."""

import threading
import time

import pytest

from upstream import close, read_head, read_request, repeat, reset, wait_for
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"good")
SERVE = [repeat(read_request, OK)]
BUSY = response_bytes(503, b"busy")
ADMIN = {"address": "127.0.0.1:0"}
CLEANUPS = ["inline", "deferred", "pooled"]


@pytest.fixture
def never():
    """An event that is set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def failing(kind, never):
    """A script that fails in that way, and the outcome of the try and the status without retry."""
    return {
        "closed": ([read_request, close], "closed_before_response", 502),
        "reset": ([read_request, reset], "reset_before_response", 502),
        "response_timeout": ([read_request, wait_for(never)], "response_timeout", 504),
        "status": ([repeat(read_request, BUSY)], "upstream_status", 503),
        "header": ([repeat(read_request, response_bytes(200, b"bad", {"X-Try-Again": "1"}))],
                   "none", 200),
    }[kind]


def wanting(kind, **keys):
    """An upstream's keys that make it try again."""
    retry = {"attempts": 2, "on": ["connect"], **keys}
    if kind == "status":
        retry["statuses"] = [502, 503]
    elif kind == "header":
        retry["header"] = "x-try-AGAIN"
    else:
        retry["on"] = ["connect", kind]
    return {"retry": retry, **timeouts(kind)}


def timeouts(kind):
    return {"timeout": {"response": "1500ms"}} if kind == "response_timeout" else {}


KINDS = ["closed", "reset", "response_timeout", "status", "header"]


# ---- conditions


@pytest.mark.parametrize("cleanup", CLEANUPS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_for_is_tried_again(gateway, upstream, never, kind, cleanup):
    script, outcome, _ = failing(kind, never)
    bad, good = upstream(script), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting(kind), cleanup=cleanup)
    client = proxy.connect()
    for _ in range(4):
        response = client.request("PUT", body=b"some content")
        assert (response.status, response.body) == (200, b"good")
    rows = proxy.wait_records("request", 4)
    assert [row["cause"] for row in rows] == ["none"] * 4
    tried = proxy.records("attempt")
    failed = [row for row in tried if row["retried"]]
    assert len(tried) == 6 and len(failed) == 2
    assert {row["endpoint"] for row in failed} == {bad.address}
    expected = "upstream_status" if kind == "header" else outcome
    assert {row["outcome"] for row in failed} == {expected}
    assert all(request.endswith(b"some content") for request in bad.requests + good.requests)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_asked_for_is_not(gateway, upstream, never, kind):
    script, outcome, status = failing(kind, never)
    bad, good = upstream(script), upstream(SERVE)
    proxy = gateway(bad, good, upstream={
        "retry": {"attempts": 2, "statuses": [504], "header": "x-other",
                  "on": [other for other in ("closed", "reset", "response_timeout")
                         if other != kind]}, **timeouts(kind)})
    assert proxy.request().status == status
    assert proxy.outcome() == (status, outcome, [outcome])
    assert good.requests == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_idempotent_is_never_replayed(gateway, upstream, never, kind):
    script, outcome, status = failing(kind, never)
    bad, good = upstream(script), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting(kind, attempts=5))
    assert proxy.request("POST", body=b"pay").status == status
    assert proxy.outcome() == (status, outcome, [outcome])
    assert len(bad.requests) == 1 and good.requests == []


@pytest.mark.parametrize("kind", KINDS)
def test_unless_the_configuration_says_so(gateway, upstream, never, kind):
    script, _, _ = failing(kind, never)
    bad, good = upstream(script), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting(kind, non_idempotent=True))
    response = proxy.request("POST", body=b"pay")
    assert (response.status, response.body) == (200, b"good")
    assert bad.requests[0].endswith(b"pay") and good.requests[0].endswith(b"pay")


def test_a_reused_connection_too(gateway, upstream):
    server = upstream([read_request, OK, read_request, close], SERVE)
    proxy = gateway(server, upstream={"retry": {"non_idempotent": True}})
    client = proxy.connect()
    assert [client.request("POST", body=b"pay").status for _ in range(2)] == [200, 200]
    assert len(server.requests) == 3


def test_the_last_response_is_passed_on(gateway, upstream):
    servers = [upstream([repeat(read_request, BUSY)]) for _ in range(2)]
    proxy = gateway(*servers, upstream=wanting("status"))
    client = proxy.connect()
    for _ in range(2):
        response = client.request()
        assert (response.status, response.body) == (503, b"busy")
    rows = proxy.wait_records("request", 2)
    assert [(row["cause"], row["attempts"]) for row in rows] == [("upstream_status", 2)] * 2


def test_no_interim_response_of_a_try_that_failed(gateway, upstream):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    bad, good = upstream([repeat(read_request, hints + BUSY)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting("status"))
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_response(interim=True).status == 200


def test_a_chunked_body_is_sent_again(gateway, upstream):
    bad, good = upstream([repeat(read_request, BUSY)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting("status"))
    client = proxy.connect()
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"4\r\nsome\r\n8\r\n content\r\n0\r\n\r\n")
    assert client.read_response().body == b"good"
    assert bad.requests[0].endswith(b"some content") and good.requests[0].endswith(b"some content")


def test_a_body_that_is_still_coming_is_sent_again(gateway, upstream):
    bad, good = upstream([read_head, BUSY]), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting("status"))
    client = proxy.connect()
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nsome")
    wait_until(lambda: good.connections, 10, "the second try")
    client.send(b"more")
    assert client.read_response().body == b"good"
    assert good.requests[0].endswith(b"\r\n\r\nsomemore")


def test_a_large_body_is_not_kept_for_it(gateway, upstream):
    bad, good = upstream([repeat(read_request, BUSY)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream=wanting("status"))
    assert proxy.request("PUT", body=b"x" * 300000).status == 503
    assert good.requests == []


# ---- where it goes


def test_every_try_goes_to_another_endpoint(gateway, upstream):
    bad = [upstream([repeat(read_request, BUSY)]) for _ in range(3)]
    proxy = gateway(*bad, upstream(SERVE), upstream={
        "balance": "random", "retry": {"attempts": 4, "statuses": [503], "budget": "100%"}})
    client = proxy.connect()
    # Twelve retries: ten are allowed in any case, and each request adds one.
    assert [client.request().status for _ in range(4)] == [200] * 4
    tries = {}
    for row in proxy.records("attempt"):
        tries.setdefault(row["trace_id"], []).append(row["endpoint"])
    assert len(tries) == 4
    assert all(len(set(endpoints)) == len(endpoints) for endpoints in tries.values())


def test_only_one_endpoint(gateway, upstream):
    server = upstream([read_request, close], [read_request, close], SERVE)
    proxy = gateway(server, upstream={"retry": {"attempts": 3, "on": ["closed"]}})
    assert proxy.request().status == 200
    assert len(server.requests) == 3


# ---- how long a try may take


@pytest.mark.parametrize("listed", [True, False])
def test_per_try(gateway, upstream, never, listed):
    bad, good = upstream([read_request, wait_for(never)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream={"retry": {
        "per_try": "1500ms", "on": ["response_timeout"] if listed else []}})
    assert proxy.request().status == (200 if listed else 504)
    tries = ["response_timeout", "none"] if listed else ["response_timeout"]
    assert proxy.outcome() == (200 if listed else 504,
                               "none" if listed else "response_timeout", tries)


def test_per_try_counts_the_connect(gateway, upstream, unanswered_address):
    proxy = gateway(unanswered_address, upstream(SERVE), upstream={"retry": {
        "per_try": "1500ms", "on": ["connect"]}})
    assert proxy.request().status == 200
    assert proxy.outcome() == (200, "none", ["connect_timeout", "none"])


def test_per_try_ends_with_the_head(gateway, upstream):
    def later(conn):
        time.sleep(0.5)

    server = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", later,
                       b"good"])
    proxy = gateway(server, upstream={"retry": {"per_try": "100ms", "attempts": 1}})
    client = proxy.connect()
    client.send(request_bytes())
    head = client.read_head()
    if head.status == 200:  # on a busy machine the head itself may come too late
        assert client.read_exactly(4) == b"good"


def test_per_try_of_a_route(gateway, upstream, never):
    bad, good = upstream([read_request, wait_for(never)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream={"retry": {"on": ["response_timeout"]}}, routes=[
        {"path": "/", "upstream": "app", "retry": {"per_try": "1500ms"}}])
    assert proxy.request().status == 200
    assert proxy.outcome()[2] == ["response_timeout", "none"]


# ---- the pause before it


def pausing(gateway, upstream, **options):
    """A gateway that pauses for up to a minute before its second try, and for longer than
    three seconds with this seed."""
    servers = [upstream([repeat(read_request, BUSY)]) for _ in range(2)]
    return gateway(*servers, seed=2, upstream={
        "retry": {"statuses": [503], "backoff": "60s", "backoff_longest": "60s"},
        **options}), servers


def asked(servers):
    return sum(len(server.requests) for server in servers)


def test_the_total_timeout_holds_while_it_pauses(gateway, upstream):
    proxy, servers = pausing(gateway, upstream, timeout={"total": "3s"})
    assert proxy.request().status == 504
    assert proxy.outcome() == (504, "total_timeout", ["upstream_status"])
    assert asked(servers) == 1


@pytest.mark.parametrize("cleanup", CLEANUPS)
def test_a_client_leaves_while_it_pauses(gateway, upstream, cleanup):
    proxy, servers = pausing(gateway, upstream)
    client = proxy.connect()
    client.send(request_bytes())
    wait_until(lambda: proxy.records("attempt"), 10, "the first try is over")
    client.close()
    row = proxy.only_request()
    assert (row["status"], row["cause"], row["attempts"]) == (499, "client_abort", 1)
    assert asked(servers) == 1


def test_stopping_while_it_pauses(gateway, upstream):
    proxy, servers = pausing(gateway, upstream)
    client = proxy.connect()
    client.send(request_bytes())
    wait_until(lambda: proxy.records("attempt"), 10, "the first try is over")
    proxy.process.send_signal(15)
    proxy.process.wait_log("draining")
    assert proxy.stop() == 0


def test_after_the_pause_it_is_tried_again(gateway, upstream):
    bad, good = upstream([repeat(read_request, BUSY)]), upstream(SERVE)
    proxy = gateway(bad, good, upstream={"retry": {"statuses": [503], "backoff": "50ms"}})
    client = proxy.connect()
    assert [client.request().status for _ in range(10)] == [200] * 10
    assert len(bad.requests) == 5


def pauses(gateway, upstream, upstreams, each, **retry):
    """Nanoseconds between the tries of requests sent at once, for the first pause, the second and
    so on. Each upstream has a budget of its own, which allows at least nine retries."""
    server = upstream([repeat(read_request, BUSY)])
    routes = [{"path": f"/{i}", "upstream": f"app{i}"} for i in range(upstreams)]
    config = {"endpoints": [server.address], "retry": {"statuses": [503], **retry}}
    proxy = gateway(routes=routes, upstreams={route["upstream"]: config for route in routes})
    clients = [proxy.connect() for _ in range(upstreams * each)]
    for i, client in enumerate(clients):
        client.send(request_bytes(path=f"/{i % upstreams}"))
    assert {client.read_response().status for client in clients} == {503}
    starts = {}
    for row in proxy.records("attempt"):
        starts.setdefault(row["trace_id"], []).append(row["started_ns"])
    assert {len(tries) for tries in starts.values()} == {retry.get("attempts", 2)}
    return list(zip(*([b - a for a, b in zip(tries, tries[1:])] for tries in starts.values())))


def test_pauses_are_drawn(gateway, upstream):
    """From zero to the longest: those who failed together do not come back together."""
    (drawn,) = pauses(gateway, upstream, 3, 9, backoff="2s", backoff_longest="2s")
    # All on one side: once in 60 million times.
    assert min(drawn) < 1_000_000_000 < max(drawn)


def test_pauses_are_doubled(gateway, upstream):
    first, *_, fourth = pauses(gateway, upstream, 15, 2, attempts=5, backoff="400ms",
                               backoff_longest="60s")
    # 200 ms and 1600 ms at the mean, and what a busy machine adds.
    assert sum(fourth) - sum(first) > 30 * 500_000_000


def test_pauses_have_a_longest(gateway, upstream):
    """Up to a minute otherwise, and the clients wait for 20 seconds."""
    assert pauses(gateway, upstream, 2, 9, backoff="60s", backoff_longest="10ms")


# ---- the budget


def test_the_budget_bears_a_burst(gateway, upstream):
    """A server that fails at once, with all it has under way, takes more than the few retries that
    are allowed in any case."""
    answer = [OK]
    shaky = upstream([repeat(read_request, lambda conn: conn.sock.sendall(answer[0]))])
    proxy = gateway(shaky, upstream([repeat(read_request, OK)]), admin=ADMIN, upstream={
        "retry": {"statuses": [503], "budget": "20%"}})
    client = proxy.connect()
    assert {client.request().status for _ in range(400)} == {200}
    answer[0] = BUSY
    assert {client.request().status for _ in range(100)} == {200}
    assert proxy.metrics()["retries_total"] == 50


def test_the_budget_is_written_down(gateway, upstream):
    answer = [BUSY]

    def serve(conn):
        conn.sock.sendall(answer[0])

    servers = [upstream([repeat(read_request, serve)]) for _ in range(2)]
    proxy = gateway(*servers, admin=ADMIN, upstream={
        "retry": {"statuses": [503], "budget": "50%"}})
    client = proxy.connect()

    def many():
        """So many that the few retries that are allowed in any case are not enough for them."""
        return [client.request().status for _ in range(100)][-1]

    wait_until(lambda: many() == 503 and proxy.records("state"), 60, "the budget is used up")
    answer[0] = OK
    wait_until(lambda: client.request().status == 200 and len(proxy.records("state")) > 1, 60,
               "there are retries again")
    assert [(row["state_kind"], row["subject"]) for row in proxy.records("state")] == [
        ("retries_exhausted", "app"), ("retries_available", "app")]
    assert proxy.metrics()["retries_denied_total"] >= 1


# ---- configuration


@pytest.mark.parametrize("retry, message", [
    ({"on": ["timeout"]}, "timeout"),
    ({"statuses": [200]}, "statuses"),
    ({"header": "a b"}, '"a b" cannot be the name of a field'),
    ({"backoff": "2m"}, "backoff"),
])
def test_what_is_refused(command, write_config, retry, message):
    done = command("check", write_config({
        "listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": ["127.0.0.1:9"], "retry": retry}}}))
    assert done.returncode == 2 and message in done.stderr + done.stdout
