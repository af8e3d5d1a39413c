"""Cleaning the store beside an orchestrator that works."""

import json
import os
import threading
import time
from collections import Counter

import pytest
from orchestrator_bench import BASELINE, SHORT, follow, run, start
from saggar.errors import InvalidInputError
from saggar.rpc.refs import ref_from_proto
from saggar.v1 import orchestrator_pb2 as pb


def clean(stub, *, delete=True, hours=24.0):
    for event in stub.CleanStore(pb.CleanStoreRequest(delete=delete, older_than_hours=hours)):
        if event.HasField("result"):
            return event.result
    raise AssertionError("no result")


def age(bench, hours=48.0):
    """As if all that is in the store had been there for so long."""
    long_ago = time.time() - hours * 3600
    for key in bench.store.list(""):
        os.utime(bench.store.root / key, (long_ago, long_ago))


def objects(result):
    return sum(folder.objects for folder in result.folders)


def test_a_deleted_experiment_leaves_nothing_behind_but_photographs(bench):
    with bench.orchestrator() as stub:
        _, ended = run(stub, SHORT)
        age(bench)
        clean(stub)  # intermediate lists, at most: all that work takes over is still there
        worked = Counter(bench.fakes.calls)
        _, renamed = run(stub, SHORT.replace("name: small", "name: renamed"))
        assert renamed.state == pb.EXPERIMENT_STATE_SUCCEEDED, renamed.error
        assert bench.fakes.calls - worked == Counter(ResolveBaseModel=1)
        stub.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=renamed.experiment_id))
        age(bench)
        stub.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=ended.experiment_id))
        assert objects(clean(stub, hours=72)) == 0
        before = set(bench.store.list(""))
        found = clean(stub, delete=False)
        assert not found.deleted
        assert {"bundles", "images", "steps", "plans"} <= {folder.name for folder in found.folders}
        assert all(folder.size_bytes > 0 for folder in found.folders)
        assert set(bench.store.list("")) == before
        assert objects(clean(stub)) == objects(found)
        assert len(before) - len(list(bench.store.list(""))) == objects(found)
        left = {json.loads(bench.store.get(key))["kind"] for key in bench.store.list("steps/")}
        assert left <= {"import", "split", "select"}  # whose results are lists of photographs that were imported
        assert list(bench.store.list("bundles/")) == []
        assert list(bench.store.list("images/"))
        _, again = run(stub, SHORT)
    assert again.state == pb.EXPERIMENT_STATE_SUCCEEDED, again.error


def test_beside_a_run_nothing_that_it_made_or_may_find_is_taken(bench):
    bench.fakes.hold["TrainAdapter"] = gate = threading.Event()
    with bench.orchestrator() as stub:
        _, other = run(stub, BASELINE.replace("name: small", "name: other"))
        stub.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=other.experiment_id))
        identity = start(stub, SHORT).experiment.experiment_id
        deadline = time.monotonic() + 200
        while not bench.fakes.calls["TrainAdapter"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        unnamed = bench.store.put("plans/0123.json", b"{}", "application/json")
        age(bench)
        result = clean(stub)
        assert result.partial
        assert not bench.store.exists(unnamed.key)
        gate.set()
        _, ended = follow(stub, identity)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
        assert bench.fakes.calls["Train"] == 2  # the baseline's was taken over from the deleted one
        age(bench)
        assert not clean(stub).partial
        assert bench.store.read(ref_from_proto(ended.results))


def test_what_a_cancelled_run_would_take_over_is_kept(bench):
    bench.fakes.hold["TrainAdapter"] = threading.Event()
    with bench.orchestrator() as stub:
        identity = start(stub, SHORT).experiment.experiment_id
        deadline = time.monotonic() + 200
        while not bench.fakes.calls["TrainAdapter"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity))
    bench.fakes.hold.clear()
    trained = bench.fakes.calls["Train"]
    with bench.orchestrator(database="another") as stub:  # what was recorded is gone: the store alone knows
        age(bench)
        clean(stub)
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity))
        _, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert bench.fakes.calls["Train"] == trained + 1


def test_an_age_below_an_hour_is_refused(bench):
    with bench.orchestrator() as stub, pytest.raises(InvalidInputError, match="older_than_hours is 0; it must be"):
        clean(stub, hours=0)
