"""Messages of the contract to and from the trainer's own types."""

from __future__ import annotations

from typing import Any

from saggar.errors import FieldViolation, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.v1 import common_pb2, trainer_pb2

from saggar_trainer.evidence.evaluating import EvaluationJob, EvaluationOutcome
from saggar_trainer.evidence.predicting import PredictionJob, PredictionOutcome
from saggar_trainer.fitting.training_job import TrainingJob, TrainingOutcome
from saggar_trainer.hyperparameters import Hyperparameters, InitialWeights
from saggar_trainer.listening import EpochScores, Report

_INITIAL_WEIGHTS: dict[int, InitialWeights] = {
    trainer_pb2.INITIAL_WEIGHTS_UNSPECIFIED: "imagenet",
    trainer_pb2.INITIAL_WEIGHTS_IMAGENET: "imagenet",
    trainer_pb2.INITIAL_WEIGHTS_FILE: "file",
    trainer_pb2.INITIAL_WEIGHTS_RANDOM: "random",
}

# Fields that are `optional` in the contract and have the same name here.
_OPTIONAL = (
    "architecture",
    "image_size_px",
    "batch_size",
    "max_epochs",
    "patience_epochs",
    "backbone_learning_rate",
    "head_learning_rate",
    "weight_decay",
    "dropout",
    "gradient_clip_norm",
    "class_weight_beta",
    "class_weight_cap",
    "seed",
    "projection",
    "cosine_schedule",
    "balance_from_real_only",
)


def training_job_from_message(request: trainer_pb2.TrainRequest) -> TrainingJob:
    """Raises InvalidInputError naming the bad fields."""
    return TrainingJob(
        manifest=ref_from_proto(request.manifest, "manifest"),
        taxonomy=ref_from_proto(request.taxonomy, "taxonomy"),
        settings=settings_from_message(request.settings),
        annotations=dict(request.annotations),
    )


def settings_from_message(message: trainer_pb2.TrainingSettings) -> Hyperparameters:
    """Unset fields take their defaults; raises InvalidInputError naming the bad fields."""
    if message.initial_weights not in _INITIAL_WEIGHTS:
        text = f"unknown value {message.initial_weights}"
        raise InvalidInputError(
            f"settings.initial_weights: {text}", (FieldViolation("settings.initial_weights", text),)
        )
    given: dict[str, Any] = {name: getattr(message, name) for name in _OPTIONAL if message.HasField(name)}
    return Hyperparameters(
        **given,
        initial_weights=_INITIAL_WEIGHTS[message.initial_weights],
        initial_weights_path=message.initial_weights_path,
        sampler_task=message.sampler_task,
        task_weights=dict(message.task_weights),
        synthetic_task_weights=dict(message.synthetic_task_weights),
    )


def evaluation_job_from_message(request: trainer_pb2.EvaluateRequest) -> EvaluationJob:
    """Raises InvalidInputError naming the bad fields."""
    return EvaluationJob(
        bundle=ref_from_proto(request.bundle, "bundle"),
        manifest=ref_from_proto(request.manifest, "manifest"),
        split=request.split,
    )


def prediction_job_from_message(request: trainer_pb2.PredictRequest) -> PredictionJob:
    """Raises InvalidInputError naming the bad fields."""
    return PredictionJob(
        bundle=ref_from_proto(request.bundle, "bundle"),
        manifest=ref_from_proto(request.manifest, "manifest"),
    )


def progress_to_message(report: Report) -> common_pb2.Progress:
    return common_pb2.Progress(
        stage=report.stage, done=report.done, total=report.total, unit=report.unit, metrics=report.metrics
    )


def epoch_to_message(scores: EpochScores) -> trainer_pb2.TrainResponse:
    return trainer_pb2.TrainResponse(
        epoch=trainer_pb2.EpochMetrics(
            epoch=scores.epoch,
            training_loss=scores.training_loss,
            training_loss_by_task=scores.training_loss_by_task,
            validation_loss=scores.validation_loss,
            validation_macro_f1=scores.validation_macro_f1,
            validation_macro_f1_by_task=scores.validation_macro_f1_by_task,
            seconds=scores.seconds,
            best=scores.best,
        )
    )


def training_result_to_message(outcome: TrainingOutcome) -> trainer_pb2.TrainResult:
    return trainer_pb2.TrainResult(
        bundle=ref_to_proto(outcome.bundle),
        history=ref_to_proto(outcome.history),
        best_epoch=outcome.best_epoch,
        validation_macro_f1=outcome.validation_macro_f1,
        warnings=outcome.warnings,
    )


def evaluation_result_to_message(outcome: EvaluationOutcome) -> trainer_pb2.EvaluateResult:
    return trainer_pb2.EvaluateResult(
        metrics=ref_to_proto(outcome.metrics),
        predictions=ref_to_proto(outcome.predictions),
        mean_macro_f1=outcome.mean_macro_f1,
        macro_f1_by_task=outcome.macro_f1_by_task,
        accuracy_by_task=outcome.accuracy_by_task,
        count=outcome.count,
    )


def prediction_result_to_message(outcome: PredictionOutcome) -> trainer_pb2.PredictResult:
    return trainer_pb2.PredictResult(predictions=ref_to_proto(outcome.predictions), count=outcome.count)
