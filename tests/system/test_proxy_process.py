# SPDX-License-Identifier: MIT
"""What the gateway is as a process: what it tells a service manager, who it is, what it may do."""

import contextlib
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from process import Process
from upstream import read_request, wait_for
from wire import Client, request_bytes, response_bytes

FIXED = {"routes": [{"path": "/", "respond": {"status": 200, "body": "x"}}],
         "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}}

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


# ---- the service manager


class Manager:
    """The socket that a service manager reads."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(20)

    def next(self):
        """The next message as a dict."""
        lines = self._socket.recv(65536).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def wait(self, key):
        """The next message that has that key."""
        while key not in (message := self.next()):
            pass
        return message

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(tmp_path):
    made = []

    def make(address=None):
        made.append(Manager(address or str(tmp_path / "notify")))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_service_manager_is_told(gateway, upstream, manager, tmp_path):
    release = threading.Event()
    server = upstream([read_request, wait_for(release), response_bytes(200, b"x")])
    told = manager()
    proxy = gateway(server, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    ready = told.next()
    assert ready["READY"] == "1" and proxy.address in ready["STATUS"]
    before = time.monotonic_ns() // 1000
    proxy.reload(proxy.config)
    reloading = told.next()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert told.next()["READY"] == "1"
    proxy.reload("{\n", refused="proxy.json:")
    assert told.next()["RELOADING"] == "1"
    refused = told.next()
    assert refused["READY"] == "1" and "proxy.json:" in refused["STATUS"]
    client = proxy.connect()
    client.send(request_bytes())
    server.wait_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    assert told.next()["STOPPING"] == "1"
    release.set()
    assert client.read_response().status == 200
    assert proxy.process.wait() == 0


def test_an_abstract_address_and_the_watchdog(start, manager):
    name = f"tailgate-test-{os.getpid()}"
    told = manager("\0" + name)
    start("proxy", FIXED, environment={"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "100000"})
    told.wait("READY")
    for _ in range(3):
        assert told.wait("WATCHDOG")["WATCHDOG"] == "1"


def test_a_watchdog_that_waits_for_somebody_else(start, manager, tmp_path):
    told = manager()
    proxy = start("proxy", FIXED, environment={"NOTIFY_SOCKET": str(tmp_path / "notify"),
                                               "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    assert "READY" in told.next()
    assert proxy.stop() == 0
    assert "STOPPING" in told.next()


def test_a_manager_that_is_not_there(start):
    proxy = start("proxy", FIXED, environment={"NOTIFY_SOCKET": "/nowhere/notify"})
    assert "cannot tell the service manager" in proxy.log()


# ---- the unit file


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")


@pytest.fixture
def unit(root, tailgate, tmp_path):
    """The unit file as it is installed beside the program."""
    text = (root / "packaging" / "tailgate.service.in").read_text()
    path = tmp_path / "tailgate.service"
    path.write_text(text.replace("@bindir@", str(tailgate.parent)))
    return path


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)


@needs_systemd
def test_the_unit_file_is_right(unit):
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and unit.name not in done.stderr, done.stderr
    # What the program tells the manager, and what it does when it is told, are the service's.
    assert {"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID"} <= set(
        unit.read_text().splitlines())


@needs_systemd
def test_the_unit_file_is_hardened(unit):
    """Out of 100 for a service that may do everything."""
    done = analyze("security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


# ---- what it may do


def status_of(process, thread=None):
    with open(f"/proc/{process.pid}/task/{thread or process.pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def test_it_is_confined(tailgate, tmp_path, write_config):
    """Nothing inherited stays open, nobody else reads what it writes, no core holds its keys."""
    path = write_config({"workers": 1, "listeners": ["127.0.0.1:0"], "access_log": "access.log",
                         **FIXED})
    process = Process(["sh", "-c", 'umask 0; ulimit -c unlimited; exec "$@" 8<"$0" 9<"$0"', path,
                       tailgate, "proxy", path], tmp_path).wait_ready()
    try:
        status = status_of(process)
        assert status["NoNewPrivs"] == "1"
        assert status["Umask"] == "0027"
        folder = f"/proc/{process.pid}/fd"
        assert str(path) not in {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
        with open(f"/proc/{process.pid}/limits") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        assert (tmp_path / "access.log").stat().st_mode & 0o7777 == 0o640
    finally:
        assert process.clean_up() is None


# ---- who it is


def is_free(port):
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def further_group(number):
    """Whoever is started within is a member of that group, too."""
    before = os.getgroups()
    os.setgroups([*before, number])
    try:
        yield
    finally:
        os.setgroups(before)


@root_only
def test_it_becomes_the_user_once_its_ports_are_open(start, tmp_path):
    """A port that only root may open, and then nobody's rights; also for a reload."""
    nobody = pwd.getpwnam("nobody")
    port = next(port for port in range(1023, 511, -1) if is_free(port))
    with further_group(0):
        proxy = start("proxy", {"listeners": [f"127.0.0.1:{port}"], "user": "nobody", **FIXED})
    with Client(f"127.0.0.1:{port}") as client:
        assert client.request().status == 200
        for task in os.listdir(f"/proc/{proxy.pid}/task"):
            status = status_of(proxy, task)
            assert set(status["Uid"].split()) == {str(nobody.pw_uid)}
            assert set(status["Gid"].split()) == {str(nobody.pw_gid)}
            assert "0" not in status["Groups"].split()
            assert int(status["CapEff"], 16) == 0
        assert client.request().status == 200


@root_only
def test_a_group_of_its_own(start):
    proxy = start("proxy", {"user": "nobody", "group": "daemon", **FIXED})
    group = grp.getgrnam("daemon").gr_gid
    assert set(status_of(proxy)["Gid"].split()) == {str(group)}


@root_only
def test_staying_root_is_warned_of(start):
    assert "runs as root" in start("proxy", FIXED).log()


@pytest.mark.parametrize("keys, said, code", [
    ({"user": "no-such-user"}, 'no user "no-such-user"', 2),
    ({"user": "nobody", "group": "no-such-group"}, 'no group "no-such-group"', 2),
    ({"group": "daemon"}, '"group" goes with "user"', 2),
])
def test_users_that_cannot_be(start, keys, said, code):
    proxy = start("proxy", {**FIXED, **keys}, ready=False)
    assert proxy.wait() == code
    assert said in proxy.log()
