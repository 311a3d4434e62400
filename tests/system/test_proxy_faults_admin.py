# SPDX-License-Identifier: MIT
"""Faults of a running gateway, controlled by its admin address: what can be changed, by whom, and that
nothing else changes."""

import json
import re
import signal
import threading

import pytest

from upstream import read_request, repeat
from waiting import wait_until
from wire import Client, request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
REFUSE = {"kind": "refuse"}
HOUR = {"kind": "latency", "latency": "1h", "per": "request"}
LOCAL = {"Host": "localhost"}
TOKEN = "0123456789abcdef0123456789abcdef"


class Admin:
    """Calls to a gateway's admin address."""

    def __init__(self, proxy):
        self.proxy = proxy
        line = proxy.process.wait_log("/metrics on")
        self.address = re.search(r"/metrics on (\S+)", line)[1]

    def call(self, method, path, body=None, headers=(), host="localhost"):
        """(status, JSON or None)"""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        with Client(self.address, 30) as client:
            response = client.request(method, path, {"Host": host, **dict(headers)}, body)
        return response.status, json.loads(response.body) if response.body else None

    def names(self):
        status, answer = self.call("GET", "/faults")
        assert status == 200
        return [fault["name"] for fault in answer["faults"]]

    def __getattr__(self, name):
        return getattr(self.proxy, name)


@pytest.fixture
def controlled(gateway, upstream):
    """controlled(fault, ...) -> Admin of a gateway that has these faults in its file."""

    def start(*faults, admin=None, server=None, **options):
        return Admin(gateway(server or upstream(SERVE), faults=list(faults), seed=7,
                             admin={"address": "127.0.0.1:0", **(admin or {})}, **options))

    return start


def is_refused(proxy):
    return proxy.request().status == 502


# ---- what can be done


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 3])
def test_a_fault_is_added_changed_and_removed(controlled, workers):
    admin = controlled(workers=workers, upstream={"connections": {"max_requests": 1}})
    assert admin.names() == []
    status, added = admin.call("POST", "/faults", {"name": "gone", "kind": "refuse"})
    assert status == 201
    assert added["name"] == "gone" and not added["configured"]
    assert added["fault"] == {"name": "gone", "kind": "refuse"}
    wait_until(lambda: is_refused(admin), what="connections are refused")
    status, shown = admin.call("GET", "/faults/gone")
    assert status == 200 and shown["on"] and shown["touched"] >= 1

    status, changed = admin.call("PUT", "/faults/gone", {"kind": "refuse", "from": "1h"})
    assert (status, changed["fault"]) == (200, {"kind": "refuse", "from": "1h"})
    for _ in range(workers * 2):
        wait_until(lambda: not is_refused(admin), what="they are not any more")

    status, _ = admin.call("PUT", "/faults/gone", REFUSE)
    assert status == 200
    wait_until(lambda: is_refused(admin), what="they are again")
    assert admin.call("DELETE", "/faults/gone") == (204, None)
    for _ in range(workers * 2):
        wait_until(lambda: not is_refused(admin), what="they are not any more")
    assert admin.names() == []
    log = admin.process.log()
    for what in ('fault "gone" added by the admin address: {"name":"gone","kind":"refuse"}',
                 'fault "gone" changed by the admin address', 'fault "gone" removed'):
        assert re.search(r" admin c\d+: " + re.escape(what), log), what


def test_a_fault_may_be_named_by_its_path_or_by_its_kind(controlled):
    admin = controlled()
    assert admin.call("PUT", "/faults/by%20path", {"kind": "noop"})[0] == 201
    assert admin.call("POST", "/faults", {"kind": "noop"})[0] == 201
    assert sorted(admin.names()) == ["by path", "noop_downstream"]
    status, shown = admin.call("GET", "/faults/by%20path?pretty")
    assert (status, shown["name"]) == (200, "by path")
    assert admin.call("DELETE", "/faults/by%20path")[0] == 204


