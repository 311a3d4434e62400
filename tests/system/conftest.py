# SPDX-License-Identifier: MIT
"""Fixtures of the system tests. The program under test is the one that TAILGATE names.

    start(kind, config)    a running `tailgate proxy`, `backend` or `chaos`
    command(*arguments)    any tailgate command, run to its end
    upstream(*scripts)     a scripted TCP server (upstream.py)
    connect(address)       a client on a raw socket (wire.py)
    gateway(*endpoints)    a running gateway in front of them (gateway.py)
    names, nameserver()    a scripted DNS server, and further ones (nameserver.py)
    named("name:80", ...)  a running gateway whose endpoints `names` knows
    fleet(3)               upstreams at several addresses and one port
    run(experiment)        a whole `tailgate run`
    launch(experiment)     one that goes on
"""

import json
import os
import pathlib
import socket
import subprocess

import pytest

from gateway import PATIENT, Gateway, gateway_config
from naming import OFTEN, answering
from nameserver import NameServer
from process import SANITIZER_REPORT, Process
from upstream import Upstream
from wire import Client

# Where a process listens when its test does not care.
LOCAL = "127.0.0.1:0"


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "threads: exercises several threads at once; also run under ThreadSanitizer")


@pytest.fixture(scope="session")
def tailgate():
    """The path of the program."""
    named = os.environ.get("TAILGATE")
    if not named:
        pytest.exit("set TAILGATE to the program to test: TAILGATE=build/tailgate", returncode=2)
    path = pathlib.Path(named).resolve()
    if not os.access(path, os.X_OK):
        pytest.exit(f"TAILGATE={named}: there is no such program", returncode=2)
    return path


