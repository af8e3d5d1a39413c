"""The report: one HTML file that needs nothing else, made from results.json and pictures in the store."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from saggar_orchestrator.findings import wording
from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.language import Language, language, signed
from saggar_orchestrator.pages.page import render_page, zoomable
from saggar_orchestrator.pages.report import besides, overview, paper, pictures
from saggar_orchestrator.pages.report.alternative_texts import alternative_texts
from saggar_orchestrator.pages.report.drawn.drawing import best_other, combination_words, draw
from saggar_orchestrator.pages.report.methods import methods_text, provenance

Results = dict[str, Any]


def render(
    results: Results,
    picture: Callable[[str], bytes],
    tongue: Language | None = None,
    class_names: dict[tuple[str, str], str] | None = None,
    explain: pictures.Explain | None = None,
) -> str:
    """The page. `picture` gives the bytes of an image by its store key; `class_names`: by task and code, in place of
    the English names in the results; `explain`: what speaks for a classifier's answers, as `pictures.Explain`.
    """
    tongue = tongue or language("en")
    results = _renamed(_whole(results), class_names or {})
    names = _names_of(results)
    results = results | {"arms": [_with_statistics(arm, names) for arm in results["arms"]]}
    weights = {"imagenet": "from ImageNet", "file": "from a file", "random": "random"}
    with plots.in_language(tongue.text):
        drawn = draw(results)
        views = overview.task_views(results, tongue)
    screened = _screened(results, tongue)
    unused = {arm["name"]: tongue.text(why) for arm in results["arms"] if (why := wording.unused(arm))}
    values = {
        "r": results,
        "arms": results["arms"],
        "compared": sum(arm["name"] not in unused for arm in results["arms"]),
        "others": [arm for arm in results["arms"] if "differences" in arm],
        "tasks": results["taxonomy"]["tasks"],
        "task_list": tongue.listed([tongue.task(task["name"]) for task in results["taxonomy"]["tasks"]]),
        "language": tongue,
        "colon": tongue.colon.strip(),
        "stop": tongue.stop,
        "comma": ", " if tongue.code == "en" else "、",
        "initial_weights": tongue.text(weights[results["settings"]["initial_weights"]]),
        "views": views,
        "limits": overview.limits(results, names, tongue),
        "summary": _summary(results, tongue),
        "unused": unused,
        "plots": drawn,
        "previews": pictures.previews(results, picture),
        "grid": pictures.grid(results, picture),
        "gallery": pictures.gallery(results, picture, tongue),
        "cases": pictures.cases(results, picture, explain),
        "combination_words": lambda labels: combination_words(results, labels),
        "best": best_other(results),
        "said": alternative_texts(results, tongue),
        "screened": screened,
        "distances": _distances(screened),
        "rules": tongue.rules(results),
        "class_name": lambda task, code: names[task, code],
        "pair_words": lambda first, second: _pair_words(results, first, second),
        "beside": besides.beside_the_paper(results),
        "milestones": besides.milestones(results),
        "advice_names": overview.ADVICE,
        "paper_groups": paper.GROUPS,
        "judged_right": paper.JUDGED_RIGHT,
        "paper_passed": paper.PASSED,
        "paper_screened": paper.SCREENED,
        "zoomable": zoomable,
        "warnings": [tongue.warning(_with_names(text, names, tongue)) for text in results["warnings"]],
        "methods": methods_text(results, tongue),
        "provenance": provenance(results),
    }
    return render_page("report.html", values, _filters(tongue), tongue)


def _filters(tongue: Language) -> dict[str, Callable[..., str]]:
    return {
        "score": _score,
        "dash": lambda value, form: "–" if value is None else format(value, form),
        "signed": signed,
        "between": tongue.between,
        "verdict": tongue.verdict,
        "needed": tongue.needed,
        "task": tongue.task,
        "reason": tongue.reason,
        "percent": lambda value: f"{value:.1%}",
        "points": lambda value: f"{100 * value:+.1f}".replace("-", "−"),
        "count": lambda value: f"{value:,}",
        "duration": _duration,
    }


def _with_names(warning: str, names: dict[tuple[str, str], str], tongue: Language) -> str:
    """The trainer's warning of classes that it had no photograph of, with their names for codes."""
    found = re.fullmatch(r"(\S+): no training image of (.+); the model cannot know them", warning)
    if not found:
        return warning
    task, codes = found.groups()
    comma = ", " if tongue.code == "en" else "、"
    return warning.replace(codes, comma.join(names.get((task, code), code) for code in codes.split(", ")))


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


def _screened(results: Results, tongue: Language) -> list[dict[str, Any]]:
    """An entry per set of screened images: arms that differ only in how they learn from them share one. `first`: the
    first of these arms.
    """
    sets: list[dict[str, Any]] = []
    for arm in results["arms"]:
        if arm["screening"] is None:
            continue
        same = next((one for one in sets if one["screening"] == arm["screening"]), None)
        if same is None:
            sets.append({"first": arm["name"], "arms": [arm["name"]], **{k: arm[k] for k in ("screening", "glazes")}})
        else:
            same["arms"].append(arm["name"])
    return [one | {"name": tongue.listed(one["arms"])} for one in sets]


def _distances(screened: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per set and extractor, with the warnings that belong to its values."""
    rows = []
    for one in screened:
        every = (one["screening"].get("measures"), *one["screening"].get("other_measures", ()))
        rows += [{"arm": one["name"], **measures} for measures in every if measures]
    return rows


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


def _pair_words(results: Results, first: dict[str, str | None], second: dict[str, str | None]) -> str:
    names = {t["name"]: dict(zip(t["codes"], t["names"], strict=True)) for t in results["taxonomy"]["tasks"]}
    differing = {t: (first[t], second.get(t)) for t in first if first[t] != second.get(t)}
    words = ", ".join(f"{names[t].get(a, 'unknown')} / {names[t].get(b, 'unknown')}" for t, (a, b) in differing.items())
    common = combination_words(results, {t: code for t, code in first.items() if t not in differing})
    return f"{words} ({common})" if common else words


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _whole(results: Results) -> Results:
    """`results` with what some arms, or some experiments, do not have, as if it had not been found."""
    lacking: dict[str, Any] = {"groups": {}, "certainty": {}, "novelty": [], "tail": None, "worth": None}
    return {"advice": None} | results | {"arms": [lacking | arm for arm in results["arms"]]}
