# SPDX-License-Identifier: MIT
"""Endpoints by name: what DNS says of them, and for how long."""

import threading

import pytest

from gateway import established_to
from load import Load
from naming import (NAME, addresses, answering, bodies, port_of, reloads, states, unresolved,
                    wait_bodies)
from nameserver import A, AAAA, CNAME, SRV, TRUNCATED, a, aaaa, cname, encode, srv
from test_proxy_tls import authority  # noqa: F401
from tls import secure, serving
from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import Client, response_bytes


# ---- what a name stands for


def test_every_address_is_an_endpoint(named, names, fleet):
    servers = fleet(3)
    port = port_of(servers[0])
    names.names[NAME] = addresses(1, 2, 3, ttl=3600)
    proxy = named(f"{NAME}:{port}")
    assert bodies(proxy) == {b"1", b"2", b"3"}
    rows = proxy.wait_records("attempt", 6)
    assert {row["endpoint"] for row in rows} == {
        f"{NAME}/127.0.0.{i}:{port}" for i in (1, 2, 3)}
    metrics = proxy.metrics()
    for i in (1, 2, 3):
        label = f'{{upstream="app",endpoint="{NAME}/127.0.0.{i}:{port}"}}'
        assert metrics["endpoint_attempts_total" + label] == 2
    assert metrics[f'dns_addresses{{name="{NAME}"}}'] == 3
    assert metrics[f'dns_failing{{name="{NAME}"}}'] == 0
    assert metrics["dns_lookups_total"] == 1
    # A family that is not needed is not asked for.
    assert [query.type for query in names.queries] == [A]


def test_weights_and_addresses_beside_a_name(named, names, fleet):
    servers = fleet(3)
    port = port_of(servers[0])
    names.names[NAME] = addresses(1, 2)
    proxy = named({"dns": f"{NAME}:{port}", "weight": 2},
                  {"address": f"127.0.0.3:{port}", "weight": 1})
    seen = [proxy.request().body for _ in range(10)]
    assert [seen.count(body) for body in (b"1", b"2", b"3")] == [4, 4, 2]


def test_two_upstreams_share_a_lookup(named, names, fleet, upstream):
    one, other = upstream(answering(b"one")), upstream(answering(b"other"))
    names.names[NAME] = addresses(1, ttl=3600)
    proxy = named(f"{NAME}:{port_of(one)}",
                  routes=[{"path": "/other", "upstream": "other"}, {"path": "/", "upstream": "app"}],
                  upstreams={"app": {"endpoints": [{"dns": f"{NAME}:{port_of(one)}"}]},
                             "other": {"endpoints": [{"dns": f"ORDERS.test:{port_of(other)}"}]}})
    assert proxy.request().body == b"one"
    assert proxy.request(path="/other").body == b"other"
    assert len(names.queries) == 1


