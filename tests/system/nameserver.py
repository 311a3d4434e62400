# SPDX-License-Identifier: MIT
"""A scripted DNS server on loopback, over UDP and TCP, that answers byte-exact messages.

    server = NameServer()
    server.names["orders.test"] = {A: [a("127.0.0.1")]}     what it knows; other names are NXDOMAIN
    server.script = lambda query: [bytes, ...]              instead: the messages it sends back
    server.count("orders.test")                             how often that was asked for
"""

import socket
import struct
import threading

from waiting import wait_until

A, CNAME, SOA, AAAA, SRV = 1, 5, 6, 28, 33
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
IN = 1
RESPONSE, TRUNCATED, WANTED, AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080


def encode(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class Record:
    """A resource record; without an owner it is of the name that was asked for."""

    def __init__(self, kind, data, ttl, owner=None):
        self.kind, self.data, self.ttl, self.owner = kind, data, ttl, owner

    def bytes(self):
        owner = encode(self.owner) if self.owner else b"\xc0\x0c"
        return owner + struct.pack("!HHIH", self.kind, IN, self.ttl, len(self.data)) + self.data


def a(address, ttl=3600, owner=None):
    return Record(A, socket.inet_pton(socket.AF_INET, address), ttl, owner)


def aaaa(address, ttl=3600, owner=None):
    return Record(AAAA, socket.inet_pton(socket.AF_INET6, address), ttl, owner)


def cname(target, ttl=3600, owner=None):
    return Record(CNAME, encode(target), ttl, owner)


def srv(priority, weight, port, target, ttl=3600):
    return Record(SRV, struct.pack("!HHH", priority, weight, port) + encode(target), ttl)


class Query:
    def __init__(self, message, peer):
        self.message, self.peer = message, peer  # None: it came over TCP
        self.id, = struct.unpack_from("!H", message)
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        self.name = ".".join(labels)
        self.type, = struct.unpack_from("!H", message, at + 1)
        self.question = message[12:at + 5]

    def reply(self, records=(), code=NOERROR, flags=0, id=None, question=None):
        """A whole message; what is not given is as it should be."""
        head = struct.pack("!HHHHHH", self.id if id is None else id,
                           RESPONSE | WANTED | AVAILABLE | flags | code, 1, len(records), 0, 0)
        return head + (question or self.question) + b"".join(each.bytes() for each in records)


def silent(query):
    return []


def failing(code):
    return lambda query: [query.reply(code=code)]


class NameServer:
    def __init__(self):
        self.names = {}      # by name: by type: records
        self.script = None   # in place of `names`
        self.queries = []
        self._udp, self._tcp = self._bind()
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    @staticmethod
    def _bind():
        """The same port for both."""
        for _ in range(50):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            try:
                return udp, socket.create_server(udp.getsockname())
            except OSError:
                udp.close()
        raise OSError("no port is free for both UDP and TCP")

    @property
    def address(self):
        return "127.0.0.1:%d" % self._udp.getsockname()[1]

    def count(self, name, kind=None):
        return sum(1 for query in self.queries
                   if query.name == name and kind in (None, query.type))

    def wait_count(self, name, more=1):
        """Until the name was asked for so many times more."""
        before = self.count(name)
        wait_until(lambda: self.count(name) >= before + more, 30, f"{more} more queries: {name}")

    def answers(self, query):
        """The messages that answer it."""
        self.queries.append(query)
        if self.script:
            return self.script(query)
        known = self.names.get(query.name)
        if known is None:
            return [query.reply(code=NXDOMAIN)]
        return [query.reply(known.get(query.type, known.get(CNAME, [])))]

    def send(self, message, peer):
        """One more message, to whom a query came from."""
        self._udp.sendto(message, peer)

    def _serve_udp(self):
        while True:
            try:
                message, peer = self._udp.recvfrom(65536)
            except OSError:
                return
            for answer in self.answers(Query(message, peer)):
                try:
                    self.send(answer, peer)
                except OSError:
                    return

    def _serve_tcp(self):
        while True:
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(sock,), daemon=True).start()

    def _serve_stream(self, sock):
        with sock, sock.makefile("rb") as stream:
            try:
                while length := stream.read(2):
                    query = Query(stream.read(struct.unpack("!H", length)[0]), None)
                    for answer in self.answers(query):
                        sock.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                return

    def close(self):
        self._udp.close()
        try:
            self._tcp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._tcp.close()
