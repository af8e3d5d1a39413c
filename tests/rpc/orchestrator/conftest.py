"""An orchestrator with stand-ins, and one on which an experiment has run."""

import json
from collections import Counter

import pytest
from orchestrator_bench import Bench, run
from saggar.rpc.refs import ref_from_proto
from saggar.v1 import orchestrator_pb2 as pb


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A bench on which the experiment has run: its steps, its end, its results and the calls that it took."""
    made = Bench(tmp_path_factory.mktemp("finished"))
    with made.orchestrator() as stub:
        made.steps, made.ended = run(stub)
    assert made.ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, made.ended.error
    made.results = json.loads(made.store.read(ref_from_proto(made.ended.results)))
    made.took = Counter(made.fakes.calls)
    yield made
    made.stop()
