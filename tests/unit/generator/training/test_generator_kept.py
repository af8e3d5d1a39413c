"""Adapters that a training keeps on the way: what they are, and that none is lost however the training ends."""

import json
import threading

import pytest
import safetensors.torch
import torch
from saggar.errors import CancelledError, InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest
from saggar_generator import messages
from saggar_generator.adapters import adapter
from saggar_generator.checkpoint import metadata_of
from saggar_generator.requests import TrainingRequest
from saggar_generator.training.adapter_job import train_adapter
from tiny_generation import TRAINING, run, use
from tiny_pipeline import training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PLAIN = TRAINING.with_values(warm_up_steps=1)  # 6 steps, a checkpoint every 2
KEEPING = PLAIN.with_values(keep_every_steps=2)


class KilledError(Exception):
    """What stands for the end of the process."""


class Dying(DirectoryStore):
    """Dies when it has written an object whose key ends so, for the `number`th time."""

    def __init__(self, root, ending, number=1):
        super().__init__(root)
        self._ending, self._left = ending, number

    def put(self, key, data, media_type):
        found = super().put(key, data, media_type)
        self._left -= key.endswith(self._ending)
        if key.endswith(self._ending) and not self._left:
            raise KilledError
        return found

    def replace(self, key, data, media_type):
        found = super().replace(key, data, media_type)
        self._left -= key.endswith(self._ending)
        if key.endswith(self._ending) and not self._left:
            raise KilledError
        return found


def train(store, models, folder, settings, *, stages=None, cancelled=None):
    def report(progress):
        if stages is not None and progress.stage == "training":
            stages.append(progress.done)

    request = TrainingRequest(str(folder), training_manifest(store), settings)
    return train_adapter(store, models, request, Work(report, cancelled or threading.Event()))


def files(store):
    """What the store has of adapters, by key."""
    return {key: store.get(key) for key in store.list("adapters/")}


def layers(store, ref):
    return safetensors.torch.load(store.read(ref))


def test_each_is_an_adapter_of_its_own(models, folder, store):
    done = train(store, models, folder, KEEPING)
    final = adapter.read_card(store, done.adapter)
    assert [one.step for one in done.kept] == [2, 4]
    cards = [adapter.read_card(store, one.adapter) for one in done.kept]
    assert [(card.kept_from, card.steps, card.origin) for card in cards] == [
        (final.adapter_id, 2, "trained"),
        (final.adapter_id, 4, "trained"),
    ]
    assert len({final.adapter_id, *(card.adapter_id for card in cards)}) == 3
    assert all(card.manifest == final.manifest and card.settings == final.settings for card in cards)
    told = metadata_of(store.read(done.kept[0].weights))
    assert (told["saggar.adapter_id"], told["saggar.kept_from"]) == (cards[0].adapter_id, final.adapter_id)
    assert (told["ss_steps"], told["ss_max_train_steps"]) == ("2", "6")
    pictures = [
        run(store, models, folder, uses=[use(ref)])[0].image.sha256
        for ref in (done.adapter, *(one.adapter for one in done.kept))
    ]
    assert len(set(pictures)) == 3


