"""A trained network into the store, as a bundle: its files, its card, and the page that people read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from saggar.bundle.card import (
    CARD,
    FILES,
    README,
    BundleCard,
    Cost,
    DataNote,
    Measured,
    NeighboursNote,
    ReducedNote,
    TaskScore,
)
from saggar.bundle.golden import Golden
from saggar.bundle.model_card import model_card
from saggar.bundle.neighbours import Neighbours
from saggar.certainty.calibration import Calibration
from saggar.certainty.novelty import NoveltyModel, NoveltyRule
from saggar.certainty.sets import SetRule
from saggar.images import InputSpec
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Certainty:
    """What a bundle says of how sure it is; see `saggar.certainty`."""

    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    prediction_sets: Mapping[str, tuple[SetRule, ...]] = field(default_factory=dict)
    novelty: NoveltyRule | None = None
    novelty_model: NoveltyModel | None = None


@dataclass(frozen=True)
class Companions:
    """What lies beside the network: each may be missing."""

    golden: Golden | None = None
    neighbours: Neighbours | None = None
    reduced: ReducedNote | None = None
    reduced_onnx: bytes | None = None  # where it passed its gate
    data: DataNote | None = None
    validation: Mapping[str, TaskScore] = field(default_factory=dict)
    cost: Cost | None = None
    measured: Measured | None = None


def write_bundle(
    store: ObjectStore,
    onnx: bytes,
    weights: bytes,
    *,
    taxonomy: Taxonomy,
    input_spec: InputSpec,
    architecture: str,
    initial_weights: str,
    warnings: tuple[str, ...] = (),
    not_answered: tuple[str, ...] = (),
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    certainty: Certainty | None = None,
    companions: Companions | None = None,
) -> tuple[str, ObjectRef]:
    """Stores a bundle; returns its id (16 hexadecimal digits) and the reference of its card.

    `onnx` is a model as `saggar.bundle` describes it, `weights` safetensors; `training` and `metrics` are anything
    that JSON takes. What was measured on this machine is on the bundle's page alone, so that equal trainings give
    equal cards; a bundle that is there already stays as it is. Raises as `ObjectStore.put`.
    """
    certainty, companions = certainty or Certainty(), companions or Companions()
    rules = {task: [rule.model_dump(mode="json") for rule in of] for task, of in certainty.prediction_sets.items()}
    neighbours = companions.neighbours
    about: dict[str, Any] = {
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "input_spec": input_spec.to_dict(),
        "architecture": architecture,
        "initial_weights": initial_weights,
        "warnings": list(warnings),
        "not_answered": list(not_answered),
        "calibration": {task: found.model_dump(mode="json") for task, found in certainty.calibration.items()},
        "prediction_sets": rules,
        "novelty": certainty.novelty.model_dump(mode="json") if certainty.novelty else None,
        "neighbours": _note(neighbours).model_dump(mode="json") if neighbours else None,
        "reduced": companions.reduced.model_dump(mode="json") if companions.reduced else None,
        "data": companions.data.model_dump(mode="json") if companions.data else None,
        "validation": {task: score.model_dump(mode="json") for task, score in companions.validation.items()},
        "cost": companions.cost.model_dump(mode="json") if companions.cost else None,
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
        "annotations": dict(annotations or {}),
    }
    files = {
        "onnx": onnx,
        "weights": weights,
        "golden": companions.golden.to_bytes() if companions.golden else None,
        "novelty_model": certainty.novelty_model.to_bytes() if certainty.novelty_model else None,
        "neighbours_file": neighbours.to_bytes() if neighbours else None,
        "neighbours_index": neighbours.index if neighbours else None,
        "reduced_onnx": companions.reduced_onnx,
    }
    contents = {name: data for name, data in files.items() if data is not None}
    hashes = [hashlib.sha256(data).hexdigest() for data in contents.values()]
    bundle_id = hashlib.sha256(_canonical({"files": hashes, "about": about})).hexdigest()[:16]
    folder = f"bundles/{bundle_id}"
    if store.exists(f"{folder}/{CARD}"):
        return bundle_id, store.stat(f"{folder}/{CARD}")
    refs = {name: store.put(f"{folder}/{FILES[name]}", data, OCTETS) for name, data in contents.items()}
    card = BundleCard.model_validate(about | {"bundle_id": bundle_id} | refs)
    if not store.exists(f"{folder}/{README}"):  # of a writer that was interrupted
        store.put(f"{folder}/{README}", model_card(card, companions.measured).encode(), "text/markdown")
    data = _canonical(card.model_dump(mode="json", by_alias=True))
    return bundle_id, store.put(f"{folder}/{CARD}", data, "application/json")


def _note(neighbours: Neighbours) -> NeighboursNote:
    return NeighboursNote(
        photographs=len(neighbours), objects=neighbours.objects, features=neighbours.features.shape[1]
    )


def _canonical(values: Mapping[str, Any]) -> bytes:
    """JSON bytes that are equal for equal values."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
