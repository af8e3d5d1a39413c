"""The home: one process of a service, this user's eyes only, and errors that say what to do."""

import os
import stat
import subprocess
import sys

import pytest
from saggar.errors import UnavailableError, WrongStateError
from saggar_orchestrator.local.home import Home


@pytest.fixture(autouse=True)
def _mask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_orchestrator_on_one_home_is_refused_and_told_of_the_first(tmp_path):
    home = Home(tmp_path / "home")
    with home.hold("orchestrator"):
        says = rf"another orchestrator \(process {os.getpid()}\) works in"
        with pytest.raises(WrongStateError, match=says), Home(tmp_path / "home").hold("orchestrator"):
            pass
    with home.hold("orchestrator"):  # let go
        pass


def test_the_service_itself_takes_the_lock(tmp_path):
    home = Home(tmp_path / "home")
    environment = os.environ | {"SAGGAR_HOME": str(home.root), "SAGGAR_STORE": str(tmp_path / "store")}
    with home.hold("orchestrator"):
        started = subprocess.run(
            [sys.executable, "-m", "saggar_orchestrator"],
            env=environment | {"SAGGAR_LISTEN": "127.0.0.1:0"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert started.returncode == 1  # it may go on: `saggar up` tries again
    assert "another orchestrator" in started.stderr
    assert not home.database.exists()


def test_a_home_is_for_its_user_alone(tmp_path):
    home = Home(tmp_path / "home")
    with home.claim():
        (home.root / "note.txt").write_text("private")
        assert mode(home.root) == 0o700
        assert mode(home.root / "note.txt") == 0o600
    home.root.chmod(0o755)
    home.prepare()
    assert mode(home.root) == 0o700  # also where an earlier version made it


def test_a_shared_folder_is_left_as_it_is(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    Home(shared).prepare()
    assert mode(shared) == 0o1777


def test_a_home_that_cannot_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"file/home cannot be used .*choose another folder with --home"):
        Home(tmp_path / "file" / "home").prepare()
