"""Finished work in the store, found again by its inputs: `results/qc/<hash>.json`, written last."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import Any

from saggar.errors import AlreadyExistsError
from saggar.store import ObjectRef, ObjectStore

from saggar_qc.screening.screen_run import Screened

RULES_VERSION = 5  # raise it whenever the same inputs would give another result
_PARQUET = "application/vnd.apache.parquet"

Result = dict[str, Any]  # JSON


def result_key(kind: str, inputs: Result) -> str:
    """Equal for equal inputs of the same kind of work."""
    text = json.dumps({"kind": kind, "rules": RULES_VERSION, **inputs}, sort_keys=True, allow_nan=False)
    return f"results/qc/{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def find_result(store: ObjectStore, key: str) -> Result | None:
    """The result under `key`, None when there is none yet."""
    return json.loads(store.get(key)) if store.exists(key) else None


def keep_result(store: ObjectStore, key: str, result: Result) -> Result:
    """Stores `result` and returns it; where another replica was first, returns that one's."""
    data = json.dumps(result, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()
    try:
        store.put(key, data, "application/json")
    except AlreadyExistsError:
        kept: Result = json.loads(store.get(key))
        return kept
    return result


def write_rejected(store: ObjectStore, found: Screened) -> ObjectRef:
    """The rejected rows as Parquet, with the columns `reject_reason` and `reject_detail` of the first reason, and
    `reject_reasons`: all of them, with commas.
    """
    rejected, rejections = found.rejected, found.rejections
    frame = rejected.frame.assign(
        reject_reason=[str(rejection.reason) for rejection in rejections],
        reject_detail=[rejection.detail for rejection in rejections],
        reject_reasons=[",".join(reasons) for reasons in found.reasons],
    )
    frame = frame.astype({"reject_reason": "str", "reject_detail": "str", "reject_reasons": "str"})
    data = frame.to_parquet(index=False, compression="zstd")
    identity = hashlib.sha256(data).hexdigest()[:16]
    return store.put(f"datasets/{identity}/rejected.parquet", data, _PARQUET)


def library_versions() -> dict[str, str]:
    """What the numbers were made with."""
    names = (
        "numpy",
        "scipy",
        "scikit-image",
        "scikit-learn",
        "onnxruntime",
        "torch",
        "torch-fidelity",
        "ImageHash",
    )
    return {name: version(name) for name in names}
