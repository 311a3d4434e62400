# SPDX-License-Identifier: MIT
"""The processes of the bench: the backend and the candidates, their configurations, and what the
kernel says they used."""

import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time
import urllib.request

import scenarios

KEEPALIVE_REQUESTS = 100_000_000
# What a process may hold open: enough for 9,000 clients, within a common hard limit.
DESCRIPTORS = 20_000

BACKEND = """
worker_processes 1; pid {folder}/backend.pid; error_log {folder}/backend.log;
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_requests {keepalive}; default_type application/octet-stream;
    sendfile on; tcp_nopush on; open_file_cache max=16;
    server {{ listen 127.0.0.1:{backend} backlog=4096; root {folder}/www; }}
}}
"""

NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
worker_rlimit_nofile {descriptors};
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_requests {keepalive};
    proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    upstream backend {{
        server 127.0.0.1:{backend}; keepalive 256; keepalive_requests {keepalive};
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096 {nginx_listen};
        {nginx_server}
        location / {{
            proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""

HAPROXY = """
global
    nbthread 1
    maxconn 9500
    maxpipes 200
defaults
    mode http
    option http-keep-alive
    option splice-response
    http-reuse always
    timeout connect 1s
    timeout client 75s
    timeout server 75s
frontend front
    bind 127.0.0.1:{port} backlog 4096 {haproxy_bind}
    {haproxy_front}
    default_backend back
backend back
    server one 127.0.0.1:{backend} pool-max-conn -1
"""


def fill(value, place):
    """The value with every {name} in its texts replaced."""
    if isinstance(value, dict):
        return {key: fill(item, place) for key, item in value.items()}
    return value.format(**place) if isinstance(value, str) else value


def tailgate_config(place, setup, changes):
    listener = {"address": f"127.0.0.1:{place['port']}", **setup.tailgate_listener}
    config = {
        "workers": 1,
        "listeners": [fill(listener, place)],
        "routes": [{"path": "/", "upstream": "backend"}],
        "upstreams": {"backend": {"endpoints": [f"127.0.0.1:{place['backend']}"]}},
        "record": f"{place['folder']}/records-{place['port']}",
        **fill(setup.tailgate, place),
        **changes,
    }
    return json.dumps({key: value for key, value in config.items() if value is not None})


def chaos_config(place, delay_ms):
    faults = [{"name": "slow", "kind": "latency", "latency": f"{delay_ms}ms"}] if delay_ms else []
    return json.dumps({
        "api": {"address": f"127.0.0.1:{free_port()}"},
        "links": {"backend": {"listen": f"127.0.0.1:{place['port']}",
                              "upstream": f"127.0.0.1:{place['backend']}", "faults": faults}}})


def toxiproxy_config(place):
    return json.dumps([{"name": "backend", "listen": f"127.0.0.1:{place['port']}",
                        "upstream": f"127.0.0.1:{place['backend']}", "enabled": True}])


def add_toxic(api, delay_ms):
    body = json.dumps({"name": "slow", "type": "latency", "attributes": {"latency": delay_ms}})
    request = urllib.request.Request(f"http://127.0.0.1:{api}/proxies/backend/toxics",
                                     body.encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


# What each kind of Tailgate and of relay is started with.
TAILGATES = {
    scenarios.TAILGATE: {},
    scenarios.NO_RECORDS: {"record": None},
    scenarios.FAULTS: {"faults": [
        {"kind": "latency", "latency": "1s", "per": "request", "match": {"path": "/other"}},
        {"kind": "abort", "match": {"path": "/other"}}]},
    "Tailgate, inline": {"cleanup": "inline"},
    "Tailgate, deferred": {"cleanup": "deferred"},
}
RELAYS = {"relay": "copy", "relay, splice": "splice", "relay, pooled": "pooled"}


class Server:
    """A process of the bench, pinned to a core, accepting on `port` from here on."""

    def __init__(self, name, argv, port, core, folder):
        self.name = name
        self.port = port
        self.log = folder / f"{name.replace(' ', '-')}.out"

        def prepare():
            os.sched_setaffinity(0, {core})
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=folder, preexec_fn=prepare)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        sys.exit(f"bench: {self.name} does not accept on port {self.port}:\n"
                 + self.log.read_text(errors="replace"))

    def family(self):
        """The process and its children (nginx's worker)."""
        pid = self.child.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self):
        """Time on the processor, in user mode and in the kernel, of every thread."""
        threads = [thread for member in self.family()
                   for thread in pathlib.Path(f"/proc/{member}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def private_bytes(self):
        """Anonymous memory in RAM. The files that records are written to are not in it."""
        lines = (line for member in self.family()
                 for line in pathlib.Path(f"/proc/{member}/status").read_text().splitlines())
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Stage:
    """The backend and the candidates of one scenario, as a context manager."""

    def __init__(self, options, tools, scenario, folder, delay_ms=0):
        self.options = options
        self.delay_ms = delay_ms
        self.tools = tools
        self.setup = scenario.setup
        self.names = [name for name in scenario.candidates
                      if name != scenarios.TOXIPROXY or tools["toxiproxy"]]
        self.folder = folder
        self.backend = free_port()
        self.servers = []
        body = folder / "www" / "body"
        body.parent.mkdir(exist_ok=True)
        body.write_bytes(b"x" * scenario.size)

    def __enter__(self):
        try:
            self.backend_server = self.start("backend", self.nginx(BACKEND, "backend"), self.backend,
                       self.options.load_core)
            for name in self.names:
                port = free_port()
                self.start(name, self.command(name, port), port, self.options.proxy_core)
                if name == scenarios.TOXIPROXY and self.delay_ms:
                    add_toxic(self.toxiproxy_api, self.delay_ms)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __iter__(self):
        """The candidates."""
        return iter(self.servers[1:])

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()

    def start(self, name, argv, port, core):
        self.servers.append(Server(name, argv, port, core, self.folder))
        return self.servers[-1]

    def place(self, port):
        place = {"folder": self.folder, "backend": self.backend, "port": port,
                 "keepalive": KEEPALIVE_REQUESTS, "descriptors": DESCRIPTORS}
        for key in ("nginx_listen", "nginx_server", "haproxy_bind", "haproxy_front"):
            place[key] = getattr(self.setup, key).format(**place)
        return place

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def nginx(self, template, name, port=0):
        path = self.write(f"{name}.conf", template.format(**self.place(port)))
        return [self.tools["nginx"], "-p", str(self.folder), "-g", "daemon off;", "-c", path]

    def command(self, name, port):
        """How to start a candidate; its configuration is written."""
        if name == "nginx":
            return self.nginx(NGINX, name, port)
        if name == "HAProxy":
            path = self.write("haproxy.cfg", HAPROXY.format(**self.place(port)))
            return [self.tools["haproxy"], "-db", "-f", path]
        if name in RELAYS:
            return [self.tools["relay"], RELAYS[name], str(port), str(self.backend)]
        if name == scenarios.LINK:
            path = self.write(f"chaos-{port}.json", chaos_config(self.place(port), self.delay_ms))
            return [self.tools["tailgate"], "chaos", path]
        if name == scenarios.TOXIPROXY:
            self.toxiproxy_api = free_port()
            path = self.write(f"toxiproxy-{port}.json", toxiproxy_config(self.place(port)))
            return [self.tools["toxiproxy"], "-host", "127.0.0.1", "-port",
                    str(self.toxiproxy_api), "-config", path]
        text = tailgate_config(self.place(port), self.setup, TAILGATES[name])
        return [self.tools["tailgate"], "proxy", self.write(f"tailgate-{port}.json", text)]
