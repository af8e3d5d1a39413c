"""The StoreService: convert, call, convert."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from saggar.errors import CancelledError, FieldViolation, InvalidInputError, WrongStateError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.v1 import store_pb2, store_pb2_grpc

from saggar_orchestrator.remote.uploads import Uploads

NAME: str = store_pb2.DESCRIPTOR.services_by_name["StoreService"].full_name
_KEYS_A_MESSAGE = 2000
_PRIVATE = ("sessions/", "checkpoints/")  # of reviewers who are signed in, and of work in hand
_PIECE = 512 << 10
_IN_MEMORY = 8 << 20  # larger objects are copied to a file first


class StoreServicer(store_pb2_grpc.StoreServiceServicer):
    """`folder` keeps what is on its way in either direction."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._uploads = Uploads(store, folder)

    def register(self, server: grpc.Server) -> str:
        """Adds it to a server; returns the service's full name."""
        add: Any = store_pb2_grpc.add_StoreServiceServicer_to_server
        add(self, server)
        return NAME

    def ListObjects(
        self, request: store_pb2.ListObjectsRequest, context: grpc.ServicerContext
    ) -> Iterator[store_pb2.ListObjectsResponse]:
        del context
        keys = (key for key in self._store.list(request.prefix) if not key.startswith(_PRIVATE))
        while page := list(itertools.islice(keys, _KEYS_A_MESSAGE)):
            yield store_pb2.ListObjectsResponse(keys=page)

    def DescribeObject(
        self, request: store_pb2.DescribeObjectRequest, context: grpc.ServicerContext
    ) -> store_pb2.DescribeObjectResponse:
        del context
        return store_pb2.DescribeObjectResponse(object=ref_to_proto(self._stat(request.key)))

    def ReadObject(
        self, request: store_pb2.ReadObjectRequest, context: grpc.ServicerContext
    ) -> Iterator[store_pb2.ReadObjectResponse]:
        del context
        ref = self._stat(request.key)
        if not 0 <= request.offset <= ref.size_bytes:
            violation = FieldViolation("offset", f"{request.offset:,} is not within its {ref.size_bytes:,} bytes")
            raise InvalidInputError(f"{request.key}: {violation.description}", (violation,))
        yield store_pb2.ReadObjectResponse(object=ref_to_proto(ref))
        if request.offset == ref.size_bytes:
            return
        if ref.size_bytes <= _IN_MEMORY:
            data = self._store.read(ref)
            for start in range(request.offset, len(data), _PIECE):
                yield store_pb2.ReadObjectResponse(data=data[start : start + _PIECE])
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="reading-") as folder:
            path = Path(folder) / "object"
            self._store.fetch(ref.key, path)
            with path.open("rb") as file:
                file.seek(request.offset)
                while piece := file.read(_PIECE):
                    yield store_pb2.ReadObjectResponse(data=piece)

    def DescribeUpload(
        self, request: store_pb2.DescribeUploadRequest, context: grpc.ServicerContext
    ) -> store_pb2.DescribeUploadResponse:
        del context
        received, complete = self._uploads.received(ref_from_proto(request.object))
        return store_pb2.DescribeUploadResponse(received_bytes=received, complete=complete)

    def WriteObject(
        self, request_iterator: Iterator[store_pb2.WriteObjectRequest], context: grpc.ServicerContext
    ) -> store_pb2.WriteObjectResponse:
        del context
        requests = _while_it_comes(request_iterator)
        first = next(requests, store_pb2.WriteObjectRequest())
        ref = ref_from_proto(first.object)
        pieces = (each.data for each in itertools.chain((first,), requests) if each.data)
        return store_pb2.WriteObjectResponse(object=ref_to_proto(self._uploads.write(ref, first.offset, pieces)))

    def _stat(self, key: str) -> ObjectRef:
        if key.startswith(_PRIVATE):
            raise WrongStateError(f"{key} is not shown through the orchestrator; look into the store itself")
        return self._store.stat(key)


def _while_it_comes(requests: Iterator[store_pb2.WriteObjectRequest]) -> Iterator[store_pb2.WriteObjectRequest]:
    """CancelledError, which is nobody's fault, where the caller breaks off."""
    try:
        yield from requests
    except grpc.RpcError as error:
        raise CancelledError("the caller broke off; what has come is kept for a day") from error
