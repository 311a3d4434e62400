# SPDX-License-Identifier: MIT
"""The gateway's start and end, and what it lives through."""

import os
import resource
import signal
import socket
import threading

import pytest

from upstream import Upstream, read_request, repeat, wait_for
from waiting import wait_until
from wire import Client, request_bytes, response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]


# ---- the start


def test_a_port_that_is_taken(start, upstream):
    taken = upstream(SERVE)
    proxy = start("proxy", {"listeners": [taken.address],
                            "routes": [{"path": "/", "upstream": "a"}],
                            "upstreams": {"a": {"endpoints": [taken.address]}}}, ready=False)
    assert proxy.wait() == 3
    assert taken.address in proxy.log() and "another program" in proxy.log()
    assert " ready" not in proxy.log()


def test_a_path_is_shared_by_the_workers_and_survives_a_kill(start, upstream, tmp_path):
    path = tmp_path / "gateway.sock"
    server = upstream(SERVE)
    config = {"workers": 3, "listeners": [f"unix:{path}"],
              "routes": [{"path": "/", "upstream": "a"}],
              "upstreams": {"a": {"endpoints": [server.address]}}}

    def status():
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(request_bytes())
            return client.recv(65536)[:12]

    def started():
        proxy = start("proxy", config, ready=False)
        wait_until(lambda: " ready" in proxy.log() or not proxy.running, what="ready")
        assert proxy.running, proxy.log()
        return proxy

    proxy = started()
    assert {status() for _ in range(12)} == {b"HTTP/1.1 200"}
    taken = start("proxy", config, ready=False)
    assert taken.wait() == 3 and "another program" in taken.log()
    assert proxy.stop(signal.SIGKILL) == -signal.SIGKILL
    assert path.exists()
    proxy = started()
    assert status() == b"HTTP/1.1 200"
    assert proxy.stop() == 0
    assert not path.exists()
    path.write_text("somebody's notes")
    assert start("proxy", config, ready=False).wait() == 3
    assert path.read_text() == "somebody's notes"


def test_a_port_that_another_gateway_has(gateway, start, upstream):
    """SO_REUSEPORT would let it in, and the two would share the clients."""
    server = upstream(SERVE)
    first = gateway(server)
    second = start("proxy", {"listeners": [first.address],
                             "routes": [{"path": "/", "upstream": "a"}],
                             "upstreams": {"a": {"endpoints": [server.address]}}}, ready=False)
    assert second.wait() == 3 and first.address in second.log()
    assert first.request().status == 200


@pytest.mark.parametrize("workers, said", [(1, "ready: 1 worker listens on "),
                                           (2, "ready: 2 workers listen on ")])
def test_how_many_workers_listen(gateway, upstream, workers, said):
    assert said in gateway(upstream(SERVE), workers=workers).process.log()


@pytest.mark.parametrize("config, said", [
    ("{", "config.json:1:"),
    ("", "the file is empty"),
    ("\n // nothing yet\n", "the file is empty but for blanks and comments"),
    ('{\n  "listenners": []\n}', "listeners"),
    ('{"listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "ap"}],\n'
     ' "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}}', "app"),
    ('{"listeners": ["127.0.0.1:0"], "routes": [], "upstreams": {}}', "routes"),
    ('{"listeners": ["example.com:80"], "routes": [{"path": "/", "upstream": "a"}],'
     ' "upstreams": {"a": {"endpoints": ["127.0.0.1:1"]}}}', "example.com:80"),
    ('{"listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "a"}],'
     ' "upstreams": {"a": {"endpoints": ["127.0.0.1:1"], "timeout": {"total": "long"}}}}', "long"),
])
def test_a_wrong_configuration(command, write_config, config, said):
    path = write_config(config)
    done = command("proxy", path)
    assert done.returncode == 2
    assert str(path) in done.stderr and said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [item.name for item in path.parent.iterdir()] == ["config.json"]


