# SPDX-License-Identifier: MIT
"""`tailgate backend`: what its steps, cleanup strategies, collector and pauses really do."""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from exported import exported
from process import ADDRESS
from waiting import wait_until
from wire import request_bytes

# More than a socket takes on both sides, so that who does not read holds the writer up.
HUGE = "16MiB"
# For how long nothing must happen where something is held up.
HELD_UP = 0.5

AT_LAST_USE = ["inline", "pooled", "scoped", "deferred_loop"]


def handler(*steps):
    return {"steps": list(steps)}


def loop(times, *steps):
    return {"loop": {"times": times, "steps": list(steps)}}


def timing(response):
    """Server-Timing in seconds, by phase."""
    value = response.header("Server-Timing")
    return {name: float(ms) / 1000 for name, ms in re.findall(r"(\w+);dur=([\d.]+)", value)}


def says_nothing(client, seconds=HELD_UP):
    client.sock.settimeout(seconds)
    try:
        return client.sock.recv(1, socket.MSG_PEEK) is None
    except TimeoutError:
        return True
    finally:
        client.sock.settimeout(10)


def open_descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def memory(process):
    """Bytes that are really in use."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


# ---- locks


def lock_config(cleanup):
    return {"cleanup": cleanup, "resources": {"inventory": {"slots": 1}}, "handlers": {
        "/huge": handler({"acquire": "inventory"}, {"respond": {"body": HUGE}}),
        "/audited": handler({"acquire": "inventory"}, {"respond": {}}, {"io": "3s"}),
        "/quick": handler({"acquire": "inventory"}, {"respond": {"body": "1KiB"}}),
        "/explicit": handler({"acquire": "inventory"}, {"respond": {}}, {"io": "3s"},
                             {"release": "inventory"}),
        "/stuck": handler({"acquire": "inventory"}, {"fail": "hang"}),
    }}


def test_deferred_holds_the_lock_until_the_client_has_read(start, connect):
    backend = start("backend", lock_config("deferred"))
    slow, other = connect(backend.address), connect(backend.address)
    slow.send(request_bytes(path="/huge"))
    response = slow.read_head()
    other.send(request_bytes(path="/quick"))
    assert says_nothing(other)
    slow.read_exactly(int(response.header("Content-Length")))
    delayed = other.read_response()
    assert delayed.status == 200
    assert timing(delayed)["queue"] >= HELD_UP * 0.9


@pytest.mark.parametrize("cleanup", AT_LAST_USE)
def test_a_slow_reader_holds_no_lock_otherwise(start, connect, cleanup):
    backend = start("backend", lock_config(cleanup))
    slow, other = connect(backend.address), connect(backend.address)
    slow.send(request_bytes(path="/huge"))
    slow.read_head()
    response = other.request(path="/quick")
    assert response.status == 200


def test_deferred_holds_the_lock_through_the_steps_after_the_response(start, connect):
    backend = start("backend", lock_config("deferred"))
    connect(backend.address).request(path="/audited")
    assert timing(connect(backend.address).request(path="/quick"))["queue"] > 0.3


@pytest.mark.parametrize("cleanup", AT_LAST_USE)
def test_the_lock_is_free_before_the_response_otherwise(start, connect, cleanup):
    backend = start("backend", lock_config(cleanup))
    connect(backend.address).request(path="/audited")
    assert timing(connect(backend.address).request(path="/quick"))["queue"] < 2


@pytest.mark.parametrize("cleanup", ["inline", "deferred"])
def test_an_explicit_release_behind_the_response_is_a_last_use(start, connect, cleanup):
    backend = start("backend", lock_config(cleanup))
    connect(backend.address).request(path="/explicit")
    assert timing(connect(backend.address).request(path="/quick"))["queue"] > 0.3


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("cleanup", ["inline", "deferred"])
def test_a_client_that_leaves_releases_what_its_request_held(start, connect, cleanup, leave):
    backend = start("backend", lock_config(cleanup))
    stuck, waiting, behind = (connect(backend.address) for _ in range(3))
    stuck.send(request_bytes(path="/stuck"))
    assert says_nothing(stuck, 0.1)
    waiting.send(request_bytes(path="/quick"))
    behind.send(request_bytes(path="/quick"))
    assert says_nothing(behind, 0.1)
    getattr(waiting, leave)()
    getattr(stuck, leave)()
    assert behind.read_response().status == 200
    assert backend.stop() == 0
    assert re.search(r"2 abandoned", backend.log())


def test_the_line_for_a_lock_is_first_come_first_served(start, connect):
    backend = start("backend", {"resources": {"lock": {}}, "handlers": {
        "/": handler({"acquire": "lock"}, {"io": "500ms"}, {"respond": {}})}})
    clients = [connect(backend.address) for _ in range(4)]
    for client in clients:
        client.send(request_bytes())
        wait_until(lambda: unread_bytes(backend) == 0, what="the request is read")
    sockets = [client.sock for client in clients]
    order = []
    while len(order) < len(sockets):
        answered, _, _ = select.select([each for each in sockets if each not in order], [], [], 20)
        assert answered
        # Who looks late sees several at once, in the order in which they were asked for.
        order += answered
    assert order == sockets
    assert any(timing(client.read_response())["queue"] > 0 for client in clients)


def unread_bytes(backend):
    """Bytes that have reached the backend's sockets and that it has not read."""
    port = int(backend.address.rpartition(":")[2])
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues = line.split()[:5]
        if int(local.split(":")[1], 16) == port and state == "01":
            count += int(queues.split(":")[1], 16)
    return count


