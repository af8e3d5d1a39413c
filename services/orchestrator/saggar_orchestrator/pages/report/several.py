"""Several experiments beside one another on one page: each against its own baseline, and what may be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from saggar_orchestrator.findings.wording import unused
from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.language import Language, language, signed
from saggar_orchestrator.pages.page import render_page
from saggar_orchestrator.pages.plots import COLOURS, INK, PAPER, STYLE, as_svg, words

Results = Mapping[str, Any]


def render_several(every: Sequence[Results], tongue: Language | None = None) -> str:
    """The page; `every`: results.json of each, with at least one task in common."""
    tongue = tongue or language("en")
    with plots.in_language(tongue.text):
        drawn = draw_several(every)
    values = {
        "language": tongue,
        "colon": tongue.colon.strip(),
        "experiments": every,
        "tasks": common_tasks(every),
        "rows": list(rows_of(every)),
        "scores": list(scores_of(every)),
        "plots": drawn,
        "said": {task: _words(every, task, tongue) for task in drawn},
        "same_test": same_test(every),
        "remarks": _remarks(every, tongue),
    }
    filters: dict[str, Callable[..., str]] = {
        "score": lambda value: "–" if value is None else f"{value:.3f}",
        "signed": signed,
        "between": tongue.between,
        "verdict": tongue.verdict,
        "task": tongue.task,
        "count": lambda value: f"{value:,}",
        "percent": lambda value: f"{value:.1%}",
    }
    return render_page("several.html", values, filters, tongue)


def common_tasks(every: Sequence[Results]) -> list[str]:
    """Tasks with labelled test photographs in all of them, in the order of the first."""
    named = [[task["task"] for task in one["arms"][0]["tasks"] if task["n"]] for one in every]
    return [task for task in named[0] if all(task in names for names in named)]


def same_test(every: Sequence[Results]) -> bool:
    """Whether all were tested on the same photographs, split alike: only then do their scores compare directly."""
    return len({_test(one) for one in every}) == 1


def rows_of(every: Sequence[Results]) -> Iterator[dict[str, Any]]:
    """A row per experiment, arm, and common task or the mean: the difference to that experiment's baseline."""
    tasks = [*common_tasks(every), "mean"]
    for one in every:
        for arm in one["arms"]:
            for task in tasks:
                found = arm.get("differences", {}).get("macro_f1", {}).get(task)
                if found:
                    yield {
                        "experiment": one["experiment"]["name"],
                        "id": one["experiment"]["id"],
                        "arm": arm["name"],
                        "task": task,
                        "baseline": one["baseline"],
                        "share": arm["share_reached"],
                        "found": found,
                    }


def unused_of(every: Sequence[Results]) -> Iterator[tuple[Results, Mapping[str, Any], str]]:
    """(experiment, arm, why) of every arm that was not compared, for it got none of the images it was to have."""
    for one in every:
        for arm in one["arms"]:
            if why := unused(arm):
                yield one["experiment"], arm, why


def scores_of(every: Sequence[Results]) -> Iterator[dict[str, Any]]:
    """A row per experiment and arm: macro-F1 of the common tasks (their mean and s.d. over seeds)."""
    tasks = common_tasks(every)
    for one in every:
        for arm in one["arms"]:
            by_task = {task["task"]: task["macro_f1"] for task in arm["tasks"]}
            yield {
                "experiment": one["experiment"]["name"],
                "id": one["experiment"]["id"],
                "arm": arm["name"],
                "synthetic": arm["by_origin"].get("synthetic", 0),
                "seeds": len(one["settings"]["seeds"]),
                "scores": [by_task[task] for task in tasks],
                "models": [run["model_id"] for run in arm["runs"]],
            }


def draw_several(every: Sequence[Results]) -> dict[str, str]:
    """A forest of intervals per common task and for the mean."""
    rows = list(rows_of(every))
    found = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        found[task] = _forest(task, [row for row in rows if row["task"] == task])
    return found


def _forest(task: str, rows: Sequence[Mapping[str, Any]]) -> str:
    experiments = list(dict.fromkeys(row["id"] for row in rows))
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.6, 0.8 + 0.27 * len(rows)), layout="constrained")
        axes.axvline(0, color=INK, lw=0.8)
        for place, row in enumerate(rows):
            number, d = experiments.index(row["id"]), row["found"]
            colour, mark = COLOURS[number % 6], ("o", "D", "s", "^", "v", "P")[number % 6]
            if d["low"] is not None:
                axes.plot([d["low"], d["high"]], [place, place], color=colour, lw=2.2, solid_capstyle="butt")
            settled = d["verdict"] in {"helped", "worse"}
            axes.plot([d["mean"]], [place], mark, color=colour, ms=5.5, mfc=colour if settled else PAPER, mew=1.3)
            if place and rows[place - 1]["id"] != row["id"]:
                axes.axhline(place - 0.5, color=INK, lw=0.3, alpha=0.5)
        axes.set_yticks(range(len(rows)), [f"{row['experiment']}: {row['arm']}" for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(words("difference to its own baseline in test macro-F1 (95 % interval)"))
        return as_svg(figure, f"forest-{task}")


def _words(every: Sequence[Results], task: str, tongue: Language) -> str:
    return "; ".join(
        f"{row['experiment']}, {row['arm']}{tongue.colon}{signed(row['found']['mean'])}"
        + (f" ({tongue.between(row['found'])})" if row["found"]["low"] is not None else "")
        for row in rows_of(every)
        if row["task"] == task
    )


def _remarks(every: Sequence[Results], tongue: Language) -> list[str]:
    """What keeps the experiments from being compared, and what they share, a sentence each."""
    found = []
    if same_test(every):
        found.append(
            tongue.say("All were tested on the same photographs, so their scores may be compared with one another.")
        )
    else:
        found.append(
            tongue.say(
                "They were tested on different photographs: compare each arm with its own baseline, never scores of "
                "different experiments."
            )
        )
    for index, one in enumerate(every):
        for other in every[:index]:
            own, theirs = (
                {run["model_id"] for arm in results["arms"] for run in arm["runs"]} for results in (one, other)
            )
            if shared := len(own & theirs):
                found.append(
                    tongue.say(
                        "%(a)s and %(b)s share %(n)s trainings: what both say of these is one finding, not two.",
                        a=other["experiment"]["name"],
                        b=one["experiment"]["name"],
                        n=shared,
                    )
                )
    found += [
        f"{experiment['name']}, {arm['name']}{tongue.colon}{tongue.text(why)}{tongue.stop}"
        for experiment, arm, why in unused_of(every)
    ]
    found.append(
        tongue.say(
            "Verdicts are corrected within each experiment, not over all: the more of them, the more false ones."
        )
    )
    return found


def _test(results: Results) -> tuple[object, ...]:
    data = results["data"]
    source = tuple(sorted((name, str(value)) for name, value in data["source"].items()))
    folds = (data.get("folds"), tuple(data.get("leave_out") or ()), str(sorted(data["where"].items())))
    return source, data["split_seed"], data["splits"]["test"], *folds
