"""Experiments on PostgreSQL. SAGGAR_TEST_POSTGRES_URL names a server to make databases on, SAGGAR_TEST_POSTGRES_CA the
authority of its certificate.
"""

import os
import uuid

import psycopg
import pytest
import sqlalchemy as sa
import trustme
from orchestrator_bench import BASELINE, Bench, run, start
from saggar.errors import UnavailableError, WrongStateError
from saggar.v1 import orchestrator_pb2 as pb
from saggar_orchestrator.workflow.database import connecting
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet
from saggar_orchestrator.workflow.database.opening import open_database

URL = os.environ.get("SAGGAR_TEST_POSTGRES_URL", "")
CA = os.environ.get("SAGGAR_TEST_POSTGRES_CA", "")

pytestmark = pytest.mark.skipif(not URL, reason="no PostgreSQL; set SAGGAR_TEST_POSTGRES_URL")


class PostgresBench(Bench):
    """As Bench, on a database of its own."""

    name = f"saggar_test_{uuid.uuid4().hex[:12]}"

    authority = ""

    def database_url(self, name):
        del name
        encrypted = f"?sslmode=verify-full&sslrootcert={self.authority}" if self.authority else ""
        return f"{URL.rpartition('/')[0]}/{self.name}{encrypted}"


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


@pytest.mark.skipif(not CA, reason="set SAGGAR_TEST_POSTGRES_CA")
def test_every_connection_is_encrypted_where_the_address_says_so(bench):
    bench.authority = CA
    with bench.orchestrator() as stub, psycopg.connect(URL.replace("+psycopg", "")) as connection:
        _, ended = run(stub, BASELINE)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
        found = connection.execute(
            "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.datname = %s", (bench.name,)
        ).fetchall()
    assert found
    assert all(encrypted for (encrypted,) in found)


@pytest.mark.skipif(not CA, reason="set SAGGAR_TEST_POSTGRES_CA")
def test_a_server_whose_certificate_is_refused_is_told_with_what_to_look_at(bench, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    bench.authority = other
    url = bench.database_url("")
    fleet = Fleet(url, "one", "1")
    with pytest.raises(UnavailableError, match=r"certificate verify failed.*sslrootcert"):
        open_database(url, fleet.join)
    fleet.leave()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused_with_the_remedy(bench, encoding):
    with psycopg.connect(URL.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {bench.name}")
        connection.execute(f"CREATE DATABASE {bench.name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    fleet = Fleet(bench.database_url(""), "one", "1")
    with pytest.raises(WrongStateError, match=rf"{bench.name} has the encoding {encoding}.*ENCODING 'UTF8'"):
        open_database(bench.database_url(""), fleet.join)
    fleet.leave()


def test_one_that_stands_still_while_it_writes_keeps_the_others_for_no_longer_than_its_server_lets_it(
    bench, monkeypatch
):
    url = f"{bench.database_url('')}?options=-c%20lock_timeout%3D60s"
    stopped, other = (Fleet(url, name, "1") for name in ("stopped", "other"))
    monkeypatch.setattr(connecting, "_IDLE_S", 1)
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
            assert connection.execute(sa.text("SHOW lock_timeout")).scalar() == "1min"
    finally:
        engine.dispose()
        stopped.leave()
        other.leave()
