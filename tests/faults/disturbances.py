"""What happens to running experiments: to services, lines between them, the store, the database, disks, clocks."""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from disturbed import Disturbance, DisturbedMachine
from saggar_orchestrator.local.supervisor import choose_addresses

ROOT = Path(__file__).resolve().parents[2]
_DISK_MIB = 48
_FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


def _kill(name: str) -> Callable[[DisturbedMachine, float], None]:
    return lambda machine, hold_s: machine.restart(name, hold_s / 3)


def _pause(name: str) -> Callable[[DisturbedMachine, float], None]:
    def happen(machine: DisturbedMachine, hold_s: float) -> None:
        machine.processes[name].send_signal(signal.SIGSTOP)
        time.sleep(2 * hold_s)
        machine.processes[name].send_signal(signal.SIGCONT)

    return happen


def _silent(machine: DisturbedMachine, hold_s: float) -> None:
    for line in machine.lines.values():
        line.silence()
    time.sleep(2 * hold_s)
    for line in machine.lines.values():
        line.join()


def _broken(machine: DisturbedMachine, hold_s: float) -> None:
    for line in machine.lines.values():
        line.break_off()
    time.sleep(hold_s)
    for line in machine.lines.values():
        line.join()


def _store_down(machine: DisturbedMachine, hold_s: float) -> None:
    assert machine.s3
    machine.s3.down()
    time.sleep(hold_s)
    machine.s3.up()


def _store(illness: str) -> Callable[[DisturbedMachine, float], None]:
    def happen(machine: DisturbedMachine, hold_s: float) -> None:
        assert machine.s3
        before, machine.s3.illness = machine.s3.hits, illness
        time.sleep(hold_s)
        machine.s3.illness = ""
        machine.notes.append(f"{machine.s3.hits - before} requests met it")

    return happen


