# SPDX-License-Identifier: MIT
"""A running tailgate process, seen from outside: its log, its addresses, its end."""

import os
import pathlib
import re
import signal
import subprocess
import sys

from waiting import wait_until

SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")
ADDRESS = re.compile(r"(?:(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):\d+|unix:/\S+)")


class Process:
    """`tailgate KIND CONFIG` in the foreground. stderr is its log, stdout its output."""

    def __init__(self, argv, folder, environment=None, pass_fds=()):
        self.argv = [str(word) for word in argv]
        self.folder = folder
        self._log_path = folder / "log"
        self._output_path = folder / "output"
        with open(self._log_path, "wb") as log, open(self._output_path, "wb") as output:
            self._child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=log, cwd=folder,
                pass_fds=pass_fds,
                env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self._child.pid

    @property
    def running(self):
        return self._child.poll() is None

    def log(self):
        return self._log_path.read_text(errors="replace")

    def output(self):
        return self._output_path.read_text(errors="replace")

    @property
    def addresses(self):
        """What it listens on, "127.0.0.1:8080", in the order of its configuration."""
        for line in self.log().splitlines():
            _, word, rest = line.partition(" ready")
            if word and ADDRESS.search(rest):
                return ADDRESS.findall(rest)
        return []

    @property
    def address(self):
        return self.addresses[0]

    def wait_ready(self, timeout=30):
        wait_until(lambda: self.addresses or not self.running, timeout,
                   f"{' '.join(self.argv)} is ready")
        if not self.addresses:
            raise AssertionError(f"{' '.join(self.argv)} ended with status {self.wait()} before it "
                                 f"was ready:\n{self.log()}")
        return self

    def wait_log(self, text, timeout=10):
        """The first line of the log with `text` in it."""
        return wait_until(
            lambda: next((line for line in self.log().splitlines() if text in line), None),
            timeout, f"{text!r} in the log of {' '.join(self.argv)}")

    def wait_asleep(self, state="S"):
        """Until its first thread sleeps ("S") or is stopped ("T"): ThreadSanitizer may lose a signal
        that comes as the thread is about to sleep."""

        def now():
            with open(f"/proc/{self.pid}/task/{self.pid}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0]

        wait_until(lambda: now() == state, what=f"{' '.join(self.argv)} sleeps")

    def stands_still(self):
        """Whether all of its threads are stopped: each is, once it has been told so."""
        states = (path.read_text().rpartition(")")[2].split()[0]
                  for path in pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        return {*states} == {"T"}

    def send_signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout=30):
        """The exit status; negative when a signal ended it."""
        return self._child.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=30):
        """Asks it to end and gives its exit status."""
        if self.running:
            self.send_signal(number)
        return self.wait(timeout)

    def clean_up(self):
        """Ends it for certain, and returns what a sanitizer had to say, or None."""
        if self.running:
            try:
                self.stop(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
                sys.stderr.write(f"{' '.join(self.argv)} had to be killed\n")
        log = self.log()
        return log if SANITIZER_REPORT.search(log) else None
