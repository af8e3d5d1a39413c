"""The service's working part: device, base model and jobs. Importing it loads torch, diffusers and peft."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from saggar.progress import Progress, Report, Work
from saggar.store import ObjectStore
from saggar.team.launch import check_gpus

from saggar_generator.adapters import adapter_import
from saggar_generator.base_models import control_net
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.identity import Identity
from saggar_generator.base_models.placement import Placement, choose
from saggar_generator.images import generation_job
from saggar_generator.images.content_credentials import Signer
from saggar_generator.requests import (
    AdapterPreview,
    GeneratedImage,
    GenerationRequest,
    ImportedAdapter,
    ImportRequest,
    TrainedAdapter,
    TrainingRequest,
)
from saggar_generator.settings import GeneratorSettings
from saggar_generator.training import adapter_job
from saggar_generator.training.team.launch import train_together

log = logging.getLogger(__name__)


class Workshop:
    """Does one job at a time, for whoever calls; make only one."""

    def __init__(self, store: ObjectStore, settings: GeneratorSettings) -> None:
        """Raises WrongStateError when the device that the settings name is not here, or when images cannot be
        signed as they say.
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
        if placement.on_gpu:
            check_gpus(settings, torch.cuda.device_count())
        self._store, self._settings = store, settings
        self._models = BaseModels(placement)
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

    def identify_control_net(self, path: str, base_model: str) -> str:
        """The hash of a ControlNet that fits `base_model`. Raises as `control_net.identify`."""
        return control_net.identify_for(path, base_model)

    def train_adapter(
        self, training: TrainingRequest, work: Work, on_preview: Callable[[AdapterPreview], None]
    ) -> TrainedAdapter:
        if self._settings.training_processes > 1:
            self._models.release()  # the processes load their own
            return train_together(self._settings, self.placement.on_gpu, training, work, on_preview)
        return adapter_job.train_adapter(
            self._store, self._models, training, work, on_preview, targets=self._settings.lora_targets
        )

    def import_adapter(self, adapter: ImportRequest, report: Report) -> ImportedAdapter:
        return adapter_import.import_adapter(self._store, self._models, adapter, report)

    def generate(
        self, images: GenerationRequest, work: Work, on_image: Callable[[GeneratedImage], None]
    ) -> list[GeneratedImage]:
        return generation_job.generate(self._store, self._models, images, work, on_image, signer=self._signer)
