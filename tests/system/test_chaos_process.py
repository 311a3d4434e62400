# SPDX-License-Identifier: MIT
"""`tailgate chaos`: its configuration, its life as a process, and its records."""

import os
import resource
import signal
import socket
import sqlite3
import time

import pytest

from links import Api, echo, round_trip
from process import Process
from waiting import wait_until

LOCAL = "127.0.0.1:0"


def link(address, *faults, **options):
    return {"listen": LOCAL, "upstream": address, "faults": list(faults), **options}


def test_links_of_the_configuration(start, upstream, connect):
    chaos = start("chaos", {"links": {
        "one": link(upstream([echo]).address),
        "two": link(upstream([echo]).address,
                    {"kind": "latency", "latency": "100ms", "name": "slow"}),
        "off": link(LOCAL, enabled=False)}})
    _, one, two = chaos.addresses
    round_trip(connect(one).sock)
    assert round_trip(connect(two).sock) >= 0.1
    proxies = Api(chaos).call("GET", "/proxies")[1]
    assert proxies["off"]["enabled"] is False
    assert proxies["two"]["toxics"][0]["attributes"] == {"latency": 100, "jitter": 0}


def test_an_empty_configuration_serves_the_api(start):
    assert Api(start("chaos", {})).call("GET", "/proxies") == (200, {})


def test_the_api_on_a_unix_socket(start, tmp_path):
    chaos = start("chaos", {"api": f"unix:{tmp_path}/api"})
    assert chaos.address == f"unix:{tmp_path}/api"
    assert chaos.stop() == 0


@pytest.mark.parametrize("config, why", [
    ('{\n "linsk": {} }', '2:2: unknown key "linsk" in chaos (nearest known key "links")'),
    ('{ "api": "0.0.0.0:8474" }', 'set a "token"'),
    ('{ "links": { "a": { "listen": "127.0.0.1:0" } } }', 'lacks "upstream"'),
    ('{ "links": { "a": { "listen": "x", "upstream": "127.0.0.1:1" } } }', '"x" is no address'),
])
def test_a_wrong_configuration_starts_nothing(start, config, why):
    chaos = start("chaos", config, ready=False)
    assert chaos.wait() == 2
    assert why in chaos.log()


@pytest.mark.parametrize("fault, place, why", [
    ('{ "kind": "latensy", "latency": "1ms" }', "4:13", 'nearest "latency"'),
    ('{ "kind": "latency", "latency": "-1ms" }', "4:35", "is not a length of time"),
    ('{ "kind": "noop", "share": "101%" }', "4:30", "out of bounds"),
    ('{ "kind": "noop", "rate": 7 }', "4:29", '"rate" is no parameter of noop'),
    ('{ "kind": "noop", "from": "2s", "until": "1s" }', "4:44", '"until" does not come after'),
    ('{ "kind": "noop" }, { "kind": "noop" }', "4:23", "already"),
])
def test_an_impossible_fault_is_refused_with_its_place(command, write_config, fault, place, why):
    path = write_config('{ "seed": 7, "links": { "a": {\n  "listen": "127.0.0.1:0",\n'
                        '  "upstream": "127.0.0.1:1", "faults": [\n  %s ] } } }' % fault)
    done = command("check", path)
    assert done.returncode == 2
    assert f":{place}: " in done.stderr and why in done.stderr, done.stderr
    assert command("chaos", path).stderr == done.stderr


def test_check_knows_its_configuration(command, write_config):
    path = write_config({"links": {}})
    assert command("check", path).stdout == f"{path}: valid (chaos)\n"


def test_it_lets_connections_end(start, upstream, connect):
    chaos = start("chaos", {"links": {"one": link(upstream([echo]).address)}})
    client = connect(chaos.addresses[1]).sock
    round_trip(client)
    chaos.send_signal(signal.SIGTERM)
    chaos.wait_log("stopping")
    round_trip(client)
    client.close()
    assert chaos.wait() == 0


def test_a_port_that_is_taken_is_an_error(start, upstream):
    taken = upstream([echo]).address
    chaos = start("chaos", {"links": {"one": {"listen": taken, "upstream": LOCAL}}}, ready=False)
    assert chaos.wait() == 3
    assert 'link "one"' in chaos.log()


