"""All plots of a report, by what they show."""

from __future__ import annotations

from typing import Any

import numpy as np

from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.report.drawn import embedding_plot, figures

Results = dict[str, Any]
_CONFUSION_LIMIT = 24  # classes that occur; more would not be readable side by side
_WINDOW = 5  # epochs over which the loss varies; fewer where fewer were run


def draw(results: Results) -> dict[str, Any]:
    """Every plot of the report but those of its first screen, as SVG, by what it shows; "" where there is nothing."""
    arms, measured = results["arms"], measured_tasks(results)
    names = [results["taxonomy"]["tasks"][i]["name"] for i in measured]

    def scores(arm: dict[str, Any]) -> list[dict[str, Any]]:
        return [*(arm["tasks"][i]["macro_f1"] for i in measured), arm["mean_macro_f1"]]

    epochs = {a["name"]: [run["epochs"] for run in a["runs"]] for a in arms}
    course = adapter_course(results)
    return {
        "scores": plots.scores_by_task(
            [*names, "mean"],
            {a["name"]: [score["mean"] for score in scores(a)] for a in arms},
            {a["name"]: [score["sd"] or 0 for score in scores(a)] for a in arms},
        ),
        "lorenz": plots.lorenz_curves({a["name"]: a["lorenz"] for a in arms}),
        "learning": plots.learning_curves(epochs),
        "tasks": plots.task_curves(names, epochs),
        "stability": _stability(epochs),
        "adapter": plots.adapter_losses(course["training"], course["validation"]),
        "differences": _differences(results),
        "embedding": {
            arm["name"]: embedding_plot.embedding_map(arm["screening"]["embedding"], f"embedding-{number}")
            for number, arm in enumerate(arms)
            if (arm["screening"] or {}).get("embedding")
        },
        "rarest": _rarest(results),
        "groups": _groups(results),
        "reliability": _reliability(results),
        "doses": figures.doses([*names, "mean"], found) if (found := doses(results)) else "",
        "worth": _worth(results),
        **_by_class(results, measured),
    }


def measured_tasks(results: Results) -> list[int]:
    """Places of the tasks with labelled test photographs."""
    return [i for i, task in enumerate(results["arms"][0]["tasks"]) if task["n"]]


def best_other(results: Results) -> Any:
    """The synthetic arm with the best mean validation score: what the baseline is shown against. Where no arm has
    synthetic images, the best of those that differ from the baseline; None without any.
    """
    others = [arm for arm in results["arms"] if "differences" in arm]
    synthetic = [arm for arm in others if arm["by_origin"].get("synthetic")] or others
    if not synthetic:
        return None
    return max(synthetic, key=lambda arm: sum(run["validation_macro_f1"] for run in arm["runs"]))


def adapter_course(results: Results) -> dict[str, Any]:
    """How the adapter's training went; empty where no adapter was trained."""
    made = results["synthesis"]
    return made["adapter_course"] if made else {"training": [], "validation": [], "previews": []}


def doses(results: Results) -> list[tuple[float, dict[str, Any]]]:
    """(share of synthetic images, differences by task) of the arms that differ from the baseline in that share alone,
    smallest first; none where there are fewer than two.
    """
    found = [
        (arm["share_reached"], arm["differences"]["macro_f1"])
        for arm in results["arms"]
        if "differences" in arm and arm["by_origin"].get("synthetic") and not arm["training"]
    ]
    return sorted(found, key=lambda each: each[0]) if len({share for share, _ in found}) > 1 else []


def worths(results: Results) -> tuple[list[tuple[int, float]], dict[str, float]]:
    """Gains in mean macro-F1: (photographs given back, gain), and by arm those that are measured in photographs."""
    gains = {
        arm["name"]: arm["differences"]["macro_f1"]["mean"]["mean"]
        for arm in results["arms"]
        if "mean" in arm.get("differences", {}).get("macro_f1", {})
    }
    given = [(arm["given_back"], gains[arm["name"]]) for arm in results["arms"] if arm.get("given_back")]
    return given, {arm["name"]: gains[arm["name"]] for arm in results["arms"] if arm.get("worth")}


