"""The classifier's side of the contract: convert, call, convert."""

# ruff: noqa: ARG002, N802 - names and arguments are the contract's

from __future__ import annotations

import logging
from typing import Any

import grpc
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

from saggar_classifier import messages
from saggar_classifier.serving import active
from saggar_classifier.serving.models import ModelSlot, load_model
from saggar_classifier.serving.ranking import top_classes
from saggar_classifier.settings import ClassifierSettings

log = logging.getLogger(__name__)

SERVICE = "saggar.v1.ClassifierService"


class ClassifierServicer(classifier_pb2_grpc.ClassifierServiceServicer):
    """Classifies with the model in the slot, and puts another there."""

    def __init__(self, store: ObjectStore, settings: ClassifierSettings) -> None:
        self._store = store
        self._settings = settings
        self._slot = ModelSlot()

    def register(self, server: grpc.Server) -> list[str]:
        """Add the service to `server`; returns its full name, for health and reflection."""
        servicer: Any = self
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        return [SERVICE]

    def restore(self) -> None:
        """Serve the model that the settings name, or else the one that was activated last.

        A model of the settings that cannot be loaded is an error. A remembered one is logged, and the
        classifier waits for an activation; but an unreachable store is an error, for a restart may find it
        again.
        """
        if self._settings.model:
            bundle = self._store.stat(self._settings.model.removeprefix("store:"))
            self._slot.activate(load_model(self._store, bundle, self._settings.threads))
        else:
            self._restore_remembered()

    def _restore_remembered(self) -> None:
        try:
            bundle = active.recall(self._store)
            if bundle is None:
                log.warning("no model has been activated yet")
                return
            self._slot.activate(load_model(self._store, bundle, self._settings.threads))
        except (NotFoundError, DataCorruptionError, InvalidInputError) as error:
            log.error("the model that was activated last cannot be loaded: %s", error)  # noqa: TRY400
        else:
            log.info("serving model %s", self._slot.current().model_id)

    def Classify(
        self, request: classifier_pb2.ClassifyRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ClassifyResponse:
        model = self._slot.current()
        count = messages.top_k(request)
        probabilities = model.classify(messages.photograph(request, self._store))
        ranked = top_classes(probabilities, model.card.taxonomy, count)
        return messages.classification(model.model_id, ranked)

    def ActivateModel(
        self, request: classifier_pb2.ActivateModelRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.ActivateModelResponse:
        bundle = ref_from_proto(request.bundle, "bundle")
        model = load_model(self._store, bundle, self._settings.threads)
        active.remember(self._store, bundle)
        self._slot.activate(model)
        log.info("serving model %s", model.model_id)
        return classifier_pb2.ActivateModelResponse(model_id=model.model_id)

    def DescribeModel(
        self, request: classifier_pb2.DescribeModelRequest, context: grpc.ServicerContext
    ) -> classifier_pb2.DescribeModelResponse:
        return messages.description(self._slot.current())
