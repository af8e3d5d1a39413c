"""What a review says of the set, and what becomes of the manifest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.describing.shares import Share, wilson
from saggar.errors import WrongStateError

from saggar_qc.measures.featureset import combination_tag
from saggar_qc.review.choosing.sampling import CombinationDecision, SetShare, Strata, decide_combinations, set_share
from saggar_qc.review.ledger import Ledger, Standing
from saggar_qc.review.verdicts import Verdict, decide

CHECKS = ("plausible", "coherent", "no_modern")  # beside the tasks


@dataclass(frozen=True)
class AttributeShare:
    """How often one thing was right, of the images on which people answered; `unsure` ones count as not right."""

    subject: str  # a task, or one of `CHECKS`
    right: SetShare  # counts of the images judged, the interval of the set
    unsure: int


@dataclass(frozen=True)
class ClassStanding:
    """One class of one task: images to judge, judged, and passed of these."""

    task: str
    code: str
    images: int
    passed: Share  # a `SetShare` of the class, but for one reviewer's own


@dataclass(frozen=True)
class Outcome:
    """The accepted rows, wrong labels made unknown, and the rows left out."""

    accepted: Manifest
    rejected: Manifest
    masked: dict[str, int]  # task -> labels made unknown
    passed: SetShare  # counts of the images reviewed, the interval of the set
    whole_set_rejected: bool  # policy "sample": the pass rate was too low
    combinations: tuple[CombinationDecision, ...]
    attributes: tuple[AttributeShare, ...]


def conclude(ledger: Ledger, manifest: Manifest) -> Outcome:
    """Splits `manifest` by the verdicts. Raises WrongStateError while something is open.

    Policy "all": each image by its own verdict. Policy "sample": images that were seen by their own verdict. Of the
    others, a combination goes whose pass rate lies below the least that is asked for with its whole interval; and all
    go where the pass rate of the rest, each combination by its size, does not reach it with the interval's lower end.
    """
    if ledger.closed:
        raise WrongStateError(f"review {ledger.review.review_id} was closed before it was finished")
    if not ledger.complete:
        raise WrongStateError(
            f"review {ledger.review.review_id} is not finished; images to look at: {ledger.left}, conflicts to settle: "
            f"{len(ledger.conflicts())}"
        )
    settings = ledger.review.settings
    sampled = settings.policy == "sample"
    decisions = {
        (s.item.source, s.item.image): ledger.decision(s.item.item_id)
        for s in ledger.standings()
        if s.item.control is None
    }
    verdicts, strata = list(_passed(ledger)), _strata(ledger)
    least = settings.least_pass_rate if sampled else 0.0
    combinations = decide_combinations(strata, verdicts, least)
    gone = {each.combination for each in combinations if not each.kept}
    rest = [(name, kept) for name, kept in verdicts if name not in gone]
    too_bad = sampled and set_share(strata, rest).low < least
    keep = np.zeros(len(manifest), dtype=np.bool_)
    masks: dict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(manifest.records()):
        found = decisions.get((record.source, record.image))
        out = too_bad or combination_tag(record.labels) in gone
        keep[row] = not out and (found is None or found[0] != "reject")
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
        passed=pass_rate(ledger),
        whole_set_rejected=too_bad,
        combinations=combinations,
        attributes=tuple(attribute_shares(ledger)),
    )


def pass_rate(ledger: Ledger) -> SetShare:
    """Of the images under review that are decided."""
    return set_share(_strata(ledger), _passed(ledger))


def attribute_shares(ledger: Ledger) -> list[AttributeShare]:
    """Of the images under review that have a verdict: each task's label, and each of `CHECKS`.

    An image that two people answered differently, and that nobody settled, counts as unsure.
    """
    answers: dict[str, list[tuple[str, str]]] = {subject: [] for subject in [*ledger.review.tasks, *CHECKS]}
    for standing in ledger.standings():
        verdicts = _deciding(ledger, standing)
        if standing.item.control is not None or not verdicts:
            continue
        combination = _combination(ledger, standing)
        for task in ledger.review.tasks:
            given = {str(verdict.attributes[task]) for verdict in verdicts if task in verdict.attributes}
            if given:
                answers[task].append((combination, given.pop() if len(given) == 1 else "unsure"))
        for check, values in (
            ("plausible", {verdict.plausible for verdict in verdicts}),
            ("coherent", {verdict.coherent for verdict in verdicts}),
            ("no_modern", {not verdict.modern for verdict in verdicts}),
        ):
            answer = "unsure" if len(values) > 1 else "right" if values.pop() else "wrong"
            answers[check].append((combination, answer))
    strata = _strata(ledger)
    return [
        AttributeShare(
            subject,
            set_share(strata, [(name, answer == "right") for name, answer in found]),
            sum(answer == "unsure" for _, answer in found),
        )
        for subject, found in answers.items()
        if found
    ]


def class_standings(ledger: Ledger, reviewer: str | None = None) -> list[ClassStanding]:
    """Progress and pass rate of each class, of `reviewer`'s verdicts alone or, None, of all decisions; the images
    under review and, for one reviewer, the controls among them, which must not show.

    The rate is of the class in the whole set; one reviewer's is of their own verdicts, and says nothing of the set.
    """
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    images: Counter[tuple[str, str]] = Counter()
    passed: dict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
    for standing in ledger.standings():
        if reviewer is None and standing.item.control is not None:
            continue
        if reviewer is None:
            found = ledger.decision(standing.item.item_id)
            kept = None if found is None else found[0] != "reject"
        else:
            verdict = standing.verdicts.get(reviewer)
            kept = None if verdict is None else decide(verdict, maskable)[0] != "reject"
        for claim in standing.item.labels.items():
            images[claim] += 1
            if kept is not None:
                passed[claim].append((_combination(ledger, standing), kept))
    strata = _strata(ledger)

    def share(claim: tuple[str, str]) -> Share:
        found = passed[claim]
        return set_share(strata, found) if reviewer is None else wilson(sum(kept for _, kept in found), len(found))

    order = {task: place for place, task in enumerate(ledger.review.tasks)}
    return [
        ClassStanding(task, code, count, share((task, code)))
        for (task, code), count in sorted(images.items(), key=lambda each: (order.get(each[0][0], 99), each[0]))
    ]


def verdict_rows(ledger: Ledger, reviewer: str | None = None) -> Iterable[dict[str, Any]]:
    """A row per verdict, for a table: item, labels, reviewer, answers, decision.

    With `reviewer`: only their own, without what tells a control from other images.
    """
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    for standing in ledger.standings():
        named = [(who, verdict, "") for who, verdict in standing.verdicts.items() if reviewer in (None, who)]
        if standing.settled and reviewer is None:
            named.append((standing.settled_by, standing.settled, "settled"))
        for who, verdict, note in named:
            yield _row(standing, ledger.review.tasks, who, blind=reviewer is not None) | {
                **{f"{task}_is": verdict.attributes.get(task, "") for task in ledger.review.tasks},
                "plausible": verdict.plausible,
                "coherent": verdict.coherent,
                "modern": verdict.modern,
                "reason": verdict.reason or "",
                "comment": verdict.comment,
                "decision": decide(verdict, maskable)[0],
                "seconds": round(verdict.seconds, 1),
                "note": "left out" if ledger.is_left_out(who) and not note and reviewer is None else note,
            }


def _strata(ledger: Ledger) -> Strata:
    asked = (_combination(ledger, s) for s in ledger.standings() if s.item.control is None)
    return ledger.review.strata or dict(Counter(asked))


def _combination(ledger: Ledger, standing: Standing) -> str:
    return combination_tag({task: standing.item.labels.get(task) for task in ledger.review.tasks})


def _passed(ledger: Ledger) -> Iterator[tuple[str, bool]]:
    """Combination, and whether it passed, of every image under review that is decided."""
    for standing in ledger.standings():
        found = None if standing.item.control else ledger.decision(standing.item.item_id)
        if found is not None:
            yield _combination(ledger, standing), found[0] != "reject"


def _deciding(ledger: Ledger, standing: Standing) -> list[Verdict]:
    """The verdicts by which an image is decided: the one that settled it, else those that count."""
    return [standing.settled] if standing.settled else list(ledger.counted(standing).values())


def _row(standing: Standing, tasks: tuple[str, ...], reviewer: str, *, blind: bool) -> dict[str, Any]:
    item = standing.item
    return {
        "item": item.item_id,
        "image": item.image,
        "source": "" if blind else item.source,
        "control": "" if blind else item.control or "",
        "reviewer": reviewer,
        **{task: item.labels.get(task, "") for task in tasks},
    }


def own_verdicts(ledger: Ledger, reviewer: str) -> Iterator[tuple[Standing, Verdict, str]]:
    """What `reviewer` judged, newest first: the item, the verdict, and what it means for the image."""
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    for standing in reversed(ledger.judged_by(reviewer)):
        verdict = standing.verdicts[reviewer]
        yield standing, verdict, decide(verdict, maskable)[0]
