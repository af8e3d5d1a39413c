"""A service whose store is away says so in its health checks, and comes back by itself."""

import os
import subprocess
import sys
import time

import pytest
from rig import Orchestrator
from saggar.errors import UnavailableError
from saggar.rpc.channel import wait_ready
from saggar.rpc.health import store_watch
from saggar.rpc.readiness import Readiness, all_of
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.services import doctor


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(store_watch.StoreWatch.__init__, "__defaults__", (0.05, 0.05))


@pytest.fixture
def served(tmp_path):
    """(server's address, a folder that is its store)."""
    store = DirectoryStore(tmp_path / "store")
    server = start_server(Orchestrator().register, ServiceSettings(), store=store)
    yield server.address, tmp_path / "store"
    server.stop()


def test_a_store_that_goes_away_and_comes_back(served):
    address, folder = served
    wait_ready(address, 10, service="")
    folder.rename(folder.with_name("away"))
    time.sleep(0.5)  # ten looks
    with pytest.raises(UnavailableError, match=r"does not serve: the store's folder .* is gone"):
        wait_ready(address, 5, service="", patient=False)
    wait_ready(address, 5)  # it is live all the time: nothing should restart it
    folder.with_name("away").rename(folder)
    wait_ready(address, 20, service="")


def test_doctor_tells_a_service_that_answers_from_one_that_can_work(served):
    address, folder = served
    assert doctor._serves("trainer", address, None) == ("ok", "serving")
    folder.rename(folder.with_name("away"))
    time.sleep(0.5)
    state, detail = doctor._serves("trainer", address, None)
    assert state == "missing"
    assert "the store's folder" in detail
    assert doctor._serves("classifier", address, None)[0] == "note"  # it says so too while it has no model yet


def test_a_server_starts_without_its_store(tmp_path):
    store = DirectoryStore(tmp_path / "store")
    (tmp_path / "store" / ".unfinished").rmdir()
    server = start_server(Orchestrator().register, ServiceSettings(), store=store)
    try:
        with pytest.raises(UnavailableError, match="mount or restore it"):
            wait_ready(server.address, 5, service="", patient=False)
        (tmp_path / "store" / ".unfinished").mkdir()
        wait_ready(server.address, 20, service="")
    finally:
        server.stop()


def test_an_s3_store_that_refuses_is_named(tmp_path, served):
    del served
    from saggar.store import open_store

    store = open_store("s3://saggar?endpoint=http://127.0.0.1:1", "key", "a secret")
    watch = store_watch.StoreWatch(store)
    watch.look()
    assert not watch.readiness.ready
    assert "127.0.0.1:1" in watch.readiness.reason
    assert "a secret" not in watch.readiness.reason


def test_the_command_of_containers_tells_both(served):
    address, folder = served
    environment = os.environ | {"SAGGAR_LISTEN": f"0.0.0.0:{address.rpartition(':')[2]}"}

    def check(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "saggar.rpc.health", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert check().returncode == 0
    folder.rename(folder.with_name("away"))
    time.sleep(0.5)
    done = check()
    assert done.returncode == 1
    assert "is gone" in done.stderr
    assert check("--live").returncode == 0
    assert check("127.0.0.1:1").returncode == 1


def test_several_conditions_must_all_hold():
    first, second = Readiness(ready=True), Readiness(reason="no model is active")
    whole = all_of(first, second)
    assert (whole.ready, whole.reason) == (False, "no model is active")
    second.set(ready=True)
    assert (whole.ready, whole.reason) == (True, "")
    first.set(ready=False, reason="no store")
    assert (whole.ready, whole.reason) == (False, "no store")
