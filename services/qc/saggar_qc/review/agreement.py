"""How far reviewers agree: Cohen's kappa, and Krippendorff's alpha of more than two, with their intervals.

Kappa is of people, so whose answer came first says nothing. Of more than two it is Conger's (1980,
doi:10.1037/0033-2909.88.2.322): the kappas of all pairs of people, averaged by their images and by what chance leaves
them. What each person tends to answer is taken from all their images that somebody else saw too; a pair may share few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from saggar_qc.review.ledger import Ledger
from saggar_qc.review.verdicts import decide

_RESAMPLES, _AT_ONCE = 500, 50
_NO_SPREAD = 1e-9  # rounding

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """1: full agreement, 0: as by chance; with the 95 % bootstrap interval over images."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Over the images that two people saw. None where each two gave one answer, so that nothing is to be measured."""

    subject: str  # a task, or "decision"
    pairs: int
    agreed: int
    kappa: Coefficient | None  # Cohen's, doi:10.1177/001316446002000104; of more than two, Conger's
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
    """`units`: of each image, answers by reviewer, at least two, in whatever order they came."""
    pairs = [pair for unit in units for pair in combinations(unit.values(), 2)]
    codes = sorted({answer for pair in pairs for answer in pair})
    agreed = sum(one == other for one, other in pairs)
    if len(codes) < 2:
        return Agreement(subject, len(pairs), agreed, None, None)
    random = np.random.default_rng(0)
    answers, images = _Answers.of(units, codes), len(units)
    drawn = [
        answers.kappas(random.multinomial(images, np.full(images, 1 / images), size=_AT_ONCE).astype(np.float64))
        for _ in range(_RESAMPLES // _AT_ONCE)
    ]
    value, room = answers.kappa_and_room()
    kappa = _coefficient(value, room, np.concatenate(drawn), images) if np.isfinite(value) else None
    people = {who for unit in units for who in unit}
    alpha = _alpha(_value_counts(units, codes), random) if len(people) > 2 else None
    return Agreement(subject, len(pairs), agreed, kappa, alpha)


@dataclass(frozen=True)
class _Answers:
    """N images, W people, P pairs of people who saw an image both, C codes."""

    said: Table  # [N, W, C] 1 for a person's answer
    shared: Table  # [N, P] 1 where both saw the image
    agreed: Table  # [N] pairs who answered it alike
    pairs: npt.NDArray[np.int_]  # [P, 2] places among the people

    @classmethod
    def of(cls, units: Sequence[dict[str, str]], codes: Sequence[str]) -> _Answers:
        people = sorted({who for unit in units for who in unit})
        place = {who: number for number, who in enumerate(people)}
        pairs = sorted({pair for unit in units for pair in combinations(sorted(place[who] for who in unit), 2)})
        said = np.zeros((len(units), len(people), len(codes)))
        for image, unit in enumerate(units):
            for who, answer in unit.items():
                said[image, place[who], codes.index(answer)] = 1
        ends = np.array(pairs)
        seen = said.sum(axis=2)
        shared = seen[:, ends[:, 0]] * seen[:, ends[:, 1]]
        given = said.sum(axis=1)  # [N, C]
        return cls(said, shared, (given * (given - 1) / 2).sum(axis=1), ends)

    def kappas(self, weights: Table) -> Table:
        """[R] Cohen's kappas of images weighted by `weights` [R, N]; NaN where chance alone would agree always."""
        total, chance = self._by_chance(weights)
        room = total - chance
        return (weights @ self.agreed - chance) / np.where(room > 1e-9 * total, room, np.nan)

    def kappa_and_room(self) -> tuple[float, float]:
        """Kappa, and how much of all pairs' agreement chance leaves."""
        once = np.ones((1, len(self.agreed)))
        total, chance = self._by_chance(once)
        return float(self.kappas(once)[0]), float(1 - chance[0] / total[0])

    def _by_chance(self, weights: Table) -> tuple[Table, Table]:
        """[R] pairs of answers, and how many of them would be alike by chance."""
        images = weights @ self.shared  # [R, P]
        answers = (weights @ self.said.reshape(len(self.said), -1)).reshape(len(weights), *self.said.shape[1:])
        shares = answers / np.maximum(answers.sum(axis=2, keepdims=True), 1)  # [R, W, C]
        alike = (shares[:, self.pairs[:, 0]] * shares[:, self.pairs[:, 1]]).sum(axis=2)  # [R, P]
        return images.sum(axis=1), (images * alike).sum(axis=1)


def _alpha(values: npt.NDArray[np.int_], random: np.random.Generator) -> Coefficient:
    import krippendorff  # type: ignore[import-untyped,unused-ignore]

    def of(counts: npt.NDArray[np.int_]) -> float:
        if (counts.sum(axis=0) > 0).sum() < 2:  # one answer only
            return float("nan")
        return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))

    drawn = [values[random.integers(0, len(values), len(values))] for _ in range(_RESAMPLES)]
    room = 1 - float(((values.sum(axis=0) / values.sum()) ** 2).sum())
    return _coefficient(of(values), room, np.array([of(each) for each in drawn]), len(values))


def _value_counts(units: Sequence[dict[str, str]], codes: Sequence[str]) -> npt.NDArray[np.int_]:
    """[N, C] how often each answer was given of each image."""
    return np.array([[list(unit.values()).count(code) for code in codes] for unit in units])


def _coefficient(value: float, room: float, drawn: Table, images: int) -> Coefficient:
    """With the quantiles of `drawn`. Where these do not differ, resampling shows nothing: up to 3 of `images` may lie
    otherwise (the rule of three), and move the coefficient by 3 / images of the `room` that chance leaves.
    """
    finite = drawn[np.isfinite(drawn)]
    low, high = (float(edge) for edge in np.quantile(finite, (0.025, 0.975))) if len(finite) else (value, value)
    if high - low < _NO_SPREAD:
        margin = 3 / images / room
        low, high = max(value - margin, -1.0), min(value + margin, 1.0)
    return Coefficient(value, low, high)
