"""Answers to photographs that a network's heads have learnt from, by heads that have not seen them.

They are kept beside the bundle, so that a validation split that taught the heads can still be scored.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from saggar.bundle import BundleCard
from saggar.store import ObjectRef, ObjectStore

from saggar_trainer import results
from saggar_trainer.data.rows import Indices
from saggar_trainer.evidence.metrics import task_metrics

WHERE_UNSEEN = "unseen_answers"  # of the card: where they are
FOLDER = "unseen"

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class UnseenAnswers:
    """Of N photographs: store keys, objects, labels by task [N], and logits by task [N, C]."""

    images: tuple[str, ...]
    object_ids: tuple[str, ...]
    labels: Mapping[str, Indices]
    logits: Mapping[str, Float32]

    def first(self, count: int) -> UnseenAnswers:
        """Those of the first `count` photographs."""
        return self.take(np.arange(len(self.images)) < count)

    def take(self, rows: npt.NDArray[np.bool_]) -> UnseenAnswers:
        """Those where `rows` [N] is true."""
        kept = np.flatnonzero(rows).tolist()
        return UnseenAnswers(
            tuple(self.images[row] for row in kept),
            tuple(self.object_ids[row] for row in kept),
            {task: values[rows] for task, values in self.labels.items()},
            {task: values[rows] for task, values in self.logits.items()},
        )

    def macro_f1(self) -> dict[str, float]:
        """By task, where a label is known."""
        scores = {task: task_metrics(self.labels[task], logits) for task, logits in self.logits.items()}
        return {task: found.macro_f1 for task, found in scores.items() if found is not None}

    def keep(self, store: ObjectStore) -> ObjectRef:
        """Written to `store`, for `answered`."""
        columns = {f"logits_{task}": list(values) for task, values in self.logits.items()}
        buffer = io.BytesIO()
        pd.DataFrame({"image": self.images, **columns}).to_parquet(buffer, index=False)
        return results.put_by_content(store, FOLDER, buffer.getvalue(), ".parquet", "application/vnd.apache.parquet")


def answered(
    card: BundleCard, store: ObjectStore, images: tuple[str, ...], probabilities: Mapping[str, Float32]
) -> dict[str, Float32]:
    """`probabilities` by task [N, C] of `images`, those that the heads have learnt from by heads that have not.

    Raises NotFoundError when the card names answers that are not in the store.
    """
    found = {task: values.copy() for task, values in probabilities.items()}
    if WHERE_UNSEEN not in card.metrics:
        return found
    kept = pd.read_parquet(io.BytesIO(store.get(ObjectRef.from_json(card.metrics[WHERE_UNSEEN]).key)))
    place = {image: row for row, image in enumerate(kept["image"])}
    rows = [(row, place[image]) for row, image in enumerate(images) if image in place]
    for task, values in found.items():
        logits = np.stack(list(kept[f"logits_{task}"])).astype(np.float32)
        unseen = card.probabilities(task, logits)
        for row, other in rows:
            values[row] = unseen[other]
    return found
