"""The tables of an experiment as plain values: what files of them are made from (`pages.exports`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saggar_orchestrator.findings.wording import unused
from saggar_orchestrator.pages.detail_tables import Cell, Table, detail_tables

Results = Mapping[str, Any]


def tables(results: Results) -> Iterator[Table]:
    """All tables that have rows, in the order of the report."""
    made = (
        _scores(results),
        _differences(results),
        _confused(results),
        _splits(results),
        _training_sets(results),
        _imbalance(results),
        _screening(results),
        _distances(results),
        _classes(results),
        _runs(results),
        _epochs(results),
        *detail_tables(results),
        _steps(results),
    )
    yield from (table for table in made if table.rows)


def _scores(results: Results) -> Table:
    """The paper's Table 14, with spread over seeds."""
    columns = ("arm", "task", "test_photographs", "seeds")
    scores = ("macro_f1", "accuracy", "top5", "weighted_f1", "minority_f1", "majority_f1")
    rows: list[tuple[Cell, ...]] = []
    for arm in results["arms"]:
        seeds = len(arm["runs"])
        for task in arm["tasks"]:
            if task["n"]:
                values = [_spread(task.get(score)) for score in scores]
                rows.append((arm["name"], task["task"], task["n"], seeds, *(cell for pair in values for cell in pair)))
        mean = arm["mean_macro_f1"]
        rest = _spread(arm.get("mean_accuracy"))
        rows.append((arm["name"], "mean", None, seeds, mean["mean"], mean["sd"], *rest, *[None] * 8))
    heads = tuple(head for score in scores for head in (score, f"{score}_sd"))
    return Table("scores", "Scores on the test split, mean and s.d. over seeds", columns + heads, tuple(rows))


def _spread(value: Mapping[str, Any] | None) -> tuple[Cell, Cell]:
    return (value["mean"], value["sd"]) if value else (None, None)


def _differences(results: Results) -> Table:
    columns = (
        "arm", "task", "macro_f1_difference", "low", "high", "p", "p_adjusted", "verdict", "share_of_better_runs",
        "accuracy_difference", "accuracy_low", "accuracy_high", "test_objects", "seeds",
    )  # fmt: skip
    rows = [
        (
            arm["name"],
            task,
            d["mean"],
            d["low"],
            d["high"],
            d.get("p"),
            d.get("p_adjusted"),
            d["verdict"],
            d.get("share_of_better"),
            a["mean"],
            a["low"],
            a["high"],
            d.get("objects"),
            d.get("seeds"),
        )
        for arm in results["arms"]
        for task, d in arm.get("differences", {}).get("macro_f1", {}).items()
        for a in (arm["differences"]["accuracy"][task],)
    ]
    rows += [
        (arm["name"], *(why if column == "verdict" else None for column in columns[1:]))
        for arm in results["arms"]
        if (why := unused(arm))
    ]
    return Table("differences", f"Differences to {results['baseline']}, with 95 % intervals", columns, tuple(rows))


def _confused(results: Results) -> Table:
    columns = ("arm", "task", "true", "taken_for", "photographs", "baseline_rate", "arm_rate", "change", "low", "high")
    rows = [
        (
            arm["name"],
            *(c.get(k) for k in ("task", "true", "taken_for", "images", "baseline", "arm", "change", "low", "high")),
        )
        for arm in results["arms"]
        for c in arm.get("confusions", ())
    ]
    return Table("confusions", "Classes that the baseline takes for one another", columns, tuple(rows))


def _splits(results: Results) -> Table:
    data = results["data"]
    rows = [(name, n, data["split_objects"][name]) for name, n in data["splits"].items()]
    return Table("splits", "Photographs and objects of the splits", ("split", "photographs", "objects"), tuple(rows))


def _training_sets(results: Results) -> Table:
    rows = [
        (
            arm["name"],
            *(arm["by_origin"].get(origin, 0) for origin in ("real", "augmented", "synthetic")),
            arm["training_images"],
            arm["share_asked"],
            arm["count_asked"],
            arm["share_reached"],
        )
        for arm in results["arms"]
    ]
    columns = ("arm", "real", "augmented", "synthetic", "in_all", "share_asked", "count_asked", "share_reached")
    return Table("training_sets", "Training sets by origin", columns, tuple(rows))


