# SPDX-License-Identifier: MIT
"""Backends that are killed and come back under load: with retries on, no client notices."""

import signal

from load import Load
from gateway import established_to

ANSWER = {"steps": [{"respond": {"status": 200, "body": "1KiB"}}]}
RETRY = {"attempts": 4, "on": ["connect", "reused_closed", "closed", "reset"], "budget": "100%"}


def test_killed_and_restarted_backends_fail_no_idempotent_request(start, gateway):
    def backend(address="127.0.0.1:0"):
        return start("backend", {"address": address, "handlers": {"/": ANSWER}})

    backends = [backend(), backend()]
    addresses = [each.address for each in backends]
    proxy = gateway(*addresses, workers=2, upstream={"retry": RETRY})
    with Load(proxy.address) as load:
        for turn in range(12):
            which = turn % 2
            load.wait_more(20)
            # Not while nothing is under way to it: that would prove little.
            assert established_to(addresses[which]) > 0
            backends[which].stop(signal.SIGKILL)
            load.wait_more(20)
            backends[which] = backend(addresses[which])
            load.wait_more(20)
    assert load.failures == []
    outcomes = {row["outcome"] for row in proxy.records("attempt")}
    assert outcomes - {"none"}, "no try has met a killed backend"
    assert {row["status"] for row in proxy.records("request")} == {200}