def test_an_alias(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = {CNAME: [cname("real.test", ttl=0), a("127.0.0.1", 3600, "real.test")]}
    proxy = named(f"{NAME}:{port_of(server)}")
    assert proxy.request().body == b"x"
    names.wait_count(NAME, 3)  # the alias's own time to live counts


@pytest.mark.parametrize("family, known, asked, used", [
    ("prefer_ipv4", (A, AAAA), [A], {A}),
    ("prefer_ipv4", (AAAA,), [A, AAAA], {AAAA}),
    ("prefer_ipv6", (A, AAAA), [AAAA], {AAAA}),
    ("prefer_ipv6", (A,), [AAAA, A], {A}),
    ("ipv4", (A, AAAA), [A], {A}),
    ("ipv6", (A, AAAA), [AAAA], {AAAA}),
    ("both", (A, AAAA), [A, AAAA], {A, AAAA}),
])
def test_families(named, names, fleet, family, known, asked, used):
    port = port_of(fleet(hosts=("127.0.0.1", "[::1]"))[0])
    records = {A: [a("127.0.0.1")], AAAA: [aaaa("::1")]}
    names.names[NAME] = {kind: records[kind] for kind in known}
    proxy = named(f"{NAME}:{port}", resolver={"family": family})
    assert bodies(proxy, 4) == {{A: b"1", AAAA: b"2"}[kind] for kind in used}
    assert [query.type for query in names.queries] == asked
    assert {row["endpoint"] for row in proxy.wait_records("attempt", 4)} == {
        f"{NAME}/" + {A: "127.0.0.1", AAAA: "[::1]"}[kind] + f":{port}" for kind in used}


def test_services(named, names, upstream):
    """SRV records: ports and weights, and only the lowest priority."""
    heavy, light, spare = (upstream(answering(body)) for body in (b"heavy", b"light", b"spare"))
    names.names["_http._tcp.orders.test"] = {SRV: [
        srv(20, 1, int(port_of(spare)), "c.test"),
        srv(10, 1, int(port_of(light)), "b.test"),
        srv(10, 3, int(port_of(heavy)), "a.test"),
        srv(10, 3, 9, "gone.test")]}
    for name in ("a.test", "b.test", "c.test"):
        names.names[name] = addresses(1, ttl=3600)
    proxy = named("_http._tcp.orders.test")
    seen = [proxy.request().body for _ in range(8)]
    assert (seen.count(b"heavy"), seen.count(b"light")) == (6, 2)
    assert {query.name for query in names.queries} == {
        "_http._tcp.orders.test", "a.test", "b.test", "gone.test"}
    label = f'{{upstream="app",endpoint="_http._tcp.orders.test/127.0.0.1:{port_of(heavy)}"}}'
    assert proxy.metrics()["endpoint_attempts_total" + label] == 6


def test_the_time_to_live_of_a_service_is_its_own_and_its_servers(named, names, upstream):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    service = "_http._tcp.orders.test"
    names.names["a.test"] = addresses(1, ttl=3600)
    names.names[service] = {SRV: [srv(0, 0, int(port_of(one)), "a.test", ttl=0)]}
    proxy = named(service)
    assert bodies(proxy) == {b"1"}
    names.names[service] = {SRV: [srv(0, 0, int(port_of(two)), "a.test")]}
    wait_bodies(proxy, {b"2"})
    names.names["a.test"] = addresses(1, ttl=0)
    before = names.count(service)
    proxy.reload({**proxy.config, "resolver": {**proxy.config["resolver"], "attempts": 2}})
    wait_until(lambda: names.count(service) > before + 3, 30, "lookups as the address says")


def test_more_addresses_than_allowed(named, names, fleet):
    servers = fleet(3)
    names.names[NAME] = addresses(3, 1, 2, ttl=3600)
    proxy = named(f"{NAME}:{port_of(servers[0])}", resolver={"max_addresses": 2})
    assert bodies(proxy) == {b"1", b"2"}
    assert "1 of its addresses are left out" in proxy.process.log()
    metrics = proxy.metrics()
    assert metrics["dns_addresses_cut_total"] == 1
    assert metrics[f'dns_addresses{{name="{NAME}"}}'] == 2


def test_the_name_stands_in_host_fields(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    host = f"{NAME}:{port_of(server)}"
    proxy = named(host, upstream={"health": {"active": {"kind": "http", "path": "/health",
                                                        "interval": "1h"}}})
    server.wait_requests(1, 30)
    with Client(proxy.address, 20) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.read_response().status == 200
    for path in (b"/health", b"/old"):
        request = next(each for each in server.requests if each.startswith(b"GET " + path + b" "))
        assert b"\r\nHost: " + host.encode() + b"\r\n" in request


def test_certificates_are_for_the_name_that_is_configured(named, names, upstream,
                                                          authority):  # noqa: F811
    asked = []
    context = serving(authority.issue(NAME))
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    server = upstream([secure(context), repeat(read_request, response_bytes(200, b"x"))])
    names.names[NAME] = {CNAME: [cname("real.test"), a("127.0.0.1", 3600, "real.test")]}
    names.names["other.test"] = addresses(1)
    tls = {"tls": {"ca": authority.certificate}, "retry": {"attempts": 1}}
    assert named(f"{NAME}:{port_of(server)}", upstream=tls).request().body == b"x"
    assert named(f"other.test:{port_of(server)}", upstream=tls).request().status == 502
    assert asked == [NAME, "other.test"]
    service = f"_https._tcp.{NAME}"
    names.names[service] = {SRV: [srv(0, 0, int(port_of(server)), "other.test")]}
    assert named(service, upstream=tls).request().body == b"x"
    assert asked == [NAME, "other.test", NAME]


# ---- when the answer's time is over


def test_changes_are_taken_over(named, names, fleet):
    servers = fleet(3)
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(servers[0])}")
    assert bodies(proxy) == {b"1"}
    names.names[NAME] = addresses(1, 2)
    wait_bodies(proxy, {b"1", b"2"})
    names.names[NAME] = addresses(3)
    wait_bodies(proxy, {b"3"})
    assert states(proxy, "endpoints_changed") == [("endpoints_changed", "app", 2),
                                                  ("endpoints_changed", "app", 1)]
    assert f"{NAME}: stands for 127.0.0.3" in proxy.process.log()


def test_nobody_asks_before(named, names, upstream):
    """Of two names, the one whose answer holds for long is asked for once."""
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1, ttl=3600)
    names.names["short.test"] = addresses(1, ttl=0)
    named(f"{NAME}:{port_of(server)}", f"short.test:{port_of(server)}")
    names.wait_count("short.test", 10)
    assert names.count(NAME) == 1


