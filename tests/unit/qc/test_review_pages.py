"""The review pages over HTTP, without a browser."""

import csv
import html
import io
import re
from urllib.parse import urlencode

import pytest
from review_site import TOKENS, open_review
from saggar.errors import InvalidInputError
from saggar.pages.server import PagesServer
from saggar.store import DirectoryStore
from saggar_qc.pages.app import create_app
from saggar_qc.pages.server import review_pages
from saggar_qc.review.journal import Desk, Desks
from saggar_qc.settings import QcSettings
from visitor import Visitor


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def review(store):
    return open_review(store)


def review_server(store):
    return PagesServer(create_app(Desks(store), lambda: TOKENS), "127.0.0.1:0", setting="SAGGAR_REVIEW_LISTEN")


@pytest.fixture
def server(store, review):
    made = review_server(store)
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
        ({"is_foo": "right"}, "claims nothing about 'foo'"),
        ({"seconds": "inf"}, "cannot be read"),
        ({"seconds": "nan"}, "cannot be read"),
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


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ({}, FORM),
        ({"other": "1"}, FORM),
        (JUDGED, "application/json"),
        (JUDGED, "text/plain"),
        (JUDGED | {"action": "destroy"}, FORM),
        (JUDGED | {"plausible": "maybe"}, FORM),
    ],
)
def test_what_is_no_verdict_rejects_nothing(visitor, review, form, content_type):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    headers = {"x-fragment": "1", "content-type": content_type}
    assert visitor.send("POST", f"{page}/items/{first}", urlencode(form), headers)[0].status == 400
    assert item_of(visitor.ask("GET", page)[1]) == first


def test_a_number_that_is_none_is_told_on_a_page(visitor, review):
    answer, body = visitor.ask("GET", f"/reviews/{review.review_id}/items?n=x")
    assert (answer.status, "n: Input should be a valid integer" in body) == (400, True)


def test_an_answer_given_twice_is_refused(visitor, review):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    form = [*JUDGED.items(), ("is_glaze", "wrong")]
    answer, body = visitor.ask("POST", f"{page}/items/{first}", form, **{"x-fragment": "1"})
    assert (answer.status, "'is_glaze' twice" in body) == (400, True)


def test_an_image_that_was_not_given_takes_no_verdict(visitor, review):
    page = f"/reviews/{review.review_id}"
    first = item_of(visitor.ask("GET", page)[1])
    other = next(item.item_id for item in review.items if item.item_id != first)
    for action in ("judge", "accept", "skip", "revise"):
        answer, _ = visitor.ask("POST", f"{page}/items/{other}", JUDGED | {"action": action}, **{"x-fragment": "1"})
        assert answer.status == 409, action
    assert visitor.ask("GET", f"{page}/items/{other}")[0].status == 409


def test_what_was_judged_is_found_and_changed(visitor, review):
    page = f"/reviews/{review.review_id}"
    judged = []
    for form in (JUDGED, {"reason": "copy"}, JUDGED | {"is_glaze": "unsure"}):
        judged.append(item_of(visitor.ask("GET", page)[1]))
        visitor.ask("POST", f"{page}/items/{judged[-1]}", form)
    assert visitor.ask("GET", f"{page}/judged")[1].count('<li class="') == 3
    rejected = visitor.ask("GET", f"{page}/judged?decision=reject")[1]
    assert rejected.count('<li class="') == 1
    assert judged[1] in rejected
    assert judged[2] in visitor.ask("GET", f"{page}/judged?decision=unsure")[1]
    assert visitor.ask("GET", f"{page}/judged?label=glaze:Nothing")[1].count('<li class="') == 0
    assert visitor.ask("GET", f"{page}/items?n=2")[0].getheader("location").endswith(judged[1])
    assert visitor.ask("GET", f"{page}/items?n=9")[0].status == 404
    assert 'aria-pressed="true"' in visitor.ask("GET", f"{page}/items/{judged[1]}")[1]
    answer, _ = visitor.ask("POST", f"{page}/items/{judged[1]}", JUDGED | {"action": "revise"}, **{"x-fragment": "1"})
    assert answer.status == 204
    assert visitor.ask("GET", f"{page}/judged?decision=reject")[1].count('<li class="') == 0


def test_nothing_tells_a_control_or_another_s_verdict_before_one_has_finished(store, server):
    review = open_review(store, 6, controls=2, double_share=0.5)
    page = f"/reviews/{review.review_id}"
    ana, bo = Visitor(server.address), Visitor(server.address)
    for person, token in zip((ana, bo), TOKENS.values(), strict=True):
        person.sign_in(token)
    shown = set()
    while item := item_of(bo.ask("GET", page)[1]):
        shown.add(item)
        bo.ask("POST", f"{page}/items/{item}", JUDGED | {"comment": "said by bo"})
    ana.ask("GET", page)
    seen = [ana.ask("GET", f"{page}{path}") for path in ("/verdicts.csv", "/summary", "/conflicts", "/judged", "")]
    for answer, body in seen:
        assert "said by bo" not in body
        assert "bo</th>" not in body
        assert "Controls right" not in body
        assert answer.status in (200, 409)
    rows = list(csv.DictReader(io.StringIO(bo.ask("GET", f"{page}/verdicts.csv")[1].removeprefix("\ufeff"))))
    assert {row["reviewer"] for row in rows} == {"bo"}
    assert {row["control"] for row in rows} == {"", "real", "bad"}  # bo has finished
    item = item_of(ana.ask("GET", page)[1])
    ana.ask("POST", f"{page}/items/{item}", JUDGED)
    rows = list(csv.DictReader(io.StringIO(ana.ask("GET", f"{page}/verdicts.csv")[1].removeprefix("\ufeff"))))
    assert [(row["reviewer"], row["control"], row["source"]) for row in rows] == [("ana", "", "")]
    while item := item_of(ana.ask("GET", page)[1]):
        ana.ask("POST", f"{page}/items/{item}", JUDGED)
    assert "Controls right" in ana.ask("GET", f"{page}/summary")[1]


