# SPDX-License-Identifier: MIT
"""Endpoints by name: a DNS that does not answer, the start, the end, and mistakes."""

import threading

import pytest

from naming import (NAME, addresses, answering, bodies, held, port_of, reloads, states, unresolved,
                    wait_bodies)
from nameserver import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, a, failing, silent
from waiting import wait_until


# ---- what can go wrong


FAILURES = {
    "server_failed": failing(SERVFAIL), "refused": failing(REFUSED), "nxdomain": failing(NXDOMAIN),
    "no_data": failing(NOERROR), "timeout": silent,
    # As long as an answer, and none: its record claims more bytes than there are.
    "malformed": lambda query: [query.reply([a("127.0.0.9")])[:-3]],
}


@pytest.mark.parametrize("reason", FAILURES)
def test_the_old_addresses_stay(named, names, upstream, reason):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    quick = {"timeout": "3s", "attempts": 1} if reason == "timeout" else {}
    proxy = named(f"{NAME}:{port_of(server)}", resolver=quick)
    names.script = FAILURES[reason]
    line = proxy.process.wait_log("cannot be looked up", 30)
    assert NAME in line and "keeps its 1 addresses" in line
    # Some versions of the library do not say how a server failed.
    possible = (reason, "no_answer") if reason in ("server_failed", "refused") else (reason,)

    def failures():
        metrics = proxy.metrics()
        return sum(metrics[f'dns_failures_total{{reason="{each}"}}'] for each in possible)

    wait_until(lambda: failures() > 1, 30, "a second failure")
    assert bodies(proxy) == {b"x"}
    metrics = proxy.metrics()
    assert metrics[f'dns_failing{{name="{NAME}"}}'] == 1
    assert metrics[f'dns_addresses{{name="{NAME}"}}'] == 1
    names.script = None
    proxy.process.wait_log("is answered again", 30)
    assert bodies(proxy) == {b"x"}
    assert proxy.metrics()[f'dns_failing{{name="{NAME}"}}'] == 0
    assert states(proxy, "dns_failed", "dns_answered") == [("dns_failed", "app", 1),
                                                           ("dns_answered", "app", 1)]
    assert proxy.process.log().count("cannot be looked up") == 1
    assert reloads(proxy) == 0


def test_another_server_is_asked(named, names, nameserver, upstream):
    server, dead = upstream(answering(b"x")), nameserver()
    dead.script = silent
    names.names[NAME] = addresses(1, ttl=3600)
    proxy = named(f"{NAME}:{port_of(server)}",
                  resolver={"servers": [dead.address, names.address], "timeout": "50ms",
                            "attempts": 10})
    wait_bodies(proxy, {b"x"})
    assert dead.count(NAME) >= 1


def test_a_start_without_dns(named, names, upstream):
    server, answer = upstream(answering(b"x")), threading.Event()
    names.script = held(answer)
    proxy = named(f"{NAME}:{port_of(server)}", resolver={"wait": "50ms"})
    assert "is not answered in time (resolver.wait)" in proxy.process.log()
    unresolved(proxy)
    row = proxy.only_request()
    assert (row["cause"], row["attempts"], row["upstream"]) == ("dns_failed", 0, "app")
    assert proxy.metrics()['failures_total{cause="dns_failed"}'] == 1
    answer.set()
    wait_bodies(proxy, {b"x"})


def test_a_start_with_a_server_that_is_not_there(named, names, upstream, refused_address):
    """Whoever says no is not waited for."""
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}", resolver={"servers": [refused_address]})
    unresolved(proxy)
    assert states(proxy, "dns_failed") == [("dns_failed", "app", 0)]
    proxy.reload({**proxy.config, "resolver": {"servers": [names.address]}})
    wait_bodies(proxy, {b"x"})


@pytest.mark.parametrize("balance", [
    "round_robin", "random", "two_choices", "least_requests", "peak_ewma", "shortest_response",
    "consistent_hash", {"rule": "consistent_hash", "table": "maglev"}])
def test_no_rule_of_balance_minds_an_upstream_without_endpoints(named, names, upstream, balance):
    server = upstream(answering(b"x"))
    names.script = failing(NXDOMAIN)
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}",
                  upstream={"balance": balance, "health": {
                      "passive": {"consecutive": 3}, "panic_threshold": "50%"},
                            "breaker": {"error_ratio": "50%"}})
    unresolved(proxy)
    names.script = None
    wait_bodies(proxy, {b"x"})


def test_ready_waits_for_the_first_answer(named, names, upstream):
    server, answer = upstream(answering(b"x")), threading.Event()
    names.script = held(answer)
    proxy = named(f"{NAME}:{port_of(server)}", ready=False)
    wait_until(lambda: names.count(NAME) == 1, 30, "a query")
    assert not proxy.process.addresses
    answer.set()
    proxy.process.wait_ready(60)
    assert bodies(proxy) == {b"x"}
    assert reloads(proxy) == 0


# ---- the end


def test_an_end_with_a_query_under_way(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}")
    names.script = silent
    names.wait_count(NAME)
    assert proxy.stop() == 0


def test_an_end_before_the_first_answer(named, names):
    names.script = silent
    proxy = named(f"{NAME}:1", ready=False)
    wait_until(lambda: names.count(NAME), 30, "a query")
    assert proxy.stop() == 0
    assert " ready: " not in proxy.process.log()


# ---- the configuration


def config_with(endpoint, **resolver):
    return {"listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
            "upstreams": {"app": {"endpoints": [endpoint]}}, "resolver": resolver}


def test_check_asks_nobody(command, write_config, names):
    path = write_config(config_with({"dns": "nowhere.test:80"}, servers=[names.address]))
    done = command("check", path)
    assert done.returncode == 0, done.stderr
    assert names.queries == []


@pytest.mark.parametrize("endpoint, resolver, said", [
    ({"dns": "orders"}, {}, "expected a name and a port"),
    ({"dns": "127.0.0.1:80"}, {}, 'say "address"'),
    ({"address": "orders:80"}, {}, "or a name, as in"),
    ({"dns": "a:1", "address": "127.0.0.1:1"}, {}, "exclude each other"),
    ({"weight": 1}, {}, '(or "dns")'),
    ({"dns": "a:1"}, {"servers": ["dns.example"]}, "not the address of a DNS server"),
    ({"dns": "a:1"}, {"servers": ["127.0.0.1:0x35"]}, "not the address of a DNS server"),
    ({"dns": "a:1"}, {"ttl_min": "10s", "ttl_max": "5s"}, "longer than"),
    ({"dns": "a:1"}, {"ttl_min": "0s"}, "ttl_min"),
    ({"dns": "a:1"}, {"attempts": 0}, "attempts"),
    ({"dns": "a:1"}, {"family": "ipv5"}, "nearest"),
    ({"dns": "a:1"}, {"server": []}, "servers"),
])
def test_mistakes_are_named(command, write_config, endpoint, resolver, said):
    path = write_config(config_with(endpoint, **resolver))
    done = command("check", path)
    assert done.returncode == 2
    assert f"{path}:" in done.stderr and said in done.stderr
