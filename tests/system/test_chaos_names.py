# SPDX-License-Identifier: MIT
"""`tailgate chaos`: links whose upstream is a name, and a DNS that does not answer."""

import socket
import threading

import pytest

from links import Api, echo, is_silent, receive_all, round_trip
from naming import held
from nameserver import AAAA, NXDOMAIN, A, a, aaaa, failing, silent
from waiting import wait_until

NAME = "orders.test"


@pytest.fixture
def chaos(start, names):
    """chaos(LINK=UPSTREAM): its addresses, and the process."""
    def begin(**links):
        process = start("chaos", {
            "resolver": {"servers": [names.address]},
            "links": {name: {"listen": "127.0.0.1:0", "upstream": upstream}
                      for name, upstream in links.items()}})
        return process.addresses[1:], process
    return begin


def port_of(server):
    return server.address.rpartition(":")[2]


def test_a_name_is_looked_up(chaos, names, upstream, connect):
    server = upstream([echo], [echo])
    names.names[NAME] = {A: [a("127.0.0.1")], AAAA: [aaaa("::1")]}
    (link,), _ = chaos(orders=f"{NAME}:{port_of(server)}")
    round_trip(connect(link).sock)
    asked = names.count(NAME)
    round_trip(connect(link).sock)
    assert names.count(NAME) == asked


def test_a_dns_that_does_not_answer_holds_up_nobody_else(chaos, names, upstream, connect):
    """Neither links, nor calls, nor links that are added by name meanwhile."""
    answer, server = threading.Event(), upstream([echo], [echo], [echo])
    names.script = held(answer)
    (slow, quick), process = chaos(slow=f"{NAME}:{port_of(server)}", quick=server.address)
    waits = connect(slow)
    waits.sock.sendall(b"ping")
    api = Api(process)
    assert api.call("POST", "/proxies", {
        "name": "third", "listen": "127.0.0.1:0", "upstream": f"other.test:{port_of(server)}"
    })[0] == 201
    round_trip(connect(quick).sock)
    assert api.call("DELETE", "/proxies/third")[0] == 204
    assert is_silent(waits.sock, 0.2)
    names.names[NAME] = {A: [a("127.0.0.1")]}
    answer.set()
    assert waits.sock.recv(4) == b"ping"


def test_a_link_can_go_while_its_name_is_looked_up(chaos, names, connect):
    names.script = silent
    (link,), process = chaos(orders=f"{NAME}:1")
    waits, api = connect(link), Api(process)
    wait_until(lambda: names.count(NAME) > 0, what="the name is asked for")
    assert api.call("POST", "/proxies/orders", {"upstream": "127.0.0.1:1"})[0] == 200
    assert receive_all(waits.sock) == b""
    assert api.call("POST", "/proxies/orders", {"upstream": f"{NAME}:1"})[0] == 200
    connect(link)
    assert api.call("DELETE", "/proxies/orders")[0] == 204


def test_a_name_that_is_not_there_is_looked_up_again(chaos, names, upstream, connect):
    server = upstream([echo])
    names.script = failing(NXDOMAIN)
    (link,), process = chaos(orders=f"{NAME}:{port_of(server)}")
    process.wait_log(f"orders: {NAME}:{port_of(server)} cannot be looked up: there is no such name")
    assert receive_all(connect(link).sock) == b""
    names.script = None
    names.names[NAME] = {A: [a("127.0.0.1")]}
    round_trip(connect(link).sock)
    process.wait_log("can be connected to again")


def test_another_address_is_taken_when_one_cannot_be_connected_to(chaos, names, upstream, connect):
    server = upstream([echo])
    names.names[NAME] = {A: [a("127.0.0.3"), a("127.0.0.1")]}
    (link,), _ = chaos(orders=f"{NAME}:{port_of(server)}")
    assert receive_all(connect(link).sock) == b""
    round_trip(connect(link).sock)


def test_a_name_that_leads_to_the_link_itself(start, names, connect):
    names.names[NAME] = {A: [a("127.0.0.1")]}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("chaos", {
        "resolver": {"servers": [names.address]},
        "links": {"loop": {"listen": f"127.0.0.1:{port}", "upstream": f"{NAME}:{port}"}}})
    assert receive_all(connect(f"127.0.0.1:{port}").sock) == b""
    process.wait_log("would lead to itself")
    assert Api(process).metric("tailgate_link_connections_total", link="loop") == 1


def test_a_link_does_not_listen_by_dns(start, names):
    process = start("chaos", {"resolver": {"servers": [names.address]}})
    names.names[NAME] = {A: [a("127.0.0.1")]}
    status, said = Api(process).call("POST", "/proxies", {
        "name": "x", "listen": f"{NAME}:0", "upstream": "127.0.0.1:1"})
    assert status == 400 and "is not in /etc/hosts" in said["error"]
    assert names.count(NAME) == 0
