"""What a trained network's bundle says of how sure it is, and of what it has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from saggar.bundle import Certainty
from saggar.dataset.manifest import Manifest
from saggar.progress import Progress
from torch import Tensor

from saggar_trainer.data.pixels import normalise
from saggar_trainer.evidence.calibrating import calibrate, fit_novelty, novelty_rule, prevalence_of, set_rules
from saggar_trainer.evidence.unseen import UnseenAnswers
from saggar_trainer.export.companions import Evidence
from saggar_trainer.export.reducing import Photographs, spread
from saggar_trainer.fitting.completing.carried import carried_priors
from saggar_trainer.fitting.lessons import Classroom
from saggar_trainer.fitting.loop import Examples, Lessons, outputs
from saggar_trainer.fitting.objective import class_sums
from saggar_trainer.model.network import MultiTaskClassifier

Float32 = npt.NDArray[np.float32]

CHECKED_IMAGES = 8  # of the validation split: the export is compared on these


@dataclass(frozen=True)
class Seen:
    """What a trained network makes of the photographs that its bundle is measured by."""

    validation_logits: Mapping[str, Float32]  # task -> [N, C]
    validation_features: Float32  # [N, F]
    training_features: Float32 | None  # [M, F] of real training photographs; None where there are none


def look(model: MultiTaskClassifier, room: Classroom, lessons: Lessons, photographs: Callable[[], Examples]) -> Seen:
    """Run `model`, which lies on the CPU, over the validation split and the real training photographs."""
    room.work.report(Progress("looking at the photographs"))
    cpu, batch = torch.device("cpu"), room.settings.batch_size
    logits, features = outputs(model, lessons.validation.pixels, room.spec, batch, cpu)
    training = None
    if room.training.real.any():
        training = outputs(model, photographs().pixels, room.spec, batch, cpu)[1].numpy().astype(np.float32)
    by_task = {task: values.numpy().astype(np.float32) for task, values in logits.items()}
    return Seen(by_task, features.numpy().astype(np.float32), training)


def certainty_of(
    seen: Seen, room: Classroom, taus: Mapping[str, float], unseen: UnseenAnswers | None = None
) -> Certainty:
    """Temperatures and sets from the validation split, or from `unseen`; novelty from the real training photographs
    and the validation split. `taus` by task, of what was chosen after the last epoch.

    Without real training photographs there is no novelty.
    """
    room.work.report(Progress("measuring certainty"))
    answers = unseen or UnseenAnswers(
        room.validation.images, room.validation.object_ids, room.validation.labels, seen.validation_logits
    )
    objects = answers.object_ids
    calibration, rules = {}, {}
    priors = carried_priors(room.training, room.taxonomy, room.settings, taus)
    for task, scores in answers.logits.items():
        truth = answers.labels[task]
        found = calibrate(scores, truth, objects)
        if found is None:
            continue
        counts = class_sums(room.training, task, scores.shape[1], room.settings, rows=room.training.real)
        calibration[task] = found
        rules[task] = set_rules(found.probabilities(scores), truth, objects, prevalence_of(counts), priors[task])
    if seen.training_features is None:
        return Certainty(calibration, rules)
    real = room.training.take(room.training.real)
    novelty = fit_novelty(seen.training_features, {task: real.labels[task] for task in seen.validation_logits})
    rule = novelty_rule(novelty, seen.validation_features, room.validation.object_ids)
    return Certainty(calibration, rules, rule, novelty)


def evidence_of(
    seen: Seen, room: Classroom, lessons: Lessons, photographs: Callable[[], Examples], manifest: Manifest
) -> Evidence:
    """What the bundle's companions are made of and measured by."""
    real = room.training.take(room.training.real)
    chosen = spread(len(real)) if len(real) else []

    def training(row: int) -> Float32:
        return prepared(photographs(), chosen[row], room)

    def validation(row: int) -> Float32:
        return prepared(lessons.validation, row, room)

    return Evidence(
        manifest=manifest,
        training=real,
        validation=room.validation,
        training_features=seen.training_features,
        validation_logits=seen.validation_logits,
        calibration_pictures=Photographs(len(chosen), training) if chosen else None,
        validation_pictures=Photographs(len(lessons.validation), validation),
    )


def prepared(examples: Examples, row: int, room: Classroom) -> Float32:
    """[3, S, S] as the network takes it."""
    return np.asarray(normalise(examples.pixels[row][None], room.spec)[0].contiguous().numpy(), np.float32)


def first_images(lessons: Lessons) -> Tensor:
    """float32 [N, 3, S, S] some prepared validation images."""
    count = min(CHECKED_IMAGES, len(lessons.validation))
    pixels = torch.stack([lessons.validation.pixels[row] for row in range(count)])
    return normalise(pixels, lessons.spec).contiguous()
