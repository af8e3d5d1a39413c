"""How an adapter's training went, for results.json: losses and previews, from what the generator kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from saggar.store import ObjectRef, ObjectStore

from saggar_orchestrator.workflow.reuse import Result

_POINTS = 60  # of the training loss: means of as many equal stretches


def adapter_course(store: ObjectStore, adapter: ObjectRef) -> Result:
    """`training` and `validation`: (step, loss) each; `previews`: step, prompt and image (a store key)."""
    card: dict[str, Any] = json.loads(store.read(adapter))
    curve = json.loads(store.read(ObjectRef.from_json(card["curve"]))) if card["curve"] else {}
    return {
        "training": _thinned(curve.get("loss", [])),
        "validation": [[point["step"], point["loss"]] for point in curve.get("validation", ())],
        "previews": [
            {"step": one["step"], "prompt": one["prompt"], "image": one["image"]["key"]} for one in card["previews"]
        ],
    }


def _thinned(losses: list[float]) -> list[list[float]]:
    """Mean losses of stretches of steps, at the last step of each."""
    parts = np.array_split(np.asarray(losses), min(_POINTS, len(losses))) if losses else []
    ends = np.cumsum([len(part) for part in parts])
    return [[int(end), round(float(part.mean()), 6)] for end, part in zip(ends, parts, strict=True)]
