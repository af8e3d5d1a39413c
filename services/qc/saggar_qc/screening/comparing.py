"""Measuring one set of images against another."""

from __future__ import annotations

from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError
from saggar.progress import Progress, Work

from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.reading import examine
from saggar_qc.measures.distances import SetMeasures
from saggar_qc.measures.featureset import FeatureSet


def compare_sets(
    first: Manifest, second: Manifest, extraction: Extraction, kid_resamples: int, work: Work
) -> SetMeasures:
    """Measures all images as they are stored; augmented rows, which name their original, are left out.

    Raises InvalidInputError when a set has fewer than 2 images or one that cannot be decoded, NotFoundError
    for a missing image, CancelledError once `work.cancelled` is set.
    """
    sets = [manifest.select(origin=("real", "synthetic")) for manifest in (first, second)]
    for name, manifest in zip(("first", "second"), sets, strict=True):
        if len(manifest) < 2:
            raise InvalidInputError(f"the {name} set has {len(manifest)} images; at least 2 are needed to measure it")
    total = sum(len(manifest) for manifest in sets)
    done = 0
    collected: list[FeatureSet] = []
    for manifest in sets:
        features = FeatureSet()
        for batch in examine(manifest, extraction, ("upright",), work.cancelled):
            if broken := next((item.problem for item in batch if item.problem is not None), None):
                raise InvalidInputError(f"{broken}; screen the set before measuring it")
            rows = extraction.unpack([item.views[0] for item in batch]).features
            features.add(rows, objects=[item.record.object_id for item in batch])
            done += len(batch)
            work.report(Progress("extracting features", done, total, "images"))
        collected.append(features)
    work.report(Progress("measuring"))
    return extraction.compare(collected[0], collected[1], kid_resamples)
