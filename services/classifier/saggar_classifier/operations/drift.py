"""Whether the photographs of late are like those of the training: shares of the latest answers."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from saggar_classifier.serving.observer import Remark

LATEST = 1000  # answers that shares are of


@dataclass(frozen=True)
class Shares:
    """Of the latest `answers` of one model; shares are 0 to 1."""

    answers: int
    not_porcelain: float | None  # None: the model cannot say
    abstained: Mapping[str, float]  # by task
    classes: Mapping[str, Mapping[str, float]]  # task -> code -> share

    def distance(self, task: str, training: Mapping[str, float]) -> float:
        """Total variation between the answers' classes and the training's: 0 for the same shares, 1 for disjoint."""
        own = self.classes.get(task, {})
        return sum(abs(own.get(code, 0.0) - training.get(code, 0.0)) for code in {*own, *training}) / 2


class Drift:
    """The latest answers of the served model; those of another one begin anew. Safe to use from many threads."""

    def __init__(self, latest: int = LATEST) -> None:
        self._remarks: deque[Remark] = deque(maxlen=latest)
        self._lock = threading.Lock()

    def note(self, remark: Remark) -> None:
        with self._lock:
            if self._remarks and self._remarks[-1].model_id != remark.model_id:
                self._remarks.clear()
            self._remarks.append(remark)

    def shares(self, model_id: str) -> Shares | None:
        """Of the answers of that model; None where there is none among the latest."""
        with self._lock:
            remarks = [remark for remark in self._remarks if remark.model_id == model_id]
        if not remarks:
            return None
        count = len(remarks)
        known = [remark.not_porcelain for remark in remarks if remark.not_porcelain is not None]
        classes: dict[str, Counter[str]] = {}
        abstained: Counter[str] = Counter()
        for remark in remarks:
            abstained.update(remark.abstained)
            for task, code in remark.codes.items():
                classes.setdefault(task, Counter())[code] += 1
        return Shares(
            count,
            sum(known) / len(known) if known else None,
            {task: abstained[task] / count for task in classes},
            {task: {code: of / counted.total() for code, of in counted.items()} for task, counted in classes.items()},
        )
