"""The id of the call in hand, which callers may choose: in every log line of the call, and sent back with its answer.

A caller sends the metadata `x-request-id`; without it, or with one that is no plain word, the server makes one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import grpc

METADATA = "x-request-id"
_PLAIN = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Of the call that this thread answers; empty where it answers none."""
    return _current.get()


@contextmanager
def request_of(context: grpc.ServicerContext) -> Iterator[str]:
    """The id of the call of `context`, which is `current` for the block."""
    given = next((value for name, value in context.invocation_metadata() or () if name == METADATA), "")
    identity = given if isinstance(given, str) and _PLAIN.fullmatch(given) else secrets.token_hex(8)
    context.set_trailing_metadata(((METADATA, identity),))
    _current.set(identity)
    try:
        yield identity
    finally:
        _current.set("")  # no token: a stream that is given up may be closed by another thread


@contextmanager
def ended(context: grpc.ServicerContext) -> Iterator[str]:
    """The id that went back with the answer of a call that is over, which is `current` for the block."""
    sent = context.trailing_metadata() or ()  # type: ignore[attr-defined,unused-ignore]
    identity = str(next((value for name, value in sent if name == METADATA), ""))
    _current.set(identity)
    try:
        yield identity
    finally:
        _current.set("")
