"""How far reviewers agree: Cohen's kappa of two, Krippendorff's alpha of more, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from saggar_qc.review.ledger import Ledger
from saggar_qc.review.verdicts import decide

_RESAMPLES = 500

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """1: full agreement, 0: as by chance; with the 95 % bootstrap interval over images."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Over the images that two people saw. None where all answers are alike, so that nothing is to be measured."""

    subject: str  # a task, or "decision"
    pairs: int
    agreed: int
    kappa: Coefficient | None  # Cohen's, doi:10.1177/001316446002000104
    alpha: Coefficient | None  # Krippendorff's, of nominal answers; None for two reviewers


def agreement(ledger: Ledger) -> list[Agreement]:
    """Per task and for the decision, over all images with two or more blind verdicts that count."""
    maskable = frozenset(ledger.review.settings.maskable_tasks)
    seen: dict[str, list[dict[str, str]]] = {task: [] for task in [*ledger.review.tasks, "decision"]}
    for standing in ledger.standings():
        verdicts = ledger.counted(standing)
        if len(verdicts) < 2:
            continue
        seen["decision"].append({who: decide(verdict, maskable)[0] for who, verdict in verdicts.items()})
        for task in ledger.review.tasks:
            answers = {who: str(v.attributes[task]) for who, v in verdicts.items() if task in v.attributes}
            if len(answers) > 1:
                seen[task].append(answers)
    return [agreement_of(subject, units) for subject, units in seen.items() if units]


def agreement_of(subject: str, units: Sequence[dict[str, str]]) -> Agreement:
    """`units`: of each image, answers by reviewer, at least two."""
    pairs = [pair for unit in units for pair in combinations(unit.values(), 2)]
    codes = sorted({answer for pair in pairs for answer in pair})
    agreed = sum(one == other for one, other in pairs)
    if len(codes) < 2:
        return Agreement(subject, len(pairs), agreed, None, None)
    counts = np.zeros((len(codes), len(codes)))
    for one, other in pairs:
        counts[codes.index(one), codes.index(other)] += 1
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(pairs), counts.ravel() / len(pairs), size=_RESAMPLES).reshape(-1, *counts.shape)
    kappa = _coefficient(kappa_of(counts), [kappa_of(table) for table in drawn.astype(np.float64)])
    people = {who for unit in units for who in unit}
    alpha = _alpha(_value_counts(units, codes), random) if len(people) > 2 else None
    return Agreement(subject, len(pairs), agreed, kappa, alpha)


def kappa_of(counts: Table) -> float:
    """Cohen's kappa of a table of pairs [C, C]; NaN where chance alone would agree always."""
    total = counts.sum()
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    return float((np.trace(counts) / total - chance) / (1 - chance)) if chance < 1 else float("nan")


def _alpha(values: npt.NDArray[np.int_], random: np.random.Generator) -> Coefficient:
    import krippendorff  # type: ignore[import-untyped,unused-ignore]

    def of(counts: npt.NDArray[np.int_]) -> float:
        if (counts.sum(axis=0) > 0).sum() < 2:  # one answer only
            return float("nan")
        return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))

    drawn = [values[random.integers(0, len(values), len(values))] for _ in range(_RESAMPLES)]
    return _coefficient(of(values), [of(each) for each in drawn])


def _value_counts(units: Sequence[dict[str, str]], codes: Sequence[str]) -> npt.NDArray[np.int_]:
    """[N, C] how often each answer was given of each image."""
    return np.array([[list(unit.values()).count(code) for code in codes] for unit in units])


def _coefficient(value: float, drawn: Sequence[float]) -> Coefficient:
    finite = [each for each in drawn if np.isfinite(each)]
    low, high = np.quantile(finite, (0.025, 0.975)) if finite else (value, value)
    return Coefficient(value, float(low), float(high))
