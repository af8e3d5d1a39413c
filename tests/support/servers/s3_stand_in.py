"""An S3 server in memory, on loopback, that falls ill when it is asked to: for tests of what a bad store does to a run.

It speaks what `saggar.store.s3` uses: single PUTs (conditional too), GET, HEAD, DELETE and lists. It checks no keys.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import socket
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "saggar"
_MOST_SKEW_S = 900
_SLOW_S = 0.4
ILLNESSES = ("slow", "full", "read-only", "errors", "corrupt", "cut")


class S3StandIn:
    """`illness` is what ails it now, one of ILLNESSES or "" for nothing; `down` takes it off the network."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str], float]] = {}
        self.illness = ""
        self.asked = itertools.count()
        self.hits = 0  # requests that an illness met
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server: Any = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}?endpoint=http://127.0.0.1:{self.port}"

    def up(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.stand_in = self
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Nobody listens, and what was open is broken."""
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def keys(self, prefix: str) -> list[str]:
        with self._lock:
            return sorted(key for key in self.objects if key.startswith(prefix))

    def get(self, key: str) -> bytes:
        with self._lock:
            return self.objects[key][0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    stand_in: S3StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that are killed leave broken connections; that is what the tests are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.it._lock:
            self.it._open.add(self.connection)

    def finish(self) -> None:
        with self.it._lock:
            self.it._open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    @property
    def it(self) -> S3StandIn:
        found: S3StandIn = self.server.stand_in  # type: ignore[attr-defined]
        return found

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        illness, number = self.it.illness, next(self.it.asked)
        if bucket != BUCKET:
            self._error(404, "NoSuchBucket")
        elif self._is_skewed():
            self._error(403, "RequestTimeTooSkewed")
        elif not self._is_ill(illness, number):
            getattr(self, f"_{self.command.lower()}")(key, body, parse_qs(parts.query, keep_blank_values=True))

    do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815 as http.server wants them

    def _is_skewed(self) -> bool:
        stated = dt.datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        return abs(stated.timestamp() - time.time()) > _MOST_SKEW_S

    def _is_ill(self, illness: str, number: int) -> bool:
        """Whether that was the answer."""
        writes = self.command in {"PUT", "DELETE"}
        if illness == "slow":
            self.it.hits += 1
            time.sleep(_SLOW_S)
        elif illness == "full" and self.command == "PUT":
            return self._error(507, "XMinioStorageFull")
        elif illness == "read-only" and writes:
            return self._error(403, "AccessDenied")
        elif illness == "errors" and number % 2:
            return self._error(500, "InternalError")
        return False

    def _error(self, status: int, code: str) -> bool:
        self.it.hits += 1
        self._send(status, f"<Error><Code>{code}</Code><Message>said so</Message></Error>".encode(), {})
        return True

    def _send(self, status: int, body: bytes, headers: dict[str, str], sent: int | None = None) -> None:
        self.send_response_only(status)
        usual = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
        for name, value in (usual | {"Date": formatdate(usegmt=True)} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
            self.close_connection = sent is not None

    def _put(self, key: str, body: bytes, _: Any) -> None:
        kept = {n.lower(): v for n, v in self.headers.items() if n.lower().startswith("x-amz-meta-")}
        kept["Content-Type"] = self.headers.get("Content-Type", "application/octet-stream")
        with self.it._lock:
            taken = self.headers.get("If-None-Match") == "*" and key in self.it.objects
            if not taken:
                self.it.objects[key] = (body, kept, time.time())
        if taken:
            self._send(412, b"<Error><Code>PreconditionFailed</Code><Message>taken</Message></Error>", {})
        else:
            self._send(200, b"", {"ETag": _etag(body)})

    def _get(self, key: str, _: bytes, query: dict[str, list[str]]) -> None:
        if not key:
            self._list(query.get("prefix", [""])[0])
            return
        with self.it._lock:
            found = self.it.objects.get(key)
        if found is None:
            self._send(404, b"<Error><Code>NoSuchKey</Code><Message>not there</Message></Error>", {})
            return
        body, kept, written = found
        headers = kept | {"ETag": _etag(body), "Last-Modified": formatdate(written, usegmt=True)}
        sent = None
        if body and self.it.illness in {"corrupt", "cut"} and self.command == "GET":
            self.it.hits += 1
            middle = len(body) // 2
            if self.it.illness == "corrupt":
                body = body[:middle] + bytes([body[middle] ^ 255]) + body[middle + 1 :]
            else:
                sent = middle
        self._send(200, body, headers, sent)

    _head = _get

    def _delete(self, key: str, *_: Any) -> None:
        with self.it._lock:
            self.it.objects.pop(key, None)
        self._send(204, b"", {})

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            '<ETag>"1"</ETag></Contents>'
            for key in self.it.keys(prefix)
        )
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        start = f"<ListBucketResult {space}><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>"
        self._send(200, f"{start}{rows}</ListBucketResult>".encode(), {})

    def log_message(self, *_: object) -> None:
        pass


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
