"""From rows of a manifest to what the loop learns from: decoded pixels, labels, weights, draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from saggar.dataset.augment import apply_augmentation
from saggar.errors import InvalidInputError
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress, Work
from saggar.store import ObjectStore
from saggar.taxonomy import Taxonomy

from saggar_trainer.data.pixels import Pixels, cache_pixels, evaluation_pixels, shrink, training_pixels
from saggar_trainer.data.reading import read_photograph
from saggar_trainer.data.rows import Samples
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons
from saggar_trainer.fitting.objective import objective_of, row_weights, sampling_weights

AUGMENTATION_MARGIN = 1.5  # images are reduced to this much of the input size before offline augmentation


@dataclass(frozen=True)
class Workplace:
    """What the machine offers."""

    store: ObjectStore
    device: torch.device
    threads: int = 2
    scratch: Path | None = None  # folder for the cache of decoded images; None: the system's


@dataclass(frozen=True)
class Classroom:
    """Rows, settings, and where and for whom they are prepared."""

    training: Samples
    validation: Samples
    taxonomy: Taxonomy
    settings: TrainingSettings
    spec: InputSpec
    at: Workplace
    work: Work

    def lessons(self) -> Lessons:
        """Decodes all images of both splits. Raises CancelledError, and for an image that cannot be read."""
        return Lessons(
            training=self._training_examples(),
            draws=draws_of(self.training, self.settings),
            validation=self._plain("decoding validation images", self.validation),
            objective=objective_of(self.training, self.taxonomy, self.settings),
            spec=self.spec,
        )

    def plain_training(self, *, real_only: bool) -> Callable[[], Examples]:
        """Images of the training split, prepared as in evaluation; decoded when first asked for."""
        rows = self.training.real if real_only else self.training.real | self.training.synthetic

        @cache
        def decoded() -> Examples:
            if not rows.any():
                raise InvalidInputError(
                    "no row of the training split is a real photograph, so nothing can be re-estimated on real ones; "
                    "set batch_norm to `all` and retrain_heads to `none`"
                )
            return self._plain("decoding training photographs", self.training.take(rows))

        return decoded

    def _training_examples(self) -> Examples:
        samples, size = self.training, self.spec.size_px

        def load(index: int) -> Pixels:
            image = read_photograph(self.at.store, samples.images[index], self.spec)
            seed = samples.augmentation_seeds[index]
            if seed is not None:
                image = apply_augmentation(shrink(image, round(size * AUGMENTATION_MARGIN)), seed)
            return training_pixels(image, self.spec)

        return self._examples("decoding training images", samples, load)

    def _plain(self, stage: str, samples: Samples) -> Examples:
        def load(index: int) -> Pixels:
            return evaluation_pixels(read_photograph(self.at.store, samples.images[index], self.spec), self.spec)

        return self._examples(stage, samples, load)

    def _examples(self, stage: str, samples: Samples, load: Callable[[int], Pixels]) -> Examples:
        pixels = cache_pixels(
            load,
            len(samples),
            scratch=self.at.scratch,
            threads=self.at.threads,
            progress=lambda done: self.work.report(Progress(stage, done, len(samples), "images")),
            cancelled=self.work.cancelled.is_set,
        )
        return Examples(
            pixels,
            labels={task: torch.from_numpy(values) for task, values in samples.labels.items()},
            row_weights={task: row_weights(samples, task, self.settings) for task in samples.labels},
        )


def draws_of(training: Samples, settings: TrainingSettings) -> Draws:
    """How an epoch draws the training rows."""
    tasks = settings.sampler_tasks or tuple(training.labels)
    return Draws(
        rows=len(training),
        batch_size=settings.batch_size,
        chances=sampling_weights(training, settings),
        synthetic=torch.from_numpy(training.synthetic),
        combinations=torch.from_numpy(training.combinations(tasks)) if settings.mix_batches else None,
        steps=settings.steps_per_epoch,
    )
