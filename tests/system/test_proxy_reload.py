# SPDX-License-Identifier: MIT
"""SIGHUP: a new configuration without one failed request."""

import json
import os
import select
import signal
import socket
import threading
import time

import pytest

from gateway import established_to
from load import Load
from upstream import read_request, repeat, wait_for
from waiting import wait_until
from wire import Client, request_bytes, response_bytes

ADMIN = {"address": "127.0.0.1:0"}


def answering(body):
    return [repeat(read_request, response_bytes(200, body))]


def respond(body):
    return [{"path": "/", "respond": {"status": 200, "body": body}}]


# ---- under load


@pytest.mark.threads
def test_a_hundred_reloads_fail_no_request(gateway, upstream):
    """Routes, endpoints, timeouts and limits change under clients that stay and clients that come."""
    first, second = upstream(answering(b"1")), upstream(answering(b"2"))
    proxy = gateway(first, second, workers=2)
    one = proxy.config
    two = proxy.config
    two["routes"].insert(0, {"path": "/other", "upstream": "more", "timeout": {"total": "50s"}})
    two["upstreams"]["app"] = {**one["upstreams"]["app"], "endpoints": [second.address]}
    two["upstreams"]["more"] = {"endpoints": [first.address], "timeout": {"response": "60s"}}
    two["limits"] = {"response_head": "8KiB"}
    with Load(proxy.address, paths=["/", "/other"]) as load:
        for i in range(100):
            proxy.reload(two if i % 2 == 0 else one)
            load.wait_more()
    assert load.failures == []
    assert {row["status"] for row in proxy.records("request")} == {200}
    assert "reloaded: configuration 101 " in proxy.process.log()


def test_nothing_grows_with_reloads(gateway, upstream):
    """Memory and descriptors: what 200 reloads leave behind of a large configuration."""
    server = upstream(answering(b"x"))
    routes = [{"path": f"/{i}", "upstream": "app", "timeout": {"response": "60s"}}
              for i in range(300)] + [{"path": "/", "upstream": "app"}]
    proxy = gateway(server, workers=2, routes=routes, environment={
        "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"})
    client = proxy.connect()

    def descriptors():
        return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))

    def reload(times):
        for _ in range(times):
            proxy.reload(json.dumps(proxy.config))
            assert client.request().status == 200

    reload(40)
    before, open_before = proxy.resident(), descriptors()
    reload(200)
    # One configuration of this size takes hundreds of KiB.
    assert proxy.resident() - before < 24 << 20
    assert descriptors() == open_before
    assert len(server.connections) == 1


# ---- what is refused


def test_a_bad_file_is_refused_and_the_old_one_goes_on(gateway, upstream):
    proxy = gateway(upstream(answering(b"x")), admin=ADMIN)
    client = proxy.connect()
    good = proxy.config
    proxy.reload("{", refused="proxy.json:1:")
    bad = {**good, "routes": [{"path": "/", "upstream": "nowhere"}]}
    proxy.reload(bad, refused="nowhere")
    assert client.request().status == 200
    proxy.reload(good)
    assert client.request().status == 200
    assert proxy.metric("reloads_refused_total") == 2
    assert proxy.metric("reloads_total") == 1


@pytest.mark.parametrize("key, value", [
    ("workers", 2), ("name", "other"), ("cleanup", "deferred"), ("record", "elsewhere"),
    ("seed", 7), ("access_log", {"path": "access.log", "format": "combined"}), ("admin", ADMIN)])
def test_what_belongs_to_the_process_is_named(gateway, upstream, key, value):
    proxy = gateway(upstream(answering(b"x")))
    good = proxy.config
    proxy.reload({**good, key: value, "routes": respond("new")}, refused=f'"{key}" cannot change')
    assert proxy.request().body == b"x"
    proxy.reload({**good, "routes": respond("new")})
    assert proxy.request().body == b"new"


def test_a_port_that_is_taken_refuses_the_whole(gateway, upstream):
    taken = upstream(answering(b"other"))
    proxy = gateway(upstream(answering(b"x")))
    changed = {**proxy.config, "routes": respond("new")}
    changed["listeners"].append({"address": taken.address})
    proxy.reload(changed, refused="another program")
    assert proxy.request().body == b"x"


def test_not_while_it_stops(gateway, upstream):
    release = threading.Event()
    server = upstream([read_request, wait_for(release), response_bytes(200, b"x")])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait_log("draining")
    proxy.reload(refused="about to stop")
    release.set()
    assert client.read_response().body == b"x"
    assert proxy.process.wait() == 0


# ---- requests


def test_a_kept_client_goes_on_with_the_new_configuration(gateway, upstream):
    proxy = gateway(upstream(answering(b"old")))
    client = proxy.connect()
    assert client.request().body == b"old"
    proxy.reload({**proxy.config, "routes": respond("new")})
    assert client.request().body == b"new"


