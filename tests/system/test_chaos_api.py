# SPDX-License-Identifier: MIT
"""`tailgate chaos`: the HTTP API, call by call, with the statuses and texts of Toxiproxy."""

import http.client
import json
import socket

import pytest

from links import Api, echo, receive, round_trip
from waiting import wait_until
from wire import split_address

ROOT = "/proxies/link"
TOXICS = f"{ROOT}/toxics"


@pytest.fixture
def chaos(start):
    return Api(start("chaos", {}))


@pytest.fixture
def link(chaos, upstream):
    """A link to an echo; its address."""
    return chaos.link("link", upstream([echo]).address)


def error(status, text):
    return status, {"error": text, "status": status}


# ---- proxies


def test_a_proxy_is_shown_in_the_order_of_toxiproxy(chaos, link):
    status, headers, text = chaos.raw("GET", ROOT)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert headers["X-Toxiproxy-Request-Id"]
    assert list(json.loads(text)) == ["name", "listen", "upstream", "enabled", "toxics"]
    assert json.loads(text)["listen"] == link


def test_a_toxic_is_shown_in_the_order_of_toxiproxy(chaos, link):
    chaos.toxic("link", "latency", {"latency": 5})
    _, _, text = chaos.raw("GET", f"{TOXICS}/latency_downstream")
    assert text == ('{"attributes":{"latency":5,"jitter":0},"name":"latency_downstream",'
                    '"type":"latency","stream":"downstream","toxicity":1}')


def test_proxies_are_listed_by_name(chaos, link):
    chaos.link("another", "127.0.0.1:1")
    status, proxies = chaos.call("GET", "/proxies")
    assert status == 200 and list(proxies) == ["another", "link"]
    assert proxies["link"] == chaos.call("GET", ROOT)[1]


@pytest.mark.parametrize("body, text", [
    ("", "bad request body: EOF"),
    ('{"name" 7}', "bad request body: it is no JSON at byte 9"),
    ("[]", "bad request body: an object was expected"),
    ({"upstream": "127.0.0.1:1"}, "missing required field: name"),
    ({"name": "", "upstream": "127.0.0.1:1"}, "missing required field: name"),
    ({"name": "x"}, "missing required field: upstream"),
    ({"name": 7}, 'bad request body: "name" must be a string'),
    ({"name": "x", "upstream": "127.0.0.1:1", "enabled": 1},
     'bad request body: "enabled" must be true or false'),
])
def test_a_bad_proxy_is_refused(chaos, body, text):
    assert chaos.call("POST", "/proxies", body) == error(400, text)
    assert chaos.call("GET", "/proxies") == (200, {})


def test_a_proxy_without_a_place_is_refused(chaos):
    status, said = chaos.call("POST", "/proxies", {"name": "x", "upstream": "nowhere"})
    assert status == 400 and '"nowhere" is no address' in said["error"]


def test_errors_are_sent_as_text(chaos):
    status, headers, text = chaos.raw("GET", "/proxies/other")
    assert status == 404 and headers["Content-Type"].startswith("text/plain")
    assert text == '{"error":"proxy not found","status":404}\n'


def test_a_proxy_exists_once(chaos, link):
    assert chaos.call("POST", "/proxies", {"name": "link", "upstream": "127.0.0.1:1"}) == error(
        409, "proxy already exists")


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing(chaos, link):
    status, said = chaos.call("POST", "/proxies",
                              {"name": "x", "upstream": "127.0.0.1:1", "listen": link})
    assert status == 500 and "another program already does" in said["error"]
    assert list(chaos.call("GET", "/proxies")[1]) == ["link"]


@pytest.mark.parametrize("method, path", [
    ("GET", ROOT), ("POST", ROOT), ("PATCH", ROOT), ("DELETE", ROOT),
    ("GET", TOXICS), ("POST", TOXICS), ("GET", f"{TOXICS}/x"), ("POST", f"{TOXICS}/x"),
    ("DELETE", f"{TOXICS}/x")])
def test_a_proxy_that_is_not_there(chaos, method, path):
    assert chaos.call(method, path, {}) == error(404, "proxy not found")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_toxic_that_is_not_there(chaos, link, method):
    assert chaos.call(method, f"{TOXICS}/x", {}) == error(404, "toxic not found")


def test_unknown_paths_and_methods(chaos):
    assert chaos.call("GET", "/nothing") == (404, "404 page not found\n")
    assert chaos.call("PUT", "/proxies") == (405, "")
    assert chaos.call("GET", "/reset") == (405, "")


