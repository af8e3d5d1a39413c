"""kill -9 of the command line and of all its services while a fold is trained; the run that goes on finds the same."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from saggar.kilnsim import write_collection

EXPERIMENT = """\
name: folded
taxonomy: kilnsim
tasks: [glaze, type]
data: {images: photographs, labels: photographs/labels.csv, folds: 2}
training:
  {architecture: mobilenet_v3_large_minimalistic, initial_weights: random, image_size_px: 32,
   batch_size: 16, max_epochs: 3}
arms:
  - {name: baseline}
  - {name: adjusted, training: {logit_adjustment: loss}}
"""
COMMAND = [str(Path(sys.executable).with_name("saggar")), "--home"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "SAGGAR_TRAINERS": "1"}
OF_THE_MOMENT = {"seconds", "created_at", "reused"}  # all else is a function of the experiment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_collection(tmp_path / "photographs", count=90, seed=3, size=48)
    path = tmp_path / "folded.yaml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fold_cut_off_by_kill_ends_with_the_findings_of_an_undisturbed_run(file: Path, tmp_path: Path) -> None:
    kill_when(tmp_path / "killed", file, lambda line: "fold 2 of 2: train adjusted" in line)
    assert not list((tmp_path / "killed").rglob("results.json")), "the kill came too late to test anything"
    run(tmp_path / "killed", file)
    run(tmp_path / "whole", file)
    assert results(tmp_path / "killed") == results(tmp_path / "whole")


def run(home: Path, file: Path) -> None:
    done = subprocess.run(
        [*COMMAND, str(home), "experiment", "run", str(file)],
        capture_output=True,
        text=True,
        timeout=900,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def kill_when(home: Path, file: Path, reached: Callable[[str], bool]) -> None:
    """Runs the experiment in a process group of its own, and kills the whole group at a line of its progress."""
    command = [*COMMAND, str(home), "experiment", "run", str(file)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    ) as running:
        assert running.stderr is not None
        lines = []
        for line in running.stderr:
            lines.append(line)
            if reached(line):
                os.killpg(running.pid, signal.SIGKILL)
                return
        raise AssertionError("".join(lines))


def results(home: Path) -> dict[str, Any]:
    (path,) = (home / "store" / "experiments").glob("*/results.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), object_hook=_lasting)
    return found


def _lasting(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in OF_THE_MOMENT}
