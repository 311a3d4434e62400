# SPDX-License-Identifier: MIT
"""Clients that send one request after the other, from threads, while a test does something else."""

import threading

from waiting import wait_until
from wire import Client


class Load:
    """`kept` clients on one connection each, `fresh` ones with a new connection for each request.

    A connection that the gateway has closed in good order (it said so with its last response) is
    opened anew; everything else that goes wrong, and each status that is not `allowed`, is a
    failure.
    `connect` makes a client of another kind.
    """

    def __init__(self, address, kept=3, fresh=2, paths=("/",), headers=(), connect=None,
                 allowed=(200,)):
        self.connect = connect or (lambda: Client(address, 60))
        self.paths = paths
        self.allowed = allowed
        self.headers = headers
        self.done = 0
        self.failures = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i < kept,), daemon=True)
                         for i in range(kept + fresh)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_more(len(self._threads))
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def wait_more(self, count=1):
        """Until so many more requests were answered, or one has failed."""
        before = self.done
        wait_until(lambda: self.done >= before + count or self.failures, 60, f"{count} requests")

    def _run(self, keep):
        client = None
        turn = 0
        while not self._over.is_set() and len(self.failures) < 20:
            path = self.paths[turn % len(self.paths)]
            turn += 1
            try:
                client = client or self.connect()
                response = client.request("GET", path, self.headers)
                if response.status not in self.allowed:
                    self.failures.append((path, response))
                closes = response.header("Connection") == "close"
            except (OSError, EOFError) as problem:
                self.failures.append((path, repr(problem)))
                closes = True
            self.done += 1
            if closes or not keep:
                if client:
                    client.close()
                client = None
        if client:
            client.close()
