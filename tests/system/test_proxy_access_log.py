# SPDX-License-Identifier: MIT
"""The access log: its formats, opening it anew, a reader that has stopped, a full disk."""

import json
import os
import re
import resource
import signal

import pytest

from gateway import Gateway, gateway_config
from upstream import read_request, repeat
from waiting import wait_until
from wire import request_bytes, response_bytes

ANSWERING = [repeat(read_request, response_bytes(200, b"hello"))]
FIELDS = [("Host", "shop.example.com:8080"), ("User-Agent", 'say "hi"'),
          ("Referer", "http://r.example.com/"), ("X-Forwarded-For", "10.0.0.1")]


def lines_of(proxy, count, name="access.log"):
    path = proxy.process.folder / name
    return wait_until(lambda: (lines := path.read_text().splitlines() if path.exists() else [])
                      and len(lines) >= count and lines, 10, f"{count} lines in {name}")


def logged(gateway, upstream, kind, **options):
    server = upstream(ANSWERING)
    proxy = gateway(server, access_log={"path": "access.log", "format": kind}, name="gw",
                    upstream={"timeout": {"response": "60s"}}, **options)
    return proxy, server


def test_httplog(gateway, upstream):
    proxy, server = logged(gateway, upstream, "httplog")
    proxy.request("POST", '/a?b=1', FIELDS, b"0123456789")
    line = lines_of(proxy, 1)[0]
    match = re.fullmatch(
        r'127\.0\.0\.1:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] gw app/(\S+) '
        r'(\d+)/(\d+)/(\d+)/(\d+)/(\d+) 200 (\d+) - - ---- 1/1/1/1/0 0/0 '
        r'"POST /a\?b=1 HTTP/1\.1"', line)
    assert match, line
    assert match[1] == server.address
    assert int(match[7]) == proxy.only_request()["bytes_out"]


def test_httplog_of_failures(gateway, upstream, refused_address):
    proxy = gateway(refused_address, access_log={"path": "access.log", "format": "httplog"},
                    name="gw", upstream={"retry": {"attempts": 2}})
    assert proxy.request().status == 502
    assert proxy.refused() == 400
    lines = lines_of(proxy, 2)
    assert re.search(rf'gw app/{refused_address} \d+/0/-1/-1/\d+ 502 \d+ - - SC-- \S+/1 0/0 '
                     r'"GET / HTTP/1\.1"$', lines[0]), lines[0]
    assert re.search(r'gw gw/<NOSRV> -?\d+/-1/-1/-1/\d+ 400 \d+ - - PR-- \S+ 0/0 "<BADREQ>"$',
                     lines[1]), lines[1]


def test_envoy(gateway, upstream):
    proxy, server = logged(gateway, upstream, "envoy")
    client = proxy.connect()
    client.request("POST", "/a?b=1", FIELDS, b"0123456789")
    client.request("GET", "/", [("X-Request-Id", "r1")])
    lines = lines_of(proxy, 2)
    match = re.fullmatch(
        r'\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "POST /a\?b=1 HTTP/1\.1" 200 - 10 5 \d+ \d+ '
        r'"10\.0\.0\.1" "say \\x22hi\\x22" "([0-9a-f]{32})" "shop\.example\.com:8080" "(\S+)"',
        lines[0])
    assert match, lines[0]
    assert match[2] == server.address
    assert f"X-Request-Id: {match[1]}".encode() in server.requests[0]
    assert lines[1].endswith(f'"-" "-" "r1" "test" "{server.address}"')


def test_envoy_flag_of_a_timeout(gateway, upstream):
    server = upstream([read_request])
    proxy = gateway(server, access_log={"path": "access.log", "format": "envoy"},
                    upstream={"timeout": {"response": "50ms"}})
    assert proxy.request().status == 504
    assert '" 504 UT 0 ' in lines_of(proxy, 1)[0]


def test_combined(gateway, upstream):
    proxy, _ = logged(gateway, upstream, "combined")
    proxy.request("GET", "/a", FIELDS)
    line = lines_of(proxy, 1)[0]
    second = r"\d+\.\d{3}"
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a HTTP/1\.1" 200 5 '
        r'"http://r\.example\.com/" "say \\x22hi\\x22" '
        rf'rt={second} uct="{second}" uht="{second}" urt="{second}"', line), line


