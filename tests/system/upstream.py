# SPDX-License-Identifier: MIT
"""A scripted upstream: a TCP server that plays to each connection the steps it was given.

    upstream([read_request, response_bytes(200, b"hi"), read_request, close])

The first connection plays the first script, the second the second, and so on; the last script
serves every later one. A step is bytes (sent as they are) or a function of the connection; after
its last step a connection stays open until the peer closes it or the test ends.
"""

import re
import socket
import threading

from waiting import wait_until
from wire import reset_socket, split_address


class Ended(Exception):
    """The script is over: the connection is closed, by whichever side."""


# ---- steps


def read_request(conn):
    """Reads a whole request: head and, by its framing, body. Kept in conn.requests."""
    head = conn.read_until(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.I)
    body = b""
    if re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", head, re.I):
        while (line := conn.read_until(b"\r\n")) != b"0\r\n":
            body += conn.read_exactly(int(line.split(b";")[0], 16) + 2)[:-2]
        while conn.read_until(b"\r\n") != b"\r\n":
            pass
    elif length:
        body = conn.read_exactly(int(length[1]))
    conn.requests.append(head + body)


def read_head(conn):
    """Reads a request's head only. Kept in conn.requests."""
    conn.requests.append(conn.read_until(b"\r\n\r\n"))


def close(conn):
    conn.sock.close()
    raise Ended


def reset(conn):
    reset_socket(conn.sock)
    raise Ended


def finish_sending(conn):
    conn.sock.shutdown(socket.SHUT_WR)


def read_bytes(count):
    return lambda conn: conn.read_exactly(count)


def wait_for(event, timeout=30):
    """Does nothing, reading included, until the test sets the threading.Event."""

    def step(conn):
        if not event.wait(timeout):
            raise TimeoutError("the test never set the event that the script waits for")

    return step


def repeat(*steps):
    """Plays the steps again and again, until one ends the connection."""

    def step(conn):
        while True:
            conn.play(steps)

    return step


# ---- the server


class Connection:
    """One accepted connection, in its own thread."""

    def __init__(self, sock):
        self.sock = sock
        self.requests = []        # as read_request and read_head got them
        self.unread = b""
        self.closed_by_peer = False
        self.over = threading.Event()
        self.problem = None       # the exception that broke the script

    def run(self, script):
        try:
            self.play(script)
            while True:
                self._more()
        except (Ended, ConnectionError):
            pass
        except Exception as problem:
            self.problem = problem
        finally:
            self.sock.close()
            self.over.set()

    def play(self, steps):
        for step in steps:
            if isinstance(step, bytes):
                self.sock.sendall(step)
            else:
                step(self)

    def read_until(self, mark):
        while mark not in self.unread:
            self._more()
        at = self.unread.index(mark) + len(mark)
        data, self.unread = self.unread[:at], self.unread[at:]
        return data

    def read_exactly(self, count):
        while len(self.unread) < count:
            self._more()
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.closed_by_peer = True
            raise Ended
        self.unread += data


def listening(address):
    """A socket that listens at "host:port", "[host]:port" or "unix:/path"."""
    if address.startswith("unix:"):
        return socket.create_server(address[len("unix:"):], family=socket.AF_UNIX)
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


class Upstream:
    def __init__(self, *scripts, address="127.0.0.1:0"):
        self.scripts = scripts or ([],)
        self.connections = []
        self._listener = listening(address)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self):
        name = self._listener.getsockname()
        if isinstance(name, str):
            return f"unix:{name}"
        return ("[%s]:%d" if ":" in name[0] else "%s:%d") % name[:2]

    @property
    def requests(self):
        """Every request of every connection, as bytes."""
        return [request for conn in self.connections for request in conn.requests]

    def wait_connections(self, count, timeout=10):
        wait_until(lambda: len(self.connections) >= count, timeout, f"{count} connections")
        return self.connections

    def wait_requests(self, count, timeout=10):
        wait_until(lambda: len(self.requests) >= count, timeout, f"{count} requests")
        return self.requests

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
            conn = Connection(sock)
            self.connections.append(conn)
            threading.Thread(target=conn.run, args=(script,), daemon=True).start()

    def clean_up(self):
        """Closes everything and returns what broke in the scripts."""
        self._shut(self._listener)
        self._listener.close()
        for conn in self.connections:
            self._shut(conn.sock)
        return [conn.problem for conn in self.connections if conn.problem]

    @staticmethod
    def _shut(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
