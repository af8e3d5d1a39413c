"""The status pages while services, the store and experiments go away below them."""

import threading

import pytest
from colour_bundle import colour_bundle
from saggar.errors import UnavailableError
from status_site import BASELINE, Bench, photograph
from visitor import upload


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.stop()


def test_a_classifier_that_is_down_is_said_where_a_photograph_is_tried_and_all_else_goes_on(bench):
    bench.fakes.active = colour_bundle(bench.store)[0]
    bench.fakes.errors["Classify"] = [UnavailableError("classifier is down")] * 1000
    bench.fakes.errors["DescribeModel"] = [UnavailableError("classifier is down")] * 1000
    answer, body = upload(bench.researcher, photograph())
    assert (answer.status, 'role="alert"' in body) == (503, True)
    assert "classifier" in body
    for path in ("/", "/new", "/try", "/reviews", "/models"):
        assert bench.researcher.ask("GET", path)[0].status == 200, path
    bench.fakes.errors.clear()
    assert upload(bench.researcher, photograph())[0].status == 200


def test_an_experiment_that_another_deletes_is_said_to_be_gone(bench):
    identity = bench.start(BASELINE)
    bench.ended(identity)
    page = f"/experiments/{identity}"
    assert bench.someone.ask("GET", page)[0].status == 200
    results = [None, None]

    def delete(number):
        results[number] = bench.researcher.ask("POST", f"{page}/delete", {})[0].status

    both = [threading.Thread(target=delete, args=(number,)) for number in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert set(results) <= {303, 404}
    assert 303 in results
    for path in (page, f"{page}/report", f"{page}/results.json", f"{page}/experiment.yaml"):
        answer, body = bench.someone.ask("GET", path)
        assert answer.status == 404, path
        assert identity in body, path
    assert bench.someone.ask("GET", page, **{"x-fragment": "1"})[0].status == 404  # the script loads the page anew
    for act in ("cancel", "resume", "delete"):
        answer, body = bench.researcher.ask("POST", f"{page}/{act}", {})
        assert (answer.status, identity in body) == (404, True), act
    assert identity not in bench.someone.ask("GET", "/")[1]


def test_damaged_results_are_told_in_the_list_in_either_language(bench):
    identity = bench.start(BASELINE)
    bench.ended(identity)
    (bench.store.root / "experiments" / identity / "results.json").write_text("{", encoding="utf-8")
    for code in ("en", "zh"):
        answer, body = bench.someone.ask("GET", "/", **{"accept-language": code})
        assert (answer.status, f"saggar experiment delete {identity}" in body) == (200, True), code


def test_a_store_that_goes_is_said_and_pages_are_back_with_it(bench):
    identity = bench.start(BASELINE)
    bench.ended(identity)
    paths = ("/", f"/experiments/{identity}", f"/experiments/{identity}/report", "/models", "/reviews", "/new")
    away = bench.folder / "elsewhere"
    (bench.folder / "store").rename(away)
    try:
        for path in paths:
            answer, body = bench.someone.ask("GET", path)
            assert answer.status < 500 or answer.status == 503, (path, body)
            assert "looks like a bug" not in body, path
        answer, body = bench.someone.ask("GET", f"/experiments/{identity}/report")
        assert answer.status in {404, 503}
        assert "store" in body or identity in body
    finally:
        if (bench.folder / "store").exists():  # somebody has written into an empty place
            left = [path for path in (bench.folder / "store").rglob("*") if path.is_file()]
            assert left == []
            (bench.folder / "store").rename(bench.folder / "empty")
        away.rename(bench.folder / "store")
    for path in paths:
        assert bench.researcher.ask("GET", path)[0].status == 200, path
