# SPDX-License-Identifier: MIT
"""What a backend does to itself: a collector of the real world, and pauses that were once another
program's."""

import re
import socket
import statistics
import threading
import time

import pytest

from exported import exported
from waiting import wait_until
from wire import request_bytes


def handler(*steps):
    return {"steps": list(steps)}


def timing(response):
    """Server-Timing in seconds, by phase."""
    value = response.header("Server-Timing")
    return {name: float(ms) / 1000 for name, ms in re.findall(r"(\w+);dur=([\d.]+)", value)}


def length(row):
    return row["ended_ns"] - row["started_ns"]


# ---- libgc


@pytest.fixture
def libgc(command, write_config):
    """The heap's collector, where the program has it; where not, it must say so."""
    config = write_config({"heap": {"collector": "libgc"}, "handlers": {"/": handler()}})
    checked = command("check", config)
    if checked.returncode == 0:
        return "libgc"
    assert re.search(r'json:\d+:\d+: .*built without libgc: install .*libgc-dev', checked.stderr)
    pytest.skip("this tailgate was built without libgc")


def test_libgc_stops_the_world_for_as_long_as_its_live_set_takes(start, connect, command, tmp_path,
                                                                 libgc):
    lengths = {}
    for live in ("4MiB", "64MiB"):
        records = tmp_path / f"records-{live}"
        backend = start("backend", {
            "record": str(records), "handlers": {"/": handler({"respond": {}})},
            "heap": {"collector": libgc, "per_request": "4MiB", "live": live, "growth": "10%"}})
        client = connect(backend.address)
        for _ in range(30):
            assert client.request().status == 200
        assert backend.stop() == 0
        rows = exported(command, records, "pause")
        assert len(rows) >= 3 and all(row["kind"] == "collection" for row in rows)
        assert all(row["live_bytes"] >= int(live[:-3]) << 20 for row in rows)
        assert any(row["freed_bytes"] > 0 for row in rows)
        lengths[live] = statistics.median(map(length, rows))
    assert lengths["64MiB"] > 3 * lengths["4MiB"]


def test_a_request_under_way_is_told_of_the_collections_of_libgc(start, connect, libgc):
    backend = start("backend", {
        "heap": {"collector": libgc, "live": "32MiB", "growth": "10%"},
        "handlers": {"/waits": handler({"io": "1s"}, {"respond": {}}),
                     "/allocates": handler({"loop": {"times": 32, "steps": [{"alloc": "1MiB"}]}},
                                           {"respond": {}})}})
    waiting, other = connect(backend.address), connect(backend.address)
    waiting.send(request_bytes(path="/waits"))
    own = 0.0
    for _ in range(6):
        own += timing(other.request(path="/allocates"))["gc"]
    spent = timing(waiting.read_response())
    assert own > 0
    assert spent["gc"] > 0
    assert spent["gc"] + spent["work"] >= 0.99


