"""The training loop, on a task that can be learned in seconds: is the picture red or blue?"""

import numpy as np
import pytest
import torch
from PIL import Image
from saggar.errors import CancelledError, DataCorruptionError, WrongStateError
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from saggar_trainer.data.pixels import cache_pixels, evaluation_pixels, training_pixels
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.course import best_epoch, learning_rate, next_epoch
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, Precision, Snapshot, Watch, fit
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
        lambda i: training_pixels(images[i], spec) if training else evaluation_pixels(images[i], spec), count
    )
    return Examples(pixels, {"colour": torch.tensor(labels)}, {"colour": torch.ones(count)})


def lessons(settings: TrainingSettings, synthetic: int = 0) -> Lessons:
    """25 training images, the last `synthetic` of them synthetic, and 8 to validate."""
    draws = Draws(
        25,
        settings.batch_size,
        synthetic=torch.arange(25) >= 25 - synthetic,
        steps=settings.steps_per_epoch,
    )
    training, validation = examples(settings, 25, training=True), examples(settings, 8, training=False)
    return Lessons(training, draws, validation, OBJECTIVE, input_spec(settings))


def network(settings: TrainingSettings) -> MultiTaskClassifier:
    torch.manual_seed(settings.seed)
    return MultiTaskClassifier(build_backbone(settings).layers, {"colour": 2}, settings.dropout, settings.projection)


def run(
    settings: TrainingSettings = SETTINGS,
    *,
    resume: Snapshot | None = None,
    synthetic: int = 0,
    precision: Precision = "float32",
    **watch: object,
) -> Snapshot:
    return fit(
        network(settings),
        lessons(settings, synthetic),
        settings,
        device=CPU,
        precision=precision,
        resume=resume,
        watch=Watch(**watch),  # type: ignore[arg-type]
    )


def same(first: Snapshot, second: Snapshot) -> bool:
    weights = all(torch.equal(first.model[name], second.model[name]) for name in first.model)
    return weights and first.history == second.history


def test_a_step_in_bfloat16_learns_too_and_leaves_float32() -> None:
    steps: dict[Precision, list[float]] = {"float32": [], "bfloat16": []}
    for precision, losses in steps.items():
        half = run(precision=precision, on_step=lambda report, losses=losses: losses.append(report.loss))
    assert {value.dtype for value in half.model.values() if value.is_floating_point()} == {torch.float32}
    assert {value.dtype for value in half.optimizer.values()} == {torch.float32}
    assert steps["bfloat16"][0] != steps["float32"][0]  # of the same weights, computed otherwise
    assert steps["bfloat16"][0] == pytest.approx(steps["float32"][0], rel=0.1)  # later ones go their own ways
    assert half.history[-1].training_loss < 0.8 * half.history[0].training_loss  # how much hangs on the processor
    assert same(half, run(precision="bfloat16"))


def test_it_learns() -> None:
    # MobileNetV3's running statistics follow slowly: evaluation lags some hundred steps behind.
    patient = SETTINGS.with_values(
        max_epochs=40, patience_epochs=40, backbone_learning_rate=1e-3, head_learning_rate=1e-3
    )
    history = run(patient).history
    assert history[-1].training_loss < history[0].training_loss / 2
    assert best_epoch(history).validation_macro_f1 == 1.0
    assert history[0].training_loss_by_task.keys() == {"colour"}


