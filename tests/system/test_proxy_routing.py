# SPDX-License-Identifier: MIT
"""Routes over real sockets: who gets a request, what is changed on the way, what answers alone."""

import pytest

from upstream import read_request, repeat
from wire import request_bytes, response_bytes


def serving(name, headers=()):
    """A script that answers every request with a name."""
    return [repeat(read_request, response_bytes(200, name.encode(), headers))]


def routed(gateway, upstream, routes, headers=(), **options):
    """A gateway with two upstreams "a" and "b" that answer with their names."""
    servers = {name: upstream(serving(name, headers)) for name in "ab"}
    upstreams = {name: {"endpoints": [server.address]} for name, server in servers.items()}
    return gateway(routes=routes, upstreams=upstreams, **options), servers


def answered_by(proxy, path="/", headers=(), method="GET"):
    response = proxy.request(method, path, headers)
    return response.body.decode() if response.status == 200 else response.status


def test_host_path_method_and_header(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/api", "upstream": "a"},
        {"exact": "/api", "upstream": "b"},
        {"path": "/api", "methods": ["DELETE"], "upstream": "b"},
        {"path": "/api", "headers": {"X-Canary": "1"}, "upstream": "b"},
        {"host": "*.example.com", "upstream": "b", "name": "tenants"},
    ])
    assert answered_by(proxy, "/api/x") == "a"
    assert answered_by(proxy, "/api?q=1") == "b"
    assert answered_by(proxy, "/api/x", method="DELETE") == "b"
    assert answered_by(proxy, "/api/x", {"x-canary": "1"}) == "b"
    assert answered_by(proxy, "/api/x", {"x-canary": "2"}) == "a"
    assert answered_by(proxy, "/api/x", {"Host": "t1.EXAMPLE.com:80"}) == "b"
    assert answered_by(proxy, "/none") == 404
    rows = proxy.wait_records("request", 7)
    assert [row.get("route") for row in rows] == [
        "/api", "=/api", "DELETE /api", "/api {X-Canary}", "/api", "tenants", None]
    assert [row.get("upstream") for row in rows] == ["a", "b", "b", "b", "a", "b", None]


def test_the_most_specific_host_wins(gateway, upstream):
    hosts = ["*.example.com", "*.shop.example.com", "a.shop.example.com", "example.com"]
    routes = [{"host": host, "respond": {"status": 200, "body": host}} for host in hosts]
    proxy, _ = routed(gateway, upstream, [{"path": "/", "upstream": "a"}, *routes])
    for host, answer in [
            ("a.shop.example.com", "a.shop.example.com"), ("example.com.", "example.com"),
            ("b.shop.example.com", "*.shop.example.com"), ("c.example.com", "*.example.com"),
            ("x.a.shop.example.com", "*.shop.example.com"), ("anexample.com", "a")]:
        assert answered_by(proxy, headers={"Host": host}) == answer, host


def test_values_and_presence_of_headers(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/", "upstream": "a"},
        {"path": "/starts", "headers": {"X-Plan": {"prefix": "gold-"}}, "upstream": "b"},
        {"path": "/there", "headers": {"X-Plan": {"present": True}}, "upstream": "b"},
        {"path": "/lacking", "headers": {"X-Plan": {"present": False}}, "upstream": "b"},
        {"path": "/both", "headers": {"X-Plan": "gold", "X-Site": "eu"}, "upstream": "b"},
    ])
    for path, plan, answer in [
            ("/starts", "gold-7", "b"), ("/starts", "gold-", "b"), ("/starts", "gold", "a"),
            ("/starts", "old-gold-", "a"), ("/there", "any", "b"), ("/lacking", "any", "a"),
            ("/both", "gold", "a")]:
        assert answered_by(proxy, path, {"x-plan": plan}) == answer, (path, plan)
    for path, answer in [("/starts", "a"), ("/there", "a"), ("/lacking", "b"), ("/both", "a")]:
        assert answered_by(proxy, path) == answer, path
    assert answered_by(proxy, "/both", [("X-Site", "eu"), ("X-Plan", "gold")]) == "b"
    assert answered_by(proxy, "/both", [("X-Plan", "silver"), ("X-Plan", "gold"),
                                        ("X-Site", "eu")]) == "b", "one of several is enough"


def split_of(gateway, upstream, seed, traces):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/", "split": [{"upstream": "a", "weight": 3}, "b"]}], workers=2, seed=seed)
    client = proxy.connect()
    answers = ""
    for trace in traces:
        fields = {"traceparent": f"00-{trace:032x}-00000000000000{trace % 200 + 1:02x}-01"}
        answers += client.request(headers=fields).body.decode()
    return answers


def test_split_by_weight_is_a_function_of_seed_and_trace(gateway, upstream):
    traces = range(1, 401)
    first = split_of(gateway, upstream, 7, traces)
    assert 60 <= first.count("b") <= 140  # 100 expected; six standard deviations are 52
    assert split_of(gateway, upstream, 7, traces) == first
    assert split_of(gateway, upstream, 8, traces) != first


