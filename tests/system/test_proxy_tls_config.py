# SPDX-License-Identifier: MIT
"""What is wrong with certificates, keys and rules is said at the start, with the file's name."""

import json
import re

import pytest

from test_proxy_tls import authority  # noqa: F401
from tls import openssl


@pytest.fixture
def refused(command, write_config):
    """refused(listener_tls, upstream_tls) -> the message; the place it names is that of "tls"."""

    def run(listener=None, upstream=None, endpoint="127.0.0.1:1"):
        entrance = {"address": "127.0.0.1:0", **({"tls": listener} if listener else {})}
        app = {"endpoints": [endpoint], **({"tls": upstream} if upstream else {})}
        path = write_config(json.dumps({"listeners": [entrance],
                                        "routes": [{"path": "/", "upstream": "app"}],
                                        "upstreams": {"app": app}}, indent=1))
        done = command("proxy", path)
        assert done.returncode == 2, done
        place = re.search(re.escape(str(path)) + r":(\d+):(\d+): (.*)", done.stderr)
        line = path.read_text().splitlines()[int(place[1]) - 1]
        assert re.search(r'"(tls|ca|client_ca|client_certificate|certificate|key|tickets)"', line)
        return place[3]

    return run


def test_files_that_are_not_there(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test").config()
    gone = str(tmp_path / "gone.pem")
    expected = gone + ": No such file or directory"
    assert refused({**pair, "certificate": gone}).endswith(f"certificate {expected}")
    assert refused({**pair, "key": gone}).endswith(f"key {expected}")
    assert refused({**pair, "certificates": [{**pair, "key": gone}]}).endswith(f"key {expected}")
    assert refused({**pair, "client_certificate": "optional", "client_ca": gone}).endswith(
        f"client_ca {expected}")
    assert refused(upstream={"ca": gone}).endswith(f"ca {expected}")
    assert refused(upstream={**pair, "key": gone}).endswith(f"key {expected}")


def test_files_that_are_something_else(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test").config()
    junk = tmp_path / "junk.pem"
    junk.write_text("no PEM")
    for changed in ("certificate", "key"):
        assert f"cannot use the {changed} {junk}: " in refused({**pair, changed: str(junk)})
    assert f"cannot use the ca {junk}: " in refused(upstream={"ca": str(junk)})


@pytest.mark.parametrize("kinds", [("ec", "ec"), ("ec", "rsa"), ("rsa", "ec"), ("rsa", "rsa")])
def test_the_key_of_another_certificate(refused, authority, kinds):  # noqa: F811
    one, other = (authority.issue("a.test", kind=kind) for kind in kinds)
    message = refused({"certificate": one.certificate, "key": other.key})
    assert f"cannot use the key {other.key}: it is not the key of" in message
    assert one.certificate in message


def test_a_key_with_a_passphrase(refused, authority, tmp_path):  # noqa: F811
    pair = authority.issue("a.test")
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    assert f"{locked}: a passphrase protects it" in refused(
        {"certificate": pair.certificate, "key": str(locked)})


def test_rules_that_openssl_does_not_know(refused, authority):  # noqa: F811
    pair = authority.issue("a.test").config()
    assert '"NONSENSE": no cipher match' in refused({**pair, "ciphers": "NONSENSE"})
    assert '"NONSENSE": no cipher match' in refused({**pair, "ciphersuites": "NONSENSE"})


def test_rules_that_contradict_one_another(refused, authority):  # noqa: F811
    pair = authority.issue("a.test").config()
    ca = authority.certificate
    assert 'needs "client_ca"' in refused({**pair, "client_certificate": "required"})
    assert "has no effect without" in refused({**pair, "client_ca": ca})
    assert "has no effect with" in refused(upstream={"ca": ca, "verify": False})
    assert '"key" is missing' in refused(upstream={"certificate": ca})
    assert '"certificate" is missing' in refused(upstream={"key": ca})


def test_an_endpoint_without_a_name(refused):
    assert 'add "server_name"' in refused(upstream={"verify": True}, endpoint="unix:/tmp/none")
