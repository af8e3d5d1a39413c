"""Experiments on PostgreSQL. SAGGAR_TEST_POSTGRES_URL names a server to make databases on."""

import os
import uuid

import psycopg
import pytest
import sqlalchemy as sa
from orchestrator_bench import BASELINE, Bench, run, start
from saggar.v1 import orchestrator_pb2 as pb
from saggar_orchestrator.workflow.database import connecting
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet

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


def test_one_that_stands_still_while_it_writes_keeps_the_others_for_no_longer_than_its_server_lets_it(
    bench, monkeypatch
):
    monkeypatch.setattr(connecting, "_IDLE_S", 1)
    url = f"{bench.database_url('')}?options=-c%20lock_timeout%3D20s"
    stopped, other = (Fleet(url, name, "1") for name in ("stopped", "other"))
    engine = connecting.connect(url)
    try:
        stopped.join()
        other.join()
        with engine.connect() as writing:
            writing.execute(sa.text("UPDATE saggar_orchestrators SET beat = beat + 1 WHERE executor = 'stopped'"))
            for _ in range(LOOKS + 1):
                other.beat()
            assert other.dead({"stopped"}) == {"stopped"}  # its row, which is locked, goes
            with pytest.raises(sa.exc.DBAPIError, match="idle-in-transaction"):
                writing.execute(sa.text("SELECT 1"))
        with engine.connect() as connection:
            assert connection.execute(sa.text("SHOW lock_timeout")).scalar() == "20s"
    finally:
        engine.dispose()
        stopped.leave()
        other.leave()
