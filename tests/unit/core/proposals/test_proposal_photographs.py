"""Photographs of a catalogue's rows: files below a folder, and servers that were agreed on; nothing else is visited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from image_server import ImageServer
from saggar.errors import InvalidInputError, UnavailableError
from saggar.museums.web import Clock, Limits, Web
from saggar.proposals.asking.photographs import Photographs, image_service

JPEG = b"\xff\xd8 a photograph"


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.stop()


def photographs(folder: Path, *hosts: str, private: bool = True, pauses: list[float] | None = None) -> Photographs:
    waited = pauses if pauses is not None else []
    web = Web(
        "",
        hosts,
        pause_s=0.5,
        user_agent="Saggar/test",
        private_allowed=private,
        limits=Limits(attempts=2, image_bytes=1 << 16),
        clock=Clock(monotonic=lambda: 100.0 + sum(waited), sleep=waited.append),
    )
    return Photographs(folder, web)


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://a.org/iiif/2/A12", "https://a.org/iiif/2/A12"),
        ("https://a.org/iiif/2/A12/", "https://a.org/iiif/2/A12"),
        ("https://a.org/iiif/3/A12/info.json", "https://a.org/iiif/3/A12"),
        ("https://a.org/iiif/3/A12/full/max/0/default.jpg", "https://a.org/iiif/3/A12"),
        ("https://a.org/x/A12/full/843,/0/default.jpg", "https://a.org/x/A12"),
        ("https://a.org/x/A12/pct:0,0,50,50/full/!90/color.png", "https://a.org/x/A12"),
        ("https://a.org/iiif/2/A%2F12.tif", "https://a.org/iiif/2/A%2F12.tif"),
        ("https://a.org/photographs/A12.jpg", None),
        ("https://a.org/photographs/A12.JPG?size=2", None),
    ],
)
def test_image_services_are_recognised(address: str, base: str | None) -> None:
    assert image_service(address) == base


def test_the_size_that_is_enough_is_asked_for(server: ImageServer, tmp_path: Path) -> None:
    server.answers["/iiif/A12/full/!512,512/0/default.jpg"] = (200, {}, JPEG)
    server.answers["/plain.jpg"] = (200, {}, JPEG)
    pauses: list[float] = []
    source = photographs(tmp_path, server.base, pauses=pauses)
    assert source.read(f"{server.base}/iiif/A12/full/full/0/default.jpg") == JPEG
    assert source.read(f"{server.base}/plain.jpg") == JPEG
    assert server.seen == ["/iiif/A12/full/!512,512/0/default.jpg", "/plain.jpg"]
    assert pauses == [0.5]


def test_a_small_image_that_the_server_will_not_enlarge_is_taken_as_it_is(server: ImageServer, tmp_path: Path) -> None:
    server.answers["/iiif/small/full/!512,512/0/default.jpg"] = (400, {}, b"no upscaling")
    server.answers["/iiif/small/full/max/0/default.jpg"] = (200, {}, JPEG)
    assert photographs(tmp_path, server.base).read(f"{server.base}/iiif/small/info.json") == JPEG


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://elsewhere.example.org/a.jpg", "not visited"),
        ("http://127.0.0.1:1/a.jpg", "not visited"),
        ("file:///etc/passwd", "not visited"),
        ("https://127.0.0.1@elsewhere.example.org/a.jpg", "not visited"),
        ("{base}/moved.jpg", "not visited"),
        ("{base}/page.jpg", "answered text/html, not an image"),
        ("{base}/large.jpg", "is larger than 0 MiB"),
        ("{base}/absent.jpg", "answered 404"),
        ("http://[::1/a.jpg", "is not an address"),
    ],
)
def test_nothing_else_is_visited_or_taken(server: ImageServer, tmp_path: Path, address: str, said: str) -> None:
    server.answers["/moved.jpg"] = (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")
    server.answers["/page.jpg"] = (200, {"Content-Type": "text/html"}, b"<html>")
    server.answers["/large.jpg"] = (200, {}, b"x" * (1 << 17))
    with pytest.raises(InvalidInputError, match=said):
        photographs(tmp_path, server.base).read(address.format(base=server.base))


def test_a_server_of_a_private_network_needs_leave(server: ImageServer, tmp_path: Path) -> None:
    server.answers["/a.jpg"] = (200, {}, JPEG)
    with pytest.raises(InvalidInputError, match=r"private network \(127.0.0.1\); allow those with --allow-private"):
        photographs(tmp_path, server.base, private=False).read(f"{server.base}/a.jpg")
    named = server.base.replace("127.0.0.1", "localhost")  # a name may stand for anything
    with pytest.raises(InvalidInputError, match="private network"):
        photographs(tmp_path, named, private=False).read(f"{named}/a.jpg")
    assert server.seen == []
    assert photographs(tmp_path, server.base).read(f"{server.base}/a.jpg") == JPEG


def test_a_redirect_within_the_list_is_followed(server: ImageServer, tmp_path: Path) -> None:
    server.answers["/old.jpg"] = (301, {"Location": "/new.jpg"}, b"")
    server.answers["/new.jpg"] = (200, {}, JPEG)
    assert photographs(tmp_path, server.base).read(f"{server.base}/old.jpg") == JPEG


def test_a_server_that_is_away_is_not_asked_ten_thousand_times(server: ImageServer, tmp_path: Path) -> None:
    server.answers["/a.jpg"] = (503, {}, b"")
    source = photographs(tmp_path, server.base)
    for _ in range(20):
        with pytest.raises(UnavailableError):
            source.read(f"{server.base}/a.jpg")
    assert len(server.seen) == 10
    with pytest.raises(UnavailableError, match="was not asked again after 5 failures in a row"):
        source.read(f"{server.base}/b.jpg")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://a.org/b.jpg", "--image-host a.org, or"),
        ("https://a.org:443/b.jpg", "--image-host a.org, or"),
        ("https://a.org:8443/iiif/A", "--image-host https://a.org:8443, or"),
        ("http://a.org/iiif/A", "--image-host http://a.org, or"),
        ("http://A.org:8182/iiif/A", "--image-host http://A.org:8182, or"),
        ("http://127.0.0.1:8182/iiif/ok1", "--image-host http://127.0.0.1:8182 --allow-private-addresses, or"),
        ("http://[::1]:8182/iiif/ok1", r"--image-host http://\[::1\]:8182 --allow-private-addresses, or"),
        ("https://192.168.0.4/a.jpg", "--image-host 192.168.0.4 --allow-private-addresses, or"),
        ("http://localhost/a.jpg", "--image-host http://localhost --allow-private-addresses, or"),
        ("ftp://a.org/b.jpg", "no plain web address"),
        ("file:///etc/passwd", "no plain web address"),
        ("https://me@a.org/b.jpg", "no plain web address"),
        ("http://a.org:x/b.jpg", "no plain web address"),
        ("http://[::1/b.jpg", "no plain web address"),
    ],
)
def test_the_hint_names_options_that_would_do(tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        Photographs(tmp_path, None).read(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_options_of_the_hint_do(server: ImageServer, tmp_path: Path, host: str) -> None:
    server.answers["/a.jpg"] = (200, {}, JPEG)
    server.answers["/moved.jpg"] = (302, {"Location": "http://elsewhere.example:8080/a.jpg"}, b"")
    base = server.base.replace("127.0.0.1", host)
    with pytest.raises(InvalidInputError) as caught:
        photographs(tmp_path, "a.org").read(f"{base}/a.jpg")
    words = str(caught.value).replace(",", "").split()
    assert "--allow-private-addresses" in words
    source = photographs(tmp_path, words[words.index("--image-host") + 1])
    assert source.read(f"{base}/a.jpg") == JPEG
    with pytest.raises(
        InvalidInputError, match=r"not visited; allow it with --image-host http://elsewhere\.example:8080"
    ):
        source.read(f"{base}/moved.jpg")


def test_files_stay_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(JPEG)
    (tmp_path / "out.jpg").write_bytes(JPEG)
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "out.jpg")
    source = Photographs(tmp_path / "in", None)
    assert source.read(" a.jpg ") == JPEG
    for name, said in (
        ("../out.jpg", "leads out"),
        ("link.jpg", "leads out"),
        (str(tmp_path / "out.jpg"), "absolute path"),
        ("b.jpg", "no such file"),
        ("", "names no photograph"),
        ("https://a.org/b.jpg", "allow it with --image-host a.org"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            source.read(name)
    with (tmp_path / "in" / "large.jpg").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(InvalidInputError, match="more than 16 MiB"):
        source.read("large.jpg")