def test_a_request_in_flight_ends_as_it_began(gateway, upstream):
    """Its upstream, its limits and the status of its timeout are those of the old configuration."""
    release = threading.Event()
    big = [("X-Big", "y" * 2000)]
    old = upstream([read_request, wait_for(release), response_bytes(200, b"old", big)])
    new = upstream(answering(b"new"))
    proxy = gateway(old)
    client = proxy.connect()
    client.send(request_bytes())
    old.wait_requests(1)
    changed = proxy.config
    changed["upstreams"]["app"]["endpoints"] = [new.address]
    changed["limits"] = {"response_head": "1KiB"}
    proxy.reload(changed)
    release.set()
    assert client.read_response().body == b"old"
    assert client.request().body == b"new"
    assert [row["endpoint"] for row in proxy.wait_records("attempt", 2)] == [old.address,
                                                                             new.address]


def test_half_a_request_goes_by_what_is_there_when_it_is_whole(gateway, upstream):
    proxy = gateway(upstream(answering(b"old")))
    client = proxy.connect()
    client.send(b"GET / HTTP/1.1\r\n")
    proxy.refused()
    proxy.reload({**proxy.config, "routes": respond("new")})
    client.send(b"Host: x\r\n\r\n")
    assert client.read_response().body == b"new"


def test_a_client_that_idles_keeps_its_deadline_through_reloads(gateway, upstream):
    proxy = gateway(upstream(answering(b"x")), listener={"timeout": {"idle": "1s"}})
    client = proxy.connect()
    assert client.request().status == 200
    gone = select.poll()
    gone.register(client.sock, select.POLLIN)
    deadline = time.monotonic() + 60
    # Each reload comes well before a second has passed since the one before.
    while not gone.poll(0):
        assert time.monotonic() < deadline, "reloads keep it"
        proxy.reload(proxy.config)
    client.assert_closed()


def test_a_shorter_timeout_holds_for_clients_that_are_there(gateway, upstream):
    proxy = gateway(upstream(answering(b"x")), listener={"timeout": {"idle": "0s"}})
    client = proxy.connect()
    assert client.request().status == 200
    changed = proxy.config
    changed["listeners"][0]["timeout"] = {"idle": "50ms"}
    proxy.reload(changed)
    assert client.request().status == 200
    client.assert_closed()


# ---- listeners


def with_listener(config, address="127.0.0.1:0"):
    return {**config, "listeners": config["listeners"] + [{"address": address}]}


def test_listeners_come_and_go(gateway, upstream):
    proxy = gateway(upstream(answering(b"x")), workers=2)
    base = proxy.config
    stays, added = proxy.reload(with_listener(base))
    assert stays == proxy.address
    with Client(added) as kept:
        assert kept.request().header("Connection") is None
        proxy.reload(base)
        with pytest.raises(ConnectionRefusedError):
            Client(added)
        response = kept.request()
        assert (response.status, response.header("Connection")) == (200, "close")
        kept.assert_closed()
    assert proxy.request().status == 200


def frozen(proxy):
    """Stops its threads, so that what comes now waits: connections in the backlog, a signal."""
    proxy.process.send_signal(signal.SIGSTOP)
    proxy.process.wait_asleep("T")


@pytest.mark.parametrize("stays", [True, False])
def test_connections_in_the_backlog_are_served(gateway, upstream, stays):
    """Also those of an address that goes with the reload."""
    proxy = gateway(upstream(answering(b"x")), workers=2)
    base = proxy.config
    both = with_listener(base)
    for _ in range(5):
        added = proxy.reload(both)[1]
        frozen(proxy)
        clients = [Client(added, 20) for _ in range(400)]  # more than are accepted at once
        for client in clients:
            client.send(request_bytes())
        before = proxy.process.log().count(" reloaded: ")
        proxy.config_path.write_text(json.dumps(both if stays else base))
        proxy.process.send_signal(signal.SIGHUP)
        proxy.process.send_signal(signal.SIGCONT)
        assert {client.read_response().status for client in clients} == {200}
        for client in clients:
            client.close()
        wait_until(lambda: proxy.process.log().count(" reloaded: ") > before, 20)


def test_a_unix_socket_stays(gateway, upstream, tmp_path):
    path = tmp_path / "gateway.sock"
    proxy = gateway(upstream(answering(b"x")), workers=2)
    base = proxy.config
    both = with_listener(base, f"unix:{path}")

    def status():
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            client.sendall(request_bytes())
            return client.recv(65536)[:12]

    proxy.reload(both)
    inode = path.stat().st_ino
    for _ in range(3):
        proxy.reload(both)
        assert {status() for _ in range(8)} == {b"HTTP/1.1 200"}
    assert path.stat().st_ino == inode
    proxy.reload(base)
    assert not path.exists()


# ---- connections to endpoints


