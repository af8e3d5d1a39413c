"""Makes the bucket, and a user with its policy for each service. May run again at any time.

    python provision.py ENDPOINT BUCKET KEYS    at a MinIO: bucket, policies, users
    python provision.py ENDPOINT BUCKET KEYS --bucket-policy NAMES
        elsewhere: the bucket, and a policy of it that lets principals in; NAMES is JSON, service -> its principal's ARN

KEYS is the folder that keys.py made; the root key in it must be one that the store already takes. Prints no key.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, S3Error

POLICIES = Path(__file__).resolve().parent / "policies"
REGION = "us-east-1"
_PATIENCE_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint", help="http://host:port")
    parser.add_argument("bucket")
    parser.add_argument("keys", type=Path)
    parser.add_argument("--bucket-policy", type=json.loads, metavar="NAMES", help="JSON: service -> principal's ARN")
    given = parser.parse_args()
    endpoint = urlsplit(given.endpoint)
    place = {"endpoint": endpoint.netloc, "secure": endpoint.scheme == "https", "region": REGION}
    root = keys_of(given.keys, "root")
    client = Minio(access_key=root[0], secret_key=root[1], **place)
    make_bucket(client, given.bucket)
    if given.bucket_policy:
        client.set_bucket_policy(given.bucket, json.dumps(bucket_policy(given.bucket, given.bucket_policy)))
        print(f"{given.bucket}: {len(given.bucket_policy)} principals let in")
        return 0
    admin = MinioAdmin(credentials=StaticProvider(*root), **place)
    for service in services():
        admin.policy_add(f"saggar-{service}", policy=policy(service, given.bucket))
        access, secret = keys_of(given.keys, service)
        admin.user_add(access, secret)
        attach(admin, f"saggar-{service}", access)
        print(f"{service}: user {access} with the policy saggar-{service}")
    return 0


def services() -> list[str]:
    return sorted(path.stem for path in POLICIES.glob("*.json"))


def policy(service: str, bucket: str) -> dict[str, Any]:
    """The service's policy document, for a bucket of this name."""
    text = (POLICIES / f"{service}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.replace(":::saggar", f":::{bucket}"))
    return found


def bucket_policy(bucket: str, principals: dict[str, str]) -> dict[str, Any]:
    """The same rights as a policy of the bucket, for stores whose users have none of their own (Ceph)."""
    statements = [
        statement | {"Sid": f"{service}{statement['Sid']}", "Principal": {"AWS": [principal]}}
        for service, principal in principals.items()
        for statement in policy(service, bucket)["Statement"]
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def keys_of(folder: Path, owner: str) -> tuple[str, str]:
    access, secret = ((folder / owner / name).read_text(encoding="ascii") for name in ("access-key", "secret-key"))
    return access, secret


def make_bucket(client: Minio, bucket: str) -> None:
    """Waits for a store that is just starting."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket)
        except (urllib3.exceptions.HTTPError, S3Error) as error:
            if isinstance(error, S3Error) and error.code not in {"XMinioServerNotInitialized", "ServiceUnavailable"}:
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def attach(admin: MinioAdmin, name: str, user: str) -> None:
    try:
        admin.attach_policy([name], user=user)
    except MinioAdminException as error:
        if "already" not in str(error).lower():  # XMinioAdminPolicyChangeAlreadyApplied
            raise


if __name__ == "__main__":
    sys.exit(main())
