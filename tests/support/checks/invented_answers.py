"""Answers of invented trainings, for tests of findings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from saggar.taxonomy import Taxonomy
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import Predictions


def taxonomy(classes: dict[str, int]) -> Taxonomy:
    """Tasks of so many classes: c0, c1 and so on."""
    return Taxonomy.model_validate(
        {
            "id": "invented",
            "title": "Invented",
            "caption": [f"{{{next(iter(classes))}}}"],
            "prompt": [f"{{{next(iter(classes))}}}"],
            "tasks": [
                {
                    "name": task,
                    "weight": 1.0,
                    "classes": [
                        {
                            "code": f"c{i}",
                            "names": {"en": f"c{i}", "zh-Hans": f"c{i}", "zh-Hant": f"c{i}"},
                            "phrase": "x",
                        }
                        for i in range(count)
                    ],
                }
                for task, count in classes.items()
            ],
        }
    )


def said(
    true: dict[str, np.ndarray],
    predicted: dict[str, np.ndarray],
    classes: dict[str, int],
    objects: Sequence[str] | None = None,
    first: int = 0,
) -> Predictions:
    """Predictions for images named by number, from `first`; by default each shows an object of its own."""
    n = len(next(iter(true.values())))
    images = tuple(f"images/{first + i:06}.png" for i in range(n))
    rng = np.random.default_rng(n)
    probabilities = {}
    for task, count in classes.items():
        values = rng.random((n, count)) * 0.1
        values[np.arange(n), predicted[task]] += 1
        probabilities[task] = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(images, tuple(objects or images), true, predicted, probabilities)


def arm(
    rng: np.random.Generator,
    true: dict[str, np.ndarray],
    classes: dict[str, int],
    hit: float,
    seeds: int,
    objects: Sequence[str] | None = None,
    luck: float = 0.0,
) -> list[Trained]:
    """A training per seed that is right with probability `hit`, give or take its `luck` (s.d.)."""
    found = []
    for seed in range(seeds):
        own = hit + luck * rng.standard_normal()
        predicted = {
            task: np.where(
                (rng.random(len(values)) < own) & (values >= 0), values, rng.integers(0, classes[task], len(values))
            )
            for task, values in true.items()
        }
        found.append(Trained(seed, said(true, predicted, classes, objects)))
    return found
