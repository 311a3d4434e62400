# SPDX-License-Identifier: MIT
"""SIGHUP and `tailgate chaos`: links and faults as the file has them now, and nothing else disturbed."""

import json
import pathlib
import signal

import pytest

from links import Api, echo, round_trip
from waiting import wait_until

LOCAL = "127.0.0.1:0"
SLOW = {"name": "slow", "kind": "latency", "latency": "100ms"}


@pytest.fixture
def reloadable(start):
    """reloadable(links) -> a process, its API, and reload(links, expected line of the log)."""

    class Reloadable:
        def __init__(self, links, **keys):
            self.keys = keys
            self.process = start("chaos", {"links": links, **keys})
            self.api = Api(self.process)
            self.path = pathlib.Path(self.process.argv[-1])
            self.base = json.loads(self.path.read_text())

        def listens(self, name):
            return self.links()[name]["listen"]

        def links(self):
            return self.api.call("GET", "/proxies")[1]

        def toxics(self, name):
            return {toxic["name"]: toxic for toxic in self.links()[name]["toxics"]}

        def reload(self, text, expected="reloaded"):
            if not isinstance(text, str):
                text = json.dumps({**self.base, **text})
            before = self.process.log()
            self.path.write_text(text)
            self.process.send_signal(signal.SIGHUP)
            return wait_until(lambda: next(
                (line for line in self.process.log()[len(before):].splitlines()
                 if expected in line), None), what=f"{expected!r} in the log")

    return Reloadable


def link(address, *faults, **options):
    return {"listen": LOCAL, "upstream": address, "faults": list(faults), **options}


def test_links_and_faults_come_change_and_go(reloadable, upstream, connect):
    address = upstream([echo], [echo], [echo], [echo], [echo]).address
    chaos = reloadable({"kept": link(address), "changed": link(address, SLOW),
                        "gone": link(address)})
    kept, changed = (connect(chaos.listens(name)) for name in ("kept", "changed"))
    gone = chaos.listens("gone")
    round_trip(kept.sock)
    assert round_trip(changed.sock) >= 0.1
    before = chaos.links()
    chaos.reload({"links": {"kept": link(address), "new": link(address, SLOW), "changed": link(
        address, {**SLOW, "latency": "200ms"}, {"name": "more", "kind": "noop"})}})
    after = chaos.links()
    assert set(after) == {"kept", "changed", "new"}
    assert after["kept"] == before["kept"]
    assert set(chaos.toxics("changed")) == {"slow", "more"}
    # Connections that were there go on, by the faults as they are now.
    round_trip(kept.sock)
    assert round_trip(changed.sock) >= 0.2
    assert round_trip(connect(after["new"]["listen"]).sock) >= 0.1
    with pytest.raises(ConnectionRefusedError):
        connect(gone)
    chaos.reload({"links": {"kept": link(address), "changed": link(
        address, {"name": "more", "kind": "noop"})}})
    assert set(chaos.toxics("changed")) == {"more"}
    round_trip(changed.sock)


def test_what_the_api_has_added_stays(reloadable, upstream, connect):
    address = upstream([echo]).address
    chaos = reloadable({"file": link(address, SLOW)})
    chaos.api.link("added", address)
    chaos.api.toxic("file", "latency", {"latency": 5}, name="own")
    chaos.api.remove("file", "slow")
    chaos.reload({"links": {"file": link(address, SLOW)}})
    assert set(chaos.links()) == {"file", "added"}
    assert set(chaos.toxics("file")) == {"own", "slow"}
    assert round_trip(connect(chaos.listens("file")).sock) >= 0.1


def test_a_link_is_led_elsewhere_and_switched(reloadable, upstream, connect):
    one, two = upstream([echo]), upstream([echo], [echo])
    chaos = reloadable({"a": link(one.address), "off": link(one.address, enabled=False)})
    listens = chaos.listens("a")
    round_trip(connect(listens).sock)
    chaos.reload({"links": {"a": link(two.address), "off": link(two.address)}})
    assert chaos.listens("a") == listens
    round_trip(connect(listens).sock)
    round_trip(connect(chaos.listens("off")).sock)
    assert (len(one.connections), len(two.connections)) == (1, 2)
    chaos.reload({"links": {"a": link(two.address), "off": link(two.address, enabled=False)}})
    assert [each["enabled"] for _, each in sorted(chaos.links().items())] == [True, False]


@pytest.mark.parametrize("text, message", [
    ("{", r"chaos.json:1:2: "),
    ({"links": {"a": {"listen": LOCAL}}}, 'lacks "upstream"'),
    ({"links": {"a": link("127.0.0.1:1", {"kind": "latency", "latency": "-1ms"})}},
     "is not a length of time"),
    ({"links": {"a": link("127.0.0.1:1", {"kind": "kill"})}}, "kill is done to a process"),
    ({"seed": 9}, '"seed" is read at the start alone'),
    ({"api": "127.0.0.1:1"}, '"api" is read at the start alone'),
])
def test_a_bad_file_is_refused_and_nothing_changes(reloadable, upstream, connect, text, message):
    address = upstream([echo]).address
    chaos = reloadable({"a": link(address, SLOW)}, seed=7)
    client = connect(chaos.listens("a"))
    assert round_trip(client.sock) >= 0.1
    before = chaos.links()
    line = chaos.reload(text, message)
    assert "nothing has changed" in line and " error " in line
    assert chaos.links() == before
    assert round_trip(client.sock) >= 0.1
    chaos.reload({"links": {"a": link(address)}})
    assert chaos.toxics("a") == {}
    round_trip(client.sock)


def test_a_port_that_is_taken_refuses_all_of_it(reloadable, upstream, connect):
    one, two = upstream([echo], [echo]), upstream([echo], [echo])
    chaos = reloadable({"a": link(one.address), "b": link(one.address, SLOW)})
    taken = upstream([echo]).address
    before = chaos.links()
    b = connect(chaos.listens("b"))
    round_trip(b.sock)
    line = chaos.reload({"links": {
        "new": link(two.address), "a": link(two.address), "b": link(one.address),
        "late": {"listen": taken, "upstream": two.address}}}, "nothing has changed")
    assert 'link "late": cannot listen on' in line
    assert chaos.links() == before
    assert round_trip(b.sock) >= 0.1
    round_trip(connect(chaos.listens("a")).sock)
    assert not two.connections
