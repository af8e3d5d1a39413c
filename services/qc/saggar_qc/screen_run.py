"""Screening a set: every image through the rules, the accepted ones measured against the reference."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.errors import FieldViolation, InvalidInputError
from saggar.store import ObjectStore

from saggar_qc import screening
from saggar_qc.copies import PictureIndex
from saggar_qc.features import FeatureExtractor
from saggar_qc.featureset import FeatureSet
from saggar_qc.measures import SetMeasures, compare
from saggar_qc.reading import Examined, examine
from saggar_qc.reference import Reference, Report, comparison_side_px, study, training_photographs
from saggar_qc.screening import Rejection, Thresholds


@dataclass(frozen=True)
class Screened:
    """What came of a set; `rejections` is by row of the manifest."""

    accepted: Manifest
    rejected: Manifest
    rejections: tuple[Rejection, ...]  # in the order of `rejected`
    measures: SetMeasures | None  # None when fewer than 2 images passed
    intended: dict[str, tuple[float, int]]  # by task: mean probability of the intended class, over n images
    reference_count: int
    reference_sharpness: float
    sharpness_side_px: int

    @property
    def by_reason(self) -> dict[str, int]:
        counted = Counter(str(rejection.reason) for rejection in self.rejections)
        return dict(sorted(counted.items()))


def screen(
    store: ObjectStore,
    manifest: Manifest,
    reference: Manifest,
    extractor: FeatureExtractor,
    thresholds: Thresholds,
    kid_resamples: int,
    batch_size: int,
    report: Report,
    cancelled: threading.Event,
) -> Screened:
    """Screens all rows of `manifest`, in order.

    Raises InvalidInputError for an empty manifest, labels that the extractor's taxonomy lacks, a threshold
    that the extractor cannot serve, or a reference without training photographs; NotFoundError for a missing
    image; CancelledError once `cancelled` is set.
    """
    _check(manifest, extractor, thresholds)
    photographs = training_photographs(reference)
    side = comparison_side_px(manifest)
    known = study(store, photographs, extractor, side, batch_size, report, cancelled)
    tally = _Tally(extractor, thresholds, known)
    for batch in examine(store, manifest, extractor, side, batch_size, cancelled):
        tally.take(batch)
        report("screening", batch[-1].row + 1, len(manifest))
    measures = None
    if min(tally.features.count, known.features.count) >= 2:
        report("measuring", 0, 0)
        measures = compare(tally.features, known.features, extractor.name, kid_resamples)
    rows = sorted(tally.rejections)
    rejected = np.zeros(len(manifest), dtype=np.bool_)
    rejected[rows] = True
    return Screened(
        accepted=manifest.take(~rejected),
        rejected=manifest.take(rejected),
        rejections=tuple(tally.rejections[row] for row in rows),
        measures=measures,
        intended={
            task: (float(np.mean(values)), len(values)) for task, values in sorted(tally.intended.items())
        },
        reference_count=len(photographs),
        reference_sharpness=known.median_sharpness,
        sharpness_side_px=side,
    )


def _check(manifest: Manifest, extractor: FeatureExtractor, thresholds: Thresholds) -> None:
    if not len(manifest):
        raise InvalidInputError(
            "the manifest has no rows; there is nothing to screen",
            (FieldViolation("manifest", "has no rows"),),
        )
    if extractor.taxonomy is None:
        if thresholds.min_intended_probability > 0:
            raise _bad_field(
                "settings.min_intended_probability",
                f"{extractor.name} is no classifier; name a bundle as extractor",
            )
        return
    for task in set(manifest.tasks) & set(extractor.taxonomy.task_names):
        for code in manifest.counts(task):
            extractor.taxonomy.task(task).index(code)


def _bad_field(name: str, description: str) -> InvalidInputError:
    return InvalidInputError(f"{name}: {description}", (FieldViolation(name, description),))


@dataclass
class _Tally:
    """Verdicts and features so far. Only images that pass the rules on pixels go through the network."""

    extractor: FeatureExtractor
    thresholds: Thresholds
    reference: Reference
    seen: PictureIndex = field(default_factory=PictureIndex)
    features: FeatureSet = field(default_factory=FeatureSet)
    rejections: dict[int, Rejection] = field(default_factory=dict)
    intended: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def take(self, batch: Sequence[Examined]) -> None:
        passed: list[Examined] = []
        for item in batch:
            if (rejection := self._judge_pixels(item)) is not None:
                self.rejections[item.row] = rejection
            else:
                passed.append(item)
        if not passed:
            return
        analysis = self.extractor.analyse([item.prepared for item in passed if item.prepared is not None])
        accepted = np.ones(len(passed), dtype=np.bool_)
        taxonomy = self.extractor.taxonomy
        if taxonomy is not None:
            for i, item in enumerate(passed):
                probabilities = {task: values[i] for task, values in analysis.probabilities.items()}
                labels = item.record.labels
                for task, value in screening.intended_probabilities(labels, probabilities, taxonomy).items():
                    self.intended[task].append(value)
                rejection = screening.rejects_improbable_class(
                    labels, probabilities, taxonomy, self.thresholds
                )
                if rejection is not None:
                    self.rejections[item.row] = rejection
                    accepted[i] = False
        self.features.add(analysis.features[accepted])

    def _judge_pixels(self, item: Examined) -> Rejection | None:
        picture, thresholds = item.picture, self.thresholds
        if picture is None:
            return screening.rejects_undecodable(item.problem)
        rejection = (
            screening.rejects_size(picture, thresholds)
            or screening.rejects_flatness(picture, thresholds)
            or screening.rejects_entropy(picture, thresholds)
            or screening.rejects_blur(picture, thresholds, self.reference.median_sharpness)
            or screening.rejects_duplicate(picture, thresholds, self.seen)
            or screening.rejects_training_copy(picture, thresholds, self.reference.index)
        )
        if rejection is None:
            self.seen.add(picture, item.record.source or item.record.image)
        return rejection
