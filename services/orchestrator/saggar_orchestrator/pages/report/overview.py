"""The first screen: a sentence and a figure per task, what the paper's framework advises, what the data cannot show."""

from __future__ import annotations

from typing import Any

from saggar_orchestrator.findings.wording import unused
from saggar_orchestrator.pages.language import Language, signed
from saggar_orchestrator.pages.plots import LEAST_REACH
from saggar_orchestrator.pages.report.drawn import figures

Results = dict[str, Any]
_FEW_TEST = 10  # test photographs of a class, below which its F1 says little

ADVICE = {
    "generate": "generate images for its rare classes",
    "try": "try it, and measure",
    "leave out": "keep generated images away from it",
    "not needed": "not needed",
    "not now": "not now",
    "cannot tell": "no advice",
}


def task_views(results: Results, tongue: Language) -> list[dict[str, Any]]:
    """Of every task with labels, and of their mean: `name`, `sentence`, `advice`, `figure`, and the figure in words."""
    arms = [arm for arm in results["arms"] if "differences" in arm]
    uncompared = [
        f"{arm['name']}{tongue.colon}{tongue.text(why)}{tongue.stop}" for arm in results["arms"] if (why := unused(arm))
    ]
    if not arms and not uncompared:
        return []
    advised = {one["task"]: one for one in (results.get("advice") or {}).get("tasks", ())}
    numbers = [
        value
        for arm in arms
        for row in arm["differences"]["macro_f1"].values()
        for value in (row["mean"], row["low"], row["high"])
        if value is not None
    ]
    reach = max(LEAST_REACH, 1.05 * max(map(abs, numbers), default=0.0))
    views = []
    for task in [*(one["task"] for one in results["arms"][0]["tasks"] if one["n"]), "mean"]:
        rows = [(arm["name"], arm["differences"]["macro_f1"][task]) for arm in arms]
        said = [*([sentence(rows, tongue)] if rows else []), *uncompared]
        views.append(
            {
                "name": task,
                "sentence": " ".join(said),
                "advice": advice_words(advised[task], tongue) if task in advised else "",
                "figure": figures.intervals_of_task(task, rows, reach) if rows else "",
                "words": "; ".join(f"{name} {_numbers(row, tongue)}" for name, row in rows),
            }
        )
    return views


def sentence(rows: list[tuple[str, dict[str, Any]]], tongue: Language) -> str:
    """What the data say of one task: settled arms with their numbers, then all that is open in one clause."""
    parts = []
    for verdict, text in (("helped", "%(arm)s helped: %(numbers)s"), ("worse", "%(arm)s made it worse: %(numbers)s")):
        parts += [
            tongue.text(text) % {"arm": name, "numbers": _numbers(row, tongue)}
            for name, row in rows
            if row["verdict"] == verdict
        ]
    same = [name for name, row in rows if row["verdict"] == "same"]
    if same:
        margin = f"{rows[0][1]['margin']:.3f}"
        parts.append(
            tongue.say("%(arms)s: no difference larger than %(margin)s", arms=tongue.listed(same), margin=margin)
        )
    unclear = [(name, row) for name, row in rows if row["verdict"] == "unclear"]
    if unclear:
        found = [row["smallest_difference"] for _, row in unclear if row["smallest_difference"] is not None]
        if len(unclear) == len(rows):
            parts.append(tongue.say("no training set is shown to differ from the baseline"))
        else:
            parts.append(tongue.say("the other training sets are not shown to differ"))
        if found:
            parts.append(tongue.say("differences below %(least)s could not be found", least=f"{max(found):.3f}"))
        else:
            parts.append(tongue.say("too few seeds or test objects to find any"))
    return tongue.joined(parts)


def advice_words(advice: dict[str, Any], tongue: Language) -> str:
    """E.g. `keep generated images away from it: surface tells its classes, and generators smooth surfaces`."""
    counts = {"few": advice["few"], "classes": advice["classes"]}
    why = {
        "generate": tongue.say(
            "form tells its classes, and %(few)s of %(classes)s have fewer than 100 training photographs", **counts
        ),
        "try": tongue.say(
            "form is only part of what tells its classes; %(few)s of %(classes)s have fewer than 100 training "
            "photographs",
            **counts,
        ),
        "leave out": tongue.say("surface tells its classes, and generators smooth surfaces"),
        "not needed": tongue.say("every class has 100 training photographs or more"),
        "not now": tongue.say("nobody who knows the wares has checked the generated images"),
        "cannot tell": tongue.say("the taxonomy does not say what tells its classes, or only one class is there"),
    }[advice["verdict"]]
    return f"{tongue.text(ADVICE[advice['verdict']])}{tongue.colon}{why}"


def limits(results: Results, names: dict[tuple[str, str], str], tongue: Language) -> list[str]:
    """What these data cannot show, a sentence each."""
    evidence, found = results["evidence"], []
    rows = [row for arm in results["arms"] for row in arm.get("differences", {}).get("macro_f1", {}).values()]
    if evidence["seeds"] < 3:
        found.append(tongue.say("Any difference: with fewer than three seeds, luck and gain look alike."))
    elif least := [
        row["smallest_difference"] for row in rows if row["smallest_difference"] is not None and not row["identical"]
    ]:
        found.append(
            tongue.say(
                "Small differences: %(objects)s test objects and %(seeds)s seeds find differences of %(low)s to "
                "%(high)s macro-F1, depending on the task, and none below (80 %% power).",
                objects=f"{evidence['objects']:,}",
                seeds=evidence["seeds"],
                low=f"{min(least):.3f}",
                high=f"{max(least):.3f}",
            )
        )
    if rows:
        found.append(tongue.say("What another split, another adapter or another set of generated images would give."))
    if results["data"]["source"].get("kind") == "kilnsim":
        found.append(tongue.say("Anything about photographs of real pieces: these are drawn by kilnsim."))
    if few := _thin_classes(results, names, tongue):
        found.append(
            tongue.say(
                "Single classes with fewer than %(few)s test photographs: %(classes)s.", few=_FEW_TEST, classes=few
            )
        )
    if results["synthesis"] and not results["reviews"]:
        found.append(tongue.say("Whether generated pieces are historically right: no person has reviewed the images."))
    return found


def _thin_classes(results: Results, names: dict[tuple[str, str], str], tongue: Language) -> str:
    thin = [
        f"{names[task['name'], code]} ({n})"
        for task, scores in zip(results["taxonomy"]["tasks"], results["arms"][0]["tasks"], strict=True)
        for code, n in zip(task["codes"], scores["support"], strict=True)
        if 0 < n < _FEW_TEST
    ]
    shown = tongue.listed(thin[:12]) if thin else ""
    more = tongue.say(" and %(n)s more", n=len(thin) - 12) if len(thin) > 12 else ""
    return shown + more


def _numbers(row: dict[str, Any], tongue: Language) -> str:
    interval = f" ({tongue.between(row)})" if row["low"] is not None else ""
    return f"{signed(row['mean'])}{interval}"
