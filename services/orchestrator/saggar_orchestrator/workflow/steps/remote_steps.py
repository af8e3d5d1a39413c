"""Steps that other services do: training, evaluation, adapter, generation in shards, screening."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saggar.dataset.plan import PlannedImage
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2, generator_pb2, qc_pb2, trainer_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.peers import requests
from saggar_orchestrator.peers.adapters import find_adapter
from saggar_orchestrator.peers.requests import as_inputs
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.progress import Result, Ticker
from saggar_orchestrator.workflow.steps.data_steps import generated_manifest

if TYPE_CHECKING:
    from saggar_orchestrator.workflow.order import Run


_REVIEW_POLL_S = 3.0


def training_inputs(run: Run, manifest: ObjectRef, taxonomy: ObjectRef, seed: int) -> Result:
    settings = as_inputs(requests.training_settings(run.experiment.training, seed))
    path = settings.pop("initial_weights_path", "")  # the file counts, not where it lies
    if path:
        settings["initial_weights_file"] = _file_digest(Path(path))
    return {"manifest": manifest.sha256, "taxonomy": taxonomy.sha256, "settings": settings}


def train(run: Run, tick: Ticker, manifest: ObjectRef, taxonomy: ObjectRef, seed: int, arm_name: str) -> Result:
    settings = requests.training_settings(run.experiment.training, seed)
    request = trainer_pb2.TrainRequest(
        request_id=digest(training_inputs(run, manifest, taxonomy, seed))[:32],
        manifest=ref_to_proto(manifest),
        taxonomy=ref_to_proto(taxonomy),
        settings=settings,
        annotations={"experiment": run.experiment.name, "arm": arm_name, "seed": str(seed)},
    )

    def on_event(event: trainer_pb2.TrainResponse) -> None:
        if event.HasField("progress"):
            _show(tick, event.progress)

    result: trainer_pb2.TrainResult = run.resources.peers.stream(
        "trainer", "Train", request, on_event, run.cancellation
    )
    return {
        "bundle": _ref(result.bundle),
        "history": _ref(result.history),
        "best_epoch": result.best_epoch,
        "validation_macro_f1": result.validation_macro_f1,
        "warnings": list(result.warnings),
    }


def evaluate(run: Run, tick: Ticker, bundle: ObjectRef, manifest: ObjectRef, split: str) -> Result:
    request = trainer_pb2.EvaluateRequest(
        request_id=digest([bundle.sha256, manifest.sha256, split])[:32],
        bundle=ref_to_proto(bundle),
        manifest=ref_to_proto(manifest),
        split=split,
    )

    def on_event(event: trainer_pb2.EvaluateResponse) -> None:
        if event.HasField("progress"):
            _show(tick, event.progress)

    result: trainer_pb2.EvaluateResult = run.resources.peers.stream(
        "trainer", "Evaluate", request, on_event, run.cancellation
    )
    return {
        "metrics": _ref(result.metrics),
        "predictions": _ref(result.predictions),
        "mean_macro_f1": result.mean_macro_f1,
        "macro_f1": dict(sorted(result.macro_f1_by_task.items())),
        "accuracy": dict(sorted(result.accuracy_by_task.items())),
        "count": result.count,
    }


def resolve_base_model(run: Run, tick: Ticker) -> Result:
    """What the base model's name stands for now: a hub's or a folder's content can change under its name."""
    request = generator_pb2.ResolveBaseModelRequest(base_model=run.experiment.base_model)

    def on_event(event: generator_pb2.ResolveBaseModelResponse) -> None:
        if event.HasField("progress"):
            _show(tick, event.progress)

    result: generator_pb2.ResolveBaseModelResult = run.resources.peers.stream(
        "generator", "ResolveBaseModel", request, on_event, run.cancellation
    )
    return {
        "base_model": run.experiment.base_model,
        "content_hash": result.content_hash,
        "configuration_hash": result.configuration_hash,
    }


