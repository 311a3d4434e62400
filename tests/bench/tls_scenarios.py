# SPDX-License-Identifier: MIT
"""What TLS with clients costs. All candidates have one certificate (ECDSA P-256), TLS 1.2 and 1.3,
and AES-128-GCM first, which is what wrk then agrees on; the backend is reached without TLS.

For the handshakes each request has a connection of its own, and nothing is resumed: wrk keeps no
session, and no candidate hands one out, as far as it can be told so. (nginx and HAProxy then still
send TLS 1.3 tickets that nobody uses: OpenSSL does, unless a program sets their number.) A second
row has everybody's tickets as they are by default, which wrk ignores."""

import subprocess

from scenarios import BETTER, KIB, Aim, Memory, Scenario, Setup

SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

NGINX = f"""ssl_certificate {{folder}}/tls.pem; ssl_certificate_key {{folder}}/tls.pem;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command Ciphersuites {SUITES};"""
HAPROXY = f"ssl crt {{folder}}/tls.pem ssl-min-ver TLSv1.2 ciphersuites {SUITES} alpn http/1.1"
TAILGATE = {"certificate": "{folder}/tls.pem", "key": "{folder}/tls.pem"}


def make_certificate(openssl, folder):
    """What the candidates show: certificate and key in one file."""
    parts = [folder / "tls.crt", folder / "tls.key"]
    subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-out", parts[0], "-keyout", parts[1]], check=True, capture_output=True)
    (folder / "tls.pem").write_bytes(b"".join(part.read_bytes() for part in parts))


def setup(resumption=True):
    return Setup(
        nginx_listen="ssl",
        nginx_server=NGINX + ("" if resumption
                              else " ssl_session_tickets off; ssl_session_cache off;"),
        haproxy_bind=HAPROXY + ("" if resumption else " no-tls-tickets"),
        tailgate_listener={"tls": {**TAILGATE, **({} if resumption else {"tickets": False})}})


MEMORY = Memory(Scenario("tls-memory", "idle TLS clients", 128, (), scheme="https", setup=setup()),
                500)

SCENARIOS = (
    Scenario("tls", "TLS, keep-alive, small response", 128, (Aim(BETTER, 0.95),),
             scheme="https", setup=setup(), latency=False),
    Scenario("tls-64k", "TLS, keep-alive, 64 KiB response", 64 * KIB, (Aim(BETTER, 0.95),),
             connections=32, scheme="https", setup=setup(), latency=False),
    Scenario("tls-handshake", "TLS, a full handshake for each request", 128, (Aim(BETTER, 1.0),),
             new_connections=True, scheme="https", setup=setup(resumption=False), latency=False),
    Scenario("tls-tickets", "TLS, a full handshake for each request, tickets sent", 128,
             (Aim(BETTER, 1.0),), new_connections=True, scheme="https", setup=setup(),
             latency=False),
)