def test_version(chaos):
    status, headers, text = chaos.raw("GET", "/version")
    assert (status, text) == (200, '{"version": "2.12.0"}\n')


def test_the_content_type_of_a_call_does_not_matter(chaos, link):
    assert chaos.call("POST", TOXICS, {"type": "noop"},
                      {"Content-Type": "application/x-www-form-urlencoded"})[0] == 200


def test_names_in_paths_are_decoded(chaos):
    chaos.link("a b/c", "127.0.0.1:1")
    assert chaos.call("GET", "/proxies/a%20b%2Fc")[1]["name"] == "a b/c"


# ---- updates


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_disabling_closes_and_enabling_listens_at_the_same_place(chaos, link, connect, method):
    client = connect(link).sock
    round_trip(client)
    assert chaos.call(method, ROOT, {"enabled": False})[1]["enabled"] is False
    assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(link)
    status, proxy = chaos.call(method, ROOT, {"enabled": True})
    assert status == 200 and proxy["listen"] == link and proxy["enabled"] is True
    round_trip(connect(link).sock)


def test_a_changed_upstream_drops_connections(chaos, link, connect, upstream):
    client = connect(link).sock
    round_trip(client)
    chaos.call("POST", ROOT, {"upstream": upstream([b"other"]).address, "name": "ignored"})
    assert client.recv(1) == b""
    assert receive(connect(link).sock, 5) == b"other"


def test_a_changed_place_is_listened_at(chaos, link, connect):
    status, proxy = chaos.call("POST", ROOT, {"listen": "localhost:0"})
    assert status == 200 and proxy["listen"] != link
    round_trip(connect(proxy["listen"]).sock)
    with pytest.raises(ConnectionRefusedError):
        connect(link)


def test_a_place_that_overlaps_the_old_one_is_listened_at(chaos, link, connect):
    port = link.rpartition(":")[2]
    status, proxy = chaos.call("POST", ROOT, {"listen": f"0.0.0.0:{port}"})
    assert status == 200 and proxy["listen"] == f"0.0.0.0:{port}"
    round_trip(connect(link).sock)


def test_an_update_that_cannot_be_leaves_everything(chaos, link, connect):
    other = chaos.link("other", "127.0.0.1:1")
    client = connect(link).sock
    assert chaos.call("POST", ROOT, {"listen": other})[0] == 500
    assert chaos.call("POST", ROOT, {"upstream": "nowhere"})[0] == 400
    round_trip(client)
    assert chaos.call("GET", ROOT)[1]["listen"] == link
    round_trip(connect(link).sock)


def test_deleting_closes_everything(chaos, link, connect):
    chaos.toxic("link", "latency", {"latency": 10})
    client = connect(link).sock
    round_trip(client)
    assert chaos.call("DELETE", ROOT) == (204, "")
    assert client.recv(1) == b""
    assert chaos.call("GET", "/proxies") == (200, {})


def test_reset_enables_all_and_removes_toxics(chaos, link, connect):
    chaos.toxic("link", "timeout")
    chaos.call("POST", ROOT, {"enabled": False})
    assert chaos.call("POST", "/reset") == (204, "")
    status, proxy = chaos.call("GET", ROOT)
    assert (proxy["enabled"], proxy["toxics"], proxy["listen"]) == (True, [], link)
    round_trip(connect(link).sock)


# ---- populate


def test_populate_creates_and_keeps(chaos, link, upstream):
    kept = chaos.call("GET", ROOT)[1]
    chaos.toxic("link", "noop")
    status, said = chaos.call("POST", "/populate", [
        {"name": "link", "listen": kept["listen"], "upstream": kept["upstream"]},
        {"name": "new", "listen": "localhost:0", "upstream": "localhost:1"},
        {"name": "off", "listen": "localhost:0", "upstream": "localhost:1", "enabled": False}])
    assert status == 201
    assert [proxy["name"] for proxy in said["proxies"]] == ["link", "new", "off"]
    assert [len(proxy["toxics"]) for proxy in said["proxies"]] == [1, 0, 0]
    assert [proxy["enabled"] for proxy in said["proxies"]] == [True, True, False]


def test_populate_replaces_what_has_changed(chaos, link, upstream):
    chaos.toxic("link", "noop")
    _, said = chaos.call("POST", "/populate", [
        {"name": "link", "listen": link, "upstream": "127.0.0.1:1"}])
    assert said["proxies"][0]["toxics"] == [] and said["proxies"][0]["upstream"] == "127.0.0.1:1"


@pytest.mark.parametrize("second, text", [
    ({"upstream": "localhost:1"}, "missing required field: name at proxy 2"),
    ({"name": "x"}, "missing required field: upstream at proxy 2")])
