"""What S3 servers answer when they are full, overloaded or broken; a small server on loopback plays them."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from saggar.errors import (
    AlreadyExistsError,
    NotFoundError,
    SaggarError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.store import open_store
from saggar.store.s3 import S3Store


@dataclass
class Answer:
    status: int
    code: str = ""  # of S3's XML error
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class FaultyS3:
    """Gives the answers of `script` in order, the last one for ever, and keeps what was asked."""

    def __init__(self, script: Callable[[str], list[Answer]]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        scripts = {method: script(method) for method in ("GET", "HEAD", "PUT", "DELETE")}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, {k.lower(): v for k, v in self.headers.items()}))
                script = scripts[self.command]
                answer = script.pop(0) if len(script) > 1 else script[0]
                body = answer.body
                if answer.code:
                    body = f"<Error><Code>{answer.code}</Code><Message>said so</Message></Error>".encode()
                self.send_response_only(answer.status)
                headers = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
                for name, value in (headers | answer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                self.close_connection = len(body) != int((headers | answer.headers)["Content-Length"])

            do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815 as http.server wants them

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.store = S3Store(self.address, "bucket", "access", "secret", secure=False)

    def count(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)


def at(moment: float) -> dict[str, str]:
    return {"Date": formatdate(moment, usegmt=True)}


NOT_THERE = Answer(404)
OK = Answer(200, headers={"ETag": '"1"'})


@pytest.fixture
def faulty() -> Iterator[Callable[..., FaultyS3]]:
    made: list[FaultyS3] = []

    def start(**scripts: list[Answer]) -> FaultyS3:
        made.append(FaultyS3(lambda method: list(scripts.get(method.lower(), [NOT_THERE]))))
        return made[-1]

    yield start
    for each in made:
        each.server.shutdown()
        each.server.server_close()


BUCKET_THERE = [NOT_THERE, OK, NOT_THERE]  # HEAD of the object, of the bucket, of the object again


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(507, "XMinioStorageFull"), StorageFullError),
        (Answer(400, "XMinioAdminBucketQuotaExceeded"), StorageFullError),
        (Answer(403, "QuotaExceeded"), StorageFullError),
        (Answer(507, body=b"full", headers={"Content-Type": "text/plain"}), StorageFullError),
        (Answer(403, "AccessDenied"), WrongStateError),
        (Answer(403, "RequestTimeTooSkewed"), WrongStateError),
        (Answer(501, "NotImplemented"), WrongStateError),
        (Answer(503, "SlowDown"), UnavailableError),
        (Answer(502, body=b"<html>", headers={"Content-Type": "text/html"}), UnavailableError),
    ],
)
def test_a_refused_write_has_its_own_error(
    faulty: Callable[..., FaultyS3], answer: Answer, error: type[SaggarError]
) -> None:
    s3 = faulty(head=BUCKET_THERE, put=[answer])
    with pytest.raises(error) as caught:
        s3.store.put("a/b.txt", b"1", "text/plain")
    assert type(caught.value) is error
    assert "cannot write a/b.txt" in str(caught.value)
    assert s3.count("PUT") == (3 if error is UnavailableError else 1)


def test_an_overloaded_server_is_tried_again(faulty: Callable[..., FaultyS3]) -> None:
    s3 = faulty(head=BUCKET_THERE, put=[Answer(503, "SlowDown"), OK])
    s3.store.put("a/b.txt", b"1", "text/plain")
    assert s3.count("PUT") == 2


def test_a_new_object_is_written_on_the_condition_that_there_is_none(faulty: Callable[..., FaultyS3]) -> None:
    s3 = faulty(head=BUCKET_THERE, put=[OK])
    s3.store.put("a/b.txt", b"1", "text/plain")
    s3.store.replace("checkpoints/b", b"1", "text/plain")
    first, second = (headers for method, headers in s3.asked if method == "PUT")
    assert first["if-none-match"] == "*"
    assert first["x-amz-meta-sha256"] == hashlib.sha256(b"1").hexdigest()
    assert "if-none-match" not in second


@pytest.mark.parametrize(("theirs", "same"), [(b"1", True), (b"2", False)])
def test_a_lost_race_is_judged_by_the_winners_bytes(faulty: Callable[..., FaultyS3], theirs: bytes, same: bool) -> None:
    winner = Answer(
        200,
        body=theirs,
        headers={"x-amz-meta-sha256": hashlib.sha256(theirs).hexdigest(), "ETag": '"1"'},
    )
    s3 = faulty(head=[NOT_THERE, OK, winner], put=[Answer(412, "PreconditionFailed")])
    if same:
        assert s3.store.put("a/b.txt", b"1", "text/plain").size_bytes == 1
    else:
        with pytest.raises(AlreadyExistsError):
            s3.store.put("a/b.txt", b"1", "text/plain")


def test_a_download_that_breaks_off_is_tried_again_and_then_given_up(faulty: Callable[..., FaultyS3]) -> None:
    broken = Answer(200, body=b"half", headers={"Content-Length": "8", "Content-Type": "text/plain"})
    whole = Answer(200, body=b"all of it", headers={"Content-Type": "text/plain"})
    assert faulty(get=[broken, whole]).store.get("a/b.txt") == b"all of it"
    s3 = faulty(get=[broken])
    with pytest.raises(UnavailableError, match=r"cannot read a/b\.txt"):
        s3.store.get("a/b.txt")
    assert s3.count("GET") == 3


def test_a_missing_object_and_a_missing_bucket_differ(faulty: Callable[..., FaultyS3]) -> None:
    with pytest.raises(NotFoundError, match="has no object a/b"):
        faulty(head=[NOT_THERE, OK]).store.stat("a/b")
    with pytest.raises(WrongStateError, match="bucket does not exist"):
        faulty(head=[NOT_THERE]).store.stat("a/b")


@pytest.mark.parametrize(("ahead_s", "named"), [(3600, True), (-3600, True), (60, False)])
def test_a_wrong_clock_is_named_though_an_answer_to_head_has_no_text(
    faulty: Callable[..., FaultyS3], ahead_s: float, named: bool
) -> None:
    refused = Answer(403, headers=at(time.time() + ahead_s))
    with pytest.raises(WrongStateError) as caught:
        faulty(head=[refused]).store.stat("a/b")
    assert ("60 minutes apart" in str(caught.value)) == named
    assert ("access denied" in str(caught.value)) != named


@pytest.mark.parametrize("code", ["SecondLevelDomainForbidden", "PathStyleDomainForbidden"])
def test_a_server_that_takes_the_bucket_in_the_host_is_named(faulty: Callable[..., FaultyS3], code: str) -> None:
    with pytest.raises(WrongStateError, match="add &style=virtual"):
        faulty(get=[Answer(403, code)]).store.get("a/b")


def test_the_bucket_goes_into_the_host_where_that_is_asked_for(
    faulty: Callable[..., FaultyS3], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: asked("127.0.0.1", *more, **named))
    s3 = faulty(get=[Answer(200, body=b"1", headers={"Content-Type": "text/plain"})])
    port = s3.address.rpartition(":")[2]
    store = open_store(f"s3://bucket?endpoint=http://localhost:{port}&style=virtual", "access", "secret")
    assert store.get("a/b.txt") == b"1"
    assert s3.asked[-1][1]["host"] == f"bucket.localhost:{port}"