def test_weight_zero_gets_nothing(gateway, upstream):
    proxy, servers = routed(gateway, upstream, [
        {"path": "/", "split": [{"upstream": "a", "weight": 0}, "b"]}])
    client = proxy.connect()
    assert {client.request().body for _ in range(50)} == {b"b"}
    assert not servers["a"].requests


def test_request_headers(gateway, upstream):
    proxy, servers = routed(gateway, upstream, [
        {"path": "/", "upstream": "a", "request_headers": {
            "set": {"Host": "inner.example.com", "X-Tier": "gold"},
            "add": {"X-Via": "tailgate"}, "remove": ["X-Secret", "X-Request-Id"]}}])
    proxy.request(headers=[("X-Tier", "lead"), ("x-secret", "1"), ("X-Via", "other"),
                           ("X-SECRET", "2"), ("X-Request-Id", "7"), ("X-Kept", "yes")])
    head = servers["a"].requests[0].decode()
    lines = head.split("\r\n")
    assert [line for line in lines if line.lower().startswith("host:")] == [
        "Host: inner.example.com"]
    assert [line for line in lines if line.lower().startswith("x-tier:")] == ["X-Tier: gold"]
    assert [line for line in lines if line.startswith("X-Via:")] == [
        "X-Via: other", "X-Via: tailgate"]
    assert "x-secret" not in head.lower() and "x-request-id" not in head.lower()
    assert "X-Kept: yes" in lines


def test_response_headers(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/", "upstream": "a", "response_headers": {
            "set": {"Server": "hidden"}, "add": {"X-Frame-Options": "DENY"},
            "remove": ["X-Powered-By"]}}],
        headers=[("Server", "app/1"), ("X-Powered-By", "app"), ("X-Kept", "yes")])
    response = proxy.request()
    assert response.header_all("Server") == ["hidden"]
    assert response.header_all("X-Frame-Options") == ["DENY"]
    assert response.header("X-Powered-By") is None and response.header("X-Kept") == "yes"
    assert response.body == b"a"


def test_own_timeout_and_retries(gateway, upstream, refused_address):
    server = upstream([read_request])
    proxy = gateway(routes=[
        {"path": "/slow", "upstream": "a"},
        {"path": "/fast", "upstream": "a", "timeout": {"response": "100ms"}},
        {"path": "/once", "upstream": "down", "retry": {"attempts": 1}},
        {"path": "/thrice", "upstream": "down", "retry": {"attempts": 3}}],
        upstreams={"a": {"endpoints": [server.address], "timeout": {"response": "60s"}},
                   "down": {"endpoints": [refused_address]}})
    slow = proxy.connect()
    slow.send(request_bytes(path="/slow"))
    server.wait_requests(1)
    assert answered_by(proxy, "/fast") == 504
    assert answered_by(proxy, "/once") == 502
    assert answered_by(proxy, "/thrice") == 502
    rows = proxy.wait_records("request", 3)
    assert [(row["cause"], row["attempts"]) for row in rows] == [
        ("response_timeout", 1), ("connect_refused", 1), ("connect_refused", 3)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_redirect(gateway, upstream, method):
    proxy, servers = routed(gateway, upstream, [
        {"path": "/old", "redirect": {"location": "https://new.example.com{rest}{query}",
                                      "status": 308},
         "response_headers": {"set": {"Cache-Control": "max-age=60"}}},
        {"path": "/", "upstream": "a"}])
    client = proxy.connect()
    body = b"some" if method == "POST" else None
    response = client.request(method, "/old/x?y=1", body=body)
    assert response.status == 308 and response.body == b""
    assert response.header("Location") == "https://new.example.com/x?y=1"
    assert response.header("Cache-Control") == "max-age=60"
    assert client.request().body == b"a"  # the connection is kept, also behind a body
    assert len(servers["a"].requests) == 1
    row = proxy.wait_records("request", 2)[0]
    assert (row["status"], row["cause"], row["attempts"]) == (308, "none", 0)


def test_redirect_to_the_same_place_by_tls(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [{"path": "/", "redirect": "https://{host}{path}{query}"}])
    for target, location in [("/a?b=c", "https://shop/a?b=c"), ("http://x/a", "https://x/a")]:
        response = proxy.request(path=target, headers={"Host": "shop:81"})
        assert (response.status, response.header("Location")) == (307, location)


@pytest.mark.parametrize("target", [
    "/admin", "/%61dmin", "//admin", "/./admin", "/x/../admin", "/x/%2e%2e/admin", "/%2Fadmin/x",
    "http://x//admin", "/admin%2fx", "/%41/../%61dmin", "/x/y/../../admin?z"])
def test_a_route_is_not_passed_by(gateway, upstream, target):
    proxy, servers = routed(gateway, upstream, [
        {"path": "/admin", "respond": {"status": 403}}, {"path": "/", "upstream": "a"}])
    assert proxy.request(path=target).status == 403
    assert servers["a"].requests == []


@pytest.mark.parametrize("target", ["/%61/b%2Fc", "//a/./b", "/a/../b", "/%zz", "/a%20b?c=%2e"])
def test_the_target_goes_up_as_it_came(gateway, upstream, target):
    proxy, servers = routed(gateway, upstream, [
        {"path": "/admin", "respond": {"status": 403}}, {"path": "/", "upstream": "a"}])
    assert proxy.request(path=target).status == 200
    assert servers["a"].requests[0].split(b" ")[1] == target.encode()


@pytest.mark.parametrize("target", ["/..", "/a/../../b", "/%2e%2e/a", "/a%00", "http://x/../a"])
def test_a_path_above_its_root(gateway, upstream, target):
    proxy, servers = routed(gateway, upstream, [{"path": "/", "upstream": "a"}])
    assert proxy.request(path=target).status == 400
    assert servers["a"].requests == []
    assert proxy.wait_records("request", 1)[0]["cause"] == "request_malformed"


def test_a_route_may_be_written_encoded(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/a%20b/", "upstream": "b"}, {"exact": "/c//d", "upstream": "b"},
        {"path": "/", "upstream": "a"}])
    assert answered_by(proxy, "/a%20b/x") == answered_by(proxy, "/%61%20b/") == "b"
    assert answered_by(proxy, "/c/d") == "b"
    assert answered_by(proxy, "/a%2520b/x") == "a"


