"""From rows of a manifest to what the loop learns from: decoded pixels, labels, weights, draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path

import torch
from saggar.errors import InvalidInputError
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress
from saggar.store import ObjectStore
from saggar.taxonomy import Taxonomy

from saggar_trainer.data.pixel_store import PixelStore
from saggar_trainer.data.pixels import cache_pixels
from saggar_trainer.data.prepared import PreparedPhotographs, Recipe
from saggar_trainer.data.rows import Samples
from saggar_trainer.data.shared_pixels import cache_together
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, Precision
from saggar_trainer.fitting.objective import objective_of, row_weights, sampling_weights
from saggar_trainer.group import Team
from saggar_trainer.listening import TrainingWork


@dataclass(frozen=True)
class Workplace:
    """What the machine offers."""

    store: ObjectStore
    device: torch.device
    threads: int = 2
    scratch: Path | None = None  # folder for a job's decoded images; None: the system's
    pixels: PixelStore | None = None  # keeps them for other jobs
    precision: Precision = "float32"  # of a training step
    team: Team = field(default_factory=Team)  # who trains together; these share `scratch`, a folder of this job


@dataclass(frozen=True)
class Classroom:
    """Rows, settings, and where and for whom they are prepared."""

    training: Samples
    validation: Samples
    taxonomy: Taxonomy
    settings: TrainingSettings
    spec: InputSpec
    at: Workplace
    work: TrainingWork

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

    @cached_property
    def _photographs(self) -> PreparedPhotographs:
        recipes = defaultdict(set)
        for key, seed, real in zip(
            self.training.images, self.training.augmentation_seeds, self.training.real, strict=True
        ):
            recipes[key].add(Recipe("training", seed))
            if real:  # novelty and neighbours are fitted to photographs as evaluation sees them
                recipes[key].add(Recipe("evaluation"))
        return PreparedPhotographs(self.at.store, self.spec, self.at.pixels, recipes)

    def _training_examples(self) -> Examples:
        seeds = self.training.augmentation_seeds
        recipes = [Recipe("training", seed) for seed in seeds]
        return self._examples("decoding training images", self.training, recipes)

    def _plain(self, stage: str, samples: Samples) -> Examples:
        return self._examples(stage, samples, [Recipe("evaluation")] * len(samples))

    def _examples(self, stage: str, samples: Samples, recipes: Sequence[Recipe]) -> Examples:
        team, scratch = self.at.team, self.at.scratch
        cached = partial(cache_pixels, scratch=scratch)
        if team.size > 1 and scratch is not None:
            cached = partial(cache_together, team=team, folder=scratch, name=stage)
        pixels = cached(
            lambda index: self._photographs.pixels(samples.images[index], recipes[index]),
            len(samples),
            threads=max(1, self.at.threads // team.size),
            progress=lambda done: self.work.report(
                Progress(stage, min(done * team.size, len(samples)), len(samples), "images")
            ),
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