def _differences(results: Results) -> str:
    rows = [
        (name, arm["name"], d["mean"], d["low"], d["high"])
        for arm in results["arms"]
        if "differences" in arm
        for name, d in arm["differences"]["macro_f1"].items()
    ]
    return plots.differences(rows) if rows else ""


def _stability(epochs: dict[str, list[list[dict[str, Any]]]]) -> str:
    losses = {arm: [[epoch["training_loss"] for epoch in run] for run in runs] for arm, runs in epochs.items()}
    shortest = min((len(run) for runs in losses.values() for run in runs), default=0)
    window = min(_WINDOW, shortest // 2)
    return figures.loss_variance(losses, window) if window >= 2 else ""


def _rarest(results: Results) -> str:
    """Of the synthetic arm that is shown against the baseline."""
    other = best_other(results)
    if other is None or not other["by_origin"].get("synthetic") or not other.get("tail"):
        return ""
    rows = other["tail"]["rarest"]
    counts = {origin: [row[origin] for row in rows] for origin in ("real", "augmented", "synthetic")}
    return figures.rarest([combination_words(results, row["labels"]) for row in rows], counts)


def _groups(results: Results) -> str:
    arms = [arm["name"] for arm in results["arms"] if arm.get("groups")]
    rows = [
        (task, group, arm["name"], arm["groups"][task][group])
        for task in next((arm["groups"] for arm in results["arms"] if arm.get("groups")), {})
        for group in ("minority", "majority")
        for arm in results["arms"]
        if group in arm.get("groups", {}).get(task, {})
    ]
    return figures.groups(rows, arms) if rows else ""


def _reliability(results: Results) -> str:
    tasks: dict[str, dict[str, Any]] = {}
    for arm in results["arms"]:
        for task, found in arm.get("certainty", {}).items():
            tasks.setdefault(task, {})[arm["name"]] = found["reliability"]
    return figures.reliability(tasks) if tasks else ""


def _worth(results: Results) -> str:
    given, gains = worths(results)
    return figures.worth(given, gains) if given and np.isfinite([gain for _, gain in given]).all() else ""


def _by_class(results: Results, measured: list[int]) -> dict[str, dict[str, str]]:
    """`classes` and `confusion`, by task."""
    arms, base, other = results["arms"], results["arms"][0], best_other(results)
    drawn: dict[str, dict[str, str]] = {"classes": {}, "confusion": {}}
    for i in measured:
        task = results["taxonomy"]["tasks"][i]
        name = task["name"]
        present = [c for c, n in enumerate(base["tasks"][i]["support"]) if n]
        drawn["classes"][name] = plots.class_scores(
            [task["names"][c] for c in present],
            [base["tasks"][i]["support"][c] for c in present],
            {a["name"]: [a["tasks"][i]["class_f1"][c] for c in present] for a in arms},
            name,
        )
        if other is None:
            continue
        pair = [arm["tasks"][i]["confusion"] for arm in (base, other)]
        met = [c for c in range(len(task["codes"])) if any(any(m[c]) or any(row[c] for row in m) for m in pair)]
        if len(met) <= _CONFUSION_LIMIT:
            left, right = ([[matrix[row][column] for column in met] for row in met] for matrix in pair)
            names = [task["names"][c] for c in met]
            drawn["confusion"][name] = plots.confusion_matrices(names, left, right, (base["name"], other["name"]), name)
    return drawn


def combination_words(results: Results, labels: dict[str, str | None]) -> str:
    """E.g. `Yuan, Jun, moon white, vase`."""
    names = {t["name"]: dict(zip(t["codes"], t["names"], strict=True)) for t in results["taxonomy"]["tasks"]}
    return ", ".join(names[task].get(code, code) for task, code in labels.items() if code is not None and task in names)
