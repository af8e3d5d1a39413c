"""The trainer's side of the contract: convert, call, convert."""

# ruff: noqa: N802 - names are the contract's

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import torch
from saggar.progress import Work
from saggar.rpc.serving.work import Emit, JobQueue, stream_events
from saggar.store import ObjectStore
from saggar.team.launch import check_gpus
from saggar.v1 import trainer_pb2, trainer_pb2_grpc

from saggar_trainer import messages
from saggar_trainer.evidence.evaluating import evaluate
from saggar_trainer.evidence.predicting import predict
from saggar_trainer.fitting.training_job import TrainingJob, TrainingOutcome, Workplace, train
from saggar_trainer.listening import TrainingWork
from saggar_trainer.settings import TrainerSettings
from saggar_trainer.team.launch import train_together
from saggar_trainer.workplace import workplace

SERVICE = "saggar.v1.TrainerService"


class TrainerServicer(trainer_pb2_grpc.TrainerServiceServicer):
    """Jobs run one at a time; the others wait in a bounded queue."""

    def __init__(self, store: ObjectStore, settings: TrainerSettings) -> None:
        self._settings = settings
        self._at = workplace(store, settings)
        if self._at.device.type == "cuda":
            check_gpus(settings, torch.cuda.device_count())
        self._jobs = JobQueue(settings.queue_limit)

    def Train(
        self, request: trainer_pb2.TrainRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer_pb2.TrainResponse]:
        job = messages.training_job_from_message(request)

        def work(emit: Emit, cancelled: threading.Event) -> trainer_pb2.TrainResult:
            outcome = self._train(job, _training_work(emit, cancelled))
            return messages.training_result_to_message(outcome, made_with(self._at, self._settings.training_processes))

        return stream_events(context, trainer_pb2.TrainResponse, work, self._jobs)

    def Evaluate(
        self, request: trainer_pb2.EvaluateRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer_pb2.EvaluateResponse]:
        job = messages.evaluation_job_from_message(request)

        def work(emit: Emit, cancelled: threading.Event) -> trainer_pb2.EvaluateResult:
            outcome = evaluate(job, self._at.store, Work(emit, cancelled), threads=self._at.threads)
            return messages.evaluation_result_to_message(outcome)

        return stream_events(context, trainer_pb2.EvaluateResponse, work, self._jobs)

    def Predict(
        self, request: trainer_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer_pb2.PredictResponse]:
        job = messages.prediction_job_from_message(request)

        def work(emit: Emit, cancelled: threading.Event) -> trainer_pb2.PredictResult:
            outcome = predict(job, self._at.store, Work(emit, cancelled), threads=self._at.threads)
            return messages.prediction_result_to_message(outcome)

        return stream_events(context, trainer_pb2.PredictResponse, work, self._jobs)

    def _train(self, job: TrainingJob, work: TrainingWork) -> TrainingOutcome:
        if self._settings.training_processes == 1:
            return train(job, self._at, work)
        return train_together(job, self._settings, self._at, work)


def made_with(at: Workplace, processes: int = 1) -> dict[str, str]:
    """What numbers may depend on, some in their last bits: device, numbers, threads, versions, processes if several."""
    libraries = ("torch", "torchvision", "onnxruntime", "saggar-trainer")
    several = {} if processes == 1 else {"training_processes": str(processes)}
    at_work = {"device": str(at.device), "precision": at.precision, "threads": str(at.threads)}
    return at_work | several | {name: importlib.metadata.version(name) for name in libraries}


def register(server: grpc.Server, store: ObjectStore, settings: TrainerSettings) -> list[str]:
    """Add the service to `server`; returns its full name, for health and reflection."""
    servicer: Any = TrainerServicer(store, settings)
    trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    return [SERVICE]


def _training_work(emit: Emit, cancelled: threading.Event) -> TrainingWork:
    return TrainingWork(emit, cancelled, epoch=lambda scores: emit(messages.epoch_to_message(scores)))
