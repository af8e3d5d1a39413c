"""An experiment from its file to its report, behind a real server, and what others take over from it."""

import json
from collections import Counter

import pytest
from orchestrator_bench import BASELINE, REUSED, SUCCEEDED, follow, run, start
from orchestrator_fakes import EXPERIMENT
from saggar.errors import InvalidInputError, NotFoundError
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef
from saggar.stored_datasets import read_manifest
from saggar.v1 import orchestrator_pb2 as pb


def test_an_experiment_runs_to_its_report(finished):
    assert {step.state for step in finished.steps.values()} == {SUCCEEDED}
    arms = finished.results["arms"]
    assert [arm["name"] for arm in arms] == ["baseline", "95:5", "90:10"]
    assert arms[1]["share_reached"] == pytest.approx(0.05, abs=0.01)
    assert arms[2]["share_reached"] == pytest.approx(0.10, abs=0.01)
    html = finished.store.read(ref_from_proto(finished.ended.report)).decode()
    assert "90:10 against baseline" in html
    assert "random initial weights" in html
    # One adapter and one set of images for both arms; a training per arm and seed.
    assert finished.took["TrainAdapter"] == 1
    assert finished.took["Train"] == 6
    assert set(finished.fakes.generated.values()) == {1}


def test_only_training_photographs_reach_adapter_and_generation(finished):
    steps = [json.loads(finished.store.get(key)) for key in finished.store.list("steps/")]
    by_kind = {step["kind"]: step["result"] for step in steps}
    split = read_manifest(finished.store, ObjectRef.from_json(by_kind["split"]["manifest"]))
    chosen = read_manifest(finished.store, ObjectRef.from_json(by_kind["select"]["manifest"]))
    held_out = set(split.select(split=("validation", "test")).frame["image"])
    assert held_out
    assert not held_out & set(chosen.frame["image"])
    mixes = [step["result"] for step in steps if step["kind"] == "mix"]
    assert len(mixes) == 2
    for mix in mixes:
        mixed = read_manifest(finished.store, ObjectRef.from_json(mix["manifest"]))
        assert set(mixed.select(split=("validation", "test")).frame["origin"]) == {"real"}


def test_the_same_file_again_is_returned_at_once(finished):
    calls = Counter(finished.fakes.calls)
    with finished.orchestrator() as stub:
        again = start(stub)
    assert again.existed
    assert again.experiment == finished.ended
    assert finished.fakes.calls == calls


def test_the_winner_is_chosen_by_validation(finished):
    results = finished.results
    scores = {a["name"]: [r["validation_macro_f1"] for r in a["runs"]] for a in results["arms"]}
    best = max(scores, key=lambda name: sum(scores[name]))
    first, second = scores[best]
    floor = (first + second) / 2 - abs(first - second) / 2  # the standard error of a mean of two
    simplest_first = ("baseline", "95:5", "90:10")
    assert results["winner"]["arm"] == next(name for name in simplest_first if sum(scores[name]) / 2 >= floor)
    assert results["winner"]["seed"] == 1  # the stand-in's validation score grows with the seed


def test_models_are_listed_best_first_and_served(finished):
    with finished.orchestrator() as stub:
        models = stub.ListModels(pb.ListModelsRequest()).models
        assert len(models) == 6
        scores = [m.validation_macro_f1 for m in models]
        assert scores == sorted(scores, reverse=True)
        assert not any(m.active for m in models)
        stub.ServeModel(pb.ServeModelRequest(model_id=models[3].model_id))
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [m.model_id for m in listed if m.active] == [models[3].model_id]
        assert [e.name for e in stub.ListExperiments(pb.ListExperimentsRequest()).experiments] == ["small"]


def test_a_changed_file_repeats_only_what_changed(finished):
    calls = Counter(finished.fakes.calls)
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0, 1, 2]").replace("name: small", "name: larger")
    with finished.orchestrator() as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    more = finished.fakes.calls - calls
    assert more == Counter(Train=3, Evaluate=3, ResolveBaseModel=1)
    assert steps["train adapter"].state == REUSED
    assert steps["train baseline, seed 2"].state == SUCCEEDED


def test_without_its_database_all_steps_are_found_in_the_store(finished):
    calls = Counter(finished.fakes.calls)
    text = EXPERIMENT.replace("name: small", "name: renamed")  # another experiment with equal work
    with finished.orchestrator(database="another") as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert finished.fakes.calls - calls == Counter(ResolveBaseModel=1)
    made_anew = {title for title, step in steps.items() if step.state != REUSED}
    assert made_anew == {"find base model", "gather results", "write report"}


def test_another_base_model_under_the_same_name_trains_the_adapter_anew(finished):
    renamed = EXPERIMENT.replace("name: small", "name: small-again")
    calls = Counter(finished.fakes.calls)
    finished.fakes.base_hash = "b" * 64
    with finished.orchestrator() as stub:
        steps, ended = run(stub, renamed)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train baseline, seed 0"].state == REUSED
    assert steps["train adapter"].state == SUCCEEDED
    assert steps["generate images"].state == SUCCEEDED
    assert finished.fakes.calls["TrainAdapter"] == calls["TrainAdapter"] + 1


def test_a_bad_file_is_refused_with_its_lines(bench):
    with bench.orchestrator() as stub, pytest.raises(InvalidInputError) as caught:
        start(stub, EXPERIMENT.replace("shard_size", "shard_sise"))
    assert "small.yaml:8 generation.shard_sise" in str(caught.value)
    assert "did you mean 'shard_size'" in str(caught.value)
    assert caught.value.violations


def test_the_past_is_the_same_at_once_and_by_steps(bench):
    with bench.orchestrator() as stub:
        identity = start(stub, BASELINE).experiment.experiment_id
        follow(stub, identity)
        each = list(stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity)))
        request = pb.WatchExperimentRequest(experiment_id=identity, past_at_once=True)
        whole = list(stub.WatchExperiment(request))
    assert [event.step for event in each[:-1]] == [step for event in whole for step in event.past or [event.step]][:-1]
    assert each[-1].ended == whole[-1].ended
    assert len(whole) < len(each) / 2


def test_unknown_ids_are_named(bench):
    with bench.orchestrator() as stub:
        for call in (
            lambda: stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id="nothing")),
            lambda: stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id="nothing")),
            lambda: list(stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id="nothing"))),
            lambda: stub.ServeModel(pb.ServeModelRequest(model_id="nothing")),
        ):
            with pytest.raises(NotFoundError, match="nothing"):
                call()
