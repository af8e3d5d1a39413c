"""Bounds on what a connection may cost: requests that never end, and bodies without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_BODY = 64 * 1024  # bytes; a verdict has some hundred
REQUEST_S = 10.0  # from its first byte to its last
LEAST_RATE = 32 * 1024  # bytes a second; a large body has so much more time

Limit = Callable[[Scope], Awaitable[int]]


class ImpatientProtocol(H11Protocol):
    """uvicorn's protocol, which by itself waits for ever for the rest of a request."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due from now."""
        super().connection_made(transport)
        self._set_deadline(self.loop.time() + REQUEST_S)

    def data_received(self, data: bytes) -> None:
        """A request that is not whole yet keeps the deadline of its first byte, put off by what comes meanwhile."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            due = self.loop.time() + REQUEST_S if self._deadline is None else self._deadline.when()
            self._unset_deadline()
            self._set_deadline(due + len(data) / LEAST_RATE)
        else:
            self._unset_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._unset_deadline()
        super().connection_lost(exc)

    def _set_deadline(self, when: float) -> None:
        self._deadline = self.loop.call_at(when, self.transport.abort)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def usual_limit(scope: Scope) -> int:
    """The same for every request."""
    del scope
    return LARGEST_BODY


class BodyLimit:
    """Refuses a body over `limit` bytes before anybody looks at it, signed in or not."""

    def __init__(self, app: ASGIApp, limit: Limit = usual_limit) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        largest = await self._limit(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        body = None
        if declared.isdigit() and int(declared) <= largest:
            body = await _read(receive, largest)
        if body is None:
            await _refuse(send, largest)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)


async def _read(receive: Receive, largest: int) -> bytes | None:
    """The whole body; None where it is too large, or the sender went away."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > largest:
            return None
    return b"".join(parts)


async def _refuse(send: Send, largest: int) -> None:
    text = f"this request may have at most {largest:,} bytes".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
