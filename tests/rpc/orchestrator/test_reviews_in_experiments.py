"""Experiments that wait for people: what they leave is taken, and cancelled ones keep nobody waiting."""

import json
import time

from orchestrator_bench import SUCCEEDED, follow, start
from orchestrator_fakes import EXPERIMENT
from saggar.errors import UnavailableError
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef
from saggar.stored_datasets import read_manifest
from saggar.v1 import orchestrator_pb2 as pb

REVIEWED = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nplan: {spare_share: 0}\nreview: {policy: all, controls: 0}")


def test_an_experiment_waits_for_reviewers_and_takes_what_they_leave(bench):
    with bench.orchestrator() as stub:
        identity = start(stub, REVIEWED).experiment.experiment_id
        for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
            assert not event.HasField("ended"), event.ended.error
            if event.step.progress.stage.startswith("waiting for people"):
                assert event.step.title == "review by people"
                break
    with bench.orchestrator() as stub:  # another session finds it waiting still
        bench.fakes.people_done.set()
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["review by people"].state == SUCCEEDED
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    first, *further = results["reviews"]
    assert first["rejected_count"] == -(-first["reviewed_count"] // 3)
    assert first["masked_by_task"] == {"glaze": 1}
    assert 1 <= len(further) <= 2  # images in place of the rejected are judged too, twice at most
    assert all(review["reviewed_count"] < first["reviewed_count"] for review in further)
    assert "Review by people" in bench.store.read(ref_from_proto(ended.report)).decode()
    records = [json.loads(bench.store.get(key)) for key in bench.store.list("steps/")]
    reviews = next(r["result"]["reviews"] for r in records if "reviews" in r["result"])
    rejected = {
        source
        for review in reviews
        for source in read_manifest(bench.store, ObjectRef.from_json(review["rejected"])).frame["source"]
    }
    assert len(rejected) == sum(review["rejected_count"] for review in reviews)
    for mix in (r["result"] for r in records if r["kind"] == "mix"):
        mixed = read_manifest(bench.store, ObjectRef.from_json(mix["manifest"])).frame
        assert not set(mixed["source"]) & rejected


def until_people_are_asked(bench, stub, identity, times):
    until(lambda: bench.fakes.calls["OpenReview"] >= times)  # the story that is watched begins with former attempts
    for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
        assert not event.HasField("ended"), event.ended.error
        if event.step.progress.stage.startswith("waiting for people"):
            return


def until(condition, timeout_s=200):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cancel(stub, identity):
    return stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity)).experiment


def test_a_cancel_before_the_review_is_opened_again_closes_it_all_the_same(bench):
    with bench.orchestrator() as stub:
        identity = start(stub, REVIEWED).experiment.experiment_id
        until_people_are_asked(bench, stub, identity, 1)
    bench.fakes.errors["OpenReview"] = [UnavailableError("restarting")] * 50
    with bench.orchestrator() as stub:
        until(lambda: bench.fakes.calls["OpenReview"] >= 2)  # it asks in vain
        assert cancel(stub, identity).state == pb.EXPERIMENT_STATE_CANCELLED
        assert bench.fakes.calls["CloseReview"] == 1


def test_a_review_that_cannot_be_closed_at_once_is_closed_when_qc_is_back(bench):
    bench.fakes.errors["CloseReview"] = [UnavailableError("restarting")] * 4
    with bench.orchestrator() as stub:
        identity = start(stub, REVIEWED).experiment.experiment_id
        until_people_are_asked(bench, stub, identity, 1)
        assert cancel(stub, identity).state == pb.EXPERIMENT_STATE_CANCELLED
        until(lambda: bench.fakes.calls["CloseReview"] >= 5)  # the cancel and the warden may both be at it
        time.sleep(6)  # the warden looks every five seconds
        calls = bench.fakes.calls["CloseReview"]
        assert calls in {5, 6}
        time.sleep(6)
        assert bench.fakes.calls["CloseReview"] == calls


def test_a_review_that_people_have_finished_is_not_closed(bench):
    with bench.orchestrator() as stub:
        identity = start(stub, REVIEWED).experiment.experiment_id
        until_people_are_asked(bench, stub, identity, 1)
    bench.fakes.people_done.set()
    bench.fakes.errors["OpenReview"] = [UnavailableError("restarting")] * 50
    with bench.orchestrator() as stub:
        until(lambda: bench.fakes.calls["OpenReview"] >= 2)
        cancel(stub, identity)
    assert bench.fakes.calls["CloseReview"] == 0


def test_a_cancelled_experiment_closes_its_review_and_an_ended_service_does_not(bench):
    with bench.orchestrator() as stub:
        identity = start(stub, REVIEWED).experiment.experiment_id
        until_people_are_asked(bench, stub, identity, 1)
    assert bench.fakes.calls["CloseReview"] == 0
    with bench.orchestrator() as stub:
        until_people_are_asked(bench, stub, identity, 2)
        cancel(stub, identity)
        assert bench.fakes.calls["CloseReview"] == 1
        asked = bench.fakes.calls["OpenReview"]
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity))
        until_people_are_asked(bench, stub, identity, asked + 1)
        assert bench.fakes.calls["OpenReview"] == asked + 1  # which opens it again
        assert bench.fakes.opened.experiment == f"small ({identity[:8]})"
        bench.fakes.people_done.set()
        assert follow(stub, identity)[1].state == pb.EXPERIMENT_STATE_SUCCEEDED
