"""Prior preservation: the loss, the base model's own pictures, resume, and what it is for."""

import json
import threading

import pytest
import torch
from saggar.errors import CancelledError
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar_generator.adapters import adapter
from saggar_generator.checkpoint import metadata_of
from saggar_generator.requests import TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training.adapter_job import adapter_id, train_adapter
from saggar_generator.training.examples import EmbeddedText, Examples
from saggar_generator.training.loop import AdapterTraining
from tiny_generation import TRAINING as PLAIN
from tiny_pipeline import training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PRIOR = PLAIN.with_values(prior_weight=0.5, prior_images=3, prior_prompts=(r"white \(small\) dish", "celadon vase"))


def train(store, models, folder, settings, *, cancel_at=None, reports=None):
    cancelled = threading.Event()

    def report(progress):
        if reports is not None:
            reports.append(progress)
        if cancel_at is not None and progress.stage == "training" and progress.done >= cancel_at:
            cancelled.set()

    request = TrainingRequest(str(folder), training_manifest(store), settings)
    return train_adapter(store, models, request, Work(report, cancelled))


def examples(seed, count=5):
    random = torch.Generator().manual_seed(seed)
    return Examples(
        latents=torch.randn(count, 4, 4, 4, generator=random),
        caption_of=torch.arange(count) % 2 + 1,
        text=EmbeddedText(torch.randn(3, 77, 16, generator=random)),
    )


def losses(base, steps=1, *, weight, prior=True, measured_by=None):
    settings = PLAIN.with_values(unet_targets=ATTENTION, prior_weight=weight)
    given = examples(1, 7) if prior else None
    with AdapterTraining(base, examples(0), settings, measured_by=measured_by, prior=given) as training:
        for _ in range(steps):
            training.advance()
        return training.losses, training.measure()


def test_the_loss_is_the_photographs_and_weight_times_the_priors(models, folder):
    base = models.get(str(folder))
    (photographs,), _ = losses(base, weight=0.0, prior=False)
    at = {weight: losses(base, weight=weight)[0][0] for weight in (0.5, 1.0, 2.0)}
    prior = at[1.0] - photographs
    assert prior > 0.1
    for weight, loss in at.items():
        assert loss == pytest.approx(photographs + weight * prior, rel=1e-5)


def test_what_the_base_draws_is_undone_less(models, folder):
    base, kept = models.get(str(folder)), examples(1, 7)
    _, with_prior = losses(base, 30, weight=1.0, measured_by=kept)
    _, without = losses(base, 30, weight=0.0, prior=False, measured_by=kept)
    assert with_prior < without


def test_the_pictures_are_the_bare_bases_own_in_turn(models, folder, tmp_path):
    store = DirectoryStore(tmp_path)
    done = train(store, models, folder, PRIOR)
    entries = [json.loads(store.get(key))["inputs"] for key in store.list("generated/")]
    assert sorted((one["prompt"], one["seed"]) for one in entries) == [
        ("celadon vase", PRIOR.seed + 1),
        ("white (small) dish", PRIOR.seed),
        ("white (small) dish", PRIOR.seed + 2),
    ]
    assert all(one["adapters"] == [] and one["settings"]["width_px"] == 16 for one in entries)
    assert adapter.read_card(store, done.adapter).settings["prior_weight"] == 0.5
    assert metadata_of(store.read(done.weights))["ss_prior_loss_weight"] == "0.5"


def test_without_prompts_the_captions_are_drawn(models, folder, tmp_path):
    store = DirectoryStore(tmp_path)
    train(store, models, folder, PLAIN.with_values(prior_weight=1.0, prior_images=2, train_text_encoder=True))
    prompts = {json.loads(store.get(key))["inputs"]["prompt"] for key in store.list("generated/")}
    assert "song dynasty , white bowl" in prompts


def test_an_interrupted_job_ends_with_the_same_adapter_and_draws_nothing_again(models, folder, tmp_path):
    whole, broken = DirectoryStore(tmp_path / "whole"), DirectoryStore(tmp_path / "broken")
    expected = train(whole, models, folder, PRIOR)
    with pytest.raises(CancelledError):
        train(broken, models, folder, PRIOR, cancel_at=1)
    reports = []
    found = train(broken, models, folder, PRIOR, reports=reports)
    assert (found.weights, found.adapter) == (expected.weights, expected.adapter)
    assert min(one.done for one in reports if one.stage == "training") > 1
    assert {(one.done, one.total) for one in reports if one.stage == "generating"} == {(3, 3)}


def test_the_adapters_identity_has_it_only_where_it_counts(models, folder):
    base = models.identify(str(folder))
    assert adapter_id(base, "m", PLAIN.with_values(prior_images=7)) == adapter_id(base, "m", PLAIN)
    changes = ({"prior_weight": 1.0}, {"prior_images": 4}, {"prior_prompts": ("vase",)}, {"prior_weight": 0.0})
    assert len({adapter_id(base, "m", PRIOR.with_values(**change)) for change in ({}, *changes)}) == 5
