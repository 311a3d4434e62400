#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a small request costs each proxy, measured side by side in one run on one machine.

nginx, HAProxy and Tailgate (with and without recording) stand in turn between wrk and a backend
(nginx answering 200 with a small body), one worker each, keep-alive on both sides, no access log.
The proxy has one core to itself; the backend and wrk share another. Rounds are interleaved, so that
a machine that gets slower gets slower for all. Prints the medians as a Markdown table.

CPU time is what the kernel counted for all threads of the proxy, divided by wrk's requests.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BODY = "x" * 128
KEEPALIVE_REQUESTS = 100_000_000

BACKEND_NGINX = """
worker_processes 1; pid {folder}/backend.pid; error_log {folder}/backend.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests {keepalive}; default_type text/plain;
    server {{ listen 127.0.0.1:{backend} backlog=4096; location / {{ return 200 "{body}"; }} }}
}}
"""

PROXY_NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests {keepalive};
    upstream backend {{
        server 127.0.0.1:{backend}; keepalive 256; keepalive_requests {keepalive};
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""

PROXY_HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port} backlog 4096
    default_backend back
backend back
    server one 127.0.0.1:{backend} pool-max-conn -1
"""


def tailgate_config(place, record):
    config = {
        "workers": 1,
        "listeners": [{"address": f"127.0.0.1:{place['port']}"}],
        "routes": [{"path": "/", "upstream": "backend"}],
        "upstreams": {"backend": {"endpoints": [f"127.0.0.1:{place['backend']}"]}},
    }
    if record:
        config["record"] = f"{place['folder']}/records"
    return json.dumps(config, indent=2)


class Server:
    """A process of the bench, pinned to a core."""

    def __init__(self, name, argv, port, core, folder):
        self.name = name
        self.port = port
        self.log = folder / f"{name}.out"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def wait_ready(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        sys.exit(f"bench: {self.name} does not accept on port {self.port}:\n"
                 + self.log.read_text(errors="replace"))

    def cpu_seconds(self):
        """CPU time of every thread of the process and of its children (nginx's worker)."""
        pid = self.child.pid
        family = [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
                            .split())]
        threads = [thread for member in family
                   for thread in pathlib.Path(f"/proc/{member}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

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


def find_tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def start_servers(options, tools, folder):
    """The backend and the candidates, ready."""
    backend = free_port()
    servers = []

    def start(name, suffix, text, argv, port, core):
        path = folder / f"{name.replace(' ', '-')}.{suffix}"
        path.write_text(text)
        servers.append(Server(name, [*argv, str(path)], port, core, folder))
        servers[-1].wait_ready()

    def place(port):
        return {"folder": folder, "backend": backend, "port": port, "body": BODY,
                "keepalive": KEEPALIVE_REQUESTS}

    nginx = [tools["nginx"], "-p", str(folder), "-g", "daemon off;", "-c"]
    try:
        start("backend", "conf", BACKEND_NGINX.format(**place(0)), nginx, backend,
              options.load_core)
        port = free_port()
        start("nginx", "conf", PROXY_NGINX.format(**place(port)), nginx, port, options.proxy_core)
        port = free_port()
        start("HAProxy", "conf", PROXY_HAPROXY.format(**place(port)),
              [tools["haproxy"], "-db", "-f"], port, options.proxy_core)
        for name, record in (("Tailgate", True), ("Tailgate without records", False)):
            if tools["tailgate"]:
                port = free_port()
                start(name, "json", tailgate_config(place(port), record),
                      [tools["tailgate"], "proxy"], port, options.proxy_core)
    except BaseException:
        stop_servers(servers)
        raise
    return servers


def stop_servers(servers):
    for server in reversed(servers):
        server.stop()


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def measure(options, tools, server, seconds):
    """One turn of one candidate: requests a second, CPU µs a request, p50 and p99 in ms, errors."""
    before = server.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", str(options.load_core), tools["wrk"], "-t1", f"-c{options.connections}",
         f"-d{seconds}s", "--latency", f"http://127.0.0.1:{server.port}/"],
        check=True, capture_output=True, text=True).stdout
    cpu = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", output)[1])
    if requests == 0:
        sys.exit(f"bench: {server.name} answered nothing:\n{output}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    socket_errors = re.search(r"Socket errors: (.*)", output)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "cpu_us": cpu / requests * 1e6,
        "p50_ms": milliseconds(re.search(r"(?m)^\s+50%\s+(\S+)", output)[1]),
        "p99_ms": milliseconds(re.search(r"(?m)^\s+99%\s+(\S+)", output)[1]),
        "errors": (int(wrong[1]) if wrong else 0)
        + (sum(map(int, re.findall(r"\d+", socket_errors[1]))) if socket_errors else 0),
    }


def run_rounds(options, tools, candidates):
    turns = {server.name: [] for server in candidates}
    for server in candidates:
        measure(options, tools, server, 1)  # connections, caches and code are warm after it
    for number in range(options.rounds):
        for server in candidates:
            turn = measure(options, tools, server, options.seconds)
            turns[server.name].append(turn)
            print(f"round {number + 1} {server.name}: {turn['rps']:.0f}/s, "
                  f"{turn['cpu_us']:.2f} us", file=sys.stderr)
    return turns


def print_table(turns):
    def median(name, key):
        return statistics.median(turn[key] for turn in turns[name])

    print("| proxy | requests/s | CPU µs/request | lowest–highest | to nginx | p50 ms | p99 ms "
          "| errors |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, rows in turns.items():
        costs = [row["cpu_us"] for row in rows]
        print(f"| {name} | {median(name, 'rps'):.0f} | {median(name, 'cpu_us'):.2f} "
              f"| {min(costs):.2f}–{max(costs):.2f} "
              f"| {median(name, 'cpu_us') / median('nginx', 'cpu_us'):.2f} "
              f"| {median(name, 'p50_ms'):.2f} | {median(name, 'p99_ms'):.2f} "
              f"| {sum(row['errors'] for row in rows)} |")


def version(argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0]


def print_machine(options, tools):
    models = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux "
          f"{platform.release()}; {options.rounds} rounds of {options.seconds} s, "
          f"{options.connections} connections, {len(BODY)} bytes a response.")
    print(f"{version([tools['nginx'], '-v'])}; {version([tools['haproxy'], '-v'])}"
          + (f"; {version([tools['tailgate'], '--version'])}" if tools["tailgate"] else "")
          + ".\n")


def read_options():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tailgate", default=str(root / "build/tailgate"),
                        help="the program (build/tailgate); an empty name leaves it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--proxy-core", type=int, default=1)
    parser.add_argument("--load-core", type=int, default=0)
    return parser.parse_args()


def main():
    options = read_options()
    tools = {name: find_tool(name) for name in ("nginx", "haproxy", "wrk", "taskset")}
    missing = [name for name, path in tools.items() if not path]
    if missing:
        sys.exit(f"bench: not installed: {', '.join(missing)} "
                 "(Debian: apt-get install --no-install-recommends nginx haproxy wrk util-linux)")
    tools["tailgate"] = options.tailgate and shutil.which(os.path.abspath(options.tailgate))
    if options.tailgate and not tools["tailgate"]:
        sys.exit(f"bench: there is no program {options.tailgate}; build it or name it by --tailgate")
    if not {options.proxy_core, options.load_core} <= os.sched_getaffinity(0):
        sys.exit("bench: two cores are needed, one for the proxy and one for load and backend")

    with tempfile.TemporaryDirectory(prefix="tailgate-bench-") as name:
        os.chmod(name, 0o755)
        servers = start_servers(options, tools, pathlib.Path(name))
        try:
            turns = run_rounds(options, tools, servers[1:])
        finally:
            stop_servers(servers)
    print_machine(options, tools)
    print_table(turns)


if __name__ == "__main__":
    main()
