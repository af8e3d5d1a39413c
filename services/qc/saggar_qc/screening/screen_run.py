"""Screening a set: every image through the rules, the accepted ones measured against the reference."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from saggar.dataset.manifest import Manifest
from saggar.errors import FieldViolation, InvalidInputError
from saggar.job_settings.reject_reasons import Reason
from saggar.job_settings.screening import ScreenSettings
from saggar.progress import Progress, Work
from saggar.taxonomy import Taxonomy

from saggar_qc.extractors.extraction import Extraction, Row, View
from saggar_qc.extractors.features import FeatureExtractor
from saggar_qc.extractors.reading import Examined, examine
from saggar_qc.measures.distances import CombinationMeasures, SetMeasures, compare_combinations
from saggar_qc.measures.embedding import Embedding, embed
from saggar_qc.measures.featureset import FeatureSet, combination_tag
from saggar_qc.picture.copies import PictureIndex
from saggar_qc.picture.picture import Picture
from saggar_qc.picture.texture import TextureRatio, TextureTally, ratios
from saggar_qc.screening import rules
from saggar_qc.screening.limits import Limit
from saggar_qc.screening.reference import Reference, comparison_side_px, study, training_photographs
from saggar_qc.screening.rejection import Rejection
from saggar_qc.screening.verification import glaze_of

Float64 = npt.NDArray[np.float64]
_VIEWS: tuple[View, ...] = ("upright", "turned")


@dataclass(frozen=True)
class Verified:
    """How surely the intended classes of one task were found: [N] probabilities of the images, in order."""

    probabilities: tuple[float, ...]
    lowest: float  # accepted; below, an image is far too wrong
    highest: float = rules.BAND_TOP  # above, far too easy: counted, never rejected


@dataclass(frozen=True)
class Screened:
    """What came of a set; `rejections` is in the order of `rejected`."""

    accepted: Manifest
    rejected: Manifest
    rejections: tuple[Rejection, ...]
    reasons: tuple[tuple[Reason, ...], ...]  # all that were found of each rejected row, in their order
    found: dict[str, int]  # by reason: images that have it, whether or not it counts
    limits: tuple[tuple[Limit, int], ...]  # with the images beyond each
    verified: dict[str, Verified]  # by task
    intended: dict[str, tuple[float, int]]  # by task: the classifier's mean probability, over n images
    measures: SetMeasures | None  # None when fewer than 2 images passed
    combinations: tuple[CombinationMeasures, ...]
    textures: dict[str, TextureRatio]  # by glaze
    embedding: Embedding | None
    reference_count: int
    reference_sharpness: float
    side_px: int  # at which pictures were measured

    @property
    def by_reason(self) -> dict[str, int]:
        counted = Counter(str(rejection.reason) for rejection in self.rejections)
        return dict(sorted(counted.items()))


def screen(
    manifest: Manifest,
    reference: Manifest,
    extraction: Extraction,
    thresholds: ScreenSettings,
    work: Work,
) -> Screened:
    """Screens all rows of `manifest`, in order, beside the training photographs of `reference`.

    Raises InvalidInputError for an empty manifest, labels that the extractor's taxonomy lacks, or a reference
    without training photographs; NotFoundError for a missing image; CancelledError once `work.cancelled` is set.
    """
    _check(manifest, extraction.extractor)
    photographs = training_photographs(reference)
    side = comparison_side_px(manifest)
    known = study(photographs, extraction, side, thresholds.trimmed_share, work)
    return screen_beside(known, manifest, extraction, thresholds, work)


def screen_beside(
    known: Reference,
    manifest: Manifest,
    extraction: Extraction,
    thresholds: ScreenSettings,
    work: Work,
) -> Screened:
    """As `screen`, beside photographs that have been studied at the set's scale."""
    tally = _Tally(extraction, thresholds, known)
    for batch in examine(manifest, extraction, _VIEWS, work.cancelled, known.side_px):
        tally.take(batch)
        work.report(Progress("screening", batch[-1].row + 1, len(manifest), "images"))
    work.report(Progress("measuring"))
    rejected = np.zeros(len(manifest), dtype=np.bool_)
    rows = sorted(tally.rejections)
    rejected[rows] = True
    enough = min(tally.features.count, known.features.count) >= 2
    return Screened(
        accepted=manifest.take(~rejected),
        rejected=manifest.take(rejected),
        rejections=tuple(tally.rejections[row] for row in rows),
        reasons=tuple(tally.reasons[row] for row in rows),
        found={str(reason): tally.found[reason] for reason in Reason if tally.found[reason]},
        limits=tuple((limit, tally.beyond[limit]) for limit in known.limits),
        verified={
            task: Verified(tuple(values), thresholds.min_intended_probability)
            for task, values in sorted(tally.verified.items())
        },
        intended={task: (float(np.mean(values)), len(values)) for task, values in sorted(tally.intended.items())},
        measures=extraction.compare(tally.features, known.features, thresholds.kid_resamples) if enough else None,
        combinations=compare_combinations(tally.features, known.features, thresholds.kid_resamples),
        textures=ratios(tally.textures, known.textures),
        embedding=embed(tally.features, known.features),
        reference_count=known.features.count,
        reference_sharpness=known.median_sharpness,
        side_px=known.side_px,
    )


