"""The report: one HTML file that needs nothing else, made from results.json and pictures in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saggar_orchestrator.findings import wording
from saggar_orchestrator.pages import embedding_plot, plots
from saggar_orchestrator.pages.language import Language, language, signed
from saggar_orchestrator.pages.methods import methods_text, provenance
from saggar_orchestrator.pages.page import render_page, thumbnail

Results = dict[str, Any]
_PREVIEWS = 8  # steps of the adapter's training that are shown, the first and the last among them
_CONFUSION_LIMIT = 24  # classes; more would not be readable side by side


def render(
    results: Results,
    picture: Callable[[str], bytes],
    tongue: Language | None = None,
    class_names: dict[tuple[str, str], str] | None = None,
) -> str:
    """The page. `picture` gives the bytes of an image by its store key; `class_names`: by task and code, in place of
    the English names in the results.
    """
    tongue = tongue or language("en")
    results = _renamed(results, class_names or {})
    names = _names_of(results)
    results = results | {"arms": [_with_statistics(arm, names) for arm in results["arms"]]}
    filters: dict[str, Callable[..., str]] = {
        "score": _score,
        "dash": lambda value, form: "–" if value is None else format(value, form),
        "signed": signed,
        "between": tongue.between,
        "verdict": tongue.verdict,
        "needed": tongue.needed,
        "task": tongue.task,
        "reason": tongue.reason,
        "percent": lambda value: f"{value:.1%}",
        "count": lambda value: f"{value:,}",
        "duration": _duration,
    }
    weights = {"imagenet": "from ImageNet", "file": "from a file", "random": "random"}
    with plots.in_language(tongue.text):
        drawn = draw(results)
    values = {
        "r": results,
        "arms": results["arms"],
        "others": [arm for arm in results["arms"] if "differences" in arm],
        "tasks": results["taxonomy"]["tasks"],
        "task_list": tongue.listed([tongue.task(task["name"]) for task in results["taxonomy"]["tasks"]]),
        "language": tongue,
        "colon": ":" if tongue.code == "en" else "：",
        "initial_weights": tongue.text(weights[results["settings"]["initial_weights"]]),
        "summary": _summary(results, tongue),
        "plots": drawn,
        "previews": _previews(results, picture),
        "grid": [_pictured(results, entry, picture) for entry in results["pictures"]["grid"]],
        "combination_words": lambda labels: _words(results, labels),
        "best": _best_other(results),
        "said": _said(results),
        "distances": _distances(results),
        "rules": tongue.rules(results),
        "class_name": lambda task, code: names[task, code],
        "pair_words": lambda first, second: _pair_words(results, first, second),
        "methods": methods_text(results),
        "provenance": provenance(results),
    }
    return render_page("report.html", values, filters, tongue)


def _renamed(results: Results, class_names: dict[tuple[str, str], str]) -> Results:
    """`results` with other names of classes."""
    if not class_names:
        return results
    tasks = [
        task
        | {
            "names": [
                class_names.get((task["name"], code), name)
                for code, name in zip(task["codes"], task["names"], strict=True)
            ]
        }
        for task in results["taxonomy"]["tasks"]
    ]
    return results | {"taxonomy": results["taxonomy"] | {"tasks": tasks}}


def _with_statistics(arm: dict[str, Any], named: dict[tuple[str, str], str]) -> dict[str, Any]:
    """`arm` with classes by name in the statistics of its screening."""
    if arm["screening"] is None:
        return arm | {"glazes": {}}
    screening = dict(arm["screening"])
    if screening["combinations"]:
        screening["combinations"] = [_named(each, named) for each in screening["combinations"]]
    if screening["embedding"]:
        clusters = [_named(each, named) for each in screening["embedding"]["clusters"]]
        screening["embedding"] = screening["embedding"] | {"clusters": clusters}
    by_code = {code: name for (_, code), name in named.items()}
    glazes = {
        by_code.get(code, code): found for code, found in (screening["texture"] or {}).get("by_glaze", {}).items()
    }
    return arm | {"screening": screening, "glazes": glazes}


def _names_of(results: Results) -> dict[tuple[str, str], str]:
    """Names of classes by task and code."""
    return {
        (task["name"], code): name
        for task in results["taxonomy"]["tasks"]
        for code, name in zip(task["codes"], task["names"], strict=True)
    }


def _named(entry: dict[str, Any], names: dict[tuple[str, str], str]) -> dict[str, Any]:
    """`entry` with the names of its combination's classes, which the qc service gives as codes."""
    by_code = {code: name for (_, code), name in names.items()}
    words = [by_code.get(code, code) for code in entry["combination"].split(", ")]
    return entry | {"combination": ", ".join(words)}


