"""The standard inference protocol, version 2, as KServe's and Triton's clients speak it (`protos/inference`).

A model's name is its bundle's id, or `active` for the one that is served; its version is 1. Inputs are pixels that
were prepared, or encoded photographs; outputs are probabilities and codes (`tensors`).
"""

# ruff: noqa: ARG002, N802 - names and arguments are the protocol's

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from saggar import __version__
from saggar.errors import FieldViolation, InvalidInputError, NotFoundError, SaggarError, WrongStateError
from saggar.rpc.serving.pools import waits_on_store
from saggar.store import ObjectStore

from saggar_classifier.protocols import tensors
from saggar_classifier.protocols.inference import grpc_service_pb2 as pb
from saggar_classifier.serving.desk import Desk, Photograph
from saggar_classifier.serving.models import ModelSlot, ServedModel
from saggar_classifier.serving.repository import Repository
from saggar_classifier.turns.in_order import in_order
from saggar_classifier.turns.slots import Caller

DESCRIPTORS = pb.DESCRIPTOR.pool
SERVICE = "inference.GRPCInferenceService"
ACTIVE, VERSION = "active", "1"
_METHODS = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
_NOT_HERE = {
    **dict.fromkeys(
        [f"{kind}SharedMemory{verb}" for kind in ("System", "Cuda") for verb in ("Status", "Register", "Unregister")],
        "shared memory is not supported; send tensors in the request",
    ),
    "TraceSetting": "tracing is set by the service's environment, not by calls",
    "LogSettings": "logging is set by SAGGAR_LOG_LEVEL and SAGGAR_LOG_JSON, not by calls",
}


@dataclass
class _Tally:
    """What became of a model's requests."""

    succeeded: int = 0
    failed: int = 0
    images: int = 0
    nanoseconds: int = 0
    failed_nanoseconds: int = 0
    last_ms: int = 0


