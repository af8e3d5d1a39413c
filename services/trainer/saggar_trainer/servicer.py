"""The trainer's side of the contract: convert, call, convert."""

# ruff: noqa: N802 - names are the contract's

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import torch
from saggar.errors import InvalidInputError
from saggar.progress import Work
from saggar.rpc.serving.work import Emit, JobQueue, stream_events
from saggar.store import ObjectStore
from saggar.v1 import trainer_pb2, trainer_pb2_grpc

from saggar_trainer import messages
from saggar_trainer.data.pixel_store import PixelStore, default_folder
from saggar_trainer.evidence.evaluating import evaluate
from saggar_trainer.evidence.predicting import predict
from saggar_trainer.fitting.lessons import Workplace
from saggar_trainer.fitting.loop import Precision
from saggar_trainer.fitting.training_job import train
from saggar_trainer.listening import TrainingWork
from saggar_trainer.settings import TrainerSettings

SERVICE = "saggar.v1.TrainerService"


class TrainerServicer(trainer_pb2_grpc.TrainerServiceServicer):
    """Jobs run one at a time; the others wait in a bounded queue."""

    def __init__(self, store: ObjectStore, settings: TrainerSettings) -> None:
        self._at = _workplace(store, settings)
        self._jobs = JobQueue(settings.queue_limit)

    def Train(
        self, request: trainer_pb2.TrainRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer_pb2.TrainResponse]:
        job = messages.training_job_from_message(request)

        def work(emit: Emit, cancelled: threading.Event) -> trainer_pb2.TrainResult:
            outcome = train(job, self._at, _training_work(emit, cancelled))
            return messages.training_result_to_message(outcome, made_with(self._at))

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


def made_with(at: Workplace) -> dict[str, str]:
    """The device, the numbers, the threads and the versions that numbers may depend on, some in their last bits."""
    libraries = ("torch", "torchvision", "onnxruntime", "saggar-trainer")
    return {"device": str(at.device), "precision": at.precision, "threads": str(at.threads)} | {
        name: importlib.metadata.version(name) for name in libraries
    }


def register(server: grpc.Server, store: ObjectStore, settings: TrainerSettings) -> list[str]:
    """Add the service to `server`; returns its full name, for health and reflection."""
    servicer: Any = TrainerServicer(store, settings)
    trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    return [SERVICE]


def _training_work(emit: Emit, cancelled: threading.Event) -> TrainingWork:
    return TrainingWork(emit, cancelled, epoch=lambda scores: emit(messages.epoch_to_message(scores)))


def _workplace(store: ObjectStore, settings: TrainerSettings) -> Workplace:
    """Raises InvalidInputError for a device that is not there, and a scratch folder that cannot be made."""
    scratch, kept = settings.scratch, None
    if scratch is not None:
        try:
            scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"SAGGAR_SCRATCH={scratch}: no folder can be made there ({error.strerror}); name one that may be "
                "written to"
            ) from None
    if settings.pixel_cache_gib > 0:
        folder = default_folder() if scratch is None else scratch / "pixels"
        kept = PixelStore(folder, round(settings.pixel_cache_gib * 2**30))
    device = _device(settings.device)
    return Workplace(store, device, settings.thread_count(), scratch, kept, _precision(settings, device))


def _precision(settings: TrainerSettings, device: torch.device) -> Precision:
    """`auto` resolved: the same on equal machines."""
    if settings.training_precision != "auto":
        return settings.training_precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def _device(name: str) -> torch.device:
    """Raises InvalidInputError when there is no such device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInputError(f"SAGGAR_DEVICE={name}: no such device here ({error}); use cpu or auto") from None
    return device
