"""The findings part of results.json computed a second time, from stored tables of predictions alone: pandas,
scikit-learn, scipy and statsmodels, with objects left out one by one. Nothing here comes from the product.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar

LEVEL, POWER, MARGIN = 0.05, 0.8, 0.02
_KEPT: dict = {}  # leaving out one by one takes its time


@dataclass(frozen=True)
class Tables:
    """`runs`: arm -> seed -> table of predictions with a column `fold`, rows by image; `training`: codes of real
    training photographs, a column per task; `codes`: task -> codes.
    """

    runs: dict[str, dict[int, pd.DataFrame]]
    training: pd.DataFrame
    codes: dict[str, list[str]]


def findings(tables: Tables, baseline: str) -> tuple[dict, dict]:
    """(evidence, arms)."""
    others = [name for name in tables.runs if name != baseline]
    arms = {name: _scores(tables, name) for name in tables.runs}
    rows = {(arm, task): _row(tables, arm, baseline, task) for arm in others for task in _rows(tables, baseline)}
    _judge(rows)
    for arm in others:
        of_arm = {task: row for (name, task), row in rows.items() if name == arm}
        arms[arm]["differences"] = {
            "macro_f1": {task: row["macro_f1"] for task, row in of_arm.items()},
            "accuracy": {task: row["accuracy"] for task, row in of_arm.items()},
        }
        arms[arm]["groups"] = _groups(tables, arm, baseline)
        arms[arm]["confusions"] = _confusions(tables, arm, baseline)
    table = next(iter(tables.runs[baseline].values()))
    evidence = {
        "images": len(table), "objects": table["object_id"].nunique(), "seeds": len(tables.runs[baseline]),
        "folds": table["fold"].nunique(), "rows": len(rows), "level": LEVEL, "power": POWER, "margin": MARGIN,
        "zero_division": 0,
    }  # fmt: skip
    return evidence, arms


def _measured(tables: Tables, arm: str) -> list[str]:
    table = next(iter(tables.runs[arm].values()))
    return [task for task in tables.codes if table[f"true_{task}"].notna().any()]


def _rows(tables: Tables, arm: str) -> list[str]:
    return [*_measured(tables, arm), "mean"]


def _known(table: pd.DataFrame, task: str) -> pd.DataFrame:
    return table[table[f"true_{task}"].notna()]


def _macro(table: pd.DataFrame, task: str, labels: list[str]) -> float:
    rows = _known(table, task)
    true, said = rows[f"true_{task}"].to_numpy(), rows[f"predicted_{task}"].to_numpy()
    return statistics.fmean(_f1(true == label, said == label) for label in labels)


def _f1(true: np.ndarray, said: np.ndarray) -> float:
    return 2 * float((true & said).sum()) / max(1, int(true.sum()) + int(said.sum()))


def _accuracy(table: pd.DataFrame, task: str, labels: list[str]) -> float:
    rows = _known(table, task)
    return float((rows[f"true_{task}"] == rows[f"predicted_{task}"]).mean()) if len(rows) else 0.0


def _present(table: pd.DataFrame, task: str, codes: list[str]) -> list[str]:
    return [code for code in codes if (table[f"true_{task}"] == code).any()]


def _spread(values: list[float]) -> dict:
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}


def _scores(tables: Tables, arm: str) -> dict:
    tasks = [_task(tables, arm, task) for task in tables.codes]
    measured = [task for task in tasks if task["n"]]
    runs = range(len(tables.runs[arm]))
    means = {
        score: [statistics.fmean(task["runs"][i][score] for task in measured) for i in runs]
        for score in ("macro_f1", "accuracy")
    }
    return {
        "tasks": tasks,
        **{f"mean_{score}": _spread(values) | {"runs": values} for score, values in means.items()},
        "rare_combinations": _rare(tables, arm),
    }


def _task(tables: Tables, arm: str, task: str) -> dict:
    codes = tables.codes[task]
    every = [_known(table, task) for table in tables.runs[arm].values()]
    first = every[0]
    present = _present(first, task, codes)
    in_training = {code: int((tables.training[task] == code).sum()) for code in codes}
    middle = statistics.median(in_training[code] for code in present) if present else 0
    minority = [code for code in present if in_training[code] <= middle]
    majority = [code for code in present if code not in minority]
    runs, per_class, matrix = [], [], np.zeros((len(codes), len(codes)), dtype=int)
    for table in every:
        true, said = table[f"true_{task}"].tolist(), table[f"predicted_{task}"].tolist()
        if true:
            of_class = metrics.precision_recall_fscore_support(true, said, labels=codes, zero_division=0)[:3]
            matrix += metrics.confusion_matrix(true, said, labels=codes)
            scores = np.array(table[f"probabilities_{task}"].tolist())
            numbers = [codes.index(code) for code in true]
            top5 = (
                metrics.top_k_accuracy_score(numbers, scores, k=5, labels=range(len(codes))) if len(codes) > 5 else None
            )
            macro = metrics.f1_score(true, said, labels=present, average="macro", zero_division=0)
            weighted = metrics.f1_score(true, said, labels=present, average="weighted", zero_division=0)
            accuracy = metrics.accuracy_score(true, said)
        else:
            of_class = np.zeros((3, len(codes)))
            macro = weighted = accuracy = 0.0
            top5 = 0.0 if len(codes) > 5 else None
        f1 = dict(zip(codes, of_class[2], strict=True))
        runs.append({
            "macro_f1": macro, "weighted_f1": weighted, "accuracy": accuracy, "top5": top5,
            "minority_f1": statistics.fmean(f1[code] for code in minority) if minority else None,
            "majority_f1": statistics.fmean(f1[code] for code in majority) if majority else None,
        })  # fmt: skip
        per_class.append(of_class)
    support = [int((first[f"true_{task}"] == code).sum()) for code in codes]
    means = np.mean(per_class, axis=0)
    return {
        "task": task, "n": len(first), "objects": first["object_id"].nunique(), "support": support,
        "averaged_over": present, "minority": minority,
        "commonest_share": max(support) / max(1, len(first)),
        **{name: _spread([run[name] for run in runs]) if runs[0][name] is not None else None for name in runs[0]},
        **dict(zip(("class_precision", "class_recall", "class_f1"), means.tolist(), strict=True)),
        "confusion": matrix.tolist(), "runs": runs,
    }  # fmt: skip


def _rare(tables: Tables, arm: str) -> dict:
    tasks = list(tables.codes)
    counts = tables.training.groupby(tasks, dropna=False).size()
    recalls, images = [], 0
    for table in tables.runs[arm].values():
        whole = table.dropna(subset=[f"true_{task}" for task in tasks])
        combinations = whole[[f"true_{task}" for task in tasks]].itertuples(index=False, name=None)
        rare = whole[np.array([counts.get(labels, 0) <= 5 for labels in combinations], dtype=bool)]
        images = len(rare)
        right = np.ones(images, dtype=bool)
        for task in tasks:
            right &= (rare[f"true_{task}"] == rare[f"predicted_{task}"]).to_numpy()
        recalls.append(right.mean() if images else None)
    return {"images": images, "at_most": 5, "recall": _spread(recalls) if images else None}


def _confusions(tables: Tables, arm: str, baseline: str) -> list[dict]:
    found = []
    for task, codes in tables.codes.items():
        every = pd.concat([_known(table, task) for table in tables.runs[baseline].values()])
        counts = every.groupby([f"true_{task}", f"predicted_{task}"]).size()
        wrong = [(-n, codes.index(true), codes.index(said)) for (true, said), n in counts.items() if true != said]
        for _, true, said in sorted(wrong)[:5]:
            pair = (codes[true], codes[said])
            sides = [_of_rows(tables, name, task, *_rate_of(task, *pair)) for name in (arm, baseline)]
            change = _less(tables, baseline, *sides)
            images = int((next(iter(tables.runs[baseline].values()))[f"true_{task}"] == pair[0]).sum())
            found.append({
                "task": task, "true": pair[0], "taken_for": pair[1], "images": images,
                "baseline": statistics.fmean(sides[1][0]), "arm": statistics.fmean(sides[0][0]),
                "change": change["mean"], **_ends(change, sides[0][2]),
            })  # fmt: skip
    return found


def _rate_of(task: str, true: str, said: str):
    """(which rows are meant, the share of them that are taken for `said`)."""

    def chosen(table: pd.DataFrame) -> pd.DataFrame:
        return table[table[f"true_{task}"] == true]

    return chosen, lambda rows: float((rows[f"predicted_{task}"] == said).mean()) if len(rows) else 0.0


def _groups(tables: Tables, arm: str, baseline: str) -> dict[str, dict]:
    """Macro-F1 over the rarer and the commoner classes of every task."""
    found: dict[str, dict] = {}
    for task in _measured(tables, baseline):
        scores = _task(tables, baseline, task)
        groups = {"minority": scores["minority"]}
        groups["majority"] = [code for code in scores["averaged_over"] if code not in scores["minority"]]
        found[task] = {}
        for name, classes in groups.items():
            if not classes:
                continue
            sides = [
                _of_rows(
                    tables, one, task, lambda table, t=task: _known(table, t),
                    lambda rows, t=task, c=classes: _macro(rows, t, c),
                )
                for one in (arm, baseline)
            ]  # fmt: skip
            change = _less(tables, baseline, *sides)
            found[task][name] = {
                "classes": classes, "baseline": statistics.fmean(sides[1][0]), "arm": statistics.fmean(sides[0][0]),
                "mean": change["mean"], **_ends(change, sides[0][2]),
            }  # fmt: skip
    return found


def _ends(change: dict, objects: list[str]) -> dict:
    known = len(objects) >= 6
    return {"low": change["low"] if known else None, "high": change["high"] if known else None}


def _of_rows(tables: Tables, arm: str, task: str, chosen, score) -> tuple[list[float], np.ndarray, list[str]]:
    """As `_series`, of some rows of the tables."""
    scores, without, objects = [], [], []
    for table in tables.runs[arm].values():
        rows = chosen(table)
        objects = sorted(rows["object_id"].unique())
        scores.append(score(rows))
        without.append([score(rows[rows["object_id"] != one]) - scores[-1] for one in objects])
    return scores, np.array(without), objects


def _series(tables: Tables, arm: str, task: str, score) -> tuple[list[float], np.ndarray, list[str]]:
    """Scores by seed, what each loses or gains without each object [S, G], and the labelled objects."""
    if task == "mean":
        tasks = [_series(tables, arm, name, score) for name in _measured(tables, arm)]
        every = sorted(set().union(*(objects for *_, objects in tasks)))
        scores = np.mean([scores for scores, *_ in tasks], axis=0).tolist()
        columns = [
            np.stack([change[:, of.index(one)] if one in of else np.zeros(len(scores)) for one in every], axis=1)
            for _, change, of in tasks
        ]
        return scores, np.mean(columns, axis=0), every
    if (found := _KEPT.get((id(tables), arm, task, score))) is not None:
        return found
    scores, without, objects = [], [], []
    for table in tables.runs[arm].values():
        labels, known = _present(table, task, tables.codes[task]), _known(table, task)
        objects = sorted(known["object_id"].unique())
        scores.append(score(known, task, labels))
        without.append([score(known[known["object_id"] != one], task, labels) - scores[-1] for one in objects])
    _KEPT[id(tables), arm, task, score] = scores, np.array(without), objects
    return _KEPT[id(tables), arm, task, score]


def _difference(tables: Tables, arm: str, baseline: str, task: str, score) -> tuple[dict, list[float], list[float]]:
    sides = [_series(tables, name, task, score) for name in (arm, baseline)]
    return _less(tables, baseline, *sides), sides[0][0], sides[1][0]


def _less(tables: Tables, baseline: str, of_arm: tuple, of_baseline: tuple) -> dict:
    """One arm's scores less the other's, with the interval; both as `_series` gives them."""
    (ours, without, objects), (theirs, without_theirs, _) = of_arm, of_baseline
    mean = statistics.fmean(ours) - statistics.fmean(theirs)
    n, seeds = len(objects), len(ours)
    gain = without.mean(axis=0) - without_theirs.mean(axis=0)
    of_objects = (n - 1) / n * ((gain - gain.mean()) ** 2).sum()  # the jackknife's variance
    parts = [statistics.variance(ours) / seeds, statistics.variance(theirs) / seeds]
    of_seeds = sum(parts)
    welch = of_seeds**2 / sum(part**2 / (seeds - 1) for part in parts) if of_seeds else 2.0 * (seeds - 1)
    shared = (n - 1) / n * sum(values.var(axis=0, ddof=1).sum() / seeds for values in (without, without_theirs))
    first = next(iter(tables.runs[baseline].values()))
    fold_of = first.drop_duplicates("object_id").set_index("object_id")["fold"]
    centred = pd.Series(gain, index=objects).groupby(fold_of.reindex(objects)).sum()
    k = len(centred)
    folds = max(0.0, k / (k - 1) * ((centred - centred.mean()) ** 2).sum() - of_objects) if k > 1 else 0.0
    total = max(max(0, of_objects - shared) + of_seeds, of_objects) + folds
    freedom = total**2 / (of_seeds**2 / welch + max(0, of_objects - shared) ** 2 / (n - 1) + folds**2 / max(1, k - 1))
    freedom = min(freedom, k - 1) if k > 1 else freedom  # trainings of folds share photographs
    half = math.sqrt(total) * stats.t.ppf(0.975, freedom)
    parts_of = {
        "total": total, "objects": of_objects, "seeds": of_seeds, "shared": shared, "folds": folds, "freedom": freedom,
    }  # fmt: skip
    return {"mean": mean, "low": mean - half, "high": mean + half, "variance": parts_of, "hidden": (welch, k)}


def _row(tables: Tables, arm: str, baseline: str, task: str) -> dict:
    macro, ours, theirs = _difference(tables, arm, baseline, task, _macro)
    accuracy = _difference(tables, arm, baseline, task, _accuracy)[0]
    del accuracy["hidden"]
    seeds = list(tables.runs[arm])
    _, _, objects = _series(tables, arm, task, _accuracy)
    error, freedom = math.sqrt(macro["variance"]["total"]), macro["variance"]["freedom"]
    flips = [
        abs(np.mean(np.array(signs) * (np.array(ours) - theirs)))
        for signs in itertools.product((1, -1), repeat=len(seeds))
    ]
    exact = []
    if task != "mean":
        for seed in seeds:
            sides = [_known(tables.runs[name][seed], task) for name in (arm, baseline)]
            hits = [
                (side[f"true_{task}"] == side[f"predicted_{task}"]).groupby(side["object_id"]).sum() for side in sides
            ]
            better, worse = int((hits[0] > hits[1]).sum()), int((hits[0] < hits[1]).sum())
            p = float(mcnemar([[0, better], [worse, 0]], exact=True).pvalue) if better + worse else 1.0
            exact.append({"seed": seed, "arm_only": better, "baseline_only": worse, "p": p})
    disagreement = (
        statistics.fmean((one["arm_only"] + one["baseline_only"]) / len(objects) for one in exact) if exact else None
    )
    return {
        "accuracy": accuracy,
        "macro_f1": macro | {
            "margin": MARGIN, "seeds": len(seeds), "objects": len(objects), "identical": False,
            "p": 2 * stats.t.sf(abs(macro["mean"]) / error, freedom),
            "p_same": stats.t.sf((MARGIN - abs(macro["mean"])) / error, freedom),
            "share_of_better": float(stats.mannwhitneyu(ours, theirs).statistic / (len(ours) * len(theirs))),
            "sign_flip": {
                "p": float(np.mean(np.array(flips) >= abs(np.mean(np.array(ours) - theirs)) * (1 - 1e-9))),
                "smallest": 2 / 2 ** len(seeds),
            },
            "mcnemar": exact, "disagreement": disagreement,
            "smallest_accuracy_difference": _smallest_accuracy(len(objects), disagreement) if disagreement else None,
        },
    }  # fmt: skip


def _judge(rows: dict) -> None:
    """Adds what rests on all rows: Holm's adjustment, verdicts, and what would be needed."""
    level = LEVEL / len(rows)
    every = [row["macro_f1"] for row in rows.values()]
    for name, adjusted in (("p", "p_adjusted"), ("p_same", "p_same_adjusted")):
        ordered, most = sorted(every, key=lambda row: row[name]), 0.0
        for place, row in enumerate(ordered):
            most = max(most, min(1.0, (len(ordered) - place) * row[name]))
            row[adjusted] = most
    for row in every:
        variance = row["variance"]
        if row["p_adjusted"] <= LEVEL:
            row["verdict"] = "helped" if row["mean"] > 0 else "worse"
        else:
            row["verdict"] = "same" if row["p_same_adjusted"] <= LEVEL else "unclear"
        row["smallest_difference"] = _smallest(
            row, variance["objects"], variance["seeds"], variance["shared"], 1, 1, level
        )
        row["needs"] = _needs(row, level) if row["verdict"] == "unclear" else None
        del row["p_same"], row["hidden"]