def test_bounds_of_the_time_to_live(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1, ttl=3600)
    named(f"{NAME}:{port_of(server)}", resolver={"ttl_max": "20ms"})
    names.wait_count(NAME, 3)
    # Nothing is looked up but what fails: it shows that time passes.
    names.names["zero.test"] = addresses(1, ttl=0)
    named(f"zero.test:{port_of(server)}", f"failing.test:{port_of(server)}",
          resolver={"ttl_min": "1h", "ttl_max": "2h"})
    names.wait_count("failing.test", 10)
    assert names.count("zero.test") == 1


def test_seconds_are_seconds(named, names, fleet):
    servers = fleet(2)
    names.names[NAME] = addresses(1, ttl=1)
    names.names["often.test"] = addresses(1, ttl=0)
    proxy = named(f"{NAME}:{port_of(servers[0])}", f"often.test:{port_of(servers[0])}")
    names.wait_count("often.test", 5)
    names.names[NAME] = addresses(2, ttl=1)
    wait_bodies(proxy, {b"1", b"2"})
    assert names.count(NAME) < names.count("often.test")


def test_another_order_changes_nothing(named, names, fleet):
    servers = fleet(3)
    names.names[NAME] = addresses(1, 2, 3)
    proxy = named(f"{NAME}:{port_of(servers[0])}")
    names.names[NAME] = addresses(3, 1, 2, 3)
    names.wait_count(NAME, 5)
    assert bodies(proxy) == {b"1", b"2", b"3"}
    assert reloads(proxy) == 0


def test_requests_on_an_address_that_goes(named, names, fleet):
    go_on = threading.Event()
    slow = [repeat(read_request, b"HTTP/1.1 200 Text\r\nContent-Length: 4\r\n\r\nsl",
                   wait_for(go_on), b"ow")]
    servers = fleet(2, slow)
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(servers[0])}")
    client = proxy.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    servers[0].wait_requests(1)
    names.names[NAME] = addresses(2)
    wait_until(lambda: reloads(proxy) == 1, 30, "the change")
    go_on.set()
    assert client.read_response().body == b"slow"
    assert proxy.request().body == b"slow"
    assert [len(server.requests) for server in servers] == [1, 1]
    assert proxy.wait_records("request", 2)[0]["status"] == 200


def test_what_stays_keeps_its_connections_and_counts(named, names, fleet):
    servers = fleet(2)
    port = port_of(servers[0])
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port}")
    client = proxy.connect()
    for _ in range(3):
        assert client.request().body == b"1"
    names.names[NAME] = addresses(1, 2)
    wait_until(lambda: reloads(proxy) == 1, 30, "the change")
    assert {client.request().body for _ in range(4)} == {b"1", b"2"}
    assert [len(server.connections) for server in servers] == [1, 1]
    label = f'{{upstream="app",endpoint="{NAME}/127.0.0.1:{port}"}}'
    metrics = proxy.metrics()
    assert metrics["endpoint_attempts_total" + label] == 5
    assert metrics["endpoint_connections" + label] == 1


