"""Experiments on PostgreSQL. SAGGAR_TEST_POSTGRES_URL names a server to make databases on."""

import os
import uuid

import psycopg
import pytest
from orchestrator_bench import BASELINE, Bench, run, start
from saggar.v1 import orchestrator_pb2 as pb

URL = os.environ.get("SAGGAR_TEST_POSTGRES_URL", "")

pytestmark = pytest.mark.skipif(not URL, reason="no PostgreSQL; set SAGGAR_TEST_POSTGRES_URL")


class PostgresBench(Bench):
    """As Bench, on a database of its own."""

    name = f"saggar_test_{uuid.uuid4().hex[:12]}"

    def database_url(self, name):
        del name
        return f"{URL.rpartition('/')[0]}/{self.name}"


@pytest.fixture
def bench(tmp_path):
    with psycopg.connect(URL.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {PostgresBench.name}")
        made = PostgresBench(tmp_path)
        yield made
        made.stop()
        connection.execute(f"DROP DATABASE {PostgresBench.name} WITH (FORCE)")


def test_an_experiment_runs_and_is_known_to_the_next_orchestrator(bench):
    with bench.orchestrator() as stub:
        _, ended = run(stub, BASELINE)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    trained = bench.fakes.calls["Train"]
    with bench.orchestrator() as stub:
        again = start(stub, BASELINE)
        assert again.existed
        assert again.experiment == ended
    assert bench.fakes.calls["Train"] == trained
    assert not list(bench.folder.glob("*.sqlite"))
