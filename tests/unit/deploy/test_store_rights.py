"""The rights of deploy/store/policies at a real S3: what each service may read, write and delete, and what not.

Needs a Ceph gateway with a user for each service, as `.ci/s3-server` makes them.
"""

import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio import Minio
from minio.error import S3Error
from saggar.store import open_store

ROOT = Path(__file__).resolve().parents[3]
ENDPOINT = os.environ.get("SAGGAR_TEST_S3_ENDPOINT", "")
USERS = os.environ.get("SAGGAR_TEST_S3_USERS", "")
SECRET = os.environ.get("SAGGAR_TEST_S3_SECRET_KEY", "")
OURS = ("generator", "qc", "trainer", "classifier", "orchestrator")
pytestmark = pytest.mark.skipif(not USERS, reason="no S3 server with users; see .ci/s3-server")

# service: what it may do with an object of each folder: r, w, d
RIGHTS = {
    "generator": {"images": "rw", "bundles": "", "sessions": "", "experiments": "", "checkpoints/trainer": ""},
    "qc": {"images": "rw", "bundles": "r", "sessions": "rw", "experiments": "", "checkpoints/trainer": ""},
    "trainer": {"images": "r", "bundles": "rw", "sessions": "", "experiments": "", "checkpoints/trainer": "rwd"},
    "classifier": {"images": "", "bundles": "r", "sessions": "", "experiments": "", "checkpoints/trainer": ""},
    "orchestrator": {"images": "rw", "bundles": "r", "sessions": "", "experiments": "rwd", "checkpoints/trainer": ""},
}


def client(access: str) -> Minio:
    return Minio(urlsplit(ENDPOINT).netloc, access_key=access, secret_key=SECRET, secure=False, region="us-east-1")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    name = f"rights-{uuid.uuid4().hex[:12]}"
    keys = tmp_path_factory.mktemp("keys") / "root"
    keys.mkdir()
    (keys / "access-key").write_text(os.environ["SAGGAR_TEST_S3_ACCESS_KEY"])
    (keys / "secret-key").write_text(SECRET)
    principals = json.dumps({service: f"arn:aws:iam:::user/saggar-{service}" for service in OURS})
    command = [sys.executable, ROOT / "deploy" / "store" / "provision.py", ENDPOINT, name, keys.parent]
    for _ in range(2):  # it may run again
        subprocess.run([*command, "--bucket-policy", principals], check=True, timeout=120)
    root = client(os.environ["SAGGAR_TEST_S3_ACCESS_KEY"])
    yield name
    for found in root.list_objects(name, recursive=True):
        root.remove_object(name, found.object_name)
    root.remove_bucket(name)


def is_allowed(call) -> bool:
    try:
        call()
    except S3Error as error:
        if error.code != "AccessDenied":
            raise
        return False
    return True


@pytest.mark.parametrize("service", OURS)
def test_a_service_may_do_what_its_policy_says_and_nothing_else(bucket, service):
    root, user = client(os.environ["SAGGAR_TEST_S3_ACCESS_KEY"]), client(USERS + service)
    found = {}
    for folder in RIGHTS[service]:
        old, new = f"{folder}/{service}/old", f"{folder}/{service}/new"
        for key in (old, new):
            root.put_object(bucket, key, io.BytesIO(b"x"), 1)
        found[folder] = "".join(
            letter
            for letter, call in (
                ("r", lambda old=old: user.get_object(bucket, old).read()),
                ("w", lambda new=new: user.put_object(bucket, new, io.BytesIO(b"y"), 1)),
                ("d", lambda old=old: user.remove_object(bucket, old)),
            )
            if is_allowed(call)
        )
    assert found == RIGHTS[service]


@pytest.mark.parametrize("service", OURS)
def test_every_service_can_find_out_whether_the_store_answers(bucket, service):
    store = open_store(f"s3://{bucket}?endpoint={ENDPOINT}", USERS + service, SECRET)
    assert not store.exists("health/probe")
    assert isinstance(list(store.list("images/")), list)


def test_a_stranger_may_do_nothing(bucket):
    stranger = Minio(urlsplit(ENDPOINT).netloc, secure=False, region="us-east-1")
    assert not is_allowed(lambda: list(stranger.list_objects(bucket)))