def test_a_missing_configuration(command, tmp_path):
    done = command("proxy", tmp_path / "nowhere.json")
    assert done.returncode == 2 and "nowhere.json" in done.stderr


def test_a_records_folder_that_cannot_be(start, upstream, tmp_path):
    (tmp_path / "file").write_text("")
    server = upstream(SERVE)
    proxy = start("proxy", {"routes": [{"path": "/", "upstream": "a"}],
                            "upstreams": {"a": {"endpoints": [server.address]}},
                            "record": str(tmp_path / "file" / "records")}, ready=False)
    assert proxy.wait() in (2, 3)
    assert "file/records" in proxy.log() and " ready" not in proxy.log()


# ---- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once(gateway, upstream, number):
    server = upstream(SERVE)
    proxy = gateway(server, workers=2)
    clients = [proxy.connect() for _ in range(4)]
    assert clients[0].request().status == 200
    assert proxy.process.stop(number, timeout=5) == 0
    for client in clients:
        client.assert_closed()
    assert server.connections[0].over.wait(10)


def test_requests_in_flight_are_finished(gateway, upstream):
    answer = threading.Event()
    server = upstream([read_request, wait_for(answer), OK])
    proxy = gateway(server)
    client, idle = proxy.connect(), proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    idle.assert_closed()
    assert _refuses(proxy.address)
    answer.set()
    response = client.read_response()
    assert (response.status, response.body) == (200, b"hello")
    assert response.header("Connection") == "close"
    client.assert_closed()
    assert proxy.process.wait() == 0
    assert proxy.only_request()["status"] == 200
    assert [row["state_kind"] for row in proxy.records("state")] == ["draining"]


def _refuses(address):
    def refused():
        try:
            Client(address, 5).close()
        except ConnectionRefusedError:
            return True
    return wait_until(refused, 10, "new connections are refused")


def test_pipelined_requests_are_not_begun_while_draining(gateway, upstream):
    answer = threading.Event()
    server = upstream([read_request, wait_for(answer), OK, *SERVE])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes() * 3)
    server.wait_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    assert _refuses(proxy.address)
    answer.set()
    response = client.read_response()
    assert response.status == 200 and response.header("Connection") == "close"
    client.assert_closed()
    assert proxy.process.wait() == 0
    assert len(server.requests) == 1


def test_a_body_in_flight_is_finished(gateway, upstream):
    go_on = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    server = upstream([read_request, head + b"first", wait_for(go_on), b"last!"])
    proxy = gateway(server)
    client = proxy.connect()
    client.send(request_bytes())
    assert client.read_head().status == 200
    proxy.process.send_signal(signal.SIGTERM)
    assert _refuses(proxy.address)
    go_on.set()
    assert client.read_exactly(10) == b"firstlast!"
    client.assert_closed()
    assert proxy.process.wait() == 0


@pytest.mark.parametrize("stop", ["deadline", "second signal"])
def test_what_does_not_end_is_cut(gateway, upstream, stop):
    server = upstream([read_request])
    proxy = gateway(server, drain="200ms" if stop == "deadline" else "60s")
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait_log("draining")
    if stop == "second signal":
        proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(10) == 0
    row = proxy.only_request()
    assert row["cause"] != "none" and row["status"] >= 499
    assert server.connections[0].over.wait(10)


# ---- upstreams that come and go


def test_an_upstream_that_dies_and_comes_back(gateway, free_port):
    port = free_port()
    proxy = gateway(f"127.0.0.1:{port}", workers=2, upstream={"retry": {"attempts": 1}})
    clients = [proxy.connect() for _ in range(4)]
    assert {client.request().status for client in clients} == {502}
    for _ in range(3):
        server = _serve_at(port)
        assert {client.request().status for client in clients} == {200}
        server.clean_up()
        wait_until(lambda: all(conn.over.is_set() for conn in server.connections))
        assert proxy.refused() == 400
        statuses = [client.request().status for client in clients]
        assert set(statuses) == {502}
    causes = {row["cause"] for row in proxy.wait_records("request", 31)}
    assert causes <= {"none", "connect_refused", "reused_closed", "request_malformed"}


