"""What a trained network's bundle says of how sure it is, and of what it has seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from saggar.bundle import Certainty, softmax
from saggar.progress import Progress
from torch import Tensor

from saggar_trainer.data.pixels import normalise
from saggar_trainer.evidence.calibrating import calibrate, fit_novelty, novelty_rule, prevalence_of, set_rules
from saggar_trainer.fitting.lessons import Classroom
from saggar_trainer.fitting.loop import Examples, Lessons, outputs
from saggar_trainer.fitting.objective import class_sums
from saggar_trainer.model.network import MultiTaskClassifier

CHECKED_IMAGES = 8  # of the validation split: the export is compared on these


def certainty_of(
    model: MultiTaskClassifier, room: Classroom, lessons: Lessons, photographs: Callable[[], Examples]
) -> Certainty:
    """Temperatures and sets from the validation split; novelty from the real training photographs and that split.

    `model` and all that is computed here lie on the CPU. Without real training photographs there is no novelty.
    """
    room.work.report(Progress("measuring certainty"))
    cpu, batch = torch.device("cpu"), room.settings.batch_size
    logits, features = outputs(model, lessons.validation.pixels, room.spec, batch, cpu)
    objects = room.validation.object_ids
    calibration, rules = {}, {}
    for task in model.tasks:
        truth, scores = room.validation.labels[task], logits[task].numpy()
        found = calibrate(scores, truth, objects)
        if found is None:
            continue
        counts = class_sums(room.training, task, scores.shape[1], room.settings, rows=room.training.real)
        calibration[task] = found
        rules[task] = set_rules(softmax(scores / found.temperature), truth, objects, prevalence_of(counts))
    if not room.training.real.any():
        return Certainty(calibration, rules)
    _, seen = outputs(model, photographs().pixels, room.spec, batch, cpu)
    real = room.training.take(room.training.real)
    novelty = fit_novelty(seen.numpy(), {task: real.labels[task] for task in model.tasks})
    return Certainty(calibration, rules, novelty_rule(novelty, features.numpy().astype(np.float32), objects), novelty)


def first_images(lessons: Lessons) -> Tensor:
    """float32 [N, 3, S, S] some prepared validation images."""
    count = min(CHECKED_IMAGES, len(lessons.validation))
    pixels = torch.stack([lessons.validation.pixels[row] for row in range(count)])
    return normalise(pixels, lessons.spec).contiguous()
