"""Services that fail, lie or hurry: waits, limits and addresses that are not visited; on a local server."""

import museum_server
import pytest
from museum_server import body, catalogue, cut_off, forbidden, photograph, redirect, silent, status
from saggar.errors import BusyError, InvalidInputError, NotFoundError, UnavailableError, WrongStateError
from saggar.museums.objects import MuseumAnswerError
from saggar.museums.registry import MUSEUMS
from saggar.museums.settings import MuseumSettings
from saggar.museums.web import Limits

pytest_plugins = ["museum_fixtures"]


# Faults -----------------------------------------------------------------------------------------------------


def test_429_waits_as_long_as_it_is_told(server, get, waiting):
    museum_server.met(server)
    server.faults["/met/objects/45001"] = [status(429, Retry_After="37")]
    assert get("met").kept == 3
    assert any(37 <= slept <= 38 for slept in waiting.slept)


def test_a_retry_after_that_is_a_date_or_nonsense_is_borne(server, get):
    museum_server.met(server)
    server.faults["/met/search"] = [
        status(503, Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
        status(503, Retry_After="soon"),
    ]
    assert get("met").kept == 3


def test_a_wait_of_hours_is_left_to_people(server, get, tmp_path):
    museum_server.met(server)
    server.faults["/images/45001.jpg"] = [status(429, Retry_After="7200")]
    with pytest.raises(BusyError, match=r"asks to wait 7,200 s\. Run the same command again") as caught:
        get("met")
    assert caught.value.retry_after_s == 7200
    assert len(catalogue(tmp_path / "out")) == 1  # what came before is kept
    assert get("met").new == 2


def test_waits_grow_and_end(server, get, waiting):
    museum_server.met(server)
    server.faults["/met/search"] = [status(500)] * 20
    with pytest.raises(UnavailableError, match=r"answered 500 .*, 6 times. Run the same command again later"):
        get("met")
    assert len(server.requests) == 6
    backoffs = [slept for slept in waiting.slept if slept != pytest.approx(0.2)]
    for slept, longest in zip(backoffs, (1, 2, 4, 8, 16), strict=True):
        assert longest / 2 <= slept <= longest


def test_errors_that_pass_are_passed_over(server, get):
    museum_server.met(server)
    server.faults["/met/search"] = [status(500), status(502), body(b"<html>busy</html>", "text/html")]
    server.faults["/met/objects/45000"] = [body(b'{"objectID": 45', "application/json")]
    server.faults["/images/45000.jpg"] = [cut_off(photograph(45000)), status(503)]
    report = get("met")
    assert (report.kept, report.failed) == (3, ())


def test_what_is_no_json_is_given_up_with_its_kind(server, get):
    server.faults["/met/search"] = [body(b"<html>", "text/html")] * 6
    with pytest.raises(UnavailableError, match="answered text/html that is not JSON, 6 times"):
        get("met")


def test_silence_is_not_waited_for(server, get):
    museum_server.met(server, count=1)
    server.faults["/images/45000.jpg"] = [silent(server)]
    assert get("met", limits=Limits(read_s=1.0)).kept == 1
    assert len(server.asked("/images/45000.jpg")) >= 2


def test_a_service_that_cannot_be_reached_is_said(get, tmp_path):
    with pytest.raises(UnavailableError, match=r"reached \((?!HTTP)[^(]*refused.*is there a network"):
        get("met", met_url="http://127.0.0.1:9/met")


def test_refusals_are_not_asked_again(server, get):
    server.faults["/met/search"] = [status(403)]
    with pytest.raises(WrongStateError, match=r"answered 403 .*it refuses us"):
        get("met")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (body(b"<html>sorry</html>", "text/html"), "answered text/html, not an image"),
        (body(b"no image at all", "image/jpeg"), "is not a JPEG, PNG, WebP or TIFF"),
        (body(photograph(1)[:900], "image/jpeg"), "truncated"),
        (body(b"x" * 300_000, "image/jpeg"), "is larger than"),
        (status(404), "answered 404"),
        (redirect("https://elsewhere.example.org/a.jpg"), "not where images may be fetched from"),
        (redirect("file:///etc/passwd"), "not where images may be fetched from"),
        (redirect("http://169.254.169.254/latest"), "not where images may be fetched from"),
    ],
)
def test_an_image_that_cannot_be_used_is_told_and_the_others_come(server, get, tmp_path, fault, reason):
    museum_server.met(server)
    server.faults["/images/45001.jpg"] = [fault]
    report = get("met", limits=Limits(image_bytes=200_000))
    assert (report.kept, [each.object_id for each in report.failed]) == (2, ["45001"])
    assert reason in report.failed[0].reason
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == [
        "met-45000.jpg",
        "met-45002.jpg",
    ]