def test_populate_checks_all_before_it_begins(chaos, second, text):
    body = [{"name": "one", "upstream": "localhost:1"}, second]
    status, _, answer = chaos.raw("POST", "/populate", body)
    assert (status, answer) == (400, json.dumps({"error": text, "status": 400, "proxies": None},
                                                separators=(",", ":")))
    assert chaos.call("GET", "/proxies") == (200, {})


def test_populate_says_what_it_has_done_when_it_fails(chaos, link):
    status, said = chaos.call("POST", "/populate", [
        {"name": "one", "upstream": "localhost:1", "listen": "localhost:0"},
        {"name": "two", "upstream": "localhost:1", "listen": link}])
    assert status == 500 and said["status"] == 500 and said["error"]
    assert [proxy["name"] for proxy in said["proxies"]] == ["one"]


def test_a_link_that_cannot_be_replaced_goes_on(chaos, link):
    chaos.toxic("link", "noop")
    before = chaos.call("GET", ROOT)
    status, said = chaos.call("POST", "/populate", [
        {"name": "link", "listen": str(chaos.address), "upstream": "localhost:1"}])
    assert status == 500 and said["proxies"] == []
    assert chaos.call("GET", ROOT) == before
    with socket.create_connection(split_address(link), 30) as client:
        round_trip(client)


# ---- toxics


def test_a_toxic_can_be_sent_back_as_it_is_shown(chaos, link):
    shown = chaos.toxic("link", "abort")
    assert shown["attributes"] == {"status": 503}
    assert chaos.call("POST", f"{TOXICS}/{shown['name']}", shown) == (200, shown)


@pytest.mark.parametrize("body, text", [
    ({"type": "latency", "stream": "sideways"},
     "stream was invalid, can be either upstream or downstream"),
    ({"type": "nothing"}, "invalid toxic type"),
    ({}, "invalid toxic type"),
    ({"type": "latency", "toxicity": 2}, 'bad request body: "toxicity" is 2 (expected 0 to 1)'),
    ({"type": "latency", "toxicity": -1}, 'bad request body: "toxicity" is -1 (expected 0 to 1)'),
    ({"type": "latency", "name": "x" * 256}, 'bad request body: "name" is too long'),
    ({"type": "latency", "attributes": 7}, 'bad request body: "attributes" must be an object'),
    ({"type": "idle_close", "attributes": {"idel": 7}},
     'bad request body: "idel" is no attribute of idle_close'),
])
def test_a_bad_toxic_is_refused(chaos, link, body, text):
    assert chaos.call("POST", TOXICS, body) == error(400, text)
    assert chaos.call("GET", TOXICS) == (200, [])


@pytest.mark.parametrize("body, text", [
    ({"type": "abort", "matches": {"path": "/one"}},
     '"matches" is no key of a toxic (did you mean "match"?)'),
    ({"type": "abort", "tll": "1s"}, '"tll" is no key of a toxic (did you mean "ttl"?)'),
    ({"type": "latency", "ttl": "1s", "shrae": "1%"},
     '"shrae" is no key of a toxic (did you mean "share"?)'),
    ({"type": "latency", "attributes": {"latency": "uniform(1ms,9ms)"}, "unheard-of": 1},
     '"unheard-of" is no key of a toxic'),
    ({"type": "latency", "ttl": "1s", "attributes": {"latncy": 1}},
     '"latncy" is no attribute of latency'),
    ('{"type": "noop", "type": "abort"}', '"type" stands twice'),
    ('{"type": "latency", "attributes": {"latency": 1, "Latency": 2}}', '"Latency" stands twice'),
])
def test_a_misspelt_word_beside_ours_is_refused(chaos, link, body, text):
    assert chaos.call("POST", TOXICS, body) == error(400, f"bad request body: {text}")
    assert chaos.call("GET", TOXICS) == (200, [])


def test_an_update_with_a_misspelt_word_changes_nothing(chaos, link):
    shown = chaos.toxic("link", "abort", ttl="1h")
    path = f"{TOXICS}/{shown['name']}"
    assert chaos.call("PATCH", path, {"tll": "1s"})[0] == 400
    assert chaos.call("PATCH", path, {"toxicity": 0.5, "toxicity ": 1})[0] == 400
    assert chaos.call("GET", path) == (200, shown)


