# SPDX-License-Identifier: MIT
"""Whom a request comes from and through: X-Forwarded-For and its kin, Forwarded, Via, and what the
gateway says about its own errors."""

import re

import pytest

from tls import Authority, TlsClient, trusting
from upstream import close, read_request, repeat
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]

# Addresses of this machine that play the gateway in front, and everybody else.
FRONT, STRANGER = "127.0.0.2", "127.0.0.1"


def fields(request, name):
    """The values of all fields of that name in a request, in order."""
    lines = request.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(": ") for line in lines)
    return [value for key, _, value in pairs if key.lower() == name]


def told(server, name):
    """What the upstream was told in the one request it got."""
    assert len(server.requests) == 1
    return fields(server.requests[0], name)


@pytest.fixture
def origin(gateway, upstream):
    """origin(key=...) -> the gateway and its upstream, with these settings of the listener."""

    def launch(**settings):
        server = upstream(SERVE)
        return gateway(server, listener={"origin": {"trusted": [FRONT], **settings}}), server

    return launch


# ---- X-Forwarded-For and its kin


def test_the_upstream_learns_the_client_by_default(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    proxy.request(headers={"Host": "shop.example:81"})
    assert told(server, "x-forwarded-for") == ["127.0.0.1"]
    assert told(server, "x-forwarded-proto") == ["http"]
    assert told(server, "x-forwarded-host") == ["shop.example:81"]
    assert told(server, "x-forwarded-port") == [proxy.address.rpartition(":")[2]]
    assert told(server, "forwarded") == []


FORGED = [("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "203.0.113.8"),
          ("X-FORWARDED-PROTO", "https"), ("X-Forwarded-Host", "evil.example"),
          ("X-Forwarded-Port", "443"), ("Forwarded", "for=203.0.113.9;proto=https")]


IMITATED = {"X_Forwarded_For": "203.0.113.9", "X-FORWARDED_PROTO": "https",
            "x_forwarded-host": "evil.example", "x-forwarded_port": "443", "X_Forwarded_By": "stays"}


def test_a_field_that_is_taken_for_one_is_dropped_too(origin):
    proxy, server = origin()
    proxy.connect(source=FRONT).request(headers=IMITATED)
    assert told(server, "x_forwarded_by") == ["stays"]
    assert not any(told(server, name.lower()) for name in list(IMITATED)[:-1])
    assert told(server, "x-forwarded-for") == [FRONT]


def test_off_passes_on_also_what_is_taken_for_one(origin):
    proxy, server = origin(x_forwarded="off")
    proxy.connect().request(headers=IMITATED)
    assert told(server, "x_forwarded_for") == ["203.0.113.9"]


@pytest.mark.parametrize("settings", [{}, {"x_forwarded": "replace", "forwarded": "replace"}])
def test_nothing_is_believed_from_a_stranger(origin, settings):
    proxy, server = origin(**settings)
    client = proxy.connect(source=STRANGER)
    client.request(headers=FORGED)
    assert told(server, "x-forwarded-for") == [STRANGER]
    assert told(server, "x-forwarded-proto") == ["http"]
    assert told(server, "x-forwarded-host") == ["test"]
    assert b"203.0.113" not in server.requests[0] and b"evil" not in server.requests[0]
    row = proxy.only_request()
    assert row["client"] == "%s:%d" % client.sock.getsockname()


def test_a_trusted_peer_is_appended_to(origin):
    proxy, server = origin()
    proxy.connect(source=FRONT).request(headers=FORGED)
    assert told(server, "x-forwarded-for") == [f"203.0.113.9, 203.0.113.8, {FRONT}"]
    assert told(server, "x-forwarded-proto") == ["https"]
    assert told(server, "x-forwarded-host") == ["evil.example"]
    assert told(server, "x-forwarded-port") == ["443"]
    assert proxy.only_request()["client"] == "203.0.113.8"


def test_how_the_client_came_is_not_mixed_with_how_the_peer_came(origin):
    proxy, server = origin()
    proxy.connect(source=FRONT).request(headers={"X-Forwarded-Proto": "https"})
    assert told(server, "x-forwarded-for") == [FRONT]
    assert told(server, "x-forwarded-proto") == ["https"]
    assert told(server, "x-forwarded-host") == told(server, "x-forwarded-port") == []


def test_replace_drops_also_what_a_trusted_peer_sent_but_records_believe_it(origin):
    proxy, server = origin(x_forwarded="replace")
    proxy.connect(source=FRONT).request(headers=FORGED)
    assert told(server, "x-forwarded-for") == [FRONT]
    assert told(server, "x-forwarded-proto") == ["http"]
    assert proxy.only_request()["client"] == "203.0.113.8"


def test_remove_sends_none(origin):
    proxy, server = origin(x_forwarded="remove")
    proxy.connect(source=FRONT).request(headers=FORGED)
    assert not re.search(rb"x-forwarded|\r\nforwarded", server.requests[0], re.I)


def test_off_passes_on_what_came(origin):
    proxy, server = origin(x_forwarded="off", forwarded="off")
    proxy.connect(source=STRANGER).request(headers=FORGED)
    assert told(server, "x-forwarded-for") == ["203.0.113.9", "203.0.113.8"]
    assert told(server, "x-forwarded-port") == ["443"]
    assert told(server, "forwarded") == ["for=203.0.113.9;proto=https"]


def test_a_route_has_the_last_word(gateway, upstream):
    server = upstream(SERVE)
    rules = {"set": {"X-Forwarded-Proto": "https"}, "remove": ["x-forwarded-for", "via"]}
    proxy = gateway(server, routes=[{"upstream": "app", "request_headers": rules,
                                     "response_headers": {"remove": ["Via"]}}])
    response = proxy.request()
    assert told(server, "x-forwarded-proto") == ["https"]
    assert told(server, "x-forwarded-for") == told(server, "via") == []
    assert response.header("Via") is None


# ---- whom the account names


CHAINS = [
    ("203.0.113.9", "203.0.113.9"),
    ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
    ("203.0.113.9, 10.0.0.1, 10.9.9.9", "203.0.113.9"),
    ("198.51.100.1, 10.0.0.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
    ("203.0.113.9:4711", "203.0.113.9:4711"),
    ("2001:db8::9", "2001:db8::9"),
    ("[2001:db8::9]:4711, 10.0.0.1", "[2001:db8::9]:4711"),
    ("203.0.113.9, unknown, 10.0.0.1", "10.0.0.1"),
    ("203.0.113.9, nonsense", None),
    ("", None),
]


@pytest.mark.parametrize("value, expected", CHAINS)
def test_the_last_who_is_not_trusted_is_the_client(origin, value, expected):
    proxy, _ = origin(trusted=[FRONT, "10.0.0.0/8"])
    client = proxy.connect(source=FRONT)
    client.request(headers={"X-Forwarded-For": value})
    row = proxy.only_request()
    assert row["client"] == (expected or "%s:%d" % client.sock.getsockname())
    proxy.stop()
    assert proxy.access_lines()[0]["client"] == row["client"]


def test_a_client_behind_a_trusted_peer_keeps_its_endpoint(gateway, upstream):
    servers = [upstream([repeat(read_request, response_bytes(200, b"%d" % i))]) for i in range(4)]
    proxy = gateway(*servers, upstream={"balance": "consistent_hash"},
                    listener={"origin": {"trusted": [FRONT]}})
    front = proxy.connect(source=FRONT)
    homes = {n: {front.request(headers={"X-Forwarded-For": f"203.0.113.{n}"}).body
                 for _ in range(3)} for n in range(30)}
    assert {len(answers) for answers in homes.values()} == {1}
    assert len(set().union(*homes.values())) > 1


def forwarded_of(value):
    return ", ".join(f'for="{node}"' for node in value.split(", "))


@pytest.mark.parametrize("value, expected", [chain for chain in CHAINS if chain[0]])
def test_a_forwarded_field_is_read_likewise(origin, value, expected):
    if "2001:db8::9" == value:
        value = "[2001:db8::9]"
    proxy, _ = origin(trusted=[FRONT, "10.0.0.0/8"], believe="forwarded")
    client = proxy.connect(source=FRONT)
    client.request(headers={"Forwarded": forwarded_of(value), "X-Forwarded-For": "192.0.2.99"})
    assert proxy.only_request()["client"] == (expected or "%s:%d" % client.sock.getsockname())


def test_only_the_family_that_is_believed_is_appended_to(origin):
    proxy, server = origin(believe="forwarded", forwarded="append")
    proxy.connect(source=FRONT).request(
        headers=[("Forwarded", "for=203.0.113.9"), ("X-Forwarded-For", "192.0.2.99"),
                 ("Forwarded", "for=_x"), ("Host", "shop.example:81")])
    assert told(server, "forwarded") == [
        f'for=203.0.113.9, for=_x, for={FRONT};host="shop.example:81";proto=http']
    assert told(server, "x-forwarded-for") == [FRONT]


def test_forwarded_quotes_an_ipv6_address(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server, listener={"address": "[::1]:0", "origin": {"forwarded": "append"}})
    client = proxy.connect()
    client.request(headers={"Host": "shop"})
    assert told(server, "forwarded") == ['for="[::1]";host=shop;proto=http']
    assert told(server, "x-forwarded-for") == ["::1"]
    assert proxy.only_request()["client"] == "[::1]:%d" % client.sock.getsockname()[1]


def test_a_client_that_came_by_tls(gateway, upstream, tmp_path):
    server = upstream(SERVE)
    authority = Authority(tmp_path / "authority")
    proxy = gateway(server, listener={"tls": authority.issue("localhost").config(),
                                      "origin": {"forwarded": "append"}})
    with TlsClient(proxy.address, trusting(authority)) as client:
        assert client.request().status == 200
    assert told(server, "x-forwarded-proto") == ["https"]
    assert told(server, "forwarded") == ["for=127.0.0.1;host=test;proto=https"]


def test_a_peer_on_a_unix_socket_is_trusted_by_name(gateway, upstream, tmp_path):
    server = upstream(SERVE)
    listener = {"address": f"unix:{tmp_path}/in.sock",
                "origin": {"trusted": ["unix"], "forwarded": "replace"}}
    proxy = gateway(server, listener=listener)
    proxy.request(headers={"X-Forwarded-For": "203.0.113.9"})
    assert told(server, "x-forwarded-for") == ["203.0.113.9"]
    assert told(server, "x-forwarded-port") == []
    assert told(server, "forwarded") == ["for=unknown;host=test;proto=http"]
    assert proxy.only_request()["client"] == "203.0.113.9"


def test_a_peer_on_a_unix_socket_has_no_address(gateway, upstream, tmp_path):
    server = upstream(SERVE)
    proxy = gateway(server, listener={"address": f"unix:{tmp_path}/in.sock"})
    proxy.request(headers={"X-Forwarded-For": "203.0.113.9"})
    assert told(server, "x-forwarded-for") == []
    assert proxy.only_request()["client"] == "unix:"


# ---- Via


def test_via_names_the_gateway_both_ways(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"", {"Via": "1.0 cache (x)"})])
    response = gateway(server).request(headers={"Via": "1.1 front"})
    assert told(server, "via") == ["1.1 front", "1.1 tailgate"]
    assert response.header_all("Via") == ["1.0 cache (x)", "1.1 tailgate"]


def test_via_tells_the_version_in_which_a_message_came(gateway, upstream):
    server = upstream([read_request, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"])
    client = gateway(server, identity={"name": "edge-1.example"}).connect()
    client.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
    assert client.read_response().header("Via") == "1.0 edge-1.example"
    assert told(server, "via") == ["1.0 edge-1.example"]


@pytest.mark.parametrize("directions, up, down", [
    ("request", ["1.1 tailgate"], []), ("response", [], ["1.1 tailgate"]), ("off", [], [])])
def test_via_can_be_left_out(gateway, upstream, directions, up, down):
    server = upstream(SERVE)
    response = gateway(server, identity={"via": directions}).request()
    assert (told(server, "via"), response.header_all("Via")) == (up, down)


def test_a_circle_is_broken(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server, identity={"name": "gw", "loop_limit": 2})
    client = proxy.connect()
    for via in ("1.1 gw", "1.1 gw-2, 1.1 gw2, 1.0 a (gw), gw", "HTTP/1.1 gw (c)"):
        assert client.request(headers={"Via": via}).status == 200
    response = client.request(headers=[("Via", "1.1 gw, 1.0 a"), ("Via", "1.1 b, 1.1\tgw (c)")])
    assert response.status == 502
    assert response.header("Proxy-Status") == (
        'gw; error=proxy_loop_detected; details="request_loop"')
    assert client.request().status == 200
    assert [row["cause"] for row in proxy.wait_records("request", 5)] == [
        "none", "none", "none", "request_loop", "none"]


def test_without_via_another_field_tells_of_the_circle(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server, identity={"name": "gw", "via": "response", "loop_limit": 2})
    client = proxy.connect()
    for before in ("gw", "gw-2, gw2, a;x=gw, other", "gw ; v=1"):
        assert client.request(headers={"CDN-Loop": before}).status == 200
        assert fields(server.requests[-1], "cdn-loop") == [before, "gw"]
        assert fields(server.requests[-1], "via") == []
    response = client.request(headers=[("CDN-Loop", "a, gw;x"), ("CDN-Loop", "b,gw")])
    assert response.status == 502 and "request_loop" in response.header("Proxy-Status")


def test_no_mark_without_a_limit(gateway, upstream):
    server = upstream(SERVE)
    gateway(server, identity={"via": "off"}).request()
    assert told(server, "cdn-loop") == []


@pytest.mark.parametrize("via", ["both", "response", "off"])
def test_a_gateway_that_leads_to_itself_breaks_the_circle(gateway, free_port, via):
    port = free_port()
    proxy = gateway(f"127.0.0.1:{port}", listener={"address": f"127.0.0.1:{port}"},
                    identity={"loop_limit": 3, "via": via})
    assert proxy.request().status == 502
    rows = proxy.wait_records("request", 4)
    assert [row["cause"] for row in rows] == ["upstream_status"] * 3 + ["request_loop"]


# ---- Proxy-Status


@pytest.mark.parametrize("script, status, expected", [
    ([read_request, close], 502, 'error=connection_terminated; details="closed_before_response"'),
    ([read_request, b"nonsense\r\n\r\n"], 502,
     'error=http_protocol_error; details="response_malformed"'),
])
def test_errors_of_the_gateway_say_what_went_wrong(gateway, upstream, script, status, expected):
    response = gateway(upstream(script)).request()
    assert (response.status, response.header("Proxy-Status")) == (status, f"tailgate; {expected}")


def test_a_refused_connection(gateway, refused_address):
    proxy = gateway(refused_address, identity="edge")
    assert proxy.request().header("Proxy-Status") == (
        'edge; error=connection_refused; details="connect_refused: Connection refused"')


def test_a_timeout(gateway, upstream):
    proxy = gateway(upstream([read_request]), upstream={"timeout": {"response": "50ms"}})
    assert proxy.request().header("Proxy-Status") == (
        'tailgate; error=http_response_timeout; details="response_timeout"')


def test_an_upstreams_own_error_has_none(gateway, upstream):
    response = gateway(upstream([read_request, response_bytes(502, b"")])).request()
    assert response.status == 502 and response.header("Proxy-Status") is None


def test_proxy_status_can_be_left_out(gateway, refused_address):
    response = gateway(refused_address, identity={"proxy_status": False}).request()
    assert response.status == 502 and response.header("Proxy-Status") is None


# ---- the configuration


@pytest.mark.parametrize("keys, message", [
    ({"listeners": [{"address": "127.0.0.1:0", "origin": {"trusted": ["10.0.0.1/8"]}}]},
     '"10.0.0.1/8" is no network (expected'),
    ({"listeners": [{"address": "127.0.0.1:0", "origin": {"trusted": ["example.com"]}}]},
     '"example.com" is no network (expected'),
    ({"listeners": [{"address": "127.0.0.1:0", "origin": {"x_forwarded": "on"}}]}, "x_forwarded"),
    ({"identity": "two words"}, '"two words" cannot name a gateway'),
    ({"identity": {"name": "1st"}}, '"1st" cannot name a gateway'),
    ({"identity": {"name": "a" * 65}}, "cannot name a gateway"),
])
def test_a_wrong_setting_is_refused(command, write_config, keys, message):
    path = write_config({"listeners": ["127.0.0.1:0"], "routes": [{"upstream": "app"}],
                         "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}, **keys})
    done = command("check", path)
    assert done.returncode == 2 and message in done.stderr
