"""What the first start of docker compose makes: keys, users of the store with their rights, certificates."""

import importlib.util
import json
import re
import ssl
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from minio import crypto
from saggar.rpc.channel import ClientTls, wait_ready
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar_classifier.access.keyring import Keyring

ROOT = Path(__file__).resolve().parents[3]
STORE = ROOT / "deploy" / "store"
CERTIFICATES = ROOT / "deploy" / "tls" / "certificates.py"
OURS = ("generator", "qc", "trainer", "classifier", "orchestrator")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


keys, provision = load(STORE / "keys.py"), load(STORE / "provision.py")


def run(script, *arguments, check=True):
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)], capture_output=True, text=True, timeout=250, check=check
    )


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_keys_are_made_once_and_kept(tmp_path):
    run(STORE / "keys.py", tmp_path)
    first = contents(tmp_path)
    assert set(first) == {f"{o}/{n}-key" for o in ("root", *OURS) for n in ("access", "secret")} | {
        "qc/review-tokens.yaml",
        "orchestrator/classifier-key",
        "classifier/api-keys.yaml",
        "orchestrator/status-tokens.yaml",
    }
    secrets = [text for name, text in first.items() if name.endswith("secret-key")]
    assert len(set(secrets)) == len(secrets) == 6
    assert min(map(len, secrets)) >= 32
    run(STORE / "keys.py", tmp_path)
    assert contents(tmp_path) == first
    for path in tmp_path.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_database_gets_a_password_where_it_has_a_place(tmp_path):
    (tmp_path / "postgres").mkdir()
    run(STORE / "keys.py", tmp_path)
    password = (tmp_path / "postgres" / "password").read_text()
    assert (tmp_path / "orchestrator" / "pgpass").read_text() == f"postgres:5432:*:saggar:{password}\n"


def test_researchers_are_added_for_the_status_pages(tmp_path):
    token = run(STORE / "keys.py", tmp_path, "--researcher", "second").stdout.strip()
    found = yaml.safe_load((tmp_path / "orchestrator" / "status-tokens.yaml").read_text())
    assert (list(found), found["second"]) == (["researcher", "second"], token)


def test_reviewers_are_added_with_a_token_of_their_own(tmp_path):
    token = run(STORE / "keys.py", tmp_path, "--reviewer", "second").stdout.strip()
    found = yaml.safe_load((tmp_path / "qc" / "review-tokens.yaml").read_text())
    assert found["second"] == token
    assert set(found) == {"curator", "second"}
    assert "is a reviewer already" in run(STORE / "keys.py", tmp_path, "--reviewer", "second", check=False).stderr
    assert "no reviewer's name" in run(STORE / "keys.py", tmp_path, "--reviewer", "a: b\nc", check=False).stderr


def test_callers_of_the_classifier_get_keys_of_which_it_has_the_hashes(tmp_path):
    key = run(STORE / "keys.py", tmp_path, "--caller", "catalogue").stdout.strip()
    keyring = Keyring(tmp_path / "classifier" / "api-keys.yaml")
    assert keyring.find(key).name == "catalogue"
    assert keyring.find(key).scopes == {"classify"}
    own = (tmp_path / "orchestrator" / "classifier-key").read_text()
    assert keyring.find(own).scopes == {"classify", "administer"}
    assert keyring.find("another") is None
    assert key not in (tmp_path / "classifier" / "api-keys.yaml").read_text()
    assert "is a caller already" in run(STORE / "keys.py", tmp_path, "--caller", "catalogue", check=False).stderr


def test_every_service_has_a_policy_without_wildcards():
    assert provision.services() == sorted(OURS)
    for name in OURS:
        document = provision.policy(name, "museum")
        assert "saggar/" not in json.dumps(document)
        actions = {action for statement in document["Statement"] for action in statement["Action"]}
        assert all(re.fullmatch(r"s3:[A-Za-z]+", action) for action in actions)
        for statement in document["Statement"]:
            for resource in statement["Resource"]:
                assert re.fullmatch(r"arn:aws:s3:::museum(/[a-z/-]+/\*)?", resource)


def may(name, action, key):
    """By the service's policy document."""
    for statement in provision.policy(name, "b")["Statement"]:
        patterns = (each.replace("*", ".*") for each in statement["Resource"])
        if action in statement["Action"] and any(re.fullmatch(each, f"arn:aws:s3:::b/{key}") for each in patterns):
            return True
    return False


def test_services_have_the_rights_that_their_work_needs_and_no_others():
    assert may("trainer", "s3:PutObject", "bundles/x/model.onnx")
    assert not may("trainer", "s3:PutObject", "images/aa/x.png")
    assert may("classifier", "s3:GetObject", "bundles/x/model.onnx")
    assert not may("classifier", "s3:GetObject", "images/aa/x.png")
    assert not may("classifier", "s3:PutObject", "bundles/x/model.onnx")
    assert may("qc", "s3:GetObject", "sessions/x.json")
    assert not any(may(name, "s3:GetObject", "sessions/x.json") for name in OURS if name != "qc")
    assert [name for name in OURS if may(name, "s3:PutObject", "sessions/status/x.json")] == ["qc", "orchestrator"]
    deleting = [name for name in OURS if may(name, "s3:DeleteObject", "images/aa/x.png")]
    assert deleting == []
    assert all(may(name, "s3:GetObject", "health/probe") for name in OURS)


