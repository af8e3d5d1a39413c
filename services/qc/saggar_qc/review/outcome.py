"""What a review says of the set, of its reviewers, and what becomes of the manifest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.describing.shares import Share, wilson
from saggar.errors import WrongStateError
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from saggar_qc.review.ledger import Ledger, Standing
from saggar_qc.review.verdicts import decide


@dataclass(frozen=True)
class ReviewerScore:
    """What a reviewer did. `controls`: known-real images accepted and known-bad ones not."""

    reviewer: str
    verdicts: int
    controls: Share
    median_seconds: float


@dataclass(frozen=True)
class Agreement:
    """Cohen's kappa over the images that two people saw; None where it is not defined."""

    subject: str  # a task, or "decision"
    pairs: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True)
class Outcome:
    """The accepted rows, wrong labels made unknown, and the rows left out."""

    accepted: Manifest
    rejected: Manifest
    masked: dict[str, int]  # task -> labels made unknown
    passed: Share  # of the images reviewed
    whole_set_rejected: bool  # policy "sample": the pass rate was too low


def conclude(ledger: Ledger, manifest: Manifest) -> Outcome:
    """Splits `manifest` by the verdicts. Raises WrongStateError while something is open.

    Policy "all": each image by its own verdict. Policy "sample": images that were seen by their own verdict;
    the others are kept when the pass rate's lower end reaches the least that is asked for, else all go.
    """
    if not ledger.complete:
        raise WrongStateError(
            f"review {ledger.review.review_id} is not finished: {ledger.left} images to look at, "
            f"{len(ledger.conflicts())} conflicts to settle"
        )
    settings = ledger.review.settings
    decisions = {
        (s.item.source, s.item.image): ledger.decision(s.item.item_id)
        for s in ledger.standings()
        if s.item.control is None
    }
    kept = sum(found is not None and found[0] != "reject" for found in decisions.values())
    passed = wilson(kept, len(decisions))
    too_bad = settings.policy == "sample" and passed.low < settings.least_pass_rate
    keep = np.zeros(len(manifest), dtype=np.bool_)
    masks: dict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(manifest.records()):
        found = decisions.get((record.source, record.image))
        keep[row] = not too_bad and (found is None or found[0] != "reject")
        if keep[row] and found is not None:
            for task in found[1]:
                masks[task].append(row)
    frame = manifest.frame.copy()
    for task, rows in masks.items():
        frame.loc[frame.index[rows], f"label_{task}"] = None
    return Outcome(
        accepted=Manifest(frame[keep].reset_index(drop=True), manifest.tasks),
        rejected=manifest.take(~keep),
        masked={task: len(rows) for task, rows in sorted(masks.items())},
        passed=passed,
        whole_set_rejected=too_bad,
    )


def reviewer_scores(ledger: Ledger) -> list[ReviewerScore]:
    """Everybody who gave a verdict, by name."""
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    seconds: dict[str, list[float]] = defaultdict(list)
    right: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for standing in ledger.standings():
        for reviewer, verdict in standing.verdicts.items():
            seconds[reviewer].append(verdict.seconds)
            if standing.item.control is not None:
                shown[reviewer] += 1
                accepted = decide(verdict, maskable)[0] == "accept"
                right[reviewer] += accepted == (standing.item.control == "real")
    return [
        ReviewerScore(name, len(values), wilson(right[name], shown[name]), float(np.median(values)))
        for name, values in sorted(seconds.items())
    ]


def agreement(ledger: Ledger) -> list[Agreement]:
    """Per task and for the decision, over all images with two or more blind verdicts."""
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    answers: dict[str, list[tuple[str, str]]] = {task: [] for task in ledger.review.tasks}
    answers["decision"] = []
    for standing in ledger.standings():
        for first, second in combinations(standing.verdicts.values(), 2):
            answers["decision"].append((decide(first, maskable)[0], decide(second, maskable)[0]))
            for task in first.attributes.keys() & second.attributes.keys():
                answers[task].append((first.attributes[task], second.attributes[task]))
    return [_agreement(subject, pairs) for subject, pairs in answers.items() if pairs]


def _agreement(subject: str, pairs: list[tuple[str, str]]) -> Agreement:
    ones, others = zip(*pairs, strict=True)
    agreed = sum(one == other for one, other in pairs)
    varied = len({*ones, *others}) > 1  # all answers alike: chance agreement is 1 and kappa 0 / 0
    kappa = float(cohen_kappa_score(ones, others)) if varied else None
    return Agreement(subject, len(pairs), agreed, kappa)


def verdict_rows(ledger: Ledger) -> Iterable[dict[str, Any]]:
    """A row per verdict, for a table: item, labels, reviewer, answers, decision."""
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    for standing in ledger.standings():
        named = [(who, verdict, "") for who, verdict in standing.verdicts.items()]
        if standing.settled:
            named.append((standing.settled_by, standing.settled, "settled"))
        for reviewer, verdict, note in named:
            yield _row(standing, ledger.review.tasks, reviewer) | {
                **{f"{task}_is": verdict.attributes.get(task, "") for task in ledger.review.tasks},
                "plausible": verdict.plausible,
                "coherent": verdict.coherent,
                "modern": verdict.modern,
                "reason": verdict.reason or "",
                "comment": verdict.comment,
                "decision": decide(verdict, maskable)[0],
                "seconds": round(verdict.seconds, 1),
                "note": note,
            }


def _row(standing: Standing, tasks: tuple[str, ...], reviewer: str) -> dict[str, Any]:
    item = standing.item
    return {
        "item": item.item_id,
        "image": item.image,
        "source": item.source,
        "control": item.control or "",
        "reviewer": reviewer,
        **{task: item.labels.get(task, "") for task in tasks},
    }
