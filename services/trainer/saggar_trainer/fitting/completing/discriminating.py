"""`head_fit: discriminant`: all heads of a network fitted anew to photographs, in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saggar_trainer.data.pixels import PixelCache
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.evidence.unseen import UnseenAnswers
from saggar_trainer.fitting.completing.discriminant import Photographs, fitted
from saggar_trainer.fitting.completing.finishing import shared_features
from saggar_trainer.fitting.lessons import Classroom
from saggar_trainer.fitting.loop import Examples, Lessons
from saggar_trainer.model.network import MultiTaskClassifier

Float32 = npt.NDArray[np.float32]


def discriminate(
    model: MultiTaskClassifier, room: Classroom, lessons: Lessons, images: Examples, device: torch.device
) -> UnseenAnswers:
    """Fit the heads of all taught tasks to `images`, of the training split: its photographs, with `retrain_heads: all`
    its synthetic images too; and, where settings say so, to the validation split.

    Each photograph teaches with its mirror image; nothing is drawn by chance, so equal features give equal heads.
    Returns answers of heads that have not seen the photograph: of the validation split, and after it, where the
    backbone has not learnt from them either, of the training photographs.
    """
    settings = room.settings
    both = settings.validation_teaches_heads
    only_real = settings.retrain_heads == "real"
    training = room.training.take(room.training.real if only_real else room.training.real | room.training.synthetic)

    def features(of: Examples, *, mirrored: bool) -> Tensor:  # [V, N, F]
        seen = [of, replace(of, pixels=Mirrored(of.pixels))] if mirrored else [of]
        return torch.stack([shared_features(model, one, lessons.spec, settings, device) for one in seen])

    seen, validation = features(images, mirrored=True), features(lessons.validation, mirrored=both)
    rows = _joined(room.validation, training)
    pixels = torch.cat([validation[:1], seen[:1]], dim=1)[0]  # [M + N, F] without views
    count = len(room.validation)
    teaches = np.arange(len(rows.images)) >= (0 if both else count)
    logits: dict[str, Float32] = {}
    for task in model.tasks:
        weights = torch.cat([lessons.validation.row_weights[task], images.row_weights[task]]).double().numpy()
        taught = teaches & (rows.labels[task] != UNKNOWN) & (weights > 0)
        head = model.head(task)
        if taught.any():
            every = torch.cat([validation, seen], dim=1) if both else seen
            names = [rows.object_ids[row] for row in np.flatnonzero(taught)]
            kept = torch.from_numpy(taught if both else taught[count:])
            found = fitted(
                Photographs(every[:, kept], rows.labels[task][taught], weights[taught], names, rows.real[taught]),
                head.out_features,
                settings.head_shrinkage,
            )
            with torch.no_grad():
                head.weight.copy_(found.weight)
                head.bias.copy_(found.bias)
        with torch.no_grad():
            values = head(pixels.to(head.weight)).float().cpu().numpy()
        if taught.any():
            values[taught] = found.unseen
        logits[task] = values
    answers = UnseenAnswers(rows.images, rows.object_ids, rows.labels, logits)
    frozen = settings.backbone_learning_rate == 0
    return answers.take(rows.real) if frozen else answers.first(count)


class Mirrored(PixelCache):
    """The images of a cache, left and right exchanged."""

    def __init__(self, of: PixelCache) -> None:
        self._of = of

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, index: int) -> Tensor:
        return self._of[index].flip(2)

    def size(self, index: int) -> tuple[int, int]:
        return self._of.size(index)


def _joined(first: Samples, second: Samples) -> Samples:
    return Samples(
        images=first.images + second.images,
        object_ids=first.object_ids + second.object_ids,
        augmentation_seeds=first.augmentation_seeds + second.augmentation_seeds,
        real=np.concatenate([first.real, second.real]),
        synthetic=np.concatenate([first.synthetic, second.synthetic]),
        labels={task: np.concatenate([first.labels[task], second.labels[task]]) for task in first.labels},
        loss_weights=np.concatenate([first.loss_weights, second.loss_weights]),
    )
