# SPDX-License-Identifier: MIT
"""Endpoints by name across reloads."""

import json
import os
import signal
import threading

from gateway import PATIENT, Gateway
from load import Load
from naming import (NAME, OFTEN, addresses, answering, bodies, held, port_of, states, wait_bodies)
from nameserver import silent
from test_proxy_tls import authority  # noqa: F401
from tls import TlsClient, secure, serving, trusting
from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes


def test_names_of_a_new_configuration_are_looked_up_first(named, names, upstream):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    answer = threading.Event()
    names.names[NAME] = addresses(1, ttl=3600)
    proxy = named(f"{NAME}:{port_of(one)}")
    names.script = held(answer)
    config = proxy.config
    config["upstreams"]["app"]["endpoints"] = [{"dns": f"new.test:{port_of(two)}"}]
    threading.Thread(target=lambda: (wait_until(lambda: names.count("new.test"), 30),
                                     answer.set()), daemon=True).start()
    with Load(proxy.address, kept=1, fresh=1) as load:
        proxy.reload(config)
        assert proxy.request().body == b"2"
    assert load.failures == []
    assert (names.count(NAME), names.count("new.test")) == (1, 1)


def test_names_that_nobody_wants_are_not_asked_for(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    names.names["new.test"] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}")
    config = proxy.config
    config["upstreams"]["app"]["endpoints"] = [{"dns": f"new.test:{port_of(server)}"}]
    proxy.reload(config)
    names.wait_count("new.test", 2)
    before = names.count(NAME)
    names.wait_count("new.test", 10)
    assert names.count(NAME) == before
    assert f'dns_addresses{{name="{NAME}"}}' not in proxy.metrics()
    # And without any, nobody is asked.
    config["upstreams"]["app"]["endpoints"] = [server.address]
    proxy.reload(config)
    assert bodies(proxy) == {b"x"}
    assert "dns_addresses{" not in str(proxy.metrics())


def test_a_reload_goes_on_without_a_name_that_is_not_known(named, names, upstream):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    names.names[NAME] = addresses(1, ttl=3600)
    proxy = named(f"{NAME}:{port_of(one)}")
    config = proxy.config
    config["upstreams"]["app"]["endpoints"].append({"dns": f"new.test:{port_of(two)}"})
    proxy.reload(config)
    assert bodies(proxy) == {b"1"}
    assert states(proxy, "dns_failed") == [("dns_failed", "app", 0)]
    names.names["new.test"] = addresses(1)
    wait_bodies(proxy, {b"1", b"2"})
    assert names.count(NAME) == 1


def test_a_reload_that_is_refused_changes_nothing(named, names, upstream, refused_address):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    names.names["new.test"] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}")
    config = proxy.config
    bad = proxy.config
    bad["upstreams"]["app"]["endpoints"] = [{"dns": f"new.test:{port_of(server)}"}]
    # The port is found to be taken once the name was looked up.
    bad["listeners"].append({"address": refused_address})
    bad["resolver"]["timeout"] = "10s"
    proxy.reload(bad, refused=refused_address)
    proxy.reload("{", refused="proxy.json:1:")
    before = names.count("new.test")
    names.wait_count(NAME, 5)
    assert names.count("new.test") == before == 1
    assert bodies(proxy) == {b"x"}
    proxy.reload(config)
    assert bodies(proxy) == {b"x"}


def test_another_resolver(named, names, nameserver, fleet):
    servers, other = fleet(2), nameserver()
    names.names[NAME] = addresses(1, ttl=3600)
    other.names[NAME] = addresses(2, ttl=3600)
    proxy = named(f"{NAME}:{port_of(servers[0])}")
    assert bodies(proxy) == {b"1"}
    config = proxy.config
    config["resolver"]["servers"] = [other.address]
    proxy.reload(config)
    wait_bodies(proxy, {b"2"})
    assert (names.count(NAME), other.count(NAME)) == (1, 1)


def test_many_reloads_with_queries_under_way(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(server)}")
    names.script = silent
    names.wait_count(NAME)
    config = proxy.config
    for i in range(10):
        config["resolver"]["attempts"] = 1 + i % 2  # a resolver of its own, and its queries
        proxy.reload(config)
        assert proxy.request().body == b"x"
    names.script = None
    proxy.reload({**config, "resolver": {"servers": [names.address], **OFTEN}})
    names.wait_count(NAME, 3)