@pytest.mark.parametrize("kind", ["json", "httplog", "envoy", "combined"])
def test_lines_cannot_be_forged(gateway, upstream, kind):
    proxy, _ = logged(gateway, upstream, kind)
    proxy.request("GET", '/"x\\', [("User-Agent", 'a" 200 "b\xff')])
    line, = lines_of(proxy, 1)
    assert line.isascii() and '/"x' not in line and 'a" 200 "b' not in line


def test_reopening_after_a_rename(gateway, upstream):
    proxy, _ = logged(gateway, upstream, "combined", workers=2)
    log = proxy.process.folder / "access.log"
    proxy.request(path="/before")
    assert "/before" in lines_of(proxy, 1)[0]
    log.rename(log.with_name("access.log.1"))
    proxy.process.send_signal(signal.SIGUSR1)
    proxy.process.wait_log("the access log is open anew")
    proxy.request(path="/after")
    assert "/after" in lines_of(proxy, 1)[0]
    assert len(lines_of(proxy, 1, "access.log.1")) == 1


def test_reopening_that_fails_keeps_the_old_file(gateway, upstream):
    proxy, _ = logged(gateway, upstream, "combined")
    log = proxy.process.folder / "access.log"
    log.rename(log.with_name("access.log.1"))
    log.mkdir()
    proxy.process.send_signal(signal.SIGUSR1)
    assert "access.log" in proxy.process.wait_log("the old file stays in use")
    proxy.request(path="/after")
    assert "/after" in lines_of(proxy, 1, "access.log.1")[0]


def test_a_reader_that_has_stopped_stops_nobody(start, command, upstream, tmp_path):
    """Lines are lost and counted; requests are answered all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    server = upstream(ANSWERING)
    config = gateway_config([server.address], access_log=str(fifo),
                            admin={"address": "127.0.0.1:0"})
    proxy = Gateway(start("proxy", config), command)
    target = "/" + "x" * 100
    batch = request_bytes(path=target) * 200
    with proxy.connect() as client:
        sent = 0
        while proxy.metric("access_lines_lost_total") == 0:
            assert sent < 20000
            client.send(batch)
            for _ in range(200):
                assert client.read_response().status == 200
            sent += 200
    assert "lines are lost" in proxy.process.log()
    os.close(reader)
    assert proxy.stop() == 0


def limit_files(proxy, size):
    """No file of it grows beyond that, as on a full disk."""
    resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def lose_lines(start, command, upstream):
    """A gateway whose access log ends in the middle of a line; and how many requests it had."""
    config = gateway_config([upstream(ANSWERING).address], admin={"address": "127.0.0.1:0"})
    del config["record"]
    proxy = Gateway(start("proxy", config), command)
    limit_files(proxy, 20000)
    target, sent = "/" + "x" * 3000, 0
    with proxy.connect() as client:
        while proxy.metric("access_lines_lost_total") == 0:
            assert sent < 1000
            assert client.request(path=target).status == 200
            sent += 1
    return proxy, sent


def is_json(line):
    try:
        return bool(json.loads(line))
    except ValueError:
        return False


def test_full_disk_does_not_keep_it_from_stopping(start, command, upstream):
    proxy, _ = lose_lines(start, command, upstream)
    assert proxy.stop() == 0
    assert "lines are lost" in proxy.process.log()


def test_full_disk_tears_one_line_at_most(start, command, upstream):
    proxy, sent = lose_lines(start, command, upstream)
    limit_files(proxy, resource.RLIM_INFINITY)
    assert proxy.request(path="/after").status == 200
    last = wait_until(lambda: [line for line in lines_of(proxy, 1) if "/after" in line], 20)
    assert is_json(last[0])
    lost = proxy.metric("access_lines_lost_total")
    assert proxy.stop() == 0
    torn = [line for line in lines_of(proxy, 1) if not is_json(line)]
    assert len(torn) <= 1
    assert len(lines_of(proxy, 1)) - len(torn) + lost == sent + 1


def test_no_file_begins_with_half_a_line(start, command, upstream):
    proxy, _ = lose_lines(start, command, upstream)
    log = proxy.process.folder / "access.log"
    log.rename(log.with_name("access.log.1"))
    limit_files(proxy, resource.RLIM_INFINITY)
    proxy.process.send_signal(signal.SIGUSR1)
    proxy.process.wait_log("the access log is open anew")
    assert proxy.request(path="/after").status == 200
    wait_until(lambda: any("/after" in line for line in lines_of(proxy, 1)), 20)
    assert all(is_json(line) for line in lines_of(proxy, 1))
