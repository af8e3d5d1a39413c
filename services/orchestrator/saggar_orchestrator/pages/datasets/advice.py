"""Advice on a data set (`saggar.describing.advise`) in words that terminal and page share, and as a page."""

from __future__ import annotations

from typing import Any

import yaml
from saggar.describing.advise import FEW, PAPER, Advice, TaskAdvice, experiment_file
from saggar.describing.describe import BELOW, TO
from saggar.describing.power import smallest_difference

from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.names import Names
from saggar_orchestrator.pages.page import render_page

VERDICTS = {
    "generate": "generate images for its rare classes",
    "try": "try it, and measure",
    "leave out": "keep generated images away from it",
    "not needed": "not needed",
    "not now": "not now",
    "cannot tell": "cannot tell",
}
MET = {True: "met", False: "not met", None: "not known"}


def power_sentence(task: TaskAdvice, power: float) -> str:
    """What this task's test photographs can show."""
    if task.test_objects == 0:
        return "no object in the test split has a label: nothing can be measured"
    objects = f"{task.test_objects:,} test object{'' if task.test_objects == 1 else 's'} with a label"
    if task.smallest_difference is None:
        return (
            f"{objects}: too few to show any difference in accuracy ({power:.0%} power). An experiment could "
            "not tell whether it helped: label more photographs"
        )
    return (
        f"{objects}: they show differences in accuracy of {100 * task.smallest_difference:.1f} points or "
        f"more ({power:.0%} power)"
    )


def caveats(advice: Advice) -> tuple[str, ...]:
    """What the advice rests on, and how far that goes."""
    one_study = (
        "The framework rests on one study: one collection, one generator, each training set trained once. It "
        "is a reason to run an experiment, not a result."
    )
    needed = (
        f"A difference of {100 * advice.needed_for:.0f} points needs about {advice.needed_objects:,} "
        "labelled test objects: fewer where two classifiers disagree on fewer photographs, more where they "
        "disagree on more (--disagreement)."
    )
    counting = (
        "The framework counts samples after classical augmentation, which gives every rare combination "
        f"{TO}: so read, hardly a class has fewer than {FEW}. Here real training photographs are counted; "
        "the other number stands beside them."
    )
    return one_study, _study_power(advice), needed, counting


def _study_power(advice: Advice) -> str:
    reported = [seen for found in PAPER.values() for seen in found]
    gains = ", ".join(f"{seen.task} {100 * seen.accuracy:+.1f}".replace("-", "−") for seen in reported)
    smallest = advice.paper_smallest_difference
    if smallest is None:
        shown, reach = "no difference in accuracy at all", "none of them"
    else:
        shown = f"differences in accuracy of {100 * smallest:.1f} points or more"
        large = sum(abs(seen.accuracy) >= smallest for seen in reported)
        reach = f"{large or 'none'} of them"
    return (
        f"Its {advice.paper_test_images} test photographs show {shown} ({advice.power:.0%} power, where two "
        f"classifiers disagree on {advice.disagreement:.0%} of the photographs). It reports, in points, "
        f"{gains}: {reach} as large as that."
    )


def suggested_yaml(advice: Advice) -> str:
    """The part of an experiment file that follows the advice."""
    return str(yaml.safe_dump(experiment_file(advice), sort_keys=False, default_flow_style=None, width=100))


def render(dataset: str, advice: Advice, names: Names) -> str:
    """The page."""
    values = {
        "dataset": dataset,
        "a": advice,
        "names": names,
        "verdicts": VERDICTS,
        "met": MET,
        "caveats": caveats(advice),
        "power_sentence": lambda task: power_sentence(task, advice.power),
        "yaml": suggested_yaml(advice),
        "below": BELOW,
        "to": TO,
        "few": FEW,
        "plot": _power_plot(advice),
    }
    filters = {
        "count": lambda n: f"{n:,}",
        "one": lambda x: f"{x:,.1f}",
        "percent": lambda x: f"{x:.1%}",
        "signed": lambda x: f"{x:+.3f}".replace("-", "−"),
    }
    return render_page("advise.html", values, filters)


def _power_plot(advice: Advice) -> str:
    numbers = [round(10 ** (1 + step / 20)) for step in range(61)]  # 10 to 10,000 photographs
    points = ((n, smallest_difference(n, advice.disagreement)) for n in numbers)
    curve = [(n, found) for n, found in points if found is not None]
    marks: list[Any] = [
        (task.task, task.test_objects, task.smallest_difference) for task in advice.tasks if task.test_objects
    ]
    marks.append(("the paper", advice.paper_test_images, advice.paper_smallest_difference))
    return plots.smallest_differences(curve, marks)
