"""Claims of the page against a second computation from the predictions: what is printed is what is found again."""

import re

import pandas as pd
import pytest
import recomputed
from orchestrator_results import invented_runs, picture, results
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.pages import report
from web_page import words

N = 30
ARM = "90:10"
TAXONOMY = load_taxonomy("kilnsim")
NAMES = {(task.name, entry.code): entry.names.en for task in TAXONOMY.tasks for entry in task.classes}


def table(predictions):
    """As the trainer stores it."""
    columns = {"image": predictions.images, "object_id": predictions.objects, "fold": 0}
    for task in TAXONOMY.tasks:
        columns[f"true_{task.name}"] = [task.codes[c] if c >= 0 else None for c in predictions.true[task.name]]
        columns[f"predicted_{task.name}"] = [task.codes[c] for c in predictions.predicted[task.name]]
        columns[f"probabilities_{task.name}"] = list(predictions.probabilities[task.name])
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def again():
    """The second computation's arms, by name."""
    runs, _ = invented_runs(n=N)
    frames = {arm: {one.seed: table(one.predictions) for one in runs[arm]} for arm in ("baseline", ARM)}
    first = frames["baseline"][0]
    labels = first[[f"true_{task.name}" for task in TAXONOMY.tasks]].set_axis(TAXONOMY.task_names, axis=1)
    codes = {task.name: list(task.codes) for task in TAXONOMY.tasks}
    tables = recomputed.Tables(frames, pd.concat([labels] * 3), codes)
    return recomputed.findings(tables, "baseline")[1]


@pytest.fixture(scope="module")
def page():
    return words(report.render(results(n=N), picture)).replace("−", "-")


def between(row):
    return f"{row['low']:+.3f} to {row['high']:+.3f}" if row["low"] is not None else "–"


def test_scores_are_those_of_the_predictions(again, page):
    for arm in again.values():
        for task in arm["tasks"]:
            macro = task["macro_f1"]
            top5 = f" {task['top5']['mean']:.3f}" if task["top5"] else ""
            assert f"{macro['mean']:.3f} ± {macro['sd']:.3f} {task['accuracy']['mean']:.3f}{top5}" in page


def test_every_difference_has_the_interval_of_the_predictions(again, page):
    section = page[page.index(f"{ARM} against baseline") :]
    differences = again[ARM]["differences"]
    for task, row in differences["macro_f1"].items():
        accuracy = differences["accuracy"][task]
        said = "mean of tasks" if task == "mean" else task
        # p is corrected over the rows of both arms: test_recomputed.py looks at it
        p = r"\d\.\d{3}"
        cells = f"{said} {row['mean']:+.3f} {between(row)} P {row['share_of_better']:.1%} "
        cells += f"{accuracy['mean']:+.3f} {between(accuracy)}"
        assert re.search(re.escape(cells).replace("P", p, 1), section), cells


def test_confusions_and_groups_are_those_of_the_predictions(again, page):
    section = page[page.index(f"{ARM} against baseline") :]
    for one in again[ARM]["confusions"]:
        pair = " → ".join(NAMES[one["task"], one[side]] for side in ("true", "taken_for"))
        cells = f"{one['images']} {one['baseline']:.1%} {one['arm']:.1%} {100 * one['change']:+.1f}"
        assert f"{one['task']} {pair} {cells}" in section
    for task, groups in again[ARM]["groups"].items():
        for group, row in groups.items():
            said = "rarer classes" if group == "minority" else "commoner classes"
            cells = f"{row['baseline']:.3f} {row['arm']:.3f} {row['mean']:+.3f} {between(row)}"
            assert f"{task} {said} ({len(row['classes'])}) {ARM} {cells}" in page