def _imbalance(results: Results) -> Table:
    """The paper's Table 10."""
    names = ("classes", "min", "max", "mean", "sd", "ratio", "variation", "gini", "entropy")
    rows = [(arm["name"], *(arm["imbalance"][name] for name in names)) for arm in results["arms"]]
    title = "Training images per combination of labels: how uneven they are"
    return Table("imbalance", title, ("arm", *names), tuple(rows))


def _screening(results: Results) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for arm in results["arms"]:
        if screening := arm["screening"]:
            rows.append((arm["name"], "passed", screening["accepted_count"]))
            rows += [(arm["name"], reason, n) for reason, n in screening["rejected_by_reason"].items()]
    return Table(
        "screening", "Generated images: passed, and rejected by reason", ("arm", "reason", "images"), tuple(rows)
    )


def _distances(results: Results) -> Table:
    names = (
        "extractor", "resize", "first_count", "second_count", "fid", "fid_infinity", "kid", "kid_low", "kid_high",
        "precision", "recall", "density", "coverage",
    )  # fmt: skip
    rows = [
        (arm["name"], *(measures.get(name) for name in names))
        for arm in results["arms"]
        if arm["screening"]
        for measures in (arm["screening"].get("measures"), *arm["screening"].get("other_measures", ()))
        if measures
    ]
    title = "Distances of generated images to real training photographs"
    return Table("distances", title, ("arm", *names), tuple(rows))


def _classes(results: Results) -> Table:
    """Per class: support, and precision, recall and F1 of every arm (paper, Tables 15 to 17)."""
    arms = results["arms"]
    heads = [f"{name}_{arm['name']}" for arm in arms for name in ("precision", "recall", "f1")]
    rows: list[tuple[Cell, ...]] = []
    for i, task in enumerate(results["taxonomy"]["tasks"]):
        support = arms[0]["tasks"][i]["support"]
        for c, (code, name) in enumerate(zip(task["codes"], task["names"], strict=True)):
            values = [
                of[c] if (of := arm["tasks"][i].get(f"class_{score}")) else None
                for arm in arms
                for score in ("precision", "recall", "f1")
            ]
            rows.append((task["name"], code, name, support[c], *values))
    return Table(
        "classes",
        "Scores per class on the test split",
        ("task", "code", "class", "test_photographs", *heads),
        tuple(rows),
    )


def _runs(results: Results) -> Table:
    columns = ("arm", "seed", "model", "kept_epoch", "epochs", "validation_macro_f1", "test_macro_f1")
    rows = [
        (
            arm["name"],
            run["seed"],
            run["model_id"],
            run["best_epoch"],
            len(run["epochs"]),
            run["validation_macro_f1"],
            run["test_mean_macro_f1"],
        )
        for arm in results["arms"]
        for run in arm["runs"]
    ]
    return Table("runs", "Trainings", columns, tuple(rows))


def _epochs(results: Results) -> Table:
    tasks = [task["name"] for task in results["taxonomy"]["tasks"]]
    columns = ("arm", "seed", "epoch", "training_loss", "validation_loss", "validation_macro_f1", *tasks)
    rows = [
        (
            arm["name"],
            run["seed"],
            epoch["epoch"],
            epoch.get("training_loss"),
            epoch.get("validation_loss"),
            epoch.get("validation_macro_f1"),
            *_by_task(epoch, tasks),
        )
        for arm in results["arms"]
        for run in arm["runs"]
        for epoch in run["epochs"]
    ]
    return Table("epochs", "Every epoch of every training", columns, tuple(rows))


def _by_task(epoch: Mapping[str, Any], tasks: Sequence[str]) -> list[Cell]:
    values = epoch.get("validation_macro_f1_by_task") or {}
    return [values.get(task) for task in tasks]


def _steps(results: Results) -> Table:
    rows = [
        (step["title"], step["seconds"], "yes" if step["reused"] else "no", step["step_id"])
        for step in results["steps"]
    ]
    return Table("steps", "Steps and their durations", ("step", "seconds", "reused", "step_id"), tuple(rows))