def test_a_body_that_hides_its_length_is_measured(server, get):
    museum_server.met(server)

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "image/jpeg")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"x" * 400_000)
        handler.close_connection = True

    server.faults["/images/45001.jpg"] = [endless]
    report = get("met", limits=Limits(image_bytes=200_000))
    assert "is larger than" in report.failed[0].reason


@pytest.mark.parametrize(
    "url",
    [
        "http://images.metmuseum.org/a.jpg",  # not https
        "https://images.metmuseum.org:8443/a.jpg",
        "https://images.metmuseum.org.evil.example/a.jpg",
        "https://evil.example\\@images.metmuseum.org/a.jpg",
        "https://images.metmuseum.org@evil.example/a.jpg",
        "https://[::1]/a.jpg",
        "http://localhost:1/a.jpg",
        "ftp://images.metmuseum.org/a.jpg",
        "//evil.example/a.jpg",
        "https://images.metmuseum.org:port/a.jpg",
        "not an address",
    ],
)
def test_records_cannot_send_us_elsewhere(server, get, url):
    museum_server.met(server, primaryImageSmall=url)
    before = len(server.requests)
    report = get("met")
    assert report.kept == 2
    assert len(report.failed) == 1
    assert len(server.requests) - before == 1 + 3 + 2  # search, objects, the two other images


def test_hosts_below_a_dotted_name_are_agreed_on():
    web = MuseumSettings(npm_api_key="a-key").open_web(MUSEUMS["npm"], None)
    web._check_address("https://digitalarchive.npm.gov.tw/a.jpg")
    for url in ("https://npm.gov.tw.example.org/a.jpg", "https://evilnpm.gov.tw/a.jpg"):
        with pytest.raises(MuseumAnswerError, match="not visited"):
            web._check_address(url)


def test_redirects_within_the_museum_are_followed_but_not_for_ever(server, get):
    museum_server.met(server)
    server.images["/moved/a.jpg"] = photograph(7)
    server.faults["/images/45000.jpg"] = [redirect("/moved/a.jpg")]
    server.faults["/images/45001.jpg"] = [redirect("/images/45001.jpg")] * 9
    report = get("met")
    assert report.kept == 2
    assert "redirects too often" in report.failed[0].reason
    assert len(server.asked("/images/45001.jpg")) == 4


def test_keys_stay_with_the_service(server, get):
    museum_server.npm(server, count=1)
    with museum_server.museum_server() as other:
        other.images["/a.jpg"] = photograph(1)
        server.objects["/npm/collection/search/04000000"]["result"][0]["imgUrl"] = f"{other.url}/a.jpg"
        with pytest.raises(NotFoundError):
            get("npm", "定窯")
        assert other.requests == []


def test_many_failures_in_a_row_end_it(server, get, tmp_path):
    museum_server.met(server, count=9)
    for number in range(45002, 45009):
        server.images[f"/images/{number}.jpg"] = b"no image"
    with pytest.raises(UnavailableError, match="5 images in a row could not be fetched"):
        get("met")
    assert len(catalogue(tmp_path / "out")) == 2
    assert not server.asked("/images/45007")


# Politeness -------------------------------------------------------------------------------------------------


def test_requests_keep_their_distance(server, get, waiting):
    museum_server.aic(server)
    began = waiting.time
    get("aic")
    assert waiting.time - began == pytest.approx(len(server.requests) - 1)  # one a second


def test_haste_is_refused():
    with pytest.raises(InvalidInputError, match=r"asked at most once in 1 s; a pause of 0\.1 s is too short"):
        MuseumSettings().open_web(MUSEUMS["aic"], None, pause_s=0.1)


def test_we_say_who_we_are(server, get):
    museum_server.met(server, count=1)
    get("met", contact="curator@museum.example")
    agents = {headers["User-Agent"] for _, headers in server.requests}
    assert agents == {"Saggar/0.1.0 (porcelain research; curator@museum.example)"}


def test_a_contact_in_any_script_is_sent(server, get):
    museum_server.met(server, count=1)
    get("met", contact="故宫 you@museum.example\n")
    agents = {headers["User-Agent"] for _, headers in server.requests}
    assert agents == {"Saggar/0.1.0 (porcelain research; %E6%95%85%E5%AE%AB you@museum.example)"}


def test_a_key_that_no_header_can_carry_is_named_and_not_shown():
    for key in ("ключ", "quiet\n"):
        with pytest.raises(InvalidInputError, match="SAGGAR_NPM_API_KEY has a line break or") as caught:
            MuseumSettings(npm_api_key=key).open_web(MUSEUMS["npm"], None)
        assert "quiet" not in str(caught.value)


