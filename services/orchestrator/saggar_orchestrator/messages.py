"""Experiments, steps and models as messages of the contract."""

from __future__ import annotations

from saggar.progress import Progress
from saggar.rpc.progress import progress_to_message
from saggar.rpc.refs import ref_to_proto
from saggar.v1 import orchestrator_pb2

from saggar_orchestrator.cleaning import Cleaned, FolderCount
from saggar_orchestrator.peers.models import ModelEntry
from saggar_orchestrator.progress import StepView
from saggar_orchestrator.workflow.stored import ExperimentView

_STATES = {
    "running": orchestrator_pb2.EXPERIMENT_STATE_RUNNING,
    "succeeded": orchestrator_pb2.EXPERIMENT_STATE_SUCCEEDED,
    "failed": orchestrator_pb2.EXPERIMENT_STATE_FAILED,
    "interrupted": orchestrator_pb2.EXPERIMENT_STATE_FAILED,
    "cancelled": orchestrator_pb2.EXPERIMENT_STATE_CANCELLED,
}
_STEP_STATES = {
    "waiting": orchestrator_pb2.STEP_STATE_WAITING,
    "running": orchestrator_pb2.STEP_STATE_RUNNING,
    "succeeded": orchestrator_pb2.STEP_STATE_SUCCEEDED,
    "reused": orchestrator_pb2.STEP_STATE_REUSED,
    "failed": orchestrator_pb2.STEP_STATE_FAILED,
}


def experiment_to_message(view: ExperimentView) -> orchestrator_pb2.Experiment:
    return orchestrator_pb2.Experiment(
        experiment_id=view.experiment_id,
        name=view.name,
        title=view.title,
        state=_STATES[view.state],
        created_at=view.created_at,
        error=view.error,
        error_kind=view.error_kind,
        results=None if view.results is None else ref_to_proto(view.results),
        report=None if view.report is None else ref_to_proto(view.report),
        photographs=view.photographs,
        seconds=view.seconds,
        headline=view.headline,
    )


def step_to_message(view: StepView) -> orchestrator_pb2.Step:
    progress = Progress(view.stage, view.done, view.total, view.unit, dict(view.metrics), view.message)
    return orchestrator_pb2.Step(
        step_id=view.step_id,
        title=view.title,
        state=_STEP_STATES[view.state],
        progress=progress_to_message(progress),
        seconds=view.seconds,
        error=view.error,
        position=view.position,
    )


def cleaned_to_message(cleaned: Cleaned) -> orchestrator_pb2.CleanStoreResult:
    return orchestrator_pb2.CleanStoreResult(
        folders=[
            orchestrator_pb2.CleanedFolder(name=each.name, objects=each.objects, size_bytes=each.size_bytes)
            for each in cleaned.folders
        ],
        deleted=cleaned.deleted,
        partial=cleaned.is_partial,
    )


def cleaned_from_message(result: orchestrator_pb2.CleanStoreResult) -> Cleaned:
    folders = tuple(FolderCount(each.name, each.objects, each.size_bytes) for each in result.folders)
    return Cleaned(folders, result.deleted, result.partial)


def model_to_message(entry: ModelEntry, active: str) -> orchestrator_pb2.Model:
    return orchestrator_pb2.Model(
        model_id=entry.model_id,
        bundle=ref_to_proto(entry.bundle),
        experiment_id=entry.experiment_id,
        arm=entry.arm,
        seed=entry.seed,
        test_mean_macro_f1=entry.test_mean_macro_f1,
        validation_macro_f1=entry.validation_macro_f1,
        active=entry.model_id == active,
    )
