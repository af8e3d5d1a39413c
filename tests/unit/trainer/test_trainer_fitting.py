"""The training loop, on a task that can be learned in seconds: is the picture red or blue?"""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from saggar.errors import CancelledError, DataCorruptionError, WrongStateError
from saggar.job_settings.training import TrainingSettings
from saggar_trainer.data.pixels import cache_pixels, evaluation_pixels, training_pixels
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.loop import Examples, Snapshot, best_epoch, fit, learning_rate
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier

SETTINGS = TrainingSettings(
    initial_weights="random",
    image_size_px=32,
    batch_size=8,
    max_epochs=3,
    backbone_learning_rate=3e-3,
    head_learning_rate=3e-3,
    projection=False,
    dropout=0.1,
)
CPU = torch.device("cpu")
OBJECTIVE = Objective({"colour": 1.0}, {"colour": torch.ones(2)})


def examples(settings: TrainingSettings, count: int, *, training: bool) -> Examples:
    rng = np.random.default_rng(count)
    labels = np.arange(count) % 2
    colours = np.array([[190, 40, 40], [40, 40, 190]])
    noise = rng.integers(-30, 30, (count, 40, 40, 3))
    images = [Image.fromarray((colours[c] + noise[i]).astype(np.uint8)) for i, c in enumerate(labels)]
    spec = input_spec(settings)
    pixels = cache_pixels(
        lambda i: training_pixels(images[i], 32) if training else evaluation_pixels(images[i], spec), count
    )
    return Examples(pixels, {"colour": torch.tensor(labels)}, {"colour": torch.ones(count)})


def run(settings: TrainingSettings = SETTINGS, **arguments: object) -> Snapshot:
    torch.manual_seed(settings.seed)
    model = MultiTaskClassifier(build_backbone(settings).layers, {"colour": 2}, settings.dropout, settings.projection)
    training, validation = examples(settings, 25, training=True), examples(settings, 8, training=False)
    return fit(model, training, validation, OBJECTIVE, input_spec(settings), settings, device=CPU, **arguments)  # type: ignore[arg-type]


def same(first: Snapshot, second: Snapshot) -> bool:
    weights = all(torch.equal(first.model[name], second.model[name]) for name in first.model)
    return weights and first.history == second.history


def test_it_learns() -> None:
    # MobileNetV3's running statistics follow slowly: evaluation lags some hundred steps behind.
    patient = dataclasses.replace(
        SETTINGS, max_epochs=40, patience_epochs=40, backbone_learning_rate=1e-3, head_learning_rate=1e-3
    )
    history = run(patient).history
    assert history[-1].training_loss < history[0].training_loss / 2
    assert best_epoch(history).validation_macro_f1 == 1.0
    assert history[0].training_loss_by_task.keys() == {"colour"}


def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    short = dataclasses.replace(SETTINGS, max_epochs=1)
    assert same(run(short), run(short))
    assert not same(run(short), run(dataclasses.replace(short, seed=1)))


def test_a_run_that_was_killed_continues_as_if_it_had_not_been(tmp_path) -> None:
    saved: list[bytes] = []
    whole = run(on_epoch=lambda snapshot: saved.append(checkpoint.to_bytes(snapshot)))
    assert len(saved) == 3
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(saved[0])
    continued: list[int] = []
    resumed = run(resume=checkpoint.from_file(str(path)), on_epoch=lambda s: continued.append(s.history[-1].epoch))
    assert continued == [2, 3]
    assert same(whole, resumed)
    assert all(torch.equal(whole.best_model[n], resumed.best_model[n]) for n in whole.best_model)


def test_what_is_no_checkpoint_is_refused(tmp_path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"half a file")
    with pytest.raises(DataCorruptionError, match="delete it to start anew"):
        checkpoint.from_file(str(path))


def test_it_stops_when_the_validation_score_no_longer_rises() -> None:
    still = dataclasses.replace(
        SETTINGS, max_epochs=9, patience_epochs=2, backbone_learning_rate=0.0, head_learning_rate=0.0
    )
    history = run(still).history
    assert len(history) == best_epoch(history).epoch + 2 < 9


def test_it_can_be_cancelled_between_batches() -> None:
    steps: list[int] = []
    with pytest.raises(CancelledError, match="epoch 1, step 3"):
        run(on_step=lambda report: steps.append(report.step), cancelled=lambda: len(steps) == 2)
    assert steps == [1, 2]


def test_a_loss_that_is_not_finite_stops_the_run_with_advice() -> None:
    wild = dataclasses.replace(SETTINGS, backbone_learning_rate=1e30, head_learning_rate=1e30, gradient_clip_norm=0.0)
    with pytest.raises(WrongStateError, match=r"not finite in epoch \d+, step \d+ .*lower backbone_learning_rate"):
        run(wild)


def test_the_cosine_falls_from_the_first_rate_to_almost_nothing() -> None:
    settings = TrainingSettings(max_epochs=10)
    rates = [learning_rate(1e-3, epoch, settings) for epoch in range(11)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[5] == pytest.approx((1e-3 + 1e-6) / 2)
    assert rates[10] == pytest.approx(1e-6)
    assert learning_rate(1e-3, 9, TrainingSettings(cosine_schedule=False)) == 1e-3


def test_cached_pixels_are_the_images() -> None:
    arrays = [np.random.default_rng(i).integers(0, 255, (3, 5 + i, 7), dtype=np.uint8) for i in range(70)]
    reported: list[int] = []
    cache = cache_pixels(lambda i: arrays[i], 70, progress=reported.append)
    assert all(np.array_equal(cache[i].numpy(), arrays[i]) for i in range(70))
    assert reported == [64, 70]
    assert len(cache_pixels(lambda i: arrays[i], 0)) == 0


def test_evaluation_pixels_keep_the_shared_preprocessing() -> None:
    from saggar.images import preprocess

    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    spec = input_spec(SETTINGS)
    mean, std = (np.array(v)[:, None, None] for v in (spec.mean, spec.std))
    again = (evaluation_pixels(image, spec) / 255 - mean) / std
    assert np.abs(again - preprocess(image, spec)).max() <= 0.5 / 255 / std.min() + 1e-5
