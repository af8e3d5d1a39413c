"""A researcher's whole path: the command line and all five real services, on a very small collection."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from saggar.kilnsim import write_collection

EXPERIMENT = """\
name: small
taxonomy: kilnsim
data: {images: photographs, labels: photographs/labels.csv}
augmentation: {below: 3, to: 4}
adapter: {images: 16, steps: 4, batch_size: 4, checkpoint_every_steps: 2}
generation: {steps: 2, shard_size: 4, adapter_weight: 1.0}
plan: {rarest: 2, most_confused: 1, spare_share: 0.0}
screening:
  {min_luminance_sd: 0, min_entropy_bits: 0, min_relative_sharpness: 0, kid_resamples: 10,
   report_only: [calibrated]}
training:
  {architecture: mobilenet_v3_large_minimalistic, initial_weights: random, image_size_px: 32,
   batch_size: 32, max_epochs: 2}
arms:
  - {name: baseline}
  - {name: "95:5", synthetic: {count: 4}}
  - {name: "90:10", synthetic: {count: 8}}
"""


SAGGAR = str(Path(sys.executable).with_name("saggar"))
pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole experiment
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
ARMS = ["baseline", "95:5", "90:10"]


@dataclass(frozen=True)
class Saggar:
    """The command line, in a home of its own, whose services run."""

    home: Path

    def __call__(self, *arguments: str, expect: int = 0, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        command = [SAGGAR, "--home", str(self.home), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=ENVIRONMENT, check=False)
        said = f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expect, said
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Saggar, Path]]:
    """A finished experiment: its command line and its folder."""
    folder = tmp_path_factory.mktemp("story")
    write_collection(folder / "photographs", count=150, seed=3, size=64)
    (folder / "small.yaml").write_text(EXPERIMENT, encoding="utf-8")
    saggar = Saggar(folder / "home")
    with (folder / "up.log").open("w") as log:
        up = subprocess.Popen(
            [SAGGAR, "--home", str(saggar.home), "up", "--port-base", "0"], stderr=log, env=ENVIRONMENT
        )
    try:
        _wait_for(saggar.home / "run" / "services.json", up, folder / "up.log")
        saggar("experiment", "run", str(folder / "small.yaml"), timeout_s=900)
        yield saggar, folder
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=120) == 0


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_the_report_compares_the_three_arms(story: tuple[Saggar, Path], tmp_path: Path) -> None:
    saggar, _ = story
    (experiment,) = json.loads(saggar("experiment", "list", "--json").stdout)
    assert experiment["state"] == "succeeded"
    saggar("report", "small", "--output", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [arm["name"] for arm in results["arms"]] == ARMS
    assert [arm["by_origin"].get("synthetic", 0) for arm in results["arms"]] == [0, 4, 8]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ARMS)


@pytest.mark.slow
def test_a_second_run_makes_nothing_again(story: tuple[Saggar, Path]) -> None:
    saggar, folder = story
    before = _stored_images(saggar.home)
    again = saggar("experiment", "run", str(folder / "small.yaml"))
    assert "finished already" in again.stderr
    assert _stored_images(saggar.home) == before


@pytest.mark.slow
def test_a_model_is_chosen_and_classifies_a_photograph(story: tuple[Saggar, Path]) -> None:
    saggar, folder = story
    models = json.loads(saggar("models", "list", "--json").stdout)
    assert sorted({model["arm"] for model in models}) == sorted(ARMS)
    saggar("models", "activate", models[0]["model"])
    photograph = next((folder / "photographs" / "images").glob("*.png"))
    (answer,) = json.loads(saggar("classify", str(photograph), "--top", "8", "--json").stdout)
    assert answer["model"] == models[0]["model"]
    assert set(answer["predictions"]) == {"dynasty", "kiln", "glaze", "type"}
    for classes in answer["predictions"].values():
        assert sum(c["probability"] for c in classes) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_what_is_not_a_photograph_is_named(story: tuple[Saggar, Path]) -> None:
    saggar, folder = story
    saggar("models", "activate", json.loads(saggar("models", "list", "--json").stdout)[0]["model"])
    assert "small.yaml" in saggar("classify", str(folder / "small.yaml"), expect=1).stderr
    assert "absent.jpg" in saggar("classify", str(folder / "absent.jpg"), expect=1).stderr


def test_a_misspelt_key_is_named_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(EXPERIMENT.replace("screening:", "screning:"), encoding="utf-8")
    failed = Saggar(tmp_path / "home")("experiment", "run", str(file), expect=2)
    assert "wrong.yaml:8" in failed.stderr
    assert "did you mean 'screening'?" in failed.stderr
    assert not (tmp_path / "home").exists()


def _wait_for(path: Path, up: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300
    while not path.exists():
        assert up.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def _stored_images(home: Path) -> set[Path]:
    return {path for path in (home / "store" / "images").rglob("*") if path.is_file()}