def _serve_at(port):
    """A scripted upstream on that port, which its predecessor's connections do not block."""
    server = Upstream.__new__(Upstream)
    server.scripts = (SERVE,)
    server.connections = []
    server._listener = socket.create_server(("127.0.0.1", port))
    server._thread = threading.Thread(target=server._accept, daemon=True)
    server._thread.start()
    return server


def test_an_upstream_that_dies_in_the_middle(gateway, upstream):
    go_on = threading.Event()
    dying = upstream([read_request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
                      wait_for(go_on)])
    healthy = upstream(SERVE)
    proxy = gateway(dying, healthy)
    clients = [proxy.connect() for _ in range(6)]
    for client in clients:
        client.send(request_bytes())
    wait_until(lambda: len(dying.requests) == 3)
    dying.clean_up()
    go_on.set()
    cut = 0
    for client in clients:
        try:
            assert client.read_response().status == 200
        except (EOFError, ConnectionResetError):
            cut += 1
    assert cut == 3
    rows = proxy.wait_records("request", 6)
    assert sorted(row["cause"] for row in rows) == ["body_truncated"] * 3 + ["none"] * 3
    assert {proxy.request().status for _ in range(6)} == {200}


# ---- without descriptors


def _limit_descriptors(pid, count):
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, resource.prlimit(
        pid, resource.RLIMIT_NOFILE)[1]))


def _open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_no_descriptor_for_an_upstream_connection(gateway, upstream):
    server = upstream(SERVE)
    proxy = gateway(server, upstream={"retry": {"attempts": 1}})
    client = proxy.connect()
    assert client.request(path="*", method="OPTIONS").status == 200
    server.connections[0].sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: server.connections[0].over.is_set())
    assert proxy.refused() == 400
    wait_until(lambda: _open_descriptors(proxy.process.pid) < 200)
    _limit_descriptors(proxy.process.pid, 3)
    response = client.request()
    assert response.status == 503 and b"descriptors_exhausted" in response.body
    _limit_descriptors(proxy.process.pid, 1024)
    assert client.request().status == 200
    causes = [row["cause"] for row in proxy.wait_records("request", 4)]
    assert causes == ["none", "request_malformed", "descriptors_exhausted", "none"]
    wait_until(lambda: [row["state_kind"] for row in proxy.records("state")] == [
        "descriptors_exhausted", "descriptors_available"], 20, "it is over")


def test_no_descriptor_for_a_client(gateway, upstream):
    """Accepting pauses, says so, and goes on by itself."""
    proxy = gateway(upstream(SERVE))
    _limit_descriptors(proxy.process.pid, 3)
    clients = [proxy.connect() for _ in range(3)]
    for client in clients:
        client.send(request_bytes())
    proxy.process.wait_log("out of file descriptors")
    _limit_descriptors(proxy.process.pid, 1024)
    assert [client.read_response().status for client in clients] == [200] * 3
    kinds = [row["state_kind"] for row in proxy.records("state")]
    assert kinds == ["accept_paused", "accept_resumed"]


def test_more_clients_than_descriptors(gateway, upstream):
    """Those that come in are answered, if only with 503, and all is well when they have gone."""
    proxy = gateway(upstream(SERVE), workers=2)
    _limit_descriptors(proxy.process.pid, _open_descriptors(proxy.process.pid) + 30)
    clients = [proxy.connect(0.05) for _ in range(60)]
    answered = []
    for client in clients:
        client.send(request_bytes())
        try:
            answered.append(client.read_response().status)
        except TimeoutError:
            pass
    assert 20 <= len(answered) <= 30 and set(answered) <= {200, 503}
    for client in clients:
        client.close()
    wait_until(lambda: proxy.request().status == 200, 20)
    _limit_descriptors(proxy.process.pid, 1024)  # a leak checker at the end needs some
    assert proxy.stop() == 0
