"""What goes wrong around the command line is named, with a remedy, and never called a bug."""

import errno
import os
import re
import sqlite3
import time
from pathlib import Path

import pytest
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.cli.services import doctor_surroundings
from saggar_orchestrator.cli.services.environment import misspelt
from saggar_orchestrator.cli.terminal import failures
from saggar_orchestrator.local.home import Home

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /data rw - nfs4 server:/export rw
31 22 0:41 / /data/local\\040disk rw - xfs /dev/sdb1 rw
32 22 0:42 / /mnt/share rw - cifs //server/share rw
33 22 0:43 / /home/ann/remote rw - fuse.sshfs ann@host: rw
34 22 0:44 / /dat rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("place", "kind", "network"),
    [
        ("/data/home/.saggar", "nfs4", True),
        ("/data/local disk/x", "xfs", False),
        ("/mnt/share", "cifs", True),
        ("/home/ann/remote/x", "fuse.sshfs", True),
        ("/home/ann", "ext4", False),
        ("/database", "ext4", False),  # not below /data
    ],
)
def test_network_file_systems_are_told_by_their_mount(place, kind, network):
    assert doctor_surroundings.file_system_of(place, MOUNTS) == kind
    assert doctor_surroundings.is_network(kind) is network


def test_the_doctor_names_them(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_surroundings, "file_system_of", lambda _: "nfs4")
    found = {name: (state, detail) for name, state, detail in doctor_surroundings.checks(Home(tmp_path))}
    assert found["file system"][0] == "missing"
    assert "SQLite" in found["file system"][1]
    monkeypatch.setenv("SAGGAR_DATABASE_URL", "postgresql://x")
    found = {name: state for name, state, _ in doctor_surroundings.checks(Home(tmp_path))}
    assert found["file system"] == "note"


def test_the_doctor_sees_a_clock_that_is_off(tmp_path, monkeypatch):
    now = time.time()
    monkeypatch.setattr(doctor_surroundings.time, "time", lambda: now - 90)
    found = {name: detail for name, _, detail in doctor_surroundings.checks(Home(tmp_path))}
    assert "90 s ahead of" in found["clock"]
    monkeypatch.setattr(doctor_surroundings.time, "time", lambda: now)
    assert "clock" not in {name for name, _, _ in doctor_surroundings.checks(Home(tmp_path))}


def test_the_doctor_sees_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_surroundings.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and _Usage(0.3e9))
    assert "0.3 GB free" in {name: detail for name, _, detail in doctor_surroundings.checks(Home(tmp_path))}["home"]


class _Usage:
    def __init__(self, free):
        self.free = free


def test_the_doctor_reads_proxies_and_store_addresses():
    ((_, state, detail),) = doctor_surroundings.proxies({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "minio"})
    assert (state, "no_proxy (now: minio)" in detail) == ("note", True)
    assert list(doctor_surroundings.proxies({"PATH": "/bin"})) == []
    ((_, state, detail),) = doctor_surroundings.store_address("s3://bucket?endpoint=http://minio:9000/saggar")
    assert (state, "has a path" in detail) == ("missing", True)
    ((_, state, detail),) = doctor_surroundings.store_address("s3://bucket?endpoint=minio:9000")
    assert (state, "no http or https address" in detail) == ("missing", True)
    ((_, state, detail),) = doctor_surroundings.store_address("s3://bucket?endpoint=http://127.0.0.1:1")
    assert (state, "does not answer" in detail) == ("missing", True)


def test_an_overwritten_database_is_named(tmp_path, capsys):
    home = tmp_path / "home"
    (home / "store" / "experiments" / "x-1").mkdir(parents=True)
    (home / "store" / "experiments" / "x-1" / "specification.json").write_text(
        '{"experiment": {"name": "x", "arms": [{}], "seeds": [0]}, "created_at": "2026-01-01T00:00:00Z"}'
    )
    (home / "workflows.sqlite").write_bytes(b"no database at all" * 100)
    code = run(["--home", str(home), "experiment", "list"])
    _, err = capsys.readouterr()
    assert code == 1
    assert "workflow database" in err
    assert "bug" not in err
    found = {name: detail for name, _, detail in doctor_surroundings.checks(Home(home))}
    assert "is damaged" in found["database"]
    code = run(["--home", str(home), "up", "--port-base", "0"])  # before any service starts
    _, err = capsys.readouterr()
    assert code == 1
    assert "workflows.sqlite is damaged" in err
    assert "starting services" not in err


@pytest.mark.parametrize(
    ("error", "said", "wrong_input"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "/srv/x: permission denied; change its", False),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device; the disk is full", False),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "mounted read-only", False),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), "check the path", True),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"), "a -> b: invalid cross-device", False),
        (sqlite3.OperationalError("database is locked"), "in use by another program", False),
        (sqlite3.DatabaseError("file is not a database"), "is damaged, or is no database", False),
        (sqlite3.OperationalError("attempt to write a readonly database"), "cannot be written", False),
        (MemoryError(), "not enough memory", False),
    ],
)
def test_what_the_system_refuses_is_no_bug(error, said, wrong_input):
    text, is_wrong_input = failures.explain(error)
    assert said in text
    assert "bug" not in text
    assert is_wrong_input is wrong_input


def test_an_error_of_the_program_is_called_one():
    assert "looks like a bug" in failures.explain(ZeroDivisionError("division by zero"))[0]


def test_a_home_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    code = run(["--home", str(tmp_path / "file"), "data", "list"])
    _, err = capsys.readouterr()
    assert code in {1, 2}
    assert "bug" not in err
    assert str(tmp_path / "file") in err


@pytest.mark.parametrize("command", [("experiment", "plan"), ("experiment", "run"), ("data", "import")])
def test_a_pipe_for_a_file_is_named_and_not_waited_for(tmp_path, capsys, command):
    pipe = tmp_path / "file.yaml"
    os.mkfifo(pipe)
    arguments = ("data", "import", tmp_path, "--labels", pipe) if command == ("data", "import") else (*command, pipe)
    assert run(["--home", str(tmp_path / "home"), *map(str, arguments)]) == 2
    assert "file.yaml: is a device, a pipe or a socket" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["classify", ""],
        ["classify", "a.jpg", ""],
        ["data", "import", "--encoding", "utf-8", ""],
        ["experiment", "run", ""],
    ],
)
def test_a_variable_without_a_value_is_not_the_current_folder(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("image,type\n")
    assert run(["--home", str(tmp_path / "home"), *command]) == 2
    before = " ".join(command[:-1])
    assert f"{before}` is empty" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_the_doctor_names_settings_that_are_misspelt(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGGAR_STRORE", "/somewhere")
    assert ("settings", "note", "SAGGAR_STRORE is set and is no setting; SAGGAR_STORE is one") in list(
        doctor_surroundings.checks(Home(tmp_path))
    )


def test_no_variable_of_the_documents_counts_as_misspelt():
    root = Path(__file__).parents[4]
    files = [*root.glob("docs/**/*.md"), *root.glob("*.y*ml"), root / "Dockerfile", root / "Makefile"]
    named = {name for file in files for name in re.findall(r"SAGGAR_[A-Z0-9_]*[A-Z0-9]", file.read_text("utf-8"))}
    assert len(named) > 40
    assert list(misspelt(dict.fromkeys(named, ""))) == []
    slips = {"SAGGAR_LISTNE": "LISTEN", "SAGGAR_API_KEY": "API_KEYS", "SAGGAR_LOGLEVEL": "LOG_LEVEL"}
    assert dict(misspelt(dict.fromkeys(slips, ""))) == {name: f"SAGGAR_{meant}" for name, meant in slips.items()}
