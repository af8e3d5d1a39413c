"""The classifier's side of the contract: convert, call, convert."""

# ruff: noqa: ARG002, N802 - names and arguments are the contract's

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any

import grpc
from saggar.errors import UnavailableError, WrongStateError
from saggar.rpc.readiness import Readiness
from saggar.rpc.refs import ref_from_proto
from saggar.rpc.serving.pools import waits_on_store
from saggar.store import ObjectRef, ObjectStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

from saggar_classifier import messages
from saggar_classifier.networks.choosing import Wish, at_once, check_wish
from saggar_classifier.operations.calls import CallCounter
from saggar_classifier.operations.metrics import Metrics
from saggar_classifier.protocols.open_inference import DESCRIPTORS, OpenInference
from saggar_classifier.serving.catalogue import Catalogue
from saggar_classifier.serving.desk import Desk
from saggar_classifier.serving.models import ModelSlot, ServedModel
from saggar_classifier.serving.observer import Observers
from saggar_classifier.serving.photographs import read_from
from saggar_classifier.serving.repository import NO_MODEL, Repository
from saggar_classifier.settings import ClassifierSettings
from saggar_classifier.turns.in_order import in_order
from saggar_classifier.turns.processors import available
from saggar_classifier.turns.slots import Caller
from saggar_classifier.turns.store_turns import StoreTurns

log = logging.getLogger(__name__)

SERVICE = "saggar.v1.ClassifierService"
_STORED_AT_ONCE = 8  # stored photographs of batches and streams that are read, or wait for their turn