def draw(results: Results) -> dict[str, Any]:
    """Every plot of the report, as SVG, by what it shows."""
    arms = results["arms"]
    measured = [i for i, task in enumerate(arms[0]["tasks"]) if task["n"]]
    names = [results["taxonomy"]["tasks"][i]["name"] for i in measured]

    def scores(arm: dict[str, Any]) -> list[dict[str, Any]]:
        return [*(arm["tasks"][i]["macro_f1"] for i in measured), arm["mean_macro_f1"]]

    drawn: dict[str, Any] = {
        "scores": plots.scores_by_task(
            [*names, "mean"],
            {a["name"]: [score["mean"] for score in scores(a)] for a in arms},
            {a["name"]: [score["sd"] or 0 for score in scores(a)] for a in arms},
        ),
        "lorenz": plots.lorenz_curves({a["name"]: a["lorenz"] for a in arms}),
        "learning": plots.learning_curves({a["name"]: [run["epochs"] for run in a["runs"]] for a in arms}),
        "tasks": plots.task_curves(names, {a["name"]: [run["epochs"] for run in a["runs"]] for a in arms}),
    }
    rows = [
        (name, arm["name"], d["mean"], d["low"], d["high"])
        for arm in arms
        if "differences" in arm
        for name, d in arm["differences"]["macro_f1"].items()
    ]
    course = _course(results)
    drawn["adapter"] = plots.adapter_losses(course["training"], course["validation"])
    drawn["differences"] = plots.differences(rows) if rows else ""
    drawn["embedding"] = {
        arm["name"]: embedding_plot.embedding_map(arm["screening"]["embedding"], f"embedding-{number}")
        for number, arm in enumerate(arms)
        if (arm["screening"] or {}).get("embedding")
    }
    base, other = arms[0], _best_other(results)
    drawn["classes"], drawn["confusion"] = {}, {}
    for i, name in zip(measured, names, strict=True):
        task = results["taxonomy"]["tasks"][i]
        present = [c for c, n in enumerate(base["tasks"][i]["support"]) if n]
        drawn["classes"][name] = plots.class_scores(
            [task["names"][c] for c in present],
            [base["tasks"][i]["support"][c] for c in present],
            {a["name"]: [a["tasks"][i]["class_f1"][c] for c in present] for a in arms},
            name,
        )
        if other is not None and len(task["codes"]) <= _CONFUSION_LIMIT:
            drawn["confusion"][name] = plots.confusion_matrices(
                task["codes"],
                base["tasks"][i]["confusion"],
                other["tasks"][i]["confusion"],
                (base["name"], other["name"]),
                name,
            )
    return drawn


def _said(results: Results) -> dict[str, Any]:
    """What the plots show, in words, for those who cannot see them."""
    arms = results["arms"]
    means = ", ".join(f"{arm['name']} {arm['mean_macro_f1']['mean']:.3f}" for arm in arms)
    gini = ", ".join(f"{arm['name']} {arm['imbalance']['gini']:.3f}" for arm in arms)
    learnt = "; ".join(
        f"{arm['name']} kept epochs {', '.join(str(run['best_epoch']) for run in arm['runs'])}" for arm in arms
    )
    best = _best_other(results)
    said: dict[str, Any] = {
        "scores": f"Bars of test macro-F1 per task; the table above has them. Means of the tasks: {means}.",
        "differences": "Differences to the baseline with their intervals: " + "; ".join(wording.sentences(results)),
        "lorenz": f"Lorenz curves of training images over combinations. Gini: {gini}.",
        "learning": f"Training loss and validation macro-F1 by epoch. {learnt}.",
        "tasks": "Validation macro-F1 by epoch, a panel per task.",
        "embedding": {
            arm["name"]: embedding_plot.embedding_words(arm["screening"]["embedding"])
            for arm in arms
            if (arm["screening"] or {}).get("embedding")
        },
        "adapter": _losses_in_words(_course(results)),
        "classes": {},
        "confusion": {},
    }
    for i, task in enumerate(results["taxonomy"]["tasks"]):
        said["classes"][task["name"]] = _classes_in_words(arms, i, task)
        if best is not None:
            said["confusion"][task["name"]] = (
                f"Confusion matrices of {task['name']}. "
                + "; ".join(_confused_in_words(arm, i, task) for arm in (arms[0], best))
                + "."
            )
    return said


def _losses_in_words(course: dict[str, Any]) -> str:
    return ". ".join(
        f"{name} loss of the adapter: {points[0][1]:.3f} at step {points[0][0]:,}, "
        f"{points[-1][1]:.3f} at step {points[-1][0]:,}"
        for name, points in (("Training", course["training"]), ("Held-out", course["validation"]))
        if points
    )


def _classes_in_words(arms: list[dict[str, Any]], index: int, task: dict[str, Any]) -> str:
    base = arms[0]["tasks"][index]
    rows = [
        f"{name} (n = {n}) " + ", ".join(f"{arm['tasks'][index]['class_f1'][c]:.2f}" for arm in arms)
        for c, (name, n) in enumerate(zip(task["names"], base["support"], strict=True))
        if n
    ]
    return f"Test F1 per class of {task['name']}, for {', '.join(arm['name'] for arm in arms)}: " + "; ".join(rows)