def adapter_inputs(run: Run, base: Result, manifest: ObjectRef) -> Result:
    return {
        "base_hash": base["content_hash"],
        "base_configuration": base["configuration_hash"],
        "manifest": manifest.sha256,
        "settings": as_inputs(requests.adapter_settings(run.experiment.adapter, run.taxonomy)),
    }


def train_adapter(run: Run, tick: Ticker, base: Result, manifest: ObjectRef) -> Result:
    request = generator_pb2.TrainAdapterRequest(
        request_id=digest(adapter_inputs(run, base, manifest))[:32],
        base_model=run.experiment.base_model,
        manifest=ref_to_proto(manifest),
        settings=requests.adapter_settings(run.experiment.adapter, run.taxonomy),
    )

    def on_event(event: generator_pb2.TrainAdapterResponse) -> None:
        if event.HasField("progress"):
            _show(tick, event.progress)

    result: generator_pb2.TrainAdapterResult = run.resources.peers.stream(
        "generator", "TrainAdapter", request, on_event, run.cancellation
    )
    return {
        "adapter": _ref(result.adapter),
        "weights": _ref(result.weights),
        "final_loss": result.final_loss,
        "steps": result.steps,
    }


def generation_inputs(run: Run, plan: ObjectRef, adapter: ObjectRef) -> Result:
    generation = run.experiment.generation
    return {  # the adapter names its base
        "plan": plan.sha256,
        "adapter": adapter.sha256,
        "adapter_weight": generation.adapter_weight,
        "further_adapters": [as_inputs(use) for use in _further_adapters(run)],
        "settings": as_inputs(requests.generation_settings(generation)),
    }


