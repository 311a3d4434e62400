# SPDX-License-Identifier: MIT
"""`tailgate chaos`: which requests its faults touch, and what is written down of them."""

import random
import sqlite3
import threading

import pytest

from links import Api, is_silent
from upstream import read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

# For how long nothing must happen where something is held up.
HELD_UP = 0.3
PATIENCE = 20
LOCAL = "127.0.0.1:0"
ANSWER = repeat(read_request, response_bytes(200, b"fine"))


@pytest.fixture
def chaos(start):
    return Api(start("chaos", {"seed": 7}))


@pytest.fixture
def link(chaos, upstream, connect):
    """Connects through a link to an upstream that answers each request with 200."""
    address = chaos.link("link", upstream([ANSWER]).address)
    return lambda: connect(address, PATIENCE)


def trace_id(number):
    return f"{number + 1:032x}"


def traced(number):
    return {"traceparent": f"00-{trace_id(number)}-{number + 1:016x}-01"}


# ---- match


@pytest.mark.parametrize("match, touched", [
    ({"methods": ["POST", "PUT"]}, [False, False, True, False]),
    ({"path": "/orders"}, [False, True, True, True]),
    ({"exact": "/orders"}, [False, True, False, False]),
    ({"headers": {"x-kind": "slow"}}, [False, False, True, False]),
    ({"headers": {"X-Kind": {"prefix": "s"}}}, [False, False, True, True]),
    ({"headers": {"X-Kind": {"present": False}}}, [True, True, False, False]),
    ({"path": "/orders", "methods": ["GET"], "headers": {"x-kind": {}}},
     [False, False, False, True]),
], ids=["method", "path", "exact", "header", "prefix", "absent", "all"])
def test_requests_are_matched(chaos, link, match, touched):
    chaos.toxic("link", "abort", match=match)
    client = link()
    requests = [("GET", "/"), ("GET", "/orders?a=b"), ("POST", "/orders/7", {"X-Kind": "slow"}),
                ("GET", "/orders/8", {"X-Kind": "slower"})]
    assert [client.request(*request).status == 503 for request in requests] == touched


# ---- when, and on whom


def test_a_share_touches_its_share_of_requests(chaos, link):
    chaos.toxic("link", "abort", toxicity=0.4)
    client = link()
    statuses = [client.request().status for _ in range(100)]
    assert 20 <= statuses.count(503) <= 60
    chaos.remove("link", "abort_downstream")
    assert client.request().status == 200


def test_the_first_that_match_are_touched_whatever_their_traces(chaos, link):
    chaos.toxic("link", "abort", first=3, match={"path": "/a"})
    client = link()
    assert client.request(path="/b").status == 200
    statuses = [client.request(path="/a", headers=traced(i)).status for i in range(6)]
    assert statuses == [503] * 3 + [200] * 3


def test_no_more_than_max_active_are_touched_at_once(chaos, link):
    chaos.toxic("link", "delay_request", {"delay": "1h"}, name="slow", max_active=2)
    clients = [link() for _ in range(3)]
    for client in clients[:2]:
        client.send(request_bytes())
        assert is_silent(client.sock, HELD_UP)
    assert clients[2].request().status == 200
    clients[0].reset()
    wait_until(lambda: chaos.metric("tailgate_fault_connections", link="link") == 1,
               what="the request that was given up is touched no more")
    clients[2].send(request_bytes())
    assert is_silent(clients[2].sock, HELD_UP)
    chaos.remove("link", "slow")
    assert [client.read_response().status for client in clients[1:]] == [200, 200]


def test_a_fault_is_on_for_its_time_alone(chaos, link):
    client = link()
    chaos.toxic("link", "abort", **{"from": "1h"}, name="later")
    assert client.request().status == 200
    chaos.remove("link", "later")
    chaos.toxic("link", "abort", ttl="4s")
    assert client.request().status == 503
    wait_until(lambda: chaos.call("GET", "/proxies/link/toxics")[1] == [],
               timeout=PATIENCE, what="the fault removes itself")
    assert client.request().status == 200


def test_what_a_fault_holds_goes_on_when_its_time_is_over(chaos, link):
    client = link()
    chaos.toxic("link", "delay_response", {"delay": "1h"}, until="500ms")
    client.send(request_bytes())
    assert client.read_response().status == 200


def test_a_fault_comes_and_goes(chaos, link):
    client = link()
    chaos.toxic("link", "abort", every="1600ms", lasting="800ms")
    seen = []

    def is_over():
        seen.append(client.request().status)
        changes = sum(a != b for a, b in zip(seen, seen[1:]))
        return changes >= 3 and seen[-1] == 200

    wait_until(is_over, PATIENCE * 2, "it has come twice and gone again")


