"""The reference: what real training photographs look like, in numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError
from saggar.store import ObjectStore

from saggar_qc.copies import PictureIndex
from saggar_qc.features import FeatureExtractor
from saggar_qc.featureset import FeatureSet
from saggar_qc.reading import examine

Report = Callable[[str, int, int], None]  # stage, images done, images in all

_LARGEST_SIDE_PX, _SMALLEST_SIDE_PX = 256, 32  # where sharpness is compared


@dataclass(frozen=True)
class Reference:
    """Real training photographs: hashes, median sharpness, and features."""

    index: PictureIndex
    median_sharpness: float
    features: FeatureSet


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
    """Shorter side at which sharpness is compared: the generated images' own (median), within bounds.

    Photographs are usually larger than generated images, and sharpness depends on scale.
    """
    sides = manifest.frame[["width_px", "height_px"]].min(axis=1)
    known = sides[sides > 0]
    if known.empty:
        return _LARGEST_SIDE_PX
    return int(np.clip(known.median(), _SMALLEST_SIDE_PX, _LARGEST_SIDE_PX))


def study(
    store: ObjectStore,
    photographs: Manifest,
    extractor: FeatureExtractor,
    sharpness_side_px: int,
    batch_size: int,
    report: Report,
    cancelled: threading.Event,
) -> Reference:
    """Reads every photograph once. InvalidInputError for one that cannot be decoded, else as `examine`."""
    index, features = PictureIndex(), FeatureSet()
    sharpness: list[float] = []
    for batch in examine(store, photographs, extractor, sharpness_side_px, batch_size, cancelled):
        prepared = []
        for item in batch:
            if item.picture is None or item.prepared is None:
                raise InvalidInputError(f"reference photograph {item.problem}")
            index.add(item.picture, item.record.source or item.record.image)
            sharpness.append(item.picture.sharpness)
            prepared.append(item.prepared)
        features.add(extractor.analyse(prepared).features)
        report("reading reference", features.count, len(photographs))
    return Reference(index, float(np.median(sharpness)), features)