class OpenInference:
    """Answers the protocol's calls with the model in `slot`."""

    def __init__(
        self, store: ObjectStore, slot: ModelSlot, desk: Desk, repository: Repository, leaving: threading.Event
    ) -> None:
        """Once `leaving` is set, streams take no more requests."""
        self._store = store
        self._slot = slot
        self._desk = desk
        self._repository = repository
        self._leaving = leaving
        self._tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._counting = threading.Lock()

    def register(self, server: grpc.Server) -> list[str]:
        """Add the service to `server`; returns its full name, for health and reflection."""
        handlers = {}
        for method in _METHODS:
            streams = method.client_streaming
            make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
            asked, answered = (getattr(pb, kind.name) for kind in (method.input_type, method.output_type))
            handlers[method.name] = make(getattr(self, method.name), asked.FromString, answered.SerializeToString)
        for name, sentence in _NOT_HERE.items():
            handlers[name] = grpc.unary_unary_rpc_method_handler(_unimplemented(f"{name}: {sentence}"), bytes)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        return [SERVICE]

    def ServerLive(self, request: pb.ServerLiveRequest, context: grpc.ServicerContext) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    def ServerReady(self, request: pb.ServerReadyRequest, context: grpc.ServicerContext) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=self._slot.readiness.ready)

    def ModelReady(self, request: pb.ModelReadyRequest, context: grpc.ServicerContext) -> pb.ModelReadyResponse:
        try:
            model = self._model(request.name, request.version)
        except (NotFoundError, WrongStateError):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=model is not self._slot.model or self._slot.readiness.ready)

    def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: grpc.ServicerContext
    ) -> pb.ServerMetadataResponse:
        extensions = ["model_repository", "model_configuration", "statistics", "binary_tensor_data"]
        return pb.ServerMetadataResponse(name="saggar-classifier", version=__version__, extensions=extensions)

    def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: grpc.ServicerContext
    ) -> pb.ModelMetadataResponse:
        model = self._model(request.name, request.version)
        kind = pb.ModelMetadataResponse.TensorMetadata
        return pb.ModelMetadataResponse(
            name=model.model_id,
            versions=[VERSION],
            platform="onnxruntime_onnx",
            inputs=[kind(name=n, datatype=t, shape=s) for n, t, s in tensors.inputs(model.card.input_spec.size_px)],
            outputs=[kind(name=n, datatype=t, shape=s) for n, t, s in tensors.outputs(model.card.taxonomy)],
        )

    def ModelConfig(self, request: pb.ModelConfigRequest, context: grpc.ServicerContext) -> pb.ModelConfigResponse:
        model = self._model(request.name, request.version)
        kinds = {"FP32": pb.TYPE_FP32, "BYTES": pb.TYPE_STRING}
        config = pb.ModelConfig(
            name=model.model_id,
            platform="onnxruntime_onnx",
            backend="onnxruntime",
            max_batch_size=tensors.LARGEST_BATCH,
            input=[
                pb.ModelInput(name=n, data_type=kinds[t], dims=s[1:] or (1,), optional=True)
                for n, t, s in tensors.inputs(model.card.input_spec.size_px)
            ],
            output=[
                pb.ModelOutput(name=n, data_type=kinds[t], dims=s[1:] or (1,))
                for n, t, s in tensors.outputs(model.card.taxonomy)
            ],
        )
        return pb.ModelConfigResponse(config=config)

    def ModelInfer(self, request: pb.ModelInferRequest, context: grpc.ServicerContext) -> pb.ModelInferResponse:
        return self._inferred(request, context)

    def ModelStreamInfer(
        self, request_iterator: Iterator[pb.ModelInferRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.ModelStreamInferResponse]:
        def answer(request: pb.ModelInferRequest) -> pb.ModelStreamInferResponse:
            try:
                found = self._inferred(request, context, alone=True)
                if request.parameters[tensors.EMPTY_FINAL].bool_param:  # each request has one answer, its last
                    found.parameters["triton_final_response"].bool_param = True
                return pb.ModelStreamInferResponse(infer_response=found)
            except SaggarError as error:
                failed = pb.ModelInferResponse(model_name=request.model_name, id=request.id)
                return pb.ModelStreamInferResponse(error_message=str(error), infer_response=failed)

        ahead = 2 * self._desk.count
        yield from in_order(lambda _: self._desk.pool, answer, request_iterator, context, ahead, leaving=self._leaving)

    def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: grpc.ServicerContext
    ) -> pb.ModelStatisticsResponse:
        if request.name:
            names = [self._model(request.name, request.version).model_id]
        else:
            names = [model.model_id for model in (self._slot.model, self._slot.previous) if model]
        with self._counting:
            return pb.ModelStatisticsResponse(model_stats=[_statistics(name, self._tallies[name]) for name in names])

    @waits_on_store
    def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: grpc.ServicerContext
    ) -> pb.RepositoryIndexResponse:
        loaded = {model.model_id for model in (self._slot.model, self._slot.previous) if model}
        cards = [key.split("/") for key in self._store.list("bundles/") if key.endswith("/bundle.json")]
        stored = {parts[1] for parts in cards if len(parts) == 3}
        kind = pb.RepositoryIndexResponse.ModelIndex
        models = [kind(name=name, version=VERSION, state="READY") for name in sorted(loaded)]
        if not request.ready:
            models += [
                kind(name=name, version=VERSION, state="UNAVAILABLE", reason="not loaded")
                for name in sorted(stored - loaded)
            ]
        return pb.RepositoryIndexResponse(models=models)

    @waits_on_store
    def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: grpc.ServicerContext
    ) -> pb.RepositoryModelLoadResponse:
        """Activates the bundle of that id, here and on every replica."""
        if request.parameters:
            violation = FieldViolation("parameters", "none is known: a bundle is served as it was trained")
            raise InvalidInputError(f"parameters: {violation.description}", (violation,))
        if request.model_name == ACTIVE:
            self._slot.current()
        else:
            self._repository.activate(self._store.stat(f"bundles/{request.model_name}/bundle.json"))
        return pb.RepositoryModelLoadResponse()

    def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: grpc.ServicerContext
    ) -> pb.RepositoryModelUnloadResponse:
        """Unloads it from this replica, which serves again at the next activation."""
        if unknown := sorted(set(request.parameters) - {"unload_dependents"}):  # Triton's client always sends that
            violation = FieldViolation(f"parameters.{unknown[0][:80]}", "is not known here; none is needed")
            raise InvalidInputError(f"{violation.field}: {violation.description}", (violation,))
        self._slot.unload(self._model(request.model_name, ""))
        return pb.RepositoryModelUnloadResponse()

    def _model(self, name: str, version: str) -> ServedModel:
        if version not in {"", VERSION}:
            raise NotFoundError(f"model '{name}' has the version {VERSION} only, not '{version[:80]}'", name)
        if name == ACTIVE:
            return self._slot.current()
        found = self._slot.named(name)
        if found is None:
            raise NotFoundError(
                f"no model '{name[:80]}' is loaded; ask for {ACTIVE}, or for one that RepositoryIndex calls READY",
                name,
            )
        return found

    def _inferred(self, request: pb.ModelInferRequest, caller: Caller, *, alone: bool = False) -> pb.ModelInferResponse:
        """`alone`: by this thread, for it is one of the desk's own."""
        model = self._model(request.model_name, request.model_version)
        tensors.need_known_parameters(request)
        microseconds = tensors.parameter(request, "timeout")
        if microseconds:
            caller = _Hurried(caller, microseconds / 1e6)
        begun, count, worked = time.perf_counter_ns(), 0, False
        try:
            question = tensors.question(request, model.card.input_spec.size_px)
            count = len(question)
            probabilities = self._probabilities(question, model, caller, alone=alone)
            outputs, contents = tensors.answer(request, model.card.taxonomy, probabilities)
            worked = True
        finally:
            self._note(model.model_id, count, time.perf_counter_ns() - begun, worked=worked)
        return pb.ModelInferResponse(
            model_name=request.model_name,
            model_version=VERSION,
            id=request.id,
            outputs=outputs,
            raw_output_contents=contents,
        )

    def _probabilities(
        self, question: tensors.Float32 | list[Photograph], model: ServedModel, caller: Caller, *, alone: bool
    ) -> dict[str, tensors.Float32]:
        """[N, C] per task."""
        if isinstance(question, np.ndarray):
            return self._desk.run(question, model, caller)

        def classify(each: Photograph) -> dict[str, tensors.Float32]:
            return self._desk.classify(each, model, caller)

        if alone or len(question) == 1:
            rows = [classify(each) for each in question]
        else:
            rows = list(in_order(lambda _: self._desk.pool, classify, question, caller, ahead=len(question)))
        return {task: np.stack([row[task] for row in rows]) for task in model.card.taxonomy.task_names}

    def _note(self, name: str, count: int, nanoseconds: int, *, worked: bool) -> None:
        with self._counting:
            tally = self._tallies[name]
            if worked:
                tally.succeeded += 1
                tally.images += count
                tally.nanoseconds += nanoseconds
                tally.last_ms = int(time.time() * 1e3)
            else:
                tally.failed += 1
                tally.failed_nanoseconds += nanoseconds


@dataclass(frozen=True)
class _Hurried:
    """A caller with less time than its call has."""

    caller: Caller
    seconds: float

    def is_active(self) -> bool:
        return self.caller.is_active()

    def time_remaining(self) -> float | None:
        left = self.caller.time_remaining()
        return self.seconds if left is None else min(left, self.seconds)


def _statistics(name: str, tally: _Tally) -> pb.ModelStatistics:
    return pb.ModelStatistics(
        name=name,
        version=VERSION,
        last_inference=tally.last_ms,
        inference_count=tally.images,
        execution_count=tally.succeeded,
        inference_stats=pb.InferStatistics(
            success=pb.StatisticDuration(count=tally.succeeded, ns=tally.nanoseconds),
            fail=pb.StatisticDuration(count=tally.failed, ns=tally.failed_nanoseconds),
        ),
    )


def _unimplemented(sentence: str) -> Any:
    def refuse(_request: bytes, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, sentence)

    return refuse
