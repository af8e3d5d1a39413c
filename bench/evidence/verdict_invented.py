"""Invented runs for verdicts.py: how easy an object is, what a seed is good at, and noise of single answers.

The s.d. of the three, on the scale of a probit, are chosen so that macro-F1 moves over seeds as the quickstart's
baseline does (.027 to .053 a task).
"""

import numpy as np
from saggar.taxonomy import Taxonomy
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import Predictions

EASE, OF_OBJECTS, OF_SEEDS_AND_CLASSES, OF_ANSWERS = 0.8, 1.5, 0.4, 1.2
TAIL = 0.65  # of 8 classes, each has so many times the objects of the one before
LIKELY_MISTAKE = 0.7  # share of mistakes that go to the object's own likely mistake


def invented_runs(
    taxonomy: Taxonomy, rng: np.random.Generator, runs: int, objects: int, *, of_folds: tuple[float, ...] = ()
) -> list[Trained]:
    """Runs on so many objects, one image each.

    of_folds: for each fold the s.d. of what it is good at, class by class, whatever the seed: it has other training
    photographs. Folds take objects in turn; the second half of the runs, another arm, has luck of its own in each.
    """
    names = tuple(f"{number:06}" for number in range(objects))
    ease = EASE + OF_OBJECTS / np.sqrt(2) * rng.standard_normal(objects)  # shared by all tasks
    true, chances, mistakes = {}, {}, {}
    for task in taxonomy.tasks:
        classes = len(task.codes)
        shares = TAIL ** (np.arange(classes) * 8 / classes)
        true[task.name] = rng.choice(classes, objects, p=shares / shares.sum())
        chances[task.name] = ease + OF_OBJECTS / np.sqrt(2) * rng.standard_normal(objects)
        mistakes[task.name] = (true[task.name] + rng.integers(1, classes, objects)) % classes
    folds = np.arange(objects) % max(1, len(of_folds))
    size = (2, max(1, len(of_folds)), max(len(task.codes) for task in taxonomy.tasks), len(taxonomy.tasks))
    of_arms = np.zeros(size)  # [arm, fold, class, task]
    if of_folds:
        of_arms = np.reshape(of_folds, (1, -1, 1, 1)) * rng.standard_normal(size)
    found = []
    for seed in range(runs):
        arm = int(seed >= runs / 2)
        probabilities = {}
        for number, task in enumerate(taxonomy.tasks):
            classes = len(task.codes)
            luck = of_arms[arm, folds, true[task.name], number]
            luck = luck + OF_SEEDS_AND_CLASSES * rng.standard_normal(classes)[true[task.name]]
            right = chances[task.name] + luck + OF_ANSWERS * rng.standard_normal(objects) > 0
            likely = rng.random(objects) < LIKELY_MISTAKE
            wrong = np.where(likely, mistakes[task.name], rng.integers(0, classes, objects))
            values = 0.1 * rng.random((objects, classes))
            values[np.arange(objects), wrong] += 0.5  # the second choice, where the first is right
            values[np.arange(objects), np.where(right, true[task.name], wrong)] += 1
            probabilities[task.name] = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
        predicted = {task: values.argmax(axis=1) for task, values in probabilities.items()}
        whole = Predictions(names, names, true, predicted, probabilities)
        found += [Trained(seed, _part(whole, folds == fold), fold) for fold in range(max(1, len(of_folds)))]
    return found


def _part(whole: Predictions, rows: np.ndarray) -> Predictions:
    names = tuple(name for name, taken in zip(whole.images, rows, strict=True) if taken)
    values = [
        {task: of[rows] for task, of in column.items()} for column in (whole.true, whole.predicted, whole.probabilities)
    ]
    return Predictions(names, names, *values)
