# SPDX-License-Identifier: MIT
"""Waiting for something to become true, instead of sleeping and hoping."""

import time


def wait_until(condition, timeout=10.0, what=None):
    """Returns the first true value of condition(); fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}")
        time.sleep(0.005)
