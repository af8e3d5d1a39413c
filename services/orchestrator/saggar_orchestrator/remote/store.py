"""The store that an orchestrator has, for a program on another machine: an `ObjectStore` over `StoreService`."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import grpc
from saggar.errors import (
    DataCorruptionError,
    InvalidInputError,
    NotFoundError,
    SaggarError,
    UnavailableError,
    WrongStateError,
)
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, check_key, media_type_of
from saggar.store.objects import check_prefix, ref_of
from saggar.store.verified_reads import Take, VerifiedReads
from saggar.v1 import store_pb2, store_pb2_grpc

_PIECE = 512 << 10
_ATTEMPTS = 6  # in a row, without a byte that came
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0

ResultT = TypeVar("ResultT")


class RemoteStore(VerifiedReads):
    """Objects of the store behind `channel`. What breaks off goes on where it was, in both directions."""

    def __init__(self, channel: grpc.Channel, where: str) -> None:
        """`where` names the orchestrator in errors."""
        make: Any = store_pb2_grpc.StoreServiceStub
        self._stub = make(channel)
        self._where = where

    def __repr__(self) -> str:
        return f"RemoteStore({self._where!r})"

    def put(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        check_key(key)
        ref = ref_of(key, data, media_type)
        return self._send(ref, lambda: io.BytesIO(data))

    def put_file(self, key: str, path: Path, media_type: str) -> ObjectRef:
        check_key(key)
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("rb") as file:
                while chunk := file.read(_PIECE):
                    digest.update(chunk)
                    size += len(chunk)
        except FileNotFoundError:
            raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
        return self._send(
            ObjectRef(key, digest.hexdigest(), size, media_type_of(key, media_type)), lambda: path.open("rb")
        )

    def exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except NotFoundError:
            return False
        return True

    def stat(self, key: str) -> ObjectRef:
        check_key(key)
        answer = self._stub.DescribeObject(store_pb2.DescribeObjectRequest(key=key))
        return ref_from_proto(answer.object)

    def list(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        request = store_pb2.ListObjectsRequest(prefix=prefix)
        return iter(self._patiently(lambda: [key for page in self._stub.ListObjects(request) for key in page.keys]))

    def delete(self, key: str) -> None:
        raise WrongStateError(
            f"{key} cannot be deleted through the orchestrator; where its store is, `saggar` can (SAGGAR_STORE)"
        )

    def replace(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        del data, media_type
        raise InvalidInputError(
            f"'{key}' cannot be replaced through the orchestrator; choose a new key for a new version"
        )

    def _receive(self, key: str, take: Take[ResultT], doing: str) -> ResultT:
        del doing
        check_key(key)
        pieces = self._pieces(key)
        ref = next(pieces)
        assert isinstance(ref, ObjectRef)  # noqa: S101 for the type checker
        return take(ref.size_bytes, self._checked(ref, pieces))

    def _pieces(self, key: str) -> Iterator[Any]:
        """The object's reference, then its bytes; a stream that breaks is begun again where it was."""
        promised: ObjectRef | None = None
        count, failures = 0, 0
        while promised is None or count < promised.size_bytes:
            try:
                for message in self._stub.ReadObject(store_pb2.ReadObjectRequest(key=key, offset=count)):
                    if message.HasField("object"):
                        ref = ref_from_proto(message.object)
                        if promised is not None and ref != promised:
                            raise DataCorruptionError(
                                f"{key} changed in {self._where} while it was read; read it again"
                            )
                        if promised is None:
                            promised = ref
                            yield ref
                    else:
                        failures = 0
                        count += len(message.data)
                        yield message.data
                if promised is not None and count >= promised.size_bytes:
                    return
                problem: SaggarError = UnavailableError(f"{self._where} ended {key} after {count:,} bytes")
            except UnavailableError as error:
                problem = error
            failures += 1
            self._wait(failures, problem)

    def _checked(self, ref: ObjectRef, pieces: Iterator[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
            yield piece
        if digest.hexdigest() != ref.sha256:
            raise DataCorruptionError(
                f"{ref.key} was damaged on its way from {self._where}: its sha256 is {digest.hexdigest()}, and should "
                f"be {ref.sha256}; read it again"
            )

    def _send(self, ref: ObjectRef, open_source: Callable[[], BinaryIO]) -> ObjectRef:
        """Sends what the orchestrator does not have yet; what breaks goes on where it was."""
        message, failures, before = ref_to_proto(ref), 0, -1
        while True:
            try:
                found = self._stub.DescribeUpload(store_pb2.DescribeUploadRequest(object=message))
                if found.complete:
                    return ref
                if found.received_bytes > before:
                    failures, before = 0, found.received_bytes
                with open_source() as source:
                    answer = self._stub.WriteObject(_requests(message, source, found.received_bytes))
                return ref_from_proto(answer.object)
            except UnavailableError as error:
                failures += 1
                self._wait(failures, error)

    def _patiently(self, call: Callable[[], ResultT]) -> ResultT:
        failures = 0
        while True:
            try:
                return call()
            except UnavailableError as error:
                failures += 1
                self._wait(failures, error)

    @staticmethod
    def _wait(failures: int, problem: SaggarError) -> None:
        if failures >= _ATTEMPTS:
            raise problem
        time.sleep(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failures - 1)))


def _requests(message: Any, source: BinaryIO, offset: int) -> Iterator[store_pb2.WriteObjectRequest]:
    source.seek(offset)
    yield store_pb2.WriteObjectRequest(object=message, offset=offset, data=source.read(_PIECE))
    while piece := source.read(_PIECE):
        yield store_pb2.WriteObjectRequest(data=piece)