def test_more_images_of_the_experiment_are_announced(store, server, visitor):
    review = open_review(store, 1, seed=5)
    page = f"/reviews/{review.review_id}"
    item = item_of(visitor.ask("GET", page)[1])
    body = visitor.ask("POST", f"{page}/items/{item}", JUDGED, **{"x-fragment": "1"})[1]
    assert "This review is finished" in body
    assert "More images of this experiment" in body  # the review of six, which has the same experiment
    assert "Experiment paper" in visitor.ask("GET", "/")[1]


def test_a_closed_review_says_so(store, server, visitor, review):
    page = f"/reviews/{review.review_id}"
    item = item_of(visitor.ask("GET", page)[1])
    assert f'href="{page}">Review images' in visitor.ask("GET", "/")[1]
    Desk(store, review).close("paper")
    assert f'href="{page}">Review images' not in visitor.ask("GET", "/")[1]
    answer, body = visitor.ask("POST", f"{page}/items/{item}", JUDGED, **{"x-fragment": "1"})
    assert (answer.status, "closed" in body) == (409, True)
    assert "review was closed" in visitor.ask("GET", page)[1]


def test_the_cookie_is_a_session_that_ends(store, visitor, server):
    assert TOKENS["ana"] not in visitor.cookie
    kept = visitor.cookie
    visitor.ask("POST", "/signout", {})
    stolen = Visitor(server.address)
    stolen.cookie = kept
    assert stolen.ask("GET", "/")[0].getheader("location") == "/signin"
    other = review_server(store)  # a restart, or another replica
    try:
        stolen.address = other.address
        assert stolen.ask("GET", "/")[0].getheader("location") == "/signin"
        stolen.sign_in(TOKENS["bo"])
        assert stolen.ask("GET", "/")[0].status == 200
        stolen.address = server.address
        assert stolen.ask("GET", "/")[0].status == 200
    finally:
        other.stop()
    before = list(store.list("sessions/"))
    stolen.cookie = "saggar-session=made-up"
    stolen.ask("POST", "/signout", {})
    assert list(store.list("sessions/")) == before  # a stranger writes nothing


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
    assert "Verdicts disagree" in people[0].ask("GET", page)[1]
    body = people[0].ask("GET", f"{page}/conflicts")[1]
    assert body.count('class="card conflict"') == 3
    for item in review.items:
        answer, _ = people[1].ask("POST", f"{page}/conflicts/{item.item_id}", {"reason": "other"})
        assert answer.status == 303
    assert "no disagreement" in people[0].ask("GET", f"{page}/conflicts")[1]
    assert "0 / 3" in people[0].ask("GET", f"{page}/summary")[1]


def test_who_is_alone_reads_that_another_person_is_needed(store, server):
    review = open_review(store, 4, double_share=0.5)
    page = f"/reviews/{review.review_id}"
    alone = Visitor(server.address)
    alone.sign_in(TOKENS["ana"])
    for _ in review.items:
        alone.ask("POST", f"{page}/items/{item_of(alone.ask('GET', page)[1])}", JUDGED)
    waiting = alone.ask("GET", page)[1]
    assert "take a second person's verdict, and have yours: 2." in html.unescape(waiting)
    assert "Others still hold" not in waiting
    assert "disagree" not in waiting


def test_chinese_pages_have_chinese_marks(visitor, review):
    chinese = {"accept-language": "zh"}
    page = f"/reviews/{review.review_id}"
    item = item_of(visitor.ask("GET", page, **chinese)[1])
    shown = visitor.ask("POST", f"{page}/items/{item}", JUDGED, **chinese, **{"x-fragment": "1"})[1]
    assert "您已审阅 1 · 每分钟 6" in shown
    pages = [
        shown,
        *(visitor.ask("GET", page + each, **chinese)[1] for each in ("", "/judged", "/summary", "/conflicts")),
    ]
    for text in pages:
        assert not re.findall(r"[\u4e00-\u9fff](?:, |: ?)[\w<]?", text)


def test_a_command_in_a_hint_is_marked_as_code(server):
    _, body = Visitor(server.address).ask("GET", "/signin")
    assert "<code>saggar review --link</code>" in body
    assert "`" not in body


def test_the_language_is_the_browser_s_or_the_chosen_one(visitor):
    assert "审阅任务" in visitor.ask("GET", "/", **{"accept-language": "zh-TW,en;q=0.5"})[1]
    answer, _ = visitor.ask("POST", "/language", {"language": "zh", "back": "//elsewhere.example"})
    assert answer.getheader("location") == "/"
    visitor.cookie += "; " + answer.getheader("set-cookie").split(";")[0]
    assert "审阅任务" in visitor.ask("GET", "/")[1]


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


def test_pages_need_tokens(tmp_path):
    settings = QcSettings(store=str(tmp_path / "store"), review_listen="127.0.0.1:0")
    desks = Desks(settings.open_store())
    with pytest.raises(InvalidInputError, match="REVIEW_TOKENS"), review_pages(settings, desks):
        pass