def _needs(row: dict, level: float) -> dict:
    target, n, seeds = max(abs(row["mean"]), MARGIN), row["objects"], row["seeds"]

    v = row["variance"]
    answers = min(v["shared"], v["seeds"])
    own_objects, own_seeds = max(0, v["objects"] - v["shared"]), max(0, v["seeds"] - v["shared"])

    def of_objects(more: int) -> float:
        share = n / (n + more)
        parts = v["objects"] * share, own_seeds + answers * share, v["shared"] * share
        return _smallest(row, *parts, share, 1, level)

    def of_seeds(more: int) -> float:
        share = seeds / (seeds + more)
        parts = own_objects + v["shared"] * share, v["seeds"] * share, v["shared"] * share
        return _smallest(row, *parts, 1, share, level)

    return {
        "target": target,
        "more_objects": _first(of_objects, target, 10_000_000),
        "more_seeds": _first(of_seeds, target, 200),
    }


def _first(smallest: Callable[[int], float], target: float, most: int) -> int | None:
    """The fewest of up to `most`, by halving."""
    if smallest(most) > target:
        return None
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if smallest(middle) <= target else (middle, high)
    return high


def _smallest(
    row: dict, objects: float, seeds: float, shared: float, of_objects: float, of_seeds: float, level: float
) -> float:
    """The smallest difference that is found with these variances, 1 / `of_objects` times the objects and 1 / `of_seeds`
    times the seeds.
    """
    (welch, folds), of_folds = row["hidden"], row["variance"]["folds"]
    own = max(0, objects - shared)
    total = max(own + seeds, objects) + of_folds
    count = round(row["objects"] / of_objects)
    freedom = total**2 / (seeds**2 / (welch / of_seeds) + own**2 / (count - 1) + of_folds**2 / max(1, folds - 1))
    freedom = min(freedom, folds - 1) if folds > 1 else freedom
    critical = stats.t.ppf(1 - level / 2, freedom)
    off = optimize.brentq(lambda by: stats.nct.sf(critical, freedom, by) - POWER, 0, 10 * critical + 10, xtol=1e-13)
    return math.sqrt(total) * off


def _smallest_accuracy(n: int, disagreement: float) -> float | None:
    """Where Connor's (1987) number of pairs for this difference is n."""
    upper, power = stats.norm.ppf(1 - LEVEL / 2), stats.norm.ppf(POWER)

    def missing(d: float) -> float:
        return ((upper * math.sqrt(disagreement) + power * math.sqrt(disagreement - d * d)) / d) ** 2 - n

    return optimize.brentq(missing, 1e-6, disagreement) if missing(disagreement) <= 0 else None
