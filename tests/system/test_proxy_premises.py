# SPDX-License-Identifier: MIT
"""What keeps a gateway from starting is found by `tailgate check`, all of it, with its place; and the
start says the same."""

import re

import pytest

LISTENER = "127.0.0.1:18080"


def config(**options):
    return {"workers": 2, "listeners": [LISTENER], "routes": [{"path": "/", "upstream": "app"}],
            "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}}, **options}


CASES = {
    "the same listener twice": (
        {"listeners": [LISTENER, LISTENER]}, "the listener 127.0.0.1:18080 is taken by the listener"),
    "the same listener, written otherwise": (
        {"listeners": ["[::1]:18080", {"address": "[0:0:0::1]:18080"}]}, "is taken by the listener"),
    "a listener and all addresses": (
        {"listeners": ["0.0.0.0:18080", LISTENER]}, "taken by the listener 0.0.0.0:18080"),
    "a listener and all addresses of IPv6": (
        {"listeners": [LISTENER, "[::]:18080"]}, "taken by the listener 127.0.0.1:18080"),
    "a path twice": (
        {"listeners": ["unix:/tmp/s", "unix:/tmp/s"]}, "the listener unix:/tmp/s is taken"),
    "a listener as the admin address": (
        {"admin": LISTENER}, "the admin address 127.0.0.1:18080 is taken by the listener"),
    "no such user": ({"user": "nobody-of-that-name"}, 'no user "nobody-of-that-name"'),
    "no such group": (
        {"user": "nobody", "group": "none-of-that-name"}, 'no group "none-of-that-name"'),
    "no folder for the log": (
        {"access_log": "no/such/folder/a.log"}, "no/such/folder/a.log: its folder is not there", 3),
    "a folder as the log": ({"access_log": {"path": "."}}, "is a folder", 3),
    "no folder for a socket": ({"listeners": ["unix:/nowhere/s"]}, "cannot listen on /nowhere/s: its folder", 3),
    "a file as the folder of records": ({"record": "proxy.json"}, "proxy.json is no folder", 3),
    "no folder for records": ({"record": "no/such/records"}, "no/such/records: its folder", 3),
    "a limit below the segments": (
        {"record": "records", "record_limit": "100KiB"}, "expected at least 128KiB"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_check_and_the_start_say_the_same(command, write_config, case):
    options, reason, status = (*case, 2)[:3]
    path = write_config(config(**options), "proxy.json")
    checked = command("check", path)
    started = command("proxy", path)
    assert (checked.returncode, started.returncode) == (2, status)
    assert re.match(rf"{re.escape(str(path))}:\d+:\d+: ", checked.stderr), checked.stderr
    assert reason in checked.stderr
    assert "valid" not in checked.stdout
    assert started.stderr == f"tailgate proxy: {checked.stderr}"


def test_all_reasons_are_said(command, write_config):
    path = write_config(config(
        listeners=[LISTENER, LISTENER, {"address": "127.0.0.1:18081", "tls": {
            "certificate": "no.pem", "key": "no.key"}}],
        admin=LISTENER, user="nobody-of-that-name", access_log="no/such/folder/a.log"))
    done = command("check", path)
    assert done.returncode == 2
    for reason in (": the listener 127", "the admin address", "no user", "is not there", "no.pem"):
        assert done.stderr.count(reason) == 1, done.stderr
    assert len(done.stderr.splitlines()) == 5


def test_no_files_leaves_the_machine_out(command, write_config):
    path = write_config(config(user="nobody-of-that-name", access_log="no/such/folder/a.log"))
    assert command("check", "--no-files", path).returncode == 0
    path = write_config(config(listeners=[LISTENER, LISTENER]))
    assert command("check", "--no-files", path).returncode == 2


@pytest.mark.parametrize("listeners", [
    ["127.0.0.1:0", "127.0.0.1:0"], [LISTENER, "127.0.0.2:18080"], [LISTENER, "[::1]:18080"],
    ["unix:/tmp/a", "unix:/tmp/b"]])
def test_addresses_that_go_together(command, write_config, listeners):
    assert command("check", write_config(config(listeners=listeners))).returncode == 0


def test_a_reload_refuses_them_as_well(gateway, refused_address):
    proxy = gateway(refused_address)
    changed = proxy.config
    changed["listeners"] = [LISTENER, LISTENER]
    proxy.reload(changed, refused="is taken by the listener 127.0.0.1:18080 of this file")


@pytest.mark.parametrize("first, second", [
    ("127.0.0.1:9", "127.0.0.1:9"), ("[::1]:9", "[0::1]:9"), ("unix:/tmp/s", "unix:/tmp/s"),
    ("127.0.0.1:9", {"address": "127.0.0.1:9", "weight": 2}),
    ({"dns": "orders.test:9"}, {"dns": "Orders.test.:9"})])
def test_an_endpoint_stands_in_an_upstream_once(command, write_config, first, second):
    endpoints = ["127.0.0.2:9", first, second]
    path = write_config(config(upstreams={"app": {"endpoints": endpoints}}))
    done = command("check", "--no-files", path)
    assert done.returncode == 2
    assert "is there twice" in done.stderr and "\"weight\"" in done.stderr
    endpoints = [first, {"dns": "orders.test:10"}, {"dns": "_http._tcp.orders.test"}]
    path = write_config(config(upstreams={"app": {"endpoints": endpoints},
                                          "other": {"endpoints": [second]}}))
    assert command("check", "--no-files", path).returncode == 0
