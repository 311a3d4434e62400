# SPDX-License-Identifier: MIT
"""One turn of one candidate: under full load, at a given rate, or holding idle clients."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys

# Clients come from several addresses: one has fewer than 30,000 ports to connect from.
SOURCES = [f"127.0.0.{last}" for last in range(2, 12)]

ANY_SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_SERVER.check_hostname = False
ANY_SERVER.verify_mode = ssl.CERT_NONE


def url(scenario, server):
    return f"{scenario.scheme}://127.0.0.1:{server.port}/body"


def pinned(core, argv):
    done = subprocess.run(argv, check=True, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    return done.stdout


def saturated(options, tools, scenario, server, seconds):
    """Requests a second, CPU µs a request, and errors, under as much load as wrk makes."""
    header = ["-H", "Connection: close"] if scenario.new_connections else []
    before = server.cpu_seconds()
    output = pinned(options.load_core,
                    [tools["wrk"], "-t1", f"-c{scenario.connections}", f"-d{seconds}s", *header,
                     url(scenario, server)])
    cpu = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", output)[1])
    if requests == 0:
        sys.exit(f"bench: {server.name} answered nothing:\n{output}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       output)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "cpu_us": cpu / requests * 1e6,
        "errors": (int(wrong[1]) if wrong else 0)
        + (sum(map(int, broken.groups())) if broken else 0),
    }


def at_rate(options, tools, scenario, server, rate, seconds, seed, connections=None):
    """Latency in µs from the intended moment, at a fixed mean rate with Poisson arrivals."""
    argv = [tools["load"], str(server.port), "/body", f"{rate:.0f}", str(seconds),
            str(connections or scenario.connections), str(seed)]
    if scenario.new_connections:
        argv.append("close")
    return json.loads(pinned(options.load_core, argv))


def request(sock):
    """One request on a kept connection, and its whole answer."""
    sock.sendall(b"GET /body HTTP/1.1\r\nHost: bench\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += receive(sock)
    head, body = answer.split(b"\r\n\r\n", 1)
    left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(body)
    while left > 0:
        left -= len(receive(sock))


def receive(sock):
    got = sock.recv(65536)
    if not got:
        raise ConnectionError("bench: an idle client was closed")
    return got


def connect(server, scheme, number):
    sock = socket.create_connection(("127.0.0.1", server.port), 10,
                                    (SOURCES[number % len(SOURCES)], 0))
    return ANY_SERVER.wrap_socket(sock) if scheme == "https" else sock


def idle_clients(server, memory):
    """Bytes of private memory that each idle client costs. Each has made a request before the memory
    is read, and makes another one behind it: it was really held."""
    clients, count = [], memory.clients
    before = server.private_bytes()
    try:
        for number in range(count):
            sock = connect(server, memory.scenario.scheme, number)
            clients.append(sock)
            request(sock)
        grown = server.private_bytes() - before
        for sock in clients:
            request(sock)
    finally:
        for sock in clients:
            sock.close()
    return grown / count
