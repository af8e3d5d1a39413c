"""The service's working part: device, base model and jobs. Importing it loads torch, diffusers and peft."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.adapters import adapter_import
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.identity import Identity
from saggar_generator.base_models.placement import Placement, choose
from saggar_generator.images import generation_job
from saggar_generator.images.content_credentials import Signer
from saggar_generator.progress import Progress, Report
from saggar_generator.requests import (
    AdapterPreview,
    AdapterUse,
    GeneratedImage,
    ImportedAdapter,
    PromptItem,
    TrainedAdapter,
)
from saggar_generator.settings import GeneratorSettings
from saggar_generator.training import adapter_job
from saggar_generator.training.team.launch import check_team, train_together

log = logging.getLogger(__name__)


class Workshop:
    """Does one job at a time, for whoever calls; see to it that there is only one."""

    def __init__(self, store: ObjectStore, settings: GeneratorSettings) -> None:
        """Raises WrongStateError when the device that the settings ask for is not here, or when images cannot
        be signed as they ask for.
        """
        if settings.threads:
            torch.set_num_threads(settings.threads)
        placement = choose(
            settings.device,
            settings.precision,
            settings.memory,
            attention_slicing=settings.attention_slicing,
        )
        log.info("device %s, %s, memory %s", placement.name, placement.precision, placement.memory)
        check_team(settings, placement)
        self._store, self._settings = store, settings
        self._models = BaseModels(placement)
        self._targets = tuple(settings.lora_targets)
        self._signer = (
            Signer(settings.c2pa_certificates, settings.c2pa_key)
            if settings.c2pa_certificates and settings.c2pa_key
            else None
        )

    @property
    def placement(self) -> Placement:
        return self._models.placement

    @property
    def loaded_base_model(self) -> str:
        return self._models.loaded_spec

    def identify(self, base_model: str, report: Report) -> Identity:
        """What a base model is, downloaded first when need be."""
        report(Progress("finding base model", message=base_model))
        return self._models.identify(base_model)

    def train_adapter(
        self,
        base_model: str,
        manifest: ObjectRef,
        settings: AdapterSettings,
        report: Report,
        on_preview: Callable[[AdapterPreview], None],
        cancelled: threading.Event,
    ) -> TrainedAdapter:
        if self._settings.training_processes > 1:
            self._models.release()  # the processes load their own
            return train_together(
                self._settings,
                self.placement.on_gpu,
                base_model,
                manifest,
                settings,
                report,
                on_preview,
                cancelled,
            )
        return adapter_job.train_adapter(
            self._store,
            self._models,
            base_model,
            manifest,
            settings,
            self._targets,
            report,
            cancelled,
            on_preview,
        )

    def import_adapter(
        self, base_model: str, source: Path | ObjectRef, licence: str, report: Report
    ) -> ImportedAdapter:
        return adapter_import.import_adapter(self._store, self._models, base_model, source, licence, report)

    def generate(
        self,
        base_model: str,
        adapters: Sequence[AdapterUse],
        items: Sequence[PromptItem],
        settings: GenerationSettings,
        batch_size: int,
        report: Report,
        on_image: Callable[[GeneratedImage], None],
        cancelled: threading.Event,
    ) -> list[GeneratedImage]:
        return generation_job.generate(
            self._store,
            self._models,
            base_model,
            adapters,
            items,
            settings,
            batch_size,
            report,
            on_image,
            cancelled,
            self._signer,
        )
