"""A store that was emptied below a workflow database that knows better, or whose folder is gone."""

import shutil

import pytest
from orchestrator_bench import BASELINE, follow, run, start
from saggar.errors import NotFoundError, UnavailableError
from saggar.rpc.channel import wait_ready
from saggar.v1 import orchestrator_pb2 as pb


def empty(store):
    for folder in store.root.iterdir():
        if folder.name != ".unfinished":
            shutil.rmtree(folder)


def test_an_emptied_store_is_told_until_an_experiment_is_run_again(bench):
    with bench.orchestrator() as stub:
        _, ended = run(stub, BASELINE)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
        identity = ended.experiment_id
        wait_ready(bench.address, 10, service="")
        empty(bench.store)
        with pytest.raises(UnavailableError, match=rf"the workflow database knows 1 \({identity}\)"):
            stub.ListExperiments(pb.ListExperimentsRequest())
        with pytest.raises(UnavailableError, match="emptied, or is another one; mount or restore it"):
            stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=identity))
        with pytest.raises(UnavailableError, match=r"does not serve: .*emptied"):
            wait_ready(bench.address, 5, service="", patient=False)
        wait_ready(bench.address, 5)  # live all the time: starting it again would not help
        trained = bench.fakes.calls["Train"]
        _, ended = run(stub, BASELINE)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
        assert bench.fakes.calls["Train"] == 2 * trained
        assert [e.experiment_id for e in stub.ListExperiments(pb.ListExperimentsRequest()).experiments] == [identity]
        wait_ready(bench.address, 10, service="")


def test_a_store_from_which_the_last_experiment_was_deleted_is_as_it_should_be(bench):
    with bench.orchestrator() as stub:
        bench.fakes.errors["Train"] = [NotFoundError("no such thing")]
        _, ended = run(stub, BASELINE)
        stub.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=ended.experiment_id))
        assert not stub.ListExperiments(pb.ListExperimentsRequest()).experiments
        wait_ready(bench.address, 10, service="")
        with pytest.raises(NotFoundError, match="there are: none"):
            stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=ended.experiment_id))


def test_an_experiment_waits_for_its_store_to_be_restored(bench):
    bench.fakes.errors["Train"] = [UnavailableError("restarting")] * 100
    with bench.orchestrator() as stub:
        identity = start(stub, BASELINE).experiment.experiment_id
        while not bench.fakes.calls["Train"]:
            stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=identity))
    away = bench.store.root.with_name("away")
    shutil.copytree(bench.store.root, away)
    empty(bench.store)
    bench.fakes.errors["Train"].clear()
    with bench.orchestrator() as stub:
        with pytest.raises(UnavailableError, match="emptied"):
            wait_ready(bench.address, 5, service="", patient=False)
        shutil.copytree(away, bench.store.root, dirs_exist_ok=True)
        _, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