def test_several_faults_touch_one_request(chaos, link):
    chaos.toxic("link", "edit_response", {"add": {"X-One": "1"}}, name="one")
    chaos.toxic("link", "edit_response", {"add": {"X-Two": "2"}, "remove": ["x-one"]}, name="two")
    chaos.toxic("link", "delay_response", {"delay": 1})
    response = link().request()
    assert (response.header("X-One"), response.header("X-Two")) == (None, "2")


# ---- the same seed, the same requests


class Load:
    """Requests with trace ids from several connections at once, each run in another order."""

    def __init__(self, connect, address, order, requests=240, workers=6):
        self.statuses = {}
        numbers = list(range(requests))
        random.Random(order).shuffle(numbers)
        threads = [threading.Thread(target=self.send, args=(connect(address, PATIENCE), part))
                   for part in (numbers[i::workers] for i in range(workers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(self.statuses) == requests

    def send(self, client, numbers):
        for number in numbers:
            self.statuses[trace_id(number)] = client.request(headers=traced(number)).status


FAULTS = [
    {"kind": "abort", "name": "gone", "share": "20%"},
    {"kind": "abort", "name": "busy", "status": 429, "share": "20%", "match": {"path": "/"}},
    {"kind": "delay_response", "name": "slow", "delay": "uniform(0ms,2ms)", "share": "30%"},
    {"kind": "latency", "name": "far", "latency": "1ms", "share": "10%", "per": "request"},
]


def test_two_runs_with_one_seed_fault_the_same_requests(start, upstream, connect, command,
                                                        tmp_path):
    def run(order, seed=7):
        folder = tmp_path / f"run{order}"
        chaos = start("chaos", {"seed": seed, "record": str(folder), "links": {
            "link": {"listen": LOCAL, "upstream": upstream([ANSWER]).address, "faults": FAULTS}}})
        load = Load(connect, chaos.addresses[1], order)
        assert chaos.stop() == 0
        done = command("export", folder, "--output", f"{folder}.db")
        assert done.returncode == 0, done.stderr
        rows = sqlite3.connect(f"{folder}.db").execute(
            "SELECT trace_id, name, target, kind, ordinal, ended_ns - started_ns FROM fault")
        return load.statuses, sorted(rows)

    statuses, rows = run(1)
    again, rows_again = run(2)
    assert statuses == again
    assert [row[:5] for row in rows] == [row[:5] for row in rows_again]
    touched = {name: {row[0] for row in rows if row[1] == name} for name in
               ("gone", "busy", "slow", "far")}
    assert all(20 <= len(ids) <= 120 for ids in touched.values()), touched
    # The first fault that aborts a request answers it.
    assert {id for id, status in statuses.items() if status == 503} == touched["gone"]
    assert {id for id, status in statuses.items() if status == 429} == \
        touched["busy"] - touched["gone"]
    assert {(row[2], row[3]) for row in rows} == {
        ("link", "abort"), ("link", "delay_response"), ("link", "latency")}
    assert all(row[4] >= 0 and row[5] >= 0 for row in rows)
    other, rows_other = run(3, seed=8)
    assert other != statuses and {row[:2] for row in rows_other} != {row[:2] for row in rows}


def test_requests_without_a_trace_are_recorded_by_their_numbers(start, upstream, connect, command,
                                                                tmp_path):
    chaos = start("chaos", {"record": str(tmp_path / "records"), "links": {"link": {
        "listen": LOCAL, "upstream": upstream([ANSWER]).address, "faults": [
            {"kind": "delay_response", "delay": "20ms", "match": {"path": "/slow"}}]}}})
    client = connect(chaos.addresses[1])
    for path in ("/", "/slow", "/", "/slow"):
        client.request(path=path)
    assert chaos.stop() == 0
    done = command("export", tmp_path / "records", "--output", tmp_path / "records.db")
    assert done.returncode == 0, done.stderr
    rows = sqlite3.connect(tmp_path / "records.db").execute(
        "SELECT name, kind, ordinal, trace_id, ended_ns - started_ns FROM fault ORDER BY ordinal"
    ).fetchall()
    assert [row[:4] for row in rows] == [
        ("delay_response_downstream", "delay_response", number, None) for number in (1, 3)]
    assert all(row[4] >= 20e6 for row in rows)


# ---- what the API and the configuration say


def test_the_api_shows_and_changes_what_it_was_given(chaos, link):
    match = {"methods": ["GET"], "headers": {"x": "y"}}
    toxic = chaos.toxic("link", "truncate", {"bytes": 10, "reset": True}, name="cut", match=match,
                        first=5)
    shown = {"attributes": {"bytes": 10, "reset": True, "body_share": 0}, "name": "cut",
             "type": "truncate", "stream": "downstream", "toxicity": 1, "match": match, "first": 5}
    assert toxic == shown
    assert chaos.call("GET", "/proxies/link/toxics/cut") == (200, shown)
    changed = {**shown, "toxicity": 0.5, "attributes": {"bytes": 3, "reset": True, "body_share": 0}}
    assert chaos.call("POST", "/proxies/link/toxics/cut",
                      {"toxicity": 0.5, "attributes": {"bytes": 3}}) == (200, changed)
    chaos.remove("link", "cut")
    edits = {"set": {"X-A": "1"}, "remove": ["X-B"]}
    assert chaos.toxic("link", "edit_request", edits)["attributes"] == edits


@pytest.mark.parametrize("toxic, why", [
    ({"type": "abort", "attributes": {"status": 700}}, "out of bounds (expected 200 to 599)"),
    ({"type": "abort", "stream": "upstream"}, 'abort has no "stream" but "downstream"'),
    ({"type": "delay_request"}, 'delay_request lacks "delay"'),
    ({"type": "abort", "attributes": {"statsu": 1}}, '"statsu" is no attribute of abort'),
    ({"type": "abort", "match": {"route": "/"}}, "known in a gateway alone"),
    ({"type": "abort", "match": {"pth": "/"}}, 'nearest known key "path"'),
    ({"type": "abort", "per": "connection"}, "cannot be drawn per connection"),
])
def test_the_api_refuses_what_cannot_be(chaos, link, toxic, why):
    status, answer = chaos.call("POST", "/proxies/link/toxics", toxic)
    assert status == 400 and why in answer["error"], answer
    assert chaos.call("GET", "/proxies/link/toxics") == (200, [])
    chaos.toxic("link", "abort", name="kept")
    status, answer = chaos.call("POST", "/proxies/link/toxics/kept",
                                {"attributes": {"status": 1}, "match": {"path": "no"}})
    assert status == 400
    assert link().request().status == 503


@pytest.mark.parametrize("fault, column, why", [
    ('{ "kind": "delay_request" }', 1, 'delay_request lacks "delay"'),
    ('{ "kind": "delay_response", "delay": "-1ms" }', 38, "is not a length of time"),
    ('{ "kind": "abort", "status": 199 }', 30, "expected 200 to 599"),
    ('{ "kind": "abort", "stream": "upstream" }', 30, 'no "stream" but "downstream"'),
    ('{ "kind": "abort", "per": "connection" }', 27, "cannot be drawn per connection"),
    ('{ "kind": "empty_response", "reset": 1 }', 38, "true or false"),
    ('{ "kind": "early_reply", "status": 600 }', 36, "expected 200 to 599"),
    ('{ "kind": "truncate", "body_share": "100%" }', 37, "would cut nothing"),
    ('{ "kind": "truncate", "body_share": "101%" }', 37, "out of bounds"),
    ('{ "kind": "stall", "hold": "soon" }', 28, "is not a length of time"),
    ('{ "kind": "malformed_chunk", "bytes": "-1" }', 39, "not a size"),
    ('{ "kind": "malformed_head", "bytes": 1 }', 38, "is no parameter of malformed_head"),
    ('{ "kind": "oversized_head", "size": "1GiB" }', 37, "out of bounds"),
    ('{ "kind": "wrong_length" }', 1, 'wrong_length lacks "difference"'),
    ('{ "kind": "wrong_length", "difference": 0 }', 41, "would change nothing"),
    ('{ "kind": "response_rate" }', 1, 'response_rate lacks "rate"'),
    ('{ "kind": "edit_request" }', 1, 'lacks "set", "add" or "remove"'),
    ('{ "kind": "edit_request", "set": { "a b": "c" } }', 43, "no name of a header field"),
    ('{ "kind": "edit_response", "set": { "a": "b\\r\\nc" } }', 42, "the end of a line"),
    ('{ "kind": "edit_response", "remove": [ "Content-Length" ] }', 38, "wrong_length"),
    ('{ "kind": "noop", "per": "request" }', 26, "cannot be drawn per request"),
    ('{ "kind": "corrupt", "match": { "path": "/" } }', 31, 'set "per" to "request"'),
    ('{ "kind": "abort", "match": { "path": "a" } }', 39, 'must begin with "/"'),
    ('{ "kind": "abort", "match": { "methods": [] } }', 42, "is empty"),
    ('{ "kind": "abort", "match": { "endpoint": "a:1" } }', 29, "known in a gateway alone"),
])
def test_an_impossible_fault_is_refused_with_its_place(command, write_config, fault, column, why):
    path = write_config('{ "seed": 7, "links": { "a": {\n  "listen": "127.0.0.1:0",\n'
                        '  "upstream": "127.0.0.1:1", "faults": [\n%s ] } } }' % fault)
    done = command("check", path)
    assert done.returncode == 2
    assert f":4:{column}: " in done.stderr and why in done.stderr, done.stderr
