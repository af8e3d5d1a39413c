"""The status pages over HTTP, without a browser."""

import json
import re
import socket
import threading
import time
from urllib.parse import urlencode

import pytest
from colour_bundle import colour_bundle
from orchestrator_fakes import EXPERIMENT
from saggar.errors import UnavailableError
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.status.trying import LARGEST_PHOTOGRAPH
from status_site import BASELINE, TOKENS, Bench, photograph
from visitor import Visitor, upload


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("pages"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def finished(bench):
    """The id of an experiment that was started on the page and has run to its report."""
    identity = bench.start(EXPERIMENT)
    assert bench.ended(identity).state == "succeeded"
    return identity


def test_what_runs_is_shown_with_its_progress_and_whoever_may_not_is_shown_no_buttons(bench):
    gate = bench.fakes.hold["Train"] = threading.Event()
    try:
        identity = bench.start(BASELINE.replace("name: small", "name: held"))
        deadline = time.monotonic() + 120
        while "held, 1 / 2 steps" not in (body := bench.someone.ask("GET", f"/experiments/{identity}")[1]):
            assert time.monotonic() < deadline, body
            time.sleep(0.2)
        assert "train baseline, seed 0" in body
        assert 'class="cell running"' in body
        assert "import photographs: done in" in body
        assert "/cancel" not in body
        assert "Sign in to start" in body
        fragment = bench.researcher.ask("GET", f"/experiments/{identity}", **{"x-fragment": "1"})[1]
        assert "<html" not in fragment
        assert f"/experiments/{identity}/cancel" in fragment
        assert "steps done" in bench.someone.ask("GET", "/")[1]
        chinese = bench.someone.ask("GET", f"/experiments/{identity}", **{"accept-language": "zh-CN"})[1]
        assert not re.findall(r"[\u4e00-\u9fff](?:</\w+>)?: ", chinese)
        assert "训练 baseline，种子 0" in chinese
        with bench.pages() as other:  # another replica: nothing of it is in the first one's memory
            assert "held, 1 / 2 steps" in other.ask("GET", f"/experiments/{identity}")[1]
        assert bench.someone.ask("POST", f"/experiments/{identity}/cancel", {})[0].getheader("location") == "/signin"
        assert bench.engine.describe(identity).state == "running"
        answer, _ = bench.researcher.ask("POST", f"/experiments/{identity}/cancel", {})
        assert (answer.status, answer.getheader("location")) == (303, f"/experiments/{identity}")
    finally:
        gate.set()
        del bench.fakes.hold["Train"]
    assert bench.ended(identity).state == "cancelled"
    body = bench.researcher.ask("GET", f"/experiments/{identity}")[1]
    assert "stopped" in body
    bench.researcher.ask("POST", f"/experiments/{identity}/resume", {})
    assert bench.ended(identity).state == "succeeded"
    assert "taken over" in bench.researcher.ask("GET", f"/experiments/{identity}")[1]
    assert bench.researcher.ask("POST", f"/experiments/{identity}/delete", {})[0].getheader("location") == "/"
    assert bench.someone.ask("GET", f"/experiments/{identity}")[0].status == 404


def test_a_finished_experiment_leads_to_its_report_results_and_file(bench, finished):
    page = f"/experiments/{finished}"
    body = bench.someone.ask("GET", page)[1]
    assert bench.engine.describe(finished).headline in body.replace("&#39;", "'")
    done = body.count('class="cell succeeded"'), body.count('class="cell reused"')
    assert done in {(6, 0), (5, 1)}  # one was trained by the experiment of the test above, where that has run
    answer, report = bench.someone.ask("GET", f"{page}/report")
    assert "90:10 against baseline" in report
    assert "sandbox allow-scripts" in answer.getheader("content-security-policy")
    assert "default-src 'self'" not in answer.getheader("content-security-policy")
    assert "不同" in report or "比较" in bench.someone.ask("GET", f"{page}/report", **{"accept-language": "zh"})[1]
    results = json.loads(bench.someone.ask("GET", f"{page}/results.json")[1])
    assert [arm["name"] for arm in results["arms"]] == ["baseline", "95:5", "90:10"]
    for arm in results["arms"]:
        assert f"<td>{arm['mean_macro_f1']['mean']:.3f}</td>" in body
    assert bench.someone.ask("GET", f"{page}/experiment.yaml")[1] == EXPERIMENT
    assert finished in bench.someone.ask("GET", "/")[1]


def test_a_model_is_activated_by_those_who_may(bench, finished):
    body = bench.researcher.ask("GET", "/models")[1]
    model = body.partition("<code>")[2].partition("<")[0]
    assert body.count("/activate") == 6
    assert bench.someone.ask("GET", "/models")[1].count("/activate") == 0
    assert bench.someone.ask("POST", f"/models/{model}/activate", {})[0].getheader("location") == "/signin"
    assert bench.fakes.active is None
    assert bench.researcher.ask("POST", f"/models/{model}/activate", {})[0].status == 303
    assert bench.fakes.active == model
    assert bench.researcher.ask("POST", "/models/none/activate", {})[0].status == 404


def test_a_file_is_checked_planned_and_started_as_the_command_line_does(bench, finished):
    ask = bench.researcher.ask
    assert "max_epochs: 6" in ask("GET", "/new?origin=quickstart")[1]
    answer, body = ask("POST", "/new", {"text": EXPERIMENT.replace("taxonomy:", "taxonmy:"), "origin": ""})
    assert answer.status == 400
    assert "experiment:2 taxonmy" in body
    assert "taxonmy: kilnsim" in body  # what was typed is still there
    assert 'formaction="/experiments"' not in body
    answer, body = ask("POST", "/experiments", {"text": "name: [", "origin": ""})
    assert answer.status == 400
    assert "cannot be run" in body
    body = ask("POST", "/new", {"text": EXPERIMENT, "origin": ""})[1]
    assert finished in body  # equal inputs have started it
    assert "It is finished: nothing is done again." in body
    assert "taken over" in body
    body = ask("POST", "/new", {"text": EXPERIMENT.replace("seed: 3", "seed: 4"), "origin": ""})[1]
    assert "0 taken over" in body
    assert "Images to generate" in body
    assert 'formaction="/experiments"' in body
    assert bench.start(EXPERIMENT) == finished


def test_an_imported_data_set_brings_a_file_with_values_for_it(bench, tmp_path):
    labels = write_collection(tmp_path / "mine", 60, 9, 32)
    report = import_csv(labels.parent, labels, load_taxonomy("kilnsim"), bench.store)
    dataset = write_manifest(bench.store, report.manifest).key.split("/")[1]
    assert dataset in bench.someone.ask("GET", "/datasets")[1]
    body = bench.researcher.ask("GET", f"/new?origin=my-data:{dataset}")[1]
    assert f"dataset: {dataset}" in body
    assert "head_fit: discriminant" in body
    for origin in ("my-data:none", "elsewhere", "../paper"):
        assert bench.researcher.ask("GET", f"/new?origin={origin}")[0].status == 404


def test_a_photograph_is_tried_and_forgotten(bench, finished):
    bench.fakes.active = colour_bundle(bench.store)[0]
    before = set(bench.store.list("images/"))
    answer, body = upload(bench.researcher, photograph())
    assert answer.status == 200, body
    assert body.count("data:image/jpeg;base64,") == 3  # the photograph, and where glaze and type come from
    assert "One of these, in 90 % of cases:" in body
    assert "Cannot tell" in body
    assert "the likeliest has 50 %, and 60 % are asked for" in body
    assert body.count('src="/pictures/') == 6
    shown = body.partition('src="')[2].partition("/pictures/")[2].partition('"')[0]
    answer, _ = bench.researcher.ask("GET", f"/pictures/{shown}")
    assert (answer.status, answer.getheader("content-type")) == (200, "image/jpeg")
    assert bench.someone.ask("GET", f"/pictures/{shown}")[0].getheader("location") == "/signin"
    assert set(bench.store.list("images/")) == before
    bench.fakes.active = "0" * 16  # of a store that the orchestrator does not see
    assert "Not shown: model" in upload(bench.researcher, photograph())[1]
    bench.fakes.active = None
    answer, body = upload(bench.researcher, photograph())
    assert (answer.status, "no model is active" in body) == (503, True)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 200, b"<svg onload=alert(1)>"])