def test_a_body_is_written_as_in_the_configuration(controlled):
    admin = controlled()
    body = b"""{
      // comments, distributions and conditions
      "name": "all", "kind": "latency", "latency": "lognormal(p50=2ms,p99=40ms)", "share": "1%",
      "from": "1h", "until": "2h", "every": "10s", "lasting": "1s", "per": "request",
      "match": { "path": "/", "methods": [ "GET" ], "upstream": "app" }
    }"""
    status, shown = admin.call("POST", "/faults", body)
    assert status == 201, shown
    _, shown = admin.call("GET", "/faults/all")
    assert shown["fault"]["match"] == {"path": "/", "methods": ["GET"], "upstream": "app"}
    assert not shown["on"]
    # What is shown can be sent again.
    assert admin.call("PUT", "/faults/all", shown["fault"])[0] == 200


def test_all_off_at_once(controlled):
    admin = controlled({"name": "file", **HOUR}, {"name": "other", "kind": "noop"})
    admin.call("POST", "/faults", {"name": "added", **HOUR, "stream": "upstream"})
    waiting = [admin.connect(timeout=40) for _ in range(3)]
    for client in waiting:
        client.send(request_bytes())
    wait_until(lambda: sum(fault["active"] for fault in
                           admin.call("GET", "/faults")[1]["faults"]
                           if fault["name"] == "file") == 3, what="all are touched")
    assert sorted(admin.names()) == ["added", "file", "other"]
    assert admin.call("DELETE", "/faults") == (204, None)
    # Half way through, they come to a good end, and so does what follows on their connections.
    for client in waiting:
        assert client.read_response().body == b"hello"
        assert client.request().body == b"hello"
    assert admin.names() == []
    admin.process.wait_log("all faults removed by the admin address: 3")
    assert admin.call("DELETE", "/faults") == (204, None)


def test_a_fault_with_a_ttl_ends_by_itself(controlled):
    admin = controlled()
    status, added = admin.call("POST", "/faults", {"name": "short", **HOUR, "ttl": "1500ms"})
    assert status == 201 and 0 < added["ends_in_ms"] <= 1500
    client = admin.connect(timeout=60)
    client.send(request_bytes())
    assert client.read_response().body == b"hello"
    wait_until(lambda: admin.names() == [], what="it is gone")
    assert admin.call("GET", "/faults/short")[0] == 404
    assert admin.call("DELETE", "/faults/short")[0] == 404
    assert admin.call("POST", "/faults", {"name": "short", "kind": "noop"})[0] == 201


def test_what_is_over_leaves_its_place_to_others(controlled):
    admin = controlled()
    for i in range(64):
        assert admin.call("PUT", f"/faults/{i}", {"kind": "noop", "ttl": "10s"})[0] == 201
    for i in range(64):
        assert admin.call("PUT", f"/faults/{i}", {"kind": "noop", "ttl": "1ms"})[0] == 200
    wait_until(lambda: admin.names() == [], what="all are over")
    for i in range(64):
        assert admin.call("PUT", f"/faults/{100 + i}", {"kind": "noop"})[0] == 201
    status, refused = admin.call("POST", "/faults", {"name": "one more", "kind": "noop"})
    assert status == 409 and "64 faults already" in refused["error"]
    assert len(admin.names()) == 64


def test_looking_changes_nothing(controlled):
    admin = controlled({"name": "it", "kind": "noop"})
    before = admin.call("GET", "/faults")
    log = admin.process.log()
    for path in ("/faults", "/faults/it", "/faults/it?delete=1"):
        for method in ("GET", "HEAD"):
            assert admin.call(method, path)[0] == 200
    assert admin.call("GET", "/faults") == before
    assert admin.process.log() == log


# ---- the file


def test_a_reload_brings_back_what_the_file_says_and_keeps_what_was_added(controlled):
    admin = controlled({"name": "kept", "kind": "noop"}, {"name": "changed", "kind": "noop"},
                       {"name": "removed", "kind": "noop"})
    admin.call("PUT", "/faults/changed", {"kind": "refuse", "from": "1h"})
    admin.call("DELETE", "/faults/removed")
    admin.call("POST", "/faults", {"name": "added", "kind": "refuse", "from": "1h"})
    admin.process.send_signal(signal.SIGHUP)
    admin.process.wait_log("reloaded")
    faults = {fault["name"]: fault for fault in admin.call("GET", "/faults")[1]["faults"]}
    assert {name: fault["configured"] for name, fault in faults.items()} == {
        "kept": True, "changed": True, "removed": True, "added": False}
    assert faults["changed"]["fault"]["kind"] == "noop"
    assert faults["added"]["fault"]["kind"] == "refuse"


