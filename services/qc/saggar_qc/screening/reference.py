"""The reference: what real training photographs look like, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError
from saggar.progress import Progress, Work
from saggar.taxonomy import Labels, Taxonomy

from saggar_qc.extractors.extraction import Extraction, Row, View
from saggar_qc.extractors.reading import Examined, examine
from saggar_qc.measures.featureset import FeatureSet, combination_tag
from saggar_qc.measures.neighbours import Neighbours, in_blocks
from saggar_qc.picture.copies import PictureIndex
from saggar_qc.picture.likeness import Likenesses
from saggar_qc.picture.picture import Picture
from saggar_qc.picture.texture import TextureTally
from saggar_qc.picture.turning import Grey, Match, Turned
from saggar_qc.screening.limits import Limit, calibrate
from saggar_qc.screening.verification import Verifier, glaze_of, learn

Float64 = npt.NDArray[np.float64]

CALIBRATION_SIZE = 2_000  # photographs, drawn at random, whose extremes are the limits
_LARGEST_SIDE_PX, _SMALLEST_SIDE_PX = 256, 32  # where pictures are measured
_LEAST_TINT = 0.3  # of Lab
_LEAST_COPY_DETAIL, _MOST_COPY_DETAIL = 0.78, 0.95  # docs/screening.md: turned and cut copies reach 0.81 to 0.98
_COMPARED, _ALIKE = 48, 0.9  # the quantile leaves out photographs of one object that nobody grouped
_BEYOND_USUAL = 0.5  # of the way from the middle to that quantile, once more: two pots may be as much alike
_CANDIDATES = 2, 4  # photographs that a picture is laid over: nearest by features, and by thumbnails
_ON_DISK: Grey = np.empty((0, 0), dtype=np.uint8)
_UNLIKELY_COPY = 1.5  # times the usual distance between photographs; no copy is as far away


@dataclass(frozen=True)
class Reference:
    """Real training photographs: copies are found among them, limits and classes taken from them."""

    side_px: int  # at which pictures were measured
    index: PictureIndex
    median_sharpness: float
    features: FeatureSet
    neighbours: Neighbours
    usual_distance: float  # median, of a photograph from the nearest of another object
    copy_detail: float  # `Match.agreement` at which a picture is a copy
    likenesses: Likenesses
    names: tuple[str, ...]
    tags: npt.NDArray[np.str_]  # [N] `combination_tag` of their labels
    tint: Float64  # [2] median a and b of the grounds
    tint_precision: Float64
    verifier: Verifier | None
    textures: TextureTally
    limits: tuple[Limit, ...]

    def scores(self, picture: Picture, labels: Labels, near: Float64, *, among_them: bool = False) -> dict[str, float]:
        """What can be said of a picture only beside the photographs, by the names of `limits.MEASURES`.

        `near` [2]: how unfamiliar it is, upright and turned by 180 degrees; `among_them`: it is one of the photographs.
        """
        return {
            "unfamiliar": float(near[0]),
            "upside_down": float(near[0] / max(near[1], 1e-6)),
            "ground_cast": _tint_distance(picture, self.tint, self.tint_precision),
            "glaze_distance": self._glaze_distance(labels, picture, among_them=among_them),
        }

    def _glaze_distance(self, labels: Labels, picture: Picture, *, among_them: bool) -> float:
        if self.verifier is None:
            return float("nan")
        return self.verifier.glaze_distance(labels, picture, among_them=among_them)

    def best_match(self, grey: Grey, apart: Float64, own: int | None = None) -> tuple[str, Match]:
        """The photograph of which a picture could be a part, by name, and how it lies on it.

        `apart` [N]: distances of its features from the photographs'; infinite for those that do not count. `own`: its
        position where it is one of the photographs.
        """
        by_features, by_thumbnails = _CANDIDATES
        order = np.argsort(apart, kind="stable")[:by_features]
        places = [int(at) for at in order if apart[at] <= self._copies_within]
        places += [at for at in self.likenesses.nearest(grey, by_thumbnails + (own is not None)) if at not in places]
        turned, best = Turned(grey), ("", Match())
        for position in places:
            if not np.isfinite(apart[position]):
                continue
            match = turned.match(self.likenesses[position])
            if match.agreement > best[1].agreement:
                best = (self.names[position], match)
        return best

    def usual_match(self, apart: Float64, positions: npt.NDArray[np.intp]) -> float:
        """The match at which a picture is a copy: more than these photographs match those of other objects.

        `apart` [M, N]: distances of the photographs at `positions` [M]. Plain pots of one shape are more alike than
        painted ones.
        """
        matches = [
            self.best_match(self.likenesses[int(at)], row, int(at))[1].agreement
            for at, row in zip(positions, apart, strict=True)
        ]
        middle, high = np.quantile(matches, (0.5, _ALIKE)) if matches else (0.0, 0.0)
        usual = float(high + _BEYOND_USUAL * (high - middle))
        return min(max(usual, _LEAST_COPY_DETAIL), _MOST_COPY_DETAIL)

    @property
    def _copies_within(self) -> float:
        return _UNLIKELY_COPY * self.usual_distance


def training_photographs(manifest: Manifest) -> Manifest:
    """The rows that may serve as reference: real, of the training split or not split yet, each image once.

    Raises InvalidInputError when there is none.
    """
    frame = manifest.frame
    keep = (frame["origin"] == "real") & (frame["split"].isna() | (frame["split"] == "train"))
    keep &= ~frame["image"].duplicated()
    chosen = manifest.take(keep.to_numpy(dtype=np.bool_))
    if not len(chosen):
        raise InvalidInputError(
            f"the reference has {len(manifest)} rows, none of them a real photograph of the training split; "
            "name the manifest of the split data set"
        )
    return chosen


def comparison_side_px(manifest: Manifest) -> int:
    """Shorter side at which pictures are measured: the generated images' own (median), within bounds.

    Photographs are usually larger than generated images, and sharpness depends on scale.
    """
    sides = manifest.frame[["width_px", "height_px"]].min(axis=1)
    known = sides[sides > 0]
    if known.empty:
        return _LARGEST_SIDE_PX
    return int(np.clip(known.median(), _SMALLEST_SIDE_PX, _LARGEST_SIDE_PX))


def study(photographs: Manifest, extraction: Extraction, side_px: int, trimmed_share: float, work: Work) -> Reference:
    """Reads every photograph once. InvalidInputError for one that cannot be decoded, else as `examine`."""
    notes = _Notes()
    views: tuple[View, ...] = ("upright", "turned")
    for batch in examine(photographs, extraction, views, work.cancelled, side_px):
        if broken := next((item.problem for item in batch if item.problem is not None), None):
            raise InvalidInputError(f"reference photograph {broken}")
        upright, turned = (extraction.unpack(rows).features for rows in zip(*(i.views for i in batch), strict=True))
        notes.take(batch, upright, turned)
        work.report(Progress("reading reference", notes.features.count, len(photographs), "images"))
    return notes.conclude(extraction, side_px, trimmed_share)


class _Notes:
    """What is kept of each photograph: hashes, numbers, and features in half precision."""

    def __init__(self) -> None:
        self.index, self.features, self.likenesses = PictureIndex(), FeatureSet(), Likenesses()
        self._records: list[Record] = []
        self._pictures: list[Picture] = []
        self._upright: list[npt.NDArray[np.float16]] = []
        self._turned: list[npt.NDArray[np.float16]] = []

    def take(self, batch: Sequence[Examined], upright: Row, turned: Row) -> None:
        tags = [combination_tag(item.record.labels) for item in batch]
        self.features.add(upright, tags, [item.record.object_id for item in batch])
        for item in batch:
            if item.picture is not None:
                name = f"training image {item.record.source or item.record.image}"
                self.index.add(item.picture, name, combination_tag(item.record.labels))
                self._records.append(item.record)
                self.likenesses.add(item.picture.grey)
                self._pictures.append(replace(item.picture, grey=_ON_DISK))
        self._upright.append(upright.astype(np.float16))
        self._turned.append(turned.astype(np.float16))

    def conclude(self, extraction: Extraction, side_px: int, trimmed_share: float) -> Reference:
        objects = [record.object_id for record in self._records]
        upright, turned = np.concatenate(self._upright), np.concatenate(self._turned)
        neighbours = Neighbours(upright, objects)
        taxonomy = extraction.extractor.taxonomy
        random = np.random.default_rng(0)
        drawn = random.permutation(len(objects))[:CALIBRATION_SIZE]
        distances = neighbours.distance_to_others(drawn)
        finite = distances[np.isfinite(distances)]
        tint, tint_precision = _tints(self._pictures)
        known = Reference(
            side_px=side_px,
            index=self.index,
            median_sharpness=float(np.median([p.values["sharpness"] for p in self._pictures])),
            features=self.features,
            neighbours=neighbours,
            usual_distance=float(np.median(finite)) if len(finite) else 0.0,
            copy_detail=1.0,
            likenesses=self.likenesses,
            names=tuple(record.source or record.image for record in self._records),
            tags=np.array([combination_tag(record.labels) for record in self._records]),
            tint=tint,
            tint_precision=tint_precision,
            verifier=None if taxonomy is None else self._verifier(taxonomy),
            textures=self._textures(taxonomy),
            limits=(),
        )
        compared = drawn[:_COMPARED]
        apart = neighbours.distances(upright[compared].astype(np.float32), compared)
        known = replace(known, copy_detail=known.usual_match(apart, compared))
        near = np.column_stack([
            np.concatenate([
                neighbours.unfamiliarity(neighbours.distances(features[drawn[rows]].astype(np.float32), drawn[rows]))
                for rows in in_blocks(len(drawn))
            ])
            for features in (upright, turned)
        ])  # fmt: skip
        values = [
            dict(self._pictures[i].values)
            | known.scores(self._pictures[i], self._records[i].labels, row, among_them=True)
            for i, row in zip(drawn, near, strict=True)
        ]
        names = {name for each in values for name in each}
        columns = {name: np.array([each.get(name, np.nan) for each in values]) for name in names}
        return replace(known, limits=calibrate(columns, trimmed_share))

    def _verifier(self, taxonomy: Taxonomy) -> Verifier:
        return learn(
            taxonomy,
            [record.labels for record in self._records],
            [picture.colour for picture in self._pictures],
            [picture.form for picture in self._pictures],
        )

    def _textures(self, taxonomy: Taxonomy | None) -> TextureTally:
        tally = TextureTally()
        for record, picture in zip(self._records, self._pictures, strict=True):
            tally.take(picture.texture, glaze_of(record.labels, taxonomy), record.object_id)
        return tally


def _tints(pictures: Sequence[Picture]) -> tuple[Float64, Float64]:
    """[2] median tint (a, b) of the grounds and [2, 2] inverse covariance, of those that are not far out."""
    tints = np.array(
        [(p.values["ground_red"], p.values["ground_yellow"]) for p in pictures if "ground_red" in p.values]
    ).reshape(-1, 2)
    if len(tints) < 2:
        return np.zeros(2), np.eye(2)
    middle = np.median(tints, axis=0)
    spread = 1.4826 * np.median(np.abs(tints - middle), axis=0) + _LEAST_TINT
    usual = tints[(np.abs(tints - middle) < 6 * spread).all(axis=1)]
    covariance: Float64 = np.cov(usual.T).astype(np.float64) + _LEAST_TINT * np.eye(2)
    precision: Float64 = np.linalg.inv(covariance).astype(np.float64)
    return middle.astype(np.float64), precision


def _tint_distance(picture: Picture, tint: Float64, precision: Float64) -> float:
    if "ground_red" not in picture.values:
        return float("nan")
    offset = np.array([picture.values["ground_red"], picture.values["ground_yellow"]]) - tint
    return float(np.sqrt(offset @ precision @ offset))
