"""The supervisor behind `saggar up`: children that die, and a supervisor that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from saggar.errors import UnavailableError
from saggar_orchestrator.local import capacity
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import SERVICES, Supervisor, choose_addresses

TESTS = Path(__file__).resolve().parent.parent / "support" / "fakes"
IDLE = dict.fromkeys(SERVICES, "idle_service")

SUPERVISE = """
import sys, time
from pathlib import Path
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import SERVICES, Supervisor, choose_addresses
home = Home(Path(sys.argv[1]))
with home.claim():
    supervisor = Supervisor(home, choose_addresses(0), print, modules=dict.fromkeys(SERVICES, "idle_service"))
    supervisor.start(("qc", "trainer"))
    supervisor.wait_ready(("qc", "trainer"))
    home.publish(supervisor.addresses)
    print("ready", *(child.process.pid for child in supervisor._children.values()), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    said = []
    made = Supervisor(Home(tmp_path), choose_addresses(0), said.append, give_up_after=3, modules=IDLE)
    made.said = said
    yield made
    made.stop()


def pid_of(supervisor, name):
    return supervisor._children[name].process.pid


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until(condition, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_child_comes_back_at_its_address(supervisor):
    supervisor.start(("qc", "trainer"))
    supervisor.wait_ready(("qc", "trainer"))
    assert any(line.startswith("qc ") and "ready at 127.0.0.1:" in line for line in supervisor.said)
    before, other = pid_of(supervisor, "qc"), pid_of(supervisor, "trainer")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: supervisor.check() or any("killed by signal 9" in line for line in supervisor.said))
    supervisor.check()
    supervisor.wait_ready(("qc",))
    assert pid_of(supervisor, "qc") != before
    assert pid_of(supervisor, "trainer") == other
    supervisor.stop()
    assert gone(other)


def test_several_trainers_share_the_cores_and_are_one_target_to_the_orchestrator(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("SAGGAR_THREADS", raising=False)
    monkeypatch.setattr(capacity, "cores", lambda: 5)
    made = Supervisor(Home(tmp_path), choose_addresses(0, trainers=2), lambda _: None, modules=IDLE)
    try:
        made.start(("orchestrator", "trainer"))
        made.wait_ready(("trainer", "trainer-2"))
        assert (tmp_path / "logs" / "trainer-2.log").exists()
        environments = {
            name: dict(
                entry.split("=", 1)
                for entry in Path(f"/proc/{pid_of(made, name)}/environ").read_text().split("\0")
                if entry.startswith("SAGGAR_")
            )
            for name in ("orchestrator", "trainer", "trainer-2")
        }
        one, two = made.addresses["trainer"], made.addresses["trainer-2"]
        assert environments["orchestrator"]["SAGGAR_TRAINER"] == f"{one},{two}"
        assert "SAGGAR_THREADS" not in environments["orchestrator"]
        assert [environments[name]["SAGGAR_LISTEN"] for name in ("trainer", "trainer-2")] == [one, two]
        assert [environments[name]["SAGGAR_THREADS"] for name in ("trainer", "trainer-2")] == ["2", "2"]
    finally:
        made.stop()


def test_a_child_that_dies_at_start_shows_the_end_of_its_log(supervisor, monkeypatch):
    monkeypatch.setenv("IDLE_SERVICE_BROKEN", "1")
    supervisor.start(("qc",))
    with pytest.raises(UnavailableError, match=r"qc ended with exit code 1 while starting(.|\n)*file is not there"):
        supervisor.wait_ready(("qc",))


def test_a_child_that_never_starts_is_given_up(supervisor, monkeypatch):
    monkeypatch.setenv("IDLE_SERVICE_BROKEN", "1")
    supervisor.start(("qc",))

    def keep_watching():
        supervisor.check()
        return False

    with pytest.raises(UnavailableError, match="qc does not start"):
        wait_until(keep_watching)
    assert sum("starting it again" in line for line in supervisor.said) == 2


def test_children_do_not_outlive_a_killed_supervisor(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    parent = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        line = next(line for line in parent.stdout if line.startswith("ready"))
        children = [int(word) for word in line.split()[1:]]
        assert Home(tmp_path).running().pid == parent.pid
        parent.kill()
    wait_until(lambda: all(gone(child) for child in children))
    assert Home(tmp_path).running() is None  # whatever its stale file says
    assert Home(tmp_path).services_file.exists()