def _database_locked(machine: DisturbedMachine, hold_s: float) -> None:
    with contextlib.closing(sqlite3.connect(machine.home.database, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(2 * hold_s)
        connection.execute("ROLLBACK")


def _database_overwritten(machine: DisturbedMachine, _: float) -> None:
    """Only what is in the store is left; the orchestrator has to refuse the file, and to do without it."""
    machine.kill("orchestrator")
    for name in ("-wal", "-shm"):
        machine.home.database.with_name(machine.home.database.name + name).unlink(missing_ok=True)
    machine.home.database.write_bytes(b"this was a workflow database once\n" * 200)
    machine.notes.append(f'does not start: "{_refusal(machine, machine.addresses["orchestrator"])}"; moved away')
    machine.home.database.unlink()
    machine.start("orchestrator")


def _database_server_restarted(machine: DisturbedMachine, _: float) -> None:
    postgres, port = _postgres(machine)
    subprocess.run([ROOT / ".ci/postgres", "stop", postgres], check=True)
    time.sleep(1)
    subprocess.run([ROOT / ".ci/postgres", "again", postgres, port], check=True, stdout=subprocess.DEVNULL)


def _postgres(machine: DisturbedMachine) -> tuple[str, str]:
    """Folder and port; outside of pytest's folders, which the server's user may not enter."""
    port = machine.addresses["qc"].rpartition(":")[2]  # of a worker that has no process of its own
    return f"{tempfile.gettempdir()}/saggar-faults-postgres-{port}", port


def _with_postgres(machine: DisturbedMachine) -> None:
    postgres, port = _postgres(machine)
    subprocess.run([ROOT / ".ci/postgres", "start", postgres, port], check=True, stdout=subprocess.DEVNULL)
    machine.environment["SAGGAR_DATABASE_URL"] = f"postgresql+psycopg://saggar@127.0.0.1:{port}/postgres"


def _without_postgres(machine: DisturbedMachine) -> None:
    postgres, _ = _postgres(machine)
    subprocess.run([ROOT / ".ci/postgres", "stop", postgres], check=False)
    shutil.rmtree(postgres, ignore_errors=True)


def _no_postgres() -> str:
    there = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return "" if there else "PostgreSQL; install Debian's package postgresql"


def _disk_of(place: Callable[[DisturbedMachine], Path]) -> Callable[[DisturbedMachine], None]:
    def prepare(machine: DisturbedMachine) -> None:
        place(machine).mkdir(parents=True, exist_ok=True)
        size = f"size={_DISK_MIB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place(machine)], check=True)

    return prepare


def _no_disk_of(place: Callable[[DisturbedMachine], Path]) -> Callable[[DisturbedMachine], None]:
    return lambda machine: subprocess.run(["umount", "--lazy", place(machine)], check=False) and None


def _disk_full(place: Callable[[DisturbedMachine], Path]) -> Callable[[DisturbedMachine, float], None]:
    def happen(machine: DisturbedMachine, hold_s: float) -> None:
        filler = place(machine) / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
        time.sleep(hold_s)
        filler.unlink()

    return happen


def _no_mount() -> str:
    if os.geteuid() != 0:
        return "root, who may mount a small disk"
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode:
            return "the right to mount a small disk"
        subprocess.run(["umount", folder], check=True)
    return ""


def _store_folder(machine: DisturbedMachine) -> Path:
    return Path(machine.home.store)


def _database_folder(machine: DisturbedMachine) -> Path:
    """The database on a disk of its own; `prepare` has moved it there."""
    return Path(machine.home.root) / "small-disk"


def _database_on_small_disk(machine: DisturbedMachine) -> None:
    _disk_of(_database_folder)(machine)
    machine.environment["SAGGAR_DATABASE_URL"] = f"sqlite:///{_database_folder(machine)}/workflows.sqlite"


def _clock(hours: float) -> Callable[[DisturbedMachine, float], None]:
    """The orchestrator's clock, there and back."""

    def happen(machine: DisturbedMachine, hold_s: float) -> None:
        _set_clock(machine, f"{hours:+g}h")
        time.sleep(hold_s)
        _set_clock(machine, "+0")

    return happen


def _set_clock(machine: DisturbedMachine, offset: str) -> None:
    file = machine.home.root / "clock"
    file.with_suffix(".new").write_text(offset + "\n")
    file.with_suffix(".new").rename(file)


def _with_clock(machine: DisturbedMachine) -> None:
    _set_clock(machine, "+0")
    start = machine.start

    def start_by_clock(name: str, command: list[str] | None = None) -> None:
        """Only the orchestrator's: workers are on other machines."""
        further = {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(machine.home.root / "clock"),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; none makes a report take a minute
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with _within(machine.environment, further if name == "orchestrator" else {}):
            start(name, command)

    machine.start = start_by_clock  # type: ignore[method-assign]


@contextlib.contextmanager
def _within(environment: dict[str, str], further: dict[str, str]) -> Iterator[None]:
    environment.update(further)
    try:
        yield
    finally:
        for name in further:
            del environment[name]


def _no_faketime() -> str:
    return "" if _FAKETIME and ctypes.util.find_library("c") else "libfaketime; install Debian's package libfaketime"


def _second_on_this_home(machine: DisturbedMachine, _: float) -> None:
    said = _refusal(machine, choose_addresses(0)["orchestrator"])
    machine.notes.append(f'the second does not start: "{said}"')


def _second_home(machine: DisturbedMachine, _: float) -> None:
    """Another orchestrator with a home and a database of its own is asked for the same experiment."""
    other = machine.home.root / "other-home"
    with _within(machine.environment, {"SAGGAR_DATABASE_URL": f"sqlite:///{other}.sqlite"}):
        if "orchestrator-2" not in machine.processes:
            machine.start("orchestrator-2")
    text = machine.latest_text
    identity = machine.run(text, "orchestrator-2")
    machine.wait_for(identity, lambda found: found.experiment.state != 1, at="orchestrator-2")
    machine.notes.append("asked of both")


def _refusal(machine: DisturbedMachine, address: str) -> str:
    """What an orchestrator on this machine's home says that does not start."""
    environment = os.environ | {
        "SAGGAR_HOME": str(machine.home.root / "orchestrator"),
        "SAGGAR_STORE": machine.store_url,
        "SAGGAR_LISTEN": address,
    }
    command = [sys.executable, "-m", "saggar_orchestrator"]
    ended = subprocess.run(
        command, env=environment | machine.environment, capture_output=True, text=True, timeout=120, check=False
    )
    said = ended.stderr + ended.stdout
    assert ended.returncode != 0, said
    assert "Traceback" not in said, said
    return said.strip().splitlines()[-1].removeprefix("error: ").replace(str(machine.home.root) + "/", "")


DISTURBANCES = (
    Disturbance("generator killed (kill -9)", _kill("generator"), apart=("qc", "trainer", "classifier")),
    Disturbance("qc killed", _kill("qc"), apart=("qc",)),
    Disturbance("trainer killed", _kill("trainer"), apart=("trainer",)),
    Disturbance("orchestrator killed", _kill("orchestrator")),
    Disturbance("all workers paused (SIGSTOP)", _pause("generator")),
    Disturbance("orchestrator paused", _pause("orchestrator")),
    Disturbance("workers cut off, nothing heard", _silent, lines=("generator", "qc", "trainer")),
    Disturbance("workers cut off, connections broken", _broken, lines=("generator", "qc", "trainer")),
    Disturbance("store down", _store_down, store="s3"),
    Disturbance("store slow (0.4 s a request more)", _store("slow"), store="s3"),
    Disturbance("store full", _store("full"), store="s3"),
    Disturbance("store read-only", _store("read-only"), store="s3"),
    Disturbance("store answers every other request with 500", _store("errors"), store="s3"),
    Disturbance("store gives corrupt bytes", _store("corrupt"), store="s3"),
    Disturbance("store breaks answers off", _store("cut"), store="s3"),
    Disturbance("database locked", _database_locked),
    Disturbance("database overwritten", _database_overwritten),
    Disturbance(
        "database server restarted (PostgreSQL)",
        _database_server_restarted,
        prepare=_with_postgres,
        clean=_without_postgres,
        lacking=_no_postgres,
    ),
    Disturbance(
        "disk of the store full",
        _disk_full(_store_folder),
        prepare=_disk_of(_store_folder),
        clean=_no_disk_of(_store_folder),
        lacking=_no_mount,
    ),
    Disturbance(
        "disk of the home full",
        _disk_full(_database_folder),
        prepare=_database_on_small_disk,
        clean=_no_disk_of(_database_folder),
        lacking=_no_mount,
    ),
    Disturbance("clock two hours ahead, and back", _clock(2), prepare=_with_clock, lacking=_no_faketime),
    Disturbance("clock two hours behind, and back", _clock(-2), prepare=_with_clock, lacking=_no_faketime),
    Disturbance("clock an hour wrong, store on S3", _clock(1), store="s3", prepare=_with_clock, lacking=_no_faketime),
    Disturbance("a second orchestrator on the same home", _second_on_this_home),
    Disturbance("a second home on the same store", _second_home),
)
