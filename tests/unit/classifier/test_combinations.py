"""The joint combination, against a search of all of them."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_classifier.answers.combinations import JointSearch

TAXONOMY = load_taxonomy("song-yuan-porcelain").narrowed(["dynasty", "kiln", "glaze"])


def drawn(taxonomy: Taxonomy, seed: int, sharpness: float) -> dict[str, npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    powers = {task.name: np.exp(sharpness * rng.normal(size=len(task.codes))) for task in taxonomy.tasks}
    return {task: values / values.sum() for task, values in powers.items()}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 5))
def test_it_is_the_best_of_all_that_go_together(seed: int, sharpness: float) -> None:
    probabilities = drawn(TAXONOMY, seed, sharpness)
    found = JointSearch(TAXONOMY).best(probabilities)
    assert found is not None
    best = max(
        (
            float(np.prod([probabilities[task.name][i] for task, i in zip(TAXONOMY.tasks, indices, strict=True)]))
            for indices in itertools.product(*(range(len(task.codes)) for task in TAXONOMY.tasks))
            if TAXONOMY.plausible({task.name: task.codes[i] for task, i in zip(TAXONOMY.tasks, indices, strict=True)})
        ),
    )
    assert TAXONOMY.plausible(found.labels)
    assert found.probability == pytest.approx(best)
    alone = {task.name: task.codes[int(probabilities[task.name].argmax())] for task in TAXONOMY.tasks}
    assert found.best_classes_agree == TAXONOMY.plausible(alone)


def test_a_taxonomy_that_says_nothing_of_combinations_has_none() -> None:
    taxonomy = TAXONOMY.model_copy(update={"combinations": ()})
    assert JointSearch(taxonomy).best(drawn(taxonomy, 0, 1)) is None


def test_a_task_that_no_combination_speaks_of_keeps_its_best_class() -> None:
    whole = load_taxonomy("song-yuan-porcelain")
    probabilities = drawn(whole, 3, 2)
    found = JointSearch(whole).best(probabilities)
    assert found is not None
    assert set(found.labels) == set(whole.task_names)
    assert not any("type" in one.labels for one in whole.combinations)
    assert found.labels["type"] == whole.task("type").codes[int(probabilities["type"].argmax())]
