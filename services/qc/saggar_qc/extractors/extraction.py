"""Features of images by an extractor, each image once: what was computed lies in the store.

`features/<extractor>/<view>/<aa>/<sha256 of the image file>.npy` holds one row of float32: features, then the
class probabilities of each task in the taxonomy's order.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.errors import AlreadyExistsError, NotFoundError
from saggar.store import ObjectStore

from saggar_qc.extractors.features import Analysis, FeatureExtractor, Prepared
from saggar_qc.measures.distances import SetMeasures, compare
from saggar_qc.measures.featureset import FeatureSet

View = Literal["upright", "turned"]  # turned: upside down
Row = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pending:
    """One view of one image: its row where it was found, else what the network takes."""

    key: str
    row: Row | None
    prepared: Prepared | None


class Extraction:
    """An extractor with the store as its memory. Safe to use from several threads."""

    def __init__(self, store: ObjectStore, extractor: FeatureExtractor, identity: str, batch_size: int = 32) -> None:
        """`identity`: as `choice.identity`, equal for extractors that give equal features; `batch_size`: images
        in one pass of the network.
        """
        about = f"{identity}\n{extractor.preparation}"
        self.extractor = extractor
        self.store = store
        self.batch_size = batch_size
        self._folder = f"features/{hashlib.sha256(about.encode()).hexdigest()[:16]}"

    def begin(self, sha256: str, open_image: Callable[[], Image.Image], view: View) -> Pending:
        """Looks up the view of the image file with this hash; prepares it where it is not there."""
        key = f"{self._folder}/{view}/{sha256[:2]}/{sha256}.npy"
        try:
            return Pending(key, np.load(io.BytesIO(self.store.get(key)), allow_pickle=False), None)
        except NotFoundError:
            image = open_image()
        if view == "turned":
            image = image.transpose(Image.Transpose.ROTATE_180)
        return Pending(key, None, self.extractor.prepare(image))

    def compute(self, pending: Sequence[Pending]) -> dict[str, Row]:
        """Rows that were not found, by key, in one pass of the network."""
        missing = {each.key: each.prepared for each in pending if each.prepared is not None}
        if not missing:
            return {}
        found = self.extractor.analyse(list(missing.values()))
        rows = np.concatenate([found.features, *(found.probabilities[task] for task in self._tasks)], axis=1)
        return dict(zip(missing, rows.astype(np.float32), strict=True))

    def remember(self, key: str, row: Row) -> None:
        """Writes a row; another worker may have been first, or have got it a rounding error apart."""
        out = io.BytesIO()
        np.save(out, row, allow_pickle=False)
        try:
            self.store.put(key, out.getvalue(), "application/octet-stream")
        except AlreadyExistsError:
            return

    def unpack(self, rows: Sequence[Row]) -> Analysis:
        """Rows as features and probabilities."""
        stacked = np.stack(rows)
        taxonomy = self.extractor.taxonomy
        sizes = [len(taxonomy.task(task).classes) for task in self._tasks] if taxonomy else []
        ends = np.cumsum([stacked.shape[1] - sum(sizes), *sizes])
        parts = np.split(stacked, ends[:-1], axis=1)
        return Analysis(parts[0], dict(zip(self._tasks, parts[1:], strict=True)))

    def compare(self, first: FeatureSet, second: FeatureSet, resamples: int) -> SetMeasures:
        """`measures.compare`, with what the features were made by."""
        return compare(
            first,
            second,
            self.extractor.name,
            resamples,
            preparation=self.extractor.preparation,
            resize=self.extractor.resize,
            libraries=", ".join(f"{name} {version(name)}" for name in self.extractor.libraries),
        )

    @property
    def _tasks(self) -> tuple[str, ...]:
        return self.extractor.taxonomy.task_names if self.extractor.taxonomy else ()