def test_names_in_a_file_of_endpoints(start, command, names, fleet, tmp_path):
    servers = fleet(2)
    port = port_of(servers[0])
    names.names[NAME], names.names["new.test"] = addresses(1), addresses(2)
    path = tmp_path / "endpoints.json"
    path.write_text('{"endpoints": [{"dns": "%s:%s"}]}' % (NAME, port))
    proxy = Gateway(start("proxy", {
        "workers": 1, "watch": "20ms", "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints_file": str(path), "timeout": PATIENT}},
        "resolver": {"servers": [names.address], **OFTEN}}), command)
    assert bodies(proxy) == {b"1"}
    path.write_text('{"endpoints": [{"dns": "new.test:%s"}]}' % port)
    wait_bodies(proxy, {b"2"})
    names.names["new.test"] = addresses(1, 2)
    wait_bodies(proxy, {b"1", b"2"})
    assert "app: its file of endpoints has changed" in proxy.process.log()


def test_an_answer_that_cannot_be_taken_over_waits(named, names, fleet, tmp_path):
    """Whatever was in its way, it is tried again with the next answer, though that says the same."""
    servers = fleet(2)
    port = port_of(servers[0])
    good = json.dumps({"endpoints": [f"127.0.0.1:{port}"]})
    path = tmp_path / "endpoints.json"
    path.write_text(good)
    names.names[NAME] = addresses(1)
    proxy = named(watch="1h", upstreams={"app": {"endpoints": [{"dns": f"{NAME}:{port}"}]},
                                         "file": {"endpoints_file": str(path)}})
    path.write_text("{ half of")
    names.names[NAME] = addresses(2)
    line = proxy.process.wait_log("stay until the next answer", 30)
    assert "endpoints.json:1:" in line
    assert bodies(proxy) == {b"1"}
    assert proxy.metric("dns_updates_refused_total") > 0
    path.write_text(good)
    wait_bodies(proxy, {b"2"})


def test_a_reload_that_is_asked_for_before_the_first_answer(named, names, upstream):
    """It is heard once the gateway serves; until then it has nothing that could be reloaded."""
    server, answer = upstream(answering(b"x")), threading.Event()
    names.script = held(answer)
    proxy = named(f"{NAME}:{port_of(server)}", ready=False)
    wait_until(lambda: names.count(NAME), 30, "a query")
    proxy.process.wait_asleep()
    proxy.process.send_signal(signal.SIGHUP)
    answer.set()
    proxy.process.wait_log(" reloaded: ", 60)
    log = proxy.process.log()
    assert log.index(" ready: ") < log.index(" reloaded: ")
    assert bodies(proxy) == {b"x"}


def test_keys_are_read_by_a_reload_alone(named, names, fleet, authority):  # noqa: F811
    """An answer must not wait for files that others are about to write, or that only root can read."""
    servers = fleet(2)
    pair = authority.issue("gateway.test")
    names.names[NAME] = addresses(1)
    proxy = named(f"{NAME}:{port_of(servers[0])}",
                  listeners=[{"address": "127.0.0.1:0"},
                             {"address": "127.0.0.1:0", "tls": pair.config()}])
    os.remove(pair.key)
    names.names[NAME] = addresses(2)
    wait_bodies(proxy, {b"2"})
    client = TlsClient(proxy.process.addresses[1], trusting(authority), "gateway.test")
    assert client.request().body == b"2"
    client.close()
    proxy.reload(proxy.config, refused=pair.key)


def test_another_name_of_an_address_is_verified_anew(start, command, names, upstream, tmp_path,
                                                     authority):  # noqa: F811
    context = serving(authority.issue(NAME))
    server = upstream([secure(context), repeat(read_request, response_bytes(200, b"x"))])
    names.names[NAME] = names.names["other.test"] = addresses(1, ttl=3600)
    path = tmp_path / "endpoints.json"

    def write(name):
        path.write_text(json.dumps({"endpoints": [{"dns": f"{name}:{port_of(server)}"}]}))

    write(NAME)
    proxy = Gateway(start("proxy", {
        "workers": 1, "watch": "20ms", "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints_file": str(path), "timeout": PATIENT,
                              "retry": {"attempts": 1}, "tls": {"ca": authority.certificate}}},
        "resolver": {"servers": [names.address]}}), command)
    assert proxy.request().status == 200
    write("other.test")
    proxy.process.wait_log(" reloaded: ", 30)
    assert proxy.request().status == 502
    assert "ostname mismatch" in proxy.process.wait_log("TLS handshake failed")


def test_an_end_while_a_reload_waits(named, names, upstream):
    server = upstream(answering(b"x"))
    names.names[NAME] = addresses(1, ttl=3600)
    proxy = named(f"{NAME}:{port_of(server)}")
    names.script = silent
    config = proxy.config
    config["upstreams"]["app"]["endpoints"].append({"dns": "new.test:1"})
    proxy.config_path.write_text(json.dumps(config))
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: names.count("new.test"), 30, "a query")
    assert proxy.request().body == b"x"
    assert proxy.stop() == 0
