"""The photographs that are shown beside an image: the nearest in an extractor's features."""

from __future__ import annotations

import threading

import numpy as np
from saggar.dataset.manifest import Manifest

from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.reading import examine
from saggar_qc.measures.neighbours import Neighbours, in_blocks
from saggar_qc.review.choosing.plan import NEIGHBOURS


def nearest_photographs(
    manifest: Manifest, photographs: Manifest, extraction: Extraction
) -> dict[str, tuple[str, ...]]:
    """Keys of the nearest photographs by the key of each image of `manifest`, and of each photograph.

    A photograph of the same object is never beside one. Screening leaves its features in the store, so after
    it hardly anything is computed. Raises as `saggar_qc.extractors.reading.examine`.
    """
    keys, objects, rows = _features(photographs, extraction)
    if not keys:
        return {}
    reference = Neighbours(rows, objects)
    found: dict[str, tuple[str, ...]] = {}
    own = np.arange(len(keys))
    for block in in_blocks(len(keys)):
        far = reference.distances(rows[block], own[block])
        found |= _named(keys[block], keys, *reference.nearest(far, 2 * NEIGHBOURS))
    images, _, features = _features(manifest, extraction)
    for block in in_blocks(len(images)):
        far = reference.distances(features[block])
        found |= _named(images[block], keys, *reference.nearest(far, 2 * NEIGHBOURS))
    return found


def _features(manifest: Manifest, extraction: Extraction) -> tuple[list[str], list[str], np.ndarray]:
    """Keys, object ids and features [N, F] of the images that can be decoded."""
    keys, objects, rows = [], [], []
    for batch in examine(manifest, extraction, ("upright",), threading.Event()):
        readable = [item for item in batch if item.problem is None]
        keys += [item.record.image for item in readable]
        objects += [item.record.object_id for item in readable]
        rows += list(extraction.unpack([item.views[0] for item in readable]).features) if readable else []
    return keys, objects, np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _named(
    images: list[str], keys: list[str], positions: np.ndarray, distances: np.ndarray
) -> dict[str, tuple[str, ...]]:
    return {
        image: tuple(keys[at] for at, far in zip(places, apart, strict=True) if np.isfinite(far))
        for image, places, apart in zip(images, positions, distances, strict=True)
    }
