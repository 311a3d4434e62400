# SPDX-License-Identifier: MIT
"""What the gateway writes down: a request record and a log line per request, an attempt per try."""

import re
import socket

import pytest

from upstream import close, read_head, read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]
PHASES = ["read_ns", "queue_ns", "connect_ns", "tls_ns", "send_ns", "wait_ns", "receive_ns",
          "deliver_ns"]


def phases(row):
    """Phases that were not reached are absent."""
    return [row.get(phase, 0) for phase in PHASES]


def test_one_record_per_request_and_try(gateway, upstream, refused_address):
    server = upstream(SERVE)
    proxy = gateway(refused_address, server)
    client = proxy.connect()
    for i in range(10):
        client.request(path=f"/{i}")
    requests = proxy.wait_records("request", 10)
    assert sorted(row["path"] for row in requests) == [f"/{i}" for i in range(10)]
    assert [row["client_requests"] for row in requests] == list(range(10))
    attempts = proxy.wait_records("attempt", 15)
    for row in requests:
        tries = [attempt for attempt in attempts if attempt["trace_id"] == row["trace_id"]]
        assert [attempt["number"] for attempt in tries] == list(range(1, row["attempts"] + 1))
        assert [attempt["retried"] for attempt in tries] == [1] * (len(tries) - 1) + [0]
        assert tries[-1]["endpoint"] == server.address
    assert {row["endpoint"] for row in attempts} == {refused_address, server.address}


def test_the_identity_of_a_request(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server)
    client = proxy.connect()
    client.request("PROPFIND", "/where?it=is")
    row = proxy.only_request()
    assert (row["method"], row["path"], row["route"]) == ("PROPFIND", "/where?it=is", "/")
    assert (row["upstream"], row["process"]) == ("app", "proxy")
    assert row["client"] == "127.0.0.1:%d" % client.sock.getsockname()[1]
    assert (row["status"], row["cause"], row["cut_short"], row["attempts"]) == (200, "none", 0, 1)


def test_bytes_are_counted(gateway, upstream):
    server = upstream([read_request, response_bytes(200, b"y" * 1000)])
    proxy = gateway(server)
    client = proxy.connect()
    request = request_bytes("POST", body=b"x" * 500)
    client.send(request)
    head = client.read_head()
    body = client.read_exactly(1000)
    row = proxy.only_request()
    assert row["bytes_in"] == len(request)
    assert row["bytes_out"] > len(body) and head.status == 200


def test_long_texts_are_cut(gateway, upstream):
    proxy = gateway(upstream(SERVE))
    proxy.request("M" * 40, "/" + "p" * 500)
    row = proxy.only_request()
    assert row["method"] == "M" * 16
    assert row["path"] == "/" + "p" * 111


def test_texts_are_escaped(gateway, upstream):
    proxy = gateway(upstream(SERVE))
    proxy.request(path='/"\\<script>')
    assert proxy.only_request()["path"] == '/"\\<script>'
    proxy.stop()
    assert proxy.access_lines()[0]["path"] == '/"\\<script>'


def test_phases_add_up(gateway, upstream):
    gap = [lambda conn: conn.over.wait(0.3)]
    server = upstream([repeat(read_request, *gap, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                              *gap, b"hello")])
    proxy = gateway(server, workers=2)
    client = proxy.connect()
    for _ in range(5):
        client.request("POST", body=b"x" * 1000)
    for row in proxy.wait_records("request", 5):
        assert all(phase >= 0 for phase in phases(row)) and row["cleanup_ns"] >= 0
        assert sum(phases(row)) <= row["total_ns"]
        assert sum(phases(row)) >= row["total_ns"] * 0.9
        assert row["wait_ns"] >= 300_000_000
        assert row["receive_ns"] >= 20_000_000  # the first bytes may have been read late
    first, *others = proxy.records("attempt")
    assert first["connect_ns"] > 0 and all(row.get("connect_ns", 0) == 0 for row in others)
    assert all(row["connection_age_ns"] > 0 for row in others)