@pytest.mark.parametrize("cleanup", ["inline", "deferred", "pooled"])
def test_libgc_frees_what_no_request_holds_and_nothing_else(start, connect, libgc, cleanup):
    backend = start("backend", {
        "cleanup": cleanup, "resources": {"lock": {"slots": 1000}},
        "heap": {"collector": libgc, "per_request": "256KiB", "live": "8MiB", "growth": "50%"},
        "handlers": {"/": handler(
            {"loop": {"times": 20, "steps": [{"acquire": "lock"}, {"alloc": "16KiB"}]}},
            {"io": "exponential(1ms)"}, {"respond": {}})}})

    def drive():
        client = connect(backend.address)
        for _ in range(100):
            assert client.request().status == 200

    threads = [threading.Thread(target=drive) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 300 requests of 576 KiB, where so much would not stay.
    assert resident(backend) < 120 << 20
    assert backend.stop() == 0
    stopped = re.search(r"(\d+) requests .* (\d+) collections", backend.log())
    assert int(stopped[1]) == 300
    assert (int(stopped[2]) > 5) == (cleanup != "pooled")


def resident(process):
    """Bytes that are really in use."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


# ---- pauses from a file

# What each kind of file says, and the pauses that it tells of: beginning and length in seconds.
FILES = {
    "offsets": ("offset_ms,duration_ms\n0,300\n1000,100\n1500,200ms\n",
                [(0, 0.3), (1, 0.1), (1.5, 0.2)]),
    "gctrace": ("starting\n"
                "gc 1 @0.000s 0%: 300+700+100 ms clock, 0.1+0.2/0.3/0.4+0.5 ms cpu, 4->4->1 MB, "
                "5 MB goal, 8 P\n"
                "gc 2 @1.500s 2%: 200+1.2+0.0 ms clock, 0.1+0.2/0.3/0.4+0.5 ms cpu, 4->4->1 MB, "
                "5 MB goal, 8 P\n", [(0, 0.3), (1, 0.1), (1.5, 0.2)]),
    "jvm_gc": ("[0.001s][info][gc] Using G1\n"
               "[0.300s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) "
               "24M->3M(256M) 300.000ms\n"
               "[1.100s][info][gc] GC(1) Pause Young (Normal) (G1 Evacuation Pause) "
               "24M->3M(256M) 100.000ms\n"
               "[1.700s][info][gc] GC(2) Pause Full (System.gc()) 24M->3M(256M) 200.000ms\n",
               [(0, 0.3), (1, 0.1), (1.5, 0.2)]),
    "jvm_stopped": ("0.300: Total time for which application threads were stopped: 0.3000000 "
                    "seconds, Stopping threads took: 0.0000100 seconds\n"
                    "1.100: Total time for which application threads were stopped: 0.1000000 "
                    "seconds, Stopping threads took: 0.0000100 seconds\n",
                    [(0, 0.3), (1, 0.1)]),
}


@pytest.mark.parametrize("kind", FILES)
def test_pauses_of_a_file_happen_again(start, connect, command, tmp_path, write_config, kind):
    text, planned = FILES[kind]
    write_config(text, "pauses.log")
    records = tmp_path / "records"
    backend = start("backend", {
        "record": str(records), "handlers": {"/": handler({"respond": {}})},
        "pauses": [{"name": "again", "replay": str(tmp_path / "pauses.log"), "from": "500ms",
                    "injected": True}]})
    client = connect(backend.address, timeout=30)
    longest, began = 0.0, time.monotonic()
    while len(exported(command, records, "pause")) < len(planned):
        sent = time.monotonic()
        client.request()
        longest = max(longest, time.monotonic() - sent)
        assert time.monotonic() < began + 30
    assert backend.stop() == 0
    pauses = exported(command, records, "pause")
    faults = exported(command, records, "fault")
    assert [row["kind"] for row in pauses] == ["injected"] * len(planned)
    for (at, lasting), pause, fault in zip(planned, pauses, faults, strict=True):
        assert fault["name"] == "again"
        assert fault["planned_at_ns"] == pytest.approx((at + 0.5) * 1e9)
        assert fault["planned_for_ns"] == pytest.approx(lasting * 1e9)
        assert length(pause) >= lasting * 1e9
        since = pause["started_ns"] - pauses[0]["started_ns"]
        assert since == pytest.approx((at - planned[0][0]) * 1e9, abs=2e9)


def test_a_client_waits_for_as_long_as_the_file_says(start, connect, write_config, tmp_path):
    write_config("0,10\n400,500\n", "pauses.csv")
    backend = start("backend", {
        "handlers": {"/": handler({"io": "2s"}, {"respond": {}})},
        "pauses": [{"replay": str(tmp_path / "pauses.csv"), "from": "300ms", "scale": "200%"}]})
    spent = timing(connect(backend.address).request())
    assert spent["gc"] >= 1.0
    assert backend.stop() == 0
    assert re.search(r"2 pauses", backend.log())


def test_a_file_starts_over_and_from_the_middle(start, connect, command, write_config, tmp_path):
    write_config("0,5000\n10000,100\n10150,50\n", "pauses.csv")
    records = tmp_path / "records"
    backend = start("backend", {
        "record": str(records), "handlers": {"/": handler({"respond": {}})},
        "pauses": [{"replay": str(tmp_path / "pauses.csv"), "begin": "10s", "loop": True,
                    "count": 5}]})
    client = connect(backend.address)
    wait_until(lambda: client.request() and len(exported(command, records, "pause")) == 5,
               timeout=30, what="5 pauses")
    assert backend.stop() == 0
    for row, lasting in zip(exported(command, records, "pause"), (0.1, 0.05) * 3):
        assert lasting * 1e9 <= length(row) < lasting * 1e9 + 2e9


@pytest.mark.parametrize("pause, message", [
    ({"replay": "none.csv"}, r'config\.json:\d+:\d+: cannot replay ".*": No such file'),
    ({"replay": "bad.csv"}, r"bad\.csv:2:1: this says nothing of when .*OFFSET,DURATION"),
    ({"replay": "bad.csv", "format": "gctrace"}, r"bad\.csv:1:1: there is no pause .*gctrace"),
    ({"replay": "back.csv"}, r"back\.csv:2:1: time runs backwards here"),
    ({"replay": "good.csv", "begin": "1s"}, r'config\.json:\d+:\d+: no pause of "good.csv" is left'),
    ({"replay": "good.csv", "every": "1s"}, r'config\.json:\d+:\d+: "every" cannot stand beside'),
    ({"replay": "good.csv", "scale": "0%"}, r'config\.json:\d+:\d+: "scale"'),
    ({"duration": "1s", "loop": True}, r'config\.json:\d+:\d+: "loop" is about a file'),
    ({"every": "1s"}, r'config\.json:\d+:\d+: a pause lacks "duration", or a file to "replay"'),
])
def test_a_bad_file_is_refused_with_its_place(command, write_config, pause, message):
    write_config("0,1\n", "good.csv")
    write_config("0,1\nnever,2\n", "bad.csv")
    write_config("5,1\n3,1\n", "back.csv")
    checked = command("check", write_config({"handlers": {"/": handler()}, "pauses": [pause]}))
    assert checked.returncode == 2
    assert re.search(message, checked.stderr), checked.stderr


# ---- faults


def faulty(*faults, **keys):
    return {"faults": list(faults),
            "handlers": {"/": handler({"respond": {"body": "1KiB"}}),
                         "/opens": handler({"open": 1}, {"respond": {}})}, **keys}


def connects(address):
    """What a client meets: "accepted", "refused", or "nothing" when its SYN is not answered."""
    host, _, port = address.rpartition(":")
    client = socket.socket()
    client.settimeout(0.5)
    try:
        client.connect((host, int(port)))
        return "accepted"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "nothing"
    finally:
        client.close()


def recorded_faults(command, records, name):
    return [row for row in exported(command, records, "fault") if row["name"] == name]


def test_connections_are_refused_for_as_long_as_it_lasts(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", faulty({"kind": "refuse", "name": "shut", "from": "500ms",
                                       "lasting": "2s"}, record=str(records)))
    before = connect(backend.address)
    assert before.request().status == 200
    backend.wait_log("shut: refuse begins")
    assert connects(backend.address) == "refused"
    # Who is there already is served.
    assert before.request().status == 200
    wait_until(lambda: connects(backend.address) == "accepted", what="it accepts again")
    assert connect(backend.address).request().status == 200
    assert backend.stop() == 0
    fault, = recorded_faults(command, records, "shut")
    assert (fault["kind"], fault["target"], fault["ordinal"]) == ("refuse", "backend", 0)
    assert (fault["planned_at_ns"], fault["planned_for_ns"]) == (500_000_000, 2_000_000_000)
    assert fault["ended_ns"] - fault["started_ns"] == pytest.approx(2e9, abs=1.5e9)


def test_a_listener_can_come_and_go(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", faulty({"kind": "refuse", "name": "flaps", "every": "400ms",
                                       "lasting": "200ms", "count": 3}, record=str(records)))
    wait_until(lambda: len(recorded_faults(command, records, "flaps")) == 3, what="three times")
    assert connect(backend.address).request().status == 200
    assert backend.stop() == 0
    assert [row["ordinal"] for row in recorded_faults(command, records, "flaps")] == [0, 1, 2]


def test_what_nobody_accepts_waits_in_the_backlog_and_then_gets_no_answer(start, connect):
    backend = start("backend", faulty({"kind": "stop_accepting", "name": "deaf", "from": "500ms",
                                       "lasting": "6s"}, backlog=1))
    before = connect(backend.address)
    assert before.request().status == 200
    backend.wait_log("deaf: stop_accepting begins")
    waiting = []
    # Two find room in a backlog of one.
    while connects_or_keeps(backend.address, waiting):
        assert len(waiting) <= 2
    assert before.request().status == 200
    if waiting:
        waiting[0].send(request_bytes())
        waiting[0].settimeout(30)
        assert waiting[0].recv(12) == b"HTTP/1.1 200"
        assert "deaf: stop_accepting is over" in backend.log()
    for client in waiting:
        client.close()
    backend.wait_log("deaf: stop_accepting is over", timeout=30)
    assert connect(backend.address, timeout=30).request().status == 200


def connects_or_keeps(address, waiting):
    """Whether another connection gets an answer; it joins those that wait."""
    host, _, port = address.rpartition(":")
    client = socket.socket()
    client.settimeout(0.5)
    try:
        client.connect((host, int(port)))
    except TimeoutError:
        client.close()
        return False
    waiting.append(client)
    return True


def test_a_backend_without_descriptors_accepts_and_opens_nothing(start, connect, command,
                                                                 tmp_path):
    records = tmp_path / "records"
    backend = start("backend", faulty({"kind": "descriptors", "name": "leak", "from": "500ms",
                                       "lasting": "3s"}, record=str(records)))
    before = connect(backend.address)
    assert before.request(path="/opens").status == 200
    wait_until(lambda: before.request(path="/opens").status == 500, what="nothing can be opened")
    assert b"Too many open files" in before.request(path="/opens").body
    assert before.request().status == 200
    # It is in the backlog, where the kernel has taken it, and is answered once it is accepted.
    client = connect(backend.address, timeout=30)
    client.send(request_bytes())
    backend.wait_log("no descriptor left for a connection")
    assert client.read_response().status == 200
    assert before.request(path="/opens").status == 200
    assert backend.stop() == 0
    fault, = recorded_faults(command, records, "leak")
    assert fault["kind"] == "descriptors"
    states = [row["kind"] for row in exported(command, records, "state")]
    assert "accept_paused" in states and "accept_resumed" in states
    answered = [row["at_ns"] for row in exported(command, records, "state")
                if row["kind"] == "accept_resumed"]
    assert answered[-1] >= fault["ended_ns"] - 0.2e9


def test_a_backend_ends_in_the_middle_of_its_faults(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", faulty({"kind": "descriptors"}, {"kind": "stop_accepting"},
                                      {"kind": "refuse"}, record=str(records)))
    wait_until(lambda: connects(backend.address) == "refused", what="it refuses")
    assert backend.stop() == 0
    rows = exported(command, records, "fault")
    assert {row["kind"] for row in rows} == {"descriptors", "stop_accepting", "refuse"}


def test_a_body_that_stalls_in_its_middle(start, connect):
    backend = start("backend", {"handlers": {"/": handler(
        {"fail": "stall"}, {"respond": {"body": "10000B"}})}})
    for leave in ("close", "reset"):
        client = connect(backend.address)
        client.send(request_bytes())
        response = client.read_head()
        assert response.header("Content-Length") == "10000"
        client.read_exactly(5000)
        client.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        getattr(client, leave)()
    hanging = connect(backend.address)
    hanging.send(request_bytes())
    hanging.read_head()
    assert backend.stop() == 0
    assert re.search(r'3 times "stall"', backend.log())


@pytest.mark.parametrize("fault, keys, message", [
    ({"kind": "latency", "latency": "1ms"}, {}, r":\d+: latency is nothing that a backend does"),
    ({"kind": "kill"}, {}, r":\d+: kill is nothing that a backend does"),
    ({"kind": "refuse", "share": "10%"}, {}, r':\d+: "share" means nothing here'),
    ({"kind": "descriptors", "share": "10%"}, {}, r':\d+: descriptors has no "share"'),
    ({"kind": "refuse"}, {"address": "unix:/tmp/none"}, r":\d+: refuse needs a port"),
    ({"kind": "refuse", "from": "2s", "until": "1s"}, {}, r':\d+: "until" does not come after'),
    ({"kind": "refuses"}, {}, r':\d+: "refuses" is .*nearest.*"refuse"|refuse'),
])
def test_a_fault_that_a_backend_cannot_have_is_refused(command, write_config, fault, keys,
                                                       message):
    checked = command("check", write_config({"handlers": {"/": handler()}, "faults": [fault],
                                             **keys}))
    assert checked.returncode == 2
    assert re.search(message, checked.stderr), checked.stderr
