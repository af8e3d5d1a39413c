"""Measuring one set of images against another."""

from __future__ import annotations

import threading

from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError
from saggar.store import ObjectStore

from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.reading import examine
from saggar_qc.measures.distances import SetMeasures
from saggar_qc.measures.featureset import FeatureSet
from saggar_qc.screening.reference import Report


def compare_sets(
    store: ObjectStore,
    first: Manifest,
    second: Manifest,
    extraction: Extraction,
    kid_resamples: int,
    batch_size: int,
    report: Report,
    cancelled: threading.Event,
) -> SetMeasures:
    """Measures all images as they are stored; augmented rows, which name their original, are left out.

    Raises InvalidInputError when a set has fewer than 2 images or one that cannot be decoded, NotFoundError
    for a missing image, CancelledError once `cancelled` is set.
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
        for batch in examine(store, manifest, extraction, ("upright",), batch_size, cancelled):
            if broken := next((item.problem for item in batch if item.problem is not None), None):
                raise InvalidInputError(f"{broken}; screen the set before measuring it")
            features.add(extraction.unpack([item.views[0] for item in batch]).features)
            done += len(batch)
            report("extracting features", done, total)
        collected.append(features)
    report("measuring", 0, 0)
    return extraction.compare(collected[0], collected[1], kid_resamples)
