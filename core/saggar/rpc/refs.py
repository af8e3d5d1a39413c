"""`ObjectRef` of the domain and of the contract."""

from __future__ import annotations

import re

from saggar.errors import FieldViolation, InvalidInputError
from saggar.store import ObjectRef, check_key
from saggar.v1 import common_pb2

SCHEME = "store:"


def ref_to_proto(ref: ObjectRef) -> common_pb2.ObjectRef:
    return common_pb2.ObjectRef(
        uri=SCHEME + ref.key, sha256=ref.sha256, size_bytes=ref.size_bytes, media_type=ref.media_type
    )


def ref_from_proto(message: common_pb2.ObjectRef, field: str = "object") -> ObjectRef:
    """Raises InvalidInputError, with a violation of `field`, unless the message is a whole, well-formed
    reference.
    """
    if not message.uri.startswith(SCHEME):
        raise _bad(f"{field}.uri", f"'{message.uri[:200]}' is not the reference of a stored object ({SCHEME}<key>)")
    key = message.uri.removeprefix(SCHEME)
    try:
        check_key(key)
    except InvalidInputError as error:
        raise _bad(f"{field}.uri", str(error)) from None
    if not re.fullmatch(r"[0-9a-f]{64}", message.sha256):
        raise _bad(f"{field}.sha256", "must be 64 lower-case hexadecimal digits")
    if message.size_bytes < 0:
        raise _bad(f"{field}.size_bytes", "must not be negative")
    return ObjectRef(key, message.sha256, message.size_bytes, message.media_type)


def _bad(field: str, description: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {description}", (FieldViolation(field, description),))
