"""The comparison of arms in words and cells: the same on the command line and in the report."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]
WORDS = {"helped": "helped", "worse": "made worse", "unclear": "the data cannot tell"}


def headline(results: Results) -> str:
    """What was compared, on how much."""
    test, seeds = results["data"]["splits"]["test"], len(results["settings"]["seeds"])
    runs = "1 training seed" if seeds == 1 else f"mean of {seeds} training seeds"
    return f"{results['experiment']['title']}: test split of {test:,} photographs, {runs}"


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """A row per arm: share of synthetic images reached, macro-F1 / accuracy per task, mean macro-F1."""
    tasks = [task["name"] for task in results["taxonomy"]["tasks"]]
    columns = ["arm (macro-F1 / accuracy)", "synthetic", *tasks, "mean macro-F1"]
    rows = []
    for arm in results["arms"]:
        synthetic = arm["by_origin"].get("synthetic", 0)
        share = f"{synthetic:,} = {arm['share_reached']:.1%}" if synthetic else "none"
        cells = [
            f"{t['macro_f1']['mean']:.3f} / {t['accuracy']['mean']:.3f}" if t["n"] else "no labels"
            for t in arm["tasks"]
        ]
        rows.append([arm["name"], share, *cells, with_spread(arm["mean_macro_f1"])])
    counts = [f"n = {task['n']:,}" for task in results["arms"][0]["tasks"]]
    return columns, [*rows, ["test photographs with a label", "", *counts, ""]]


def sentences(results: Results) -> list[str]:
    """For every arm and task, whether synthetic images helped, in plain words with the interval."""
    return [
        f"{arm['name']}, {name}: {verdict(difference)}"
        for arm in results["arms"]
        if "differences" in arm
        for name, difference in arm["differences"]["macro_f1"].items()
    ]


def verdict(difference: dict[str, Any]) -> str:
    """E.g. `the data cannot tell (+0.012 macro-F1, 95 % interval -0.020 to +0.044)`."""
    interval = f"95 % interval {difference['low']:+.3f} to {difference['high']:+.3f}"
    return f"{WORDS[difference['verdict']]} ({difference['mean']:+.3f} macro-F1, {interval})"


def with_spread(value: dict[str, float | None]) -> str:
    """E.g. `0.812 ± 0.010`; without seeds to spread over, the mean alone."""
    return f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ± {value['sd']:.3f}")
