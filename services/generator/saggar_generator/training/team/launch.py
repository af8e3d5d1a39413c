"""Adapter training by several processes, one a GPU, seen from the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saggar.progress import Work
from saggar.store import ObjectRef
from saggar.team.launch import TeamJob, check_batch, work_together

from saggar_generator.requests import AdapterPreview, KeptAdapter, TrainedAdapter, TrainingRequest
from saggar_generator.settings import GeneratorSettings


def train_together(
    settings: GeneratorSettings,
    on_gpu: bool,
    training: TrainingRequest,
    work: Work,
    on_preview: Callable[[AdapterPreview], None],
) -> TrainedAdapter:
    """What `train_adapter` does, by `settings.training_processes` processes.

    Raises as it does, InvalidInputError when a batch has fewer images than there are processes, and UnavailableError
    when one of them dies: the same call goes on from the checkpoint.
    """
    check_batch(settings, training.settings.batch_size)
    values = {
        "on_gpu": on_gpu,
        "base_model": training.base_model,
        "manifest": training.manifest.to_json(),
        "fresh": training.fresh,
        "settings": training.settings.model_dump(mode="json"),
    }

    def preview(told: dict[str, Any]) -> None:
        on_preview(AdapterPreview(**{**told, "image": ObjectRef.from_json(told["image"])}))

    job = TeamJob("saggar_generator.training.team.process", values, "adapter training")
    return _trained(work_together(job, settings, work, {"preview": preview}))


def _trained(value: dict[str, Any]) -> TrainedAdapter:
    kept = tuple(KeptAdapter(**_with_references(one)) for one in value["kept"])
    return TrainedAdapter(**{**_with_references(value), "kept": kept})


def _with_references(value: dict[str, Any]) -> dict[str, Any]:
    refs = {key: ObjectRef.from_json(one) for key, one in value.items() if isinstance(one, dict)}
    return {**value, **refs}