def test_answers_are_kept_for_a_week(server, get, waiting):
    museum_server.met(server)
    get("met")
    get("met", folder="second")
    assert len(server.asked("/met/")) == 4
    waiting.time += 8 * 24 * 3600
    get("met", folder="third")
    assert len(server.asked("/met/")) == 8
    get("met", folder="fourth", limits=Limits(cache_s=0.0))
    assert len(server.asked("/met/")) == 12


def test_a_damaged_cache_is_asked_anew(server, get, tmp_path):
    museum_server.met(server)
    get("met")
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_bytes(path.read_bytes()[:20])
    assert get("met").kept == 3
    assert not any(b"a-key" in path.read_bytes() for path in (tmp_path / "cache").rglob("*.json"))


def test_proxies_of_the_environment_are_used(server, get, monkeypatch):
    museum_server.met(server, count=1)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.objects["/public/search"] = {"total": 0, "objectIDs": None}
    with pytest.raises(NotFoundError):
        get("met", met_url="http://museum.invalid/public")
    assert server.requests[0][0] == "http://museum.invalid/public/search?hasImages=true&q=bowl"


# Firewalls --------------------------------------------------------------------------------------------------

IMPERVA = b"<html><script src='/_Incapsula_Resource'></script><body>Request unsuccessful.</body></html>"
AKAMAI = b"<HTML><TITLE>Access Denied</TITLE><BODY>Reference&#32;&#35;18.2</BODY></HTML>"
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize("page", [IMPERVA, AKAMAI, b"<html>Request blocked. Generated by cloudfront</html>"])
@pytest.mark.parametrize("where", ["/met/search", "/met/objects/45001", "/images/45001.jpg"])
def test_a_firewall_that_slows_us_down_is_waited_out(server, get, waiting, page, where):
    """The Met's says 403 after some thirty requests, for less than a minute."""
    museum_server.met(server)
    server.faults[where] = [forbidden(page)] * 2
    assert get("met").kept == 3
    assert sum(30 <= slept <= 32 for slept in waiting.slept) == 2


def test_a_firewall_without_a_known_name_is_known_by_what_came_before(server, get):
    museum_server.met(server)
    server.faults["/met/objects/45001"] = [forbidden(b"<html>Go away.</html>")]
    assert get("met").kept == 3


def test_a_firewall_that_stays_is_never_a_matter_of_keys(server, get):
    museum_server.met(server)
    server.faults["/met/search"] = [forbidden(IMPERVA)] * 9
    with pytest.raises(UnavailableError, match="by a firewall that slows programs down, 6 times") as caught:
        get("met")
    assert "key" not in str(caught.value)


@pytest.mark.parametrize("fault", [forbidden(CHALLENGE), forbidden(b"<html>", cf_mitigated="challenge")])
def test_a_museum_that_blocks_programs_is_told_as_such(server, get, waiting, fault):
    museum_server.met(server)
    server.faults["/met/search"] = [fault]
    with pytest.raises(MuseumAnswerError, match="the museum's server blocks programs, and waiting does not help"):
        get("met")
    assert len(server.requests) == 1
    assert not [slept for slept in waiting.slept if slept > 1]


def test_images_behind_a_check_for_browsers_are_not_asked_for_without_end(server, get):
    museum_server.met(server, count=12)
    for number in range(45000, 45012):
        server.faults[f"/images/{number}.jpg"] = [forbidden(CHALLENGE)]
    with pytest.raises(UnavailableError, match=r"5 images in a row .* blocks programs.*; try another museum"):
        get("met", limit=12)


def test_one_image_that_is_withheld_is_not_waited_for(server, get, waiting):
    museum_server.met(server)
    server.faults["/images/45001.jpg"] = [forbidden(b"<Error><Code>AccessDenied</Code></Error>", "application/xml")]
    report = get("met")
    assert (report.kept, len(report.failed)) == (2, 1)
    assert not [slept for slept in waiting.slept if slept > 1]
    assert "key" not in report.failed[0].reason


def test_formulas_in_a_museums_texts_are_quoted_and_read_back(server, get, tmp_path):
    from saggar.catalogue.tables import read_catalogue

    museum_server.met(server, count=1)
    get("met", limit=1)
    path = tmp_path / "out" / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"title": "', b'"title": "=HYPERLINK(1) '))
    get("met", limit=1)
    raw = (tmp_path / "out" / "catalogue.csv").read_text("utf-8-sig")
    assert "'=HYPERLINK(1)" in raw
    table = read_catalogue(tmp_path / "out" / "catalogue.csv")
    assert table.rows[0][table.header.index("title")].startswith("=HYPERLINK(1)")
