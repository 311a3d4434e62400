# SPDX-License-Identifier: MIT
"""The admin address stays within reach, whatever others do to it or to the gateway."""

import os
import re
import resource
import time

import pytest

from process import Process
from upstream import read_request, repeat
from waiting import wait_until
from wire import Client, response_bytes

ADMIN = {"address": "127.0.0.1:0"}
SERVE = [repeat(read_request, response_bytes(200, b"hello"))]

# More than the admin address keeps open at a time.
MANY = 80


@pytest.fixture
def silent():
    """silent(address, count, said) -> clients that connect, and say that much and no more."""
    clients = []

    def connect(address, count, said=b""):
        made = [Client(address, 60) for _ in range(count)]
        clients.extend(made)
        for client in made:
            client.send(said)
        return made

    yield connect
    for client in clients:
        client.close()


def admin_address(proxy):
    return re.search(r"/metrics on (\S+)", proxy.process.wait_log("/metrics on"))[1]


def is_ready(address):
    with Client(address, 20) as client:
        return client.request(path="/ready").status == 200


@pytest.mark.parametrize("said", [b"", b"GET /met"])
def test_silent_connections_make_room(gateway, upstream, silent, said):
    proxy = gateway(upstream(SERVE), admin=ADMIN)
    address = admin_address(proxy)
    silent(address, MANY, said)
    for _ in range(3):
        assert is_ready(address)
    assert proxy.metric("admin_connections_cut_total") >= MANY - 64


def test_who_asks_is_not_the_one_that_makes_room(gateway, upstream, silent):
    """A connection with a request is younger than those without."""
    proxy = gateway(upstream(SERVE), admin=ADMIN)
    address = admin_address(proxy)
    with Client(address, 20) as client:
        for _ in range(4):
            silent(address, MANY // 4)
            assert client.request(path="/ready").status == 200
        silent(address, MANY // 4)
        assert client.request(path="/ready").status == 200


def test_silent_connection_is_closed_soon(gateway, upstream, silent):
    """The tool that reads metrics keeps its connection for a minute; who says nothing does not."""
    proxy = gateway(upstream(SERVE), admin=ADMIN)
    client, = silent(admin_address(proxy), 1)
    client.sock.settimeout(40)
    assert client.sock.recv(1) == b""


def exhaust(proxy):
    """Leaves no descriptor to clients and endpoints."""
    pid = proxy.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    last = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (last + 1, hard))
    while "out of file descriptors" not in proxy.process.log():
        proxy.connect()


def test_within_reach_without_descriptors(gateway, upstream, silent):
    proxy = gateway(upstream(SERVE), admin=ADMIN)
    address = admin_address(proxy)
    exhaust(proxy)
    assert is_ready(address)
    assert proxy.metrics()["accept_pauses_total"] >= 1
    silent(address, MANY)
    assert is_ready(address)


# ---- too few of them from the start


def limited(tailgate, folder, config, limit):
    """The gateway under `ulimit -n`."""
    command = f'ulimit -n {limit}; exec "$0" proxy "$1"'
    return Process(["sh", "-c", command, tailgate, config], folder)


@pytest.fixture
def small_config(write_config, upstream):
    return write_config({
        "workers": 2, "listeners": [{"address": "127.0.0.1:0"}],
        "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": [upstream(SERVE).address]}},
        "record": "records", "access_log": "access.log", "admin": ADMIN})


@pytest.mark.parametrize("limit", [8, 12, 16, 20, 24, 32, 40])
def test_too_few_descriptors_to_start(tailgate, tmp_path, small_config, limit):
    proxy = limited(tailgate, tmp_path, small_config, limit)
    assert proxy.wait() == 3, proxy.log()
    assert f"{limit} files open and needs" in proxy.log()
    assert "raise the limit" in proxy.log()


def test_as_many_descriptors_as_it_says_are_enough(tailgate, tmp_path, small_config):
    proxy = limited(tailgate, tmp_path, small_config, 20)
    assert proxy.wait() == 3
    needed = int(re.search(r"needs (\d+) at least", proxy.log())[1])
    proxy = limited(tailgate, tmp_path, small_config, needed)
    try:
        proxy.wait_ready()
        with Client(proxy.address, 20) as client:
            assert client.request().status == 200
        address = re.search(r"/metrics on (\S+)", proxy.log())[1]
        wait_until(lambda: is_ready(address), 20)
        assert proxy.stop() == 0
    finally:
        assert not proxy.clean_up()


def histogram(proxy, upstream):
    """Requests at or below each end, and their total time in seconds."""
    name, metrics = "request_duration_seconds", proxy.metrics()
    ends = re.compile(rf'{name}_bucket{{upstream="{upstream}",le="(.+)"}}')
    found = {float(match[1]): value for key, value in metrics.items()
             if (match := ends.fullmatch(key))}
    return found, metrics[f'{name}_sum{{upstream="{upstream}"}}']


def test_how_long_requests_took(gateway, upstream):
    """A histogram as Prometheus has it: cumulative, with the time from first to last byte."""
    proxy = gateway(upstream([repeat(read_request, lambda conn: time.sleep(0.3),
                                     response_bytes(200, b"hello"))]), admin=ADMIN, workers=2)
    for _ in range(3):
        with Client(proxy.address, 20) as client:
            assert client.request().status == 200
    wait_until(lambda: histogram(proxy, "app")[0][float("inf")] == 3)
    buckets, seconds = histogram(proxy, "app")
    counts = [buckets[end] for end in sorted(buckets)]
    assert counts == sorted(counts)
    assert buckets[0.25] == 0 and buckets[60.0] == 3
    assert 0.9 <= seconds < 60
