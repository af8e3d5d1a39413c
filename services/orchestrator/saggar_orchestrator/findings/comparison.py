"""Arms against the baseline: differences, how sure they are, and the verdict on each.

A report has a row for every arm and task, and one for every arm's mean over tasks. Verdicts are given on macro-F1, all
rows of a report together: under `level` (0.05) is the chance that any row of a report says "helped" or "made worse" of
an arm that is no different (Holm 1979, doi:10.2307/4615733). How sure a difference is: `variance_of_difference`. A
single training has luck that no number of test objects shows, so fewer than three seeds get no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from saggar.describing import power as of_counts
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.answers import Answers, check_same_test
from saggar_orchestrator.findings.statistics.counting import accuracy_without, count, macro_f1_without
from saggar_orchestrator.findings.statistics.seed_tests import (
    Discordant,
    SignFlip,
    discordant,
    share_of_better,
    sign_flip,
)
from saggar_orchestrator.findings.statistics.variance_of_difference import (
    LEAST_OBJECTS,
    LEAST_SEEDS,
    Needs,
    Scored,
    Variance,
    needs,
    quantile,
    smallest_difference,
    tail,
    variance_of_difference,
)

MEAN = "mean"
Score = Literal["macro_f1", "accuracy"]
SCORES: tuple[Score, ...] = ("macro_f1", "accuracy")

# helped, worse: the difference is there. same: it is smaller than the margin. unclear: the data cannot tell.
Verdict = Literal["helped", "worse", "same", "unclear"]


@dataclass(frozen=True)
class Rules:
    """What verdicts keep to."""

    level: float = 0.05  # chance of any false "helped" or "made worse" in a report; and of any false "no difference"
    power: float = 0.8  # with which a difference is to be found, where more objects or seeds are asked for
    margin: float = 0.02  # differences of macro-F1 below it are called none; the paper's gain in the mean is 0.015


@dataclass(frozen=True)
class Difference:
    """Arm less baseline of one score, means over seeds; with fewer than LEAST_SEEDS no more is known."""

    mean: float
    low: float | None  # 95 % interval over test objects, seeds and folds
    high: float | None
    variance: Variance | None


@dataclass(frozen=True)
class Row:
    """One line of a report: an arm against the baseline in one task, or in the mean over tasks (`mean`)."""

    arm: str
    task: str
    objects: int  # with a known label
    macro_f1: Difference
    accuracy: Difference
    identical: bool  # every answer is the baseline's
    share_of_better: float  # P(A > B): of all pairs of a training of each, those with the higher macro-F1 (ties: half)
    sign_flip: SignFlip | None  # None: the arms' seeds are not the same
    discordant: tuple[Discordant, ...]  # per seed, of single tasks
    disagreement: float | None  # share of objects that one of the two gets right and the other wrong, mean over seeds
    smallest_accuracy_difference: float | None  # that so many objects with this disagreement show, of one training
    p: float | None  # of no difference in macro-F1
    p_adjusted: float | None  # Holm, over all rows of the report
    p_same_adjusted: float | None  # of a difference of the margin or more; Holm, over all rows
    smallest_difference: float | None  # of macro-F1, that this experiment finds with the rules' power
    needs: Needs | None  # of unclear rows
    verdict: Verdict


def compare(
    taxonomy: Taxonomy, arms: Sequence[Answers], baseline: Answers, rules: Rules | None = None
) -> tuple[Row, ...]:
    """Every row of the report on `arms`: for each arm a row per task with labelled test objects, then the mean.

    Raises DataCorruptionError when arms were evaluated on different test images.
    """
    rules = rules or Rules()
    tasks = {task.name: len(task.codes) for task in taxonomy.tasks if (baseline.true[task.name] >= 0).any()}
    rows: list[Row] = []
    against = _scored(baseline, tasks) if arms else {}
    for arm in arms:
        check_same_test(arm, baseline)
        own = _scored(arm, tasks)
        rows += [_row(arm, baseline, own[name], against[name], name, rules) for name in (*tasks, MEAN) if name in own]
    return _judged(rows, len(baseline.seeds), rules)


def _scored(answers: Answers, tasks: Mapping[str, int]) -> dict[str, dict[Score, Scored]]:
    """Per task, and `mean` over tasks, the scores of every seed."""
    of = answers.objects
    size = answers.object_count
    found: dict[str, dict[Score, Scored]] = {}
    for task, classes in tasks.items():
        true = answers.true[task]
        labelled = np.bincount(of[true >= 0], minlength=size) > 0
        counts = [count(true, said, classes) for said in answers.predicted[task]]
        found[task] = {
            "macro_f1": Scored(
                np.array([one.macro_f1 for one in counts]),
                np.stack([macro_f1_without(true, said, classes, of) for said in answers.predicted[task]]),
                labelled,
            ),
            "accuracy": Scored(
                np.array([one.accuracy for one in counts]),
                np.stack([accuracy_without(true, said, of) for said in answers.predicted[task]]),
                labelled,
            ),
        }
    if found:
        found[MEAN] = {
            score: Scored(
                np.mean([one[score].scores for one in found.values()], axis=0),
                np.mean([one[score].without for one in found.values()], axis=0),
                np.any([one[score].labelled for one in found.values()], axis=0),
            )
            for score in SCORES
        }
    return found


def _row(
    arm: Answers,
    baseline: Answers,
    own: Mapping[Score, Scored],
    against: Mapping[Score, Scored],
    task: str,
    rules: Rules,
) -> Row:
    folds = arm.folds_of_objects
    macro_f1, accuracy = (difference(own[score], against[score], folds) for score in SCORES)
    tasks = [task] if task != MEAN else list(arm.true)
    paired = arm.seeds == baseline.seeds
    objects = int(own["macro_f1"].labelled.sum())
    found = _discordant(arm, baseline, task) if paired and task != MEAN else ()
    shares = [(one.arm_only + one.baseline_only) / objects for one in found]
    disagreement = float(np.mean(shares)) if shares else None
    return Row(
        arm=arm.arm,
        task=task,
        objects=objects,
        macro_f1=macro_f1,
        accuracy=accuracy,
        identical=paired and all(np.array_equal(arm.predicted[t], baseline.predicted[t]) for t in tasks),
        share_of_better=share_of_better(own["macro_f1"].scores, against["macro_f1"].scores),
        sign_flip=sign_flip(own["macro_f1"].scores - against["macro_f1"].scores) if paired else None,
        discordant=found,
        disagreement=disagreement,
        smallest_accuracy_difference=of_counts.smallest_difference(objects, disagreement) if disagreement else None,
        p=_p_of_none(macro_f1, objects),
        p_adjusted=None,
        p_same_adjusted=_p_of_margin(macro_f1, objects, rules.margin),
        smallest_difference=None,
        needs=None,
        verdict="unclear",
    )


def difference(own: Scored, against: Scored, folds: np.ndarray) -> Difference:
    """Arm less baseline; folds: [G] the fold of each object. With fewer than LEAST_SEEDS seeds it has no interval."""
    mean = float(own.scores.mean() - against.scores.mean())
    if min(len(own.scores), len(against.scores)) < LEAST_SEEDS:
        return Difference(mean, None, None, None)
    variance = variance_of_difference(own, against, folds)
    half = variance.standard_error * quantile(0.975, variance.freedom)
    return Difference(mean, mean - half, mean + half, variance)


def _discordant(arm: Answers, baseline: Answers, task: str) -> tuple[Discordant, ...]:
    return tuple(
        discordant(seed, arm.true[task], ours, theirs, arm.objects)
        for seed, ours, theirs in zip(arm.seeds, arm.predicted[task], baseline.predicted[task], strict=True)
    )


def _p_of_none(difference: Difference, objects: int) -> float | None:
    """Two-sided, of no difference; 1 where nothing differs."""
    variance = difference.variance
    if variance is None or objects < LEAST_OBJECTS:
        return None
    if variance.total == 0:
        return 1.0 if difference.mean == 0 else 0.0
    return 2 * tail(abs(difference.mean) / variance.standard_error, variance.freedom)


def _p_of_margin(difference: Difference, objects: int, margin: float) -> float | None:
    """One-sided, of a difference as large as the margin in the direction that is the harder to rule out."""
    variance = difference.variance
    if variance is None or objects < LEAST_OBJECTS:
        return None
    room = margin - abs(difference.mean)
    if variance.total == 0:
        return 0.0 if room > 0 else 1.0
    return tail(room / variance.standard_error, variance.freedom)


def _judged(rows: Sequence[Row], seeds: int, rules: Rules) -> tuple[Row, ...]:
    """The rows with p values adjusted for one another, and their verdicts."""
    different = _holm([row.p for row in rows])
    same = _holm([row.p_same_adjusted for row in rows])
    level = rules.level / max(1, len(rows))  # what the first row that Holm's procedure looks at has to meet
    judged = []
    for row, p, p_same in zip(rows, different, same, strict=True):
        verdict: Verdict = "unclear"
        if row.identical:
            verdict = "same"
        elif p is not None and p <= rules.level:
            verdict = "helped" if row.macro_f1.mean > 0 else "worse"
        elif p_same is not None and p_same <= rules.level:
            verdict = "same"
        variance = row.macro_f1.variance
        wanted = None
        if verdict == "unclear" and variance is not None:
            target = max(abs(row.macro_f1.mean), rules.margin)
            wanted = needs(variance, seeds, target, level, rules.power)
        judged.append(
            replace(
                row,
                p_adjusted=p,
                p_same_adjusted=p_same,
                smallest_difference=smallest_difference(variance, level, rules.power) if variance else None,
                needs=wanted,
                verdict=verdict,
            )
        )
    return tuple(judged)


def _holm(values: Sequence[float | None]) -> list[float | None]:
    """Adjusted for one another; None stays None and is no comparison."""
    given = [value for value in values if value is not None]
    if not given:
        return list(values)
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    adjusted = iter(multipletests(given, method="holm")[1].tolist())
    return [None if value is None else float(next(adjusted)) for value in values]