@pytest.fixture(scope="session")
def root():
    """The folder of the sources."""
    return pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def command(tailgate, tmp_path):
    """command("check", path) -> CompletedProcess with returncode, stdout, stderr as text."""

    def run(*arguments, timeout=60, cwd=tmp_path, environment=None):
        done = subprocess.run(
            [tailgate, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=timeout, cwd=cwd,
            env={**os.environ, **(environment or {})})
        assert not SANITIZER_REPORT.search(done.stderr), done.stderr
        return done

    return run


@pytest.fixture
def write_config(tmp_path):
    """write_config(config, name) -> path. A dict is written as JSON, a text as it is."""

    def write(config, name="config.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
        return path

    return write


@pytest.fixture
def start(tailgate, tmp_path, write_config):
    """start("proxy", {...}) -> Process, ready. Without an address it listens on a free port.

    With ready=False the process is not waited for: for those that are meant to fail.
    """
    processes = []

    def launch(kind, config, ready=True, arguments=(), environment=None):
        folder = tmp_path / f"{kind}-{len(processes)}"
        folder.mkdir()
        if isinstance(config, dict):
            listening = {"backend": {"address": LOCAL}, "chaos": {"api": {"address": LOCAL}},
                         "proxy": {"listeners": [{"address": LOCAL}]}}
            config = {**listening.get(kind, {}), **config}
        path = write_config(config, f"{folder.name}/{kind}.json")
        process = Process([tailgate, kind, path, *arguments], folder, environment)
        processes.append(process)
        return process.wait_ready() if ready else process

    yield launch
    reports = [process.clean_up() for process in reversed(processes)]
    for report in filter(None, reports):
        pytest.fail(f"a sanitizer reported:\n{report}", pytrace=False)


@pytest.fixture
def launch(tailgate, tmp_path, write_config):
    """launch(experiment) -> Process of a run that goes on; its runs are in tmp_path/runs."""
    runs = []

    def start(experiment):
        path = write_config(experiment, "experiment.json")
        runs.append(Process([tailgate, "run", "--output", tmp_path / "runs", path], tmp_path))
        return runs[-1]

    yield start
    for run in runs:
        assert not run.clean_up()


@pytest.fixture
def run(command, write_config):
    """run(experiment, ...) -> CompletedProcess of a whole run."""

    def whole(experiment, *arguments, timeout=120):
        return command("run", *arguments, write_config(experiment, "experiment.json"),
                       timeout=timeout)

    return whole


@pytest.fixture
def upstream():
    """upstream(script, ...) -> Upstream, listening on a free port."""
    servers = []

    def listen(*scripts, **options):
        servers.append(Upstream(*scripts, **options))
        return servers[-1]

    yield listen
    problems = [problem for server in servers for problem in server.clean_up()]
    assert not problems, f"an upstream's script broke: {problems}"


@pytest.fixture
def connect():
    """connect("127.0.0.1:8080") -> Client."""
    clients = []

    def dial(address, timeout=10):
        clients.append(Client(address, timeout))
        return clients[-1]

    yield dial
    for client in clients:
        client.close()


@pytest.fixture
def gateway(start, command):
    """gateway(upstream or address, ..., upstream={...}, key=...) -> Gateway, with records.

    `upstream` holds keys of the upstream, `listener` of the listener, the rest of the proxy.
    """
    gateways = []

    def launch(*endpoints, environment=None, **options):
        addresses = [getattr(endpoint, "address", endpoint) for endpoint in endpoints]
        process = start("proxy", gateway_config(addresses, **options), environment=environment)
        gateways.append(Gateway(process, command))
        return gateways[-1]

    yield launch
    for each in gateways:
        each.clean_up()


@pytest.fixture
def refused_addresses():
    """refused_addresses(3) -> addresses that are taken but do not listen: connecting is refused."""
    holders = []

    def hold(count):
        made = [socket.socket() for _ in range(count)]
        holders.extend(made)
        for holder in made:
            holder.bind(("127.0.0.1", 0))
        return ["127.0.0.1:%d" % holder.getsockname()[1] for holder in made]

    yield hold
    for holder in holders:
        holder.close()


@pytest.fixture
def refused_address(refused_addresses):
    """One of them."""
    return refused_addresses(1)[0]


@pytest.fixture
def unanswered_address():
    """An address where connecting neither succeeds nor fails: its accept queue is full."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        yield "127.0.0.1:%d" % listener.getsockname()[1]


@pytest.fixture
def free_port():
    """free_port() -> a port nobody listens on now. Prefer port 0 where it is possible."""

    def choose():
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return sock.getsockname()[1]

    return choose


@pytest.fixture
def nameserver():
    """nameserver() -> NameServer."""
    servers = []

    def make():
        servers.append(NameServer())
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def names(nameserver):
    """The NameServer that a `named` gateway asks."""
    return nameserver()


@pytest.fixture
def fleet(upstream):
    """fleet(3) -> upstreams at 127.0.0.1, 127.0.0.2 and 127.0.0.3, or at the hosts given, on one port.
    Without a script they answer with their numbers, from 1."""

    def at(number, address, script):
        return upstream(script or answering(b"%d" % number), address=address)

    def make(count=0, script=None, hosts=()):
        hosts = hosts or [f"127.0.0.{number + 1}" for number in range(count)]
        for _ in range(50):
            made = [at(1, f"{hosts[0]}:0", script)]
            port = made[0].address.rpartition(":")[2]
            try:
                return made + [at(number, f"{host}:{port}", script)
                               for number, host in enumerate(hosts[1:], 2)]
            except OSError:
                continue
        raise OSError("no port is free at all addresses")

    return make


@pytest.fixture
def named(start, command, names):
    """named("orders.test:80", ..., resolver={...}) -> a gateway with these names as endpoints. It is
    patient with the name server, which the tests hold back."""
    made = []

    def launch(*endpoints, resolver=None, upstream=None, ready=True, workers=1, **options):
        process = start("proxy", {
            "workers": workers, "record": "records", "admin": {"address": LOCAL},
            "routes": [{"path": "/", "upstream": "app"}],
            "upstreams": {"app": {
                "endpoints": [{"dns": each} if isinstance(each, str) else each
                              for each in endpoints],
                "timeout": PATIENT, **(upstream or {})}},
            "resolver": {"servers": [names.address], "timeout": "20s", "wait": "60s", **OFTEN,
                         **(resolver or {})},
            **options}, ready=ready)
        made.append(Gateway(process, command))
        return made[-1]

    yield launch
    for each in made:
        each.clean_up()
