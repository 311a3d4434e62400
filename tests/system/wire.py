# SPDX-License-Identifier: MIT
"""A client on a raw socket: sends any bytes, reads one response by its framing."""

import socket
import struct

NO_BODY = (204, 304)


def split_address(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def dial(address, timeout, source=None):
    """A connection to "host:port", "[host]:port" or "unix:/path", from the address `source`."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(address[len("unix:"):])
        return sock
    sock = socket.create_connection(split_address(address), timeout,
                                    source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def reset_socket(sock):
    """Closes with a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def request_bytes(method="GET", path="/", headers=(), body=None, host="test"):
    """A well-formed HTTP/1.1 request. `headers` is a mapping or a list of pairs."""
    pairs = list(headers.items()) if hasattr(headers, "items") else list(headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", host))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def response_bytes(status=200, body=b"", headers=(), reason="Text"):
    """A well-formed HTTP/1.1 response with a Content-Length."""
    pairs = list(headers.items()) if hasattr(headers, "items") else list(headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return (f"HTTP/1.1 {status} {reason}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
            .encode() + body)


class Response:
    def __init__(self, version, status, reason, headers):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers  # list of (name as sent, value)
        self.body = b""
        self.trailers = []

    def header(self, name):
        """The value of the first field of that name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def header_all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __repr__(self):
        return f"<{self.version} {self.status} {self.reason} {self.headers} {self.body[:80]!r}>"


class Client:
    """One connection. Everything that does not come within `timeout` seconds is an exception."""

    def __init__(self, address, timeout=10, source=None):
        self.sock = dial(address, timeout, source)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()

    def reset(self):
        reset_socket(self.sock)

    def finish_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def request(self, method="GET", path="/", headers=(), body=None):
        """Sends a request and reads its response."""
        self.send(request_bytes(method, path, headers, body))
        return self.read_response(method)

    def read_response(self, method="GET", interim=False):
        """The next response. 1xx ones are skipped unless `interim`; 101 never is."""
        while True:
            response = self.read_head()
            if interim or response.status == 101 or not 100 <= response.status < 200:
                break
        if method != "HEAD" and response.status >= 200 and response.status not in NO_BODY:
            self._read_body(response)
        return response

    def read_head(self):
        """The status line and the header fields; the body is left on the connection."""
        lines = self._read_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, reason = (lines[0] + " ").split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), f"no status line: {lines[0]!r}"
        return Response(version, int(status), reason.strip(), _fields(lines[1:]))

    def read_exactly(self, count):
        while len(self.pending) < count:
            self._more(f"{count - len(self.pending)} more bytes")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def read_to_end(self):
        """Everything until the peer closes in good order."""
        while True:
            data = self.sock.recv(65536)
            if not data:
                data, self.pending = self.pending, b""
                return data
            self.pending += data

    def is_closed(self):
        """Waits for the end of the connection: True for a FIN or RST, False when bytes came."""
        if self.pending:
            return False
        try:
            self.pending = self.sock.recv(65536)
        except ConnectionResetError:
            return True
        return not self.pending

    def assert_closed(self):
        assert self.is_closed(), f"still open, with bytes in it: {self.pending[:200]!r}"

    def _read_body(self, response):
        coding = (response.header("Transfer-Encoding") or "").lower()
        length = response.header("Content-Length")
        if coding.endswith("chunked"):
            self._read_chunks(response)
        elif length is not None:
            response.body = self.read_exactly(int(length))
        else:
            response.body = self.read_to_end()

    def _read_chunks(self, response):
        while True:
            size = int(self._read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            response.body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n", "a chunk does not end in CR LF"
        while (line := self._read_until(b"\r\n")) != b"\r\n":
            response.trailers += _fields([line[:-2].decode("latin-1")])

    def _read_until(self, mark):
        while mark not in self.pending:
            self._more(f"{mark!r}")
        at = self.pending.index(mark) + len(mark)
        data, self.pending = self.pending[:at], self.pending[at:]
        return data

    def _more(self, wanted):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"closed where {wanted} should have come, after {self.pending[:200]!r}")
        self.pending += data


def _fields(lines):
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
