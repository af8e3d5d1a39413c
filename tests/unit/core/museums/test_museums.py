"""What comes of each museum, under which licence, and how a fetch goes on; on a local server."""

import hashlib

import museum_server
import pytest
from hypothesis import given
from hypothesis import strategies as st
from museum_server import catalogue, photograph
from properties import examples
from saggar.errors import InvalidInputError, NotFoundError, StorageFullError, WrongStateError
from saggar.museums import aic, cleveland, met, npm
from saggar.museums.fetching import read_records
from saggar.museums.objects import LeftOut, MuseumAnswerError, MuseumObject, text
from saggar.museums.registry import MUSEUMS, find_museum

pytest_plugins = ["museum_fixtures"]

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


# What each museum gives -------------------------------------------------------------------------------------


def test_met_gives_photographs_with_texts_licence_and_credit_line(server, get, tmp_path):
    museum_server.met(server)
    report = get("met")
    assert (report.kept, report.new, report.left_out, report.failed) == (3, 3, {}, ())
    assert server.asked("/met/search") == ["/met/search?hasImages=true&q=bowl"]
    row = catalogue(tmp_path / "out")[0]
    assert (tmp_path / "out" / row["image"]).read_bytes() == photograph(45000)
    assert row["image"] == "images/met-45000.jpg"
    assert row["licence"] == row["text_licence"] == CC0
    assert row["credit_line"] == "Gift of a Friend, 1929"
    assert row["object_url"] == "https://www.metmuseum.org/art/collection/search/45000"
    assert (row["title"], row["date_begin"], row["date_end"]) == ("Bowl with Peonies", "1000", "1127")
    assert row["period"] == "Northern Song dynasty (960–1127)"
    assert row["medium"].endswith("celadon glaze (Yaozhou ware)")
    assert row["kind"] == "Bowl; Ceramics"
    record = read_records(tmp_path / "out")["met-45000"]
    assert record.object.image_url == f"{server.url}/images/45000.jpg"
    assert record.retrieved == "2026-03-01T12:00:00+00:00"
    assert record.sha256 == hashlib.sha256(photograph(45000)).hexdigest()
    assert (record.size_bytes, record.width_px, record.height_px) == (len(photograph(45000)), 96, 72)


def test_cleveland_pages_and_takes_the_size_that_is_wanted(server, get, tmp_path, monkeypatch):
    monkeypatch.setattr("saggar.museums.cleveland._PAGE", 2)
    museum_server.cleveland(server, count=5)
    assert get("cleveland").kept == 5
    assert [path.split("skip=")[1] for path in server.asked("skip=")] == ["0", "2", "4"]
    row = catalogue(tmp_path / "out")[0]
    assert row["title"] == "Ewer; 執壺"
    assert row["description"] == "An ewer & its basin."
    assert row["culture"] == "China, Southern Song dynasty (1127-1279)"
    assert read_records(tmp_path / "out")["cleveland-130000"].object.image_url.endswith("_web.jpg")
    assert not server.asked("-full")


def test_cleveland_takes_the_print_size_where_the_small_one_is_too_small(server, get, tmp_path):
    museum_server.cleveland(server, count=1)
    server.images["/images/1950.0_web.jpg-print"] = photograph(1)
    get("cleveland", image_px=1500)
    assert server.asked("-print")
    assert not [path for path in server.asked("_web.jpg") if not path.endswith("-print")]


def test_aic_asks_for_fields_pages_and_iiif_sizes(server, get, tmp_path, monkeypatch):
    monkeypatch.setattr("saggar.museums.aic._PAGE", 2)
    museum_server.aic(server)
    assert get("aic", "vase").kept == 3
    first = server.asked("/aic/artworks/search")[0]
    assert "fields=id%2Ctitle" in first
    assert "limit=2&page=1" in first
    assert all("/full/843,/0/default.jpg" in path for path in server.asked("/iiif/"))
    row = catalogue(tmp_path / "out")[0]
    assert row["description"] == "A vase with a lavender-blue glaze."
    assert (row["licence"], row["text_licence"]) == (CC0, "https://creativecommons.org/licenses/by/4.0/")
    assert row["object_url"] == "https://www.artic.edu/artworks/24600"
    assert {headers["AIC-User-Agent"] for path, headers in server.requests if "/aic/" in path} == {
        "Saggar/0.1.0 (porcelain research)"
    }


@pytest.mark.parametrize(
    ("side", "thumbnail", "size"),
    [
        (843, {"width": 3000, "height": 4000}, "843,"),
        (843, None, "843,"),
        (400, {"width": 3000, "height": 4000}, "!400,400"),
        (843, {"width": 600, "height": 500}, "full"),  # nothing is enlarged
        (843, {"width": 600, "height": 2000}, "!843,843"),
        (843, {"width": None, "height": "tall"}, "843,"),
    ],
)
def test_iiif_sizes_are_never_above_the_original(side, thumbnail, size):
    url = aic.image_url("https://www.artic.edu/iiif/2/", "a b/c", thumbnail, side)
    assert url == f"https://www.artic.edu/iiif/2/a%20b%2Fc/full/{size}/0/default.jpg"


