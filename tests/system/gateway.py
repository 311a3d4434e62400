# SPDX-License-Identifier: MIT
"""A running gateway and what it recorded."""

import contextlib
import json
import re
import signal

from process import ADDRESS
from waiting import wait_until
from wire import Client


# A busy machine may take seconds for what takes milliseconds here: the tests that are about a
# timeout set it themselves, the others must not meet one.
PATIENT = {"connect": "60s", "queue": "60s", "response": "60s", "idle": "60s"}


def gateway_config(endpoints, workers=1, upstream=None, listener=None, **options):
    """A proxy's configuration with one route to one upstream, called "app"."""
    upstream = dict(upstream or {})
    upstream["timeout"] = {**PATIENT, **upstream.get("timeout", {})}
    return {
        "workers": workers,
        "listeners": [{"address": "127.0.0.1:0", **(listener or {})}],
        "routes": [{"path": "/", "upstream": "app"}],
        "upstreams": {"app": {"endpoints": list(endpoints), **upstream}},
        "record": "records",
        "access_log": "access.log",
        **options,
    }


class Gateway:
    def __init__(self, process, command):
        self.process = process
        self._command = command
        self._clients = []

    @property
    def address(self):
        return self.process.address

    def connect(self, timeout=20, source=None):
        self._clients.append(Client(self.address, timeout, source))
        return self._clients[-1]

    def request(self, *arguments, **options):
        """One request on a connection of its own."""
        with Client(self.address, 20) as client:
            return client.request(*arguments, **options)

    def refused(self):
        """The status of something that is no request. With one worker, what other clients sent
        before has been read when it comes."""
        with Client(self.address, 20) as client:
            client.send(b"no request\r\n\r\n")
            return client.read_response().status

    def stop(self):
        return self.process.stop()

    def metric(self, name):
        """A counter's value; the configuration must have "admin"."""
        address = re.search(r"/metrics on (\S+)", self.process.wait_log("/metrics on"))[1]
        with Client(address, 20) as client:
            text = client.request(path="/metrics").body.decode()
        return int(re.search(rf"^tailgate_{name} (\d+)$", text, re.M)[1])

    @contextlib.contextmanager
    def paused(self):
        """Stands still within: what happens to its sockets then, it finds all at once."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(self.process.stands_still, 20, "every thread to stand still")
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    # ---- reload

    @property
    def config_path(self):
        return self.process.folder / "proxy.json"

    @property
    def config(self):
        """A copy to change and hand to reload()."""
        return json.loads(self.config_path.read_text())

    def reload(self, config=None, refused=None):
        """Has it read its file again, which holds `config` now, and waits until it has been taken
        over; or, with a text, refused for that reason. Returns what it listens on now."""
        if config is not None:
            self.config_path.write_text(config if isinstance(config, str) else json.dumps(config))
        said = "not reloaded" if refused else " reloaded: "
        before = self.process.log().count(said)
        self.process.wait_asleep()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.process.log().count(said) > before, 30, said)
        line = [line for line in self.process.log().splitlines() if said in line][-1]
        assert (refused or "") in line, line
        return ADDRESS.findall(line)

    # ---- what it wrote down

    def records(self, kind):
        """All records of that kind so far, oldest first."""
        folder = self.process.folder / "records"
        done = self._command("export", folder, "--format", "jsonl")
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return sorted((row for row in rows if row["kind"] == kind),
                      key=lambda row: (row["started_ns"] if "started_ns" in row else row["at_ns"],
                                       row.get("number", 0)))

    def wait_records(self, kind, count):
        """As records, once there are that many; more are a failure."""
        rows = wait_until(lambda: (rows := self.records(kind)) and len(rows) >= count and rows,
                          20, f"{count} {kind} records")
        assert len(rows) == count, rows
        return rows

    def only_request(self):
        return self.wait_records("request", 1)[0]

    def outcome(self):
        """Status and cause of the only request, and how its tries ended."""
        row = self.only_request()
        tries = self.records("attempt")
        assert len(tries) == row["attempts"]
        return row["status"], row["cause"], [attempt["outcome"] for attempt in tries]

    def metrics(self):
        """What the admin address shows: {"name{labels}": value}. The gateway has one configured."""
        address = re.search(r"/metrics on (\S+)", self.process.wait_log("/metrics on"))[1]
        with Client(address, 20) as client:
            lines = client.request(path="/metrics").body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.removeprefix("tailgate_"): float(value) for name, value in pairs}

    def access_lines(self):
        text = (self.process.folder / "access.log").read_text()
        return [json.loads(line) for line in text.splitlines()]

    # ---- what the kernel knows of it

    def resident(self):
        """Bytes of memory in use."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def clean_up(self):
        for client in self._clients:
            client.close()


def established_to(address):
    """How many TCP connections on this machine lead to that address, seen from their other end."""
    port = "%04X" % int(address.rpartition(":")[2])
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    # The table is read in pieces, and may have a row twice when it changes in between.
    return len({(row[1], row[2]) for row in rows if row[2].endswith(":" + port) and row[3] == "01"})
