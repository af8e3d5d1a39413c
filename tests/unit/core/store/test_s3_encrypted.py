"""A store over HTTPS: whose certificate is taken, and what is told of one that is not."""

import datetime as dt
import http.server
import os
import ssl
import threading
import uuid

import pytest
import trustme
from minio import Minio
from saggar.errors import InvalidInputError, UnavailableError, WrongStateError
from saggar.store import open_store
from urllib3 import PoolManager

ENDPOINT = os.environ.get("SAGGAR_TEST_S3_ENCRYPTED", "")
CA = os.environ.get("SAGGAR_TEST_S3_CA", "")
KEYS = tuple(os.environ.get(f"SAGGAR_TEST_S3_{name}_KEY", "") for name in ("ACCESS", "SECRET"))
DAY = dt.timedelta(days=1)


class Empty(http.server.BaseHTTPRequestHandler):
    """A store with one bucket and nothing in it."""

    def do_HEAD(self):
        self.send_response(200 if self.path.strip("/") == "bucket" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    """Callers that hang up are expected here."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


@pytest.fixture
def served():
    """Starts a server with a certificate, or one that speaks plain HTTP."""
    servers = []

    def start(certificate=None):
        server = Quiet(("127.0.0.1", 0), Empty)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def ca(authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


def ask(address, ca="", scheme="https"):
    url = f"s3://bucket?endpoint={scheme}://{address}" + (f"&ca={ca}" if ca else "")
    return open_store(url, "access", "secret").exists("a/b.json")


def test_a_certificate_of_the_named_authority_is_taken(served, authority, ca):
    assert not ask(served(authority.issue_cert("127.0.0.1")), ca)


def test_so_is_one_of_an_authority_that_the_machine_trusts(served, authority, ca, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    assert not ask(served(authority.issue_cert("127.0.0.1")))


def test_whose_authority_is_unknown_is_told_what_to_add(served, authority, ca, tmp_path):
    address = served(authority.issue_cert("127.0.0.1"))
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for known in ("", tmp_path / "other.pem"):
        with pytest.raises(WrongStateError, match=r"certificate is refused .*add &ca=FILE to the store's URL"):
            ask(address, known)


def test_a_certificate_for_another_name_is_told_apart(served, authority, ca):
    with pytest.raises(
        WrongStateError, match=r"certificate is refused .*127\.0\.0\.1.*a name that the certificate has"
    ):
        ask(served(authority.issue_cert("store.museum.example")), ca)


@pytest.mark.parametrize(
    ("days", "told"),
    [((-9, -2), "renew it at the store"), ((2, 9), "it will be valid later: set this machine's clock")],
)
def test_a_certificate_out_of_its_time_is_told_apart(served, authority, ca, days, told):
    now = dt.datetime.now(dt.UTC)
    begin, end = (now + each * DAY for each in days)
    with pytest.raises(WrongStateError, match=told):
        ask(served(authority.issue_cert("127.0.0.1", not_before=begin, not_after=end)), ca)


def test_https_where_http_is_spoken_and_the_other_way_round(served, authority, ca):
    with pytest.raises(WrongStateError, match=r"no HTTPS is spoken there; give endpoint=http://"):
        ask(served(), ca)
    with pytest.raises(UnavailableError, match=r"check that it runs and that the endpoint is right"):
        ask(served(authority.issue_cert("127.0.0.1")), scheme="http")


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "is not there; correct ca="), (b"", "PEM"), (b"<html>", "PEM"), (b"\0" * 99, "PEM"), ("folder", "PEM")],
)
def test_a_file_that_is_no_authority_is_named_before_anything_is_sent(tmp_path, content, told):
    path = tmp_path / "ca.pem"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=rf"the store's authority {path} .*{told}"):
        ask("127.0.0.1:9", path)


def test_an_authority_for_plain_http_is_refused(ca):
    with pytest.raises(InvalidInputError, match=r"http has no certificates; give endpoint=https://"):
        ask("127.0.0.1:9", ca, scheme="http")


@pytest.mark.skipif(not ENDPOINT, reason="no S3 server with HTTPS; set SAGGAR_TEST_S3_ENCRYPTED and SAGGAR_TEST_S3_CA")
def test_a_real_store_keeps_and_gives_over_https():
    client = Minio(ENDPOINT.removeprefix("https://"), *KEYS, region="us-east-1", http_client=PoolManager(ca_certs=CA))
    name = f"saggar-test-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name)
    store = open_store(f"s3://{name}?endpoint={ENDPOINT}&ca={CA}", *KEYS)
    large = os.urandom(6 << 20)
    try:
        ref = store.put("a/b.json", b"{}", "application/json")
        assert store.read(ref) == b"{}"
        stored = store.put("a/large.bin", large, "application/octet-stream")
        assert store.read(stored) == large
        with pytest.raises(WrongStateError, match="add &ca=FILE"):
            open_store(f"s3://{name}?endpoint={ENDPOINT}", *KEYS).read(ref)
    finally:
        for key in list(store.list("")):
            store.delete(key)
        client.remove_bucket(name)