def _confused_in_words(arm: dict[str, Any], index: int, task: dict[str, Any]) -> str:
    """Right and commonest wrong answers of one arm."""
    matrix = arm["tasks"][index]["confusion"]
    hits, total = sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))
    wrong = max(
        ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n),
        default=None,
    )
    text = f"{arm['name']}: {hits:,} of {total:,} right"
    if wrong is None:
        return text
    count, true, said = wrong
    return f"{text}, most often {task['names'][true]} taken for {task['names'][said]} ({count:,})"


def _distances(results: Results) -> list[dict[str, Any]]:
    """A row per arm and extractor, with the warnings that belong to its values."""
    rows = []
    for arm in results["arms"]:
        screening = arm["screening"] or {}
        every = (screening.get("measures"), *screening.get("other_measures", ()))
        rows += [{"arm": arm["name"], **measures} for measures in every if measures]
    return rows


def _best_other(results: Results) -> Any:
    """The synthetic arm with the best mean validation score: what the baseline is shown against."""
    others = [arm for arm in results["arms"] if "differences" in arm]
    if not others:
        return None
    return max(others, key=lambda arm: sum(run["validation_macro_f1"] for run in arm["runs"]))


def _summary(results: Results, tongue: Language) -> list[dict[str, Any]]:
    """Per arm, the rows with a verdict one by one, and those that the data cannot tell together: said once."""
    summed = []
    for arm in results["arms"]:
        if "differences" not in arm:
            continue
        settled: list[dict[str, Any]] = []
        unsettled: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for name, row in arm["differences"]["macro_f1"].items():
            if row["verdict"] == "unclear":
                unsettled.setdefault(tongue.verdict(row), []).append((name, row))
            else:
                settled.append({"task": tongue.task(name), "found": row})
        summed.append(
            {
                "name": arm["name"],
                "settled": settled,
                "unsettled": [_unsettled(w, r, tongue) for w, r in unsettled.items()],
            }
        )
    return summed


def _unsettled(word: str, rows: list[tuple[str, dict[str, Any]]], tongue: Language) -> dict[str, Any]:
    """Rows without a verdict, with the range of their differences, and what the mean of tasks, or else the first,
    would need.
    """
    means = [row["mean"] for _, row in rows]
    needing = [row for name, row in sorted(rows, key=lambda each: each[0] != "mean") if row["needs"]]
    return {
        "word": word,
        "tasks": tongue.listed([tongue.task(name) for name, _ in rows]),
        "low": min(means),
        "high": max(means),
        "needs": needing[0] if needing else None,
    }


def _pictured(results: Results, entry: dict[str, Any], picture: Callable[[str], bytes]) -> dict[str, Any]:
    return {
        "words": _words(results, entry["labels"]),
        "real": [thumbnail(picture(key), key) for key in entry["real"]],
        "generated": [thumbnail(picture(key), key) for key in entry["generated"]],
    }


def _previews(results: Results, picture: Callable[[str], bytes]) -> list[dict[str, Any]]:
    """A row per prompt: some of the images made from it in the course of the adapter's training."""
    found = _course(results)["previews"]
    steps = sorted({one["step"] for one in found})
    last = len(steps) - 1
    shown = {steps[round(place * last / (_PREVIEWS - 1))] for place in range(_PREVIEWS)} if steps else set()
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        if one["step"] in shown:
            image = thumbnail(picture(one["image"]), one["image"])
            rows.setdefault(one["prompt"], []).append({"step": one["step"], "image": image})
    return [{"prompt": prompt, "images": images} for prompt, images in rows.items()]


def _course(results: Results) -> dict[str, Any]:
    """How the adapter's training went; empty where no adapter was trained."""
    made = results["synthesis"]
    return made["adapter_course"] if made else {"training": [], "validation": [], "previews": []}


def _words(results: Results, labels: dict[str, str | None]) -> str:
    """E.g. `Yuan, Jun, moon white, vase`."""
    names = {t["name"]: dict(zip(t["codes"], t["names"], strict=True)) for t in results["taxonomy"]["tasks"]}
    return ", ".join(names[task][code] for task, code in labels.items() if code is not None)


def _pair_words(results: Results, first: dict[str, str | None], second: dict[str, str | None]) -> str:
    names = {t["name"]: dict(zip(t["codes"], t["names"], strict=True)) for t in results["taxonomy"]["tasks"]}
    differing = {t: (first[t], second.get(t)) for t in first if first[t] != second.get(t)}
    words = ", ".join(f"{names[t].get(a, 'unknown')} / {names[t].get(b, 'unknown')}" for t, (a, b) in differing.items())
    common = _words(results, {t: code for t, code in first.items() if t not in differing})
    return f"{words} ({common})" if common else words


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
