"""All findings of an experiment, as plain values for results.json: the only place where they are put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.answers import Answers, Trained, bring_together
from saggar_orchestrator.findings.comparison import Difference, Row, Rules, compare
from saggar_orchestrator.findings.details import group_differences, named_confusions
from saggar_orchestrator.findings.scores import TrainingCounts, arm_scores
from saggar_orchestrator.findings.statistics.variance_of_difference import Variance


@dataclass(frozen=True)
class Findings:
    """`evidence`: what verdicts rest on and keep to; `arms`: by name, the scores of each, and what tells it from the
    baseline (`differences`, `groups`, `confusions`) unless it is the baseline over again, in the order of the arms.
    """

    evidence: dict[str, Any]
    arms: dict[str, dict[str, Any]]


def find(
    taxonomy: Taxonomy,
    arms: Mapping[str, Sequence[Trained]],
    baseline: str,
    training: TrainingCounts,
    rules: Rules | None = None,
    *,
    nothing_added: Collection[str] = (),
) -> Findings:
    """Scores of all arms, and of every arm but the baseline its differences to it.

    `nothing_added`: arms that were to have more images than the baseline, and got none. Where such an arm answers as
    the baseline does, nothing was compared: it has no differences, and is no row for others to be corrected for.

    Raises DataCorruptionError when trainings do not answer for the same test images.
    """
    rules = rules or Rules()
    answers = {name: bring_together(name, trained) for name, trained in arms.items()}
    against = answers[baseline]
    unused = {name for name in nothing_added if _repeats(answers[name], against)}
    others = [one for name, one in answers.items() if name != baseline and name not in unused]
    rows = compare(taxonomy, others, against, rules)
    found = {name: arm_scores(taxonomy, one, training) for name, one in answers.items()}
    for one in others:
        of_arm = [row for row in rows if row.arm == one.arm]
        found[one.arm]["differences"] = {
            "macro_f1": {row.task: _row_to_json(row, rules, len(one.seeds)) for row in of_arm},
            "accuracy": {row.task: _interval_to_json(row.accuracy) for row in of_arm},
        }
        found[one.arm]["groups"] = group_differences(taxonomy, one, against, training)
        found[one.arm]["confusions"] = named_confusions(taxonomy, one, against)
    return Findings(_evidence(against, len(rows), rules), found)


def _repeats(arm: Answers, baseline: Answers) -> bool:
    """Whether every answer is the baseline's."""
    return arm.seeds == baseline.seeds and all(
        np.array_equal(arm.predicted[task], said) for task, said in baseline.predicted.items()
    )


def _evidence(baseline: Answers, rows: int, rules: Rules) -> dict[str, Any]:
    return {
        "images": len(baseline.images),
        "objects": baseline.object_count,
        "seeds": len(baseline.seeds),
        "folds": len(set(baseline.folds.tolist())),
        "rows": rows,  # compared together
        **asdict(rules),
        "averaging": "macro means run over the classes with a labelled test object, the same for all arms and seeds",
        "zero_division": 0,
        "correction": "Holm, over all rows",
    }


def _row_to_json(row: Row, rules: Rules, seeds: int) -> dict[str, Any]:
    return _interval_to_json(row.macro_f1) | {
        "verdict": row.verdict,
        "margin": rules.margin,
        "seeds": seeds,
        "identical": row.identical,
        "objects": row.objects,
        "p": row.p,
        "p_adjusted": row.p_adjusted,
        "p_same_adjusted": row.p_same_adjusted,
        "share_of_better": row.share_of_better,
        "smallest_difference": row.smallest_difference,
        "needs": asdict(row.needs) if row.needs else None,
        "sign_flip": asdict(row.sign_flip) if row.sign_flip else None,
        "mcnemar": [asdict(one) for one in row.discordant],
        "disagreement": row.disagreement,
        "smallest_accuracy_difference": row.smallest_accuracy_difference,
    }


def _interval_to_json(difference: Difference) -> dict[str, Any]:
    return {
        "mean": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "variance": _variance_to_json(difference.variance) if difference.variance else None,
    }


def _variance_to_json(variance: Variance) -> dict[str, float | None]:
    freedom = variance.freedom
    return {
        "total": variance.total,
        "objects": variance.objects,
        "seeds": variance.seeds,
        "shared": variance.shared,
        "folds": variance.folds,
        "freedom": freedom if freedom < 1e9 else None,  # None: no variance at all; JSON knows no infinity
    }