def generate_images(run: Run, tick: Ticker, planned: Sequence[PlannedImage], adapter: ObjectRef) -> Result:
    """Planned images, in shards that go out side by side; the channel spreads them over the replicas."""
    generation = run.experiment.generation
    order = Order(
        run.experiment.base_model,
        (requests.adapter_use(adapter, generation.adapter_weight), *_further_adapters(run)),
        requests.generation_settings(generation),
    )
    tick("waiting for the generator", 0, len(planned), "images")
    images = generate_in_shards(
        run.resources.peers,
        order,
        requests.prompt_items(planned, run.store, run.experiment.adapter.framing),
        generation.shard_size,
        run.resources.parallel_shards,
        lambda done, stage, numbers: tick("generating", done, len(planned), "images", stage, dict(numbers)),
        run.cancellation,
    )
    return {
        "manifest": generated_manifest(run, planned, images).to_json(),
        "count": len(planned),
        "distinct": len({image.image.uri for image in images.values()}),
        "from_photographs": sum(image.photograph is not None for image in planned),
        "truncated_prompts": sum(image.truncated_tokens > 0 for image in images.values()),
        "shards": -(-len(planned) // generation.shard_size),
    }


def _further_adapters(run: Run) -> list[generator_pb2.AdapterUse]:
    """Adapters of the store that the experiment adds to its own."""
    named = run.experiment.generation.further_adapters
    return [
        requests.adapter_use(find_adapter(run.store, identity).reference, weight, identity)
        for identity, weight in named.items()
    ]


def screen_inputs(run: Run, wanted: ObjectRef, reference: ObjectRef, baseline: ObjectRef) -> Result:
    screening = run.experiment.screening
    path = screening.inception_weights_path
    return {
        "manifest": wanted.sha256,
        "reference": reference.sha256,
        "extractor": _file_digest(Path(path)) if path else baseline.sha256,
        "settings": as_inputs(requests.screen_settings(screening)),
    }


def screen(run: Run, tick: Ticker, wanted: ObjectRef, reference: ObjectRef, baseline: ObjectRef) -> Result:
    request = qc_pb2.ScreenRequest(
        request_id=digest(screen_inputs(run, wanted, reference, baseline))[:32],
        manifest=ref_to_proto(wanted),
        reference=ref_to_proto(reference),
        extractor=requests.extractor(run.experiment.screening, baseline),
        settings=requests.screen_settings(run.experiment.screening),
    )

    def on_event(event: qc_pb2.ScreenResponse) -> None:
        if event.HasField("progress"):
            _show(tick, event.progress)

    result: qc_pb2.ScreenResult = run.resources.peers.stream("qc", "Screen", request, on_event, run.cancellation)
    return {
        "accepted": _ref(result.accepted),
        "rejected": _ref(result.rejected),
        "accepted_count": result.accepted_count,
        "rejected_count": result.rejected_count,
        "rejected_by_reason": dict(sorted(result.rejected_by_reason.items())),
        "found_by_reason": dict(sorted(result.found_by_reason.items())),
        "measures": _measures(result.measures) if result.HasField("measures") else None,
        "other_measures": [_measures(measures) for measures in result.other_measures],
        "report": _ref(result.report),
    }


def review_inputs(
    run: Run, manifest: ObjectRef, photographs: ObjectRef, taxonomy: ObjectRef, baseline: ObjectRef
) -> Result:
    return {
        "extractor": as_inputs(requests.extractor(run.experiment.screening, baseline)),
        "manifest": manifest.sha256,
        "photographs": photographs.sha256,
        "taxonomy": taxonomy.sha256,
        "settings": as_inputs(requests.review_settings(run.experiment.review)),
    }


def review(
    run: Run,
    tick: Ticker,
    manifest: ObjectRef,
    photographs: ObjectRef,
    taxonomy: ObjectRef,
    baseline: ObjectRef,
) -> Result:
    """Waits until people have judged the images; days, if need be."""
    peers, cancellation = run.resources.peers, run.cancellation
    opened = peers.call_patiently(
        "qc",
        "OpenReview",
        qc_pb2.OpenReviewRequest(
            manifest=ref_to_proto(manifest),
            photographs=ref_to_proto(photographs),
            taxonomy=ref_to_proto(taxonomy),
            title=run.experiment.title or run.experiment.name,
            settings=requests.review_settings(run.experiment.review),
            extractor=requests.extractor(run.experiment.screening, baseline),
        ),
        cancellation,
    )
    request = qc_pb2.DescribeReviewRequest(review_id=opened.review_id)
    told = None
    while True:
        standing = peers.call_patiently("qc", "DescribeReview", request, cancellation)
        if (now := (standing.left, standing.conflicts)) != told:
            conflicts = f", {standing.conflicts} conflicts to settle" if standing.conflicts else ""
            stage = f"waiting for people (`saggar review` says where{conflicts})"
            tick(stage, standing.items - standing.left, standing.items, "images")
            told = now
        if standing.finished:
            break
        cancellation.wait(_REVIEW_POLL_S)
        cancellation.check()
    result = peers.call_patiently(
        "qc", "ConcludeReview", qc_pb2.ConcludeReviewRequest(review_id=opened.review_id), cancellation
    )
    return {
        "review_id": opened.review_id,
        "policy": run.experiment.review.policy,
        "accepted": _ref(result.accepted),
        "rejected": _ref(result.rejected),
        "accepted_count": result.accepted_count,
        "rejected_count": result.rejected_count,
        "reviewed_count": result.reviewed_count,
        "passed_count": result.passed_count,
        "pass_rate_low": result.pass_rate_low,
        "pass_rate_high": result.pass_rate_high,
        "masked_by_task": dict(sorted(result.masked_by_task.items())),
        "whole_set_rejected": result.whole_set_rejected,
    }


def _measures(measures: qc_pb2.SetMeasures) -> dict[str, Any]:
    """Every field; numbers that are not finite become None, for results.json has no NaN."""
    values = {field.name: getattr(measures, field.name) for field in measures.DESCRIPTOR.fields}
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
    return finite | {"warnings": list(measures.warnings)}


def _ref(message: common_pb2.ObjectRef) -> dict[str, Any]:
    return ref_from_proto(message).to_json()


def _show(tick: Ticker, progress: common_pb2.Progress) -> None:
    tick(progress.stage, progress.done, progress.total, progress.unit, progress.message, dict(progress.metrics))


def _file_digest(path: Path) -> str:
    """The file's SHA-256; its path where it lies on another machine and can't be read here."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return json.dumps(str(path))