def test_npm_reads_the_list_sends_the_key_and_keeps_what_has_every_word(server, get, tmp_path):
    museum_server.npm(server, count=4)
    report = get("npm", "定窯 宋")
    assert (report.kept, report.new) == (2, 2)
    assert "lang=cht" in server.asked("/npm/collection/search/?")[0]
    keys = {headers.get("apiKey") for path, headers in server.requests if path.startswith("/npm/")}
    assert keys == {"a-key"}
    row = catalogue(tmp_path / "out")[0]
    assert (row["title"], row["period"], row["kind"]) == ("定窯白瓷盤", "宋", "陶瓷")
    assert row["description"] == "白瓷劃花盤。; 口徑 20 公分"
    assert row["licence"] == "https://data.gov.tw/license"
    assert row["credit_line"] == "National Palace Museum, Taipei"


def test_npm_without_a_key_says_where_to_get_one(get):
    with pytest.raises(WrongStateError, match=r"needs an API key: .* set SAGGAR_NPM_API_KEY"):
        get("npm", npm_api_key="")


def test_npm_list_that_never_ends_is_left(server, get, monkeypatch):
    monkeypatch.setattr("saggar.museums.npm._PAGE", 3)
    museum_server.npm(server, count=4)
    page = server.objects["/npm/collection/search/"]
    server.objects["/npm/collection/search/"] = lambda query: page(query | {"offset": "0"})
    get("npm", "定窯", limit=100)
    assert len(server.asked("/npm/collection/search/?")) == 2


# Licences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [False, None, "true", 1])
def test_only_what_the_met_says_is_in_the_public_domain_is_taken(server, get, tmp_path, flag):
    numbers = museum_server.met(server, isPublicDomain=flag)
    report = get("met")
    assert (report.kept, report.left_out) == (2, {"its licence does not allow it": 1})
    assert not server.asked(f"/images/{numbers[-1]}")
    assert len(catalogue(tmp_path / "out")) == 2


@pytest.mark.parametrize("status_text", ["Copyrighted", "", None, "CC0-ish"])
def test_only_cc0_of_cleveland_is_taken(server, get, status_text):
    museum_server.cleveland(server, share_license_status=status_text)
    assert get("cleveland").left_out == {"its licence does not allow it": 1}


@pytest.mark.parametrize("flag", [False, None])
def test_only_what_chicago_says_is_in_the_public_domain_is_taken(server, get, flag):
    museum_server.aic(server, is_public_domain=flag)
    assert get("aic").left_out == {"its licence does not allow it": 1}


def test_nothing_that_can_be_used_is_an_error_that_says_why(server, get, tmp_path):
    museum_server.met(server, count=1, isPublicDomain=False)
    with pytest.raises(NotFoundError, match=r"nothing for 'bowl' .*1 left out \(its licence does not allow it\)"):
        get("met")
    assert not (tmp_path / "out" / "catalogue.csv").exists()


def test_nothing_found_is_an_error(server, get):
    museum_server.met(server, count=0)
    with pytest.raises(NotFoundError, match="has nothing for 'bowl'"):
        get("met")


# Missing and strange fields ---------------------------------------------------------------------------------


def test_objects_without_an_image_or_that_are_gone_are_counted(server, get):
    numbers = museum_server.met(server, primaryImage="", primaryImageSmall="")
    del server.objects[f"/met/objects/{numbers[0]}"]
    report = get("met")
    assert report.kept == 1
    assert report.left_out == {"has no image": 1, "is no longer in the service": 1}


def test_missing_fields_are_empty_texts(server, get, tmp_path):
    (number,) = museum_server.met(server, count=1)
    known = server.objects[f"/met/objects/{number}"]
    server.objects[f"/met/objects/{number}"] = {
        name: known[name] for name in ("objectID", "isPublicDomain", "primaryImage", "primaryImageSmall")
    } | {"title": None, "medium": ["porcelain", None, 5], "culture": {"strange": 1}}
    assert get("met").kept == 1
    row = catalogue(tmp_path / "out")[0]
    assert (row["title"], row["medium"], row["culture"], row["credit_line"]) == ("", "porcelain; 5", "", "")


@pytest.mark.parametrize("answer", [[], {"unknown": 1}, {"objectIDs": "45000"}, None])
def test_an_unknown_shape_is_said(server, get, answer):
    server.objects["/met/search"] = answer
    with pytest.raises(MuseumAnswerError, match="without objectIDs"):
        get("met")