FOLDERS = re.compile(
    r"""["']((?:images|datasets|taxonomies|adapters|generated|bundles|reviews|features|sessions|plans|steps|"""
    r"""experiments|histories|results/\w+|checkpoints/\w+|classifier/active)/)"""
)


@pytest.mark.parametrize("name", OURS)
def test_every_folder_that_a_service_names_is_in_its_policy(name):
    """Whoever gives a service a new folder of the store gives it the right, too."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "services" / name).rglob("*.py")]
    named = {folder for text in texts for folder in FOLDERS.findall(text)}
    assert named
    private = {"sessions/", "checkpoints/"} if name == "orchestrator" else set()  # it refuses to show them
    for folder in named:
        assert folder.startswith(tuple(private)) or may(name, "s3:GetObject", f"{folder}x"), folder


class Minio(BaseHTTPRequestHandler):
    """As much of a MinIO as makes buckets, policies and users; keeps what it was asked for."""

    def log_message(self, *arguments):
        pass

    def _answer(self, status=200, body=b"", **headers):
        self.send_response(status)
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.server.asked.append("HEAD")
        self._answer(200 if self.server.bucket else 404)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path.endswith("/add-canned-policy"):
            self.server.policies[query["name"]] = json.loads(body)
        elif place.path.endswith("/add-user"):
            self.server.users[query["accessKey"]] = json.loads(self._decrypted(body))["secretKey"]
        else:
            self.server.bucket = place.path
        self._answer()

    def do_POST(self):
        body = json.loads(self._decrypted(self.rfile.read(int(self.headers["Content-Length"]))))
        pair = (body["user"], tuple(body["policies"]))
        if pair in self.server.attached:
            error = {
                "Code": "XMinioAdminPolicyChangeAlreadyApplied",
                "Message": "The specified policy is already applied",
            }
            self._answer(400, json.dumps(error).encode())
            return
        self.server.attached.append(pair)
        self._answer(200, crypto.encrypt(b"{}", self.server.secret))

    def _decrypted(self, body):
        class Whole:
            def __init__(self, data):
                self.data, self.place = data, 0

            def read(self, n=-1, **_):
                end = len(self.data) if n is None or n < 0 else self.place + n
                found, self.place = self.data[self.place : end], min(end, len(self.data))
                return found

            stream = read

            def close(self):
                pass

            release_conn = close

        return crypto.decrypt(Whole(body), self.server.secret)


@pytest.fixture
def minio(tmp_path):
    keys.make(tmp_path / "keys")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Minio)
    server.bucket, server.policies, server.users, server.attached, server.asked = "", {}, {}, [], []
    server.secret = (tmp_path / "keys" / "root" / "secret-key").read_text()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_minio_gets_a_bucket_and_a_user_with_its_policy_for_each_service(minio, tmp_path):
    minio.attached.append(("saggar-qc", ("saggar-qc",)))  # by an earlier run: it may run again
    done = run(STORE / "provision.py", f"http://127.0.0.1:{minio.server_port}", "museum", tmp_path / "keys")
    assert minio.bucket == "/museum"
    assert set(minio.policies) == {f"saggar-{name}" for name in OURS}
    assert minio.policies["saggar-qc"] == provision.policy("qc", "museum")
    assert minio.users == {f"saggar-{name}": (tmp_path / "keys" / name / "secret-key").read_text() for name in OURS}
    assert sorted(minio.attached) == sorted((f"saggar-{name}", (f"saggar-{name}",)) for name in OURS)
    for secret in (minio.secret, *minio.users.values()):
        assert secret not in done.stdout + done.stderr


def test_certificates_are_good_for_servers_and_callers_and_made_once(tmp_path):
    run(CERTIFICATES, tmp_path, "qc", "client")
    before = contents(tmp_path)
    assert run(CERTIFICATES, tmp_path, "qc", "client").stdout == ""
    assert contents(tmp_path) == before
    for name in ("qc", "client"):
        place = tmp_path / name
        context = ssl.create_default_context(cafile=place / "authority.pem")
        context.load_cert_chain(place / "certificate.pem", place / "key.pem")
        described = subprocess.run(
            ["openssl", "x509", "-in", place / "certificate.pem", "-noout", "-text"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"DNS:{name}, DNS:localhost, IP Address:127.0.0.1" in described
        assert "TLS Web Server Authentication, TLS Web Client Authentication" in described
        assert stat.S_IMODE((place / "key.pem").stat().st_mode) == 0o400


def test_services_understand_each_other_with_these_certificates(tmp_path):
    run(CERTIFICATES, tmp_path, "qc", "client")
    qc, client = tmp_path / "qc", tmp_path / "client"
    settings = ServiceSettings(
        tls_cert=qc / "certificate.pem", tls_key=qc / "key.pem", tls_client_ca=qc / "authority.pem"
    )
    server = start_server(lambda _: [], settings)
    try:
        wait_ready(
            server.address,
            10,
            tls=ClientTls(client / "authority.pem", client / "certificate.pem", client / "key.pem"),
        )
    finally:
        server.stop()
