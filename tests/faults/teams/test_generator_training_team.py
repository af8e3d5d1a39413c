"""An adapter trained by two processes is the one that a single process trains, but for rounding."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from saggar.errors import CancelledError, InvalidInputError, UnavailableError
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar_generator.adapters.adapter import read_card
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import TrainingRequest
from saggar_generator.settings import GeneratorSettings
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.workshop import Workshop
from team_workers import until_no_worker_is_left, workers
from tiny_generation import TRAINING
from tiny_pipeline import save_tiny_pipeline, training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PROCESS = "saggar_generator.training.team.process"
SETTINGS = TRAINING.with_values(
    train_text_encoder=True,
    learnt_phrases={"<type-bowl>": "bowl"},
    validation_share=0.3,
    validation_every_steps=3,
    preview_every_steps=6,
    keep_every_steps=4,
)


@pytest.fixture
def folder(tmp_path):
    return save_tiny_pipeline(tmp_path / "tiny")


@pytest.fixture
def workshop(tmp_path):
    """Two processes train; its store is the folder `team`."""
    root = tmp_path / "team"
    settings = GeneratorSettings(
        store=str(root), device="cpu", precision="float32", training_processes=2, log_level="warning"
    )
    return Workshop(DirectoryStore(root), settings)


def train(workshop, folder, root, settings=SETTINGS, *, report=lambda _: None, cancelled=None):
    manifest = training_manifest(DirectoryStore(root))
    previews = []
    cancelled = cancelled or threading.Event()
    request = TrainingRequest(str(folder), manifest, settings)
    adapter = workshop.train_adapter(request, Work(report, cancelled), previews.append)
    return adapter, previews


def weights(root: Path, adapter) -> dict[str, np.ndarray]:
    """Of layers and learnt words."""
    store = DirectoryStore(root)
    words = read_card(store, adapter.adapter).learnt_words.words
    refs = [adapter.weights, *(one.vectors.ref() for one in words)]
    return {name: value for ref in refs for name, value in safetensors.numpy.load(store.read(ref)).items()}


def test_two_processes_train_the_adapter_that_one_trains(workshop, folder, tmp_path):
    single = tmp_path / "single"
    store = DirectoryStore(single)
    models = BaseModels(Placement("cpu", "float32"))
    manifest = training_manifest(store)
    expected = train_adapter(store, models, TrainingRequest(str(folder), manifest, SETTINGS), Work())
    reports = []
    found, previews = train(workshop, folder, tmp_path / "team", report=reports.append)
    ours, theirs = weights(tmp_path / "team", found), weights(single, expected)
    assert ours.keys() == theirs.keys()
    assert "<type-bowl>" in ours
    for name, one in ours.items():
        np.testing.assert_allclose(one, theirs[name], atol=2e-3, err_msg=name)
    assert max(abs(one).max() for name, one in ours.items() if "lora_B" in name) > 1e-2
    assert [(one.step, one.adapter.key) for one in found.kept] == [(4, expected.kept[0].adapter.key)]
    assert found.final_loss == pytest.approx(expected.final_loss, rel=1e-4)
    assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-3)
    assert {one.stage for one in reports} == {"loading base model", "preparing images", "training"}
    assert [one.step for one in previews] == [6] * len(previews) != []
    with pytest.raises(InvalidInputError, match="fewer than the 2 processes") as raised:
        train(workshop, folder, tmp_path / "team", SETTINGS.with_values(batch_size=1))
    assert raised.value.violations[0].field == "settings.batch_size"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # five teams are started, each of which loads the libraries twice
def test_a_cancelled_and_a_killed_team_go_on_from_their_checkpoint(workshop, folder, tmp_path):
    """As if they had not been: the same bytes as of a team that nobody disturbed."""
    settings = SETTINGS.with_values(steps=60, preview_every_steps=0)
    cancelled = threading.Event()

    def cancel(progress):
        if progress.stage == "training" and progress.done >= 1:
            cancelled.set()

    with pytest.raises(CancelledError):
        train(workshop, folder, tmp_path / "team", settings, report=cancel, cancelled=cancelled)
    assert any(DirectoryStore(tmp_path / "team").list("checkpoints/generator/"))
    until_no_worker_is_left(PROCESS)

    begun_at = []

    def kill(progress):
        if progress.stage == "training" and not begun_at:
            begun_at.append(progress.done)
            os.kill(workers(PROCESS)[-1].pid, signal.SIGKILL)

    with pytest.raises(UnavailableError, match="died"):
        train(workshop, folder, tmp_path / "team", settings, report=kill)
    assert begun_at[0] > 1  # went on
    found, _ = train(workshop, folder, tmp_path / "team", settings)

    other = tmp_path / "undisturbed"
    undisturbed = Workshop(
        DirectoryStore(other),
        GeneratorSettings(store=str(other), device="cpu", precision="float32", training_processes=2),
    )
    expected, _ = train(undisturbed, folder, other, settings)
    assert found.weights.sha256 == expected.weights.sha256
