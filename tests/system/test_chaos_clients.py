# SPDX-License-Identifier: MIT
"""The client that people use for Toxiproxy from node, unchanged: a transcript of all it can call."""

import json
import pathlib
import shutil
import subprocess

import pytest

SCRIPTS = pathlib.Path(__file__).with_name("clients")


def proxy(name, enabled=True):
    return {"enabled": enabled, "listen": "LISTEN", "name": name, "upstream": "UPSTREAM"}


def toxic(kind, attributes, name=None, stream="downstream", toxicity=1):
    return {"attributes": attributes, "name": name or f"{kind}_{stream}", "stream": stream,
            "toxicity": toxicity, "type": kind}


def failed(status):
    return {"failed": f"Request failed with status code {status}"}


DONE = {"status": 204, "data": ""}

# What each toxic is given, and what an update of latency and rate to 7 makes of it.
TOXICS = [
    ("latency", {"latency": 1000, "jitter": 50}, {"latency": 7, "jitter": 50}),
    ("bandwidth", {"rate": 64}, {"rate": 7}),
    ("slow_close", {"delay": 250}, {"delay": 250}),
    ("timeout", {"timeout": 500}, {"timeout": 500}),
    ("reset_peer", {"timeout": 100}, {"timeout": 100}),
    ("slicer", {"average_size": 100, "size_variation": 20, "delay": 10},
     {"average_size": 100, "size_variation": 20, "delay": 10}),
    ("limit_data", {"bytes": 4096}, {"bytes": 4096}),
    ("noop", {}, {}),
]


def life_of(kind, before, after):
    name = f"a-{kind}"
    return [
        [f"add {kind}", toxic(kind, before, name, "upstream", 0.5)],
        [f"get {kind}", toxic(kind, before, name, "upstream", 0.5)],
        [f"update {kind}", toxic(kind, after, name, "upstream", 1)],
        [f"remove {kind}", DONE],
        [f"get removed {kind}", failed(404)],
    ]


EXPECTED = [
    ["version", {"status": 200, "data": {"version": "2.12.0"}}],
    ["none", []],
    ["create", proxy("one")],
    ["create again", failed(409)],
    ["create without a name", failed(400)],
    ["create without an upstream", failed(400)],
    ["get", proxy("one")],
    ["get another", failed(404)],
    ["populate", [proxy("two"), proxy("three", enabled=False)]],
    ["populate badly", failed(400)],
    ["all", [proxy("one"), proxy("three", enabled=False), proxy("two")]],
    *(step for row in TOXICS for step in life_of(*row)),
    ["add by defaults", toxic("latency", {"latency": 0, "jitter": 0})],
    ["add again", failed(409)],
    ["add an unknown type", failed(400)],
    ["add to no stream", failed(400)],
    ["add ours", toxic("idle_close", {"idle": 5000}, stream="both")],
    ["disable", proxy("one", enabled=False)],
    ["enable", proxy("one")],
    ["reset", DONE],
    ["all after reset", [proxy("one"), proxy("three"), proxy("two")]],
    ["remove", None],
    ["remove again", failed(404)],
    ["get removed", failed(404)],
]


def test_toxiproxy_node_client(start, upstream):
    program = shutil.which("node")
    if not program:
        pytest.skip("node is not installed")
    if not (SCRIPTS / "node_modules" / "toxiproxy-node-client").is_dir():
        pytest.skip("toxiproxy-node-client is not installed: npm ci in tests/system/clients "
                    "installs it")
    chaos = start("chaos", {})
    done = subprocess.run(
        [program, SCRIPTS / "toxiproxy.mjs", f"http://{chaos.address}", upstream().address],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == EXPECTED
