"""Aspect-ratio buckets: their sizes, what a photograph loses in them, batches of one size, resume, and what is told."""

import io
import logging
import threading
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import CancelledError
from saggar.progress import Work
from saggar.store import DirectoryStore, put_image
from saggar.stored_datasets import write_manifest
from saggar_generator.adapters import adapter
from saggar_generator.checkpoint import metadata_of
from saggar_generator.requests import TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.buckets.batches import bucket_batches
from saggar_generator.training.buckets.sizes import bucket_sizes, in_words, nearest_bucket
from saggar_generator.training.examples import EmbeddedText, Examples, photograph
from saggar_generator.training.loop import AdapterTraining
from tiny_generation import TRAINING

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SETTINGS = TRAINING.with_values(framing="buckets", resolution_px=32, batch_size=3, steps=7)
SIDES = [*[(60, 60)] * 5, *[(80, 48)] * 4, (48, 80)]  # in buckets of 32x32, 40x24 and 24x40


def wide_and_tall(store):
    """Smooth pictures in `SIDES`, two objects a caption."""
    random = np.random.default_rng(0)
    records = []
    for number, size in enumerate(SIDES):
        coarse = Image.fromarray(random.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize(size, Image.Resampling.BILINEAR).save(file, "PNG")
        caption = ("song dynasty , white bowl", "yuan dynasty , celadon vase")[number % 2]
        ref = put_image(store, file.getvalue(), "png")
        records.append(Record(ref.key, f"o{number}", {"type": "bowl"}, split="train", caption=caption))
    return write_manifest(store, Manifest.from_records(records, ("type",)))


def train(store, models, folder, settings=SETTINGS, *, cancel_at=None, reports=None):
    cancelled = threading.Event()

    def report(progress):
        if reports is not None:
            reports.append(progress)
        if cancel_at is not None and progress.stage == "training" and progress.done >= cancel_at:
            cancelled.set()

    request = TrainingRequest(str(folder), wide_and_tall(store), settings)
    return train_adapter(store, models, request, Work(report, cancelled))


def examples():
    """Eight of 4 x 4 and three of 4 x 6 latents, in turn as long as there are both."""
    random = torch.Generator().manual_seed(0)
    shapes = [(4, 4, 4), (4, 4, 6)] * 3 + [(4, 4, 4)] * 5
    return Examples(
        latents=[torch.randn(shape, generator=random) for shape in shapes],
        caption_of=torch.arange(len(shapes)) % 2 + 1,
        text=EmbeddedText(torch.randn(3, 77, 16, generator=random)),
    )


@pytest.mark.parametrize(("side", "factor"), [(512, 8), (768, 8), (768, 16), (64, 8), (32, 8), (1024, 64), (16, 8)])
def test_sizes_are_multiples_of_about_the_squares_area_and_as_many_tall_as_wide(side, factor):
    sizes = bucket_sizes(side, factor)
    assert (side, side) in sizes
    assert len(set(sizes)) == len(sizes)
    assert {(height, width) for width, height in sizes} == set(sizes)
    for width, height in sizes:
        assert width % factor == height % factor == 0
        assert abs(width * height / side**2 - 1) < max(0.05, 1.5 * factor / side)
        assert 0.5 <= width / height <= 2
    ratios = [width / height for width, height in sizes]
    assert ratios == sorted(ratios)


def test_a_stable_diffusion_has_enough_of_them_and_photographs_lose_little():
    sizes = bucket_sizes(512, 8)
    assert (576, 456) in sizes
    for size in ((4000, 3000), (3000, 4000), (1500, 1000), (700, 650), (1920, 1080)):
        width, height = nearest_bucket(size, sizes)
        kept = min(size[0] / size[1], width / height) / max(size[0] / size[1], width / height)
        assert kept > 0.93, size
    assert nearest_bucket((100, 100), sizes) == (512, 512)
    assert nearest_bucket((900, 100), sizes) == sizes[-1]
    assert nearest_bucket((100, 900), sizes) == sizes[0]
    assert bucket_sizes(16, 8) == ((16, 16),)  # no other is near its area


def test_a_photograph_keeps_its_proportions(tmp_path):
    store = DirectoryStore(tmp_path)
    pixels = np.zeros((300, 500, 3), np.uint8)
    pixels[:, 20:480] = (255, 0, 0)  # a wide bowl, nearly from edge to edge
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    row = Record(put_image(store, file.getvalue(), "png").key, "o", {}, split="train", caption="bowl")
    wide = np.asarray(photograph(store, row, SETTINGS, 8))
    assert wide.shape == (24, 40, 3)
    assert wide[:, [0, -1], 0].max() < 100  # the ground beside it is there
    cut = np.asarray(photograph(store, row, SETTINGS.with_values(framing="crop"), 8))
    assert cut.shape == (32, 32, 3)
    assert cut[..., 0].min() > 200


def test_batches_hold_one_bucket_and_an_epoch_every_example_once():
    buckets = [torch.arange(0, 7), torch.arange(7, 8), torch.arange(8, 12)]
    per_epoch = 3 + 1 + 2  # of at most three: 3 3 1, 1, 3 1
    one, two = (bucket_batches(buckets, first, per_epoch, 3, seed=5) for first in (0, per_epoch))
    for epoch in (one, two):
        assert sorted(torch.cat(epoch).tolist()) == list(range(12))
        assert Counter(map(len, epoch)) == {3: 3, 1: 3}
        assert all(sum(bool(torch.isin(rows, bucket).all()) for bucket in buckets) == 1 for rows in epoch)
    assert [rows.tolist() for rows in one] != [rows.tolist() for rows in two]
    again = bucket_batches(buckets, 4, 5, 3, seed=5)  # from the middle, over the end of the epoch
    assert [rows.tolist() for rows in again] == [rows.tolist() for rows in (one + two)[4:9]]
    other = bucket_batches(buckets, 0, per_epoch, 3, seed=6)
    assert [rows.tolist() for rows in other] != [rows.tolist() for rows in one]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_resumed_training_goes_on_with_the_same_rows_bit_for_bit(models, folder, accumulation):
    base = models.get(str(folder))
    settings = SETTINGS.with_values(
        unet_targets=ATTENTION, gradient_accumulation_steps=accumulation, noise_offset=0.1, caption_dropout=0.3
    )
    with AdapterTraining(base, examples(), settings, measured_by=examples()) as whole:
        losses = [whole.advance() for _ in range(6)]
        expected = {name: weight.detach().clone() for name, weight in whole._weights.items()}
        assert whole.measure() == whole.measure()
    with AdapterTraining(base, examples(), settings) as first:
        for _ in range(3):
            first.advance()
        state = first.checkpoint()
    with AdapterTraining(base, examples(), settings) as second:
        second.restore(state)
        for _ in range(3):
            second.advance()
        assert second.losses == losses
        assert all(torch.equal(second._weights[name], expected[name]) for name in expected)
    assert any(weight.abs().max() > 1e-3 for name, weight in expected.items() if "lora_B" in name)


class Half:
    """One of two processes, whose sums are taken down instead of exchanged."""

    size = 2

    def __init__(self, rank):
        self.rank = rank
        self.summed = []

    def add_up(self, tensors):
        self.summed.append([tensor.clone() for tensor in tensors])

    def agree(self, flag):
        return flag


def test_a_team_shares_small_batches_too(models, folder):
    """Of a batch of one, the second process has nothing: what it adds is as much in number, and nothing."""
    base = models.get(str(folder))
    settings = SETTINGS.with_values(unet_targets=ATTENTION, batch_size=2)
    single = Examples([torch.ones(4, 4, 6)], torch.ones(1, dtype=torch.long), examples().text)
    sums = []
    for team in (Half(0), Half(1), None):
        with AdapterTraining(base, single, settings, team=team) as training:
            loss = training.advance()
            sums.append((loss, team.summed[0] if team else []))
    (first, ours), (second, theirs), (whole, _) = sums
    assert first == whole
    assert second == 0
    assert len(ours) == len(theirs) > 1
    assert all(float(tensor.abs().max()) == 0 for tensor in theirs)
    assert any(float(tensor.abs().max()) > 0 for tensor in ours[1:])


def test_the_job_trains_on_all_and_says_which_buckets_are_small(models, folder, tmp_path, caplog):
    store, reports = DirectoryStore(tmp_path), []
    with caplog.at_level(logging.INFO, "saggar_generator"):
        done = train(store, models, folder, reports=reports)
    card = adapter.read_card(store, done.adapter)
    assert card.buckets == {"24x40": 1, "32x32": 5, "40x24": 4}
    assert card.settings["framing"] == "buckets"
    assert metadata_of(store.read(done.weights))["ss_enable_bucket"] == "True"
    words = "24x40: 1, 32x32: 5, 40x24: 4; 1 of 3 hold fewer than batch_size (3): their batches are smaller"
    assert any(words in progress.message for progress in reports)
    assert [record.levelname for record in caplog.records if words in record.getMessage()] == ["WARNING"]
    assert in_words({(32, 32): 3}, 3) == "photographs by bucket: 32x32: 3"


def test_an_interrupted_job_gives_the_same_adapter(models, folder, tmp_path):
    settings = SETTINGS.with_values(validation_share=0.2, validation_every_steps=3)
    expected = train(DirectoryStore(tmp_path / "whole"), models, folder, settings)
    store = DirectoryStore(tmp_path / "cut")
    with pytest.raises(CancelledError):
        train(store, models, folder, settings.with_values(steps=7), cancel_at=1)
    found = train(store, models, folder, settings)
    assert found.weights.sha256 == expected.weights.sha256
    assert found.validation_loss == expected.validation_loss


def test_framing_decides_the_adapter(models, folder, tmp_path):
    store = DirectoryStore(tmp_path)
    found = {
        framing: train(store, models, folder, SETTINGS.with_values(framing=framing, steps=2)).adapter.key
        for framing in ("crop", "pad", "buckets")
    }
    assert len(set(found.values())) == 3
    assert adapter.read_card(store, store.stat(found["crop"])).buckets == {}