def test_one_is_what_a_shorter_training_ends_with(models, folder, store, tmp_path):
    kept = train(store, models, folder, KEEPING).kept[1]
    shorter = DirectoryStore(tmp_path / "shorter")
    ended = train(shorter, models, folder, PLAIN.with_values(steps=4))
    ours, theirs = layers(store, kept.weights), layers(shorter, ended.weights)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_keeping_changes_nothing_of_the_last(models, folder, tmp_path):
    stores = [DirectoryStore(tmp_path / name) for name in "ab"]
    with_kept, without = (
        train(store, models, folder, settings) for store, settings in zip(stores, (KEEPING, PLAIN), strict=True)
    )
    assert without.kept == ()
    assert (with_kept.adapter, with_kept.weights) == (without.adapter, without.weights)  # keys and bytes
    plain = files(stores[1])
    assert plain.items() <= files(stores[0]).items()
    assert not any("kept" in key for key in plain)
    assert b"kept" not in plain[without.adapter.key]


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        ("adapter.safetensors", 1),  # the first one's weights, no card yet
        ("adapter.json", 1),  # no name yet
        ("0000002.json", 1),
        ("adapter-kohya.safetensors", 2),
        ("state.safetensors", 1),
        ("state.safetensors", 2),
        ("curve.json", 1),
        ("adapter.json", 3),  # the last one's card, the checkpoint still there
    ],
)
def test_killed_anywhere_all_are_there_in_the_end(models, folder, tmp_path, ending, number):
    whole, broken = DirectoryStore(tmp_path / "whole"), tmp_path / "broken"
    expected = train(whole, models, folder, KEEPING)
    with pytest.raises(KilledError):
        train(Dying(broken, ending, number), models, folder, KEEPING)
    store = DirectoryStore(broken)
    assert train(store, models, folder, KEEPING) == expected
    assert files(store) == files(whole)
    assert list(store.list("checkpoints/")) == []


def test_a_training_that_goes_on_keeps_those_of_before(models, folder, store):
    cancelled, stages = threading.Event(), []

    class Stopping(DirectoryStore):
        def replace(self, key, data, media_type):
            cancelled.set()  # at the checkpoint after step 2
            return super().replace(key, data, media_type)

    with pytest.raises(CancelledError):
        train(Stopping(store.root), models, folder, KEEPING, cancelled=cancelled)
    done = train(store, models, folder, KEEPING, stages=stages)
    assert [one.step for one in done.kept] == [2, 4]
    assert stages[0] > 2  # the first two steps were not done again


def test_asked_for_later_they_are_trained_for(models, folder, store, tmp_path):
    """A checkpoint, and then an adapter, of a training that kept none: neither would yield them."""
    with pytest.raises(KilledError):
        train(Dying(store.root, "state.safetensors", 2), models, folder, PLAIN)
    done = train(store, models, folder, KEEPING)
    assert [one.step for one in done.kept] == [2, 4]
    stages = []
    finer = train(store, models, folder, PLAIN.with_values(keep_every_steps=1), stages=stages)
    assert (finer.adapter, [one.step for one in finer.kept]) == (done.adapter, [1, 2, 3, 4, 5])
    assert finer.kept[1] == done.kept[0]
    assert stages  # it was trained again
    stages.clear()
    assert train(store, models, folder, KEEPING, stages=stages) == done
    assert train(store, models, folder, PLAIN, stages=stages).kept == ()
    assert not stages


def test_held_out_photographs_are_named(models, folder, store):
    done = train(store, models, folder, KEEPING.with_values(validation_share=0.2, validation_every_steps=4))
    card = adapter.read_card(store, done.adapter)
    named = json.loads(store.get(adapter.Keys(card.adapter_id).held_out))
    rows = read_manifest(store, card.manifest.ref()).frame.set_index("object_id")
    assert len(named["objects"]) == card.held_out_images == 1
    assert [rows.loc[one, "image"] for one in named["objects"]] == named["images"]
    kept = [adapter.read_card(store, one.adapter) for one in done.kept]
    assert kept[0].validation_loss is None  # nobody measured after step 2
    assert kept[1].validation_loss > 0


def test_the_result_names_them_over_the_wire(models, folder, store):
    done = train(store, models, folder, KEEPING)
    told = messages.trained_adapter(done).kept
    assert [(one.step, one.adapter.sha256, one.weights.sha256) for one in told] == [
        (one.step, one.adapter.sha256, one.weights.sha256) for one in done.kept
    ]


def test_more_than_a_store_should_hold_are_refused():
    with pytest.raises(InvalidInputError, match=r"keep_every_steps: would keep 999 adapters.*raise it to 10 or more"):
        AdapterSettings.checked({"steps": 1000, "keep_every_steps": 1}, "adapter")
    assert len(AdapterSettings(steps=1000, keep_every_steps=10).kept_steps) == 99
    assert list(AdapterSettings(steps=1000, keep_every_steps=1000).kept_steps) == []
