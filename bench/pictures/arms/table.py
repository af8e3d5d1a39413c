"""The table of bench/pictures/kilnsim_arms.py: every arm beside the real-only arms, by the product's findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.taxonomy import Taxonomy
from saggar_orchestrator.findings.answers import Answers, Trained, bring_together
from saggar_orchestrator.findings.comparison import MEAN, Row, compare
from saggar_orchestrator.findings.predictions import Predictions, class_numbers
from saggar_orchestrator.findings.scores import rare_images
from scipy import stats

from arms.holdings import Fresh


@dataclass(frozen=True)
class Replicate:
    """A data seed, a training seed, and for how many epochs an arm is trained."""

    data: int
    seed: int
    epochs: int

    def file(self, work: Path, arm: str) -> Path:
        """Where its answers are kept."""
        return work / f"answers-{self.data}-{self.seed:02}-{self.epochs}-{arm}.npz"


def answers_of(work: Path, arm: str, replicates: Sequence[Replicate], fresh: Fresh) -> Answers:
    """Of an arm, every replicate counted as a seed."""
    found = []
    for number, one in enumerate(replicates):
        with np.load(one.file(work, arm), allow_pickle=False) as kept:
            said = {task: kept[task].astype(np.int64) for task in fresh.labels}
        probabilities = {task: np.eye(int(fresh.labels[task].max()) + 1, dtype=np.float32)[said[task]] for task in said}
        found.append(Trained(number, Predictions(fresh.names, fresh.names, dict(fresh.labels), said, probabilities)))
    return bring_together(arm, found)


def rare_pieces(fresh: Fresh, split: Manifest, taxonomy: Taxonomy) -> np.ndarray:
    """[N] whether a piece's combination has at most five training photographs, or none."""
    training = split.select(split="train", origin="real")
    known = {
        task.name: class_numbers([str(code) for code in training.labels(task.name)], task) for task in taxonomy.tasks
    }
    rare = rare_images(fresh.names, fresh.labels, known)
    return np.array([name in rare for name in fresh.names])


def recall_of(
    answers: Answers, rare: Mapping[int, np.ndarray], data: Sequence[int], tasks: Sequence[str]
) -> np.ndarray:
    """[S] share of the rare pieces of each replicate's data seed that are right in all `tasks`."""
    right = np.all([answers.predicted[task] == answers.true[task] for task in tasks], axis=0)  # [S, N]
    return np.array([float(right[place, rare[seed]].mean()) for place, seed in enumerate(data)])


def paired(own: np.ndarray, other: np.ndarray) -> list[float]:
    """Mean difference of replicates, its 95 % interval by Student's t over replicates, and P(A > B)."""
    gain = own - other
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    better = float((own[:, None] > other[None]).mean() + (own[:, None] == other[None]).mean() / 2)
    return [round(float(value), 4) for value in (gain.mean(), gain.mean() - half, gain.mean() + half, better)]


def table(
    work: Path, arms: Sequence[str], bars: Sequence[str], replicates: Sequence[Replicate], fresh: Fresh,
    splits: Mapping[int, Manifest], taxonomy: Taxonomy,
) -> list[str]:  # fmt: skip
    """A line of JSON for each arm of which some replicates are done, against each of `bars` on the same replicates."""
    rare = {seed: rare_pieces(fresh, split, taxonomy) for seed, split in splits.items()}
    lines = []
    for arm in arms:
        done = [one for one in replicates if one.file(work, arm).exists()]
        if not done:
            continue
        own = answers_of(work, arm, done, fresh)
        data = [one.data for one in done]
        line: dict[str, object] = {"arm": arm, "replicates": len(done), "data_seeds": len(set(data))}
        line |= _scores(own, taxonomy, rare, data)
        for bar in bars:
            shared = [one for one in done if one.file(work, bar).exists()]
            if bar == arm or len(shared) < 2:
                continue
            line[f"against {bar}"] = _against(
                answers_of(work, arm, shared, fresh), answers_of(work, bar, shared, fresh), taxonomy, rare,
                [one.data for one in shared],
            )  # fmt: skip
        lines.append(json.dumps(line))
    return lines


def _macro(answers: Answers, taxonomy: Taxonomy) -> dict[str, np.ndarray]:
    from saggar_orchestrator.findings.statistics.counting import count

    by_task = {
        task.name: np.array([
            count(answers.true[task.name], said, len(task.codes)).macro_f1 for said in answers.predicted[task.name]
        ])
        for task in taxonomy.tasks
    }  # fmt: skip
    return by_task | {MEAN: np.mean(list(by_task.values()), axis=0)}


def _recalls(
    answers: Answers, taxonomy: Taxonomy, rare: Mapping[int, np.ndarray], data: Sequence[int]
) -> dict[str, np.ndarray]:
    return {
        "rare, all labels": recall_of(answers, rare, data, taxonomy.task_names),
        "rare, glaze and type": recall_of(answers, rare, data, ("glaze", "type")),
    }


def _scores(
    answers: Answers, taxonomy: Taxonomy, rare: Mapping[int, np.ndarray], data: Sequence[int]
) -> dict[str, object]:
    found = _macro(answers, taxonomy) | _recalls(answers, taxonomy, rare, data)
    return {name: round(float(values.mean()), 4) for name, values in found.items()} | {
        "mean by replicate": np.round(found[MEAN], 4).tolist()
    }


def _against(
    own: Answers, bar: Answers, taxonomy: Taxonomy, rare: Mapping[int, np.ndarray], data: Sequence[int]
) -> dict[str, object]:
    ours = _macro(own, taxonomy) | _recalls(own, taxonomy, rare, data)
    theirs = _macro(bar, taxonomy) | _recalls(bar, taxonomy, rare, data)
    found: dict[str, object] = {name: paired(ours[name], theirs[name]) for name in ours}
    rows: Sequence[Row] = compare(taxonomy, [own], bar)
    found["findings"] = {
        row.task: [round(row.macro_f1.mean, 4), _rounded(row.macro_f1.low), _rounded(row.macro_f1.high), row.verdict]
        for row in rows
    }
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
