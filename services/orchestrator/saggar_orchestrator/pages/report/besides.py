"""Rows of tables that the report makes of results: beside the paper's, and the course of training at a few epochs."""

from __future__ import annotations

import statistics
from typing import Any

from saggar_orchestrator.pages.report import paper
from saggar_orchestrator.pages.report.drawn.drawing import best_other

Results = dict[str, Any]
_ROUNDING = 5e-4  # what three decimals show of no difference


def beside_the_paper(results: Results) -> dict[str, Any]:
    """`arm`: the synthetic one that is shown; rows of (task, ...) that the paper has too: `scores` (its Table 14),
    `groups` (Table 15), `confusions` (Table 17). Empty without an arm with synthetic images.
    """
    arm, base = best_other(results), results["arms"][0]
    if arm is None or not arm["by_origin"].get("synthetic"):
        return {"arm": "", "scores": [], "groups": [], "confusions": []}
    places = {task["task"]: (before, task) for before, task in zip(base["tasks"], arm["tasks"], strict=True)}
    places["mean"] = ({"macro_f1": base["mean_macro_f1"]}, {"macro_f1": arm["mean_macro_f1"]})
    scores = [
        {
            "task": task,
            "score": score,
            "paper": table[task],
            "baseline": places[task][0][score]["mean"],
            "arm": places[task][1][score]["mean"],
            "difference": arm["differences"][score][task],
        }
        for task in places
        for score, table in (("macro_f1", paper.MACRO_F1), ("accuracy", paper.ACCURACY))
        if task in table and task in arm["differences"][score]
    ]
    groups = [
        {"task": task, "group": group, "paper": paper.GROUPS[task][group], "found": found}
        for task, of_task in arm.get("groups", {}).items()
        if task in paper.GROUPS
        for group, found in of_task.items()
    ]
    confusions = [
        {"found": one, "paper": paper.CONFUSIONS[key]}
        for one in arm["confusions"]
        if (key := (one["task"], one["true"], one["taken_for"])) in paper.CONFUSIONS
    ]
    return {"arm": arm["name"], "scores": scores, "groups": groups, "confusions": confusions}


def milestones(results: Results) -> dict[str, Any]:
    """Validation macro-F1, means over trainings, at a few epochs, at the kept one and at the last (the paper's Table
    13): `epochs` and a row per arm; `refitted`: models score otherwise than
    their epoch, by heads fitted after it; `longest`: epochs of the longest training.
    """
    runs = {arm["name"]: arm["runs"] for arm in results["arms"]}
    shortest = min(len(run["epochs"]) for of_arm in runs.values() for run in of_arm)
    if not shortest:
        return {"epochs": [], "rows": [], "refitted": False, "longest": 0}
    epochs = sorted({max(1, round(shortest * part / 4)) for part in (1, 2, 3, 4)})

    def mean(values: list[float]) -> float:
        return statistics.fmean(values)

    rows = [
        {
            "arm": name,
            "at": [mean([run["epochs"][epoch - 1]["validation_macro_f1"] for run in of_arm]) for epoch in epochs],
            "kept": mean([run["epochs"][run["best_epoch"] - 1]["validation_macro_f1"] for run in of_arm]),
            "kept_epoch": mean([run["best_epoch"] for run in of_arm]),
            "last": mean([run["epochs"][-1]["validation_macro_f1"] for run in of_arm]),
            "last_epoch": mean([len(run["epochs"]) for run in of_arm]),
        }
        for name, of_arm in runs.items()
    ]
    refitted = any(
        abs(run["validation_macro_f1"] - run["epochs"][run["best_epoch"] - 1]["validation_macro_f1"]) > _ROUNDING
        for of_arm in runs.values()
        for run in of_arm
    )
    longest = max(len(run["epochs"]) for of_arm in runs.values() for run in of_arm)
    return {"epochs": epochs, "rows": rows, "refitted": refitted, "longest": longest}
