"""The OrchestratorService: convert, call, convert."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
from saggar.errors import CancelledError, InvalidInputError, SaggarError
from saggar.progress import Progress
from saggar.rpc.progress import progress_to_message
from saggar.rpc.serving.work import Emit, stream_events
from saggar.store import ObjectStore
from saggar.v1 import classifier_pb2, orchestrator_pb2, orchestrator_pb2_grpc

from saggar_orchestrator.messages import cleaned_to_message, experiment_to_message, model_to_message, step_to_message
from saggar_orchestrator.peers.models import activate, known_models
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.workflow.attempts import step_results
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.stored import ExperimentView

log = logging.getLogger(__name__)


class OrchestratorServicer(orchestrator_pb2_grpc.OrchestratorServiceServicer):
    """Experiments through the engine, models through the classifier."""

    def __init__(self, engine: Engine, store: ObjectStore, peers: Peers) -> None:
        self._engine = engine
        self._store = store
        self._peers = peers

    def RunExperiment(
        self, request: orchestrator_pb2.RunExperimentRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.RunExperimentResponse:
        del context
        base = Path(request.base_path or ".")
        source = request.source_name or "experiment"
        view, existed = self._engine.start(request.specification, source, base, request.fresh)
        return orchestrator_pb2.RunExperimentResponse(experiment=experiment_to_message(view), existed=existed)

    def WatchExperiment(
        self, request: orchestrator_pb2.WatchExperimentRequest, context: grpc.ServicerContext
    ) -> Iterator[orchestrator_pb2.WatchExperimentResponse]:
        self._engine.describe(request.experiment_id)
        for event in self._engine.watch(request.experiment_id, _gone(context)):
            if isinstance(event, ExperimentView):
                yield orchestrator_pb2.WatchExperimentResponse(ended=experiment_to_message(event))
            elif request.past_at_once and len(event) > 1:
                yield orchestrator_pb2.WatchExperimentResponse(past=map(step_to_message, event))
            else:
                for step in event:
                    yield orchestrator_pb2.WatchExperimentResponse(step=step_to_message(step))

    def ListExperiments(
        self, request: orchestrator_pb2.ListExperimentsRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.ListExperimentsResponse:
        del request, context
        views = self._engine.list()
        return orchestrator_pb2.ListExperimentsResponse(experiments=[experiment_to_message(v) for v in views])

    def DescribeExperiment(
        self, request: orchestrator_pb2.DescribeExperimentRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.DescribeExperimentResponse:
        del context
        view = self._engine.describe(request.experiment_id)
        return orchestrator_pb2.DescribeExperimentResponse(
            experiment=experiment_to_message(view),
            steps=[step_to_message(step) for step in self._engine.steps(request.experiment_id)],
        )

    def CancelExperiment(
        self, request: orchestrator_pb2.CancelExperimentRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.CancelExperimentResponse:
        del context
        view = self._engine.cancel(request.experiment_id)
        return orchestrator_pb2.CancelExperimentResponse(experiment=experiment_to_message(view))

    def ResumeExperiment(
        self, request: orchestrator_pb2.ResumeExperimentRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.ResumeExperimentResponse:
        del context
        view = self._engine.resume(request.experiment_id)
        return orchestrator_pb2.ResumeExperimentResponse(experiment=experiment_to_message(view))

    def DeleteExperiment(
        self, request: orchestrator_pb2.DeleteExperimentRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.DeleteExperimentResponse:
        del context
        self._engine.delete(request.experiment_id)
        return orchestrator_pb2.DeleteExperimentResponse()

    def ListStepResults(
        self, request: orchestrator_pb2.ListStepResultsRequest, context: grpc.ServicerContext
    ) -> Iterator[orchestrator_pb2.ListStepResultsResponse]:
        del request, context
        for step_id, result in step_results():
            yield orchestrator_pb2.ListStepResultsResponse(step_id=step_id, result_json=json.dumps(result))

    def CleanStore(
        self, request: orchestrator_pb2.CleanStoreRequest, context: grpc.ServicerContext
    ) -> Iterator[orchestrator_pb2.CleanStoreResponse]:
        if not request.older_than_hours >= 1:
            raise InvalidInputError(f"older_than_hours is {request.older_than_hours:g}; it must be at least 1")

        def work(emit: Emit, cancelled: threading.Event) -> orchestrator_pb2.CleanStoreResult:
            def sleep(seconds: float) -> None:
                if cancelled.wait(seconds):
                    raise CancelledError("cancelled by the caller")

            def report(progress: Progress) -> None:
                sleep(0)
                emit(progress_to_message(progress))

            cleaned = self._engine.clean(
                request.older_than_hours * 3600, delete=request.delete, sleep=sleep, report=report
            )
            return cleaned_to_message(cleaned)

        yield from stream_events(context, orchestrator_pb2.CleanStoreResponse, work)

    def ListModels(
        self, request: orchestrator_pb2.ListModelsRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.ListModelsResponse:
        del request, context
        active = self._active_model()
        models = [model_to_message(entry, active) for entry in known_models(self._store)]
        return orchestrator_pb2.ListModelsResponse(models=models)

    def ServeModel(
        self, request: orchestrator_pb2.ServeModelRequest, context: grpc.ServicerContext
    ) -> orchestrator_pb2.ServeModelResponse:
        del context
        entry = activate(self._store, self._peers, request.model_id)
        return orchestrator_pb2.ServeModelResponse(model=model_to_message(entry, entry.model_id))

    def _active_model(self) -> str:
        """Empty when none is active or the classifier can't be asked: the list is of use without it."""
        try:
            answer = self._peers.call("classifier", "DescribeModel", classifier_pb2.DescribeModelRequest(), 3.0)
        except SaggarError as error:
            log.info("the classifier's model is not known: %s", error)
            return ""
        return str(answer.model_id)


def _gone(context: grpc.ServicerContext) -> Callable[[], bool]:
    return lambda: not context.is_active()