@pytest.mark.parametrize("script", [
    [close], [read_request, close], [read_request, b"nonsense\r\n\r\n"], [read_request],
    [read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", close],
    [read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"],
])
def test_phases_of_failures_add_up(gateway, upstream, script):
    proxy = gateway(upstream(script), upstream={"timeout": {"response": "100ms", "idle": "100ms"}})
    client = proxy.connect()
    client.send(request_bytes())
    row = proxy.only_request()
    assert all(phase >= 0 for phase in phases(row))
    assert sum(phases(row)) <= row["total_ns"]
    attempt, = proxy.records("attempt")
    assert attempt["outcome"] == row["cause"] != "none"


def test_the_access_log_agrees_with_the_records(gateway, upstream, refused_address):
    server = upstream([read_request, OK, read_head, close], SERVE)
    proxy = gateway(server, refused_address, workers=2)
    for i in range(20):
        proxy.request(path=f"/{i}")
    for raw in (b"GET / HTTP/1.1\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
        client = proxy.connect()
        client.send(raw)
        client.read_response()
    assert proxy.stop() == 0
    rows = {row["trace_id"] if "trace_id" in row else row["client"]: row
            for row in proxy.records("request")}
    lines = proxy.access_lines()
    assert len(lines) == len(rows) == 22
    for line in lines:
        assert line == rows[line["trace_id"] if "trace_id" in line else line["client"]]


def test_the_access_log_is_written_soon(gateway, upstream):
    proxy = gateway(upstream(SERVE))
    proxy.request()
    wait_until(lambda: len(proxy.access_lines()) == 1, 10)


def test_the_access_log_on_standard_output(gateway, upstream):
    proxy = gateway(upstream(SERVE), access_log="-")
    proxy.request(path="/seen")
    assert proxy.stop() == 0
    assert '"path":"/seen"' in proxy.process.output()


def test_what_the_limit_drops_is_counted(gateway, upstream, command):
    proxy = gateway(upstream(SERVE), record_limit="64KiB")
    client = proxy.connect()
    assert {client.request().status for _ in range(400)} == {200}
    assert proxy.stop() == 0
    kept = len(proxy.records("request")) + len(proxy.records("attempt"))
    dropped = int(re.search(r"(\d+) records dropped", proxy.process.log())[1])
    assert dropped > 0 and kept + dropped >= 800
    assert len(proxy.access_lines()) == 400
    done = command("export", proxy.process.folder / "records", "--format", "jsonl")
    assert f"{dropped} were dropped" in done.stderr


@pytest.mark.parametrize("field, expected", [
    ("queue;dur=1.5, lock;dur=0.25, work;dur=3, gc;dur=0, cleanup;dur=0.01",
     {"queue": 1_500_000, "lock": 250_000, "work": 3_000_000, "gc": 0, "cleanup": 10_000}),
    ("db;dur=9, work;desc=\"dur=7\";dur=2", {"work": 2_000_000}),
    ("nonsense;;;=,\"", {}),
])
def test_what_the_backend_reports_of_itself(gateway, upstream, field, expected):
    server = upstream([read_request, response_bytes(200, b"x", {"Server-Timing": field})])
    proxy = gateway(server)
    assert proxy.request().header("Server-Timing") == field
    row, = proxy.wait_records("attempt", 1)
    reported = {name: row[f"backend_{name}_ns"] for name in
                ("queue", "lock", "work", "gc", "cleanup") if f"backend_{name}_ns" in row}
    assert reported == expected


def test_the_records_of_a_killed_gateway_can_be_read(gateway, upstream):
    proxy = gateway(upstream(SERVE))
    client = proxy.connect()
    for _ in range(20):
        client.request()
    wait_until(lambda: len(proxy.records("request")) == 20)
    proxy.process.send_signal(9)
    assert proxy.process.wait() == -9
    assert len(proxy.records("request")) == 20 and len(proxy.records("attempt")) == 20


def test_an_upstream_behind_a_unix_socket(start, connect, tmp_path):
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        proxy = start("proxy", {"workers": 1, "routes": [{"path": "/", "upstream": "app"}],
                                "upstreams": {"app": {"endpoints": [f"unix:{path}"]}}})
        client = connect(proxy.address)
        client.send(request_bytes())
        server, _ = listener.accept()
        with server:
            assert server.recv(65536).startswith(b"GET / HTTP/1.1\r\n")
            server.sendall(OK)
            assert client.read_response().body == b"hello"
