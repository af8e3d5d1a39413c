"""Classifiers: trained, and asked about held-out photographs."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from saggar.progress import Report
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import trainer_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.sections import Training
from saggar_orchestrator.peers.calls import Calls, file_digest
from saggar_orchestrator.peers.messages import as_inputs, training_settings
from saggar_orchestrator.workflow.reuse import Result


@dataclass(frozen=True)
class Lesson:
    """One training: of what, how, and with which seed."""

    manifest: ObjectRef
    taxonomy: ObjectRef
    settings: Training
    seed: int

    def inputs(self) -> Result:
        """What decides the classifier: settings as they resolve, first weights by their content, Saggar's version.

        Not the versions of libraries, which the orchestrator does not know where the trainer is elsewhere: they are in
        the bundle's card and in the results.
        """
        settings = as_inputs(training_settings(self.settings, self.seed))
        path = settings.pop("initial_weights_path", "")  # the file counts, not where it lies
        if path:
            settings["initial_weights_file"] = file_digest(Path(path))
        return {
            "manifest": self.manifest.sha256,
            "taxonomy": self.taxonomy.sha256,
            "settings": settings,
            "version": importlib.metadata.version("saggar-core"),
        }


def train(calls: Calls, lesson: Lesson, annotations: dict[str, str], report: Report) -> Result:
    request = trainer_pb2.TrainRequest(
        request_id=digest(lesson.inputs())[:32],
        manifest=ref_to_proto(lesson.manifest),
        taxonomy=ref_to_proto(lesson.taxonomy),
        settings=training_settings(lesson.settings, lesson.seed),
        annotations=annotations,
    )
    result: trainer_pb2.TrainResult = calls.stream("trainer", "Train", request, report)
    return {
        "bundle": ref_from_proto(result.bundle).to_json(),
        "history": ref_from_proto(result.history).to_json(),
        "best_epoch": result.best_epoch,
        "validation_macro_f1": result.validation_macro_f1,
        "warnings": list(result.warnings),
        "made_with": dict(sorted(result.made_with.items())),
    }


def evaluation_inputs(bundle: ObjectRef, rows: ObjectRef, split: str) -> Result:
    return {"bundle": bundle.sha256, "rows": rows.sha256, "split": split}


def evaluate(calls: Calls, bundle: ObjectRef, rows: ObjectRef, split: str, report: Report) -> Result:
    request = trainer_pb2.EvaluateRequest(
        request_id=digest([bundle.sha256, rows.sha256, split])[:32],
        bundle=ref_to_proto(bundle),
        manifest=ref_to_proto(rows),
        split=split,
    )
    result: trainer_pb2.EvaluateResult = calls.stream("trainer", "Evaluate", request, report)
    return {
        "metrics": ref_from_proto(result.metrics).to_json(),
        "predictions": ref_from_proto(result.predictions).to_json(),
        "mean_macro_f1": result.mean_macro_f1,
        "macro_f1": dict(sorted(result.macro_f1_by_task.items())),
        "accuracy": dict(sorted(result.accuracy_by_task.items())),
        "count": result.count,
    }
