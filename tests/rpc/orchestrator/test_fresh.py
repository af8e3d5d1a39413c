"""Steps that are asked for anew: done again, once, with what follows from them; what was found before is kept."""

import json
from collections import Counter

import pytest
from orchestrator_bench import REUSED, SHORT, SUCCEEDED, follow, run
from orchestrator_fakes import EXPERIMENT
from saggar.errors import InvalidInputError, WrongStateError
from saggar.rpc.refs import ref_from_proto
from saggar.v1 import orchestrator_pb2 as pb


def ask(stub, *fresh, text=SHORT):
    request = pb.RunExperimentRequest(specification=text, source_name="small.yaml", base_path="/", fresh=fresh)
    return stub.RunExperiment(request)


def succeeded(stub, *fresh, text=SHORT):
    """(steps of the latest attempt by their titles, how it ended)"""
    identity = ask(stub, *fresh, text=text).experiment.experiment_id
    _, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    described = stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=identity))
    return {step.title: step.state for step in described.steps}, ended


def test_a_step_is_done_again_and_what_comes_out_equal_is_taken_over_after_it(bench):
    with bench.orchestrator() as stub:
        _, first = run(stub, SHORT)
        before, report = Counter(bench.fakes.calls), bench.store.read(ref_from_proto(first.report))
        steps, ended = succeeded(stub, "train baseline, seed 0")
        assert bench.fakes.calls - before == Counter(Train=1, ResolveBaseModel=1)
        (token,) = bench.fakes.fresh["Train"] - {""}
        assert token == f"{first.experiment_id}.2"
        done = {title for title, state in steps.items() if state == SUCCEEDED}
        assert done == {"find base model", "train baseline, seed 0", "gather results", "write report"}
        assert ended.experiment_id == first.experiment_id
        assert bench.store.get(f"experiments/{first.experiment_id}/earlier/2/report.html") == report
        assert not ask(stub).existed or follow(stub, first.experiment_id)[1] == ended  # an ordinary run: nothing is due
    assert bench.fakes.calls - before == Counter(Train=1, ResolveBaseModel=1)


def test_what_follows_from_a_step_that_comes_out_differently_is_done_again_too(bench):
    with bench.orchestrator() as stub:
        run(stub, SHORT)
        before = Counter(bench.fakes.calls)
        bench.fakes.base_hash = "b" * 64  # an adapter is another one
        steps, _ = succeeded(stub, "adapter")
    assert steps["train adapter"] == steps["generate images"] == steps["train 95:5, seed 0"] == SUCCEEDED
    assert steps["train baseline, seed 0"] == steps["import photographs"] == REUSED
    assert (bench.fakes.calls - before)["Train"] == 1


def test_images_are_made_again_under_a_token_of_their_own(bench):
    with bench.orchestrator() as stub:
        run(stub, SHORT)
        made = Counter(bench.fakes.generated)
        succeeded(stub, "generate")
    assert bench.fakes.generated - made == Counter(dict.fromkeys(made, 1))


def test_a_wish_that_was_broken_off_is_still_a_wish_and_what_was_done_for_it_is_not_done_once_more(bench):
    with bench.orchestrator() as stub:
        run(stub, SHORT)
        before = Counter(bench.fakes.calls)
        bench.fakes.errors["TrainAdapter"] = [InvalidInputError("rank is 0; it must be at least 1")]
        identity = ask(stub, "train baseline, seed 0", "train adapter").experiment.experiment_id
        assert follow(stub, identity)[1].state == pb.EXPERIMENT_STATE_FAILED
        trained = (bench.fakes.calls - before)["Train"]
        assert trained == 1
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity))
        assert follow(stub, identity)[1].state == pb.EXPERIMENT_STATE_SUCCEEDED
    assert bench.fakes.calls - before == Counter(Train=1, TrainAdapter=2, ResolveBaseModel=2)


def test_another_experiment_takes_over_what_was_done_again(bench):
    with bench.orchestrator() as stub:
        run(stub, SHORT)
        succeeded(stub, "train")
        before = Counter(bench.fakes.calls)
        _, other = run(stub, SHORT.replace("name: small", "name: other"))
    assert bench.fakes.calls - before == Counter(ResolveBaseModel=1)
    results = json.loads(bench.store.read(ref_from_proto(other.results)))
    assert {step["reused"] for step in results["steps"] if step["title"].startswith("train ")} == {True}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trian", "no step 'trian' in this experiment; did you mean 'train'?"),
        ("Train baseline seed 0", "did you mean 'train baseline, seed 0'?"),
        ("zzzz", "give a kind of step (base, import, split"),
    ],
)
def test_a_name_that_no_step_has_is_refused_with_the_nearest(bench, name, said):
    with bench.orchestrator() as stub, pytest.raises(InvalidInputError) as caught:
        ask(stub, name)
    assert said in str(caught.value)
    assert list(bench.store.list("experiments/")) == []


def test_people_are_not_asked_again_and_one_that_runs_is_not_begun_anew(bench):
    reviewed = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nreview: {policy: all, controls: 0}")
    with bench.orchestrator() as stub:
        with pytest.raises(InvalidInputError, match="saggar review new"):
            ask(stub, "review", text=reviewed)
        ask(stub, text=reviewed)
        with pytest.raises(WrongStateError, match="runs; `saggar experiment cancel"):
            ask(stub, "train", text=reviewed)