def test_a_request_that_would_wait_for_itself_fails(start, connect):
    backend = start("backend", {"cleanup": "deferred", "resources": {"lock": {}}, "handlers": {
        "/": handler({"acquire": "lock"}, {"acquire": "lock"}, {"respond": {}})}})
    assert connect(backend.address).request().status == 500
    assert connect(backend.address).request().status == 500  # the first was given back
    backend.wait_log("would have waited for their own request")


# ---- descriptors and loops


def loop_config(cleanup):
    return {"cleanup": cleanup, "descriptor_limit": 64, "handlers": {
        "/many": handler(loop(500, {"open": 1}), {"respond": {}}),
        "/few": handler(loop(10, {"open": 2}), {"io": "1s"}, {"respond": {}}),
        "/none": handler({"respond": {}}),
    }}


@pytest.mark.parametrize("cleanup", ["inline", "pooled", "scoped"])
def test_a_loop_that_releases_each_turn_stays_below_the_limit(start, connect, cleanup):
    backend = start("backend", loop_config(cleanup))
    client = connect(backend.address)
    assert client.request(path="/many").status == 200
    before = open_descriptors(backend)
    client.send(request_bytes(path="/few"))
    assert says_nothing(client, 0.2)
    assert open_descriptors(backend) == before
    assert client.read_response().status == 200


@pytest.mark.parametrize("cleanup", ["deferred", "deferred_loop"])
def test_a_loop_that_defers_runs_out_of_descriptors(start, connect, cleanup):
    backend = start("backend", loop_config(cleanup))
    client = connect(backend.address)
    client.request(path="/none")
    before = open_descriptors(backend)
    response = client.request(path="/many")
    assert response.status == 500
    assert b"Too many open files" in response.body
    backend.wait_log("1 open steps found no descriptor left")
    assert open_descriptors(backend) == before

    client.send(request_bytes(path="/few"))
    wait_until(lambda: open_descriptors(backend) == before + 20, what="20 descriptors")
    assert client.read_response().status == 200
    wait_until(lambda: open_descriptors(backend) == before, what="all closed")