def test_redirect_of_an_odd_path(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [{"path": "/old", "redirect": "/new{rest}"}])
    response = proxy.request(path="//%6fld/a%0d%0aSet-Cookie:%20x")
    assert response.header("Location") == "/new/a%0D%0ASet-Cookie:%20x"
    assert response.header("Set-Cookie") is None


def test_redirect_leaves_the_port_behind(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/a", "redirect": "https://{host}{path}"},
        {"path": "/b", "redirect": "http://{authority}{path}"}])
    host = [("Host", "h.example:8080")]
    assert proxy.request(path="/a", headers=host).header("Location") == "https://h.example/a"
    assert proxy.request(path="/b", headers=host).header("Location") == "http://h.example:8080/b"


def test_redirect_without_a_host(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"path": "/a", "redirect": "https://{host}{path}"}, {"path": "/b", "redirect": "/c"}])
    client = proxy.connect()
    client.send(b"GET /a HTTP/1.0\r\n\r\n")
    assert client.read_response().status == 400
    client = proxy.connect()
    client.send(b"GET /b HTTP/1.0\r\n\r\n")
    assert client.read_response().header("Location") == "/c"


@pytest.mark.parametrize("path", ["//evil.example.com/x", "/\\evil.example.com/x"])
def test_redirect_does_not_lead_to_a_host_of_the_clients_choice(gateway, upstream, path):
    proxy, _ = routed(gateway, upstream, [{"path": "/", "redirect": "{path}"}])
    assert proxy.request(path=path).header("Location") == "/evil.example.com/x"


def test_fixed_response(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [
        {"exact": "/health", "respond": {"status": 200, "body": "fine\n"},
         "response_headers": {"add": {"Retry-After": "5"}}},
        {"exact": "/gone", "respond": {"status": 503, "body": "{}", "type": "application/json"}},
        {"exact": "/empty", "respond": {"status": 204}}])
    client = proxy.connect()
    response = client.request(path="/health")
    assert (response.status, response.body) == (200, b"fine\n")
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.header("Retry-After") == "5" and response.header("Connection") is None
    response = client.request("HEAD", "/health")
    assert response.header("Content-Length") == "5"
    response = client.request(path="/gone")
    assert (response.status, response.header("Content-Type")) == (503, "application/json")
    response = client.request(path="/empty")
    assert response.status == 204 and response.header("Content-Length") is None
    rows = proxy.wait_records("request", 4)
    assert [row["cause"] for row in rows] == ["none"] * 4


def test_fixed_response_to_an_upload_that_is_still_on_its_way(gateway, upstream):
    proxy, _ = routed(gateway, upstream, [{"path": "/", "respond": {"status": 200}}])
    client = proxy.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    response = client.read_response()
    assert response.status == 200 and response.header("Connection") == "close"
    client.assert_closed()


def test_unreachable_route_is_refused_with_its_place(command, write_config):
    path = write_config("""{
  "listeners": [ "127.0.0.1:0" ],
  "upstreams": { "a": { "endpoints": [ "127.0.0.1:1" ] } },
  "routes": [
    { "path": "/api", "upstream": "a" },
    { "path": "/api", "upstream": "a" }
  ]
}""")
    done = command("proxy", path)
    assert done.returncode == 2
    assert "config.json:6:5: this route can never match: routes[0]" in done.stderr