def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    short = SETTINGS.with_values(max_epochs=1)
    assert same(run(short), run(short))
    assert not same(run(short), run(short.with_values(seed=1)))


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
    still = SETTINGS.with_values(max_epochs=9, patience_epochs=2, backbone_learning_rate=0.0, head_learning_rate=0.0)
    history = run(still).history
    assert len(history) == best_epoch(history).epoch + 2 < 9


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("changes", [{}, {"weight_averaging": "ema"}, {"mixup": 0.4, "real_only_last_epochs": 1}])
def test_killed_at_any_step_it_ends_with_the_same_bits(tmp_path, changes) -> None:
    settings = SETTINGS.with_values(max_epochs=2, steps_per_epoch=2, **changes)
    whole = run(settings, synthetic=9)
    assert sum(scores.steps for scores in whole.history) == 4
    for last in range(4):
        saved: list[bytes] = []
        steps: list[int] = []

        def stop(report, steps=steps, last=last) -> None:
            steps.append(report.step)
            if len(steps) > last:
                raise KilledError

        with pytest.raises(KilledError):
            run(settings, synthetic=9, on_step=stop, on_epoch=lambda s, to=saved: to.append(checkpoint.to_bytes(s)))
        path = tmp_path / f"{last}.safetensors"
        resume = None
        if saved:
            path.write_bytes(saved[-1])
            resume = checkpoint.from_file(str(path))
        again = run(settings, synthetic=9, resume=resume)
        assert same(whole, again)
        for part in ("best_model", "optimizer", "average"):
            one, other = getattr(whole, part), getattr(again, part)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one), (last, part)


def test_steps_per_epoch_are_kept_whatever_the_rows() -> None:
    snapshot = run(SETTINGS.with_values(max_epochs=1, steps_per_epoch=7))
    assert [scores.steps for scores in snapshot.history] == [7]


def test_the_last_epochs_are_on_real_rows_and_keep_their_own_best() -> None:
    settings = SETTINGS.with_values(max_epochs=3, real_only_last_epochs=2)
    snapshot = run(settings, synthetic=20)
    assert [scores.real_only for scores in snapshot.history] == [False, True, True]
    assert [scores.steps for scores in snapshot.history] == [3, 1, 1]  # 25 rows (the last joins), then 5
    assert best_epoch(snapshot.history).real_only
    assert snapshot.history[1].best


def test_where_patience_ends_early_the_real_epochs_still_follow() -> None:
    still = SETTINGS.with_values(
        max_epochs=9, patience_epochs=1, real_only_last_epochs=2, backbone_learning_rate=0.0, head_learning_rate=0.0
    )
    history = run(still, synthetic=5).history
    assert [scores.real_only for scores in history] == [False] * (len(history) - 2) + [True] * 2
    assert len(history) < 9
    assert next_epoch(history, still) is None


def test_an_average_is_what_is_kept() -> None:
    settings = SETTINGS.with_values(max_epochs=3, weight_averaging="swa", steps_per_epoch=2)
    states: list[dict] = []
    snapshot = run(settings, on_epoch=lambda s: states.append({n: v.clone() for n, v in s.model.items()}))
    name = "heads.task_colour.weight"
    mean = (states[1][name] + states[2][name]) / 2  # the second half's epochs
    torch.testing.assert_close(snapshot.average[name], mean)
    assert not torch.equal(snapshot.average[name], snapshot.model[name])
    ema = run(SETTINGS.with_values(max_epochs=1, weight_averaging="ema"))
    assert not torch.equal(ema.average[name], ema.model[name])
    assert torch.equal(ema.best_model[name], ema.average[name])


def test_warm_up_begins_near_zero() -> None:
    settings = TrainingSettings(warm_up_epochs=2, max_epochs=10)
    rates = [learning_rate(1.0, epoch, settings) for epoch in (0, 0.5, 1, 2)]
    assert rates[0] < 0.01 < rates[1] < rates[2] == 0.5
    assert rates[3] == pytest.approx(learning_rate(1.0, 2, TrainingSettings(max_epochs=10)))


def test_it_can_be_cancelled_between_batches() -> None:
    work = Work()
    steps: list[int] = []

    def count(report) -> None:
        steps.append(report.step)
        if len(steps) == 2:
            work.cancelled.set()

    with pytest.raises(CancelledError, match="epoch 1, step 3"):
        run(on_step=count, work=work)
    assert steps == [1, 2]


def test_a_loss_that_is_not_finite_stops_the_run_with_advice() -> None:
    wild = SETTINGS.with_values(backbone_learning_rate=1e30, head_learning_rate=1e30, gradient_clip_norm=0.0)
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
