# SPDX-License-Identifier: MIT
"""What is wrong with certificates, keys and rules is said at the start, and by `tailgate check`, with
the file's name and the place that names it."""

import datetime
import json
import os
import re

import pytest

from test_proxy_tls import authority  # noqa: F401
from tls import openssl


class Refusal:
    def __init__(self, text, place):
        self.text = text
        self.place = place  # what stands there in the file

    def blames(self, file, why):
        assert self.place == json.dumps(str(file)), self.place
        assert str(file) in self.text and why in self.text, self.text


@pytest.fixture
def refused(command, write_config):
    """refused(listener_tls, upstream_tls) -> the message and the line of the place it names. `check`
    says the same as the proxy."""

    def run(listener=None, upstream=None, endpoint="127.0.0.1:1"):
        entrance = {"address": "127.0.0.1:0", **({"tls": listener} if listener else {})}
        app = {"endpoints": [endpoint], **({"tls": upstream} if upstream else {})}
        path = write_config(json.dumps({"listeners": [entrance],
                                        "routes": [{"path": "/", "upstream": "app"}],
                                        "upstreams": {"app": app}}, indent=1))
        said = []
        for name in ("proxy", "check"):
            done = command(name, path)
            assert done.returncode == 2, done
            place = re.search(re.escape(str(path)) + r":(\d+):(\d+): (.*)", done.stderr)
            line = path.read_text().splitlines()[int(place[1]) - 1]
            said.append(Refusal(place[3], line[int(place[2]) - 1:].rstrip(",")))
        assert said[0].text == said[1].text and said[0].place == said[1].place
        return said[0]

    return run


def test_files_that_are_not_there(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test").config()
    gone = str(tmp_path / "gone.pem")
    missing = gone + ": No such file or directory"
    refused({**pair, "certificate": gone}).blames(gone, f"certificate {missing}")
    refused({**pair, "key": gone}).blames(gone, f"key {missing}")
    refused({**pair, "certificates": [pair, {**pair, "key": gone}]}).blames(gone, f"key {missing}")
    refused({**pair, "client_certificate": "optional", "client_ca": gone}).blames(
        gone, f"client_ca {missing}")
    refused(upstream={"ca": gone}).blames(gone, f"ca {missing}")
    refused(upstream={**pair, "key": gone}).blames(gone, f"key {missing}")


def test_files_that_are_something_else(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test").config()
    junk = tmp_path / "junk.pem"
    junk.write_text("no PEM")
    for changed in ("certificate", "key"):
        refused({**pair, changed: str(junk)}).blames(junk, f"cannot use the {changed} {junk}: ")
    refused(upstream={"ca": str(junk)}).blames(junk, f"cannot use the ca {junk}: ")


@pytest.mark.parametrize("kinds", [("ec", "ec"), ("ec", "rsa"), ("rsa", "ec"), ("rsa", "rsa")])
def test_the_key_of_another_certificate(refused, authority, kinds):  # noqa: F811
    one, other = (authority.issue("a.test", kind=kind) for kind in kinds)
    refusal = refused({"certificate": one.certificate, "key": other.key})
    refusal.blames(other.key, "it is not the key of the certificate " + one.certificate)


def test_a_key_with_a_passphrase(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test")
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    refused({"certificate": pair.certificate, "key": str(locked)}).blames(
        locked, f"{locked}: a passphrase protects it")


def test_rules_that_openssl_does_not_know(refused, authority):  # noqa: F811
    pair = authority.issue("a.test").config()
    refused({**pair, "ciphers": "NONSENSE"}).blames("NONSENSE", "no cipher match")
    refused({**pair, "ciphersuites": "NONSENSE"}).blames("NONSENSE", "no cipher match")


def test_rules_that_contradict_one_another(refused, authority):  # noqa: F811
    pair = authority.issue("a.test").config()
    ca = authority.certificate
    assert 'needs "client_ca"' in refused({**pair, "client_certificate": "required"}).text
    assert "has no effect without" in refused({**pair, "client_ca": ca}).text
    assert "has no effect without" in refused({**pair, "subject_field": "A"}).text
    asking = {**pair, "client_certificate": "optional", "client_ca": ca}
    assert "cannot be the name" in refused({**asking, "subject_field": "a b"}).text
    for name in ("Connection", "Host", "X-Forwarded-For", "via", "Cookie"):
        assert "expected a name of its own" in refused({**asking, "certificate_field": name}).text
    assert "are the same field" in refused({**asking, "subject_field": "X-A",
                                            "certificate_field": "x-a"}).text
    assert "has no effect with" in refused(upstream={"ca": ca, "verify": False}).text
    assert '"key" is missing' in refused(upstream={"certificate": ca}).text
    assert '"certificate" is missing' in refused(upstream={"key": ca}).text


def test_an_endpoint_without_a_name(refused):
    refusal = refused(upstream={"verify": True}, endpoint="unix:/tmp/none")
    assert 'add "server_name"' in refusal.text and refusal.place == "{"


# ---- what is odd, and works all the same


@pytest.fixture
def warned(command, write_config):
    """warned(listener_tls, *options) -> what `check` warns of, each with what stands at its place."""

    def run(listener, *options):
        path = write_config(json.dumps({
            "listeners": [{"address": "127.0.0.1:0", "tls": listener}],
            "routes": [{"path": "/", "upstream": "app"}],
            "upstreams": {"app": {"endpoints": ["127.0.0.1:1"]}}}, indent=1))
        done = command("check", path, *options)
        assert done.returncode == 0, done
        said = re.findall(re.escape(str(path)) + r":(\d+):(\d+): (.*) \(warning\)\n", done.stderr)
        assert len(said) == done.stderr.count("\n")
        lines = path.read_text().splitlines()
        return [(lines[int(line) - 1][int(column) - 1:].rstrip(","), text)
                for line, column, text in said]

    return run


def test_nothing_is_odd_about_a_good_pair(warned, authority):  # noqa: F811
    assert warned(authority.issue("a.test").config()) == []


def test_dates_are_looked_at(warned, authority):  # noqa: F811
    today = datetime.datetime.now()
    for dates, expected in (
            ((datetime.datetime(2020, 1, 1), datetime.datetime(2020, 2, 1)), "ended on Feb  1 00:00:00"),
            ((datetime.datetime(2099, 1, 1), datetime.datetime(2099, 2, 1)), "only from Jan  1 00:00:00"),
            ((today - datetime.timedelta(90), today + datetime.timedelta(5)), "ends on ")):
        pair = authority.issue("a.test", dates=dates)
        [(place, text)] = warned(pair.config())
        assert place == json.dumps(pair.certificate)
        assert text.startswith(pair.certificate) and expected in text


def test_a_key_that_all_may_read(warned, authority):  # noqa: F811
    first, second = authority.issue("a.test"), authority.issue("b.test")
    os.chmod(second.key, 0o644)
    [(place, text)] = warned({**first.config(), "certificates": [second.config()]})
    assert place == json.dumps(second.key) and "every user of this machine" in text
    os.chmod(second.key, 0o640)  # a group may be what keeps it from the others
    assert warned({**first.config(), "certificates": [second.config()]}) == []


def test_check_without_the_files(warned):
    assert warned({"certificate": "gone.pem", "key": "gone.key"}, "--no-files") == []


def test_the_proxy_warns_and_starts(gateway, upstream, authority):  # noqa: F811
    pair = authority.issue("localhost")
    os.chmod(pair.key, 0o644)
    proxy = gateway(upstream([]), listener={"tls": pair.config()})
    assert "every user of this machine" in proxy.process.wait_log("warning: ")
