"""A site with nothing but its entrance, on a real port."""

import contextlib
import http.client
import socket
import time

import pytest
from saggar.errors import UnavailableError
from saggar.pages import connection_limits
from saggar.pages.connection_limits import BodyLimit
from saggar.pages.entrance import create_site
from saggar.pages.server import PagesServer
from saggar.pages.site import Look, Site
from saggar.store import DirectoryStore
from visitor import Visitor

TOKENS = {"ana": "secret-of-ana", "bo": "secret-of-bo-"}
OWN = {"title": "Test", "token_hint": "", "back": "Back"}
LOOK = Look(package="saggar.pages", styles=(), words={"en": OWN, "zh": OWN}, cookie="test-session")


async def large_for_uploads(scope):
    return 300_000 if scope["path"] == "/upload" else connection_limits.LARGEST_BODY


def site(store, url=""):
    return Site(LOOK, store, lambda: TOKENS, time.time, url)


def serve(store, url=""):
    app = create_site(site(store, url), "test")
    app.add_middleware(BodyLimit, limit=large_for_uploads)
    return PagesServer(app, "127.0.0.1:0", setting="SAGGAR_TEST_LISTEN")


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def server(store):
    made = serve(store)
    yield made
    made.stop()


def test_wrong_tokens_are_slowed_down(server):
    stranger = Visitor(server.address)
    found = [stranger.sign_in(f"guess-{number}")[0].status for number in range(14)]
    assert found == [403] * 10 + [429] * 4
    answer, body = stranger.sign_in(TOKENS["ana"])  # not even the right one, for a minute
    assert answer.status == 429
    assert int(answer.getheader("retry-after")) <= 61
    assert "Too many wrong tokens" in body


@pytest.mark.parametrize("headers", [{"x-forwarded-proto": "https"}, {"x-forwarded-proto": "https, http"}])
def test_the_cookie_is_secure_behind_a_server_with_tls(server, headers):
    stranger = Visitor(server.address)
    answer, _ = stranger.ask("POST", "/signin", {"token": TOKENS["ana"]}, **headers)
    assert "Secure" in answer.getheader("set-cookie")
    answer, _ = stranger.ask("POST", "/signin", {"token": TOKENS["ana"]})
    assert "Secure" not in answer.getheader("set-cookie")


def test_the_public_address_is_ours(store):
    server = serve(store, url="https://review.museum.example")
    try:
        visitor = Visitor(server.address)
        answer, _ = visitor.ask("POST", "/signin", {"token": TOKENS["ana"]}, origin="https://review.museum.example")
        assert (answer.status, "Secure" in answer.getheader("set-cookie")) == (303, True)
        assert visitor.ask("POST", "/signin", {}, origin="https://museum.example")[0].status == 403
    finally:
        server.stop()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/signin", "/reviews/x/items/y", "/language", "/nowhere"])
def test_a_large_body_is_refused_before_sign_in(server, path, chunked):
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        kind = "transfer-encoding: chunked" if chunked else "content-length: 10000000"
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\n{kind}\r\n\r\n".encode())
        piece = b"1000\r\n" + b"x" * 4096 + b"\r\n" if chunked else b"x" * 4096
        try:
            for _ in range(40):
                connection.sendall(piece)
        except OSError:
            pass  # it was closed in the middle: refused all the same
        assert connection.recv(200).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST /signin HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\na"])
def test_a_request_that_never_ends_is_dropped(server, monkeypatch, sent):
    monkeypatch.setattr(connection_limits, "REQUEST_S", 0.5)
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(10) == b""
    assert Visitor(server.address).ask("GET", "/healthz")[0].status == 200


def test_a_connection_that_is_kept_serves_one_request_after_the_other(server, monkeypatch):
    monkeypatch.setattr(connection_limits, "REQUEST_S", 0.5)
    connection = http.client.HTTPConnection(server.address, timeout=120)
    for _ in range(4):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"
        time.sleep(0.3)
    connection.close()


def test_a_large_body_that_goes_on_has_its_time_and_no_more_bytes_than_allowed(server, monkeypatch):
    monkeypatch.setattr(connection_limits, "REQUEST_S", 0.5)
    host, _, port = server.address.rpartition(":")
    for size, status in ((250_000, b"HTTP/1.1 404"), (350_000, b"HTTP/1.1 413")):
        with socket.create_connection((host, int(port)), timeout=120) as connection:
            connection.sendall(f"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode())
            with contextlib.suppress(OSError):
                for _ in range(10):  # a second in all: twice the time of a small one
                    connection.sendall(b"x" * (size // 10))
                    time.sleep(0.1)
            assert connection.recv(200).startswith(status)


@pytest.mark.parametrize("headers", [{"origin": "http://elsewhere.example"}, {"sec-fetch-site": "cross-site"}])
def test_another_site_cannot_sign_anybody_in(server, headers):
    answer, body = Visitor(server.address).ask("POST", "/signin", {"token": TOKENS["ana"]}, **headers)
    assert (answer.status, "another site" in body) == (403, True)


@pytest.mark.parametrize("back", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", ""])
def test_the_choice_of_language_leads_nowhere_else(server, back):
    answer, _ = Visitor(server.address).ask("POST", "/language", {"language": "zh", "back": back})
    assert (answer.status, answer.getheader("location")) == (303, "/")
    assert Visitor(server.address).ask("POST", "/language", {"language": "tlh"})[0].getheader("set-cookie") is None


def test_a_taken_port_is_named(server, store):
    with pytest.raises(UnavailableError, match=f"{server.address}.*SAGGAR_TEST_LISTEN"):
        PagesServer(
            create_site(Site(LOOK, store, dict, time.time), "test"), server.address, setting="SAGGAR_TEST_LISTEN"
        )


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://evil"])
def test_no_origin_breaks_the_guard(server, origin):
    assert Visitor(server.address).ask("POST", "/language", {"language": "zh"}, origin=origin)[0].status == 403


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nowhere", 404, "there is no such page"),
        ("DELETE", "/signin", 405, "does not take such a request"),
        ("GET", "/static/../site.py", 404, "there is no such page"),
    ],
)
def test_what_is_not_there_is_told_on_a_page(server, method, path, status, text):
    answer, body = Visitor(server.address).ask(method, path)
    assert (answer.status, text in body, "<html" in body) == (status, True, True)


def test_a_balancer_may_ask_for_the_head_of_health(server):
    assert Visitor(server.address).ask("HEAD", "/healthz")[0].status == 200