def test_what_was_touched_is_recorded(start, upstream, connect, command, tmp_path):
    chaos = start("chaos", {"record": str(tmp_path / "records"), "name": "rack", "links": {
        "one": link(upstream([echo]).address, {"kind": "latency", "latency": "50ms", "first": 2,
                                               "name": "slow"})}})
    clients = [connect(chaos.addresses[1]).sock for _ in range(3)]
    for client in clients:
        round_trip(client)
    api = Api(chaos)
    api.toxic("one", "refuse", name="away")
    api.remove("one", "away")
    for client in clients:
        client.close()
    assert chaos.stop() == 0
    done = command("export", tmp_path / "records", "--output", tmp_path / "records.db")
    assert done.returncode == 0, done.stderr
    rows = sqlite3.connect(tmp_path / "records.db").execute(
        "SELECT name, target, kind, ordinal, ended_ns - started_ns FROM fault ORDER BY 1, 4"
    ).fetchall()
    assert [row[:4] for row in rows] == [("away", "one", "refuse", 3),
                                         ("slow", "one", "latency", 0),
                                         ("slow", "one", "latency", 1)]
    assert all(row[4] > 0 for row in rows) and rows[1][4] >= 50e6


@pytest.fixture
def controlled(tailgate, write_config, tmp_path):
    """A process with a link, and the laboratory's end of its line."""
    lab, child = socket.socketpair()
    processes = []

    def launch(config):
        processes.append(Process(
            [tailgate, "chaos", write_config(config), "--control", str(child.fileno())], tmp_path,
            pass_fds=(child.fileno(),)))
        child.close()
        return processes[-1], lab

    yield launch
    lab.close()
    for process in processes:
        assert not process.clean_up()


def test_ready_and_epoch_travel_by_the_control_line(controlled, upstream, connect):
    process, lab = controlled({"api": LOCAL, "links": {
        "one": link(upstream([echo]).address, {"kind": "latency", "latency": "100ms"})}})
    lab.settimeout(30)
    said = lab.recv(1000).decode().split()
    assert said[0] == "ready" and said[1:] == process.wait_ready().addresses
    client = connect(said[2]).sock
    round_trip(client)
    api = Api(process)
    assert api.metric("tailgate_fault_connections", link="one") == 0
    lab.sendall(b"epoch %d\n" % time.monotonic_ns())
    wait_until(lambda: api.metric("tailgate_fault_connections", link="one") == 1,
               what="the epoch has come")
    assert round_trip(client) >= 0.1
    lab.close()
    assert process.wait() == 3


def test_times_count_from_the_start(start, upstream, connect):
    chaos = start("chaos", {"links": {"one": link(
        upstream([echo]).address, {"kind": "blackhole", "until": "10h", "from": "5h"})}})
    client = connect(chaos.addresses[1]).sock
    round_trip(client)


# ---- descriptors


def test_the_limit_of_open_files_is_raised(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        chaos = start("chaos", {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert hard - 64 < resource.prlimit(chaos.pid, resource.RLIMIT_NOFILE)[0] < hard


def test_a_fault_can_be_stopped_when_links_have_used_all_descriptors(start, upstream, connect):
    chaos = start("chaos", {"links": {"one": link(upstream([echo]).address, {
        "kind": "blackhole", "name": "hole"})}})
    hard = resource.prlimit(chaos.pid, resource.RLIMIT_NOFILE)[1]
    last = max(int(name) for name in os.listdir(f"/proc/{chaos.pid}/fd"))
    resource.prlimit(chaos.pid, resource.RLIMIT_NOFILE, (last + 1, hard))
    clients = []
    while "no descriptor is left" not in chaos.log():
        clients.append(connect(chaos.addresses[1]))
    api = Api(chaos)
    idle = [socket.create_connection(("127.0.0.1", int(api.address.rpartition(":")[2])))
            for _ in range(100)]
    api.remove("one", "hole")
    assert api.call("GET", "/proxies/one/toxics") == (200, [])
    assert api.call("POST", "/proxies/one", {"enabled": False})[0] == 200
    for client in idle:
        client.close()
