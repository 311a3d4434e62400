# SPDX-License-Identifier: MIT
"""Endpoints in a file that others write."""

import json
import os
import time

import pytest

from gateway import PATIENT, Gateway
from load import Load
from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes

ADMIN = {"address": "127.0.0.1:0"}


def answering(body):
    return [repeat(read_request, response_bytes(200, body))]


@pytest.fixture
def endpoints(tmp_path):
    """endpoints(server, ...) writes the file as a careful writer does, and returns its path."""
    path = tmp_path / "endpoints.json"

    def write(*servers):
        beside = tmp_path / "endpoints.json.new"
        beside.write_text(servers[0] if isinstance(servers[0], str) else
                          json.dumps({"endpoints": [server.address for server in servers]}))
        os.replace(beside, path)
        return path

    return write


@pytest.fixture
def watching(start, command, endpoints):
    """A gateway whose endpoints stand in a file."""
    made = []

    def launch(*servers, **options):
        path = endpoints(*servers)
        process = start("proxy", {
            "workers": 1, "watch": "20ms", "record": "records", "admin": ADMIN,
            "routes": [{"path": "/", "upstream": "app"}],
            "upstreams": {"app": {"endpoints_file": str(path), "timeout": PATIENT}}, **options})
        made.append(Gateway(process, command))
        return made[-1]

    yield launch
    for each in made:
        each.clean_up()


def bodies(proxy, count=6):
    return {proxy.request().body for _ in range(count)}


def wait_bodies(proxy, wanted):
    wait_until(lambda: bodies(proxy) == wanted, 30, f"answers by {wanted}")


def test_endpoints_join_and_go(watching, endpoints, upstream):
    one, two, three = (upstream(answering(name)) for name in (b"1", b"2", b"3"))
    proxy = watching(one)
    assert bodies(proxy) == {b"1"}
    endpoints(one, two)
    wait_bodies(proxy, {b"1", b"2"})
    endpoints(three)
    wait_bodies(proxy, {b"3"})
    changes = [(row["subject"], row["value"]) for row in proxy.records("state")
               if row["state_kind"] == "endpoints_changed"]
    assert changes == [("app", 2), ("app", 1)]
    assert "app: its file of endpoints has changed" in proxy.process.log()


@pytest.mark.parametrize("content, said", [
    ("{", "endpoints.json:1:"),
    ('{"endpoints": []}', "endpoints.json:1:15"),
    ('{"endpoints": ["127.0.0.1:99999"]}', "endpoints.json:1:16"),
    ('{"endpoint": []}', "endpoint"),
    ('{"endpoints": ["127.0.0.1:1", "127.0.0.1:1"]}', "endpoints.json:1:31: the endpoint 127.0.0.1:1 "
     "is there twice"),
])
def test_what_is_wrong_with_the_file_is_said_and_the_old_ones_stay(watching, endpoints, upstream,
                                                                   content, said):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    proxy = watching(one)
    endpoints(content)
    line = proxy.process.wait_log("the old endpoints stay", 30)
    assert said in line and "app" in line
    assert bodies(proxy) == {b"1"}
    # It is said once, until the file is another, and not at each of ten looks.
    time.sleep(0.2)
    endpoints(two)
    wait_bodies(proxy, {b"2"})
    assert proxy.process.log().count("the old endpoints stay") == 1
    assert proxy.metric("endpoint_files_refused_total") == 1


def test_a_file_that_goes_leaves_the_old_ones(watching, endpoints, upstream):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    proxy = watching(one)
    endpoints(one).unlink()
    proxy.process.wait_log("the old endpoints stay", 30)
    assert bodies(proxy) == {b"1"}
    endpoints(two)
    wait_bodies(proxy, {b"2"})


def test_the_configuration_itself_is_not_read_again(watching, endpoints, upstream):
    """Only SIGHUP does that: somebody may be in the middle of writing it."""
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    proxy = watching(one)
    proxy.config_path.write_text("{ half of")
    endpoints(two)
    wait_bodies(proxy, {b"2"})


def test_a_reload_reads_it_too(watching, endpoints, upstream):
    one, two = upstream(answering(b"1")), upstream(answering(b"2"))
    proxy = watching(one, watch="1h")
    endpoints(two)
    assert bodies(proxy) == {b"1"}
    proxy.reload(proxy.config)
    assert bodies(proxy) == {b"2"}
    endpoints("{")
    proxy.reload(proxy.config, refused="endpoints.json:1:")
    assert bodies(proxy) == {b"2"}


def test_the_start_needs_it(start, command, write_config, tmp_path):
    config = {"listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "app"}],
              "upstreams": {"app": {"endpoints_file": str(tmp_path / "nowhere.json")}}}
    proxy = start("proxy", config, ready=False)
    assert proxy.wait() == 2
    assert "nowhere.json" in proxy.log() and "proxy.json:" in proxy.log()
    checked = command("check", write_config(config))
    assert checked.returncode == 2 and "nowhere.json" in checked.stderr + checked.stdout


@pytest.mark.parametrize("keys, said", [
    ({}, '"endpoints" is missing'),
    ({"endpoints": ["127.0.0.1:1"], "endpoints_file": "x"}, "exclude each other"),
])
def test_one_of_both(start, keys, said):
    proxy = start("proxy", {"routes": [{"path": "/", "upstream": "app"}],
                            "upstreams": {"app": keys}}, ready=False)
    assert proxy.wait() == 2
    assert said in proxy.log()


@pytest.mark.threads
def test_changes_under_load_fail_no_request(watching, endpoints, upstream):
    servers = [upstream(answering(b"x")) for _ in range(3)]
    proxy = watching(*servers, workers=2)
    with Load(proxy.address) as load:
        for i in range(20):
            before = proxy.process.log().count(" reloaded: ")
            endpoints(*servers[i % 3:i % 3 + 1 + i % 2])
            wait_until(lambda: proxy.process.log().count(" reloaded: ") > before, 30, "a change")
            load.wait_more()
    assert load.failures == []