def test_texts_lose_markup_and_control_characters():
    assert text("<p>A&nbsp;<b>white</b>\r\n\tbowl\x00</p>") == "A white bowl"
    assert text(["a", ["b", None], ""]) == "a; b"
    assert text(value=True) == ""


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (lambda answer: met.read_object(answer, 843), ("objectID", "title", "primaryImage", "period")),
        (lambda answer: cleveland.read_object(answer, 843), ("id", "images", "culture", "description")),
        (lambda answer: aic.read_object(answer, "https://x", 843), ("id", "image_id", "thumbnail", "title")),
        (lambda answer: npm.read_object(answer, "https://x"), ("Serial_No", "imgUrl", "Slogan")),
    ],
)
@given(data=st.data())
@examples(60)
def test_no_record_however_odd_stops_a_fetch(read, names, data):
    free = {"isPublicDomain": True, "is_public_domain": True, "share_license_status": "CC0"}
    record = {name: data.draw(_json) for name in names if data.draw(st.booleans())} | free
    found = read(record)
    assert isinstance(found, LeftOut | MuseumObject)
    assert all("\n" not in value and value == value.strip() for value in vars(found).values())


# Going on ---------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_fetched_again(server, get):
    museum_server.met(server)
    get("met", limit=2)
    asked = len(server.requests)
    again = get("met", limit=2)
    assert (again.kept, again.new) == (2, 0)
    assert len(server.requests) == asked
    more = get("met", limit=10)
    assert (more.kept, more.new, more.records) == (3, 1, 3)


def test_a_lost_image_and_another_size_are_fetched(server, get, tmp_path):
    museum_server.met(server)
    get("met")
    (tmp_path / "out" / "images" / "met-45001.jpg").unlink()
    (tmp_path / "out" / "images" / "met-45002.jpg").write_bytes(b"cut")
    assert get("met").new == 2
    server.images |= {f"/images/{number}-original.jpg": photograph(number) for number in range(45000, 45003)}
    assert get("met", image_px=2000).new == 3
    assert len(catalogue(tmp_path / "out")) == 3


def test_a_line_that_was_cut_off_is_fetched_again(server, get, tmp_path):
    museum_server.met(server)
    get("met")
    journal = tmp_path / "out" / "records.jsonl"
    for cut in (1, 40):  # without its end of line, and in the middle
        journal.write_bytes(journal.read_bytes()[:-cut])
        assert get("met").new == 1
        assert len(read_records(tmp_path / "out")) == 3


def test_a_strange_line_is_named(server, get, tmp_path):
    museum_server.met(server)
    get("met")
    journal = tmp_path / "out" / "records.jsonl"
    journal.write_bytes(b'{"image": "x"}\n' + journal.read_bytes())
    with pytest.raises(InvalidInputError, match=r"records.jsonl, line 1: is not a record"):
        get("met")


def test_museums_share_a_folder(server, get, tmp_path):
    museum_server.met(server, count=1)
    museum_server.cleveland(server, count=1)
    get("met")
    assert get("cleveland").records == 2
    assert [row["museum"] for row in catalogue(tmp_path / "out")] == ["cleveland", "met"]


def test_two_fetches_do_not_share_a_folder(server, get, tmp_path):
    museum_server.met(server)
    inner = []

    def second(query):
        with pytest.raises(WrongStateError, match="another fetch is at work there"):
            get("cleveland")
        inner.append(query)
        return {"objectIDs": [45000]}

    server.objects["/met/search"] = second
    assert get("met").kept == 1
    assert inner


def test_an_interruption_keeps_what_has_come(server, get, tmp_path, monkeypatch):
    museum_server.met(server)

    def interrupted(self, url):
        if "45001" in url:
            raise KeyboardInterrupt
        return photograph(1)

    with monkeypatch.context() as patch:
        patch.setattr("saggar.museums.web.Web.image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get("met")
    assert len(catalogue(tmp_path / "out")) == 1
    assert get("met").new == 2


def test_a_full_disk_is_said(server, get, tmp_path, monkeypatch):
    museum_server.met(server)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("saggar.files.wholefile.os.fsync", full)
        with pytest.raises(StorageFullError, match="no room left on the disk"):
            get("met")
    assert not list((tmp_path / "out" / "images").iterdir())
    assert get("met").kept == 3


def test_registry_is_https_and_within_the_documented_rates():
    for museum in MUSEUMS.values():
        assert museum.base_url.startswith("https://")
        assert museum.terms.startswith("https://")
        assert museum.pause_s >= museum.least_pause_s
    with pytest.raises(NotFoundError, match="no museum 'louvre'; known: met, cleveland, aic, npm"):
        find_museum("louvre")