class ClassifierServicer(classifier_pb2_grpc.ClassifierServiceServicer):
    """Classifies with the model in the slot, and puts another there."""

    def __init__(self, store: ObjectStore, settings: ClassifierSettings) -> None:
        self._store = store
        self._settings = settings
        self._stopped = threading.Event()
        self.readiness = Readiness()
        self._slot = ModelSlot(self.readiness)
        check_wish(Wish(settings.provider, settings.precision))
        count = settings.threads or at_once(settings.provider, available())
        wish = Wish(settings.provider, settings.precision, count)
        self._repository = Repository(store, self._slot, settings.activation_seconds, wish)
        self._turns = StoreTurns()
        self._catalogue = Catalogue(store, self._slot, self._turns)
        self._metrics = Metrics()
        self._traces = _traces() if settings.traces else None
        watchers = [each for each in (self._metrics, self._traces) if each is not None]
        self._desk = Desk(self._slot, count, Observers(*watchers))
        self._stored = ThreadPoolExecutor(_STORED_AT_ONCE, thread_name_prefix="classify-stored")
        self._metrics.watch(self._slot, self._desk)
        self._protocol = OpenInference(store, self._slot, self._desk, self._repository, self._stopped)
        self.descriptors = (DESCRIPTORS,)
        counter = CallCounter(self._metrics.calls)
        self.interceptors = (counter,) if self._traces is None else (counter, self._traces)
        self.metrics_port = 0  # until `restore`

    def register(self, server: grpc.Server) -> list[str]:
        """Add the service, and the standard protocol beside it, to `server`; returns their full names."""
        servicer: Any = self
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        return [SERVICE, *self._protocol.register(server)]

    def restore(self) -> None:
        """Serve the model that the settings name, or else the one that was activated last, and follow activations.

        A model of the settings that cannot be loaded is an error. A remembered one is logged, and the
        classifier waits for an activation. Where the store is out of reach it is not ready, and looks again and again.
        """
        if self._settings.metrics_listen:
            self.metrics_port = self._metrics.serve(self._settings.metrics_listen)
            log.info("metrics at port %d, /metrics", self.metrics_port)
        pinned = self._settings.model.removeprefix("store:")
        try:
            if pinned:
                self._repository.pin(pinned)
                return
            self._repository.look()
            why = self._repository.problem or NO_MODEL
        except UnavailableError as error:
            why = str(error)
        if self._slot.model is None:
            log.warning("not ready: %s", why)
            self.readiness.set(ready=False, reason=why)
        follow = partial(self._repository.pin_later, pinned) if pinned else self._repository.watch
        watch = (self._settings.watch_seconds, self._stopped)
        threading.Thread(target=follow, args=watch, name="activations", daemon=True).start()

    def stop(self) -> None:
        """No longer follow activations, nor say how it goes."""
        self._stopped.set()
        self._metrics.stop()
        if self._traces is not None:
            self._traces.stop()

    def Classify(
        self, request: classifier_pb2.ClassifyRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ClassifyResponse:
        return self._classified(request, context, self._slot.current(), self._read_in_turn)

    def ClassifyBatch(
        self, request: classifier_pb2.ClassifyBatchRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ClassifyBatchResponse:
        requests, model = messages.batch(request), self._slot.current()

        def answer(each: classifier_pb2.ClassifyRequest) -> classifier_pb2.ClassifyResult:
            return self._result(each, context, model)

        with self._turns.turn() if any(map(messages.is_stored, requests)) else nullcontext():
            results = in_order(self._pool_of, answer, requests, context, ahead=len(requests))
            return classifier_pb2.ClassifyBatchResponse(results=results)

    def ClassifyStream(
        self, request_iterator: Iterator[classifier_pb2.ClassifyStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[classifier_pb2.ClassifyStreamResponse]:
        def answer(asked: classifier_pb2.ClassifyStreamRequest) -> classifier_pb2.ClassifyStreamResponse:
            return classifier_pb2.ClassifyStreamResponse(id=asked.id, result=self._result(asked.request, context))

        def pool_of(asked: classifier_pb2.ClassifyStreamRequest) -> Executor:
            return self._pool_of(asked.request)

        ahead = 2 * self._desk.count
        yield from in_order(pool_of, answer, request_iterator, context, ahead, leaving=self._stopped)

    @waits_on_store
    def ActivateModel(
        self, request: classifier_pb2.ActivateModelRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ActivateModelResponse:
        model = self._repository.activate(ref_from_proto(request.bundle, "bundle"))
        return classifier_pb2.ActivateModelResponse(model_id=model.model_id)

    def DescribeModel(
        self, request: classifier_pb2.DescribeModelRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.DescribeModelResponse:
        known, model = self._catalogue.one(request.model_id)
        return messages.description(known, model, self._slot.previous, self._repository.problem)

    @waits_on_store
    def ListModels(
        self, request: classifier_pb2.ClassifierServiceListModelsRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ClassifierServiceListModelsResponse:
        return messages.listing(self._catalogue.all(), self._repository.problem)

    def _result(
        self, request: classifier_pb2.ClassifyRequest, caller: Caller, model: ServedModel | None = None
    ) -> classifier_pb2.ClassifyResult:
        """The response, or the error in its place: one photograph must not lose the others."""
        try:
            response = self._classified(request, caller, model or self._slot.current(), self._read)
        except Exception as error:  # noqa: BLE001 as in the interceptor, every error becomes a status
            return messages.failed(error)
        return classifier_pb2.ClassifyResult(response=response)

    def _classified(
        self,
        request: classifier_pb2.ClassifyRequest,
        caller: Caller,
        model: ServedModel,
        read: Callable[[ObjectRef], bytes],
    ) -> classifier_pb2.ClassifyResponse:
        question, photograph = messages.question(request), messages.photograph(request, read)
        return messages.classification(*self._desk.answer(photograph, model, caller, question))

    def _read(self, ref: ObjectRef) -> bytes:
        return read_from(self._store, ref)

    def _read_in_turn(self, ref: ObjectRef) -> bytes:
        with self._turns.turn():
            return self._read(ref)

    def _pool_of(self, request: classifier_pb2.ClassifyRequest) -> Executor:
        """Those of batches and streams that wait for the store do so with threads of their own."""
        return self._stored if messages.is_stored(request) else self._desk.pool


def _traces() -> Any:
    """The `Traces` of this service; raises WrongStateError where their libraries are missing."""
    try:
        from saggar_classifier.operations.tracing import Traces
    except ImportError as error:
        raise WrongStateError(
            f"SAGGAR_TRACES needs OpenTelemetry ({error}); install saggar-classifier[traces], or unset SAGGAR_TRACES"
        ) from None
    return Traces()
