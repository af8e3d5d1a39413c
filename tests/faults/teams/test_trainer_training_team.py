"""A classifier trained by two processes is the one that a single process trains, but for rounding."""

import json
import os
import signal
import threading

import pytest
from saggar.dataset.split import split
from saggar.errors import CancelledError, InvalidInputError, UnavailableError
from saggar.importing.intake import import_csv
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_trainer.fitting.training_job import TrainingJob, train
from saggar_trainer.listening import TrainingWork
from saggar_trainer.servicer import TrainerServicer, made_with
from saggar_trainer.settings import TrainerSettings
from saggar_trainer.workplace import workplace
from team_workers import until_no_worker_is_left, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]  # teams load torch three times each
PROCESS = "saggar_trainer.team.process"
TAXONOMY = load_taxonomy("kilnsim")
SETTINGS = TrainingSettings(
    architecture="mobilenet_v3_large_minimalistic",
    initial_weights="random",
    image_size_px=32,
    batch_size=10,
    max_epochs=3,
    dropout=0.2,
    seed=5,
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return write_collection(tmp_path_factory.mktemp("drawn"), 40, 3, 32)


class Place:
    """A store with the collection, a trainer's settings on it, and what a training there says."""

    def __init__(self, folder, drawn):
        self.store = DirectoryStore(folder / "store")
        self.scratch = folder / "scratch"
        self.settings = TrainerSettings(
            store=str(folder / "store"), device="cpu", threads=2, training_processes=2, scratch=self.scratch
        )
        self.at = workplace(self.store, self.settings)
        manifest = import_csv(drawn.parent, drawn, TAXONOMY, self.store).manifest
        self.manifest = write_manifest(self.store, split(manifest, 1))
        content = TAXONOMY.model_dump_json(by_alias=True).encode()
        self.taxonomy = self.store.put("taxonomies/kilnsim.json", content, "application/json")
        self.epochs, self.stages = [], set()

    def job(self, settings=SETTINGS):
        return TrainingJob(self.manifest, self.taxonomy, settings, {"by": "a test"})

    def work(self, on_epoch=lambda _: None, cancelled=None):
        def heard(scores):
            self.epochs.append(scores)
            on_epoch(scores)

        return TrainingWork(
            lambda progress: self.stages.add(progress.stage), cancelled or threading.Event(), epoch=heard
        )

    def train_together(self, settings=SETTINGS, **work):
        return TrainerServicer(self.store, self.settings)._train(self.job(settings), self.work(**work))


@pytest.fixture
def place(tmp_path, drawn):
    return Place(tmp_path / "team", drawn)


def test_two_processes_train_the_classifier_that_one_trains(place, tmp_path, drawn):
    single = Place(tmp_path / "single", drawn)
    expected = train(single.job(), single.at, single.work())
    found = place.train_together()
    assert [scores.epoch for scores in place.epochs] == [scores.epoch for scores in single.epochs]
    first, other = place.epochs[0], single.epochs[0]
    # Of random weights, at one pixel after the last stride, float32 keeps a few digits: the exact test is of `fit`.
    assert first.training_loss == pytest.approx(other.training_loss, rel=0.05)
    assert first.steps == other.steps
    assert single.stages <= place.stages
    history = json.loads(place.store.read(found.history))
    theirs = json.loads(single.store.read(expected.history))
    assert history.keys() == theirs.keys()
    assert history["counts"] == theirs["counts"]
    assert not list(place.store.list("checkpoints/"))
    assert not list(place.scratch.glob("saggar-team-*"))
    # One process alone asks for the same work: it is the same work, and is done.
    assert train(place.job(), place.at) == found
    assert made_with(place.at, 2).keys() - made_with(place.at).keys() == {"training_processes"}
    with pytest.raises(InvalidInputError, match="fewer than the 2 processes"):
        place.train_together(SETTINGS.with_values(batch_size=1))


def test_a_cancelled_and_a_killed_team_go_on_from_their_checkpoint_with_one_process(place):
    settings = SETTINGS.with_values(max_epochs=12, patience_epochs=12)
    cancelled = threading.Event()
    with pytest.raises(CancelledError):
        place.train_together(settings, on_epoch=lambda _: cancelled.set(), cancelled=cancelled)
    reached = len(place.epochs)
    assert 1 <= reached < 12
    assert list(place.store.list("checkpoints/trainer/"))
    until_no_worker_is_left(PROCESS)

    seen = []

    def kill(scores):
        seen.append(scores.epoch)
        if len(seen) == reached + 1:  # those before are told again
            os.kill(workers(PROCESS)[-1].pid, signal.SIGKILL)

    with pytest.raises(UnavailableError, match=r"training: one of 2 processes died .* goes on from the last"):
        place.train_together(settings, on_epoch=kill)
    until_no_worker_is_left(PROCESS)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) < 12

    place.epochs.clear()
    outcome = train(place.job(settings), place.at, place.work())
    assert [scores.epoch for scores in place.epochs] == list(range(1, 13))
    assert place.store.exists(outcome.bundle.key)


def test_a_photograph_that_is_lost_is_named_whichever_process_reads_it(place):
    broken = sorted(place.store.list("images/"))[3]
    place.store.delete(broken)
    with pytest.raises(Exception, match=broken) as raised:
        place.train_together()
    assert type(raised.value).__name__ == "NotFoundError"
    until_no_worker_is_left(PROCESS)
