# SPDX-License-Identifier: MIT
"""A running `tailgate chaos`, its API, and what goes through its links."""

import http.client
import json
import socket
import time

from waiting import wait_until


class Api:
    """Calls of the API of a process; each returns (status, what the body says)."""

    def __init__(self, process):
        self.process = process
        self.address = process.address

    def call(self, method, path, body=None, headers=None):
        status, _, text = self.raw(method, path, body, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def raw(self, method, path, body=None, headers=None):
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        try:
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def link(self, name, upstream, **options):
        """Creates a link to an address and returns the address it listens on."""
        status, proxy = self.call("POST", "/proxies", {
            "name": name, "listen": "127.0.0.1:0", "upstream": upstream, **options})
        assert status == 201, proxy
        return proxy["listen"]

    def toxic(self, link, kind, attributes=None, **options):
        status, toxic = self.call("POST", f"/proxies/{link}/toxics", {
            "type": kind, "attributes": attributes or {}, **options})
        assert status == 200, toxic
        return toxic

    def remove(self, link, toxic):
        status, _ = self.call("DELETE", f"/proxies/{link}/toxics/{toxic}")
        assert status == 204

    def metric(self, name, **labels):
        """The sum of what has these labels."""
        _, _, text = self.raw("GET", "/metrics")
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
                   if line.startswith(name + "{") and all(label in line for label in wanted))


def echo(conn):
    """A step of an upstream's script: sends back what comes, until the end."""
    while True:
        if not conn.unread:
            conn._more()
        data, conn.unread = conn.unread, b""
        conn.sock.sendall(data)


def receive(sock, n):
    """Exactly n bytes, or fewer at the end."""
    data = b""
    while len(data) < n:
        part = sock.recv(min(65536, n - len(data)))
        if not part:
            break
        data += part
    return data


def receive_all(sock):
    return receive(sock, 1 << 40)


def round_trip(sock, data=b"ping"):
    """Seconds until an echo has come back."""
    start = time.monotonic()
    sock.sendall(data)
    assert receive(sock, len(data)) == data
    return time.monotonic() - start


def is_silent(sock, seconds):
    """Whether neither bytes nor an end come for so long."""
    timeout = sock.gettimeout()
    sock.settimeout(seconds)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return False
    except TimeoutError:
        return True
    finally:
        sock.settimeout(timeout)


def wait_touched(api, link, count=1):
    wait_until(lambda: api.metric("tailgate_fault_connections", link=link) >= count,
               what="a fault touches a connection")
