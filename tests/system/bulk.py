# SPDX-License-Identifier: MIT
"""Bodies of any size: what to send, how to know them again, and when they have come to a stop."""

import os
import zlib

from upstream import Ended
from waiting import wait_until

MIB = 1 << 20
LARGE = 256 * MIB
BLOCK = os.urandom(MIB)

# What the gateway may grow by while a body of any size passes. AddressSanitizer keeps freed memory
# for a while, so its share of that is bounded too.
GROWTH = 48 * MIB
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"}


def sum_of(count):
    total = 0
    for _ in range(count):
        total = zlib.crc32(BLOCK, total)
    return total


class Sender:
    """A step that sends blocks, counting them, until all are sent or the peer has gone."""

    def __init__(self, count, chunked=False):
        self.count = count
        self.chunked = chunked
        self.sent = 0

    def __call__(self, conn):
        for _ in range(self.count):
            data = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if self.chunked else BLOCK
            view = memoryview(data)
            while view:
                try:
                    sent = conn.sock.send(view)
                except OSError:
                    raise Ended
                self.sent += sent
                view = view[sent:]
        if self.chunked:
            conn.sock.sendall(b"0\r\n\r\n")


def steady(counter):
    """Waits until the figure has not moved for a while, and gives it."""
    last = [counter(), 0]

    def unmoved():
        now = counter()
        last[1] = last[1] + 1 if now == last[0] else 0
        last[0] = now
        return last[1] >= 80

    wait_until(unmoved, 60, "no more progress")
    return last[0]


def read_sum(sock, count, pending=b""):
    """The checksum of the next `count` bytes."""
    total, left = zlib.crc32(pending), count - len(pending)
    while left > 0:
        data = sock.recv(min(left, MIB))
        assert data, f"{left} bytes are missing"
        total = zlib.crc32(data, total)
        left -= len(data)
    return total
