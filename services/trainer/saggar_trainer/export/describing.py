"""What a bundle's card says of its data, its scores and its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from saggar.bundle import Cost, DataNote, Golden, Measured, TaskScore
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import SPLITS
from saggar.taxonomy import Taxonomy
from torch.utils.flop_counter import FlopCounterMode

from saggar_trainer.data.rows import UNKNOWN, Indices
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.export.resampling import reaches, tables
from saggar_trainer.export.sessions import processor, timed
from saggar_trainer.model.network import MultiTaskClassifier


def data_note(manifest: Manifest, taxonomy: Taxonomy) -> DataNote:
    """Of all splits; classes and licences of the real training photographs."""
    rows: dict[str, dict[str, int]] = {}
    objects: dict[str, int] = {}
    for split in SPLITS:
        records = list(manifest.select(split=split).records())
        if records:
            rows[split] = dict(sorted(Counter(record.origin for record in records).items()))
            objects[split] = len({record.object_id for record in records})
    real = list(manifest.select(split="train", origin="real").records())
    counts = {task.name: Counter(record.labels.get(task.name) for record in real) for task in taxonomy.tasks}
    return DataNote(
        rows=rows,
        objects=objects,
        classes={task.name: {code: counts[task.name][code] for code in task.codes} for task in taxonomy.tasks},
        licences=dict(sorted(Counter(record.licence or "" for record in real).items())),
    )


def validation_scores(
    logits: Mapping[str, npt.NDArray[np.float32]], truth: Mapping[str, Indices], object_ids: Sequence[str]
) -> dict[str, TaskScore]:
    """Macro-F1 and top-1 per task with a label, with 95 % intervals, within 0 and 1, of a bootstrap over objects."""
    found = {}
    for task, scores in logits.items():
        metrics = task_metrics(truth[task], scores)
        if metrics is None:
            continue
        known = truth[task] != UNKNOWN
        names, objects = np.unique(np.asarray(object_ids, str)[known], return_inverse=True)
        f1, top_1 = reaches(tables(scores[known], truth[task][known], objects, len(names)))
        found[task] = TaskScore(
            objects=len(names), macro_f1=_around(metrics.macro_f1, f1), top_1=_around(metrics.top_1, top_1)
        )
    return found


def _around(score: float, reach: float) -> tuple[float, float, float]:
    return score, max(0.0, score - reach), min(1.0, score + reach)


def cost_of(model: MultiTaskClassifier, size_px: int) -> Cost:
    """Of one image; `model` lies on the CPU, in evaluation mode."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.eval()(torch.zeros(1, 3, size_px, size_px))
    return Cost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        multiply_adds=counter.get_total_flops() // 2,
    )


def measured(onnx: bytes, reduced: bytes | None, golden: Golden) -> Measured:
    """Times on this machine."""
    open_ms, image_ms = timed(onnx, golden.image)
    reduced_open_ms, reduced_image_ms = timed(reduced, golden.image) if reduced else (None, None)
    return Measured(
        processor=processor(),
        open_ms=open_ms,
        image_ms=image_ms,
        reduced_open_ms=reduced_open_ms,
        reduced_image_ms=reduced_image_ms,
    )