@pytest.mark.parametrize("cleanup, held", [("deferred_loop", 0), ("deferred", 20)])
def test_only_deferred_waits_for_the_client_to_read(start, connect, cleanup, held):
    backend = start("backend", {"cleanup": cleanup, "handlers": {
        "/": handler(loop(10, {"open": 2}), {"respond": {"body": HUGE}}),
        "/none": handler({"respond": {}})}})
    client = connect(backend.address)
    client.request(path="/none")
    before = open_descriptors(backend)
    client.send(request_bytes())
    response = client.read_head()
    wait_until(lambda: open_descriptors(backend) == before + held, what=f"{held} descriptors")
    client.read_exactly(int(response.header("Content-Length")))
    wait_until(lambda: open_descriptors(backend) == before, what="all closed")


# ---- the heap


def heap_config(cleanup):
    return {"cleanup": cleanup, "heap": {"per_request": "256KiB", "live": "8MiB", "growth": "50%"},
            "handlers": {"/": handler({"alloc": "64KiB"}, {"respond": {}})}}


def collections(backend):
    assert backend.stop() == 0
    return int(re.search(r"(\d+) collections", backend.log())[1])


@pytest.mark.parametrize("cleanup", ["inline", "deferred"])
def test_garbage_is_collected_and_memory_stays_bounded(start, connect, cleanup):
    # AddressSanitizer would keep what was freed for a while.
    backend = start("backend", heap_config(cleanup),
                    environment={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    client = connect(backend.address)
    for _ in range(10):
        client.request()
    before = memory(backend)
    for _ in range(990):
        client.request()
    # 320 KiB a request against 4 MiB between two collections.
    assert memory(backend) < before + (64 << 20)
    assert 40 <= collections(backend) <= 100


def test_pooled_makes_no_garbage(start, connect):
    backend = start("backend", heap_config("pooled"))
    client = connect(backend.address)
    for _ in range(500):
        client.request()
    assert collections(backend) == 0


def test_the_pause_follows_the_live_size(start, connect, command, tmp_path):
    lengths = {}
    for live in ("4MiB", "64MiB"):
        records = tmp_path / f"records-{live}"
        config = heap_config("inline")
        config["heap"] = {"per_request": "8MiB", "live": live, "growth": "10%"}
        backend = start("backend", {**config, "record": str(records)})
        client = connect(backend.address)
        for _ in range(8):
            client.request()
        assert backend.stop() == 0
        rows = exported(command, records, "pause")
        assert rows and all(row["kind"] == "collection" for row in rows)
        assert all(row["live_bytes"] >= int(live[:-3]) << 20 for row in rows)
        assert any(row["freed_bytes"] > 0 for row in rows)
        lengths[live] = sorted(row["ended_ns"] - row["started_ns"] for row in rows)[len(rows) // 2]
    assert lengths["64MiB"] > 3 * lengths["4MiB"]


# ---- pauses


def test_a_pause_stalls_every_connection_and_is_recorded(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", {
        "name": "orders-0", "record": str(records),
        "pauses": [{"name": "freeze", "from": "500ms", "duration": "800ms", "injected": True}],
        "handlers": {"/": handler({"io": "5ms"}, {"respond": {}})}})
    longest = [0.0, 0.0]

    def drive(number):
        client = connect(backend.address)
        deadline = time.monotonic() + 10
        while longest[number] < 0.4 and time.monotonic() < deadline:
            began = time.monotonic()
            client.request()
            longest[number] = max(longest[number], time.monotonic() - began)

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(longest) >= 0.4
    assert backend.stop() == 0

    pause, = exported(command, records, "pause")
    assert pause["kind"] == "injected" and pause["name"] == "freeze"
    assert 0.8e9 <= pause["ended_ns"] - pause["started_ns"] < 1.2e9
    fault, = exported(command, records, "fault")
    assert (fault["name"], fault["target"], fault["ordinal"]) == ("freeze", "orders-0", 0)
    assert (fault["planned_at_ns"], fault["planned_for_ns"]) == (500_000_000, 800_000_000)
    assert (fault["started_ns"], fault["ended_ns"]) == (pause["started_ns"], pause["ended_ns"])


def test_time_stood_still_is_reported_as_gc(start, connect):
    backend = start("backend", {
        "pauses": [{"from": "500ms", "every": "300ms", "duration": "100ms"}],
        "handlers": {"/": handler({"io": "1s"}, {"respond": {}})}})
    spent = timing(connect(backend.address).request())
    assert spent["gc"] >= 0.1
    assert spent["work"] + spent["gc"] >= 0.99


def test_a_backend_that_is_told_to_end_ends_its_pause(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", {
        "record": str(records), "handlers": {"/": handler({"respond": {}})},
        "pauses": [{"name": name, "from": "10ms", "every": "1ms", "duration": "60s"}
                   for name in ("first", "second")]})
    time.sleep(0.2)  # within the pause it cannot be asked, and a later moment is as good
    began = time.monotonic()
    assert backend.stop() == 0
    assert time.monotonic() - began < 5
    pause, = exported(command, records, "pause")
    assert pause["ended_ns"] - pause["started_ns"] < 10e9


def test_a_pause_that_was_missed_keeps_its_length(start, connect, command, tmp_path):
    records = tmp_path / "records"
    backend = start("backend", {
        "record": str(records),
        "pauses": [{"name": "long", "from": "300ms", "duration": "500ms"},
                   {"name": "missed", "from": "400ms", "duration": "200ms"}],
        "handlers": {"/": handler({"respond": {}})}})
    client = connect(backend.address)
    wait_until(lambda: client.request() and "missed" in str(
        exported(command, records, "pause")), what="both pauses")
    backend.stop()
    rows = {row["name"]: row for row in exported(command, records, "pause")}
    assert rows["missed"]["started_ns"] >= rows["long"]["ended_ns"]
    assert rows["missed"]["ended_ns"] - rows["missed"]["started_ns"] >= 200_000_000


# ---- phases


def test_server_timing_adds_up(start, connect):
    backend = start("backend", {"resources": {"lock": {"release": "3ms"}}, "handlers": {
        "/": handler({"cpu": "10ms"}, {"acquire": "lock"}, {"io": "40ms"}, {"release": "lock"},
                     {"io": "30ms"}, {"respond": {}})}})
    client = connect(backend.address)
    began = time.monotonic()
    spent = timing(client.request())
    elapsed = time.monotonic() - began
    assert set(spent) == {"queue", "lock", "work", "gc", "cleanup"}
    assert spent["lock"] >= 0.040
    assert spent["work"] >= 0.040
    assert spent["cleanup"] >= 0.003
    assert spent["gc"] == 0
    assert 0.083 <= sum(spent.values()) <= elapsed


def test_cpu_steps_really_use_the_cpu(start, connect):
    backend = start("backend", {"handlers": {"/": handler({"cpu": "200ms"}, {"respond": {}}),
                                             "/io": handler({"io": "200ms"}, {"respond": {}})}})
    client = connect(backend.address)

    def used():
        fields = pathlib.Path(f"/proc/{backend.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    client.request(path="/io")
    after_io = used()
    client.request(path="/")
    assert after_io - before < 0.1
    assert used() - after_io >= 0.18


# ---- determinism


def test_draws_depend_on_seed_name_and_ordinal_alone(start, connect):
    def pattern(seed, name):
        backend = start("backend", {"seed": seed, "name": name, "handlers": {"/": handler(
            {"fail": {"how": "close", "share": "50%"}}, {"respond": {}})}})
        outcomes = ""
        for _ in range(40):
            client = connect(backend.address)
            client.send(request_bytes())
            outcomes += "." if client.sock.recv(1) else "x"
        backend.stop()
        return outcomes

    first = pattern(7, "orders-0")
    assert 5 < first.count("x") < 35
    assert pattern(7, "orders-0") == first
    assert pattern(8, "orders-0") != first
    assert pattern(7, "orders-1") != first


# ---- starting and stopping


SIMPLE = {"handlers": {"/": handler({"io": "300ms"}, {"respond": {"body": "10B"}})}}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_end_before_it_stops(start, connect, number):
    backend = start("backend", SIMPLE)
    busy, idle = connect(backend.address), connect(backend.address)
    idle.request()
    busy.send(request_bytes())
    assert says_nothing(busy, 0.05)
    backend.send_signal(number)
    idle.assert_closed()
    assert busy.read_response().body == b"x" * 10
    busy.assert_closed()
    assert backend.wait() == 0
    assert "stopped: 2 requests on 2 connections" in backend.log()


def test_a_request_that_hangs_does_not_keep_it_from_stopping(start, connect):
    backend = start("backend", {"handlers": {"/": handler({"fail": "hang"})}})
    client = connect(backend.address)
    client.send(request_bytes())
    assert says_nothing(client, 0.1)
    began = time.monotonic()
    assert backend.stop() == 0
    assert time.monotonic() - began < 4
    client.assert_closed()


def test_a_request_that_takes_too_long_is_cut_off(start, connect):
    backend = start("backend", {"handlers": {"/": handler({"io": "60s"}, {"respond": {}})}})
    client = connect(backend.address)
    client.send(request_bytes())
    assert says_nothing(client, 0.1)
    assert backend.stop() == 0
    client.assert_closed()
    assert "ended with requests in flight" in backend.log()


def test_a_port_in_use_is_a_clear_message(start, unanswered_address):
    backend = start("backend", {**SIMPLE, "address": unanswered_address}, ready=False)
    assert backend.wait() == 3
    assert unanswered_address in backend.log() and "another program" in backend.log()


@pytest.mark.parametrize("text, said", [
    ('{"handlers": {"/": {"steps": [ {"acquire": "x"} ]}}}', ":1:44: no resource is named"),
    ('{\n "handlers": {},\n}', ":3:"),
    ('{"handlrs": {}}', 'nearest known key "handlers"'),
])
def test_a_wrong_configuration_says_where(start, text, said):
    backend = start("backend", text, ready=False)
    assert backend.wait() == 2
    assert said in backend.log()


# ---- the line to the laboratory


@pytest.fixture
def controlled(tailgate, write_config):
    """controlled(config) -> process and the laboratory's end of its line."""
    started = []

    def launch(config):
        lab, child = socket.socketpair()
        path = write_config({"address": "127.0.0.1:0", **config})
        process = subprocess.Popen(
            [tailgate, "backend", path, "--control", str(child.fileno())],
            pass_fds=[child.fileno()], stderr=subprocess.DEVNULL)
        child.close()
        lab.settimeout(10)
        started.append((process, lab))
        return process, lab

    yield launch
    for process, lab in started:
        lab.close()
        process.kill()
        process.wait()


def test_ready_and_epoch_travel_by_the_control_line(controlled, connect):
    process, lab = controlled({
        "pauses": [{"duration": "2s"}], "handlers": {"/": handler({"respond": {}})}})
    line = lab.recv(200).decode()
    assert re.fullmatch(rf"ready {ADDRESS.pattern}\n", line)
    client = connect(line.split()[1])
    assert client.request().status == 200
    lab.send(f"epoch {time.monotonic_ns()}\n".encode())
    began = time.monotonic()
    while time.monotonic() - began < 1:
        began = time.monotonic()
        assert client.request().status == 200
        assert process.poll() is None


def test_it_ends_at_once_with_its_laboratory(controlled, connect):
    process, lab = controlled({"handlers": {"/": handler({"fail": "hang"})}})
    client = connect(lab.recv(200).decode().split()[1])
    client.send(request_bytes())
    assert says_nothing(client, 0.1)
    began = time.monotonic()
    lab.close()
    assert process.wait(10) == 3
    assert time.monotonic() - began < 3
