"""Messages of the contract to and from the trainer's own types."""

from __future__ import annotations

from collections.abc import Mapping

from saggar.job_settings.messages import from_message
from saggar.job_settings.training import TrainingSettings
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.v1 import trainer_pb2

from saggar_trainer.evidence.evaluating import EvaluationJob, EvaluationOutcome
from saggar_trainer.evidence.predicting import PredictionJob, PredictionOutcome
from saggar_trainer.fitting.training_job import TrainingJob, TrainingOutcome
from saggar_trainer.listening import EpochScores


def training_job_from_message(request: trainer_pb2.TrainRequest) -> TrainingJob:
    """Raises InvalidInputError naming the bad fields."""
    return TrainingJob(
        manifest=ref_from_proto(request.manifest, "manifest"),
        taxonomy=ref_from_proto(request.taxonomy, "taxonomy"),
        settings=from_message(TrainingSettings, request.settings),
        annotations=dict(request.annotations),
        fresh=request.fresh,
    )


def evaluation_job_from_message(request: trainer_pb2.EvaluateRequest) -> EvaluationJob:
    """Raises InvalidInputError naming the bad fields."""
    return EvaluationJob(
        bundle=ref_from_proto(request.bundle, "bundle"),
        manifest=ref_from_proto(request.manifest, "manifest"),
        split=request.split,
        fresh=request.fresh,
    )


def prediction_job_from_message(request: trainer_pb2.PredictRequest) -> PredictionJob:
    """Raises InvalidInputError naming the bad fields."""
    return PredictionJob(
        bundle=ref_from_proto(request.bundle, "bundle"),
        manifest=ref_from_proto(request.manifest, "manifest"),
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


def training_result_to_message(outcome: TrainingOutcome, made_with: Mapping[str, str]) -> trainer_pb2.TrainResult:
    return trainer_pb2.TrainResult(
        bundle=ref_to_proto(outcome.bundle),
        history=ref_to_proto(outcome.history),
        best_epoch=outcome.best_epoch,
        validation_macro_f1=outcome.validation_macro_f1,
        warnings=outcome.warnings,
        made_with=made_with,
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
