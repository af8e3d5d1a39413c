"""A store in a bucket of MinIO, Ceph, Amazon S3 or any other server that speaks S3."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import REPLACE, CopySource
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from saggar.errors import (
    InvalidInputError,
    NotFoundError,
    SaggarError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.store.encryption import encryption_remedy, trusted
from saggar.store.objects import (
    OCTETS,
    RENEWED_S,
    Entry,
    ObjectRef,
    check_key,
    check_prefix,
    check_replaceable,
    media_type_of,
    not_found,
    ref_of,
    taken,
)
from saggar.store.verified_reads import Take, VerifiedReads

_SHA256 = "x-amz-meta-sha256"  # user metadata; what `stat` answers without reading the object
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_WAITS_S = (0.2, 0.8)  # between attempts
_LARGEST_PUT = 5 << 30  # one PUT holds at most 5 GiB, and only a whole PUT can be conditional everywhere
_SMALLEST_PART = 5 << 20
_CHUNK = 1 << 20
_MOST_SKEW_S = 15 * 60  # what S3 allows

_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
_FULL = {
    "QuotaExceeded",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "EntityTooLarge",
    "StorageFull",
}
_TRANSIENT = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "XMinioServerNotInitialized",
}
_RACE = {"ConditionalRequestConflict", "OperationAborted"}
_REFUSED = {
    "InvalidAccessKeyId": "no such access key; check SAGGAR_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret does not fit the access key; check SAGGAR_S3_SECRET_KEY",
    "AccessDenied": "access denied; check SAGGAR_S3_ACCESS_KEY, SAGGAR_S3_SECRET_KEY and the key's "
    "rights to the bucket",
    "NoSuchBucket": "the bucket does not exist; create it or correct the store's URL",
    "InvalidBucketName": "not a bucket's name; correct the store's URL",
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it",
    "SecondLevelDomainForbidden": "the bucket's name goes into the host here; add &style=virtual to the store's URL",
    "PathStyleDomainForbidden": "the bucket's name goes into the host here; add &style=virtual to the store's URL",
    "PermanentRedirect": "the bucket is elsewhere; correct endpoint and &region=NAME in the store's URL",
    "AuthorizationHeaderMalformed": "wrong region; give it as &region=NAME in the store's URL",
}
ResultT = TypeVar("ResultT")


class S3Store(VerifiedReads):
    """Objects in one existing bucket. Nothing is sent before the first call.

    A new object is written with `If-None-Match: *`, so that of two writers one wins; its SHA-256 is kept in
    user metadata. Calls that fail for a passing reason are tried three times within about a second.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        secure: bool = True,
        region: str = "us-east-1",
        virtual_host: bool = False,
        authority: str = "",
    ) -> None:
        """`endpoint` is host:port, without a scheme. `virtual_host`: the bucket's name goes into the host. `authority`
        is a PEM file: the store's certificate has to be of one in it, not of one that this machine trusts.
        """

        def client(pool: urllib3.PoolManager) -> Minio:
            made = Minio(
                endpoint,
                access_key=access_key,
                secret_key=secret_key,
                secure=secure,
                region=region,
                http_client=pool,
            )
            if virtual_host:
                made.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
            return made

        known = trusted(authority)
        try:
            self._client = client(_pool(urllib3.PoolManager, known))
            self._creating = client(_pool(_CreateOnlyPool, known))
        except ValueError as error:
            raise InvalidInputError(f"'{endpoint}' is not an S3 endpoint: {error}; give host:port") from None
        self._bucket = bucket
        self._where = f"{'https' if secure else 'http'}://{endpoint}/{bucket}"
        self._bucket_seen = False

    def __repr__(self) -> str:
        return f"S3Store({self._where!r})"

    def put(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        check_key(key)
        ref = ref_of(key, data, media_type)
        if self._holds(ref):
            return ref
        try:
            self._try(f"write {key}", lambda: self._send(self._creating, ref, data))
        except _ExistsError:
            if not self._holds(ref):
                raise UnavailableError(
                    f"{key} came and went in {self._where} while it was written; try again"
                ) from None
        return ref

    def put_file(self, key: str, path: Path, media_type: str) -> ObjectRef:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
        return self.put(key, data, media_type)

    def replace(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        check_replaceable(key)
        ref = ref_of(key, data, media_type)
        self._try(f"write {key}", lambda: self._send(self._client, ref, data))
        return ref

    def exists(self, key: str) -> bool:
        try:
            self._head(key)
        except NotFoundError:
            return False
        return True

    def stat(self, key: str) -> ObjectRef:
        return self._ref_of(key, self._head(key))

    def _ref_of(self, key: str, found: Any) -> ObjectRef:
        digest = (found.metadata or {}).get(_SHA256)
        if not digest:  # written by another program
            digest = self._receive(key, _sha256_of, f"read {key}")
        return ObjectRef(key, digest, found.size or 0, media_type_of(key, found.content_type or OCTETS))

    def list(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)

        def names() -> list[str]:
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(str(item.object_name) for item in found)

        return iter(self._try(f"list {prefix}", names))

    def entries(self, prefix: str) -> Iterator[Entry]:
        check_prefix(prefix)

        def found() -> list[Entry]:
            listed = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(
                (
                    Entry(str(each.object_name), each.size or 0, each.last_modified.timestamp())
                    for each in listed
                    if each.last_modified is not None
                ),
                key=lambda entry: entry.key,
            )

        return iter(self._try(f"list {prefix}", found))

    def delete(self, key: str) -> None:
        check_key(key)
        self._try(f"delete {key}", lambda: self._client.remove_object(self._bucket, key))

    def _send(self, client: Minio, ref: ObjectRef, data: bytes) -> None:
        if len(data) > _LARGEST_PUT:
            raise InvalidInputError(f"{ref.key} has {len(data)} bytes; a store object has at most 5 GiB")
        client.put_object(
            self._bucket,
            ref.key,
            io.BytesIO(data),
            len(data),
            content_type=ref.media_type,
            metadata={"sha256": ref.sha256},
            part_size=max(len(data), _SMALLEST_PART),
        )

    def _receive(self, key: str, take: Take[ResultT], doing: str) -> ResultT:
        check_key(key)

        def receive() -> ResultT:
            response = self._client.get_object(self._bucket, key)
            try:
                return take(int(response.headers["Content-Length"]), response.stream(_CHUNK))
            finally:
                response.close()
                response.release_conn()

        return self._try(doing, receive, key)

    def _head(self, key: str) -> Any:
        check_key(key)
        return self._try(f"look for {key}", lambda: self._client.stat_object(self._bucket, key), key)

    def _holds(self, ref: ObjectRef) -> bool:
        """Whether the bucket has `ref`; AlreadyExistsError when it has other bytes under the key."""
        try:
            head = self._head(ref.key)
        except NotFoundError:
            return False
        found = self._ref_of(ref.key, head)
        if (found.sha256, found.size_bytes) != (ref.sha256, ref.size_bytes):
            raise taken(ref.key, self._where)
        self._renew(ref, head)
        return True

    def _renew(self, ref: ObjectRef, head: Any) -> None:
        """Whoever puts an object counts on it: it is none of what may be cleaned away for its age."""
        if head.last_modified is None or time.time() - head.last_modified.timestamp() <= RENEWED_S:
            return
        metadata: dict[str, str | list[str] | tuple[str]] = {"sha256": ref.sha256, "Content-Type": ref.media_type}
        with suppress(MinioException, urllib3.exceptions.HTTPError):  # not allowed to, say: it ages then
            source = CopySource(self._bucket, ref.key)
            self._client.copy_object(self._bucket, ref.key, source, metadata=metadata, metadata_directive=REPLACE)

    def _try(self, doing: str, call: Callable[[], ResultT], key: str = "") -> ResultT:
        for wait in (*_WAITS_S, None):
            try:
                return call()
            except (MinioException, urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
                code = _code(error)
                if code in _MISSING:
                    self._need_bucket()
                    raise not_found(key or doing, self._where) from None
                if code == "PreconditionFailed":
                    raise _ExistsError from error
                if wait is None or not _passing(error, code):
                    raise self._domain_error(error, code, doing) from error
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _need_bucket(self) -> None:
        """A HEAD's 404 doesn't say whether the key or the whole bucket is missing."""
        if not self._bucket_seen:
            if not self._try("find the bucket", lambda: self._client.bucket_exists(self._bucket)):
                raise WrongStateError(f"{self._where}: {_REFUSED['NoSuchBucket']}")
            self._bucket_seen = True

    def _domain_error(self, error: Exception, code: str, doing: str) -> SaggarError:
        said = getattr(error, "message", None) or str(error)
        if _http_status(error) == 403 and (skew := _clock_skew_s(error)) > _MOST_SKEW_S:
            return WrongStateError(
                f"cannot {doing} in {self._where}: this machine's clock and the server's are {skew / 60:,.0f} minutes "
                "apart, and S3 takes no more than 15; set the clock (with NTP)"
            )
        if remedy := encryption_remedy(error):
            return WrongStateError(f"cannot {doing} in {self._where}: {remedy}")
        if code in _REFUSED:
            return WrongStateError(f"cannot {doing} in {self._where}: {_REFUSED[code]} (the server said: {said})")
        if code in _FULL or _http_status(error) == 507:
            return StorageFullError(
                f"cannot {doing} in {self._where}: no room left ({said}); free some space or raise the "
                f"quota, then try again"
            )
        if _passing(error, code) or code in _RACE:
            return UnavailableError(
                f"cannot {doing}: the store at {self._where} does not answer ({said}); check that it "
                f"runs and that the "
                "endpoint is right, then try again"
            )
        return WrongStateError(f"cannot {doing} in {self._where}: the server refused ({code or 'no code'}: {said})")


def _sha256_of(_size: int, pieces: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


class _ExistsError(Exception):
    """A conditional PUT found the key taken."""


class _CreateOnlyPool(urllib3.PoolManager):
    """Makes every PUT of a whole object conditional. The header is not signed, which S3 allows."""

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        if method == "PUT" and "partNumber" not in parse_qs(urlsplit(url).query):
            headers = urllib3.HTTPHeaderDict(kwargs.pop("headers", None) or {})
            headers["If-None-Match"] = "*"
            kwargs["headers"] = headers
        return super().urlopen(method, url, *args, **kwargs)


def _pool(kind: type[urllib3.PoolManager], known: ssl.SSLContext) -> urllib3.PoolManager:
    """Connections without urllib3's own retries: `S3Store._try` retries."""
    return kind(timeout=_TIMEOUT, maxsize=16, retries=False, ssl_context=known)


def _code(error: Exception) -> str:
    return (error.code or "") if isinstance(error, S3Error) else ""


def _http_status(error: Exception) -> int:
    if isinstance(error, S3Error):
        return int(getattr(error.response, "status", 0))
    if isinstance(error, ServerError):
        return error.status_code
    if isinstance(error, InvalidResponseError):
        return int(getattr(error, "_code", 0))
    return 0


def _clock_skew_s(error: Exception) -> float:
    """Seconds between our clock and the server's, by the date of its answer; an answer to HEAD says no more."""
    stated = (getattr(getattr(error, "response", None), "headers", None) or {}).get("Date", "")
    try:
        return abs(time.time() - parsedate_to_datetime(stated).timestamp())
    except (TypeError, ValueError):
        return 0.0


def _passing(error: Exception, code: str) -> bool:
    """Whether trying again may help: no connection, a broken one, or an overloaded or starting server."""
    if encryption_remedy(error):
        return False
    if isinstance(error, urllib3.exceptions.HTTPError):
        return True
    return code in _TRANSIENT or code in _RACE or _http_status(error) in {500, 502, 503, 504}
