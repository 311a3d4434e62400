# SPDX-License-Identifier: MIT
"""The clients that people use, unchanged, through the gateway, plain and over TLS."""

import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

from tls import Authority, trusting

SCRIPTS = pathlib.Path(__file__).with_name("clients")
LARGE = b"0123456789abcdef" * (1 << 16)
BLOCK = b"block of a body\n" * 1875
PIECES = [BLOCK] * 10
EVENTS = ["one", "two", "three", "four"]


class Service(http.server.BaseHTTPRequestHandler):
    """A backend by python's own server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path == "/small":
            self.answer(200, b"small\n")
        elif self.path == "/large":
            self.answer(200, LARGE)
        elif self.path == "/chunked":
            self.send_chunks(f"piece {i}\n".encode() for i in range(100))
        elif self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
        elif self.path == "/events":
            self.send_events()
        elif self.path.startswith("/seen/"):
            self.server.seen[self.path.removeprefix("/seen/")].set()
            self.answer(200, b"")
        else:
            self.answer(404, b"no such page\n")

    do_HEAD = do_GET

    def do_POST(self):
        self.answer(200, self.read_body(), X_Expected=self.headers.get("Expect", "nothing"))

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send_chunks(self, chunks, **headers):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def send_events(self):
        """Each event waits until the client has acknowledged the one before."""

        def events():
            for name in EVENTS:
                yield f"data: {name}\n\n".encode()
                assert self.server.seen[name].wait(30), f"nobody saw the event {name}"

        self.send_chunks(events(), Content_Type="text/event-stream")

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Service)
        self.seen = {name: threading.Event() for name in EVENTS}

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_port


@pytest.fixture
def service():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients") / "authority")


class Site:
    """A gateway, by URL, and who vouches for it."""

    def __init__(self, scheme, proxy, authority):
        self.scheme = scheme
        self.proxy = proxy
        self.authority = authority
        self.port = proxy.address.rpartition(":")[2]
        self.url = f"{scheme}://localhost:{self.port}"

    def run(self, *command, timeout=60):
        """Runs a client that trusts the authority; returns what it printed."""
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": self.authority.certificate,
                       "NO_PROXY": "*", "no_proxy": "*"}
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=timeout, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def assert_all_went_well(self):
        rows = self.proxy.records("request")
        assert {row["cause"] for row in rows} == {"none"} and rows


@pytest.fixture
def site(gateway, authority):
    """site(scheme, endpoint) -> Site"""

    def launch(scheme, endpoint):
        listener = {}
        if scheme == "https":
            listener = {"tls": authority.issue("localhost").config()}
        return Site(scheme, gateway(endpoint, listener=listener), authority)

    return launch


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    return program


def node(script):
    """A client on node and, unless it comes with node, from npm."""
    program = needs("node")
    text = (SCRIPTS / script).read_text()
    for package in ("undici", "ws"):
        if f'from "{package}"' in text and not (SCRIPTS / "node_modules" / package).is_dir():
            pytest.skip(f"{package} is not installed: npm ci in tests/system/clients installs it")
    return [program, SCRIPTS / script]


SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])


def row(method, path, status, body, length="own"):
    length = str(len(body)) if length == "own" else length
    got = b"" if method == "HEAD" else body
    return [method, path, status, length, len(got), hashlib.sha256(got).hexdigest()]


CHUNKED = b"".join(f"piece {i}\n".encode() for i in range(100))
EXPECTED = [
    row("GET", "/small", 200, b"small\n"),
    row("GET", "/large", 200, LARGE),
    row("HEAD", "/large", 200, LARGE),
    row("GET", "/chunked", 200, CHUNKED, None),
    row("POST", "/echo", 200, b"".join(PIECES)),
    row("POST", "/echo", 200, b"".join(PIECES)),
    row("GET", "/nothing", 204, b"", None),
    row("GET", "/missing", 404, b"no such page\n"),
]


@SCHEMES
@pytest.mark.parametrize("script, arguments", [("http.mjs", []), ("undici.mjs", []),
                                               ("undici.mjs", ["pipelined"])])
def test_node(site, service, scheme, script, arguments):
    here = site(scheme, service.address)
    assert json.loads(here.run(*node(script), here.url, *arguments)) == [*EXPECTED,
                                                                         ["together", 20]]
    here.assert_all_went_well()


@SCHEMES
def test_python(site, service, scheme, authority):
    here = site(scheme, service.address)
    if scheme == "http":
        client = http.client.HTTPConnection("localhost", here.port, timeout=20)
    else:
        client = http.client.HTTPSConnection("localhost", here.port, timeout=20,
                                             context=trusting(authority))
    bodies = iter([b"".join(PIECES), iter(PIECES)])
    rows = []
    for method, path, *_ in EXPECTED:
        body = next(bodies) if method == "POST" else None
        client.request(method, path, body, encode_chunked=not isinstance(body, (bytes, type(None))),
                       headers={} if isinstance(body, (bytes, type(None)))
                       else {"Transfer-Encoding": "chunked"})
        response = client.getresponse()
        got = response.read()
        rows.append([method, path, response.status, response.headers["Content-Length"], len(got),
                     hashlib.sha256(got).hexdigest()])
    client.close()
    assert rows == EXPECTED
    here.assert_all_went_well()


@SCHEMES
def test_curl(site, service, scheme, authority, tmp_path):
    here = site(scheme, service.address)
    curl = [needs("curl"), "-sS", "--http1.1", "--cacert", authority.certificate]
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(b"".join(PIECES))
    report = "%{http_code} %{size_download} %{num_connects}\n"
    # Two transfers on one connection, a HEAD, an upload that asks first, and a chunked one.
    lines = here.run(*curl, "-w", report, "-o", got, f"{here.url}/small",
                     "-o", got, f"{here.url}/large").splitlines()
    assert lines == ["200 6 1", f"200 {len(LARGE)} 0"]
    assert got.read_bytes() == LARGE
    assert f"content-length: {len(LARGE)}" in here.run(*curl, "-I", f"{here.url}/large").lower()
    asked = here.run(*curl, "-H", "Expect: 100-continue", "--data-binary", f"@{sent}", "-o", got,
                     "-D", "-", f"{here.url}/echo")
    assert re.findall(r"^HTTP/1.1 (\d+)", asked, re.M) == ["100", "200"]
    assert "x-expected: 100-continue" in asked.lower() and got.read_bytes() == sent.read_bytes()
    here.run(*curl, "-H", "Transfer-Encoding: chunked", "-T", sent, "-X", "POST", "-o", got,
             f"{here.url}/echo")
    assert got.read_bytes() == sent.read_bytes()
    here.run(*curl, "--http1.0", "-o", got, f"{here.url}/chunked")
    assert got.read_bytes() == CHUNKED
    here.assert_all_went_well()


@SCHEMES
def test_wrk(site, service, scheme):
    here = site(scheme, service.address)
    said = here.run(needs("wrk"), "-t1", "-c8", "-d1s", f"{here.url}/small")
    assert int(re.search(r"(\d+) requests in", said)[1]) > 0
    assert "Socket errors" not in said and "Non-2xx" not in said


@SCHEMES
def test_h2load(site, service, scheme):
    here = site(scheme, service.address)
    said = here.run(needs("h2load"), "--h1", "-n", 200, "-c", 4, "-m", 2, f"{here.url}/small")
    assert "200 succeeded, 0 failed, 0 errored, 0 timeout" in said
    here.assert_all_went_well()


@SCHEMES
def test_server_sent_events(site, service, scheme):
    """None is kept back: the next is sent when the one before has been seen."""
    here = site(scheme, service.address)
    said = json.loads(here.run(*node("events.mjs"), here.url))
    assert said == {"type": "text/event-stream", "seen": EVENTS}


@pytest.fixture
def websocket_server():
    with subprocess.Popen([*node("websocket.mjs"), "serve"], stdout=subprocess.PIPE,
                          text=True) as server:
        yield f"127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@SCHEMES
def test_websocket(site, websocket_server, scheme):
    here = site(scheme, websocket_server)
    url = here.url.replace("http", "ws", 1)
    said = json.loads(here.run(*node("websocket.mjs"), "talk", url))
    assert said == [True, True, "are you there", 4001, "as asked"]
