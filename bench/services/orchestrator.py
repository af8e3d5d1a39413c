"""What the orchestrator costs beside the work: overhead, a plan of 200 arms, 10,000 events to watch, help. JSON lines.

    python bench/services/orchestrator.py                   plan, watch and help
    python bench/services/orchestrator.py overhead HOME     of the finished experiments of a home, e.g. the quickstart's

Overhead is the time of an attempt in which none of its steps was at work: starting, recording, choosing the next.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import choose_addresses
from saggar_orchestrator.progress import StepView
from saggar_orchestrator.workflow.database.events import Events
from saggar_orchestrator.workflow.run import Specification
from saggar_orchestrator.workflow.stored import keep_specification

RUNS = 5
ARMS, EVENTS = 200, 10_000
SAGGAR = [sys.executable, "-c", "from saggar_orchestrator.cli.main import main; main()"]
IDENTITY = "watched-0123456789ab"
FILE = """\
name: watched
taxonomy: kilnsim
data: {kilnsim: {count: 160, seed: 3, size_px: 32}}
seeds: [0, 1, 2]
arms:
  - name: baseline
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("overhead").add_argument("home", type=Path)
    asked = parser.parse_args()
    if asked.command == "overhead":
        for found in overheads(asked.home):
            tell("overhead", **found)
        return
    with tempfile.TemporaryDirectory() as folder:
        tell("help", seconds=median_seconds([*SAGGAR, "--help"]), goal=0.2)
        tell("plan", arms=ARMS, seconds=plan(Path(folder)), goal=5)
        tell("watch", events=EVENTS, seconds=watch(Path(folder) / "home"), goal=1)


def tell(what: str, **values: Any) -> None:
    print(json.dumps({"bench": "orchestrator", "what": what, **values}), flush=True)


def median_seconds(command: list[str], **options: Any) -> float:
    """Of a command as a user calls it, its start included; the first call fills caches and does not count."""
    seconds = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)  # noqa: S603 our own commands
        seconds.append(time.perf_counter() - begun)
    return round(statistics.median(seconds[1:]), 3)


def overheads(home: Path) -> list[dict[str, Any]]:
    """Of every attempt that succeeded: seconds in all, in which no step was at work, and their share."""
    found = []
    with sqlite3.connect(f"file:{home / 'workflows.sqlite'}?mode=ro", uri=True) as database:
        attempts = "SELECT workflow_uuid, created_at, updated_at FROM workflow_status WHERE status = 'SUCCESS'"
        steps = "SELECT started_at_epoch_ms, completed_at_epoch_ms FROM operation_outputs WHERE workflow_uuid = ?"
        for identity, began, ended in database.execute(attempts).fetchall():
            spans = [span for span in database.execute(steps, (identity,)) if None not in span]
            # the attempt's own times are whole seconds: what lies before the first step and after the last is from them
            first, last = min([began, *(a for a, _ in spans)]), max([ended, *(b for _, b in spans)])
            idle_ms = last - first - covered(spans)
            found.append(
                {
                    "attempt": identity,
                    "steps": len(spans),
                    "seconds": round((last - first) / 1e3, 1),
                    "no_step_at_work_seconds": round(idle_ms / 1e3, 1),
                    "share": round(idle_ms / max(1, last - first), 4),
                    "goal": 0.03,
                }
            )
    return found


def covered(spans: list[tuple[int, int]]) -> int:
    """The length of the union of `spans`."""
    total, until = 0, 0
    for began, ended in sorted(spans):
        total += max(0, ended - max(began, until))
        until = max(until, ended)
    return total


def plan(folder: Path) -> float:
    """`saggar experiment plan` of a file with so many arms, each of images of its own."""
    arms = [f"  - {{name: arm {number}, synthetic: {{count: {number}}}}}" for number in range(1, ARMS)]
    file = folder / "arms.yaml"
    file.write_text(FILE.replace("watched", "arms") + "\n".join(arms) + "\n")
    return median_seconds([*SAGGAR, "--home", str(folder / "none"), "experiment", "plan", str(file), "--json"])


def watch(place: Path) -> float:
    """`saggar experiment watch` of a finished experiment through an orchestrator that runs."""
    home = Home(place)
    home.prepare()
    address = choose_addresses(0)["orchestrator"]
    environment = os.environ | {
        "SAGGAR_LISTEN": address,
        "SAGGAR_HOME": str(place),
        "SAGGAR_STORE": str(home.store),
    }
    finished(home)
    with subprocess.Popen([sys.executable, "-m", "saggar_orchestrator"], env=environment) as service:
        try:
            wait_ready(address, 120)
            keep_events(f"sqlite:///{home.database.resolve()}")
            return median_seconds(
                [*SAGGAR, "--server", address, "experiment", "watch", IDENTITY, "--json"], stderr=subprocess.DEVNULL
            )
        finally:
            service.terminate()


def finished(home: Home) -> None:
    """An experiment that is done, as the store has it."""
    store = DirectoryStore(home.store)
    experiment, taxonomy = parse_experiment(FILE, "bench", home.root)
    keep_specification(store, Specification(IDENTITY, experiment, taxonomy, {}, FILE, "2026-01-01T00:00:00Z"))
    store.put(f"experiments/{IDENTITY}/results.json", b"{}", "application/json")
    store.put(f"experiments/{IDENTITY}/report.html", b"<html></html>", "text/html")


def keep_events(database_url: str) -> None:
    """Epochs of a few long trainings."""
    views = [
        StepView(
            position=3 + number % 3,
            title=f"train baseline, seed {number % 3}",
            step_id="0123456789abcdef",
            state="running",
            stage="training",
            done=number // 3,
            total=EVENTS // 3,
            unit="epochs",
            metrics=(("loss", 1 / (number + 1)), ("validation_macro_f1", 0.5)),
            seconds=number / 3,
        )
        for number in range(EVENTS)
    ]
    events = Events(database_url)
    events._write(IDENTITY, views)  # noqa: SLF001 what its thread does
    events.close()


if __name__ == "__main__":
    main()
