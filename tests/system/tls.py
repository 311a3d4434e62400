# SPDX-License-Identifier: MIT
"""TLS for the system tests: an authority that issues certificates on the spot, clients and upstreams.

    authority.issue("a.test", "*.b.test")    -> Pair: .certificate, .key, paths of PEM files
    TlsClient(address, trusting(authority))  a client as wire.Client
    upstream([secure(context), ...])         the first step of an upstream that speaks TLS
"""

import ipaddress
import socket
import ssl
import subprocess

from upstream import Ended
from wire import Client


class Pair:
    def __init__(self, stem):
        self.certificate = f"{stem}.pem"
        self.key = f"{stem}.key"

    def config(self):
        return {"certificate": self.certificate, "key": self.key}


def openssl(*arguments, **options):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options)


NEW_KEY = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


CA_DATE = "%Y%m%d%H%M%SZ"
CA_CONF = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="Test Authority"):
        folder.mkdir()
        self._folder = folder
        self._issued = 0
        self._own = Pair(folder / "authority")
        openssl("req", "-x509", "-newkey", *NEW_KEY["ec"], "-nodes", "-days", 2,
                "-keyout", self._own.key, "-out", self._own.certificate, "-subj", f"/CN={name}")

    @property
    def certificate(self):
        return self._own.certificate

    def issue(self, *names, kind="ec", days=2, dates=None, subject=None):
        """A certificate for the names, host names or IP addresses, and its key. `dates` are those of
        its beginning and its end (datetime), else it begins now and lasts for `days`."""
        self._issued += 1
        pair = Pair(self._folder / f"issued-{self._issued}")
        extensions = self._folder / f"issued-{self._issued}.ext"
        extensions.write_text("subjectAltName=" + ",".join(_alternative(name) for name in names))
        openssl("req", "-newkey", *NEW_KEY[kind], "-nodes", "-keyout", pair.key,
                "-out", f"{pair.certificate}.csr", "-utf8", "-subj", subject or f"/CN={names[0]}")
        signing = ["-in", f"{pair.certificate}.csr", "-out", pair.certificate,
                   "-extfile", extensions]
        if dates:
            self._sign_between(signing, *dates)
        else:
            openssl("x509", "-req", "-CA", self._own.certificate, "-CAkey", self._own.key,
                    "-days", days, *signing)
        return pair

    def _sign_between(self, signing, begin, end):
        (self._folder / "index").touch()
        (self._folder / "ca.conf").write_text(CA_CONF.format(folder=self._folder))
        openssl("ca", "-batch", "-notext", "-config", self._folder / "ca.conf", "-create_serial",
                "-startdate", begin.strftime(CA_DATE), "-enddate", end.strftime(CA_DATE),
                "-cert", self._own.certificate, "-keyfile", self._own.key, *signing)


def _alternative(name):
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


# ---- clients


def trusting(authority, pair=None, version=None, alpn=None):
    """A client's context; `version` (ssl.TLSVersion) is the only one it speaks."""
    context = ssl.create_default_context(cafile=authority.certificate)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # else any end would pass for a goodbye
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class TlsClient(Client):
    """An end without close_notify is an ssl.SSLError here."""

    def __init__(self, address, context, name="localhost", timeout=20, session=None):
        super().__init__(address, timeout)
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=name, session=session,
                                            suppress_ragged_eofs=False)
        except BaseException:
            self.sock.close()
            raise

    def say_goodbye(self):
        """Sends the goodbye, and does not wait for the other side's: it may still be read from."""
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            self.sock.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.sock.settimeout(timeout)

    def shown(self):
        """The names in the certificate that the server showed."""
        return {name for _, name in self.sock.getpeercert()["subjectAltName"]}


# ---- upstreams


def serving(pair, authority=None, version=None):
    """A server's context; with an authority clients must show a certificate of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if authority:
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def secure(context):
    """A step: the handshake. conn.resumed says whether it resumed a session. When it fails,
    conn.refusal is why, and the script is over."""

    def step(conn):
        conn.refusal = None
        try:
            conn.sock = context.wrap_socket(conn.sock, server_side=True)
        except OSError as problem:
            conn.refusal = problem
            raise Ended from problem
        conn.resumed = conn.sock.session_reused

    return step


def say_goodbye(conn):
    """Ends TLS in good order, and the connection with it."""
    try:
        conn.sock.unwrap().close()
    except OSError:
        pass
    raise Ended


def cut(conn):
    """Closes the connection without TLS's goodbye."""
    conn.sock.shutdown(socket.SHUT_RDWR)
    conn.sock.close()
    raise Ended