# ---- what is refused

BAD = {
    "nothing": (b"", 400, r"^body:1:1: "),
    "no JSON": (b"{", 400, r"^body:1:2: "),
    "no object": (b"[]", 400, r"^body:1:1: "),
    "place": (b'{\n  "kind": "latency",\n  "latency": "-1ms"\n}', 400, r"^body:3:14: .*-1ms"),
    "share": ({"kind": "noop", "share": "101%"}, 400, r"^body:1:\d+: .*share"),
    "unknown kind": ({"kind": "latencyy"}, 400, r'"latency"'),
    "unknown key": ({"kind": "noop", "shares": "1%"}, 400, r'"share"'),
    "interval": ({"kind": "noop", "from": "2s", "until": "1s"}, 400, r"does not come after"),
    "no such route": ({**HOUR, "match": {"route": "none"}}, 400, r"^body:1:\d+: .*no such route"),
    "no such endpoint": ({**REFUSE, "match": {"endpoint": "127.0.0.1:1"}}, 400,
                         r"no such endpoint"),
    "a process": ({"kind": "kill"}, 400, r"^body:1:\d+: kill is done to whole processes"),
    "a backend": ({"kind": "descriptors"}, 400, r"^body:1:\d+: descriptors is done to whole"),
    "a name that no path has room for": ({"kind": "noop", "name": "x" * 256}, 400,
                                         r"^body:1:\d+: .*255 bytes"),
    "there already": ({"name": "it", "kind": "refuse"}, 409, r'fault "it" already.*PUT'),
    "too long": (b" " * 70000, 413, None),
    "bytes": (bytes(range(256)), 400, r"^body:1:1: "),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_impossible_is_refused_and_nothing_changes(controlled, case):
    body, expected, message = BAD[case]
    admin = controlled({"name": "it", "kind": "latency", "latency": "10ms", "per": "request"})
    before = admin.call("GET", "/faults")
    log = admin.process.log()
    if message is None:
        with Client(admin.address, 30) as client:
            assert client.request("POST", "/faults", LOCAL, body).status == expected
    else:
        status, answer = admin.call("POST", "/faults", body)
        assert status == expected
        assert re.search(message, answer["error"]), answer
        if expected == 400:
            assert admin.call("PUT", "/faults/it", body)[0] == 400
    assert admin.call("GET", "/faults") == before
    assert admin.process.log() == log
    assert admin.request().body == b"hello"


def test_a_path_and_a_body_that_disagree(controlled):
    admin = controlled()
    status, answer = admin.call("PUT", "/faults/a", {"kind": "noop", "name": "b"})
    assert status == 400 and re.search(r"^body:1:\d+: the path calls the fault", answer["error"])
    assert admin.names() == []


@pytest.mark.parametrize("method, path, status, allow", [
    ("PUT", "/faults", 405, "GET, HEAD, POST, DELETE"),
    ("POST", "/faults/it", 405, "GET, HEAD, PUT, DELETE"),
    ("PATCH", "/faults/it", 405, "GET, HEAD, PUT, DELETE"),
    ("GET", "/faults/none", 404, None),
    ("GET", "/faults/", 404, None),
    ("GET", "/faults/a/b", 404, None),
    ("GET", "/faults/" + "x" * 300, 404, None),
    ("DELETE", "/faults/it%00", 404, None),
    ("GET", "/faultsy", 404, None),
    ("POST", "/metrics", 405, None),
])
def test_other_calls(controlled, method, path, status, allow):
    admin = controlled({"name": "it", "kind": "noop"})
    with Client(admin.address, 30) as client:
        response = client.request(method, path, LOCAL, b"{}" if method == "POST" else None)
    assert response.status == status
    assert response.header("Allow") == allow
    assert admin.names() == ["it"]


# ---- by whom


@pytest.mark.parametrize("headers, host", [
    ({"Origin": "http://evil.example"}, "localhost"),
    ({"Origin": "null"}, "localhost"),
    ({"Origin": "https://localhost"}, "localhost"),
    ({"Sec-Fetch-Site": "cross-site"}, "localhost"),
    ({"Sec-Fetch-Site": "same-site"}, "localhost"),
    ({"User-Agent": "Mozilla/5.0"}, "localhost"),
    ({}, "evil.example"),
    ({"Origin": "http://evil.example:9901"}, "evil.example:9901"),
    ({}, "127.0.0.1.evil.example"),
])
def test_a_browser_on_behalf_of_another_site_cannot_reach_it(controlled, headers, host):
    admin = controlled({"name": "it", "kind": "noop"})
    for method, path, body in (("GET", "/faults", None), ("POST", "/faults", {"kind": "refuse"}),
                               ("PUT", "/faults/x", {"kind": "refuse"}), ("DELETE", "/faults", None)):
        status, answer = admin.call(method, path, body, headers, host)
        assert status == 403 and "not allowed" in answer["error"]
    assert admin.names() == ["it"]
    admin.process.wait_log("a call about faults was refused with 403")
    # It is about faults alone.
    assert admin.proxy.metric("requests_total") == 0


@pytest.mark.parametrize("host", ["localhost", "localhost:9901", "127.0.0.1", "[::1]:9901",
                                  "gateway.internal"])
def test_names_of_this_machine_and_those_that_are_configured_reach_it(controlled, host):
    admin = controlled(admin={"hosts": ["gateway.internal"]})
    assert admin.call("POST", "/faults", {"kind": "noop"}, {}, host)[0] == 201
    assert admin.call("GET", "/faults", None, {"Origin": f"http://{host}"}, host)[0] == 200


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_token_is_needed_where_there_is_one(controlled):
    admin = controlled(admin={"token": TOKEN})
    wrong = [{}, bearer(""), bearer(TOKEN[:-1]), bearer(TOKEN + "0"), bearer(TOKEN.upper()),
             {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}]
    for headers in wrong:
        status, answer = admin.call("POST", "/faults", {"kind": "refuse"}, headers)
        assert (status, answer) == (401, {"error": "A token is needed"})
    assert admin.call("GET", "/faults")[0] == 401
    assert admin.call("POST", "/faults", {"kind": "noop"}, bearer(TOKEN))[0] == 201
    assert admin.call("GET", "/faults", None, bearer(TOKEN))[0] == 200
    # Nobody else than before needs one.
    with Client(admin.address, 30) as client:
        assert client.request(path="/ready").status == 200
        assert client.request(path="/metrics").status == 200
    admin.process.wait_log("refused with 401")
    assert TOKEN not in admin.process.log()


def test_other_machines_need_a_token(controlled):
    admin = controlled(admin={"address": "0.0.0.0:0"})
    admin.address = admin.address.replace("0.0.0.0", "127.0.0.1")
    status, answer = admin.call("POST", "/faults", REFUSE)
    assert status == 403 and 'set a "token"' in answer["error"]
    with Client(admin.address, 30) as client:
        assert client.request(path="/ready").status == 200
    admin = controlled(admin={"address": "0.0.0.0:0", "token": TOKEN})
    admin.address = admin.address.replace("0.0.0.0", "127.0.0.1")
    assert admin.call("POST", "/faults", REFUSE)[0] == 401
    assert admin.call("POST", "/faults", REFUSE, bearer(TOKEN))[0] == 201


def test_a_unix_socket_needs_none(controlled, tmp_path):
    admin = controlled(admin={"address": f"unix:{tmp_path}/admin.sock"})
    assert admin.call("POST", "/faults", {"kind": "noop"}, {}, "whatever")[0] == 201
    assert admin.call("GET", "/faults", None, {"Sec-Fetch-Site": "cross-site"})[0] == 403


# ---- under load


@pytest.mark.threads
def test_faults_come_and_go_under_load(controlled):
    admin = controlled(workers=2)
    stop = threading.Event()
    failures = []

    def drive():
        client = admin.connect(timeout=60)
        while not stop.is_set():
            response = client.request()
            if response.body != b"hello":
                failures.append(response)

    threads = [threading.Thread(target=drive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(25):
        fault = {"kind": "latency", "latency": f"{turn % 5 + 1}ms", "per": "request"}
        assert admin.call("PUT", "/faults/slow", fault)[0] in (200, 201)
        assert admin.call("PUT", f"/faults/{turn % 3}", {"kind": "noop", "per": "connection"})[0] \
            in (200, 201)
        if turn % 4 == 3:
            assert admin.call("DELETE", "/faults")[0] == 204
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
