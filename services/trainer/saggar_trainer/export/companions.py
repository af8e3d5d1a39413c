"""All that lies beside a network in its bundle."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.bundle import Companions, Golden
from saggar.dataset.manifest import Manifest
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress, Work
from saggar.taxonomy import Taxonomy

from saggar_trainer.data.rows import Samples
from saggar_trainer.export.describing import cost_of, data_note, measured, validation_scores
from saggar_trainer.export.nearest_pieces import neighbours_of
from saggar_trainer.export.reducing import Photographs, Standard, reduced
from saggar_trainer.model.network import MultiTaskClassifier

log = logging.getLogger(__name__)

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Exported:
    """A network as it is served, and what it was made of; all of it lies on the CPU."""

    model: MultiTaskClassifier
    onnx: bytes
    golden: Golden
    taxonomy: Taxonomy  # of the tasks that it answers
    settings: TrainingSettings


@dataclass(frozen=True)
class Evidence:
    """The rows that a bundle is measured by, and what the network makes of them."""

    manifest: Manifest
    training: Samples  # the real photographs
    validation: Samples
    training_features: Float32 | None  # [M, F]
    validation_logits: Mapping[str, Float32]  # task -> [N, C]
    calibration_pictures: Photographs | None  # of real training photographs
    validation_pictures: Photographs


def companions_of(exported: Exported, evidence: Evidence, work: Work) -> Companions:
    """Neighbours and the network in 8 bits as the settings want them, and what the card says of data and cost."""
    settings, tasks = exported.settings, exported.taxonomy.task_names
    neighbours = None
    if settings.neighbours == "photographs" and evidence.training_features is not None:
        labels = _labels(evidence.training, tasks)
        neighbours = neighbours_of(evidence.training_features, labels, evidence.manifest)
    note = network = None
    if settings.reduced_precision == "int8":
        if evidence.calibration_pictures is None:
            log.warning("no network in 8 bits: no real training photograph to calibrate it on")
        else:
            work.report(Progress("reducing precision"))
            standard = Standard(
                evidence.validation_pictures,
                evidence.validation_logits,
                _labels(evidence.validation, tasks),
                evidence.validation.object_ids,
            )
            note, network = reduced(exported.onnx, evidence.calibration_pictures, standard, exported.golden)
    return Companions(
        golden=exported.golden,
        neighbours=neighbours,
        reduced=note,
        reduced_onnx=network,
        data=data_note(evidence.manifest, exported.taxonomy),
        validation=validation_scores(
            evidence.validation_logits, evidence.validation.labels, evidence.validation.object_ids
        ),
        cost=cost_of(exported.model, exported.golden.image.shape[-1]),
        measured=measured(exported.onnx, network, exported.golden),
    )


def _labels(samples: Samples, tasks: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
    return {task: samples.labels[task] for task in tasks}
