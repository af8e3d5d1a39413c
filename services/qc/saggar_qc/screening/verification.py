"""Whether an image shows what it is meant to show: colour and form beside the classifier's word.

The baseline classifier is sure of itself, most of all where it is wrong. So its probability, which never
counts as more than 99 %, is joined (geometric mean) with that of a linear discriminant on what can be
measured of the object: its colour for glazes, its outline for types, both for the rest. An image is
improbable where neither finds the intended class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Labels, Task, Taxonomy

from saggar_qc.picture.picture import Picture

LEAST_OF_CLASS = 5  # photographs; of fewer a class has no shape
_SHRINKAGE = 0.2
_TRUST = 0.99  # in the classifier
_FLOOR = 1e-6

Float64 = npt.NDArray[np.float64]
Described = npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Verifier:
    """What the classes of each task look like, by the reference photographs."""

    taxonomy: Taxonomy
    discriminants: Mapping[str, Any]  # task -> fitted LinearDiscriminantAnalysis over class codes
    surface_task: str | None
    glazes: Mapping[str, tuple[Float64, int]]  # mean colour and photographs by class of the surface task
    precision: Float64  # inverse of the covariance within glazes

    def probability(
        self, task: str, labels: Labels, picture: Picture, classifier: Mapping[str, npt.NDArray[np.float32]]
    ) -> float | None:
        """Of the intended class, 0 to 1; None where it cannot be verified."""
        code = labels.get(task)
        words = [
            word
            for word in (self._by_classifier(task, classifier), self._by_measures(task, picture))
            if word is not None
        ]
        if code is None or not words:
            return None
        index = self.taxonomy.task(task).index(code)
        words = [word for word in words if np.isfinite(word[index])]
        if not words:
            return None
        joined = np.exp(np.mean([np.log(np.maximum(word, _FLOOR)) for word in words], axis=0))
        joined = np.nan_to_num(joined)
        return float(joined[index] / joined.sum())

    def glaze_distance(self, labels: Labels, picture: Picture, *, among_them: bool = False) -> float:
        """Mahalanobis distance of the object's colour from its glaze's photographs; NaN where unknown.

        `among_them`: the picture is one of these, and is left out of their mean.
        """
        code = labels.get(self.surface_task) if self.surface_task else None
        if code is None or code not in self.glazes or picture.colour is None:
            return float("nan")
        mean, count = self.glazes[code]
        offset = (picture.colour - mean) * (count / (count - 1) if among_them else 1.0)
        return float(np.sqrt(offset @ self.precision @ offset))

    def _by_classifier(self, task: str, classifier: Mapping[str, npt.NDArray[np.float32]]) -> Float64 | None:
        if task not in classifier:
            return None
        values = classifier[task].astype(np.float64)
        return _TRUST * values + (1 - _TRUST) / len(values)

    def _by_measures(self, task: str, picture: Picture) -> Float64 | None:
        """[C]; NaN for classes with too few photographs."""
        described = _described(self.taxonomy.task(task), picture.colour, picture.form)
        if task not in self.discriminants or described is None:
            return None
        model = self.discriminants[task]
        found = np.full(len(self.taxonomy.task(task).classes), np.nan)
        for code, value in zip(model.classes_, model.predict_proba(described[None])[0], strict=True):
            found[self.taxonomy.task(task).index(str(code))] = value
        return found


def learn(
    taxonomy: Taxonomy, labels: Sequence[Labels], colours: Sequence[Described], forms: Sequence[Described]
) -> Verifier:
    """From labels, colour and form of the reference photographs; None where nothing stands out."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # type: ignore[import-untyped]

    discriminants: dict[str, Any] = {}
    glazes: dict[str, tuple[Float64, int]] = {}
    precision: Float64 = np.eye(1)
    surface = taxonomy.first_told_by("surface")
    for task in taxonomy.tasks:
        described = [_described(task, *pair) for pair in zip(colours, forms, strict=True)]
        rows, codes = _examples([each.get(task.name) for each in labels], described)
        if len(set(codes)) < 2:
            continue
        count = len(set(codes))
        model = LinearDiscriminantAnalysis("lsqr", shrinkage=_SHRINKAGE, priors=np.full(count, 1 / count))
        discriminants[task.name] = model.fit(rows, codes)
        if task.name == surface:
            glazes = {str(code): (rows[codes == code].mean(axis=0), int((codes == code).sum())) for code in set(codes)}
            within = rows - np.array([glazes[code][0] for code in codes])
            covariance = within.T @ within / max(1, len(rows) - len(glazes))
            covariance += _SHRINKAGE * np.diag(np.diag(covariance)) + 0.25 * np.eye(len(covariance))
            precision = np.linalg.inv(covariance)
    return Verifier(taxonomy, discriminants, surface, glazes, precision)


def glaze_of(labels: Labels, taxonomy: Taxonomy | None) -> str | None:
    """The label of the task whose classes differ in surface; without a taxonomy, of the task called glaze."""
    task = "glaze" if taxonomy is None else taxonomy.first_told_by("surface")
    return None if task is None else labels.get(task)


def _examples(codes: Sequence[str | None], described: Sequence[Described]) -> tuple[Float64, npt.NDArray[Any]]:
    known = [(row, code) for row, code in zip(described, codes, strict=True) if row is not None and code is not None]
    counts = Counter(code for _, code in known)
    known = [(row, code) for row, code in known if counts[code] >= LEAST_OF_CLASS]
    return np.array([row for row, _ in known], dtype=np.float64), np.array([code for _, code in known])


def _described(task: Task, colour: Described, form: Described) -> Described:
    if colour is None or form is None:
        return None
    match task.told_by:
        case "surface":
            return colour
        case "form":
            return form
        case _:
            return np.concatenate([colour, form])
