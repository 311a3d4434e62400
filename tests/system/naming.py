# SPDX-License-Identifier: MIT
"""What the tests of endpoints by name have in common; the fixtures are in conftest.py."""

from nameserver import A, a
from upstream import read_request, repeat
from waiting import wait_until
from wire import response_bytes

NAME = "orders.test"
OFTEN = {"ttl_min": "20ms", "retry": "20ms"}  # with a TTL of 0


def answering(body):
    return [repeat(read_request, response_bytes(200, body))]


def port_of(server):
    return server.address.rpartition(":")[2]


def addresses(*last, ttl=0):
    return {A: [a(f"127.0.0.{i}", ttl) for i in last]}


def bodies(proxy, count=6):
    return {proxy.request().body for _ in range(count)}


def wait_bodies(proxy, wanted):
    wait_until(lambda: bodies(proxy) == wanted, 30, f"answers by {wanted}")


def states(proxy, *kinds):
    return [(row["state_kind"], row["subject"], row["value"]) for row in proxy.records("state")
            if row["state_kind"] in kinds]


def reloads(proxy):
    return proxy.process.log().count(" reloaded: ")


def unresolved(proxy):
    response = proxy.request()
    assert response.status == 502 and "dns_error" in response.header("Proxy-Status")
    assert b"dns_failed" in response.body


def held(answer):
    """A script that answers once the test says so."""

    def script(query):
        assert answer.wait(60)
        return [query.reply([a("127.0.0.1")])]

    return script