def test_what_toxiproxy_would_ignore_is_ignored_and_named(chaos, link):
    status, headers, _ = chaos.raw("POST", TOXICS, {
        "type": "latency", "attributes": {"latncy": 7, "latency": 5}, "tll": "1s", "a\r\nb": 1})
    assert status == 200
    assert headers["X-Tailgate-Ignored"] == "tll, a??b, attributes.latncy"
    assert "link: ignored in a call of the API, for nobody knows it: tll, a??b, " \
           "attributes.latncy" in chaos.process.log()
    for method, path, body in (
            ("PATCH", f"{TOXICS}/latency_downstream", {"attributes": {"latency": 9}, "what": 1}),
            ("POST", "/proxies", {"name": "other", "upstream": "127.0.0.1:1", "what": 1}),
            ("PATCH", ROOT, {"what": 1}),
            ("POST", "/populate", [{"name": "third", "upstream": "127.0.0.1:1", "what": 1}])):
        status, headers, _ = chaos.raw(method, path, body)
        assert status in (200, 201) and headers["X-Tailgate-Ignored"] == "what", path


def test_what_is_known_is_not_named(chaos, link):
    shown = chaos.toxic("link", "latency", {"latency": 5, "jitter": 1}, toxicity=0.5)
    _, proxy = chaos.call("GET", ROOT)
    for path, body in ((f"{TOXICS}/{shown['name']}", shown), (ROOT, proxy)):
        status, headers, _ = chaos.raw("POST", path, body)
        assert status == 200 and "X-Tailgate-Ignored" not in headers
    assert "ignored" not in chaos.process.log()


@pytest.mark.parametrize("body, why", [
    ({"type": "latency", "attributes": {"latency": -5}}, "is not a length of time"),
    ({"type": "latency", "attributes": {"latency": "5 apples"}}, "is not a length of time"),
    ({"type": "latency", "from": "2s", "until": "1s"}, '"until" does not come after "from"'),
    ({"type": "latency", "every": "2s"}, 'needs "lasting"'),
    ({"type": "latency", "first": -1}, "out of bounds"),
    ({"type": "idle_close"}, 'idle_close lacks "idle"'),
])
def test_an_impossible_fault_is_refused_with_its_reason(chaos, link, body, why):
    status, said = chaos.call("POST", TOXICS, body)
    assert status == 400 and said["error"].startswith("bad request body: ") and why in said["error"]
    assert chaos.call("GET", TOXICS) == (200, [])


def test_a_toxic_exists_once(chaos, link):
    chaos.toxic("link", "noop")
    assert chaos.call("POST", TOXICS, {"type": "noop"}) == error(409, "toxic already exists")


def test_what_is_missing_of_toxiproxys_own_is_zero(chaos, link):
    for kind, attributes in [("latency", ["latency", "jitter"]), ("bandwidth", ["rate"]),
                             ("slow_close", ["delay"]), ("timeout", ["timeout"]),
                             ("reset_peer", ["timeout"]), ("limit_data", ["bytes"]), ("noop", []),
                             ("slicer", ["average_size", "size_variation", "delay"])]:
        said = chaos.toxic("link", kind, stream="UPSTREAM", unknown=7)
        assert sorted(said["attributes"]) == sorted(attributes)
        assert not any(said["attributes"].values())
        assert said["stream"] == "upstream" and said["name"] == f"{kind}_upstream"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_merges(chaos, link, method):
    chaos.toxic("link", "latency", {"latency": 100, "jitter": 10}, toxicity=0.5)
    path = f"{TOXICS}/latency_downstream"
    status, said = chaos.call(method, path, {"attributes": {"jitter": 20}, "name": "x",
                                             "stream": "upstream", "type": "noop"})
    assert status == 200 and said == {
        "attributes": {"latency": 100, "jitter": 20}, "name": "latency_downstream",
        "type": "latency", "stream": "downstream", "toxicity": 0.5}
    assert chaos.call(method, path, {"toxicity": 1})[1]["toxicity"] == 1
    assert chaos.call(method, path, {"attributes": {"latency": -1}})[0] == 400
    assert chaos.call("GET", path)[1]["attributes"] == {"latency": 100, "jitter": 20}


def test_our_own_faults_and_their_times(chaos, link):
    said = chaos.toxic("link", "latency", {"latency": "lognormal(p50=2ms,p99=40ms)"}, name="slow",
                       ttl="1h", every="10s", lasting="2s", stream="both")
    assert said["attributes"] == {"latency": "lognormal(p50=2ms,p99=40ms)", "jitter": 0}
    assert (said["ttl"], said["every"], said["lasting"]) == ("1h", "10s", "2s")
    said = chaos.toxic("link", "corrupt", {"corruption": 0.25})
    assert said["attributes"] == {"corruption": 0.25} and said["stream"] == "downstream"
    said = chaos.toxic("link", "half_open", {"idle": {"quantiles": {"p50": "1s", "p99": "9s"}}})
    assert said["attributes"]["idle"] == {"quantiles": {"p50": "1s", "p99": "9s"}}
    assert said["stream"] == "both"


