"""What an experiment names that its taxonomy lacks."""

from __future__ import annotations

from typing import Any

from saggar.errors import InvalidInputError, SaggarError
from saggar.job_settings.adapter import MOST_WORDS
from saggar.learnt_words import problem_with
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.sections import Adapter, Data

Problem = tuple[tuple[Any, ...], str]  # location in the file, what is wrong there


def problems_with(experiment: Experiment, taxonomy: Taxonomy) -> list[Problem]:
    """(location in the file, what is wrong there) of every task and class that the taxonomy lacks."""
    data, plan, training = experiment.data, experiment.plan, experiment.training
    photographs = experiment.generation
    used: list[tuple[tuple[Any, ...], str, tuple[str, ...]]] = []  # location, task, codes
    for task, codes in data.where.items():
        used.append((("data", "where", task), task, tuple(codes)))
    for number, combination in enumerate(plan.combinations):
        for task, code in combination.items():
            used.append((("plan", "combinations", number, task), task, (code,)))
    for number, pair in enumerate(plan.pairs):
        used.append((("plan", "pairs", number, "task"), pair.task, pair.codes))
        for task, code in pair.labels.items():
            used.append((("plan", "pairs", number, "labels", task), task, (code,)))
    used += [(("plan", "pair_tasks"), task, ()) for task in plan.pair_tasks]
    used += [(("training", "sampler_task"), task, ()) for task in [training.sampler_task] if task]
    used += [(("training", "task_weights", task), task, ()) for task in training.task_weights]
    used += [(("adapter", "tasks"), task, ()) for task in experiment.adapter.tasks]
    used += [(("adapter", "learnt_words"), task, ()) for task in [experiment.adapter.learnt_words] if task]
    used += [(("generation", "photograph_task"), task, ()) for task in [photographs.photograph_task] if task]
    used += [(("generation", "photograph_tasks"), task, ()) for task in photographs.photograph_tasks]
    for number, rule in enumerate(photographs.weights):
        for task, code in rule.labels.items():
            used.append((("generation", "weights", number, "labels", task), task, (code,)))
    used += [(("training", "synthetic_task_weights", task), task, ()) for task in training.synthetic_task_weights]
    problems = [(location, problem) for location, task, codes in used for problem in _unknown(taxonomy, task, codes)]
    if not problems:
        problems = _of_words(experiment.adapter, taxonomy)
    if not problems:  # what all arms share is told once
        problems = _of_arms(experiment, taxonomy)
    return problems + _beyond_kilnsim(data, taxonomy)


def _of_words(adapter: Adapter, taxonomy: Taxonomy) -> list[Problem]:
    task, tasks = adapter.learnt_words, adapter.tasks
    if not task:
        return []
    if tasks and task not in tasks:
        problem: str | None = (
            f"is {task}, of which captions do not speak: add it to adapter.tasks, or choose one of them"
        )
    elif len(taxonomy.task(task).classes) > MOST_WORDS:
        problem = f"is {task}, which has more than {MOST_WORDS} classes; choose another task"
    else:
        problem = problem_with(taxonomy, task, tasks)
    return [(("adapter", "learnt_words"), problem)] if problem else []


def _of_arms(experiment: Experiment, taxonomy: Taxonomy) -> list[Problem]:
    found: list[Problem] = []
    for number, arm in enumerate(experiment.all_arms):
        at: tuple[Any, ...] = ("arms", number) if number < len(experiment.arms) else ("sweep",)
        for setting, problem in experiment.training_of(arm).task_problems(taxonomy):
            place = (
                (setting,)
                if setting == "synthetic_task_weights" and arm.synthetic_task_weights
                else ("training", setting)
            )
            found.append(((*at, *place), problem))
    return found


def _beyond_kilnsim(data: Data, taxonomy: Taxonomy) -> list[Problem]:
    if data.kilnsim is None:
        return []
    from saggar.kilnsim import classes_of

    try:
        classes_of(taxonomy)
    except InvalidInputError as error:
        return [(("taxonomy",), str(error))]
    return []


def _unknown(taxonomy: Taxonomy, task: str, codes: tuple[str, ...]) -> list[str]:
    if task not in taxonomy.task_names:
        return [f"unknown task '{task}'; known: {', '.join(taxonomy.task_names)}"]
    problems = []
    for code in codes:
        try:
            taxonomy.task(task).index(code)
        except SaggarError as error:
            problems.append(str(error))
    return problems
