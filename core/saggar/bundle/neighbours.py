"""The training photographs that a network was shown, by its pooled features: what is most like a photograph, and what
the catalogue says of it.

Similarity is the cosine of two pooled features. Real photographs of the training split only, one row each: a
synthetic or varied image shows nothing that a curator could look up. `neighbours.npz` holds

    features          float16 [N, F], each of Euclidean length 1
    labels_<task>     int32 [N], indices of the card's classes, -1 where the catalogue says nothing
    photographs       uint8, UTF-8 JSON: a list of N texts for each of ABOUT, empty where it is not known
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from saggar.certainty.novelty import to_unit_length
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.files.npz import npz_bytes, read_npz
from saggar.store import sha256_of_key

UNKNOWN = -1
ABOUT = ("image", "object_id", "source", "licence", "credit_line", "object_url")  # of every photograph
EXACT_UP_TO = 100_000  # photographs; above, an index answers where there is one and usearch is installed

_IN_MEMORY = 20_000  # photographs whose features are kept as float32: at most 77 MB at 960 features
_CHUNK = 8_192  # photographs compared at once, above that
_MORE = 4  # times the pieces asked for that an index is asked for, since several photographs may be of one piece

Float16 = npt.NDArray[np.float16]
Float32 = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Neighbour:
    """A training photograph that is like the one asked about. `labels` are class codes, None where not known."""

    image: str  # key in the object store of whoever trained
    object_id: str
    labels: Mapping[str, str | None]
    similarity: float  # cosine, -1 to 1
    source: str = ""
    licence: str = ""
    credit_line: str = ""
    object_url: str = ""

    @property
    def sha256(self) -> str:
        """Of the image's bytes; empty where the key names none."""
        return sha256_of_key(self.image) or ""


@dataclass(frozen=True)
class Neighbours:
    """N training photographs. Safe to use from several threads."""

    features: Float16  # [N, F], unit length
    labels: Mapping[str, Labels]  # task -> [N] class index, or UNKNOWN
    about: Mapping[str, Sequence[str]]  # of ABOUT: [N] texts
    index: bytes | None = None  # as `saggar.bundle.neighbour_index` makes it

    def __len__(self) -> int:
        return len(self.features)

    @property
    def objects(self) -> int:
        """How many different pieces the photographs show."""
        return len(set(self.about["object_id"]))

    def nearest(self, features: Float32, codes: Mapping[str, Sequence[str]], count: int = 5) -> list[list[Neighbour]]:
        """For each of pooled features [M, F] the `count` most similar pieces, best first, each by its most similar
        photograph.

        `codes`: the classes of every task, in the card's order. Raises InvalidInputError for features of another
        width.
        """
        if features.ndim != 2 or features.shape[1] != self.features.shape[1]:
            raise InvalidInputError(
                f"features have the shape {list(features.shape)}; these neighbours take [M, {self.features.shape[1]}]"
            )
        if count < 1:
            raise InvalidInputError(f"{count} neighbours; ask for 1 or more")
        asked = to_unit_length(np.asarray(features, np.float32))
        found = (self._best(query, count) for query in asked)
        return [[self._neighbour(row, similarity, codes) for row, similarity in rows] for rows in found]

    def _best(self, query: Float32, count: int) -> list[tuple[int, float]]:
        """(row, similarity) of the most similar pieces of one query [F]."""
        rows, similarity = self._ranked(query, count)
        objects = self.about["object_id"]
        best: dict[str, tuple[int, float]] = {}
        for row, value in zip(rows.tolist(), similarity.tolist(), strict=True):
            # Without an object id every photograph is a piece of its own.
            best.setdefault(objects[row] or f"row {row}", (row, value))
            if len(best) == count:
                break
        return list(best.values())

    def _ranked(self, query: Float32, count: int) -> tuple[npt.NDArray[np.int64], Float32]:
        """Rows by falling similarity: all of them, or those that the index finds."""
        rows = None
        if self.index is not None and len(self) > EXACT_UP_TO:
            from saggar.bundle.neighbour_index import found_rows

            rows = found_rows(self.index, query, min(len(self), _MORE * count))
        if rows is None:
            similarity = self._similarity(query)
            order = np.argsort(-similarity, kind="stable")
            return order, similarity[order]
        similarity = self.features[rows].astype(np.float32) @ query
        order = np.argsort(-similarity, kind="stable")
        return rows[order], similarity[order]

    def _similarity(self, query: Float32) -> Float32:
        if len(self) <= _IN_MEMORY:
            return self._wide @ query
        parts = (self.features[start : start + _CHUNK] for start in range(0, len(self), _CHUNK))
        return np.concatenate([part.astype(np.float32) @ query for part in parts])

    @cached_property
    def _wide(self) -> Float32:
        return self.features.astype(np.float32)

    def _neighbour(self, row: int, similarity: float, codes: Mapping[str, Sequence[str]]) -> Neighbour:
        labels = {
            task: None if indices[row] == UNKNOWN else codes[task][indices[row]]
            for task, indices in self.labels.items()
            if task in codes
        }
        return Neighbour(
            labels=labels, similarity=min(similarity, 1.0), **{name: self.about[name][row] for name in ABOUT}
        )

    def to_bytes(self) -> bytes:
        """As .npz without the index; the same bytes for the same photographs."""
        about = json.dumps({name: list(self.about[name]) for name in ABOUT}, ensure_ascii=False).encode()
        arrays: dict[str, npt.NDArray[Any]] = {"features": self.features, "photographs": np.frombuffer(about, np.uint8)}
        labels = {f"labels_{task}": values.astype(np.int32) for task, values in self.labels.items()}
        return npz_bytes({**arrays, **labels})

    @staticmethod
    def from_bytes(data: bytes, source: str, index: bytes | None = None) -> Neighbours:
        """What `to_bytes` wrote; raises DataCorruptionError when it is anything else."""
        try:
            arrays = read_npz(data)
            features = np.asarray(arrays.pop("features"), np.float16)
            about = json.loads(arrays.pop("photographs").tobytes())
            about = {name: [str(text) for text in about[name]] for name in ABOUT}
            labels = {name.removeprefix("labels_"): np.asarray(values, np.int32) for name, values in arrays.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise DataCorruptionError(
                f"{source}: not neighbours of a bundle ({error}); train the bundle again"
            ) from error
        lengths = {len(features), *(len(texts) for texts in about.values()), *(len(v) for v in labels.values())}
        if features.ndim != 2 or len(lengths) > 1:
            raise DataCorruptionError(
                f"{source}: not neighbours of a bundle (its columns have {sorted(lengths)} rows); train it again"
            )
        return Neighbours(features, labels, about, index)


def make_neighbours(
    features: Float32, labels: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Sequence[str]]
) -> Neighbours:
    """Of pooled features [N, F] of photographs; a photograph that occurs twice is kept once.

    `labels`: class indices [N] by task; `about`: texts [N] for each of ABOUT.
    """
    first = sorted({image: row for row, image in reversed(list(enumerate(about["image"])))}.values())
    return Neighbours(
        to_unit_length(np.asarray(features, np.float32))[first].astype(np.float16),
        {task: np.asarray(indices, np.int32)[first] for task, indices in labels.items()},
        {name: [about[name][row] for row in first] for name in ABOUT},
    )