def test_idle_connections_of_endpoints_that_stay_are_kept(gateway, upstream):
    stays, goes = upstream(answering(b"x")), upstream(answering(b"x"))
    proxy = gateway(stays, goes, upstream={"connections": {"idle_timeout": "60s"}})
    for _ in range(2):
        assert proxy.request().status == 200
    assert [len(each.connections) for each in (stays, goes)] == [1, 1]
    changed = proxy.config
    changed["upstreams"]["app"]["endpoints"] = [stays.address]
    proxy.reload(changed)
    wait_until(lambda: established_to(goes.address) == 0, what="the connection is closed")
    for _ in range(3):
        assert proxy.request().status == 200
    assert len(stays.connections) == 1


def test_a_busy_connection_is_used_again_after_the_reload(gateway, upstream):
    release = threading.Event()
    server = upstream([read_request, wait_for(release), response_bytes(200, b"old"),
                       repeat(read_request, response_bytes(200, b"new"))])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    proxy.reload(proxy.config)
    release.set()
    assert client.read_response().body == b"old"
    assert client.request().body == b"new"
    assert len(server.connections) == 1


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2])
def test_the_limit_of_connections_holds_across_reloads(gateway, upstream, workers):
    """One request is under way and one waits, both from before; a third comes after."""
    release = threading.Event()
    server = upstream([read_request, wait_for(release), response_bytes(200, b"x"),
                       repeat(read_request, response_bytes(200, b"x"))], answering(b"x"))
    proxy = gateway(server, workers=workers, upstream={"connections": {"max": 1}}, admin=ADMIN)
    clients = []

    for i in range(6):
        clients.append(proxy.connect())
        clients[-1].send(request_bytes(path=f"/{i}"))
        if i == 0:
            server.wait_requests(1)
        wait_until(lambda: proxy.metric("queued_total") == i, what=f"{i} requests wait")
        proxy.reload(proxy.config)
    assert len(server.connections) == 1
    release.set()
    assert {client.read_response().status for client in clients} == {200}


# ---- health


def test_what_was_ejected_stays_so(gateway, upstream, refused_address):
    proxy = gateway(refused_address, upstream(answering(b"x")), upstream={
        "health": {"passive": {"consecutive": 1, "eject_for": "5m"}}, "retry": {"attempts": 1}})
    while proxy.request().status == 200:
        pass
    proxy.reload(proxy.config)
    assert [proxy.request().status for _ in range(6)] == [200] * 6


def test_what_was_ejected_comes_back(gateway, upstream, refused_address):
    proxy = gateway(refused_address, upstream(answering(b"x")), admin=ADMIN, upstream={
        "health": {"passive": {"consecutive": 1, "eject_for": "1s"}}, "retry": {"attempts": 2}})
    fit = 'endpoint_fit{upstream="app",endpoint="%s"}' % refused_address
    while proxy.metrics()[fit] == 1:
        assert proxy.request().status == 200
    proxy.reload(proxy.config)
    # The worker's timer has moved with it: no request is needed.
    wait_until(lambda: proxy.metrics()[fit] == 1, 30, "it is restored")


def test_an_endpoint_that_went_counts_no_longer(gateway, upstream, refused_address):
    server = upstream(answering(b"x"))
    proxy = gateway(refused_address, server, admin=ADMIN, upstream={
        "health": {"passive": {"consecutive": 1, "eject_for": "10m", "eject_longest": "10m"}, "panic_threshold": "60%"},
        "retry": {"attempts": 2}})
    while not proxy.metric("panics_total"):
        assert proxy.request().status == 200
    changed = proxy.config
    changed["upstreams"]["app"]["endpoints"] = [server.address]
    proxy.reload(changed)
    for _ in range(4):
        assert proxy.request().status == 200
    assert proxy.metrics()['endpoint_fit{upstream="app",endpoint="%s"}' % server.address] == 1
    proxy.reload({**changed, "routes": respond("new")})
    assert proxy.request().body == b"new"


# ---- records


def access_lines(proxy, count):
    path = proxy.process.folder / "access.log"
    wait_until(lambda: path.read_text().count("\n") >= count, what=f"{count} lines")
    return proxy.access_lines()


def test_names_are_right_in_records(gateway, upstream):
    first, second = upstream(answering(b"x")), upstream(answering(b"x"))
    proxy = gateway(first)
    assert proxy.request(path="/a").status == 200
    changed = proxy.config
    changed["routes"] = [{"name": "new-route", "path": "/", "upstream": "fresh"}]
    changed["upstreams"] = {"fresh": {"endpoints": [second.address]}}
    proxy.reload(changed)
    assert proxy.request(path="/b").status == 200
    rows = proxy.wait_records("request", 2)
    assert [row["upstream"] for row in rows] == ["app", "fresh"]
    assert rows[1]["route"] == "new-route"
    assert [row["endpoint"] for row in proxy.records("attempt")] == [first.address, second.address]
    assert [row["upstream"] for row in access_lines(proxy, 2)] == ["app", "fresh"]
    assert ("reloaded", 2) in {(row["state_kind"], row["value"]) for row in proxy.records("state")}
