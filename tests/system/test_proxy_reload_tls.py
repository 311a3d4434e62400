# SPDX-License-Identifier: MIT
"""SIGHUP and TLS: changed certificates are picked up, and nobody notices but by looking."""

import pathlib
import shutil

import pytest

from load import Load
from test_proxy_tls import authority, stranger  # noqa: F401
from tls import Pair, TlsClient, secure, serving, trusting
from upstream import read_request, repeat
from wire import response_bytes

OK = response_bytes(200, b"hello")
SERVE = [repeat(read_request, OK)]


@pytest.fixture(scope="module")
def pairs(authority):  # noqa: F811
    return authority.issue("localhost", "old.test"), authority.issue("localhost", "new.test")


@pytest.fixture
def installed(tmp_path):
    """installed(pair) puts it where the configuration says the certificate is."""
    place = Pair(tmp_path / "installed")

    def install(pair):
        shutil.copy(pair.certificate, place.certificate)
        shutil.copy(pair.key, place.key)
        return place

    return install


def test_a_changed_certificate_is_shown_to_new_clients(gateway, upstream, authority, pairs,  # noqa: F811
                                                       installed):
    old, new = pairs
    proxy = gateway(upstream(SERVE), listener={"tls": installed(old).config()})
    context = trusting(authority)
    with TlsClient(proxy.address, context) as kept:
        assert "old.test" in kept.shown() and kept.request().status == 200
        session = kept.sock.session
        installed(new)
        proxy.reload()
        assert kept.request().status == 200
        with TlsClient(proxy.address, context) as client:
            assert "new.test" in client.shown() and client.request().status == 200
        # A ticket from before is no reason to turn somebody away.
        with TlsClient(proxy.address, context, session=session) as client:
            assert client.request().status == 200
        assert kept.request().status == 200


def test_a_broken_certificate_is_refused(gateway, upstream, authority, pairs, installed):  # noqa: F811
    proxy = gateway(upstream(SERVE), listener={"tls": installed(pairs[0]).config()})
    place = pathlib.Path(installed(pairs[0]).certificate)
    place.write_text("not a certificate")
    proxy.reload(refused="proxy.json:")
    with TlsClient(proxy.address, trusting(authority)) as client:
        assert "old.test" in client.shown() and client.request().status == 200


def test_a_listener_changes_to_tls_and_back(gateway, upstream, authority, pairs):  # noqa: F811
    proxy = gateway(upstream(SERVE))
    plain = proxy.config
    secured = proxy.config
    secured["listeners"][0]["tls"] = pairs[0].config()
    kept = proxy.connect()
    assert kept.request().status == 200
    proxy.reload(secured)
    assert kept.request().status == 200
    with TlsClient(proxy.address, trusting(authority)) as client:
        assert client.request().status == 200
        proxy.reload(plain)
        assert client.request().status == 200
    assert proxy.request().status == 200


def test_changing_certificates_fails_no_request(gateway, upstream, authority, pairs,  # noqa: F811
                                                installed):
    """TLS on both sides, under load, with clients that stay and clients that come."""
    server = upstream([secure(serving(authority.issue("127.0.0.1"))), *SERVE])
    proxy = gateway(server, workers=2, listener={"tls": installed(pairs[0]).config()},
                    upstream={"tls": {"ca": authority.certificate}})
    context = trusting(authority)
    with Load(proxy.address, connect=lambda: TlsClient(proxy.address, context, timeout=60)) as load:
        for i in range(30):
            installed(pairs[i % 2])
            proxy.reload()
            load.wait_more()
    assert load.failures == []
    assert {row["status"] for row in proxy.records("request")} == {200}