def test_what_stays_keeps_its_tls_connections(named, names, fleet, authority):  # noqa: F811
    context = serving(authority.issue(NAME))
    servers = fleet(2, [secure(context), repeat(read_request, response_bytes(200, b"x"))])
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(servers[0])}", upstream={"tls": {"ca": authority.certificate}})
    client = proxy.connect()
    assert client.request().status == 200
    names.names[NAME] = addresses(1, 2)
    wait_until(lambda: reloads(proxy) == 1, 30, "the change")
    for _ in range(4):
        assert client.request().status == 200
    assert [len(server.connections) for server in servers] == [1, 1]
    assert proxy.metric("upstream_tls_handshakes_total") == 2


def test_what_stays_keeps_its_tls_sessions(named, names, fleet, authority):  # noqa: F811
    context = serving(authority.issue(NAME))
    last = response_bytes(200, b"x", {"Connection": "close"})
    servers = fleet(2, [secure(context), read_request, last])
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(servers[0])}", upstream={"tls": {"ca": authority.certificate}})
    assert proxy.request().status == 200
    names.names[NAME] = addresses(1, 2)
    wait_until(lambda: reloads(proxy) == 1, 30, "the change")
    assert [proxy.request().status for _ in range(2)] == [200, 200]
    assert [len(server.connections) for server in servers] == [2, 1]
    assert proxy.metric("upstream_tls_resumed_total") == 1


@pytest.mark.threads
def test_changes_under_load_fail_no_request(named, names, fleet):
    servers = fleet(3)
    names.names[NAME] = addresses(1, 2, 3)
    proxy = named(f"{NAME}:{port_of(servers[0])}", workers=2)
    with Load(proxy.address) as load:
        for i in range(15):
            before = reloads(proxy)
            names.names[NAME] = addresses(1, 2, 3) if i % 2 else addresses(i % 3 + 1)
            wait_until(lambda: reloads(proxy) > before, 30, "a change")
            load.wait_more()
    assert load.failures == []


# ---- messages


def test_what_does_not_fit_comes_by_tcp(named, names, upstream):
    server = upstream(answering(b"x"))
    many = [a("127.0.0.1", 3600)] + [a(f"127.0.1.{i}", 3600) for i in range(1, 60)]
    names.script = lambda query: [query.reply(flags=TRUNCATED) if query.peer
                                  else query.reply(many)]
    proxy = named(f"{NAME}:{port_of(server)}")
    assert [query.peer is None for query in names.queries] == [False, True]
    assert proxy.metrics()[f'dns_addresses{{name="{NAME}"}}'] == 60
    assert established_to(names.address) == 0


def test_only_the_answer_to_the_question_counts(named, names, upstream):
    server = upstream(answering(b"x"))
    wrong = [a("127.0.0.9", 3600)]
    other = encode("other.test") + b"\0\1\0\1"
    names.script = lambda query: [
        b"x", b"\0" * 12,                                    # no answers at all
        query.reply(wrong, id=query.id ^ 1),                 # to another question
        query.reply(wrong, question=other),
        query.reply([a("127.0.0.1", 3600)]),
        query.reply(wrong)]                                  # too late
    proxy = named(f"{NAME}:{port_of(server)}")
    assert bodies(proxy) == {b"x"}
    assert names.count(NAME) == 1
    assert "127.0.0.9" not in proxy.process.log()


def test_only_the_server_that_was_asked_counts(named, names, nameserver, upstream):
    """An answer that is right in all, but comes from elsewhere."""
    server, stranger = upstream(answering(b"x")), nameserver()

    def script(query):
        stranger.send(query.reply([a("127.0.0.9", 3600)]), query.peer)
        return [query.reply([a("127.0.0.1", 3600)])]

    names.script = script
    proxy = named(f"{NAME}:{port_of(server)}")
    assert bodies(proxy) == {b"x"}
    assert names.count(NAME) == 1
    assert "127.0.0.9" not in proxy.process.log()


def test_an_answer_without_records_of_the_type(named, names, upstream):
    """Records of other types and other names are not addresses of this one."""
    server = upstream(answering(b"x"))
    names.script = lambda query: [query.reply([aaaa("::9"), a("127.0.0.9", 3600, "other.test")])]
    proxy = named(f"{NAME}:{port_of(server)}", resolver={"family": "ipv4"})
    unresolved(proxy)
    assert "the name has no address" in proxy.process.log()