def test_what_is_no_photograph_is_refused_in_words(bench, data):
    answer, body = upload(bench.researcher, data)
    assert answer.status == 400
    assert 'role="alert"' in body
    assert "<svg onload" not in body


def test_large_photographs_are_for_those_who_are_signed_in_and_have_a_bound(bench):
    big = photograph() + b"\0" * 3_000_000
    assert upload(bench.someone, big)[0].status == 413
    assert upload(bench.researcher, big)[0].status in (400, 503)  # read; no model is active, or it is no photograph
    assert upload(bench.researcher, b"\0" * (LARGEST_PHOTOGRAPH + 200_000))[0].status == 413
    assert upload(bench.researcher, big, path="/signin")[0].status == 413


@pytest.mark.parametrize("path", ["/experiments", "/new", "/try", "/models/x/activate", "/experiments/x/delete"])
def test_nothing_is_done_for_a_stranger_or_another_site(bench, path):
    before = list(bench.store.list(""))
    assert bench.someone.ask("POST", path, {"text": BASELINE})[0].getheader("location") == "/signin"
    for headers in ({"origin": "http://elsewhere.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert bench.researcher.ask("POST", path, {"text": BASELINE}, **headers)[0].status == 403
    assert list(bench.store.list("")) == before


def test_a_name_that_somebody_points_here_is_not_answered(bench):
    for host, status in (("evil.example", 421), ("localhost:50057", 200), ("[::1]:50057", 200), ("a b", 421)):
        assert bench.someone.ask("GET", "/", host=host)[0].status == status
    with bench.pages(url="https://saggar.museum.example") as visitor:
        assert visitor.ask("GET", "/", host="saggar.museum.example")[0].status == 200
        assert visitor.ask("GET", "/", host="saggar.museum.example.evil.example")[0].status == 421


def test_pages_that_are_not_open_show_strangers_nothing(bench, finished):
    with bench.pages(open_to_all=False) as stranger:
        for path in ("/", f"/experiments/{finished}", f"/experiments/{finished}/report", "/models", "/try", "/reviews"):
            assert stranger.ask("GET", path)[0].getheader("location") == "/signin"
        stranger.sign_in(TOKENS["researcher"])
        assert stranger.ask("GET", "/")[0].status == 200


def test_a_session_is_the_store_s_and_ends(bench):
    visitor = Visitor(bench.server.address)
    visitor.sign_in(TOKENS["researcher"])
    assert all(key.startswith("sessions/status/") for key in bench.store.list("sessions/"))
    with bench.pages() as other:
        other.cookie = visitor.cookie
        assert other.ask("GET", "/new")[0].status == 200
        visitor.ask("POST", "/signout", {})
    assert visitor.ask("GET", "/new")[0].getheader("location") == "/signin"
    assert TOKENS["researcher"] not in visitor.cookie


def test_what_there_is_not_and_what_cannot_be_read(bench):
    for path in (
        "/experiments/none",
        "/experiments/none/report",
        "/pictures/aa/none.png",
        "/pictures/..%2f..%2fsecret",
    ):
        assert bench.researcher.ask("GET", path)[0].status in (400, 404), path
    for form in ([("text", "a"), ("text", "b")], {"text": "\x00"}, {"text": "&a [*a]"}, {}, {"other": "x" * 70_000}):
        assert bench.researcher.ask("POST", "/new", form)[0].status == 400
    assert bench.researcher.ask("POST", "/new", {"text": "#" * 300_000})[0].status == 413


def test_garbage_on_the_port_harms_nobody(bench):
    host, _, port = bench.server.address.rpartition(":")
    for sent in (
        b"\x16\x03\x01\x02\x00" * 20,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /try HTTP/1.1\r\nhost: x\r\n" + b"a" * 90_000,
    ):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(sent)
            connection.settimeout(15)
            try:
                answer = connection.recv(100)
            except OSError:
                answer = b""
            assert answer == b"" or b" 4" in answer[:13]
    assert bench.someone.ask("GET", "/healthz")[1] == "ok"


def test_reviews_are_listed_with_their_links_also_while_the_service_is_away(bench):
    review = {"title": "Small <b>", "experiment": "small-1", "items": [1, 2, 3]}
    bench.store.put("reviews/r1/review.json", json.dumps(review).encode(), "application/json")
    bench.fakes.errors["DescribeReview"] = [UnavailableError("it starts")]
    body = bench.someone.ask("GET", "/reviews")[1]
    assert "http://127.0.0.1:50056/reviews/r1" in body
    assert "Small &lt;b&gt;" in body
    assert "not known" in body


def test_the_form_is_what_a_browser_sends(bench):
    """A text area's line ends are two characters in a form, and its first line end is not part of it."""
    text = BASELINE.replace("name: small", "name: typed").replace("\n", "\r\n")
    answer, body = bench.researcher.ask("POST", "/new", {"text": text, "origin": ""})
    assert answer.status == 200, body
    assert len(urlencode({"text": text})) < 64_000
