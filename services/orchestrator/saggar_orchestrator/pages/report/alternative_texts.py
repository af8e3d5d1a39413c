"""What the plots show, in words, for those who cannot see them."""

from __future__ import annotations

from typing import Any

from saggar_orchestrator.pages.language import Language, signed
from saggar_orchestrator.pages.report.drawn import embedding_plot
from saggar_orchestrator.pages.report.drawn.drawing import adapter_course, best_other, doses, worths

Results = dict[str, Any]


def alternative_texts(results: Results, tongue: Language) -> dict[str, Any]:
    """By the names of `drawing.draw`."""
    arms, best = results["arms"], best_other(results)
    means = ", ".join(f"{arm['name']} {arm['mean_macro_f1']['mean']:.3f}" for arm in arms)
    gini = ", ".join(f"{arm['name']} {arm['imbalance']['gini']:.3f}" for arm in arms)
    learnt = "; ".join(
        tongue.say(
            "%(arm)s kept epochs %(epochs)s",
            arm=arm["name"],
            epochs=", ".join(str(run["best_epoch"]) for run in arm["runs"]),
        )
        for arm in arms
    )
    tasks = results["taxonomy"]["tasks"]
    return {
        "scores": tongue.say(
            "Bars of test macro-F1 per task; the table above has them. Means of the tasks: %(means)s.", means=means
        ),
        "differences": tongue.say(
            "Differences to the baseline with their intervals: %(rows)s", rows=_differences(results, tongue)
        ),
        "lorenz": tongue.say("Lorenz curves of training images over combinations. Gini: %(gini)s.", gini=gini),
        "learning": tongue.say("Training loss and validation macro-F1 by epoch. %(kept)s.", kept=learnt),
        "tasks": tongue.say("Validation macro-F1 by epoch, a panel per task."),
        "stability": tongue.say("Variance of the training loss over a window of epochs, a line per training set."),
        "embedding": {
            arm["name"]: embedding_plot.embedding_words(arm["screening"]["embedding"], tongue)
            for arm in arms
            if (arm["screening"] or {}).get("embedding")
        },
        "adapter": _losses(adapter_course(results), tongue),
        "rarest": _rarest(best, tongue),
        "groups": tongue.say("Gains of rarer and commoner classes with intervals; the table below has them."),
        "reliability": _reliability(results, tongue),
        "doses": _doses(results, tongue),
        "worth": _worth(results, tongue),
        "classes": {task["name"]: _classes(arms, i, task, tongue) for i, task in enumerate(tasks)},
        "confusion": {
            task["name"]: tongue.say(
                "Confusion matrices of %(task)s. %(arms)s.",
                task=tongue.task(task["name"]),
                arms="; ".join(_confused(arm, i, task, tongue) for arm in (arms[0], best)),
            )
            for i, task in enumerate(tasks)
            if best is not None
        },
    }


def _differences(results: Results, tongue: Language) -> str:
    return "; ".join(
        f"{arm['name']}, {tongue.task(name)}{tongue.colon}{signed(row['mean'])}"
        + (f" ({tongue.between(row)})" if row["low"] is not None else "")
        for arm in results["arms"]
        for name, row in arm.get("differences", {}).get("macro_f1", {}).items()
    )


def _losses(course: dict[str, Any], tongue: Language) -> str:
    named = (
        ("Training loss of the adapter: %(a)s at step %(b)s, %(c)s at step %(d)s.", course["training"]),
        ("Held-out loss of the adapter: %(a)s at step %(b)s, %(c)s at step %(d)s.", course["validation"]),
    )
    return " ".join(
        tongue.text(text)
        % {
            "a": f"{points[0][1]:.3f}",
            "b": f"{points[0][0]:,}",
            "c": f"{points[-1][1]:.3f}",
            "d": f"{points[-1][0]:,}",
        }
        for text, points in named
        if points
    )


def _rarest(best: Any, tongue: Language) -> str:
    if best is None or not best.get("tail"):
        return ""
    rows = best["tail"]["rarest"]
    return tongue.say(
        "Training images of the %(n)s rarest combinations in %(arm)s: %(real)s real, %(augmented)s augmented and "
        "%(synthetic)s synthetic ones.",
        n=len(rows),
        arm=best["name"],
        **{origin: f"{sum(row[origin] for row in rows):,}" for origin in ("real", "augmented", "synthetic")},
    )


def _reliability(results: Results, tongue: Language) -> str:
    rows = [
        f"{arm['name']}, {tongue.task(task)}{tongue.colon}{found['expected_error']['mean']:.3f}"
        for arm in results["arms"]
        for task, found in arm.get("certainty", {}).items()
    ]
    return tongue.say("Reliability diagrams. Expected calibration error: %(rows)s", rows="; ".join(rows))


def _doses(results: Results, tongue: Language) -> str:
    points = ", ".join(f"{share:.1%}{tongue.colon}{signed(rows['mean']['mean'])}" for share, rows in doses(results))
    return tongue.say("Difference to the baseline by the share of synthetic images; mean of tasks: %(p)s", p=points)


def _worth(results: Results, tongue: Language) -> str:
    given, gains = worths(results)
    return tongue.say(
        "Gain by photographs given back: %(given)s; gains of arms: %(gains)s",
        given=", ".join(f"{n:,}{tongue.colon}{signed(gain)}" for n, gain in sorted(given)),
        gains=", ".join(f"{name} {signed(gain)}" for name, gain in gains.items()),
    )


def _classes(arms: list[dict[str, Any]], index: int, task: dict[str, Any], tongue: Language) -> str:
    base = arms[0]["tasks"][index]
    rows = [
        f"{name} (n = {n}) " + ", ".join(f"{arm['tasks'][index]['class_f1'][c]:.2f}" for arm in arms)
        for c, (name, n) in enumerate(zip(task["names"], base["support"], strict=True))
        if n
    ]
    return tongue.say(
        "Test F1 per class of %(task)s, for %(arms)s: %(rows)s",
        task=tongue.task(task["name"]),
        arms=tongue.listed([arm["name"] for arm in arms]),
        rows="; ".join(rows),
    )


def _confused(arm: dict[str, Any], index: int, task: dict[str, Any], tongue: Language) -> str:
    """Right and commonest wrong answers of one arm."""
    matrix = arm["tasks"][index]["confusion"]
    hits, total = sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))
    wrong = max(
        ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n),
        default=None,
    )
    text = tongue.say("%(arm)s: %(hits)s of %(total)s right", arm=arm["name"], hits=f"{hits:,}", total=f"{total:,}")
    if wrong is None:
        return text
    count, true, said = wrong
    return text + tongue.say(
        ", most often %(true)s taken for %(said)s (%(n)s)",
        true=task["names"][true],
        said=task["names"][said],
        n=f"{count:,}",
    )