def test_removing_never_hangs(chaos, upstream, connect):
    """Also with connections that nobody reads from."""
    address = chaos.link("link", upstream([b"x" * (16 << 20)]).address)
    for kind in ["latency", "bandwidth", "slicer", "limit_data", "timeout", "reset_peer"]:
        attributes = {"latency": 10, "rate": 1, "average_size": 10, "delay": 100,
                      "bytes": 1 << 40, "timeout": 3600000}
        client = connect(address).sock
        client.recv(1)
        chaos.toxic("link", kind, attributes)
        chaos.remove("link", f"{kind}_downstream")


# ---- who may call


def test_browsers_and_other_sites_are_refused(chaos):
    assert chaos.call("GET", "/proxies", headers={"User-Agent": "Mozilla/5.0"}) == (
        403, "User agent not allowed\n")
    for headers in [{"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                    {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}]:
        assert chaos.call("POST", "/reset", headers=headers)[0] == 403, headers
    for headers in [{"Host": "localhost:8474"}, {"Host": chaos.address}, {"Host": "[::1]:8474"},
                    {"Origin": f"http://{chaos.address}"}, {"Sec-Fetch-Site": "same-origin"}]:
        assert chaos.call("POST", "/reset", headers=headers)[0] == 204, headers


def test_hosts_of_the_configuration_may_call(start):
    api = Api(start("chaos", {"api": {"address": "127.0.0.1:0", "hosts": ["chaos.test"]}}))
    assert api.call("GET", "/proxies", headers={"Host": "chaos.test:8474"})[0] == 200
    assert api.call("GET", "/proxies", headers={"Host": "other.test"})[0] == 403


def test_a_token_is_asked_for(start):
    process = start("chaos", {"api": {"address": "127.0.0.1:0", "token": "s3cret"}})
    api = Api(process)
    for value in [None, "s3cret", "Bearer s3cre", "Bearer s3cret2", "Bearer S3cret"]:
        headers = {"Authorization": value} if value else {}
        assert api.call("GET", "/proxies", headers=headers) == (401, "A token is needed\n")
    assert api.call("GET", "/proxies", headers={"Authorization": "Bearer s3cret"})[0] == 200
    assert "s3cret" not in process.log()


def test_a_body_that_is_too_large_is_refused(chaos):
    assert chaos.call("POST", "/proxies", "x" * (2 << 20))[0] == 413


def test_a_body_in_chunks_is_read(chaos):
    host, port = split_address(chaos.address)
    connection = http.client.HTTPConnection(host, port, timeout=10)
    body = json.dumps({"name": "x", "upstream": "127.0.0.1:1"}).encode()
    connection.request("POST", "/proxies", iter([body[:5], body[5:]]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().status == 201
    connection.close()


def test_metrics_count_bytes_and_connections(chaos, link, connect):
    round_trip(connect(link).sock, b"hello")
    wait_until(lambda: chaos.metric("toxiproxy_proxy_sent_bytes_total", proxy="link",
                                    direction="downstream") == 5, what="the bytes are counted")
    assert chaos.metric("toxiproxy_proxy_received_bytes_total", proxy="link",
                        direction="upstream") == 5
    assert chaos.metric("tailgate_link_connections_total", link="link") == 1
    assert chaos.raw("GET", "/metrics")[1]["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("upstream, why", [
    ("127.0.0.1:99999", "is no address"), ("256.1.1.1:70000", "is no address"),
    ("{listen}", "lead to itself")])
def test_an_upstream_that_can_be_none(chaos, upstream, why):
    """A link to itself would take every descriptor there is with its first connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    status, said = chaos.call("POST", "/proxies", {
        "name": "link", "listen": listen, "upstream": upstream.format(listen=listen)})
    assert status in (400, 500) and why in said["error"]
    assert chaos.call("GET", "/proxies") == (200, {})


def test_a_file_is_not_shown(chaos, link, tmp_path):
    (tmp_path / "secret").write_text("root:x:0:0\n")
    status, said = chaos.call("POST", TOXICS, {
        "type": "latency", "attributes": {"latency": {"replay": str(tmp_path / "secret")}}})
    assert status == 400 and "is not a value to replay" in said["error"]
    assert "root" not in said["error"]
