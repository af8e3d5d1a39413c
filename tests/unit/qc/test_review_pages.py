"""The review pages over HTTP, without a browser."""

import csv
import http.client
import io
from urllib.parse import urlencode

import pytest
from review_site import TOKENS, open_review
from saggar.errors import InvalidInputError, UnavailableError
from saggar.store import DirectoryStore
from saggar_qc.pages.server import ReviewServer, read_tokens, review_pages
from saggar_qc.review.journal import Desks
from saggar_qc.settings import QcSettings


class Visitor:
    """A browser's part: cookies and requests."""

    def __init__(self, address):
        self.address, self.cookie = address, ""

    def ask(self, method, path, form=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        headers["cookie"] = self.cookie
        connection.request(method, path, urlencode(form) if form is not None else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body.decode("utf-8", "replace")

    def sign_in(self, secret):
        answer, body = self.ask("POST", "/signin", {"token": secret})
        if answer.status == 303:
            self.cookie = answer.getheader("set-cookie").split(";")[0]
        return answer, body


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def review(store):
    return open_review(store)


@pytest.fixture
def server(store, review):
    made = ReviewServer(Desks(store), TOKENS, "127.0.0.1:0")
    yield made
    made.stop()


@pytest.fixture
def visitor(server):
    made = Visitor(server.address)
    made.sign_in(TOKENS["ana"])
    return made


def item_of(page):
    return page.partition('data-item="')[2].partition('"')[0]


JUDGED = {"plausible": "yes", "coherent": "yes", "is_glaze": "right", "is_type": "right", "seconds": "1.5"}


def test_nothing_is_shown_without_a_token(server, review):
    stranger = Visitor(server.address)
    for path in ("/", f"/reviews/{review.review_id}", "/" + review.items[0].image):
        assert stranger.ask("GET", path)[0].getheader("location") == "/signin"
    answer, body = stranger.sign_in("guess")
    assert answer.status == 403
    assert "not known" in body
    assert stranger.ask("GET", "/healthz")[1] == "ok"


def test_a_verdict_brings_the_next_image(visitor, review):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    answer, body = visitor.ask("POST", f"{page}/items/{first}", JUDGED, **{"x-fragment": "1"})
    assert answer.status == 200
    assert item_of(body) not in ("", first)
    assert "<html" not in body
    assert "1 judged by you" in body
    answer, body = visitor.ask("POST", f"{page}/undo", {}, **{"x-fragment": "1"})
    assert item_of(body) == first
    assert "Taken back" in body


def test_without_script_a_form_leads_back_to_the_page(visitor, review):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    answer, _ = visitor.ask("POST", f"{page}/items/{first}", JUDGED)
    assert (answer.status, answer.getheader("location")) == (303, page)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"reason": "ugly"}, "no reason"),
        ({"is_glaze": "perhaps"}, "cannot be read"),
        ({"seconds": "long"}, "cannot be read"),
        ({"seconds": "-1"}, "cannot be read"),
        ({"comment": "x" * 2000}, "cannot be read"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused(visitor, review, form, text):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    answer, body = visitor.ask("POST", f"{page}/items/{first}", JUDGED | form, **{"x-fragment": "1"})
    assert answer.status == 400
    assert text in body
    assert item_of(visitor.ask("GET", page)[1]) == first


def test_other_sites_cannot_post(visitor, review):
    answer, body = visitor.ask("POST", f"/reviews/{review.review_id}/undo", {}, origin="http://elsewhere.example")
    assert answer.status == 403
    assert "another site" in body


def test_what_there_is_not_is_not_found(visitor):
    assert visitor.ask("GET", "/reviews/none")[0].status == 404
    assert visitor.ask("GET", "/images/aa/none.png")[0].status == 404
    assert visitor.ask("GET", "/images/..%2f..%2fsecret")[0].status in (400, 404)


def test_images_may_be_kept_and_pages_send_their_policy(visitor, review):
    answer, _ = visitor.ask("GET", "/" + review.items[0].image)
    assert "immutable" in answer.getheader("cache-control")
    assert answer.getheader("content-type") == "image/png"
    assert "default-src 'self'" in visitor.ask("GET", "/")[0].getheader("content-security-policy")


def test_all_is_judged_and_exported(visitor, review):
    page = f"/reviews/{review.review_id}"
    for comment in ("=HYPERLINK(1)", *"abcde"):
        item = item_of(visitor.ask("GET", page)[1])
        visitor.ask("POST", f"{page}/items/{item}", JUDGED | {"comment": comment})
    assert "This review is finished" in visitor.ask("GET", page)[1]
    answer, text = visitor.ask("GET", f"{page}/verdicts.csv")
    assert "attachment" in answer.getheader("content-disposition")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 6
    assert {row["comment"] for row in rows} == {"'=HYPERLINK(1)", *"abcde"}
    assert "6 / 6" in visitor.ask("GET", f"{page}/summary")[1]


def test_a_conflict_is_settled_on_its_page(store, server):
    review = open_review(store, 3, double_share=1.0)
    page = f"/reviews/{review.review_id}"
    people = [Visitor(server.address), Visitor(server.address)]
    for person, secret, verdict in zip(people, TOKENS.values(), (JUDGED, {"reason": "copy"}), strict=True):
        person.sign_in(secret)
        for _ in range(3):
            item = item_of(person.ask("GET", page)[1])
            assert person.ask("POST", f"{page}/items/{item}", verdict)[0].status == 303
    assert "verdicts disagree" in people[0].ask("GET", page)[1]
    body = people[0].ask("GET", f"{page}/conflicts")[1]
    assert body.count('class="card conflict"') == 3
    for item in review.items:
        answer, _ = people[1].ask("POST", f"{page}/conflicts/{item.item_id}", {"reason": "other"})
        assert answer.status == 303
    assert "no disagreement" in people[0].ask("GET", f"{page}/conflicts")[1]
    assert "0 / 3" in people[0].ask("GET", f"{page}/summary")[1]


def test_the_language_is_the_browser_s_or_the_chosen_one(visitor):
    assert "审阅任务" in visitor.ask("GET", "/", **{"accept-language": "zh-TW,en;q=0.5"})[1]
    answer, _ = visitor.ask("POST", "/language", {"language": "zh", "back": "//elsewhere.example"})
    assert answer.getheader("location") == "/"
    visitor.cookie += "; " + answer.getheader("set-cookie").split(";")[0]
    assert "审阅任务" in visitor.ask("GET", "/")[1]


def test_tokens_are_checked(tmp_path, store):
    path = tmp_path / "tokens.yaml"
    for text, problem in (
        ("ana: short", "shorter than 12"),
        ("{}", "names no reviewer"),
        ("ana: secret-secret\nbo: secret-secret", "same secret"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInputError, match=problem):
            read_tokens(path)
    settings = QcSettings(store=str(tmp_path / "store"), review_listen="127.0.0.1:0")
    desks = Desks(settings.open_store())
    with pytest.raises(InvalidInputError, match="REVIEW_TOKENS"), review_pages(settings, desks):
        pass


def test_a_taken_port_is_named(server, store):
    with pytest.raises(UnavailableError, match=server.address):
        ReviewServer(Desks(store), TOKENS, server.address)


def test_pages_are_served_while_the_settings_ask(tmp_path, store):
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("ana: secret-of-ana")
    address = tmp_path / "address"
    settings = QcSettings(
        store=str(tmp_path / "store"),
        review_listen="127.0.0.1:0",
        review_tokens=tokens,
        review_address_file=address,
    )
    with review_pages(settings, Desks(settings.open_store())) as served:
        assert address.read_text() == served
        assert Visitor(served).ask("GET", "/healthz")[0].status == 200
    with pytest.raises(OSError, match="refused"):
        Visitor(served).ask("GET", "/healthz")