def _check(manifest: Manifest, extractor: FeatureExtractor) -> None:
    if not len(manifest):
        raise InvalidInputError(
            "the manifest has no rows; there is nothing to screen",
            (FieldViolation("manifest", "has no rows"),),
        )
    if extractor.taxonomy is None:
        return
    for task in set(manifest.tasks) & set(extractor.taxonomy.task_names):
        for code in manifest.counts(task):
            extractor.taxonomy.task(task).index(code)


@dataclass
class _Tally:
    """Verdicts and features so far."""

    extraction: Extraction
    thresholds: ScreenSettings
    reference: Reference
    seen: PictureIndex = field(default_factory=PictureIndex)
    features: FeatureSet = field(default_factory=FeatureSet)
    textures: TextureTally = field(default_factory=TextureTally)
    rejections: dict[int, Rejection] = field(default_factory=dict)
    reasons: dict[int, tuple[Reason, ...]] = field(default_factory=dict)
    found: Counter[Reason] = field(default_factory=Counter)
    beyond: Counter[Limit] = field(default_factory=Counter)
    verified: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    intended: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def take(self, batch: Sequence[Examined]) -> None:
        readable = [(item, item.picture) for item in batch if item.picture is not None]
        for item in batch:
            if (undecodable := rules.rejects_undecodable(item.problem)) is not None:
                self.found[undecodable.reason] += 1
                self.rejections[item.row] = undecodable
                self.reasons[item.row] = (undecodable.reason,)
        if not readable:
            return
        views = zip(*(item.views for item, _ in readable), strict=True)
        upright, turned = (self.extraction.unpack(rows) for rows in views)
        neighbours = self.reference.neighbours
        apart = neighbours.distances(upright.features)
        near = np.column_stack([
            neighbours.unfamiliarity(apart), neighbours.unfamiliarity(neighbours.distances(turned.features))
        ])  # fmt: skip
        accepted: list[int] = []
        for i, (item, picture) in enumerate(readable):
            classifier = {task: values[i] for task, values in upright.probabilities.items()}
            found = self._of_file(item, picture)
            found += self._beside_photographs(item, picture, near[i], apart[i])
            found += self._of_classes(item, picture, classifier)
            self.found.update({each.reason for each in found})
            verdict = rules.verdict(found, self.thresholds)
            if verdict is not None:
                self.rejections[item.row] = verdict
                self.reasons[item.row] = tuple(sorted({each.reason for each in found}, key=list(Reason).index))
                continue
            accepted.append(i)
            self.seen.add(picture, item.record.source or item.record.image, combination_tag(item.record.labels))
            self.textures.take(picture.texture, glaze_of(item.record.labels, self._taxonomy), item.record.object_id)
        records = [readable[i][0].record for i in accepted]
        tags = [combination_tag(record.labels) for record in records]
        self.features.add(upright.features[accepted], tags, [record.object_id for record in records])

    def _of_file(self, item: Examined, picture: Picture) -> list[Rejection]:
        record, thresholds = item.record, self.thresholds
        asked = (
            rules.rejects_size(picture, thresholds),
            rules.rejects_other_size(picture, record.width_px, record.height_px),
            rules.rejects_transparency(picture),
            rules.rejects_flatness(picture, thresholds),
            rules.rejects_entropy(picture, thresholds),
            rules.rejects_blur(picture, thresholds, self.reference.median_sharpness),
            rules.rejects_combination(record.labels, self._taxonomy),
            rules.rejects_duplicate(picture, thresholds, self.seen, self._alike(item)),
        )
        return [each for each in asked if each is not None]

    def _beside_photographs(self, item: Examined, picture: Picture, near: Float64, apart: Float64) -> list[Rejection]:
        alike = self._alike(item)
        copied = rules.rejects_training_copy(picture, self.thresholds, self.reference.index, alike)
        if copied is None:
            counting = apart if alike is None else np.where(self.reference.tags == alike, apart, np.inf)
            match = self.reference.best_match(picture.grey, counting)
            copied = rules.rejects_detail_of_training(*match, self.reference.copy_detail)
        values = dict(picture.values) | self.reference.scores(picture, item.record.labels, near)
        for limit in self.reference.limits:
            self.beyond[limit] += limit.is_passed_by(values.get(limit.measure.name, float("nan")))
        found = list(rules.beyond_limits(values, self.reference.limits))
        return found if copied is None else [copied, *found]

    def _of_classes(self, item: Examined, picture: Picture, classifier: dict[str, Row]) -> list[Rejection]:
        verifier, labels, verified = self.reference.verifier, item.record.labels, {}
        if verifier is None:
            return []
        for task, code in labels.items():
            if code is None or task not in verifier.taxonomy.task_names:
                continue
            if task in classifier:
                self.intended[task].append(float(classifier[task][verifier.taxonomy.task(task).index(code)]))
            probability = verifier.probability(task, labels, picture, classifier)
            if probability is not None:
                verified[task] = probability
                self.verified[task].append(probability)
        improbable = rules.rejects_improbable_class(verified, labels, self.thresholds)
        return [] if improbable is None else [improbable]

    def _alike(self, item: Examined) -> str | None:
        """The labels that an image has to bear of which this one is a copy; None: any."""
        return combination_tag(item.record.labels) if self.thresholds.copies_share_labels else None

    @property
    def _taxonomy(self) -> Taxonomy | None:
        return self.extraction.extractor.taxonomy
