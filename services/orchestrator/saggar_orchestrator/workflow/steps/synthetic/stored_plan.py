"""The plan of synthetic images as the store keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from saggar.dataset.synthetic.plan import PlannedImage
from saggar.store import ObjectRef, ObjectStore

from saggar_orchestrator.workflow.steps.synthetic.targets import LabelPair, Labels


@dataclass(frozen=True)
class StoredPlan:
    """All synthetic images that any arm asks for, and which of them each arm takes."""

    combinations: tuple[Labels, ...]
    pairs: tuple[LabelPair, ...]
    images: tuple[PlannedImage, ...]
    arms: Mapping[str, tuple[str, ...]]  # arm name -> prompt ids
    wanted: Mapping[str, int]  # arm name -> accepted images that it asks for


def write_plan(store: ObjectStore, plan: StoredPlan) -> ObjectRef:
    values = {
        "combinations": plan.combinations,
        "pairs": plan.pairs,
        "images": [planned_to_json(image) for image in plan.images],
        "arms": {name: list(ids) for name, ids in plan.arms.items()},
        "wanted": dict(plan.wanted),
    }
    data = json.dumps(values, ensure_ascii=False, indent=1).encode()
    return store.put(f"plans/{hashlib.sha256(data).hexdigest()[:16]}.json", data, "application/json")


def read_plan(store: ObjectStore, reference: ObjectRef) -> StoredPlan:
    values = json.loads(store.read(reference))
    return StoredPlan(
        combinations=tuple(values["combinations"]),
        pairs=tuple((first, second) for first, second in values["pairs"]),
        images=tuple(planned_from_json(image) for image in values["images"]),
        arms={name: tuple(ids) for name, ids in values["arms"].items()},
        wanted=values["wanted"],
    )


def planned_to_json(image: PlannedImage) -> dict[str, Any]:
    return asdict(image)


def planned_from_json(values: Mapping[str, Any]) -> PlannedImage:
    lists = {name: tuple(values.get(name, ())) for name in ("forms", "glazes")}
    return PlannedImage(**{**values, **lists})
