"""An arm's training set: real photographs with accepted images, or with what stands in for them as a control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest
from saggar.dataset.synthetic.control import control
from saggar.dataset.synthetic.mix import mix
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, with_hashes

from saggar_orchestrator.experiment.arms import Control, Synthetic
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.manifests import kept


def mix_arm(
    store: ObjectStore, synthetic: Synthetic, real: ObjectRef, accepted: ObjectRef, share: float | None, seed: int
) -> Result:
    """The arm's training set: real photographs, and accepted images as it asks for, or all there are.

    `share`: of the final training set; None: by count. Accepted images that are nearly the same picture as a
    validation or test photograph are left out. An arm of whose images none were accepted has the real photographs
    alone, and says so in its warnings.
    """
    photographs = read_manifest(store, real)
    generated = with_hashes(store, read_manifest(store, accepted))
    copies = leakage.near_evaluation(generated, photographs)
    generated = generated.take(~copies)
    count = synthetic.count
    if count is None and share is None:  # asked for per target: all that passed
        count = len(generated)
    mixed, reached = mix(photographs, generated, count=count, share=share, seed=seed)
    leakage.check(mixed)
    taken = len(mixed.select(origin="synthetic"))
    asked_none = share == 0
    return {
        "manifest": kept(store, mixed),
        "synthetic": taken,
        "near_evaluation_images": int(copies.sum()),
        "training_images": len(mixed.select(split="train")),
        "share_reached": reached,
        "share_asked": share,
        "count_asked": count,
        "warnings": []
        if taken or asked_none
        else ["no synthetic image was accepted: this arm has the real photographs alone, as the baseline does"],
    }


def control_arm(store: ObjectStore, settings: Control, real: ObjectRef, mixed: ObjectRef, seed: int) -> Result:
    """The control of the arm whose training set is `mixed`."""
    photographs = read_manifest(store, real)
    made, missing = control(photographs, read_manifest(store, mixed).select(origin="synthetic"), settings.by, seed)
    leakage.check(made)
    added = len(made) - len(photographs)
    warnings = []
    if missing:
        warnings.append(
            f"{missing:,} of {missing + added:,} images of arm {settings.of} are of combinations without a training "
            "photograph, so the control has nothing in their place"
        )
    return {
        "manifest": kept(store, made),
        "training_images": len(made.select(split="train")),
        "control_images": added,
        "warnings": warnings,
    }


def choose_share(scores: Mapping[float, Sequence[float]]) -> Result:
    """The smallest share whose mean validation score is within one standard error of the best one's.

    `scores`: of every candidate, one for each tuning seed.
    """
    means = {share: float(np.mean(values)) for share, values in scores.items()}
    errors = {
        share: float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
        for share, values in scores.items()
    }
    best = max(sorted(means), key=lambda share: means[share])
    floor = means[best] - errors[best]
    chosen = min(share for share in means if means[share] >= floor)
    return {
        "share": chosen,
        "candidates": [
            {"share": share, "mean": means[share], "standard_error": errors[share], "scores": list(scores[share])}
            for share in sorted(scores)
        ],
    }


def training_rows(store: ObjectStore, manifest: ObjectRef) -> Manifest:
    """The training split."""
    return read_manifest(store, manifest).select(split="train")
